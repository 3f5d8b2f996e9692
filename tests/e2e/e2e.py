#!/usr/bin/env python3
"""The mesh on a real Kubernetes (tests/e2e/cluster): manifests, injection, transparent traffic, rolling restarts under load, a
Job, refusals, and the control plane killed meanwhile. Prints what it measured; fails at the first thing that is not so.
Usage: e2e.py [--quick] [--restarts N] [--rate N] [--keep] [--cluster DIR]"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CLUSTER = ROOT / "tests/e2e/cluster"
sys.path.append(str(ROOT / "scripts/lib"))
from process import wait_for   # noqa: E402

APP = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {weft.dev/inject: enabled}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  strategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 2}}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 20
      containers:
      - name: web
        image: weft.test/probe:1
        imagePullPolicy: Never
        args: [serve, ":8080"]
        env: [{name: VERSION, value: v1}]
        readinessProbe: {httpGet: {path: /ready, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: shop, labels: {app: client}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: client, image: "weft.test/probe:1", imagePullPolicy: Never, args: [pause]}
"""
JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: once, namespace: shop}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: once, image: "weft.test/probe:1", imagePullPolicy: Never, args: [get, "http://web.shop/"]}
"""
POD = """
apiVersion: v1
kind: Pod
metadata: {name: NAME, namespace: shop, annotations: {ANNOTATIONS}}
spec:
  SPEC
  containers: [{name: one, image: "weft.test/probe:1", imagePullPolicy: Never, args: [pause]}]
"""


def say(text):
    print(f"{time.monotonic() - BEGAN:6.1f} s  {text}", flush=True)


class Cluster:
    def __init__(self, directory, own):
        self.dir, self.own = pathlib.Path(directory), own
        self.kubectl_path = None

    def up(self):
        if self.own:
            subprocess.run([CLUSTER / "up", self.dir], check=True, stdout=subprocess.DEVNULL)
        self.kubectl_path = self.dir / "bin/kubectl"

    def down(self):
        if self.own:
            subprocess.run([CLUSTER / "down", self.dir], check=True, stdout=subprocess.DEVNULL)

    def kubectl(self, *words, text=None, check=True):
        done = subprocess.run([self.kubectl_path, "--kubeconfig", self.dir / "kubeconfig", *words], input=text, capture_output=True, text=True)
        if check and done.returncode != 0:
            raise AssertionError(f"kubectl {' '.join(words)}: {done.stderr or done.stdout}")
        return done

    def get(self, *words):
        return json.loads(self.kubectl("get", *words, "-o", "json").stdout)

    def starting(self, *words):
        """A command that runs on while others do."""
        return subprocess.Popen([self.kubectl_path, "--kubeconfig", self.dir / "kubeconfig", *words], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)


def fetch(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def total(text, name, **labels):
    """The sum of a metric's samples with these labels."""
    out = 0.0
    for line in text.splitlines():
        if line.startswith(name + "{") and all(f'{key}="{value}"' in line for key, value in labels.items()):
            out += float(line.split()[-1])
    return out


def install(cluster, bin_dir):
    subprocess.run([ROOT / "scripts/image", "--bin", bin_dir, "--out", cluster.dir / "images", "-c", cluster.dir], check=True,
                   stdout=subprocess.DEVNULL)
    manifest = subprocess.run([bin_dir / "weftctl", "install", "--image-pull-policy", "Never"], check=True, capture_output=True, text=True).stdout
    cluster.kubectl("apply", "-f", "-", text=manifest.split("---", 1)[0])
    cluster.kubectl("apply", "--dry-run=server", "-f", "-", text=manifest)
    cluster.kubectl("apply", "-f", "-", text=manifest)
    cluster.kubectl("-n", "weft-system", "rollout", "status", "deployment/weft-control", "--timeout", "90s")
    wait_for("the webhook's caBundle", lambda: all(
        webhook["clientConfig"].get("caBundle") for webhook in cluster.get("mutatingwebhookconfiguration", "weft-inject")["webhooks"]), 60)
    say("the mesh is installed; every manifest passes --dry-run=server")


def application(cluster):
    cluster.kubectl("apply", "-f", "-", text=APP)
    cluster.kubectl("-n", "shop", "rollout", "status", "deployment/web", "--timeout", "120s")
    cluster.kubectl("-n", "shop", "wait", "--for", "condition=Ready", "pod/client", "--timeout", "60s")
    for pod in cluster.get("-n", "shop", "pods")["items"]:
        names = [container["name"] for container in pod["spec"]["initContainers"]]
        assert names[:2] == ["weft-init", "weft-agent"], f"{pod['metadata']['name']}: {names}"
    say("every pod of the labelled namespace has the sidecar")


def transparent(cluster):
    answers = {cluster.kubectl("-n", "shop", "exec", "client", "--", "/probe", "get", "http://web/").stdout.split()[0] for _ in range(12)}
    assert len(answers) == 3, f"balanced over three pods: {answers}"
    addresses = {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in cluster.get("-n", "shop", "pods")["items"]}
    sent = total(fetch(f"http://{addresses['client']}:15020/metrics"), "weft_requests_total", direction="outbound", service="web")
    assert sent >= 12, f"the client's agent sent {sent} requests to web"
    got = sum(total(fetch(f"http://{address}:15020/metrics"), "weft_requests_total", direction="inbound")
              for name, address in addresses.items() if name.startswith("web-"))
    assert got >= 12, f"the servers' agents got {got} requests"
    say("unmodified client and server: each request passed both agents")


