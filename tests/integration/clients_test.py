#!/usr/bin/env python3
"""Clients and servers that we did not write, each behind its own agent: many connections, corners, memory. Their bodies:
bodies_test.py."""
import contextlib
import json
import re
import socket
import sys
import threading
import time

import programs
import spaces
from mesh import Mesh, free_port, main, mesh_service
from pairs import MOST_RSS_KIB, Pair, redirected, rss_kib
from programs import GIGABYTE

def watch(agents, seconds):
    """The most memory of any of them within that time."""
    end, most = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        most = max([most, *map(rss_kib, agents)])
        time.sleep(0.02)
    return most


def test_a_reader_of_a_gigabyte_that_stops_for_ten_seconds():
    with Mesh() as mesh:
        pair = Pair(mesh, sizes=(GIGABYTE,), only=("go",))
        with socket.create_connection(("127.0.0.1", pair.client.ports["service-default/go"])) as reader:
            reader.sendall(f"GET /bytes?n={GIGABYTE} HTTP/1.1\r\nhost: go\r\n\r\n".encode())
            left = GIGABYTE - len(read_head(reader)[1])
            most = watch((pair.client, pair.server), 10)
            while left > 0:
                left -= len(reader.recv(min(left, 1 << 20)))
        assert most < MOST_RSS_KIB, f"{most} KiB while the reader stood still"
        print(f"   at most {most} KiB while it stood still")


def test_an_upload_to_a_server_that_does_not_read():
    with Mesh() as mesh, socket.create_server(("127.0.0.1", 0)) as listener:
        pair = Pair(mesh, sizes=(1,), only=("go",))
        listener_port = listener.getsockname()[1]
        pair.server.stop()
        server = mesh.agent("slow-server", services=(), resources=pair.resources(mesh, "server", {}), inbound=[
            {"listen": "127.0.0.1:0", "forward": f"127.0.0.1:{listener_port}", "service": "default/go", "port": "http"}])
        client = mesh.agent("slow-client", services=("go",), resources=pair.resources(mesh, "slow", {"go": server.ports["inbound-0"]}))
        with socket.create_connection(("127.0.0.1", client.ports["service-default/go"])) as writer:
            writer.sendall(f"POST /hash HTTP/1.1\r\nhost: go\r\ncontent-length: {GIGABYTE}\r\n\r\n".encode())
            writer.settimeout(1)
            accepted, _ = listener.accept()
            sent = 0
            with contextlib.suppress(TimeoutError):
                while True:
                    sent += writer.send(b"x" * 65536)
            most = watch((client, server), 10)
            accepted.close()
        assert most < MOST_RSS_KIB, f"{most} KiB"
        print(f"   {sent} bytes were taken, at most {most} KiB")


