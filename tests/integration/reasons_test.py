#!/usr/bin/env python3
"""Twelve kinds of failure at the calling agent and seven at the called one, a hundred requests each: the answer's header, the
access log, the metric, /explain, weftctl explain through the control plane and weftctl explain --agent name the same reason
for each request, and their counts are the same."""
import collections
import concurrent.futures
import re
import socket
import subprocess
import sys
import threading

from control_test import Control
from mesh import BIN, Mesh, free_port, get, main, mesh_service, service_policy, wait_for

EACH = 100
ALONE = dict(retry={"enabled": False}, circuitBreaker={"enabled": False}, outlierDetection={"enabled": False})


class Raw:
    """A server that reads one head and answers each connection with the same bytes; None: says nothing until the
    client goes."""

    def __init__(self, name, answer):
        self.id, self.address, self.answer = name, "127.0.0.1", answer
        self.asked = 0   # heads read
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection:
            try:
                data = b""
                while b"\r\n\r\n" not in data:
                    part = connection.recv(65536)
                    if not part:
                        return
                    data += part
                self.asked += 1
                if self.answer is not None:
                    connection.sendall(self.answer)
                    connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
            except OSError:
                pass   # the agent gave it up


class Nobody:
    def __init__(self, name):
        self.id, self.address, self.port = name, "127.0.0.1", free_port()


# reason: (status, server, policy, headers of the request)
KINDS = {
    "no_route": (404, b"", {}, {}),
    "unknown_service": (404, None, {}, {"host": "nobody.default"}),
    "no_instances": (503, None, {}, {}),
    "connect_failed": (502, Nobody, {}, {}),
    "upstream_reset": (502, b"", {}, {}),
    "upstream_malformed": (502, b"HTTP/1.1 2OO fine\r\n\r\n", {}, {}),
    "upstream_head_too_large": (502, b"HTTP/1.1 200 OK\r\nx: " + b"a" * 200_000 + b"\r\n\r\n", {}, {}),
    "attempt_timeout": (504, Raw, {"timeouts": {"attempt": "40ms"}}, {}),
    "request_timeout": (504, Raw, {"timeouts": {"request": "40ms"}}, {}),
    "response_head_timeout": (504, Raw, {"timeouts": {"responseHead": "40ms"}}, {}),
    "caller_deadline": (504, Raw, {}, {"x-weft-deadline-ms": "40"}),
    "breaker_open": (503, b"HTTP/1.1 500 Broken\r\ncontent-length: 0\r\n\r\n",
                     {"circuitBreaker": {"failureThreshold": 3, "openDuration": "10m"}}, {}),
}


def service_of(reason):
    return reason.replace("_", "-")


def documents():
    made = []
    for reason, (_, server, policy, _) in KINDS.items():
        name = service_of(reason)
        if reason == "unknown_service":
            continue
        instance = Nobody(name) if server is Nobody else None if server is None else Raw(name, None if server is Raw else server)
        made += [mesh_service(name, [instance] if instance else []), service_policy(name, **{**ALONE, **policy})]
    made.append({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "only", "namespace": "default"},
                 "spec": {"parentRefs": [{"group": "weft.dev", "kind": "MeshService", "name": "no-route"}],
                          "rules": [{"matches": [{"path": {"type": "Exact", "value": "/only"}}],
                                     "backendRefs": [{"group": "weft.dev", "kind": "MeshService", "name": "no-route", "port": 80}]}]}})
    return made


def by_reason(agent):
    counts = collections.Counter()
    for (name, labels), value in agent.metrics().items():
        if name == "weft_requests_total":
            counts[dict(labels)["reason"]] += value
    return counts


def weftctl(request, side, *where):
    done = subprocess.run([str(BIN / "weftctl"), "explain", request, *where], capture_output=True, text=True, timeout=60)
    found = re.match(rf"{re.escape(request)} {side}: (\d+) (\w+)", done.stdout)
    assert found, f"weftctl explain {request} {where}: {done.stdout}{done.stderr}"
    return found[2]


def reasons_in(value):
    """The reason of each record of an /explain answer."""
    return [record["reason"] for record in (value if isinstance(value, list) else value.get("records", [value]))]


