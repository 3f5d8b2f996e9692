#!/usr/bin/env python3
"""Twelve kinds of failure, a hundred requests each: the answer's header, the access log, the metric, /explain and
weftctl explain name the same reason for each request, and their counts are the same."""
import collections
import concurrent.futures
import re
import socket
import subprocess
import sys
import threading

from mesh import BIN, Mesh, free_port, get, main, mesh_service, service_policy, wait_for

EACH = 100
ALONE = dict(retry={"enabled": False}, circuitBreaker={"enabled": False}, outlierDetection={"enabled": False})


class Raw:
    """A server that reads one head and answers each connection with the same bytes; None: says nothing until the
    client goes."""

    def __init__(self, name, answer):
        self.id, self.address, self.answer = name, "127.0.0.1", answer
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


def weftctl(agent, request):
    done = subprocess.run([str(BIN / "weftctl"), "explain", request, "--agent", f"127.0.0.1:{agent.ports['admin']}"],
                          capture_output=True, text=True, timeout=60)
    found = re.match(rf"{re.escape(request)} outbound: (\d+) (\w+)", done.stdout)
    assert found, f"weftctl explain {request}: {done.stdout}{done.stderr}"
    return found[2]


def reasons_in(value):
    """The reason of each record of an /explain answer."""
    return [record["reason"] for record in (value if isinstance(value, list) else value.get("records", [value]))]


def prove(pool, agent, reason):
    status, _, _, headers = KINDS[reason]
    url = f"http://127.0.0.1:{agent.ports['outbound']}/x"
    headers = {"host": service_of(reason) + ".default", **headers}
    if reason == "breaker_open":
        wait_for("the circuit to open", lambda: get(url, headers)[1].get("x-weft-reason") == reason)
    before = by_reason(agent)
    answers = list(pool.map(lambda _: get(url, headers)[:2], range(EACH)))
    header = collections.Counter((code, h.get("x-weft-reason")) for code, h in answers)
    assert header == {(status, reason): EACH}, f"{reason}: answered {header}"
    ids = [h["x-request-id"] for _, h in answers]
    assert len(set(ids)) == EACH
    wait_for("all log lines", lambda: {line["request_id"] for line in agent.log_lines()} >= set(ids))
    logged = collections.Counter(line["reason"] for line in agent.log_lines() if line["request_id"] in set(ids))
    assert logged == {reason: EACH}, f"{reason}: the log has {logged}"
    grown = {name: value - before[name] for name, value in by_reason(agent).items() if value != before[name]}
    assert grown == {reason: EACH}, f"{reason}: the metric grew by {grown}"
    explained = collections.Counter(each for i in ids for each in reasons_in(agent.explain(i)))
    assert explained == {reason: EACH}, f"{reason}: /explain has {explained}"
    told = collections.Counter(pool.map(lambda i: weftctl(agent, i), ids))
    assert told == {reason: EACH}, f"{reason}: weftctl explain says {told}"
    print(f"   {reason}: {EACH} times", flush=True)


def test_header_log_metric_and_explain_agree_on_twelve_kinds_of_failure():
    with Mesh() as mesh, concurrent.futures.ThreadPoolExecutor(8) as pool:
        agent = mesh.agent("client", services=(), resources=mesh.resources(*documents()))
        for reason in KINDS:
            prove(pool, agent, reason)


if __name__ == "__main__":
    main(sys.modules[__name__])
