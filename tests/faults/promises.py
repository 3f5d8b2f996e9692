#!/usr/bin/env python3
"""The resilience figures that Weft promises, in real processes under real faults: a table of figure, bound and what was measured.
Between agents the reuse of connections is integration/multiplex_test.py's."""
import argparse
import json
import subprocess
import sys

from faults import FAULTS, Instance, Phase, run, shop
from compare import Client, Clock, RATE, SLOW_RATE
from contenders import TUNED, Weft
from mesh import Mesh, peer, wait_for

TRANSIENT = ["503", "reset", "kill", "refuse"]   # with another instance the request succeeds
rows = []


def told(figure, bound, measured, holds):
    rows.append((figure, bound, measured, holds))
    print(f"{figure}: {measured} ({bound}){'' if holds else '  MISSED'}", flush=True)


def instances_of(mesh, space, count=10):
    made = [Instance(mesh.dir, f"cart-{i}", space) for i in range(count)]
    mesh.started += made
    return made


def started(mesh, instances, name, rate, policy):
    weft = Weft(name, rate, policy)
    weft.start(mesh, instances)
    return weft


def detection(space):
    """A service whose instances all fail: from the fault to the first request that is refused at once."""
    for kind in ("refuse", "500", "vanish", "stop"):
        with Mesh() as mesh:
            instances = instances_of(mesh, space, 3)
            weft = started(mesh, instances, "weft", SLOW_RATE, TUNED)
            client, clock, phase = Client(weft, 9), Clock(), Phase(kind, [0, 1, 2], 3, 8)
            run([phase], instances, clock)
            refused = [r["at"] - clock.epoch - phase.began for r in client.rows() if r.get("reason") in ("breaker_open", "no_healthy_instances")]
            took = min(refused, default=None)
            told(f"a failing service is refused, {SLOW_RATE} rps: {FAULTS[kind].title}", "< 2 s", f"{took:.2f} s" if took else "never", took is not None and took < 2)


def retries(space):
    """Of the requests whose first attempt met a transient fault, how many had a second that was good."""
    good = bad = 0
    for kind in TRANSIENT:
        with Mesh() as mesh:
            instances = instances_of(mesh, space)
            weft = started(mesh, instances, "weft", RATE, {})
            client, clock = Client(weft, 12), Clock()
            run([Phase(kind, [0, 1, 2], 2, 11)], instances, clock)
            client.rows()
            good += weft.agent.total("weft_retries_total", result="success")
            bad += weft.agent.total("weft_retries_total", result="failure")
    share = 100 * good / (good + bad)
    told("retries that succeed, transient faults of three in ten", ">= 85 %", f"{share:.1f} % of {good + bad:.0f}", share >= 85 and good > 100)


def recovery(space):
    """A circuit that opens for exactly 3 s, over instances that are well again before: when requests flow."""
    opened_for = 3.0
    with Mesh() as mesh:
        instances = instances_of(mesh, space, 3)
        weft = started(mesh, instances, "weft", RATE, {"circuitBreaker": {"openDuration": f"{opened_for:.0f}s"}})
        client, clock, phase = Client(weft, 12), Clock(), Phase("refuse", [0, 1, 2], 2, 3.5)
        run([phase], instances, clock)
        seen = client.rows()
        opened = min(r["at"] for r in seen if r.get("reason") == "breaker_open")
        flows = min(r["at"] for r in seen if r["status"] == 200 and r["at"] > opened) - opened
        whole = max(r["at"] for r in seen if r["status"] != 200) - opened
        told(f"the first request passes, circuit open for {opened_for:.0f} s", f"{opened_for:.0f} s", f"{flows:.2f} s", opened_for - 0.05 <= flows < opened_for + 0.5)
        told("all pass again (a ramp of 3 s)", "<= 6.5 s", f"{whole:.2f} s", whole <= opened_for + 3.5)


def reuse(space):
    with Mesh() as mesh:
        weft = started(mesh, instances_of(mesh, space), "weft", 10, {})
        Client(weft, 30).rows()
        share = 100 * weft.agent.total("weft_pool_reuse_ratio")
        told("connections used again at 1 rps per instance, agent to application", ">= 90 %", f"{share:.1f} %", share >= 90)


def many(space):
    """While an instance is killed and comes back."""
    clients = 1200
    with Mesh() as mesh:
        instances = instances_of(mesh, space)
        weft = started(mesh, instances, "weft", RATE, {})
        asked = subprocess.Popen([peer(), "nonce", "-url", weft.url, "-n", "60000", "-c", str(clients), "-abort", "0"], stdout=subprocess.PIPE, text=True)
        wait_for("all clients", lambda: weft.agent.total("weft_connections_open", direction="outbound") >= clients, 60)
        most = weft.agent.total("weft_connections_open", direction="outbound")
        instances[0].stop(kill=True)
        instances[0].restart()
        found = json.loads(asked.communicate()[0])
        told("client connections at once, an instance killed meanwhile", ">= 1,000", f"{most:.0f}; {found['good']} answers, {found['bad']} wrong or failed",
             most >= 1000 and found["bad"] == 0)


def main():
    promises = {one.__name__: one for one in (detection, retries, recovery, reuse, many)}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("promise", nargs="*", metavar="|".join(promises), help="all of them by default")
    wanted = parser.parse_args().promise or list(promises)
    if unknown := set(wanted) - set(promises):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    with shop() as space:
        for name in wanted:
            promises[name](space)
    print("\n| figure | must | measured |\n|---|---|---|")
    for figure, bound, measured, holds in rows:
        print(f"| {figure} | {bound} | {measured if holds else f'**{measured}**'} |")
    sys.exit(0 if all(row[3] for row in rows) else 1)


if __name__ == "__main__":
    main()
