#!/usr/bin/env python3
"""Clients and servers that we did not write, each behind its own agent: bodies whole, errors none, memory bounded."""
import contextlib
import json
import re
import socket
import subprocess
import sys
import threading
import time

import programs
import spaces
from mesh import Mesh, free_port, main, mesh_service, peer, service_policy, wait_for
from programs import GIGABYTE, SIZES

MOST_RSS_KIB = 40 * 1024


class Pair:
    """Servers behind one agent, clients behind another, explicit: a local port per service, or as a proxy."""

    def __init__(self, mesh, sizes=SIZES, only=None, policy=None):
        self.folder = mesh.dir / "files"
        self.folder.mkdir()
        programs.files(self.folder, sizes)
        self.servers = self.start_servers(mesh, only)
        self.policy = policy or {}
        self.server = mesh.agent("server", services=(), resources=self.resources(mesh, "server", {}), inbound=[
            {"listen": "127.0.0.1:0", "forward": f"127.0.0.1:{s.port}", "service": f"default/{s.id}", "port": "http"} for s in self.servers])
        ports = {s.id: self.server.ports[f"inbound-{i}"] for i, s in enumerate(self.servers)}
        self.client = mesh.agent("client", services=[s.id for s in self.servers], resources=self.resources(mesh, "client", ports))
        self.proxy = f"127.0.0.1:{self.client.ports['outbound']}"

    def start_servers(self, mesh, only):
        go = programs.go_server(mesh)
        made = {"go": lambda: go, "python": lambda: programs.python_server(mesh, self.folder)}
        if not programs.missing("node"):
            made["node"] = lambda: programs.node_server(mesh, self.folder)
        if not programs.missing("nginx"):
            made["nginx"] = lambda: programs.nginx_server(mesh, self.folder, f"127.0.0.1:{free_port()}", f"127.0.0.1:{go.port}")
        return [make() for name, make in made.items() if only is None or name in only]

    def resources(self, mesh, name, ports):
        documents = []
        for server in self.servers:
            document = mesh_service(server.id, [])
            if ports:
                document["spec"]["instances"] = [{"id": f"{server.id}-1", "address": "127.0.0.1", "port": ports[server.id]}]
            documents.append(document)
            if self.policy:
                documents.append(service_policy(server.id, **self.policy))
        path = mesh.dir / f"{name}.yaml"
        path.write_text("\n---\n".join(json.dumps(d) for d in documents))
        return str(path)

    def url(self, server):
        return self.client.url(f"service-default/{server}", "")


class Redirected:
    """The same in network namespaces, where nobody needs to know of the agents."""

    PORTS = {"go": 8081, "python": 8082, "node": 8083, "nginx": 8084}

    def __init__(self, mesh, made, sizes=SIZES):
        mesh.dir.chmod(0o777)
        self.folder = mesh.dir / "files"
        self.folder.mkdir()
        programs.files(self.folder, sizes)
        self.here, there = made.add("client"), made.add("server")
        at = {name: f"{there.address}:{port}" for name, port in self.PORTS.items()}
        words = there.inside()
        self.servers = [programs.go_server(mesh, at["go"], words), programs.python_server(mesh, self.folder, at["python"], words)]
        if not programs.missing("node"):
            self.servers.append(programs.node_server(mesh, self.folder, at["node"], words))
        if not programs.missing("nginx"):
            self.servers.append(programs.nginx_server(mesh, self.folder, at["nginx"], at["go"], words))
        path = mesh.dir / "both.yaml"
        path.write_text("\n---\n".join(json.dumps(self.service(s, there)) for s in self.servers))
        self.agents = [self.agent(mesh, "server", there, path, inbound=[{"listen": "0.0.0.0:15006", "transparent": True}]),
                       self.agent(mesh, "client", self.here, path)]
        self.client = self.agents[1]
        self.here.redirect([1])
        there.redirect(self.PORTS.values())
        self.there = there

    @staticmethod
    def service(server, space):
        return {"apiVersion": "weft.dev/v1", "kind": "MeshService", "metadata": {"name": server.id, "namespace": "default"},
                "spec": {"ports": [{"name": "http", "port": server.port, "protocol": "HTTP"}],
                         "instances": [{"id": f"{server.id}-1", "address": space.address, "port": server.port}]}}

    @staticmethod
    def agent(mesh, name, space, resources, inbound=None):
        return mesh.agent(name, services=(), resources=str(resources), inbound=inbound, inside=space.inside(as_agent=True),
                          host=space.address, outbound={"listen": "127.0.0.1:15001", "transparent": True, "services": []},
                          telemetry={"listen": "0.0.0.0:15020"})

    def url(self, server):
        return f"http://{self.there.address}:{self.PORTS[server]}"


