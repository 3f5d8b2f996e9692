#!/usr/bin/env python3
"""The demo on a Kubernetes of its own: three services in three languages, injected; traffic, a rollout, a failure. Every
sentence it prints as a fact has been checked; the first that does not hold ends it with an error. Run by scripts/demo --kubernetes."""
import argparse
import json
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
sys.path.append(str(ROOT / "scripts/lib"))
from kubernetes import MESH, TOOLS, Cluster   # noqa: E402
from process import wait_for   # noqa: E402


def step(text):
    print(f"\n\033[1m{text}\033[0m", flush=True)


def fact(text):
    print("  " + text.strip().replace("\n", "\n  "), flush=True)


def check(condition, text):
    if not condition:
        raise SystemExit(f"demo: NOT TRUE: {text}")
    fact(text)


class Demo:
    def __init__(self, bin_dir, go):
        self.bin, self.go = bin_dir, go
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="weft-demo-"))
        self.cluster = Cluster(self.dir / "cluster", True, 2)

    def image(self, name, *words):
        subprocess.run([TOOLS / "image", f"weft/demo-{name}:dev", *words, "-c", self.cluster.dir], check=True, stdout=subprocess.DEVNULL)

    def images(self):
        subprocess.run([self.go, "build", "-o", self.dir / "prices", HERE / "prices.go"], check=True, env={
            "CGO_ENABLED": "0", "HOME": str(pathlib.Path.home()), "PATH": "/usr/bin:/bin", "GO111MODULE": "off"})
        self.image("web", shutil.which("node"), f"{HERE}/web.js:/web.js", "--entrypoint", f"{shutil.which('node')} /web.js")
        self.image("cart", "/usr/bin/python3", "/usr/lib/python3.11", f"{HERE.parent}/app.py:/app.py", "--entrypoint",
                   "/usr/bin/python3 /app.py")
        self.image("prices", f"{self.dir}/prices:/prices", "--entrypoint", "/prices")

    def pods(self, app):
        return self.cluster.pods(f"app={app}", "demo")

    def start(self):
        step("1. A Kubernetes of two nodes, the mesh, and an application of three services that nobody changed for it")
        self.cluster.up()
        self.cluster.install(self.bin)
        fact(self.cluster.kubectl("-n", MESH, "get", "pods").stdout)
        self.images()
        self.cluster.apply(HERE / "app.yaml")
        for name in ("prices", "cart", "web"):
            self.cluster.rolled_out(name, "demo")
        self.cluster.apply(HERE / "client.yaml")
        self.cluster.kubectl("-n", "demo", "wait", "--for", "condition=Ready", "pod/client", "--timeout", "90s")
        fact(self.cluster.kubectl("-n", "demo", "get", "pods").stdout)
        check(all(pod["spec"]["initContainers"][1]["name"] == "weft-agent" for name in ("web", "cart", "prices", "client")
                  for pod in self.pods(name).values()), "each pod of the labelled namespace has the sidecar: 2 containers, one of them the agent")

    def requests(self, service):
        rows = json.loads(self.cluster.weftctl("stat", "-o", "json", "-n", "demo"))["items"]
        return next((row["requests"] for row in rows if row["name"] == service), 0)

    def traffic(self):
        step("2. Traffic: client (50 requests a second) → web (Node) → cart (Python, three pods) → prices (Go)")
        wait_for("the agents' reports", lambda: self.requests("prices") > 300, 60)
        fact(self.cluster.weftctl("stat", "-n", "demo"))
        fact(self.cluster.weftctl("graph", "-n", "demo"))

    def failure(self):
        step("3. One pod of cart answers 500 to everything; a policy lets its callers try another")
        fact(self.cluster.kubectl("-n", MESH, "exec", "-i", "deployment/weft-control", "--", "/usr/bin/weftctl", "apply", "-f", "-",
                                  text=(HERE / "policy.yaml").read_text()).stdout)
        name, pod = next(iter(self.pods("cart").items()))
        self.tell(name, "SIGUSR1")
        wait_for(f"{name} to be taken out", lambda: self.state(pod) not in ("healthy", "unknown"), 60)
        fact(f"the agent of web took {name} out")
        self.tell(name, "SIGUSR2")
        wait_for(f"{name} to serve again", lambda: self.state(pod) == "healthy", 90)
        fact("and in again, on evidence of its own answers")

    def tell(self, pod, name):
        self.cluster.kubectl("-n", "demo", "exec", pod, "-c", "cart", "--", "/usr/bin/python3", "-c",
                             f"import os, signal; os.kill(1, signal.{name})")

    def state(self, pod):
        """How web's agent sees a pod of cart; its metrics are read from this machine, which reaches pods."""
        web = next(iter(self.pods("web").values()))["status"]["podIP"]
        with urllib.request.urlopen(f"http://{web}:15020/metrics", timeout=10) as answer:
            rows = [line for line in answer.read().decode().splitlines() if line.startswith("weft_instance_health{") and pod["metadata"]["uid"] in line]
        return next((re.search(r'state="(\w+)"', row)[1] for row in rows if row.endswith(" 1")), "unknown")

    def rollout(self):
        step("4. A rolling restart of cart under that traffic")
        before = set(self.pods("cart"))
        self.cluster.kubectl("-n", "demo", "rollout", "restart", "deployment/cart")
        self.cluster.rolled_out("cart", "demo")
        wait_for("the old pods' end", lambda: len(self.cluster.get("-n", "demo", "pods", "-l", "app=cart")["items"]) == 3, 90)
        check(not before & set(self.pods("cart")), "three other pods serve")
        self.cluster.kubectl("-n", "demo", "exec", "client", "-c", "client", "--", "/probe", "touch", "/tmp/stop")
        wait_for("the client's end", lambda: self.cluster.get("-n", "demo", "pod", "client")["status"]["phase"] == "Succeeded", 60)
        seen = json.loads(self.cluster.kubectl("-n", "demo", "logs", "client", "-c", "client").stdout.splitlines()[-1])
        check(not seen["failures"], f"of {seen['requests']} requests since the start none failed, through failure and rollout")

    def stop(self):
        self.cluster.down()
        shutil.rmtree(self.dir, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, type=pathlib.Path)
    parser.add_argument("--go", required=True, help="the go command")
    parser.add_argument("--once", action="store_true", help="end when everything was shown")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("demo: ended by SIGTERM"))
    demo = Demo(args.bin, args.go)
    try:
        for part in (demo.start, demo.traffic, demo.failure, demo.rollout):
            part()
        step("Every claim above was checked." + ("" if args.once else " Everything stays up until Ctrl-C."))
        if not args.once:
            fact(f"export KUBECONFIG={demo.cluster.dir}/kubeconfig PATH={demo.cluster.dir}/bin:$PATH")
            signal.pause()
    except KeyboardInterrupt:
        pass
    except AssertionError as error:
        sys.exit(f"demo: {error}")
    finally:
        demo.stop()


if __name__ == "__main__":
    main()
