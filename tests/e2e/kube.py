"""What the scenes share: the API by one kept connection, load from within, when endpoints go, figures."""
import http.client
import json
import pathlib
import re
import ssl
import subprocess
import sys
import threading
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent.parent / "scripts/lib"))
from kubernetes import MESH, ROOT, TOOLS, Cluster   # noqa: E402,F401
from process import wait_for   # noqa: E402,F401

MANIFESTS = HERE / "manifests"

BEGAN = time.monotonic()


def say(text):
    print(f"{time.monotonic() - BEGAN:6.1f} s  {text}", flush=True)


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


def at_share(values, share):
    """The smallest of the values that this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Api:
    """The API server by one connection that is kept, for what must be fast or often."""

    def __init__(self, cluster):
        host, port = re.search(r"https://([0-9.]+):(\d+)", (cluster.dir / "kubeconfig").read_text()).groups()
        context = ssl.create_default_context(cafile=str(cluster.dir / "pki/ca.crt"))
        context.load_cert_chain(cluster.dir / "pki/admin.crt", cluster.dir / "pki/admin.key")
        self.connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=30)

    def post(self, path, body):
        """The status, the body and how many seconds it took."""
        began = time.monotonic()
        self.connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        text = answer.read().decode()
        return answer.status, text, time.monotonic() - began


class Load:
    """Requests at a rate from a pod of the mesh, until told to end."""
    count = 0

    def __init__(self, cluster, rate, seconds=3600, url="http://web/"):
        Load.count += 1
        self.cluster, self.name = cluster, f"load-{Load.count}"
        cluster.apply(MANIFESTS / "load.yaml", NAME=self.name, URL=url, RATE=rate, SECONDS=seconds)
        cluster.kubectl("-n", "shop", "wait", "--for", "condition=Ready", f"pod/{self.name}", "--timeout", "90s")

    def phase(self):
        return self.cluster.get("-n", "shop", "pod", self.name)["status"]["phase"]

    def end(self):
        """What became of all requests. It may have ended by itself."""
        self.cluster.kubectl("-n", "shop", "exec", self.name, "-c", "load", "--", "/probe", "touch", "/tmp/stop", check=False)
        wait_for(f"the end of {self.name}", lambda: self.phase() in ("Succeeded", "Failed"), 120)
        said = self.cluster.kubectl("-n", "shop", "logs", self.name, "-c", "load").stdout.splitlines()
        seen = json.loads(said[-1])
        for line in said[:-1][:20]:
            print(f"          {self.name}: {line}", flush=True)
        self.cluster.kubectl("-n", "shop", "delete", "pod", self.name, "--wait=false")
        return seen


class Removals(threading.Thread):
    """When the API server said of each pod of a service that it takes no new requests, as milliseconds of the wall clock."""

    def __init__(self, cluster, service):
        super().__init__(daemon=True)
        path = f"/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices?watch=1&labelSelector=kubernetes.io/service-name={service}"
        self.watch = subprocess.Popen(cluster.command("get", "--raw", path), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.ready, self.removed = set(), {}
        self.start()

    def run(self):
        for line in self.watch.stdout:
            now = time.time() * 1000
            endpoints = json.loads(line)["object"].get("endpoints") or []
            ready = {one["targetRef"]["name"] for one in endpoints if one["conditions"].get("ready")}
            for pod in self.ready - ready:
                self.removed.setdefault(pod, now)
            self.ready = ready

    def end(self):
        self.watch.kill()
        self.watch.wait()
        self.join()
        return self.removed