def every_pair(servers, run):
    failed = []
    for client, work in programs.clients().items():
        for server in servers:
            began = time.monotonic()
            try:
                run(work, server.id)
                print(f"   {client} to {server.id}: {time.monotonic() - began:.1f} s", flush=True)
            except (AssertionError, subprocess.TimeoutExpired) as error:
                failed.append(f"{client} to {server.id}: {error}")
    assert not failed, "\n".join(failed)


def test_every_client_with_every_server_through_a_local_port():
    with Mesh() as mesh:
        pair = Pair(mesh)
        every_pair(pair.servers, lambda work, server: work(pair.url(server), pair.folder, SIZES, None, ()))
        for agent in (pair.client, pair.server):
            assert agent.total("weft_requests_total") == agent.total("weft_requests_total", code="200") > 0


def test_every_client_with_every_server_through_the_proxy():
    with Mesh() as mesh:
        pair = Pair(mesh)
        every_pair(pair.servers, lambda work, server: work(f"http://{server}", pair.folder, SIZES, pair.proxy, ()))


@contextlib.contextmanager
def redirected(**options):
    with spaces.Spaces() as made, Mesh() as mesh:
        yield Redirected(mesh, made, **options)


def test_every_client_with_every_server_redirected():
    if not spaces.possible():
        print("   no network namespaces here (root, ip, nft, setpriv): left out")
        return
    with redirected() as pair:
        every_pair(pair.servers, lambda work, server: work(pair.url(server), pair.folder, SIZES, None, pair.here.inside()))
        for agent in pair.agents:
            assert agent.total("weft_requests_total", code="200", reason="ok") > 0, "the traffic did not go through the agent"


def rss_kib(agent, field="VmRSS"):
    return int(open(f"/proc/{agent.process.pid}/status").read().split(f"{field}:")[1].split()[0])


def test_a_gigabyte_with_each_client_and_each_server():
    with Mesh() as mesh:
        pair = Pair(mesh, sizes=(GIGABYTE,))
        names = [server.id for server in pair.servers]
        for i, (client, work) in enumerate(programs.clients().items()):
            began = time.monotonic()
            work(pair.url(names[i % len(names)]), pair.folder, (GIGABYTE,), None, ())
            print(f"   {client} to {names[i % len(names)]}: 4 GiB in {time.monotonic() - began:.1f} s", flush=True)
        for agent in (pair.client, pair.server):
            assert rss_kib(agent, "VmHWM") < MOST_RSS_KIB, f"{agent.name} had {rss_kib(agent, 'VmHWM')} KiB"


def test_a_gigabyte_redirected():
    if not spaces.possible():
        return
    with redirected(sizes=(GIGABYTE,)) as pair:
        programs.go(pair.url("nginx" if len(pair.servers) == 4 else "go"), pair.folder, (GIGABYTE,), None, pair.here.inside())


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


def test_a_thousand_connections_without_an_error():
    policy = {"connectionPool": {"maxConnections": 2000, "maxPending": 5000}}
    with Mesh() as mesh:
        pair = Pair(mesh, sizes=(1,), policy=policy, only=("go", "nginx"))
        for server in pair.servers:
            said = json.loads(mesh.run_peer("nonce", "-url", pair.url("go"), "-n", 20000, "-c", 1000, "-abort", 0))
            assert said["bad"] == 0
            if programs.missing("wrk"):
                continue
            text = programs.command(["wrk", "-t2", "-c1000", "-d8s", "--timeout", "20s", pair.url(server.id) + "/"], ())
            assert "Socket errors" not in text and "Non-2xx" not in text, text
            print("   wrk to", server.id, re.search(r"(\d+) requests in", text).group(0), flush=True)


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
        for host in ("localhost", "127.0.0.1"):
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
