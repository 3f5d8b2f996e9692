"""What the webhook costs, and that its certificate's rotation is noticed by nobody."""
import hashlib
import json
import ssl
import time

from kube import MESH, Api, at_share, say

POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "x-"},
       "spec": {"containers": [{"name": "one", "image": "weft.test/probe:1"}]}}


def admit(api, namespace):
    """A pod that is judged whole and not kept; whether it has the sidecar, and the seconds it took."""
    status, text, took = api.post(f"/api/v1/namespaces/{namespace}/pods?dryRun=All", POD)
    assert status == 201, f"a pod was not admitted: {status} {text}"
    return "weft-agent" in text, took


def latency(cluster, count):
    api = Api(cluster)
    times = {}
    for namespace, injected in (("default", False), ("shop", True)):
        admit(api, namespace)   # connections are opened, the CEL programs compiled
        judged = [admit(api, namespace) for _ in range(count)]
        assert all(one[0] == injected for one in judged), namespace
        times[namespace] = [one[1] * 1000 for one in judged]
    plain, meshed = (at_share(times[namespace], 0.5) for namespace in ("default", "shop"))
    say(f"webhook: a pod is created in {meshed:.1f} ms (p99 {at_share(times['shop'], 0.99):.1f}), "
        f"without it in {plain:.1f} ms, of {count}")
    assert at_share(times["shop"], 0.99) < 250, "creating a pod takes too long"


def rotation(cluster, lifetime, seconds):
    """Pods are created all the time while certificates of so many seconds follow one another."""
    config = cluster.get("-n", MESH, "configmap", "weft-control")["data"]["weft-control.yaml"]
    change(cluster, config.replace("webhook:\n", f"webhook:\n    certificateLifetime: {lifetime}s\n"))
    address = cluster.get("-n", MESH, "pods", "-l", "app=weft-control")["items"][0]["status"]["podIP"]
    api, seen, admitted, end = Api(cluster), set(), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        assert admit(api, "shop")[0], "a pod without the sidecar"
        admitted += 1
        if admitted % 20 == 0:
            seen.add(hashlib.sha256(ssl.get_server_certificate((address, 15017)).encode()).hexdigest())
    assert len(seen) > 2, f"{len(seen)} certificates in {seconds} s"
    change(cluster, config)
    say(f"webhook certificates of {lifetime} s: {len(seen)} of them, {admitted} pods admitted, none refused")


def change(cluster, config):
    """Another file for weft-control, which starts anew with it."""
    patch = json.dumps({"data": {"weft-control.yaml": config}})
    cluster.kubectl("-n", MESH, "patch", "configmap", "weft-control", "--type", "merge", "--patch", patch)
    cluster.kubectl("-n", MESH, "rollout", "restart", "deployment/weft-control")
    cluster.rolled_out("weft-control", MESH)
