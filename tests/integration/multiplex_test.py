#!/usr/bin/env python3
"""Requests of many HTTP/1.1 clients on few HTTP/2 connections between two agents, in plaintext and in mutual TLS: how few, how often they
are used again, and that nothing of a request is lost on the way: its record, deadline, attempts, cap, cancel, version and drain."""
import concurrent.futures
import json
import os
import pathlib
import random
import socket
import subprocess
import sys
import time

from mesh import Mesh, get, main, mesh_service, service_policy, wait_for
from mtls_test import Pair
from programs import files, python_server

CLIENTS, INSTANCES = 1200, 20
SECONDS = float(os.environ.get("SECONDS", 12))   # of one request a second and instance
REQUEST = b"GET / HTTP/1.1\r\nhost: cart\r\n\r\n"


def instance(name, port, **capabilities):
    return {"id": name, "address": "127.0.0.1", "port": port, "capabilities": {"meshed": True, "http2": True, **capabilities}}


class Chain:
    """clients -> web's agent -> cart's agent, which has one listener for each instance -> backends."""

    def __init__(self, mesh, backends, protocol="HTTP", policy=None, name="", **capabilities):
        def ports(document):
            document["spec"]["ports"] = [{"name": "http", "port": 80, **({"protocol": protocol} if protocol else {})}]
            return document

        own, known = mesh.dir / f"{name}cart.yaml", mesh.dir / f"{name}web.yaml"
        own.write_text(json.dumps(ports(mesh_service("cart", []))))
        self.cart = mesh.agent(f"{name}cart", services=(), resources=str(own), inbound=[
            {"listen": "127.0.0.1:0", "forward": f"127.0.0.1:{b.port}", "service": "default/cart", "port": "http"} for b in backends])
        cart = ports(mesh_service("cart", []))
        cart["spec"]["instances"] = [instance(f"cart-{i}", self.cart.ports[f"inbound-{i}"], **capabilities) for i in range(len(backends))]
        known.write_text("\n---\n".join(json.dumps(d) for d in [cart, service_policy("cart", **(policy or {}))]))
        self.web = mesh.agent(f"{name}web", resources=str(known))
        self.port = self.web.ports["service-default/cart"]

    def between(self):
        """Connections between the agents, ever."""
        return self.cart.total("weft_connections_total", direction="inbound")

    def get(self, path="/", **options):
        return get(self.web.url("service-default/cart", path), **options)


