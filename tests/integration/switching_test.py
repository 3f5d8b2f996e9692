#!/usr/bin/env python3
"""Streams of HTTP/2 that stop being HTTP: CONNECT (RFC 9113 8.5) and WebSocket by extended CONNECT (RFC 8441), from and to HTTP/1.1."""
import base64
import hashlib
import json
import socket
import sys

import websocket_cases
from mesh import Mesh, main, mesh_service, wait_for
from packages import with_packages
from streams_test import Greeter, websocket_server
from websocket_cases import BINARY, TEXT, frame

with_packages("h2")
import h2.errors   # noqa: E402
import h2.settings   # noqa: E402
from raw_http import Server, Wire2   # noqa: E402

BIG = 3 << 20
KEY = base64.b64encode(b"0123456789abcdef")


def service(name, protocol, port, **capabilities):
    document = mesh_service(name, [])
    document["spec"]["ports"] = [{"name": "http", "port": 80, **({"protocol": protocol} if protocol else {})}]
    document["spec"]["instances"] = [{"id": f"{name}-1", "address": "127.0.0.1", "port": port, "capabilities": capabilities}]
    return document


class Pair:
    """client -> agent -> agent -> `port`; the first speaks `between` to the second, that one `protocol` to the server."""

    def __init__(self, mesh, port, protocol="HTTP", between=None, **capabilities):
        inner, outer = mesh.dir / "inner.yaml", mesh.dir / "outer.yaml"
        inner.write_text(json.dumps(service("app", protocol, port)))
        self.callee = mesh.agent("callee", services=(), resources=str(inner), inbound=[
            {"listen": "127.0.0.1:0", "forward": f"127.0.0.1:{port}", "service": "default/app", "port": "http"}])
        outer.write_text(json.dumps(service("app", between or protocol, self.callee.ports["inbound-0"], meshed=True, **capabilities)))
        self.caller = mesh.agent("caller", services=("app",), resources=str(outer))
        self.port = self.caller.ports["service-default/app"]


def http2(port):
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    wire = Wire2(connection, client=True)
    wire.until(wire.settled.is_set)
    return wire


def extended(wire, path=b"/", protocol=b"websocket", more=()):
    return wire.ask([(b":method", b"CONNECT"), (b":protocol", protocol), (b":scheme", b"http"), (b":path", path), (b":authority", b"app"),
                     (b"sec-websocket-version", b"13"), *more], end=False)


def opened(wire, stream):
    wire.until(lambda: stream in wire.headed or stream in wire.ended)
    return wire.messages[stream]


def received(wire, stream, size):
    wire.until(lambda: len(wire.messages[stream].body) >= size or stream in wire.ended)
    return wire.messages[stream].body


