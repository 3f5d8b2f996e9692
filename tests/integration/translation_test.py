#!/usr/bin/env python3
"""The table of docs/life-of-a-request.md, "HTTP/2", by two agents: {HTTP/1.1, HTTP/2} of client and application, and of what is between
the agents, times methods, bodies, trailers and answers. Each message is compared byte by byte at both ends with what the table says."""
import itertools
import json
import socket
import sys

from mesh import Mesh, main, mesh_service
from packages import with_packages

with_packages("h2")
from raw_http import Server, Wire1, Wire2   # noqa: E402

METHODS = (b"GET", b"HEAD", b"POST", b"OPTIONS")
BODIES, ANSWERS = ("none", "length", "stream"), ("200", "204", "304", "100", "103", "500")
PIECES = [b"first, ", b"second" * 700, b"; last"]
WHOLE = b"".join(PIECES)
TRAILERS = [(b"x-Sum", b"42"), (b"x-other", b"a b")]
MESH = (b"x-request-id", b"x-forwarded-for", b"x-forwarded-proto")   # what hops add; x-weft-* too


class Case:
    def __init__(self, number, client, between, application, method, body, trailers, answer):
        self.number, self.client, self.between, self.application = number, client, between, application
        self.method, self.body, self.trailers, self.answer = method, body, trailers, answer
        self.versions = (client, between, application)
        self.status = {"100": 200, "103": 200}.get(answer, int(answer))
        self.bare = method == b"HEAD" or self.status in (204, 304)

    def __repr__(self):
        return (f"case {self.number}: HTTP/{self.client} -> HTTP/{self.between} -> HTTP/{self.application}, {self.method.decode()}, "
                f"body {self.body}, {'trailers' if self.trailers else 'no trailers'}, {self.answer}")

    def possible(self):
        """HTTP/1.1 has trailers behind chunks only."""
        return not (self.trailers and self.body != "stream" and 1 in (self.client, self.application))

    def name(self, name):
        """As it arrives at the other end."""
        return name.lower() if 2 in self.versions else name

    def kept(self, fields):
        return [(self.name(n), v) for n, v in fields]

    # --- the request ---

    def request_fields(self):
        fields = [(b"X-Case", str(self.number).encode()), (b"accept", b"*/*"), (b"X-Twice", b"1"), (b"x-twice", b"2")]
        fields += [(b"expect", b"100-continue")] if self.answer == "100" else []
        return fields + ([(b"trailer", b"x-Sum")] if self.trailers else [])

    def send1(self, wire):
        fields = [(b"Host", b"app.test:81"), (b"Keep-Alive", b"5"), (b"Connection", b"keep-alive, x-gone" + (b", te" if self.trailers else b"")), (b"x-gone", b"1")]
        fields += self.request_fields() + [(b"cookie", b"a=1; b=2")] + ([(b"TE", b"trailers")] if self.trailers else [])
        framing = {"none": [], "length": [(b"Content-Length", b"%d" % len(WHOLE))], "stream": [(b"transfer-encoding", b"chunked")]}[self.body]
        body = {"none": b"", "length": WHOLE, "stream": PIECES}[self.body]
        target = b"*" if self.method == b"OPTIONS" else b"/a%2Fb?c=d"
        wire.send(self.method + b" " + target + b" HTTP/1.1", fields + framing, body, TRAILERS if self.trailers else ())
        return wire.answer(self.method)

    def send2(self, wire):
        target = b"*" if self.method == b"OPTIONS" else b"/a%2Fb?c=d"
        fields = [(b":method", self.method), (b":scheme", b"http"), (b":path", target), (b":authority", b"app.test:81")]
        fields += [(n.lower(), v) for n, v in self.request_fields()] + [(b"cookie", b"a=1"), (b"cookie", b"b=2")]
        fields += [(b"te", b"trailers")] if self.trailers else []
        fields += [(b"content-length", b"%d" % len(WHOLE))] if self.body == "length" else []
        lower = [(n.lower(), v) for n, v in TRAILERS] if self.trailers else ()
        return wire.answer(wire.ask(fields, () if self.body == "none" else PIECES, lower))

    def check_request(self, seen):
        framing = (b"content-length", b"transfer-encoding", b"connection", b"te", b"host", b"cookie")
        rest = [(n, v) for n, v in seen.fields if n.lower() not in MESH + framing and not n.lower().startswith(b"x-weft-")]
        sent = self.request_fields() if self.client == 1 else [(n.lower(), v) for n, v in self.request_fields()]
        assert rest == self.kept(sent), ("fields", rest, self.kept(sent))
        target = b"*" if self.method == b"OPTIONS" else b"/a%2Fb?c=d"
        length = [b"%d" % len(WHOLE)] if self.body == "length" else []
        if self.application == 1:
            assert seen.start == self.method + b" " + target + b" HTTP/1.1", seen.start
            assert seen.get(b"host") == [b"app.test:81"], seen.fields
            assert seen.get(b"cookie") == [b"a=1; b=2"], seen.fields
            chunked = self.body == "stream" or (self.trailers and self.body == "none")
            empty = [b"0"] if self.body == "none" and not chunked and self.method == b"POST" else length
            assert seen.get(b"transfer-encoding") == ([b"chunked"] if chunked else []), seen.fields
            assert seen.get(b"content-length") in (empty, length), seen.fields
            assert seen.get(b"connection") == ([b"te"] if self.trailers else []), seen.fields
        else:
            assert seen.start == b" ".join([b":authority=app.test:81", b":method=" + self.method, b":path=" + target, b":scheme=http"]), seen.start
            assert b"; ".join(seen.get(b"cookie")) == b"a=1; b=2", seen.fields
            assert seen.get(b"content-length") in (length, [b"0"] if self.body == "none" and self.method == b"POST" else length), seen.fields
            assert not seen.get(b"transfer-encoding") and not seen.get(b"connection") and not seen.get(b"host"), seen.fields
        assert seen.get(b"te") == ([b"trailers"] if self.trailers else []), seen.fields
        assert seen.body == (b"" if self.body == "none" else WHOLE), ("body", len(seen.body))
        self.check_trailers(seen, self.client)

    # --- the answer ---

    def answer_fields(self):
        return [(b"X-Answer", b"yes"), (b"set-cookie", b"a=1"), (b"Set-Cookie", b"b=2")] + ([(b"Trailer", b"x-Sum")] if self.trailers else [])

    def has_body(self):
        return self.body != "none" and not self.bare

    def interim1(self, wire):
        if self.answer == "100":
            wire.send(b"HTTP/1.1 100 Continue", [])
        if self.answer == "103":
            wire.send(b"HTTP/1.1 103 Early Hints", [(b"link", b"</x>")])

    def answer1(self, wire):
        framing = {"none": [(b"Content-Length", b"0")], "length": [(b"Content-Length", b"%d" % len(WHOLE))], "stream": [(b"transfer-encoding", b"chunked")]}[self.body]
        framing = [] if self.status == 204 or (self.status == 304 and self.body != "length") else framing
        body = b"" if not self.has_body() else WHOLE if self.body == "length" else PIECES
        wire.send(b"HTTP/1.1 %d Fine" % self.status, self.answer_fields() + framing + [(b"Keep-Alive", b"timeout=60")], body, TRAILERS if self.trailers else ())

    def answer2(self, wire, stream):
        if self.answer == "100":
            wire.send(stream, [(b":status", b"100")], end=False)
        if self.answer == "103":
            wire.send(stream, [(b":status", b"103"), (b"link", b"</x>")], end=False)
        fields = [(b":status", b"%d" % self.status)] + [(n.lower(), v) for n, v in self.answer_fields()]
        fields += [(b"content-length", b"%d" % len(WHOLE))] if self.body == "length" and self.status != 204 else []
        trailers = [(n.lower(), v) for n, v in TRAILERS] if self.trailers and not self.bare else ()
        wire.send(stream, fields, PIECES if self.has_body() else (), trailers)

    def check_answer(self, seen):
        assert seen.status == self.status, (seen.status, seen.start)
        if self.client == 1 and 2 not in self.versions:
            assert seen.start == b"HTTP/1.1 %d Fine" % self.status, seen.start
        framing = (b"content-length", b"transfer-encoding", b"connection", b"keep-alive")
        rest = [(n, v) for n, v in seen.fields if n.lower() not in framing]
        sent = self.answer_fields() if self.application == 1 else [(n.lower(), v) for n, v in self.answer_fields()]
        assert rest == self.kept(sent), ("fields", rest)
        wanted = {"100": [(100, [])], "103": [(103, [(b"link", b"</x>")])]}.get(self.answer, [])
        assert seen.interim == wanted, ("interim", seen.interim)
        length = [b"%d" % len(WHOLE)] if self.body == "length" and self.status != 204 else []
        if self.bare:
            allowed = [length] if self.body == "length" else [[], [b"0"]] if self.status == 200 or self.status == 500 else [[]]
            assert seen.get(b"content-length") in allowed, seen.fields
        elif self.body == "none":
            chunked = self.trailers   # an end that comes behind the head
            assert seen.get(b"content-length") in ([[]] if chunked else [[b"0"]] if self.client == 1 or self.application == 1 else [[], [b"0"]]), seen.fields
        else:
            assert seen.get(b"content-length") == length, seen.fields
        if self.client == 2:
            assert not seen.get(b"transfer-encoding") and not seen.get(b"connection"), seen.fields
        elif not self.bare:
            chunked = self.body == "stream" or (self.trailers and self.body == "none")
            assert seen.get(b"transfer-encoding") == ([b"chunked"] if chunked else []), seen.fields
        assert seen.body == (WHOLE if self.has_body() else b""), ("body", len(seen.body))
        if self.bare:
            assert seen.trailers == [], seen.trailers
        else:
            self.check_trailers(seen, self.application)

    def check_trailers(self, seen, sender):
        """A length leaves no place for them in HTTP/1.1."""
        fits = self.trailers and not (self.body == "length" and 1 in self.versions)
        sent = TRAILERS if sender == 1 else [(n.lower(), v) for n, v in TRAILERS]
        assert seen.trailers == (self.kept(sent) if fits else []), ("trailers", seen.trailers)


