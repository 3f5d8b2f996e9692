#!/usr/bin/env python3
"""Five services behind agents: `weftctl edges` shows what was sent, and `weftctl issues` names the edge that fails."""
import json
import subprocess
import sys
import types

from control_test import Control
from mesh import BIN, Mesh, main, mesh_service, peer, wait_for

CALLS = {"web": ["cart", "search"], "cart": ["stock", "prices"], "search": [], "stock": [], "prices": []}
RATE = 40


class Ctl:
    def __init__(self, control):
        self.server = f"127.0.0.1:{control.ports['http']}"

    def text(self, *words):
        done = subprocess.run([str(BIN / "weftctl"), "-s", self.server, *words], capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def items(self, verb):
        return json.loads(self.text(verb, "-o", "json"))["items"]


def five_services(mesh, control):
    """Each an application and its agent, the calls among them through the agents; answers (applications, agents)."""
    applications = dict(zip(CALLS, mesh.backends(*CALLS)))
    control.apply(*[mesh_service(name, []) for name in CALLS])
    agents = {}
    for name, calls in CALLS.items():
        agents[name] = mesh.agent(f"{name}-agent", services=calls, node={"id": f"{name}-1", "namespace": "default", "service": name},
                                  controlPlane={"address": f"127.0.0.1:{control.ports['grpc']}"}, inbound=[
            {"listen": "127.0.0.1:0", "forward": f"127.0.0.1:{applications[name].port}", "service": f"default/{name}", "port": "http"}])
        applications[name].mode(mode="ok", calls=",".join(agents[name].url(f"service-default/{c}") for c in calls))
    control.apply(*[mesh_service(name, [types.SimpleNamespace(id=f"{name}-1", address="127.0.0.1", port=agents[name].ports["inbound-0"])])
                    for name in CALLS])
    return applications, agents


def edges(ctl):
    return {(e["from"]["name"], e["to"]["name"]): e for e in ctl.items("edges")}


def found(ctl, subject):
    """Its requests fail, or so many did that its circuit opened at once."""
    return [i for i in ctl.items("issues") if i["code"] in ("HighErrorRate", "CircuitOpen") and i["subject"] == subject]


def test_edges_show_what_was_sent_and_the_failing_one_is_named():
    with Mesh() as mesh:
        control = Control(mesh, under=("env", "WEFT_REPORT_INTERVAL=1s"))
        ctl = Ctl(control)
        applications, agents = five_services(mesh, control)
        entry = f"http://127.0.0.1:{agents['web'].ports['inbound-0']}/"
        wait_for("the whole mesh answers", lambda: subprocess.run(
            ["curl", "-sf", "-o", "/dev/null", entry], capture_output=True).returncode == 0, 20)
        load = subprocess.Popen([peer(), "load", "-url", entry, "-rate", str(RATE), "-seconds", "25"], stdout=subprocess.DEVNULL)
        try:
            wanted = {(a, b) for a, calls in CALLS.items() for b in calls}
            wait_for("five seconds of requests on every edge", lambda: wanted == {
                pair for pair, edge in edges(ctl).items() if edge["requests"] >= 5 * RATE}, 20)
            for pair, edge in edges(ctl).items():
                assert 0.7 * RATE < edge["rps"] < 1.2 * RATE, (pair, edge)
                assert edge["successRate"] > 0.95 and edge["p50Ms"] > 0, (pair, edge)   # the first requests found no instance
            assert ctl.text("issues") == "No issues.\n"
            applications["stock"].mode(mode="status", code=500, percent=60)
            wait_for("the issue", lambda: found(ctl, "cart -> stock"), 15)
            assert all("cause" not in issue for issue in found(ctl, "cart -> stock"))
            wait_for("the issue of who calls the caller", lambda: found(ctl, "web -> cart"), 15)
            above = found(ctl, "web -> cart")[0]
            assert above["cause"].endswith(" cart -> stock"), above
            assert "cart -> stock" in ctl.text("issues").splitlines()[1], ctl.text("issues")
            assert edges(ctl)["cart", "stock"]["issues"]
            opened = [e["object"]["name"] for e in ctl.items("events") if e["reason"] == "IssueOpened"]
            assert "cart -> stock" in opened, opened
            untouched = [i for i in ctl.items("issues") if "search" in i["subject"] or "prices" in i["subject"]]
            assert not untouched, untouched
            print(ctl.text("graph") + ctl.text("issues"))
        finally:
            load.kill()
            load.wait()


if __name__ == "__main__":
    main(sys.modules[__name__])