def echoes(wire, stream):
    """A text, then a large message in both directions at once, then the end from either side."""
    wire.data(stream, frame(TEXT, b"hello"))
    assert received(wire, stream, 7) == b"\x81\x05hello"
    payload = bytes(range(256)) * (BIG // 256)
    wire.data(stream, frame(BINARY, payload))
    answer = received(wire, stream, 7 + 10 + BIG)
    assert answer[7:9] == b"\x82\x7f" and answer[17:] == payload
    wire.data(stream, websocket_cases.close())
    wire.until(lambda: stream in wire.ended)
    assert wire.messages[stream].body[17 + BIG:].startswith(b"\x88") and wire.messages[stream].reset < 0
    wire.data(stream, b"", end=True)   # the server has closed; now the client


def handshake(client):
    """In HTTP/1.1; the head of its answer."""
    client.sendall(b"GET /chat?x=1 HTTP/1.1\r\nHost: app\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                   b"Sec-WebSocket-Key: " + KEY + b"\r\nSec-WebSocket-Protocol: chat\r\n\r\n")
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += client.recv(1)
    return head


def echo_in_http2(connection, offers=True):
    """A server of RFC 8441: returns what it gets, frame by frame unmasked, and ends when told."""
    wire, at = Wire2(connection, client=False, connect_protocol=offers), {}
    while True:
        wire.more()
        for stream, message in list(wire.messages.items()):
            if stream not in wire.headed:
                continue
            if stream not in at:
                at[stream] = 0
                ok = b":protocol=websocket" in message.start
                wire.connection.send_headers(stream, [(b":status", b"200" if ok else b"204"), (b"x-start", message.start)], end_stream=not ok)
                wire.flush()
            while (found := websocket_cases.read_frame(message.body[at[stream]:])) is not None:
                opcode, payload, size = found
                at[stream] += size
                wire.data(stream, frame(opcode, payload, masked=False), end=opcode == websocket_cases.CLOSE)


def test_a_websocket_in_http2_to_one_in_http1():
    for capabilities in ({}, {"http2": True}):
        with Mesh() as mesh:
            pair = Pair(mesh, websocket_server(mesh).port, **capabilities)
            wire = http2(pair.port)
            assert wire.connection.remote_settings.enable_connect_protocol == 1
            streams = [extended(wire) for _ in range(3)]
            for stream in streams:
                head = opened(wire, stream)
                assert head.status == 200 and not head.get(b"sec-websocket-accept") and not head.get(b"upgrade"), head
            for stream in streams:
                echoes(wire, stream)
            for agent in (pair.caller, pair.callee):
                wait_for("their ends", lambda agent=agent: agent.total("weft_streams_total", kind="upgrade", reason="ok") >= 3, 20)
                assert agent.total("weft_streams_open") == 0
            # A broken stream breaks its socket and nothing else.
            one, two = extended(wire), extended(wire)
            assert opened(wire, one).status == 200 and opened(wire, two).status == 200
            wire.connection.reset_stream(one, h2.errors.ErrorCodes.CANCEL)
            wire.flush()
            wait_for("its end", lambda: pair.callee.total("weft_streams_open") == 1, 20)
            echoes(wire, two)
            wire.socket.close()
            wait_for("nothing is left", lambda: pair.caller.total("weft_connections_open", direction="outbound") == 0, 20)


def test_a_websocket_in_http1_to_one_in_http2():
    with Mesh() as mesh:
        server = Server(echo_in_http2)
        pair = Pair(mesh, server.port, "HTTP2")
        with socket.create_connection(("127.0.0.1", pair.port), timeout=20) as client:
            head = handshake(client)
            accept = base64.b64encode(hashlib.sha1(KEY + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
            assert head.startswith(b"HTTP/1.1 101 ") and b"sec-websocket-accept: " + accept + b"\r\n" in head, head
            assert b":method=CONNECT" in head and b":path=/chat?x=1" in head and b":protocol=websocket" in head, head
            client.sendall(frame(TEXT, b"hello"))
            assert client.recv(100) == b"\x81\x05hello"
            client.sendall(websocket_cases.close())
            rest = b""
            while piece := client.recv(65536):
                rest += piece
            assert rest.startswith(b"\x88"), rest
        wire = http2(pair.port)   # and from HTTP/2 all the way
        stream = extended(wire, b"/chat")
        assert opened(wire, stream).status == 200
        echoes(wire, stream)
        assert not server.failures, server.failures


def test_an_instance_that_does_not_take_it():
    with Mesh() as mesh:
        server = Server(lambda connection: echo_in_http2(connection, offers=False))
        pair = Pair(mesh, server.port, "HTTP2")
        for _ in range(2):   # before and after its settings are known
            with socket.create_connection(("127.0.0.1", pair.port), timeout=20) as client:
                answer = handshake(client)
            assert answer.startswith(b"HTTP/1.1 501 ") and b"x-weft-reason: upgrade_refused" in answer, answer
        wire = http2(pair.port)
        for protocol in (b"websocket", b"h2c", b"other"):
            answer = wire.answer(extended(wire, protocol=protocol))
            assert answer.status == 501 and answer.get(b"x-weft-reason") == [b"upgrade_refused"], answer


def test_an_application_that_takes_an_upgrade_for_a_request():
    with Mesh() as mesh:
        backend = mesh.backends("app")
        pair = Pair(mesh, backend.port)
        wire = http2(pair.port)
        answer = wire.answer(extended(wire))
        assert answer.status == 501 and answer.get(b"x-weft-reason") == [b"upgrade_refused"], answer
        backend.mode(mode="status", code=404)
        refused = extended(wire)
        wire.data(refused, b"GET /smuggled HTTP/1.1\r\nhost: app\r\n\r\n")
        assert wire.answer(refused).status == 404
        backend.mode(mode="ok")
        before = backend.stats()["requests"]
        ordinary = wire.ask([(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"app")])
        answer = wire.answer(ordinary)
        assert answer.status == 200 and answer.body.startswith(b"app"), answer
        assert backend.stats()["requests"] == before + 1


def test_every_websocket_case_by_way_of_http2():
    """HTTP/1.1 to the first agent, extended CONNECT to the second, HTTP/1.1 to the server."""
    with Mesh() as mesh:
        server = websocket_server(mesh)
        pair = Pair(mesh, server.port, "HTTP", between="HTTP2")
        direct, through = websocket_cases.report(server.port), websocket_cases.report(pair.port)
        different = {name: (direct[name], through[name]) for name in direct if direct[name] != through[name]}
        print(f"   {len(direct)} cases, {len(different)} different", flush=True)
        assert not different and len(direct) > 150, list(different.items())[:3]
        made = pair.callee.total("weft_connections_total", direction="inbound")
        assert made <= 2, f"{made} connections between the agents"


def test_connect_in_http2():
    with Mesh() as mesh, Greeter() as greeter:
        web = mesh.backends("web")
        documents = [service("raw", "TCP", greeter.port), service("web", "HTTP", web.port)]
        (mesh.dir / "connect.yaml").write_text("\n---\n".join(json.dumps(d) for d in documents))
        agent = mesh.agent("agent", services=(), resources=str(mesh.dir / "connect.yaml"))
        wire = http2(agent.ports["outbound"])
        tunnel = wire.ask([(b":method", b"CONNECT"), (b":authority", b"raw.default:80")], end=False)
        wire.data(tunnel, b"early")   # before the answer
        assert opened(wire, tunnel).status == 200
        assert received(wire, tunnel, 16) == b"220 hello\r\nearly"
        payload = bytes(range(256)) * (BIG // 256)
        wire.data(tunnel, payload, end=True)
        wire.until(lambda: tunnel in wire.ended)
        assert wire.messages[tunnel].body == b"220 hello\r\nearly" + payload and wire.messages[tunnel].reset < 0
        for authority, reason in ((b"web.default:80", b"connect_denied"), (b"nobody.default:80", b"unknown_service")):
            answer = wire.answer(wire.ask([(b":method", b"CONNECT"), (b":authority", authority)], end=False))
            assert answer.status >= 400 and answer.get(b"x-weft-reason") == [reason], answer
        other = wire.ask([(b":method", b"CONNECT"), (b":authority", b"raw.default:80")], end=False)
        assert opened(wire, other).status == 200
        wire.socket.close()
        wait_for("its end", lambda: agent.total("weft_streams_open") == 0, 20)
        assert agent.total("weft_streams_total", kind="connect", reason="ok") == 1
        assert agent.total("weft_streams_total", kind="connect", reason="client_closed") == 1


if __name__ == "__main__":
    main(sys.modules[__name__])
