#!/usr/bin/env python3
"""Peers that are slow: an application that takes an upload slowly, one stream of a hundred that stops reading, thousands of clients that send
heads byte by byte or read nothing. Nobody else notices, and the agents' memory does not grow with it. By hand, as large as one likes:
MIB=1024 CLIENTS=5000."""
import hashlib
import json
import os
import resource
import socket
import sys
import threading
import time

from http2_floods_test import cpu, rss
from http2_test import Chain, resources, service
from mesh import Mesh, get, main, service_policy, wait_for
from packages import with_packages

with_packages("h2")
from raw_http import Server, Wire1, Wire2   # noqa: E402

MIB, CLIENTS = int(os.environ.get("MIB", 48)), int(os.environ.get("CLIENTS", 1000))
PIECE = bytes(range(256)) * 256
PAUSE = 0.001   # of the application, each 64 KiB: at most 64 MB/s


def slowly1(connection):
    wire = Wire1(connection)
    head = wire.head()
    left, digest = int(head.get(b"content-length")[0]), hashlib.sha256()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    while left:
        piece, wire.kept = wire.kept or connection.recv(65536), b""
        digest.update(piece)
        left -= len(piece)
        time.sleep(PAUSE)
    wire.send(b"HTTP/1.1 200 OK", [(b"content-length", b"64")], digest.hexdigest().encode())


def slowly2(connection):
    wire = Wire2(connection, client=False)
    digests = {}
    while True:
        wire.more()
        time.sleep(PAUSE)
        for stream, message in wire.messages.items():
            digests.setdefault(stream, hashlib.sha256()).update(message.body)
            message.body = b""
        for stream in [s for s in wire.ended if s in digests]:
            wire.send(stream, [(b":status", b"200")], [digests.pop(stream).hexdigest().encode()])


def upload1(port):
    with socket.create_connection(("127.0.0.1", port), timeout=120) as client:
        client.sendall(b"POST / HTTP/1.1\r\nhost: app\r\ncontent-length: %d\r\n\r\n" % (MIB << 20))
        for _ in range(MIB << 4):
            client.sendall(PIECE)
        return Wire1(client).answer(b"POST").body


def upload2(port):
    with socket.create_connection(("127.0.0.1", port), timeout=120) as client:
        wire = Wire2(client, client=True)
        stream = wire.ask([(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"app")], end=False)
        for _ in range(MIB << 4):
            wire.data(stream, PIECE)
        wire.data(stream, b"", end=True)
        return wire.answer(stream).body


def test_an_upload_to_a_slow_application():
    wanted = hashlib.sha256()
    for _ in range(MIB << 4):
        wanted.update(PIECE)
    for protocol, serve, upload in (("HTTP", slowly1, upload1), ("HTTP2", slowly2, upload1), ("HTTP", slowly1, upload2), ("HTTP2", slowly2, upload2)):
        with Mesh() as mesh:
            server = Server(serve)
            chain = Chain(mesh, protocol, server.port)
            before = [rss(agent) for agent in (chain.client, chain.server)]
            most, done = list(before), threading.Event()

            def watch():
                while not done.wait(0.05):
                    most[:] = [max(m, rss(a)) for m, a in zip(most, (chain.client, chain.server))]

            watcher = threading.Thread(target=watch)
            watcher.start()
            try:
                body = upload(chain.outbound)
            finally:
                done.set()
                watcher.join()
            grown = [(m - b) / 1024 for m, b in zip(most, before)]
            print(f"   {upload.__name__} of {MIB} MiB to a slow {protocol}: {grown[0]:.1f} and {grown[1]:.1f} MiB more", flush=True)
            assert body == wanted.hexdigest().encode(), body
            assert max(grown) <= 8, grown
            server.close()


def test_one_of_a_hundred_streams_stops_reading():
    with Mesh() as mesh:
        chain = Chain(mesh, "HTTP2", mesh.backends("app").port)
        said = json.loads(mesh.run_peer("streams", "-url", f"http://127.0.0.1:{chain.outbound}/bytes?n={1 << 36}", "-n", 100))
        print(f"   others: {said['before'] / 1e6:.0f} MB/s, then {said['after'] / 1e6:.0f}", flush=True)   # judged by eye
        assert said["after"] > 0


class Others:
    """One client that asks all the time."""

    def __init__(self, url):
        self.stop, self.failed, self.served, self.url = threading.Event(), [], 0, url
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stop.is_set():
            try:
                status = get(self.url)[0]
            except OSError as error:
                status = error
            self.failed.extend([] if status == 200 else [status])
            self.served += 1

    def end(self):
        self.stop.set()
        self.thread.join()
        return self.served, self.failed


def slow_clients(name, first, more, most):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with Mesh() as mesh:
        backend = mesh.backends("app")
        path = resources(mesh, "slow", service("app", "HTTP", backend.port), service("other", "HTTP", backend.port),
                         service_policy("app", connectionPool={"maxConnections": 0}))
        agent = mesh.agent("agent", services=("app", "other"), resources=path, limits={"requestHead": "10s"})
        assert get(agent.url("service-default/app"))[0] == get(agent.url("service-default/other"))[0] == 200
        before, worked = rss(agent), cpu(agent)
        others = Others(agent.url("service-default/other"))
        clients = []
        try:
            for _ in range(CLIENTS):
                client = socket.create_connection(("127.0.0.1", agent.ports["service-default/app"]), timeout=20)
                client.sendall(first)
                clients.append(client)
            wait_for("all of them", lambda: agent.total("weft_connections_open", direction="outbound") >= CLIENTS, 20)
            for byte in more:   # to all in turn
                for client in clients:
                    try:
                        client.send(byte)
                    except OSError:
                        pass
            so_far = others.served
            wait_for("others are served", lambda: others.served > so_far + 20, 30)
        finally:
            served, failed = others.end()
        grown, spent = (rss(agent) - before) / 1024, cpu(agent) - worked
        print(f"   {CLIENTS} clients of {name}: {grown:.1f} MiB more, {spent:.2f} s of CPU; {served} requests of others, {len(failed)} failed", flush=True)
        assert not failed and grown <= most, (failed[:3], grown)
        for client in clients:
            client.close()
        wait_for("all are gone", lambda: agent.total("weft_connections_open", direction="outbound") <= 2, 30)


def test_heads_that_come_byte_by_byte():
    slow_clients("HTTP/1.1 that send byte by byte", b"GET / HTTP/1.1\r\nhost: app\r\nx-slow: ", [b"a", b"b", b"c"], 16)


def test_clients_that_read_nothing():
    slow_clients("HTTP/1.1 that read nothing", b"GET /bytes?n=67108864 HTTP/1.1\r\nhost: app\r\n\r\n", [], 16 + CLIENTS * 0.08)


if __name__ == "__main__":
    main(sys.modules[__name__])