class Prover:
    """An agent, the control plane that it reports to, if any, and how a request ends: (status, headers) of ask()."""

    def __init__(self, pool, agent, control, side):
        self.pool, self.agent, self.side = pool, agent, side
        self.asked = [["--agent", f"127.0.0.1:{agent.ports['admin']}"]]
        if control is not None:
            self.asked.append(["--server", f"127.0.0.1:{control.ports['http']}"])
            wait_for("the agent reporting", lambda: control.api("explain/nothing")[1]["answered"] > 0)

    def counts(self):
        return by_reason(self.agent)

    def prove(self, reason, status, ask):
        wait_for(f"{reason} to be the answer", lambda: ask()[1].get("x-weft-reason") == reason)
        before = by_reason(self.agent)
        answers = list(self.pool.map(lambda _: ask()[:2], range(EACH)))
        header = collections.Counter((code, h.get("x-weft-reason")) for code, h in answers)
        assert header == {(status, reason): EACH}, f"{reason}: answered {header}"
        ids = [h["x-request-id"] for _, h in answers]
        assert len(set(ids)) == EACH
        self.prove_records(reason, ids, before)
        print(f"   {self.side} {reason}: {EACH} times", flush=True)

    def prove_records(self, reason, ids, before):
        wait_for("all log lines", lambda: {line["request_id"] for line in self.agent.log_lines()} >= set(ids))
        logged = collections.Counter(line["reason"] for line in self.agent.log_lines() if line["request_id"] in set(ids))
        assert logged == {reason: EACH}, f"{reason}: the log has {logged}"
        grown = {name: value - before[name] for name, value in by_reason(self.agent).items() if value != before[name]}
        assert grown == {reason: EACH}, f"{reason}: the metric grew by {grown}"
        explained = collections.Counter(each for i in ids for each in reasons_in(self.agent.explain(i)))
        assert explained == {reason: EACH}, f"{reason}: /explain has {explained}"
        for where in self.asked:
            told = collections.Counter(self.pool.map(lambda i: weftctl(i, self.side, *where), ids))
            assert told == {reason: EACH}, f"{reason}: weftctl explain {where[0]} says {told}"


def test_all_witnesses_agree_on_twelve_kinds_of_failure_at_the_calling_agent():
    with Mesh() as mesh, concurrent.futures.ThreadPoolExecutor(8) as pool:
        control = Control(mesh)
        control.apply(*documents())
        agent = mesh.agent("client", services=(), controlPlane={"address": f"127.0.0.1:{control.ports['grpc']}"})
        prover = Prover(pool, agent, control, "outbound")
        url = f"http://127.0.0.1:{agent.ports['outbound']}/x"
        for reason, (status, _, _, headers) in KINDS.items():
            prover.prove(reason, status, lambda: get(url, {"host": service_of(reason) + ".default", **headers}))


def say(port, text):
    """(status, headers) of the answer to these bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=15) as connection:
        connection.sendall(text.encode())
        connection.settimeout(15)
        head = b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(65536)
            assert piece, f"closed after {head!r}"
            head += piece
    first, *fields = head.split(b"\r\n\r\n")[0].decode().split("\r\n")
    return int(first.split()[1]), dict(field.split(": ", 1) for field in fields)


# reason: (status, the application, the request)
GET = "GET / HTTP/1.1\r\nhost: app\r\n"
INBOUND = {
    "connect_failed": (502, Nobody, GET + "\r\n"),
    "upstream_reset": (502, b"", GET + "\r\n"),
    "upstream_malformed": (502, b"HTTP/1.1 2OO fine\r\n\r\n", GET + "\r\n"),
    "loop": (508, None, GET + "\r\n"),
    "bad_request": (400, b"", GET + "host: other\r\n\r\n"),
    "head_too_large": (431, b"", GET + "x: " + "a" * 66000 + "\r\n\r\n"),
    "head_timeout": (408, b"", GET),
}


def test_all_witnesses_agree_on_seven_kinds_of_failure_at_the_called_agent():
    with Mesh() as mesh, concurrent.futures.ThreadPoolExecutor(8) as pool:
        control = Control(mesh)
        control.apply(*[mesh_service(service_of(reason), []) for reason in INBOUND])
        own = free_port()
        inbound = []
        for reason, (_, server, _) in INBOUND.items():
            to = own if server is None else Nobody(reason).port if server is Nobody else Raw(reason, server).port
            inbound.append({"listen": f"127.0.0.1:{own if server is None else 0}", "forward": f"127.0.0.1:{to}",
                            "service": f"default/{service_of(reason)}", "port": "http"})
        agent = mesh.agent("server", services=(), inbound=inbound, limits={"requestHead": "300ms"},
                           controlPlane={"address": f"127.0.0.1:{control.ports['grpc']}"})
        prover = Prover(pool, agent, control, "inbound")
        for i, (reason, (status, _, request)) in enumerate(INBOUND.items()):
            prover.prove(reason, status, lambda: say(agent.ports[f"inbound-{i}"], request))


if __name__ == "__main__":
    main(sys.modules[__name__])
