#!/usr/bin/env python3
"""Bytes that parsers disagree on (hostile_cases.py), through one agent and through two.

Each case is sent whole, byte by byte and cut at random; whatever the cuts, the client gets the same statuses and the
backend the same messages. strict.py reads what arrives at the backend; Go's net/http must read the same in it. After
each case a good request on a new connection is answered, and the backend has seen nothing that was not expected.
"""
import base64
import concurrent.futures
import itertools
import json
import queue
import random
import socket
import subprocess
import sys
import threading

import strict
from hostile_cases import ANY, CUT, REQUESTS, RESPONSES
from mesh import Mesh, main, mesh_service, peer, service_policy, wait_for

LANES = 8
CUTS = ("whole", "bytes", 1, 2, 3, 4, 5)
QUIET = {"retry": {"enabled": False}, "circuitBreaker": {"enabled": False}, "outlierDetection": {"enabled": False}}
CHANGING = (b"x-request-id", b"x-weft-deadline-ms")


def pieces(data, how, name):
    """`data` in pieces; of a long one only both ends byte by byte."""
    if how == "whole" or len(data) < 2:
        return [data]
    if how == "bytes":
        middle = range(200, max(200, len(data) - 200), 4096)
        at = [*range(min(200, len(data))), *middle, *range(max(200, len(data) - 200), len(data))]
    else:
        chance = random.Random(f"{name} {how}")
        at = [0, *sorted(chance.sample(range(1, len(data)), min(len(data) - 1, chance.randint(1, 6))))]
    return [data[a:b] for a, b in itertools.pairwise([*at, len(data)])]


class Stream:
    """One connection to a backend."""

    def __init__(self):
        self.data, self.read, self.messages, self.error, self.closed = b"", 0, [], None, False

    def partial(self):
        return len(self.data) > self.read


class Backend:
    """Notes all bytes; answers each whole request with its target, or with `answer`: (pieces, close behind them)."""

    def __init__(self, name):
        self.id, self.address = name, "127.0.0.1"
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.streams, self.messages, self.answer, self.answering = [], [], None, False
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stream = Stream()
            self.streams.append(stream)
            threading.Thread(target=self.serve, args=(connection, stream), daemon=True).start()

    def serve(self, connection, stream):
        with connection:
            try:
                while part := connection.recv(1 << 16):
                    stream.data += part
                    if not self.take(connection, stream):
                        break
            except strict.Malformed as error:
                stream.error = error
            except OSError:
                pass   # an agent gave a message up
            stream.closed = True

    def take(self, connection, stream):
        while found := strict.request(stream.data[stream.read:]):
            message, used = found
            stream.read += used
            stream.messages.append(message)
            self.messages.append(message)
            method, target = message.first
            if self.answer is not None and not target.startswith(b"/good"):
                parts, close = self.answer
                self.answering = True
                try:
                    for part in parts:
                        connection.sendall(part)
                finally:
                    self.answering = False
                if close:
                    return False
                continue
            body = b"" if method == b"HEAD" else target
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        return True


class Client:
    """One connection of a client; reads answers strictly."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data, self.ended = b"", False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, parts):
        try:
            for part in parts:
                self.socket.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            pass   # refused before all of it was sent

    def more(self):
        try:
            part = self.socket.recv(1 << 16)
        except ConnectionResetError:
            part = b""
        self.data += part
        self.ended = not part

    def answer(self, method=b"POST"):
        """The next final answer; None: the connection ended before one, CUT: within one."""
        while True:
            found = strict.response(self.data, method, self.ended)
            if found:
                message, used = found
                self.data = self.data[used:]
                if message.first >= 200:
                    return message
            elif self.ended:
                return CUT if self.data else None
            else:
                self.more()

    def finish(self):
        """Whatever comes behind the answers: nothing should."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        while not self.ended:
            self.more()
        return self.data


class Lane:
    """A backend, and the client's ports to it: through both agents, and past the second."""

    def __init__(self, backend, ports):
        self.backend, self.ports = backend, ports
        self.number = 0

    def begin(self):
        self.mark, self.backend.answer = len(self.backend.messages), None

    def good_request(self, port):
        self.number += 1
        target = b"/good/%d" % self.number
        with Client(port) as client:
            client.send([b"GET " + target + b" HTTP/1.1\r\nHost: good\r\n\r\n"])
            answer = client.answer(b"GET")
            assert answer not in (None, CUT) and (answer.first, answer.body) == (200, target), f"the good request behind it: {answer}"
            assert client.finish() == b"", "bytes behind the good answer"
        return target

    def arrived(self, good):
        """The messages of this case; what was begun and not ended must be closed."""
        wait_for("the end of what was cut", lambda: all(s.closed or not s.partial() for s in self.backend.streams))
        for stream in self.backend.streams:
            assert stream.error is None, f"a strict parser refuses what was forwarded: {stream.error}"
        *messages, last = self.backend.messages[self.mark:]
        assert last.first == (b"GET", good), f"behind the good request came {last.first}"
        return messages


def meaning(message):
    (method, target), (host,) = message.first, message.all(b"host")
    return method, target, host, message.body


def stable(message):
    """Of a forwarded message, what must not depend on how it arrived."""
    return (message.first, [(name, b"" if name in CHANGING else value) for name, value in message.fields], message.body, message.trailers)


def same(expected, got):
    return all(want is ANY or want == have for want, have in zip(expected, got, strict=True))


