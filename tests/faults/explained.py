#!/usr/bin/env python3
"""Every kind of fault, in an order by chance, at one, three or all of five instances; whatever a client saw that was not a whole 2xx is explained by
the agent, and each explanation is held against what was really done to which instance when.

  explained.py [--seconds 600] [--seed 1]

An explanation is right when each attempt that failed was at an instance that was hurt at that time, in a way that can have this outcome; and when the
final reason is that of the last attempt, or a refusal (circuit, no healthy instance) while or shortly after most instances were hurt. A sixth instance is never hurt and asked directly: while it takes
a fifth of a second to answer the machine itself stands still, and a time-out is put down to that; how many were is said."""
import argparse
import collections
import json
import random
import subprocess
import sys
import threading

import faults
from faults import FAULTS, Instance, Phase
from compare import Clock
from mesh import Mesh, get, mesh_service, peer, service_policy

INSTANCES, RATE, CHUNK = 5, 50, 5
CYCLE, HURT = 8, 4             # seconds: a fault of HURT begins each CYCLE
EARLY, LATE = 0.1, 0.6         # by how much an attempt may miss its fault: what was under way when it ended ends a little later
REFUSED_AFTER = 20             # how long after it a fault of most instances may have the circuit open, or in its ramp
POLICY = dict(timeouts={"connect": "300ms", "attempt": "1s", "request": "3s"})
STALL = 0.2                    # seconds
SERVICES = {"cart": POLICY, "bare": dict(POLICY, retry={"enabled": False}), "lone": dict(POLICY, retry={"enabled": False}, circuitBreaker={"enabled": False},
                                                                                          outlierDetection={"enabled": False})}
# The reason of a request whose last attempt had this outcome.
REASONS = {"connect_failed": {"connect_failed"}, "reset": {"upstream_reset"}, "connect_timeout": {"connect_timeout", "request_timeout"},
           "attempt_timeout": {"attempt_timeout", "request_timeout"}, "truncated": {"upstream_truncated", "upstream_reset"}, "malformed": {"upstream_malformed"},
           "request_timeout": {"request_timeout"}, "success": {"ok"}, "error_5xx": {"ok"}, "response": {"ok"}}
REFUSALS = {"breaker_open", "no_healthy_instances"}


def schedule(seconds, seed):
    chance = random.Random(seed)
    kinds = [(kind, hurt) for kind in FAULTS for hurt in (1, 3, INSTANCES)]
    wanted = []
    while len(wanted) < int(seconds / CYCLE):
        chance.shuffle(kinds)
        wanted += kinds
    return [Phase(kind, chance.sample(range(INSTANCES), hurt), 2 + i * CYCLE, 2 + i * CYCLE + HURT)
            for i, (kind, hurt) in enumerate(wanted[:int(seconds / CYCLE)])]


def failed(row):
    return not 200 <= row["status"] < 300 or "error" in row


class Canary(threading.Thread):
    """When the machine stood still."""

    def __init__(self, instance, clock):
        super().__init__(daemon=True)
        self.url, self.clock, self.stalls, self.over = f"http://{instance.address}:{instance.port}/", clock, [], threading.Event()

    def run(self):
        while not self.over.wait(0.02):
            began = self.clock.now()
            get(self.url)
            ended = self.clock.now()
            if ended - began > STALL:
                self.stalls.append((began, ended))

    def saw(self, begin, end):
        return any(b < end and begin < e for b, e in self.stalls)


