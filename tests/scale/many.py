#!/usr/bin/env python3
"""How one control plane on one core bears many agents: 10,000 by default, each with 50 of 500 services. Prints a table.

Usage: tests/scale/many.py [--agents N] [--changes N] [--plain | --tokens] [--graceful | --skip-restart] [--bin DIR]
Agents and this script run on another core. Everything is on loopback, in a folder of its own; nothing is left behind. Needs a
descriptor limit above the number of agents. Takes two to four minutes.
"""
import argparse
import os
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from fleet import ROOT, Agents, Control, route   # noqa: E402
from process import wait_for   # noqa: E402

CONTROL_CORE, AGENTS_CORE = 0, 1
IDLE_SECONDS = 30


def p99(times):
    return statistics.quantiles(times, n=100, method="inclusive")[98] if len(times) > 1 else times[0]


class Run:
    def __init__(self, arguments, folder):
        self.arguments, self.rows = arguments, []
        self.control = Control(folder, arguments.bin, CONTROL_CORE, not arguments.plain, arguments.tokens)
        self.agents = None

    def row(self, what, value, unit, bound=None, goal=None):
        verdict = "" if bound is None else "  ok" if value <= bound else "  missed"
        print(f"{what:58}{value:12.2f} {unit:8}{'' if bound is None else f'must {bound:g}':12}{'' if goal is None else f'goal {goal:g}':12}{verdict}",
              flush=True)

    def connect(self):
        total = self.arguments.agents
        self.control.start()
        self.control.fill(self.arguments.services)
        self.empty = self.control.memory()
        self.agents = Agents(self.control, self.arguments.bin, AGENTS_CORE,
                             ["--services", str(self.arguments.services), "--users-of-s1", str(min(1000, total)), "--users-of-s2", "100"])
        began, cpu = time.monotonic(), self.control.cpu()
        self.agents.tell(f"start {total} {self.arguments.rate}")
        self.agents.await_("synced", total)
        status = self.agents.status()
        self.row("agents connect, each told all of its 50 services", time.monotonic() - began, "s")
        self.row("  processor time per agent", (self.control.cpu() - cpu) / total * 1e6, "us")
        self.row("  bundles per agent", status["bundles"] / total, "")
        self.row("  bytes of messages per agent", status["bytes"] / total, "B")
        print("  ends:", status["ends"], flush=True)
        assert status["wrong"] == 0 and status["unknown"] == 0, status

    def idle(self):
        time.sleep(2)
        cpu, began = self.control.cpu(), time.monotonic()
        time.sleep(IDLE_SECONDS)
        self.row("idle, share of a core", (self.control.cpu() - cpu) / (time.monotonic() - began) * 100, "%", 3)
        per_agent = (self.control.memory() - self.empty) / self.arguments.agents
        self.row("memory per agent", per_agent, "KiB", 100 if not self.arguments.plain else 64)
        self.row("memory of weft-control", self.control.memory() / 1024, "MiB")

    def changes(self, name, users, bound, goal, count):
        """Milliseconds from the answer to the last acknowledgement."""
        last, half, cpu, cpu_agents = [], [], self.control.cpu(), self.agents.cpu()
        for i in range(count):
            self.agents.tell("mark")
            _, came = self.control.call("PUT", f"/api/v1/resources/HTTPRoute/default/{name}", route(name, 100 + i))
            reached = self.agents.await_("bundles", users)
            last.append((reached["last"] - came) / 1e6)
            half.append((reached["p50"] - came) / 1e6)
            time.sleep(0.2)
        self.row(f"change of 1 KiB to {users}: last acknowledgement, p99 of {count}", p99(last), "ms", bound, goal)
        self.row("  median of the last; of the half", statistics.median(last), "ms")
        self.row("", statistics.median(half), "ms")
        self.row("  processor time per agent and change", (self.control.cpu() - cpu) / users / count * 1e6, "us")
        self.row("  of the agents' core", (self.agents.cpu() - cpu_agents) / users / count * 1e6, "us")

    def removals(self, users, count):
        last = []
        for i in range(count):
            path = f"/api/v1/services/default/s2/instances/api-{i}"
            self.agents.tell("mark")
            self.control.call("PUT", path, {"address": "10.250.0.1", "port": 8080})
            self.agents.await_("endpoints", users)
            time.sleep(0.1)
            self.agents.tell("mark")
            _, came = self.control.call("DELETE", path)
            reached = self.agents.await_("endpoints", users)
            last.append((reached["last"] - came) / 1e6)
        self.row(f"an instance's removal to {users}: last, p99 of {count}", p99(last), "ms", 20)
        self.row("  median", statistics.median(last), "ms")

    def restart(self):
        total, before = self.arguments.agents, self.agents.status()
        cpu_agents = self.agents.cpu()
        self.control.stop(kill=not self.arguments.graceful)
        wait_for("streams lost", lambda: self.agents.status()["synced"] == 0, 30)
        began = time.monotonic()
        self.control.start()
        listening = time.monotonic() - began
        self.agents.await_("synced", total)
        self.row("after a restart: listening", listening, "s")
        self.row("  until every agent has its stream and is current", time.monotonic() - began, "s", 30)
        self.row("  processor time per agent", self.control.cpu() / total * 1e6, "us")
        self.row("  of the agents' core", (self.agents.cpu() - cpu_agents) / total * 1e6, "us")
        after = self.agents.status()
        self.row("  connections tried per agent", (after["attempts"] - before["attempts"]) / total, "")
        for what in ("bundles", "endpoints", "unchanged", "bytes"):
            self.row(f"  {what} sent per agent", (after[what] - before[what]) / total, "", 0 if what in ("bundles", "endpoints") else None)
        self.row("  memory of weft-control", self.control.memory() / 1024, "MiB")
        print("  ends:", {why: n - before["ends"].get(why, 0) for why, n in after["ends"].items()}, flush=True)

    def measure(self):
        arguments = self.arguments
        try:
            self.connect()
            self.idle()
            self.changes("s0", arguments.agents, 1000 if arguments.agents > 1000 else 100, 600 if arguments.agents > 1000 else 60, arguments.changes)
            if arguments.agents > 1000:
                self.changes("s1", 1000, 100, 60, arguments.changes)
            self.removals(100, arguments.changes * 2)
            for name in ("weft_control_agents", "weft_control_pushes_total", "weft_control_push_bytes_sum", "weft_control_convergence_seconds_count",
                         "weft_control_convergence_seconds_sum"):
                print(f"  {name} {self.control.metric(name):.0f}", flush=True)
            print("  agents:", self.agents.status(), flush=True)
            if not arguments.skip_restart:
                self.restart()
        finally:
            if self.agents is not None:
                self.agents.stop()
            self.control.stop()
            print(self.control.process.log.read_text()[-2000:])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--agents", type=int, default=10_000)
    parser.add_argument("--services", type=int, default=500)
    parser.add_argument("--changes", type=int, default=30)
    parser.add_argument("--rate", type=float, default=400, help="new connections per second at first")
    parser.add_argument("--plain", action="store_true", help="without TLS")
    parser.add_argument("--tokens", action="store_true", help="agents show a token, not a certificate")
    parser.add_argument("--graceful", action="store_true", help="the restart is a SIGTERM, not a SIGKILL")
    parser.add_argument("--skip-restart", action="store_true")
    parser.add_argument("--bin", default=str(ROOT / "build/release/bin"))
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {AGENTS_CORE})
    with tempfile.TemporaryDirectory() as name:
        Run(arguments, pathlib.Path(name)).measure()


if __name__ == "__main__":
    main()
