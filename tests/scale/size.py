#!/usr/bin/env python3
"""How a control plane bears a large mesh: 5,000 services, 100,000 instances and 20,000 rules by default. Prints a table.

Usage: tests/scale/size.py [--services N] [--instances N] [--rules N] [--bin DIR]
One control plane on loopback, in a folder of its own; nothing is left behind. Takes a few minutes.
"""
import argparse
import http.client
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts/lib"))
from process import Process, wait_for   # noqa: E402

REGISTERED = 2000   # of the instances, by the API; the others stand in documents
GROUP = {"group": "weft.dev", "kind": "MeshService"}


def service(i, instances):
    return {"apiVersion": "weft.dev/v1", "kind": "MeshService", "metadata": {"name": f"s{i}"}, "spec": {
        "ports": [{"name": "http", "port": 80, "protocol": "HTTP"}],
        "instances": [{"id": f"s{i}-{k}", "address": f"10.{i >> 8 & 255}.{i & 255}.{k % 250 + 1}", "port": 8080} for k in range(instances)]}}


def route(i, services, weight=1):
    name = f"s{i % services}"
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": f"r{i}"}, "spec": {
        "parentRefs": [{**GROUP, "name": name}],
        "rules": [{"matches": [{"path": {"type": "PathPrefix", "value": f"/v{i // services}"}}],
                   "backendRefs": [{**GROUP, "name": name, "port": 80, "weight": weight}]}]}}


class Control:
    def __init__(self, program, folder):
        self.ports = folder / "ports.json"
        self.process = Process("weft-control", [program, "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--data",
                                                f"{folder}/data", "--ports-file", str(self.ports)], folder)

    def start(self):
        """Seconds until it listens."""
        self.ports.unlink(missing_ok=True)
        began = time.monotonic()
        self.process.start()
        wait_for("weft-control listening", lambda: self.ports.exists() or not self.process.alive(), 300)
        self.connection = http.client.HTTPConnection("127.0.0.1", json.loads(self.ports.read_text())["http"], timeout=300)
        return time.monotonic() - began

    def stop(self):
        self.connection.close()
        self.process.stop()

    def call(self, method, path, body=None):
        """(seconds, answer)"""
        began = time.monotonic()
        self.connection.request(method, "/api/v1/" + path, body)
        answer = self.connection.getresponse()
        data = answer.read()
        took = time.monotonic() - began
        assert answer.status == 200, data[:500]
        return took, json.loads(data)

    def memory(self):
        status = pathlib.Path(f"/proc/{self.process.process.pid}/status").read_text()
        return {line.split(":")[0]: int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith(("VmRSS", "VmHWM"))}


def percentile(seconds, percent):
    return statistics.quantiles(seconds, n=100, method="inclusive")[percent - 1] * 1000


def pages(control, path):
    """Milliseconds of the slowest page, and how many items there were."""
    slowest, items, mark = 0, 0, ""
    while True:
        took, page = control.call("GET", f"{path}?limit=500&continue={mark.replace(' ', '%20')}")
        slowest, items, mark = max(slowest, took), items + len(page["items"]), page["continue"]
        if not mark:
            return slowest * 1000, items


def measure(arguments):
    per_service = (arguments.instances - REGISTERED) // arguments.services
    rows = []
    with tempfile.TemporaryDirectory() as name:
        control = Control(os.path.join(arguments.bin, "weft-control"), pathlib.Path(name))
        control.start()
        try:
            print("writing services and instances", flush=True)
            step = max(1, 60_000 // (per_service + 1))
            for first in range(0, arguments.services, step):
                documents = [service(i, per_service) for i in range(first, min(first + step, arguments.services))]
                control.call("POST", "apply", "\n---\n".join(map(json.dumps, documents)))
            print("writing rules", flush=True)
            for first in range(0, arguments.rules, 20_000):
                documents = [route(i, arguments.services) for i in range(first, min(first + 20_000, arguments.rules))]
                control.call("POST", "apply", "\n---\n".join(map(json.dumps, documents)))
            print("registering", flush=True)
            instance = json.dumps({"address": "10.250.0.1", "port": 8080})
            registering = [control.call("PUT", f"services/default/s{i % arguments.services}/instances/api-{i}", instance)[0] for i in range(REGISTERED)]
            print("writing one rule at a time", flush=True)
            writes = [control.call("PUT", f"resources/HTTPRoute/default/r{i}", json.dumps(route(i, arguments.services, 2 + i)))[0] for i in range(60)]
            rows.append(("a rule's write, p99", percentile(writes, 99), 20, "ms"))
            rows.append(("a rule's write, p50", percentile(writes, 50), None, "ms"))
            rows.append(("an instance's registration, p99", percentile(registering, 99), 20, "ms"))
            for path in ("services", "resources/HTTPRoute", "resources/MeshService"):
                slowest, items = pages(control, path)
                rows.append((f"slowest page of 500 {path.split('/')[-1]} ({items})", slowest, 50, "ms"))
            memory = control.memory()
            rows.append(("memory now", memory["VmRSS"], 1024, "MiB"))
            rows.append(("memory at most", memory["VmHWM"], 1024, "MiB"))
            control.stop()
            rows.append(("start, to listening", control.start() * 1000, 3000, "ms"))
            rows.append(("memory after the start", control.memory()["VmRSS"], 1024, "MiB"))
        finally:
            control.stop()
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--services", type=int, default=5000)
    parser.add_argument("--instances", type=int, default=100_000)
    parser.add_argument("--rules", type=int, default=20_000)
    parser.add_argument("--bin", default=str(ROOT / "build/release/bin"))
    rows = measure(parser.parse_args())
    print(f"\n{'':48}{'here':>12}{'must':>8}")
    for what, value, bound, unit in rows:
        verdict = "" if bound is None else "  ok" if value <= bound else "  missed"
        print(f"{what:48}{value:12.1f}{bound if bound is not None else '':>8} {unit}{verdict}")


if __name__ == "__main__":
    main()