def read_head(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        assert piece, f"closed after {data!r}"
        data += piece
    head, rest = data.split(b"\r\n\r\n", 1)
    return head.decode(), rest


def prove_a_thousand(pair, inside=()):
    for server in [] if programs.missing("wrk") else pair.servers:
        text = programs.command(["wrk", "-t2", "-c1000", "-d4s", "--timeout", "20s", pair.url(server.id) + "/"], inside)
        assert "Socket errors" not in text and "Non-2xx" not in text, f"{server.id}: {text}"
        print("   wrk to", server.id, re.search(r"(\d+) requests in", text).group(0), flush=True)


A_THOUSAND = {"connectionPool": {"maxConnections": 2000, "maxPending": 5000}}


def test_a_thousand_connections_without_an_error():
    with Mesh() as mesh:
        pair = Pair(mesh, sizes=(1,), policy=A_THOUSAND)
        said = json.loads(mesh.run_peer("nonce", "-url", pair.url("go"), "-n", 20000, "-c", 1000, "-abort", 0))
        assert said["bad"] == 0
        prove_a_thousand(pair)


def test_a_thousand_redirected_connections_without_an_error():
    if not spaces.possible():
        return
    with redirected(sizes=(1,), policy=A_THOUSAND) as pair:
        prove_a_thousand(pair, pair.here.inside())


def raw(pair, server, text):
    connection = socket.create_connection(("127.0.0.1", pair.client.ports[f"service-default/{server}"]), timeout=10)
    connection.sendall(text.encode())
    return connection


def read_all(connection):
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            data += piece
    return data.decode("latin1")


def test_corners_of_connections():
    with Mesh() as mesh:
        pair = Pair(mesh, sizes=(1, 65536), only=("go", "python", "node"))
        for server in [s.id for s in pair.servers]:
            with raw(pair, server, f"GET /bytes?n=65536 HTTP/1.1\r\nhost: {server}\r\n\r\n") as half:
                half.shutdown(socket.SHUT_WR)   # a client may stop sending and still read
                assert len(read_all(half)) > 65536, f"{server}: half-closed client"
            get = f"GET /bytes?n=1 HTTP/1.1\r\nhost: {server}\r\n"
            with raw(pair, server, f"{get}\r\n{get}connection: close\r\n\r\n{get}\r\n") as pipelined:
                text = read_all(pipelined)
                assert text.count("HTTP/1.1 200") == 2, f"{server}: close in the middle of a pipeline: {text}"
            with raw(pair, server, f"POST /hash HTTP/1.1\r\nhost: {server}\r\ntransfer-encoding: chunked\r\ntrailer: x-t\r\n\r\n"
                     f"2;ext=1\r\nhi\r\n0\r\nx-t: 1\r\n\r\n{get}connection: close\r\n\r\n") as trailing:
                text = read_all(trailing)
                assert text.count("HTTP/1.1 200") == 2 and "2 8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4" in text, text
            with raw(pair, server, f"POST /hash HTTP/1.1\r\nhost: {server}\r\nexpect: 100-continue\r\ncontent-length: 2\r\n"
                     "connection: close\r\n\r\n") as asking:
                head, _ = read_head(asking)
                assert head.startswith("HTTP/1.1 100"), f"{server}: {head}"
                asking.sendall(b"hi")
                assert "HTTP/1.1 200" in read_all(asking)


def test_a_server_that_answers_early_and_closes():
    with Mesh() as mesh:
        pair = Pair(mesh, sizes=(1,), only=("python",))
        for n in range(50):
            with raw(pair, "python", "POST /early HTTP/1.1\r\nhost: python\r\ncontent-length: 1000000\r\n\r\n") as early:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    early.sendall(b"x" * 1_000_000)
                head, _ = read_head(early)
                assert head.startswith("HTTP/1.1 413 "), f"upload {n}: {head!r}"


def test_connections_that_node_closes_after_five_seconds_lose_no_request():
    if programs.missing("node"):
        return
    with Mesh() as mesh:
        pair = Pair(mesh, sizes=(1,), only=("node",))
        bad = []

        def one(delay, method):
            request = f"{method} /hash HTTP/1.1\r\nhost: node\r\ncontent-length: 2\r\n\r\nhi"
            with raw(pair, "node", request) as connection:
                for last in (False, True):
                    head, body = read_head(connection)
                    if not head.startswith("HTTP/1.1 200"):
                        bad.append((delay, method, head))
                    if not last:
                        time.sleep(delay)   # the point of this test: around the 5 s after which Node closes
                        connection.sendall(request.encode())

        threads = [threading.Thread(target=one, args=(4.90 + i * 0.005, method)) for i in range(40) for method in ("POST", "PUT")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not bad, bad[:3]


def named_hosts():
    """What the agent can find by the system's resolver: a bare root may have no /etc/hosts."""
    try:
        socket.getaddrinfo("localhost", 80)
        return "localhost", "127.0.0.1"
    except OSError:
        print("   localhost has no address here: left out", flush=True)
        return "127.0.0.1",


def test_hosts_outside_the_mesh_by_proxy_and_by_connect():
    with Mesh() as mesh:
        folder = mesh.dir / "files"
        folder.mkdir()
        programs.files(folder, (1, 65537))
        server, cart = programs.python_server(mesh, folder), mesh.backends("cart-1")
        agent = mesh.agent("client", services=(), resources=mesh.resources(mesh_service("cart", [cart])), workers=2,
                           outbound={"listen": "127.0.0.1:0", "services": [], "egress": {
                               "allow": ["localhost", f"127.0.0.1:{server.port}", "*.invalid"]}})
        proxy = f"127.0.0.1:{agent.ports['outbound']}"
        for host in named_hosts():
            for name, work in programs.clients().items():
                if name != "go" or host == "localhost":
                    work(f"http://{host}:{server.port}", folder, (1, 65537), proxy, ())
            if not programs.missing("curl"):
                sums = json.loads((folder / "sums.json").read_text())
                got = programs.shell(f"curl -sS --fail -p -x http://{proxy} http://{host}:{server.port}/bytes?n=65537 | sha256sum", ())
                assert got.split()[0] == sums["65537"], "through a tunnel"
        for authority, status, reason in (("elsewhere.example", 403, "egress_denied"), (f"127.0.0.1:{cart.port}", 200, None),
                                          (f"127.0.0.1:{free_port()}", 403, "egress_denied"), ("nowhere.invalid", 502, "resolve_failed"),
                                          ("cart", 200, None)):
            for method in ("GET", "CONNECT"):
                if method == "CONNECT" and status == 200:
                    continue
                with socket.create_connection(("127.0.0.1", agent.ports["outbound"]), timeout=20) as asking:
                    to = authority if method == "GET" or ":" in authority else authority + ":443"
                    asking.sendall(f"{method} {'http://' + to + '/' if method == 'GET' else to} HTTP/1.1\r\nhost: {to}\r\n\r\n".encode())
                    head, _ = read_head(asking)
                    assert head.startswith(f"HTTP/1.1 {status} ") and (reason or "") in head, f"{method} {authority}: {head}"


if __name__ == "__main__":
    main(sys.modules[__name__])