def restarts(cluster, count, rate):
    """Rolling restarts one after the other, under load from within the mesh."""
    failures, requests, pods = {}, 0, set()
    for i in range(count):
        load = cluster.starting("-n", "shop", "exec", "client", "--", "/probe", "load", "http://web/", str(rate), "25")
        cluster.kubectl("-n", "shop", "rollout", "restart", "deployment/web")
        cluster.kubectl("-n", "shop", "rollout", "status", "deployment/web", "--timeout", "120s")
        out, err = load.communicate(timeout=120)
        seen = json.loads(out.splitlines()[-1])
        requests += seen["requests"]
        pods |= set(seen["pods"])
        for what, number in (seen["failures"] or {}).items():
            failures[what] = failures.get(what, 0) + number
        say(f"restart {i + 1}: {seen['requests']} requests, {seen['good']} good, slowest {seen['slow_ms']} ms, {len(seen['pods'])} pods answered")
    assert not failures, f"failed requests: {failures}"
    assert len(pods) >= 3 * count, f"{count} restarts, {len(pods)} pods answered"
    say(f"{count} rolling restarts under {rate} requests a second: 0 of {requests} failed")


def job(cluster):
    cluster.kubectl("apply", "-f", "-", text=JOB)
    cluster.kubectl("-n", "shop", "wait", "--for", "condition=Complete", "job/once", "--timeout", "60s")
    say("a Job with the sidecar completes")


def refusals(cluster):
    def apply(name, annotations="", spec=""):
        text = POD.replace("NAME", name).replace("ANNOTATIONS", annotations).replace("SPEC", spec)
        return cluster.kubectl("apply", "--dry-run=server", "-o", "json", "-f", "-", text=text, check=False)
    bad = apply("bad", "weft.dev/log-level: loud")
    assert bad.returncode != 0 and "metadata.annotations[weft.dev/log-level]" in bad.stderr, bad.stderr
    warned = apply("warned", "weft.dev/lgo-level: info")
    assert warned.returncode == 0 and "weft.dev/lgo-level is not known" in warned.stderr, warned.stderr
    host = apply("host", "", "hostNetwork: true")
    assert host.returncode == 0 and "hostNetwork" in host.stderr and "weft-agent" not in host.stdout, host.stderr
    off = apply("off", "weft.dev/inject: disabled")
    assert off.returncode == 0 and "weft-agent" not in off.stdout, off.stderr
    system = cluster.get("-n", "weft-system", "pods")["items"]
    assert all("initContainers" not in pod["spec"] for pod in system), "the mesh's own namespace is never injected"
    say("bad annotations are refused, unknown ones warn, hostNetwork pods are left out with a reason")


def webhook_latency(cluster, count):
    for i in range(count):
        cluster.kubectl("-n", "shop", "run", f"x{i}", "--image", "weft.test/probe:1", "--dry-run=server", "-o", "name")
    text = cluster.kubectl("get", "--raw", "/metrics").stdout
    name = "apiserver_admission_webhook_admission_duration_seconds_bucket"
    buckets = [(float(re.search(r'le="([^"]+)"', line)[1].replace("+Inf", "inf")), float(line.split()[-1]))
               for line in text.splitlines() if line.startswith(name + "{") and 'name="namespace.inject.weft.dev"' in line]
    merged = {}
    for bound, number in buckets:
        merged[bound] = merged.get(bound, 0) + number
    whole = merged[float("inf")]
    p99 = min(bound for bound, number in merged.items() if number >= 0.99 * whole)
    say(f"webhook: {whole:.0f} admissions, p99 at most {p99 * 1000:.0f} ms (bucket)")


def control_plane_away(cluster):
    load = cluster.starting("-n", "shop", "exec", "client", "--", "/probe", "load", "http://web/", "50", "15")
    cluster.kubectl("-n", "weft-system", "delete", "pod", "-l", "app=weft-control", "--grace-period", "0", "--force")
    out, _ = load.communicate(timeout=90)
    seen = json.loads(out.splitlines()[-1])
    assert not seen["failures"], f"while the control plane was away: {seen['failures']}"
    cluster.kubectl("-n", "weft-system", "rollout", "status", "deployment/weft-control", "--timeout", "90s")
    say(f"control plane killed: 0 of {seen['requests']} requests failed")


def diagnose(cluster):
    for words in (["get", "pods", "-A", "-o", "wide"], ["-n", "weft-system", "logs", "deployment/weft-control", "--tail", "60"],
                  ["-n", "shop", "describe", "pods"], ["-n", "shop", "logs", "client", "-c", "weft-agent", "--tail", "40"],
                  ["-n", "shop", "logs", "-l", "app=web", "-c", "weft-init", "--tail", "20"]):
        done = cluster.kubectl(*words, check=False)
        print(f"--- kubectl {' '.join(words)}\n{(done.stdout + done.stderr)[-6000:]}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--restarts", type=int)
    parser.add_argument("--rate", type=int)
    parser.add_argument("--keep", action="store_true", help="leave the cluster up")
    parser.add_argument("--cluster", help="use the one in this folder")
    parser.add_argument("--bin", default=str(ROOT / "build/release/bin"))
    args = parser.parse_args()
    cluster = Cluster(args.cluster or tempfile.mkdtemp(prefix="weft-e2e-"), args.cluster is None)
    try:
        cluster.up()
        say("the cluster is up")
        install(cluster, pathlib.Path(args.bin))
        application(cluster)
        transparent(cluster)
        refusals(cluster)
        job(cluster)
        restarts(cluster, args.restarts or (3 if args.quick else 50), args.rate or (100 if args.quick else 500))
        control_plane_away(cluster)
        webhook_latency(cluster, 20 if args.quick else 200)
    except BaseException:
        if cluster.kubectl_path is not None:
            diagnose(cluster)
        raise
    finally:
        if not args.keep:
            cluster.down()
    say("everything above was checked")


BEGAN = time.monotonic()
if __name__ == "__main__":
    main()
