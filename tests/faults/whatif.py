#!/usr/bin/env python3
"""A recording of real traffic under real faults: it replays bit for bit, and what it says a more nervous policy would have done is held against a real
rerun of the same faults with that policy.

  whatif.py [--seconds 130] [--rate 800]

Compared are openings of the circuit, ejections and refusals: within a fifth, or one."""
import argparse
import json
import subprocess
import sys
import time

import faults
from faults import Instance, Phase
from compare import Clock
from mesh import BIN, Mesh, mesh_service, peer, service_policy

INSTANCES = 5
CALM = dict(timeouts={"connect": "200ms", "attempt": "500ms"}, circuitBreaker={"adaptive": False, "failureThreshold": 1000000},
            outlierDetection={"consecutiveFailures": 60})
NERVOUS = dict(circuitBreaker={"failureThreshold": 100}, outlierDetection={"consecutiveFailures": 3})


def together(policy, more):
    return {block: {**policy.get(block, {}), **more.get(block, {})} for block in {**policy, **more}}


def schedule(seconds):
    """The same for both runs: half of all answers are 503 for a while, three times; between them single instances fail."""
    part = seconds / 13
    some = [Phase("503", [1], part, 2 * part), Phase("half", [0, 1, 2, 3, 4], 3 * part, 4 * part), Phase("reset", [2], 5 * part, 6 * part),
            Phase("half", [0, 1, 2, 3, 4], 7 * part, 8 * part), Phase("kill", [3], 9 * part, 10 * part), Phase("half", [0, 1, 2, 3, 4], 11 * part, 12 * part)]
    return some


def run(space, policy, seconds, rate, look):
    """One agent with a recording; look(agent, recording's path) before it is gone."""
    with Mesh() as mesh:
        instances = [Instance(mesh.dir, f"cart-{i}", space) for i in range(INSTANCES)]
        mesh.started += instances
        path = mesh.dir / "recording"
        agent = mesh.agent("client", resources=mesh.resources(mesh_service("cart", instances), service_policy("cart", **policy)), workers=2,
                           record={"path": str(path), "maxBytes": 2 << 30})
        load = subprocess.Popen([peer(), "load", "-url", agent.url("service-default/cart"), "-rate", str(rate), "-seconds", str(seconds)],
                                stdout=subprocess.PIPE, text=True)
        faults.run(schedule(seconds), instances, Clock())
        rows = [json.loads(line) for line in load.communicate()[0].splitlines()]
        found = {"requests": len(rows), "refused": sum(r.get("reason") in ("breaker_open", "no_healthy_instances") for r in rows),
                 "opened": agent.total("weft_circuit_transitions_total", to="open"), "ejected": agent.total("weft_ejections_total")}
        agent.stop()
        return found, look(mesh.dir, path)


def examine(directory, path):
    """(what the replay said, what the what-if says)."""
    began = time.monotonic()
    replayed = subprocess.run([str(BIN / "weft-replay"), str(path)], capture_output=True, text=True)
    print(f"replay, {time.monotonic() - began:.0f} s: {replayed.stdout.strip() or replayed.stderr.strip()}", flush=True)
    policy = directory / "nervous.yaml"
    policy.write_text(json.dumps(service_policy("cart", **NERVOUS)))
    said = subprocess.run([str(BIN / "weftctl"), "simulate", "--log", str(path), "--with", str(policy), "-o", "json"], capture_output=True, text=True)
    if said.returncode != 0:
        sys.exit(said.stderr)
    return replayed.returncode == 0, json.loads(said.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=130)
    parser.add_argument("--rate", type=int, default=800)
    options = parser.parse_args()
    with faults.shop() as space:
        calm, (same, predicted) = run(space, CALM, options.seconds, options.rate, examine)
        print("recorded:", calm, flush=True)
        rerun, _ = run(space, together(CALM, NERVOUS), options.seconds, options.rate, lambda *_: None)
    print("rerun:", rerun)
    figures = {f["what"]: f["simulated"] for f in predicted["figures"]}
    held = same
    for what, mine in (("circuit opened", "opened"), ("ejections", "ejected"), ("refused unsent", "refused")):
        near = abs(figures[what] - rerun[mine]) <= max(1, 0.2 * rerun[mine])
        held &= near
        print(f"{what}: recorded {calm[mine]:.0f}, predicted {figures[what]}, rerun {rerun[mine]:.0f}{'' if near else '  MISSED'}")
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
