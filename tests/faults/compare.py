#!/usr/bin/env python3
"""Weft beside Envoy and HAProxy, by default and tuned, while instances fail in real ways; docs/faults.md has the method.

  compare.py [--only KIND…] [--rounds N] [--add] [--json FILE]

All are in front of the same ten instances, each asked 200 times a second, and meet the same fault at the same moment."""
import argparse
import json
import pathlib
import re
import statistics
import subprocess
import time

import faults
from contenders import TUNED, Weft, contenders
from faults import FAULTS, Instance, Phase
from mesh import Mesh, peer, seconds_since_epoch

RATE, SLOW_RATE, PATIENCE = 200, 30, 5   # the last in seconds: what a client waits at most
WARM, HURT, AFTER = 4, 10, 6             # seconds of load before, with and after the fault; after one of all instances twice as long
INSTANCES = 10
TRIALS = [("kill", 1), ("refuse", 1), ("vanish", 1), ("stop", 1), ("pauses", 1), ("500", 1), ("503", 1), ("reset", 1), ("crawl", 1),
          ("refuse", 3), ("vanish", 3), ("stop", 3), ("refuse", INSTANCES)]


class Clock:
    """Seconds since it was made; Unix time is `epoch` more."""

    def __init__(self):
        self.epoch = time.time()

    def now(self):
        return time.time() - self.epoch

    def until(self, at):
        time.sleep(max(0, at - self.now()))


class Client:
    def __init__(self, contender, seconds):
        self.contender = contender
        self.process = subprocess.Popen([peer(), "load", "-url", contender.url, "-rate", str(contender.rate), "-seconds", str(seconds), "-patience",
                                         f"{PATIENCE}s"], stdout=subprocess.PIPE, text=True)

    def rows(self):
        return [json.loads(line) for line in self.process.communicate()[0].splitlines()]


def judged(rows, phase, clock):
    """What the clients of one contender saw of a phase; seconds since its beginning."""
    began, ended = clock.epoch + phase.began, clock.epoch + phase.ended
    seen = [r for r in rows if r["at"] >= began]
    failed = [r["at"] for r in seen if r["status"] != 200]
    well = sorted(r["ms"] for r in seen if r["status"] == 200 and r["at"] < ended)
    back = [r["at"] + r["ms"] / 1000 for r in seen if r["status"] == 200 and r["at"] + r["ms"] / 1000 >= ended]
    return {"requests": len(seen), "failed": len(failed), "before": sum(r["status"] != 200 for r in rows if r["at"] < began),
            "window": max(failed) - began if failed else 0.0, "p99": well[len(well) * 99 // 100] if well else None,
            "last_after": max(0.0, max(failed) - ended) if failed else 0.0, "failed_after": sum(at >= ended for at in failed),
            "first_after": min(back) - ended if back else None}


def out_at(agent, instance):
    """Unix time at which it was ejected, or unhealthy by its checks, for the first time; None: never."""
    found = re.search(rf"^(\S+) info instance (?:ejected|unhealthy) .*instance={instance}\b", agent.log.read_text(), re.M)
    return seconds_since_epoch(found[1]) if found else None


def decided(agent, phase, clock, instances):
    """What an agent did about it: seconds until each hurt instance was out, who else was, how often retries helped."""
    hurt = {instances[i].id for i in phase.instances}
    out = {i.id: out_at(agent, i.id) for i in instances}
    times = [max(0.0, out[name] - clock.epoch - phase.began) for name in hurt if out[name]]
    good, bad = (agent.total("weft_retries_total", result=r) for r in ("success", "failure"))
    return {"detected": times, "wrongly": sum(1 for name, at in out.items() if at and name not in hurt), "hurt": len(hurt),
            "retries_good": good, "retries_bad": bad}


def trial(space, kind, hurt):
    """{name: figures} of one fault at so many of ten instances."""
    with Mesh() as mesh:
        instances = [Instance(mesh.dir, f"cart-{i}", space) for i in range(INSTANCES)]
        mesh.started += instances
        who = [*contenders(RATE), Weft("weft, 30 rps", SLOW_RATE, {}), Weft("weft tuned, 30 rps", SLOW_RATE, TUNED)]
        for each in who:
            each.start(mesh, instances)
        after = AFTER * (2 if hurt == INSTANCES else 1)
        clients = [Client(each, WARM + HURT + after) for each in who]
        clock = Clock()
        phase = Phase(kind, list(range(hurt)), WARM, WARM + HURT)
        faults.run([phase], instances, clock)
        found = {}
        for client in clients:
            name = client.contender.name
            found[name] = judged(client.rows(), phase, clock) | {"hurt_all": hurt == INSTANCES}
            if isinstance(client.contender, Weft):
                found[name] |= decided(client.contender.agent, phase, clock, instances)
        return found


def title_of(kind, hurt):
    title = Phase(kind, range(hurt), 0, 0).title()
    return f"{title}: once they are well again" if hurt == INSTANCES else title


def cell(rounds):
    """Failed requests and seconds until the last of them, medians; where nobody could succeed, what failed later."""
    failed, last = ("failed_after", "last_after") if rounds[0].get("hurt_all") else ("failed", "window")
    failed, last = (statistics.median(each[key] for each in rounds) for key in (failed, last))
    return f"{failed:.0f} / {last:.1f} s" if failed else "0"


def order():
    return [title_of(*each) for each in TRIALS]


def table(results):
    names = [n for n in next(iter(results.values())) if "30 rps" not in n]
    lines = ["| fault | " + " | ".join(names) + " |", "|---|" + "--:|" * len(names)]
    for title, found in sorted(results.items(), key=lambda item: order().index(item[0])):
        lines.append(f"| {title} | " + " | ".join(cell(found[n]) for n in names) + " |")
    return "\n".join(lines)


def own_table(results):
    lines = ["| fault | at | out of service after | wrongly out | retries that succeeded |", "|---|---|--:|--:|--:|"]
    for title, found in sorted(results.items(), key=lambda item: order().index(item[0])):
        for name, rounds in found.items():
            if not name.startswith("weft"):
                continue
            times = [at for each in rounds for at in each["detected"]]
            out = f"{statistics.median(times):.2f} s, at most {max(times):.2f} s ({len(times)} of {sum(e['hurt'] for e in rounds)})" if times else "-"
            good, bad = (sum(each[key] for each in rounds) for key in ("retries_good", "retries_bad"))
            helped = f"{100 * good / (good + bad):.1f} % of {good + bad:.0f}" if good + bad else "-"
            lines.append(f"| {title} | {name} | {out} | {sum(e['wrongly'] for e in rounds)} | {helped} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", help="kinds, or KIND:COUNT: " + " ".join(FAULTS))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--add", action="store_true", help="to what the file has of former runs")
    parser.add_argument("--json", type=pathlib.Path, default=faults.ROOT / "build/faults.json")
    options = parser.parse_args()
    wanted = options.rounds * [t for t in TRIALS if not options.only or t[0] in options.only or f"{t[0]}:{t[1]}" in options.only]
    results = json.loads(options.json.read_text()) if options.json.exists() and options.add else {}
    with faults.shop() as space:
        for kind, hurt in wanted:
            title, found = title_of(kind, hurt), trial(space, kind, hurt)
            for name, each in found.items():
                results.setdefault(title, {}).setdefault(name, []).append(each)
            print(title, *(f"{n}: {cell([e])}" for n, e in found.items()), sep="; ", flush=True)
    options.json.write_text(json.dumps(results, indent=1))
    print(table(results), "", own_table(results), sep="\n")


if __name__ == "__main__":
    main()
