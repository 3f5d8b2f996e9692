#!/usr/bin/env python3
"""kill -9 at random moments under 16 writers and 200 agents: each acknowledged write is there afterwards, none half, no
revision is given twice, and no agent sees a lower one.

usage: store_kill_test.py BIN ROUNDS
Each writer applies pairs of services with the same mark in one transaction, registers an instance with that mark as its
weight, and remembers what was acknowledged. The agents (scripted_fleet) hold a stream each and judge what they are sent.
"""
import http.client
import json
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "scripts/lib"))
from process import wait_for   # noqa: E402

WRITERS, AGENTS, CALM = 16, 200, 25   # every CALM kills the agents are waited for, and the history is read
SERVICE = """
apiVersion: weft.dev/v1
kind: MeshService
metadata: {{name: {name}, labels: {{mark: "{mark}"}}}}
spec: {{ports: [{{name: http, port: {mark}}}]}}
"""
INSTANCE = '{{"address": "127.0.0.1", "port": 80, "weight": {mark}}}'


STARTED = []   # every program, so that none is left behind whatever happens


def start(command, **how):
    STARTED.append(subprocess.Popen(command, **how))
    return STARTED[-1]


def kill_all():
    for process in STARTED:
        process.kill()   # nothing to one that has ended
        process.wait()


