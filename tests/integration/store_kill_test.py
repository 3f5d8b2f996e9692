#!/usr/bin/env python3
"""kill -9 at random moments during concurrent applies: each acknowledged write is there afterwards, none half.

usage: store_kill_test.py WEFT_CONTROL ROUNDS
Each writer applies pairs of documents with the same mark in one transaction and remembers what was acknowledged.
"""
import http.client
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

PAIR = """
apiVersion: weft.dev/v1
kind: MeshService
metadata: {{name: {name}-a, labels: {{mark: "{mark}"}}}}
spec: {{ports: [{{name: http, port: 80}}]}}
---
apiVersion: weft.dev/v1
kind: MeshService
metadata: {{name: {name}-b, labels: {{mark: "{mark}"}}}}
spec: {{ports: [{{name: http, port: 80}}]}}
"""


def call(port, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")
    finally:
        connection.close()


class Control:
    def __init__(self, program, folder):
        ports = folder / "ports.json"
        ports.unlink(missing_ok=True)
        self.log = open(folder / "log", "ab")
        self.process = subprocess.Popen([program, "--http-listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0", "--data",
                                         str(folder / "data"), "--ports-file", str(ports)], stderr=self.log)
        deadline = time.monotonic() + 20
        while not ports.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("weft-control did not start:\n" + (folder / "log").read_text())
            time.sleep(0.005)
        self.port = json.loads(ports.read_text())["http"]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.log.close()


answers = []   # one entry for each acknowledged write


def write(port, name, acknowledged, tried, stop):
    while not stop.is_set():
        tried[name] += 1
        mark = str(tried[name])
        try:
            status, _ = call(port, "POST", "/api/v1/apply", PAIR.format(name=name, mark=mark))
        except (OSError, http.client.HTTPException, ValueError):
            return
        if status == 200:
            acknowledged[name] = tried[name]
            answers.append(name)


def check(port, names, acknowledged, tried):
    for name in names:
        if tried[name] == 0:
            continue
        marks = []
        for half in "ab":
            status, body = call(port, "GET", f"/api/v1/services/default/{name}-{half}")
            marks.append(int(body["labels"]["mark"]) if status == 200 else 0)
        if marks[0] != marks[1]:
            raise SystemExit(f"half a transaction: {name} holds {marks}")
        if not acknowledged[name] <= marks[0] <= tried[name]:
            raise SystemExit(f"{name}: acknowledged {acknowledged[name]}, tried {tried[name]}, found {marks[0]}")


def main():
    program, rounds = sys.argv[1], int(sys.argv[2])
    names = [f"w{i}" for i in range(4)]
    acknowledged, tried = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    moment = random.Random(7)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for _ in range(rounds):
            control, stop = Control(program, folder), threading.Event()
            check(control.port, names, acknowledged, tried)
            writers = [threading.Thread(target=write, args=(control.port, n, acknowledged, tried, stop)) for n in names]
            for writer in writers:
                writer.start()
            time.sleep(moment.uniform(0, 0.15))   # the moment of the kill, not a wait for anything
            control.kill()
            stop.set()
            for writer in writers:
                writer.join()
        control = Control(program, folder)
        check(control.port, names, acknowledged, tried)
        _, revisions = call(control.port, "GET", "/api/v1/revisions?limit=1")
        control.kill()
    print(f"{rounds} kills, {len(answers)} acknowledged of {sum(tried.values())} tried, "
          f"head {revisions['head']['revision']}, epoch {revisions['head']['epoch']}: none lost, none half there")
    return 0


if __name__ == "__main__":
    sys.exit(main())
