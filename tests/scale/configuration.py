#!/usr/bin/env python3
"""What an agent pays for services that it does not use: one used service beside 10, and beside 10,000 with ten instances each.

Usage: tests/scale/configuration.py [--services N] [--instances N] [--used N] [--bin DIR]
Prints user instructions per request (callgrind), memory, and what requests at 1,000 a second see while snapshots are
replaced. Loopback only, as the benchmark; nothing is left behind. Takes a few minutes.
"""
import argparse
import http.client
import pathlib
import re
import signal
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests/bench"), str(ROOT / "scripts/lib")]
import measure   # noqa: E402
import proxies   # noqa: E402
from process import wait_for   # noqa: E402


def service(number, instances):
    """One flow mapping on a line. Nothing listens at these addresses."""
    address = f"127.{number >> 8 & 255}.{number & 255}"
    those = ", ".join(f"{{id: s{number}-{k}, address: {address}.{k % 250 + 1}, port: 9}}" for k in range(instances))
    return (f"---\n{{apiVersion: weft.dev/v1, kind: MeshService, metadata: {{name: s{number}, namespace: default}}, "
            f"spec: {{ports: [{{name: http, port: 80, protocol: HTTP}}], instances: [{those}]}}}}\n")


def beside(services, instances):
    """The benchmark's agent, whose file has so many more services."""
    class Beside(proxies.Weft):
        patience = 300

        def start(self, prefix=(), env=None):
            super().start(prefix, env)
            wait_for("the agent's ports", lambda: (self.dir / "ports.json").exists() or self.process.poll() is not None, 300)
            if self.process.poll() is not None:
                raise RuntimeError((self.dir / "stderr").read_text())
            return self

        def resources(self):
            path = super().resources()
            with path.open("a") as out:
                out.writelines(service(i, instances) for i in range(services))
            return path
    return Beside


def version(agent):
    return re.search(r"^weft_config_revision(?:{[^}]*})? (\S+)", agent.scrape(), re.M).group(1)


def worker_ns(agent):
    """On-CPU time of the agent's workers so far."""
    return sum(int((task / "schedstat").read_text().split()[0])
               for task in pathlib.Path(f"/proc/{agent.process.pid}/task").iterdir()
               if (task / "comm").read_text().startswith("worker"))


def use(agent, services):
    """One request to each service: it fails, for nothing listens there."""
    outbound = agent.port("outbound")
    for number in range(services):
        connection = http.client.HTTPConnection("127.0.0.1", outbound, timeout=10)
        connection.request("GET", "/", headers={"Host": f"s{number}.default"})
        answer = connection.getresponse()
        assert answer.status == 502, (answer.status, answer.read())
        connection.close()


def swap(agent, change):
    """Microseconds of the workers' CPU from one snapshot to the next, less what they use while nothing happens."""
    before, began = version(agent), time.monotonic()
    worked = worker_ns(agent)
    with (agent.dir / "mesh.yaml").open("a") as out:
        out.write(service(60_000 + change, 1))
    agent.process.send_signal(signal.SIGHUP)
    while version(agent) == before:
        time.sleep(0.01)
    spent, took = worker_ns(agent) - worked, time.monotonic() - began
    worked = worker_ns(agent)
    time.sleep(took)
    return (spent - (worker_ns(agent) - worked)) / 1000


def instructions(arguments):
    few, many = (measure.instructions_per_request(beside(count, arguments.instances), arguments.bin)
                 for count in (9, arguments.services))
    print(f"{'user instructions per request':44}{few:12.0f} beside 9 services, {many:.0f} beside {arguments.services}: "
          f"{(many / few - 1) * 100:+.1f} %", flush=True)


def in_use(arguments):
    agent = beside(arguments.services, arguments.instances)(arguments.bin)
    try:
        agent.start()
        use(agent, 10)
        before = measure.memory([agent.process.pid])[0]
        use(agent, arguments.used + 10)
        resident = measure.memory([agent.process.pid])[0]
        swaps = [swap(agent, i) for i in range(5)]
    finally:
        agent.stop()
    print(f"{'resident, MiB':44}{resident / 1024:12.1f} from {arguments.services} services of {arguments.instances} instances")
    print(f"{'per service in use, KiB':44}{(resident - before) / arguments.used:12.2f}")
    print(f"{'CPU of the worker per snapshot, us':44}{statistics.median(swaps):12.0f} with {arguments.used} services in use, "
          f"most {max(swaps):.0f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", type=int, default=10_000)
    parser.add_argument("--instances", type=int, default=10)
    parser.add_argument("--used", type=int, default=50)
    parser.add_argument("--bin", default="build/release/bin")
    arguments = parser.parse_args()
    in_use(arguments)
    instructions(arguments)


if __name__ == "__main__":
    main()