class Application:
    """Answers as the case of the request says, and keeps what came."""

    def __init__(self, version, cases):
        self.cases, self.seen = cases, {}
        self.server = Server(self.serve1 if version == 1 else self.serve2)
        self.port = self.server.port

    def case(self, message):
        number = int(message.get(b"x-case")[0])
        self.seen[number] = message
        return self.cases[number]

    def serve1(self, connection):
        wire = Wire1(connection)
        while True:
            head = wire.head()
            case = self.case(head)
            case.interim1(wire)   # before the body has come
            wire.rest(head)
            case.answer1(wire)

    def serve2(self, connection):
        wire, done = Wire2(connection, client=False), set()
        while True:
            wire.more()
            for stream in sorted(wire.ended - done):
                done.add(stream)
                self.case(wire.messages[stream]).answer2(wire, stream)


def service(protocol, port, **capabilities):
    document = mesh_service("app", [])
    document["spec"]["ports"] = [{"name": "http", "port": 80, "protocol": protocol}]
    document["spec"]["instances"] = [{"id": "app-1", "address": "127.0.0.1", "port": port, "capabilities": capabilities}]
    return document


class Chain:
    def __init__(self, mesh, between, application, cases):
        self.application = Application(application, cases)
        mesh.started.append(self)
        protocol = "HTTP" if application == 1 else "HTTP2"
        name = f"{between}{application}"
        inner, outer = mesh.dir / f"{name}in.yaml", mesh.dir / f"{name}out.yaml"
        inner.write_text(json.dumps(service(protocol, self.application.port)))
        callee = mesh.agent(f"{name}in", services=(), resources=str(inner), inbound=[
            {"listen": "127.0.0.1:0", "forward": f"127.0.0.1:{self.application.port}", "service": "default/app", "port": "http"}])
        shared = {"meshed": True, "http2": True} if between == 2 else {"meshed": True}
        outer.write_text(json.dumps(service(protocol, callee.ports["inbound-0"], **shared)))
        self.caller = mesh.agent(f"{name}out", services=("app",), resources=str(outer))
        self.port = self.caller.ports["service-default/app"]

    def stop(self, kill=False):
        self.application.server.close()

    def wires(self):
        def connect():
            connection = socket.create_connection(("127.0.0.1", self.port), timeout=20)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
        return {1: Wire1(connect()), 2: Wire2(connect(), client=True)}


def run(case, chain, wire):
    answer = (case.send1 if case.client == 1 else case.send2)(wire)
    assert answer.reset < 0, f"reset with {answer.reset}"
    case.check_request(chain.application.seen[case.number])
    case.check_answer(answer)


def test_every_translation():
    with Mesh() as mesh:
        cases, failures = {}, []
        for between, application in ((1, 1), (2, 1), (2, 2)):
            chain = Chain(mesh, between, application, cases)
            wires = chain.wires()
            for client, method, body, trailers, answer in itertools.product((1, 2), METHODS, BODIES, (False, True), ANSWERS):
                case = Case(len(cases), client, between, application, method, body, trailers, answer)
                if not case.possible():
                    continue
                cases[case.number] = case
                try:
                    run(case, chain, wires[client])
                except Exception as error:   # the others are of interest too
                    failures.append(f"{case}: {type(error).__name__} {error}")
                    wires = chain.wires()
            failures += chain.application.server.failures
        print(f"   {len(cases)} cases, {len(failures)} failed", flush=True)
        assert not failures, "\n".join(failures[:40])
        assert len(cases) > 500


if __name__ == "__main__":
    main(sys.modules[__name__])