def send_request(lane, path, name, how):
    """Raises when it is not as expected; else what arrived."""
    data, expected = REQUESTS[name]
    messages = [e for e in expected if isinstance(e, tuple)]
    ending = expected[-1] if not isinstance(expected[-1], tuple) else None
    lane.begin()
    with Client(lane.ports[path]) as client:
        client.send(pieces(data, how, name))
        for method, target, *_ in messages:
            answer = client.answer(method)
            assert answer not in (None, CUT) and answer.first == 200, f"answered {answer}"
            assert answer.body == (b"" if method == b"HEAD" else target), f"the answer is another's: {answer}"
        if isinstance(ending, int):
            answer = client.answer(b"GET")
            assert answer not in (None, CUT) and answer.first == ending, f"answered {answer}, not {ending}"
            assert answer.all(b"connection") == [b"close"]
        assert client.finish() == b"", "bytes behind the last answer"
    arrived = lane.arrived(lane.good_request(lane.ports[path]))
    got = [meaning(message) for message in arrived]
    assert len(got) == len(messages) and all(map(same, messages, got)), f"the backend read {str(got)[:500]}"
    return [stable(message) for message in arrived]


def send_response(lane, path, name, how):
    method, data, close, expected = RESPONSES[name]
    lane.begin()
    lane.backend.answer = (pieces(data, how, name), close)
    with Client(lane.ports[path]) as client:
        client.send([method + b" /a HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"])
        answer = client.answer(method)
        rest = client.finish()
    if answer is CUT or answer is None:
        got = CUT if answer is CUT else None
    else:
        assert b"set-cookie" not in dict(answer.fields), f"injected: {answer}"
        assert rest == b"", f"bytes behind the answer: {rest[:100]}"
        got = 502 if answer.first == 502 else (answer.first, answer.body)
    assert got in expected, f"the client got {answer}"
    # What is still on its way would answer the next request of a connection that was kept, whoever forwards it.
    wait_for("the end of the backend's answer", lambda: not lane.backend.answering)
    assert len(lane.arrived(lane.good_request(lane.ports[path]))) == 1
    return got if len(expected) == 1 else None


def mesh_of_lanes(mesh):
    backends = [Backend(f"lane-{i}") for i in range(LANES)]

    def resources(name, ports):
        documents = []
        for service, port in ports.items():
            document = mesh_service(service, [])
            if port:
                document["spec"]["instances"] = [{"id": f"{service}-1", "address": "127.0.0.1", "port": port}]
            documents += [document, service_policy(service, **QUIET)]
        path = mesh.dir / f"{name}.yaml"
        path.write_text("\n---\n".join(json.dumps(d) for d in documents))
        return str(path)

    server = mesh.agent("server", services=(), resources=resources("server", {b.id: 0 for b in backends}), inbound=[
        {"listen": "127.0.0.1:0", "forward": f"127.0.0.1:{b.port}", "service": f"default/{b.id}", "port": "http"} for b in backends])
    ports = {b.id: server.ports[f"inbound-{i}"] for i, b in enumerate(backends)}
    direct = {f"direct-{b.id}": b.port for b in backends}
    client = mesh.agent("client", services=[*ports, *direct], resources=resources("client", {**ports, **direct}))
    return [Lane(b, {"two": client.ports[f"service-default/{b.id}"], "one": client.ports[f"service-default/direct-{b.id}"]}) for b in backends]


def run(lanes, cases, send):
    """All cases, each by one lane; the texts of those that failed."""
    waiting = queue.SimpleQueue()
    for name in cases:
        waiting.put(name)
    failed = []

    def one(lane, name):
        for path, cuts in (("two", CUTS), ("one", CUTS[:3])):
            first = None
            for how in cuts:
                try:
                    came = send(lane, path, name, how)
                    assert how == "whole" or came == first, f"whole it was {str(first)[:300]}, now {str(came)[:300]}"
                    first = came
                except (AssertionError, strict.Malformed, OSError) as error:
                    failed.append(f"{name}, {how}, agents: {path}: {error}"[:600])
                    lane.backend.streams.clear()
                    return

    def work(lane):
        while True:
            try:
                name = waiting.get_nowait()
            except queue.Empty:
                return
            one(lane, name)

    with concurrent.futures.ThreadPoolExecutor(len(lanes)) as pool:
        for done in [pool.submit(work, lane) for lane in lanes]:
            done.result()
    assert not failed, f"{len(failed)} failed:\n" + "\n".join(failed[:40])


def compare_with_go(mesh, lanes):
    """Go's net/http must find the same messages in what the backends received."""
    streams = [s for lane in lanes for s in lane.backend.streams]
    path = mesh.dir / "streams"
    path.write_text("".join(base64.b64encode(s.data).decode() + "\n" for s in streams))
    lines = subprocess.run([peer(), "read", str(path)], capture_output=True, text=True, check=True).stdout.splitlines()
    for stream, line in zip(streams, map(json.loads, lines), strict=True):
        ours = [meaning(message) for message in stream.messages]
        theirs = [(m["Method"].encode(), m["Target"].encode(), m["Host"].encode(), base64.b64decode(m["Body"] or "")) for m in line["Messages"] or ()]
        assert theirs == ours, f"Go reads {[(a, b) for a, b in itertools.zip_longest(theirs, ours) if a != b][:1]}: {line['Error']}"
        assert stream.partial() or line["Error"] == "", f"Go: {line['Error']}"
    return sum(len(s.messages) for s in streams)


def test_requests_that_parsers_disagree_on_are_refused_or_forwarded_clean():
    with Mesh() as mesh:
        lanes = mesh_of_lanes(mesh)
        run(lanes, REQUESTS, send_request)
        print(f"{len(REQUESTS)} cases; {compare_with_go(mesh, lanes)} forwarded messages read alike by Go", flush=True)


def test_answers_that_parsers_disagree_on_become_a_502_or_are_cut():
    with Mesh() as mesh:
        run(mesh_of_lanes(mesh), RESPONSES, send_response)
        print(f"{len(RESPONSES)} cases", flush=True)


if __name__ == "__main__":
    main(sys.modules[__name__])
