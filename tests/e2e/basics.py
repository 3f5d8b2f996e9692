"""The mesh is installed, injects, and carries traffic that knows nothing of it."""
from kube import MANIFESTS, MESH, ROOT, fetch, say, total


def install(cluster, bin_dir):
    cluster.install(bin_dir)
    cluster.kubectl("apply", "--dry-run=server", "-k", str(ROOT / "deploy/k8s/base"))
    say("the mesh is installed; every manifest passes --dry-run=server")


def application(cluster):
    cluster.apply(MANIFESTS / "shop.yaml")
    cluster.rolled_out("web")
    cluster.kubectl("-n", "shop", "wait", "--for", "condition=Ready", "pod/client", "--timeout", "60s")
    for pod in cluster.get("-n", "shop", "pods")["items"]:
        names = [container["name"] for container in pod["spec"]["initContainers"]]
        assert names[:2] == ["weft-init", "weft-agent"], f"{pod['metadata']['name']}: {names}"
        assert pod["spec"]["initContainers"][1]["restartPolicy"] == "Always"
    say("every pod of the labelled namespace has the sidecar, the client also, whose service nobody knows")


def ask(cluster, url, count):
    """So many answers to the client, as they are."""
    return [cluster.kubectl("-n", "shop", "exec", "client", "-c", "client", "--", "/probe", "get", url).stdout for _ in range(count)]


def transparent(cluster):
    addresses = {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in cluster.get("-n", "shop", "pods")["items"]}

    def requests(name, direction, **labels):
        return total(fetch(f"http://{addresses[name]}:15020/metrics"), "weft_requests_total", direction=direction, **labels)

    answers = ask(cluster, "http://web/", 12)
    pods = {answer.split()[0].removeprefix("pod=") for answer in answers}
    assert len(pods) > 1 and pods <= set(addresses), f"balanced over the pods of the service: {pods}"
    assert all("attempt=1" in answer for answer in answers), answers
    sent = requests("client", "outbound", service="web")
    assert sent >= 12, f"the client's agent sent {sent} requests to web"
    got = sum(requests(name, "inbound", service="web") for name in pods)
    assert got >= 12, f"the servers' agents got {got} requests"
    say("unmodified client and server: each request passed both agents")


def from_outside(cluster):
    """Neither a caller without a sidecar nor a probe of kubelet needs to know of the mesh."""
    cluster.kubectl("-n", "default", "run", "outside", "--image", "weft.test/probe:1", "--image-pull-policy", "Never", "--", "pause")
    cluster.kubectl("-n", "default", "wait", "--for", "condition=Ready", "pod/outside", "--timeout", "60s")
    answer = cluster.kubectl("-n", "default", "exec", "outside", "--", "/probe", "get", "http://web.shop/").stdout
    assert answer.startswith("pod=web-"), answer
    assert "initContainers" not in cluster.get("-n", "default", "pod", "outside")["spec"]
    cluster.kubectl("-n", "default", "delete", "pod", "outside", "--wait=false")
    say("a caller outside of the mesh reaches its services")


def job(cluster):
    cluster.apply(MANIFESTS / "job.yaml")
    cluster.kubectl("-n", "shop", "wait", "--for", "condition=Complete", "job/once", "--timeout", "60s")
    status = cluster.get("-n", "shop", "pods", "-l", "job-name=once")["items"][0]["status"]
    ended = {one["name"]: one["state"].get("terminated", {}) for one in status["initContainerStatuses"] + status["containerStatuses"]}
    assert all(state.get("exitCode") == 0 for state in ended.values()), f"every container ends with 0: {ended}"
    say("a Job with the sidecar completes")


def refusals(cluster):
    def apply(name, annotations="", spec=""):
        text = (MANIFESTS / "pod.yaml").read_text().replace("NAME", name).replace("ANNOTATIONS", annotations).replace("SPEC", spec)
        return cluster.kubectl("apply", "--dry-run=server", "-o", "json", "-f", "-", text=text, check=False)
    bad = apply("bad", "weft.dev/log-level: loud")
    assert bad.returncode != 0 and "metadata.annotations[weft.dev/log-level]" in bad.stderr, bad.stderr
    warned = apply("warned", "weft.dev/lgo-level: info")
    assert warned.returncode == 0 and "weft.dev/lgo-level is not known" in warned.stderr, warned.stderr
    host = apply("host", "", "hostNetwork: true")
    assert host.returncode == 0 and "hostNetwork" in host.stderr and "weft-agent" not in host.stdout, host.stderr
    off = apply("apart", "weft.dev/inject: disabled")
    assert off.returncode == 0 and "weft-agent" not in off.stdout, off.stderr
    system = cluster.get("-n", MESH, "pods")["items"]
    assert all("initContainers" not in pod["spec"] for pod in system), "the mesh's own namespace is never injected"
    say("bad annotations are refused, unknown ones warn, hostNetwork pods are left out with a reason")