class Judge:
    def __init__(self, agent, instances, phases, clock, canary):
        self.agent, self.phases, self.clock, self.canary, self.stalled = agent, phases, clock, canary, 0
        self.number = {instance.id: i for i, instance in enumerate(instances)}
        self.complaints, self.reasons = [], collections.Counter()

    def look(self, row):
        """What the agent says of a failed request; asked soon, as records are overwritten."""
        try:
            record = self.agent.explain(row["id"])["records"][-1]
        except (OSError, KeyError, IndexError, json.JSONDecodeError):
            record = {}
        return row, record

    def judge(self, row, record):
        """Why the explanation is not right; None: it is."""
        reason = record.get("reason")
        self.reasons[str(reason)] += 1
        if reason in (None, "", "unknown"):
            return "there is no explanation"
        if "error" not in row and row.get("reason", "ok") != reason:   # what broke off had its head before
            return f"the client was told {row.get('reason')}"
        if row["status"] and row["status"] != record["status"]:
            return f"the client saw status {row['status']}"
        began = record["startedUnixMs"] / 1000 - self.clock.epoch
        for attempt in record["attempts"]:
            if not self.explained(attempt, began):
                return f"{attempt['outcome']} at {attempt['instance']} has no cause"
        if reason in REFUSALS:
            return None if self.most_hurt(began) else "nothing had hurt most of the instances"
        if not record["attempts"]:
            return "no attempt, and no refusal"
        last = record["attempts"][-1]
        return None if reason in REASONS.get(last["outcome"], ()) else f"the last attempt was {last['outcome']}"

    def explained(self, attempt, began):
        """Whether its instance was hurt while it ran, in a way that can end like this."""
        bad_status = attempt.get("status", 0) >= 500
        if not bad_status and attempt["outcome"] in ("response", "success"):
            return True
        outcome = "error_5xx" if bad_status else attempt["outcome"]
        start = began + attempt["startedMs"] / 1000
        end = start + attempt["tookMs"] / 1000
        for phase in self.phases:
            if phase.began is None or self.number[attempt["instance"]] not in phase.instances or outcome not in FAULTS[phase.kind].outcomes:
                continue
            if bad_status and FAULTS[phase.kind].title.split()[1] != str(attempt["status"]):
                continue
            if end >= phase.began - EARLY and start <= (phase.ended or end) + LATE:
                return True
        if outcome in FAULTS["stop"].outcomes and self.canary.saw(start, end):
            self.stalled += 1
            return True
        return False

    def most_hurt(self, at):
        return any(p.began is not None and len(p.instances) * 2 > INSTANCES and p.began <= at <= (p.ended or at) + REFUSED_AFTER for p in self.phases)


class Client(threading.Thread):
    """Asks one service all the time, and looks up what failed every CHUNK seconds."""

    def __init__(self, url, seconds, judge):
        super().__init__()
        self.url, self.seconds, self.judge, self.looked, self.requests = url, seconds, judge, [], 0

    def begin(self):
        return subprocess.Popen([peer(), "load", "-url", self.url, "-rate", str(RATE), "-seconds", str(CHUNK)], stdout=subprocess.PIPE, text=True)

    def run(self):
        while self.judge.clock.now() < self.seconds:
            rows = [json.loads(line) for line in self.begin().communicate()[0].splitlines()]
            self.requests += len(rows)
            self.looked += [self.judge.look(row) for row in rows if failed(row)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with faults.shop() as space, Mesh() as mesh:
        instances = [Instance(mesh.dir, f"shop-{i}", space) for i in range(INSTANCES)]
        healthy = Instance(mesh.dir, "canary", space)
        mesh.started += [*instances, healthy]
        documents = [d for name, policy in SERVICES.items() for d in (mesh_service(name, instances), service_policy(name, **policy))]
        agent = mesh.agent("client", services=SERVICES, resources=mesh.resources(*documents), workers=2)
        phases = schedule(options.seconds, options.seed)
        clock = Clock()
        canary = Canary(healthy, clock)
        canary.start()
        judge = Judge(agent, instances, phases, clock, canary)
        clients = [Client(agent.url(f"service-default/{name}"), phases[-1].end + 4, judge) for name in SERVICES]
        for client in clients:
            client.start()
        faults.run(phases, instances, clock)
        for client in clients:
            client.join()
        canary.over.set()
        canary.join()
        seen = [each for client in clients for each in client.looked]
        wrong = [(why, row, record) for row, record in seen if (why := judge.judge(row, record))]
        for why, row, record in wrong[:10]:
            print(f"WRONG: {why}; {row['at'] - clock.epoch:.2f} s; {json.dumps(row)} {json.dumps(record)}")
        print(f"{sum(c.requests for c in clients)} requests, {len(phases)} faults of {len({p.kind for p in phases})} kinds; {len(seen)} failed, "
              f"{len(seen) - len(wrong)} explained rightly, {sum(1 for _, r in seen if r.get('reason') in (None, 'unknown'))} unknown, "
              f"{judge.stalled} attempts timed out while the machine stood still")
        print("reasons:", ", ".join(f"{reason} {count}" for reason, count in judge.reasons.most_common()))
    sys.exit(1 if wrong or not seen else 0)


if __name__ == "__main__":
    main()
