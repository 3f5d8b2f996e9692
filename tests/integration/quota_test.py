#!/usr/bin/env python3
"""One rate for five instances' agents: shares follow the demand through a real control plane, never add up to more than the
rate, and become a fifth each when the control plane is gone."""
import collections
import json
import subprocess
import sys
import time

from control_test import Control
from mesh import Mesh, free_port, main, mesh_service, peer, service_policy, wait_for

RATE, BURST, AGENTS = 200, 5, 5
LEASE = 2            # seconds; the safe share is reached after seven of them
DEMAND = [300, 10, 10, 10, 10]
SAFE = RATE / AGENTS


def agents_of(mesh, control):
    apps = mesh.backends(*(f"cart-{i}" for i in range(AGENTS)))
    control.apply(mesh_service("cart", apps), service_policy("cart", rateLimits={"limits": [
        {"name": "all", "requestsPerSecond": RATE, "burst": BURST, "global": True}]}))
    return [mesh.agent(f"agent-{i}", services=(), node={"id": f"agent-{i}", "namespace": "default", "service": "cart"},
                       controlPlane={"address": f"127.0.0.1:{control.ports['grpc']}"}, workers=1 + i % 2,
                       inbound=[{"listen": "127.0.0.1:0", "forward": f"127.0.0.1:{app.port}", "service": "default/cart", "port": "http"}])
            for i, app in enumerate(apps)]


class Load:
    """Requests to each agent at its rate; counts answers with 200 by second and agent as they come."""

    def __init__(self, agents, seconds):
        self.began = time.time()
        self.runs = [subprocess.Popen([peer(), "load", "-url", f"http://127.0.0.1:{agent.ports['inbound-0']}/", "-rate", str(rate),
                                       "-seconds", str(seconds)], stdout=subprocess.PIPE, text=True)
                     for agent, rate in zip(agents, DEMAND)]

    def served(self):
        """[Counter of whole seconds since the beginning: requests served] by agent, once all have ended."""
        counts = []
        for run in self.runs:
            rows = [json.loads(line) for line in run.communicate()[0].splitlines()]
            assert {row["status"] for row in rows} <= {200, 429}, collections.Counter(row["status"] for row in rows)
            counts.append(collections.Counter(int(row["at"] - self.began) for row in rows if row["status"] == 200))
        return counts


def test_shares_follow_the_demand_and_fall_back_to_a_fifth_without_the_control_plane():
    with Mesh() as mesh:
        control = Control(mesh, (f"127.0.0.1:{free_port()}", "127.0.0.1:0"), config={"quotaLease": f"{LEASE}s"})   # where it is found again
        agents = agents_of(mesh, control)
        first = Load(agents, 11).served()
        settled = range(5, 10)
        sums = [sum(each[s] for each in first) for s in settled]
        assert sum(sums) / len(sums) >= 0.95 * RATE, f"used {sums} of {RATE}"
        assert max(sums) <= 1.05 * RATE, sums
        assert min(sum(each[s] for s in settled) for each in first[1:]) >= 0.95 * 10 * len(settled), "who asks for little gets it all"
        control.stop(kill=True)
        lost = time.time()
        second = Load(agents, 7 * LEASE + 8)
        counts = second.served()
        last = int(second.began - lost)
        whole = range(1, 7 * LEASE + 7)
        sums = [sum(each[s] for each in counts) for s in whole]
        assert max(sums) <= 1.05 * RATE, sums
        after = range(7 * LEASE + 1 - last, 7 * LEASE + 7)
        busiest = sum(counts[0][s] for s in after) / len(after)
        assert busiest <= 1.05 * SAFE, f"{busiest}/s, and a fifth of {RATE} is {SAFE}: {[counts[0][s] for s in whole]}"
        assert busiest >= 0.9 * SAFE
        control.start()
        wait_for("a share again", lambda: sum(Load(agents, 3).served()[0].values()) > 3 * 2 * SAFE, 60)


if __name__ == "__main__":
    main(sys.modules[__name__])