class Client:
    """One connection that is kept."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.file = self.socket.makefile("rb")

    def ask(self, request=REQUEST):
        self.socket.sendall(request)

    def answer(self):
        """(status, body); the answer names its length."""
        status, length = int(self.file.readline().split()[1]), 0
        while (line := self.file.readline().lower()) != b"\r\n":
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return status, self.file.read(length)

    def close(self):
        self.file.close()
        self.socket.close()


def test_a_thousand_clients_share_few_connections():
    with Mesh() as mesh:
        backends = mesh.backends(*(f"cart-{i}" for i in range(INSTANCES)))
        chain = Chain(mesh, backends)
        names = {b.id.encode() for b in backends}
        clients = [Client(chain.port) for _ in range(CLIENTS)]
        for some in range(0, CLIENTS, 50):
            for client in clients[some:some + 50]:
                client.ask()
            for client in clients[some:some + 50]:
                status, body = client.answer()
                assert status == 200 and body.split()[0] in names, (status, body)
        assert chain.web.total("weft_connections_open", direction="outbound") >= CLIENTS
        between = chain.between()
        # Poisson, one request a second and instance: nothing is opened for it.
        chance, due, requests, end = random.Random(1), time.monotonic(), 0, time.monotonic() + SECONDS
        while (due := due + chance.expovariate(INSTANCES)) < end:
            time.sleep(max(0.0, due - time.monotonic()))   # the rate is what is tried
            client = chance.choice(clients)
            client.ask()
            assert client.answer()[0] == 200
            requests += 1
        opened = chain.between() - between
        print(f"   {CLIENTS} clients, {between:.0f} connections to {INSTANCES} instances; then {requests} requests, {opened:.0f} opened", flush=True)
        assert between <= 100 and requests >= SECONDS * INSTANCES / 2 and opened <= requests / 100, (between, requests, opened)
        sent = CLIENTS + requests
        wait_for("a line for each request in both logs", lambda: [len(a.log_lines()) for a in (chain.web, chain.cart)] == [sent, sent], 20)
        assert all(line["attempts"] == 1 and line["status"] == 200 for line in chain.web.log_lines())
        assert len({line["request_id"] for line in chain.cart.log_lines()}) == sent
        for client in clients:
            client.close()


def test_the_same_in_mutual_tls():
    with Mesh() as mesh:
        pair = Pair(mesh, capabilities={"http2": True}, policy={"mtls": "strict"})
        port = pair.web.ports["service-default/cart"]
        clients = [Client(port) for _ in range(200)]
        for client in clients:
            client.ask()
        for client in clients:
            status, body = client.answer()
            assert status == 200 and b"app" in body, (status, body)
            client.close()
        made = pair.cart.total("weft_secured_connections_total", direction="inbound", security="mtls")
        print(f"   200 clients, {made:.0f} connections in mutual TLS", flush=True)
        assert 1 <= made <= 4, made
        assert pair.cart.total("weft_requests_total", direction="inbound", peer="default/web") >= 200


def test_instances_that_are_not_known_to_take_it_are_spoken_to_in_http1():
    with Mesh() as mesh:
        backend = mesh.backends("cart-0")
        chain = Chain(mesh, [backend], http2=False)
        clients = [Client(chain.port) for _ in range(8)]
        backend.mode(mode="slow", ms=300)
        for client in clients:
            client.ask()
        for client in clients:
            assert client.answer()[0] == 200
            client.close()
        assert chain.between() >= 8, "one for each request at a time"


def test_the_application_is_spoken_to_as_its_client_spoke():
    with Mesh() as mesh:
        files(mesh.dir, (65537,))
        chain = Chain(mesh, [python_server(mesh, mesh.dir)], protocol="")   # it knows no HTTP/2, and nothing is declared
        status, _, body = chain.get("/bytes?n=65537")
        assert status == 200 and len(body) == 65537, (status, len(body))
        assert chain.get("/hash", method="POST", data=b"x" * 70000)[2].startswith(b"70000 ")
        assert chain.between() == 1
        assert b"x-weft" not in b"".join(k.lower().encode() for k in chain.get()[1])


def test_a_stream_counts_as_a_connection_under_the_cap():
    with Mesh() as mesh:
        backend = mesh.backends("cart-0")
        chain = Chain(mesh, [backend], policy={"connectionPool": {"maxConnections": 3, "maxPending": 100}})
        assert chain.get()[0] == 200
        backend.mode(mode="slow", ms=50)
        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            answers = list(pool.map(lambda _: chain.get()[0], range(48)))
        assert answers == [200] * 48, answers
        assert backend.stats()["most_connections"] <= 4, backend.stats()   # and the one that asks for these
        assert chain.between() == 1

        backend.mode(mode="ok")
        full = Chain(mesh, [backend], name="full-", policy={"connectionPool": {"maxConnections": 2, "maxPending": 0}, "retry": {"enabled": False}})
        assert full.get()[0] == 200
        backend.mode(mode="hang")
        held, before = [Client(full.port) for _ in range(2)], backend.stats()["requests"]
        for client in held:
            client.ask()
        wait_for("both at the backend", lambda: backend.stats()["requests"] == before + 2, 20)
        status, headers, _ = full.get()
        assert status == 503 and headers["x-weft-reason"] == "connection_overflow", (status, dict(headers))
        for client in held:
            client.close()
        backend.mode(mode="ok")
        wait_for("their places", lambda: full.get()[0] == 200, 20)


def test_deadlines_attempts_and_cancels_cross():
    with Mesh() as mesh:
        backend = mesh.backends("cart-0")
        chain = Chain(mesh, [backend], policy={"retry": {"attempts": 2, "backoff": "1ms"}, "outlierDetection": {"enabled": False}})
        backend.mode(mode="status", code=503)
        assert chain.get(headers={"x-request-id": "thrice"})[0] == 503
        wait_for("three lines of the callee", lambda: sum(line["request_id"] == "thrice" for line in chain.cart.log_lines()) == 3, 20)
        wait_for("the caller's line", lambda: [line["attempts"] for line in chain.web.log_lines() if line["request_id"] == "thrice"] == [3], 20)
        wait_for("its record", lambda: [len(r["attempts"]) for r in chain.web.explain("thrice")["records"]] == [3], 20)

        backend.mode(mode="hang")
        status, headers, _ = chain.get(headers={"x-weft-deadline-ms": "300", "x-request-id": "late"})
        assert status == 504, status
        wait_for("the callee's line", lambda: any(line["request_id"] == "late" for line in chain.cart.log_lines()), 20)

        client, before = Client(chain.port), backend.stats()["requests"]
        client.ask(b"GET / HTTP/1.1\r\nhost: cart\r\nx-request-id: left\r\n\r\n")
        wait_for("the request", lambda: backend.stats()["requests"] == before + 1, 20)
        client.close()
        wait_for("the end of it at the callee", lambda: any(
            line["request_id"] == "left" and line["reason"] == "client_closed" for line in chain.cart.log_lines()), 20)
        assert chain.between() == 1


def test_a_drain_loses_nothing():
    with Mesh() as mesh:
        one, two = mesh.backends("one", "two")
        first, second = (Chain(mesh, [b], name=f"{b.id}-") for b in (one, two))
        both = mesh_service("cart", [])
        both["spec"]["instances"] = [instance("one", first.cart.ports["inbound-0"]), instance("two", second.cart.ports["inbound-0"])]
        path = mesh.dir / "both.yaml"
        evenly = service_policy("cart", loadBalancer={"policy": "roundRobin"})   # or chance may leave one with next to nothing
        path.write_text("\n---\n".join(json.dumps(document) for document in (both, evenly)))
        web = mesh.agent("front", resources=str(path))
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            load = pool.submit(mesh.run_peer, "load", "-url", web.url("service-default/cart"), "-rate", 300, "-seconds", 4)
            wait_for("load at both", lambda: min(b.stats()["requests"] for b in (one, two)) > 20, 20)
            subprocess.run([str(pathlib.Path(web.command[0])), "drain", "--admin", f"127.0.0.1:{first.cart.ports['admin']}"], check=True)
            rows = [json.loads(line) for line in load.result().splitlines()]
        assert len(rows) == 1200 and all(row["status"] == 200 for row in rows), [row for row in rows if row["status"] != 200][:3]
        assert rows[-1]["instance"] == "two", rows[-1]


if __name__ == "__main__":
    main(sys.modules[__name__])