class Caller:
    """One connection, kept."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)

    def __call__(self, method, path, body=None):
        self.connection.request(method, "/api/v1/" + path, body)
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")


class Control:
    def __init__(self, program, folder):
        ports = folder / "ports.json"
        ports.unlink(missing_ok=True)
        self.log = open(folder / "log", "ab")
        self.process = start([program, "--http-listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0", "--data", str(folder / "data"),
                              "--ports-file", str(ports)], stderr=self.log)
        wait_for("weft-control listening or its end", lambda: ports.exists() or self.process.poll() is not None, 60)
        if self.process.poll() is not None:
            raise SystemExit("weft-control did not start:\n" + (folder / "log").read_text()[-3000:])
        self.ports = json.loads(ports.read_text())

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.log.close()


class Fleet:
    def __init__(self, program, agents, pairs):
        self.agents = agents
        self.process = start([program, str(agents), str(pairs)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def connect(self, port):
        print(f"connect {port}", file=self.process.stdin)

    def ask(self):
        print("state", file=self.process.stdin)
        return json.loads(self.process.stdout.readline())

    def state(self):
        state = self.ask()
        if state["wrong"]:
            raise SystemExit("agents saw what may not be:\n" + "\n".join(state["wrong"]))
        return state

    def reach(self, head):
        def there():
            state = self.state()
            return state["greeted"] == self.agents and state["lowest"] >= head and state
        return wait_for(f"all agents at revision {head}", there, 60)


class Writer:
    """Its pair of services, and the instance of the first of them."""

    def __init__(self, name):
        self.name = name
        self.tried, self.acknowledged = 0, 0
        self.tried_weight, self.acknowledged_weight = 0, 0
        self.revisions = {}   # revision: mark, as acknowledged
        self.wrong = None     # what its thread ended with

    def run(self, port, stop):
        call = Caller(port)
        try:
            while not stop.is_set():
                self.apply(call)
                if self.tried % 3 == 0:
                    self.register(call)
        except (OSError, http.client.HTTPException, ValueError):
            return
        except Exception as failure:   # a thread that ends tells nobody
            self.wrong = f"{type(failure).__name__}: {failure}"

    def apply(self, call):
        self.tried += 1
        documents = "---".join(SERVICE.format(name=f"{self.name}-{half}", mark=self.tried) for half in "ab")
        status, body = call("POST", "apply", documents)
        if status == 200:
            self.acknowledged = self.tried
            self.revisions[body["revision"]] = self.tried
        elif status != 409:   # another write came between
            raise RuntimeError(f"{self.name}: {status} {body}")

    def register(self, call):
        self.tried_weight = self.tried
        status, body = call("PUT", f"services/default/{self.name}-a/instances/one", INSTANCE.format(mark=self.tried))
        if status == 200:
            self.acknowledged_weight = self.tried

    def check(self, call):
        if self.wrong is not None:
            raise SystemExit(f"a writer failed: {self.wrong}")
        if self.tried == 0:
            return
        marks = []
        for half in "ab":
            status, body = call("GET", f"services/default/{self.name}-{half}")
            marks.append(int(body["labels"]["mark"]) if status == 200 else 0)
        if marks[0] != marks[1]:
            raise SystemExit(f"half a transaction: {self.name} holds {marks}")
        if not self.acknowledged <= marks[0] <= self.tried:
            raise SystemExit(f"{self.name}: acknowledged {self.acknowledged}, tried {self.tried}, found {marks[0]}")
        status, body = call("GET", f"services/default/{self.name}-a/instances/one")
        weight = body["weight"] if status == 200 else 0
        if not self.acknowledged_weight <= weight <= self.tried_weight:
            raise SystemExit(f"{self.name}: weight {self.acknowledged_weight} was acknowledged, {weight} is there")


def history(call):
    """{revision: names of what it changed}; revisions have no gap."""
    changed, before = {}, 0
    while True:
        _, page = call("GET", f"revisions?limit=1000&before={before}")
        for item in page["items"]:
            changed[item["revision"]] = item["resources"]
        if not page["items"] or page["items"][-1]["revision"] == 1:
            break
        before = page["items"][-1]["revision"]
    if sorted(changed) != list(range(1, len(changed) + 1)):
        raise SystemExit(f"the history has gaps: {len(changed)} revisions up to {max(changed)}")
    return changed


def check_history(call, writers):
    changed = history(call)
    owners = {}
    for writer in writers:
        for revision in writer.revisions:
            if revision in owners:
                raise SystemExit(f"revision {revision} was given to {owners[revision]} and {writer.name}")
            owners[revision] = writer.name
            if changed.get(revision) != [f"MeshService default/{writer.name}-{half}" for half in "ab"]:
                raise SystemExit(f"revision {revision} was acknowledged to {writer.name}; the history says {changed.get(revision)}")


def main():
    programs, rounds = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    writers = [Writer(f"w{i}") for i in range(WRITERS)]
    fleet = Fleet(str(programs / "scripted-fleet"), AGENTS, WRITERS)
    moment, epoch = random.Random(7), 0
    began = time.monotonic()

    def judged(control):
        """The store after a start, looked at before anybody writes; its head's revision."""
        nonlocal epoch
        call = Caller(control.ports["http"])
        for writer in writers:
            writer.check(call)
        _, page = call("GET", "revisions?limit=1")
        head = page["head"]
        epoch += 1
        if head["epoch"] != epoch:
            raise SystemExit(f"epoch {head['epoch']} after {epoch} starts")
        highest = max([fleet.state()["highest"]] + [r for w in writers for r in w.revisions])
        if head["revision"] < highest:
            raise SystemExit(f"revision {highest} was seen, and the head is {head['revision']} after a kill")
        return call, head["revision"]

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for number in range(rounds):
            control, stop = Control(str(programs / "weft-control"), folder), threading.Event()
            call, head = judged(control)
            fleet.connect(control.ports["grpc"])
            if number % CALM == CALM - 1:
                fleet.reach(head)
                check_history(call, writers)
            threads = [threading.Thread(target=w.run, args=(control.ports["http"], stop), daemon=True) for w in writers]
            for thread in threads:
                thread.start()
            time.sleep(moment.uniform(0, 0.3))   # the moment of the kill, not a wait for anything
            control.kill()
            stop.set()
            for thread in threads:
                thread.join()
            if number == 0:
                shutil.copytree(folder / "data", folder / "early/data")
        control = Control(str(programs / "weft-control"), folder)
        call, head = judged(control)
        fleet.connect(control.ports["grpc"])
        state = fleet.reach(head)
        check_history(call, writers)
        control.kill()
        control = Control(str(programs / "weft-control"), folder / "early")   # a store that lost what was acknowledged since
        fleet.connect(control.ports["grpc"])
        wait_for("agents that notice a lost store", lambda: any("told" in wrong for wrong in fleet.ask()["wrong"]), 60)
        control.kill()
    fleet.process.stdin.close()
    if fleet.process.wait(30) != 0:
        raise SystemExit("the agents' program failed")
    acknowledged = sum(len(w.revisions) for w in writers)
    print(f"{rounds} kills in {time.monotonic() - began:.0f} s under {WRITERS} writers and {AGENTS} agents: {acknowledged} writes "
          f"acknowledged of {sum(w.tried for w in writers)} tried, head {head}, epoch {epoch}; {state['streams']} streams got "
          f"{state['deltas']} changes and {state['full']} full states: no write lost, none half there, no revision given "
          "twice, none lower")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    finally:
        kill_all()
