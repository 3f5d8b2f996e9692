#!/usr/bin/env python3
"""Bodies whole, answers never crossed, caps exact, configuration changed under load."""
import concurrent.futures
import json
import socket
import subprocess
import sys
import threading
import time

from mesh import Mesh, get, main, mesh_service, peer, service_policy, wait_for

URL = "service-default/cart"


def two_agents(mesh, backend):
    """Client agent → server agent → backend."""
    server = mesh.agent("server", services=(), inbound=[{
        "listen": "127.0.0.1:0", "forward": f"127.0.0.1:{backend.port}", "service": "default/cart", "port": "http"}],
        resources=mesh.resources(mesh_service("cart", [])))
    document = mesh_service("cart", [backend])
    document["spec"]["instances"][0]["port"] = server.ports["inbound-0"]
    path = mesh.dir / "client.yaml"
    path.write_text(json.dumps(document))
    return mesh.agent("client", resources=str(path)), server


def test_bodies_arrive_whole_through_two_agents():
    with Mesh() as mesh:
        client, _ = two_agents(mesh, mesh.backends("cart-1"))
        mesh.run_peer("bytes", "-url", client.url(URL, ""))


def established(port):
    """The far ends of the connections that the kernel holds established at a local port."""
    rows = (line.split() for line in open("/proc/net/tcp").readlines()[1:])
    return {row[2] for row in rows if row[3] == "01" and int(row[1].rsplit(":", 1)[1], 16) == port}


def rss_kib(agent):
    text = open(f"/proc/{agent.process.pid}/status").read()
    return int(text.split("VmRSS:")[1].split()[0])


def test_a_reader_that_stops_costs_the_agent_no_memory():
    with Mesh() as mesh:
        client, server = two_agents(mesh, mesh.backends("cart-1"))
        with socket.create_connection(("127.0.0.1", client.ports[URL])) as reader:
            reader.sendall(b"GET /bytes?n=1073741824 HTTP/1.1\r\nhost: cart\r\n\r\n")
            assert reader.recv(1000).startswith(b"HTTP/1.1 200")
            before = rss_kib(client)
            end = time.monotonic() + 3
            most = before
            while time.monotonic() < end:
                most = max(most, rss_kib(client), rss_kib(server))
            assert most - before < 8 * 1024, f"{before} KiB before, {most} KiB while the reader stood still"


def test_answers_are_never_crossed():
    with Mesh() as mesh:
        backends = mesh.backends("cart-1", "cart-2", "cart-3")
        backends[1].mode(mode="slow", ms=3)
        agent = mesh.agent("client", resources=mesh.resources(mesh_service("cart", backends)), workers=2)
        said = json.loads(mesh.run_peer("nonce", "-url", agent.url(URL), "-n", 100_000, "-c", 64, "-ids", mesh.dir / "ids", timeout=600))
        assert said["bad"] == 0 and said["good"] >= 100_000 and said["aborted"] > 500 and len(said["instances"]) == 3
        lines = (mesh.dir / "ids").read_text().splitlines()
        wait_for("a log line for each request", lambda: agent.access_log.read_text().count("\n") >= len(lines))
        records = {line["request_id"]: line for line in agent.log_lines()}
        for line in lines:
            request, instance = line.split()
            assert records[request]["instance"] == instance, f"{request}: the log says {records[request]}"


def test_no_backend_sees_more_connections_than_the_cap():
    with Mesh() as mesh:
        backend = mesh.backends("cart-1")
        backend.mode(mode="slow", ms=5)
        policy = service_policy("cart", connectionPool={"maxConnections": 7, "maxPending": 1000})
        agent = mesh.agent("client", resources=mesh.resources(mesh_service("cart", [backend]), policy), workers=4)
        load = subprocess.Popen([peer(), "nonce", "-url", agent.url(URL), "-n", "5000", "-c", "500", "-abort", "0"],
                                stdout=subprocess.PIPE, text=True)
        most, before = 0, set()
        while load.poll() is None:
            now = established(backend.port)
            most, before = max(most, len(now & before)), now   # in both: there at the same time
        assert json.loads(load.stdout.read())["bad"] == 0
        assert 0 < most <= 7, f"the backend's kernel saw {most} connections at once"


def test_weights_edited_in_the_file_move_the_split_and_lose_nothing():
    with Mesh() as mesh:
        backends = mesh.backends("cart-1", "cart-2")
        document = mesh_service("cart", backends)
        agent = mesh.agent("client", resources=mesh.resources(document))
        load = subprocess.Popen([peer(), "load", "-url", agent.url(URL), "-rate", "500", "-seconds", "6"],
                                stdout=subprocess.PIPE, text=True)
        before = agent.total("weft_config_revision")
        wait_for("some traffic", lambda: agent.total("weft_requests_total") > 500)
        document["spec"]["instances"][1]["weight"] = 0
        mesh.resources(document)
        edited = time.time()
        rows = [json.loads(line) for line in load.stdout]
        assert all(r["status"] == 200 for r in rows), [r for r in rows if r["status"] != 200][:3]
        late = [r["instance"] for r in rows if r["at"] > edited + 2]
        assert late and set(late) == {"cart-1"}, "the instance of weight 0 still gets requests"


def test_a_thousand_connections_at_once():
    with Mesh() as mesh:
        agent = mesh.agent("client", resources=mesh.resources(mesh_service("cart", mesh.backends("cart-1", "cart-2")),
                           service_policy("cart", connectionPool={"maxConnections": 2000, "maxPending": 5000})))
        said = json.loads(mesh.run_peer("nonce", "-url", agent.url(URL), "-n", 10000, "-c", 1000, "-abort", 0))
        assert said["bad"] == 0


def test_what_still_runs_at_the_end_of_the_drain_is_told_so():
    with Mesh() as mesh:
        backend = mesh.backends("cart-1")
        backend.mode(mode="hang")
        agent = mesh.agent("client", resources=mesh.resources(mesh_service("cart", [backend])), workers=2, drain={"deadline": "500ms"})
        with socket.create_connection(("127.0.0.1", agent.ports[URL]), timeout=20) as client:
            client.sendall(b"GET / HTTP/1.1\r\nhost: cart\r\n\r\n")
            wait_for("the request at the backend", lambda: backend.stats()["requests"] == 1)
            agent.process.terminate()
            answer = b""
            while piece := client.recv(65536):
                answer += piece
        assert answer.startswith(b"HTTP/1.1 503 ") and b"x-weft-reason: shutdown" in answer, answer
        assert agent.process.wait(20) == 0


if __name__ == "__main__":
    main(sys.modules[__name__])
