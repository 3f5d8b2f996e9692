#!/usr/bin/env python3
"""Connections that are not HTTP, or stop being it, through agents: WebSocket, databases, detection, many that are idle."""
import json
import os
import pathlib
import resource
import shutil
import socket
import socketserver
import subprocess
import sys
import threading

import websocket_cases
from mesh import Mesh, Process, free_port, main, wait_for
from programs import HERE, Server, missing

ROOT_USER = os.geteuid() == 0
REVISIONS = int(os.environ.get("REVISIONS", 20))   # half a second each; a hundred by hand


def service(name, ports, instance_port, **port):
    number, protocol = ports
    return {"apiVersion": "weft.dev/v1", "kind": "MeshService", "metadata": {"name": name, "namespace": "default"},
            "spec": {"ports": [{"port": number, **({"protocol": protocol} if protocol else {}), **port}],
                     "instances": [{"id": f"{name}-1", "address": "127.0.0.1", "port": instance_port}]}}


def policy(**spec):
    return {"apiVersion": "weft.dev/v1", "kind": "MeshDefaults", "metadata": {"name": "default"}, "spec": spec}


def local(*names):
    return {"services": [{"listen": "127.0.0.1:0", "service": f"default/{name}"} for name in names]}


def pair(mesh, name, port, ports, **more):
    """An agent before the server, one before the clients; the port to connect to."""
    documents = [policy(connectionPool={"maxConnections": 0})]
    (mesh.dir / "server.yaml").write_text("\n---\n".join(json.dumps(d) for d in [service(name, ports, port), *documents]))
    server = mesh.agent("server", (), str(mesh.dir / "server.yaml"), inbound=[
        {"listen": "127.0.0.1:0", "forward": f"127.0.0.1:{port}", "service": f"default/{name}"}], **more)
    (mesh.dir / "client.yaml").write_text("\n---\n".join(
        json.dumps(d) for d in [service(name, ports, server.ports["inbound-0"]), *documents]))
    client = mesh.agent("client", (), str(mesh.dir / "client.yaml"), outbound=local(name), **more)
    return server, client, client.ports[f"service-default/{name}"]


class Greeter(socketserver.ThreadingTCPServer):
    """Speaks first, as SMTP does, then returns what it gets."""

    allow_reuse_address, daemon_threads, request_queue_size = True, True, 1024

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.sendall(b"220 hello\r\n")
            while data := self.request.recv(65536):
                self.request.sendall(data)

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return super().__enter__()

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.port = self.server_address[1]


# --- WebSocket ---

def websocket_server(mesh):
    return Server(mesh, "websocket", ["/usr/bin/python3", HERE / "websocket_server.py"])


def test_every_websocket_case_is_answered_through_two_agents_as_without_them():
    with Mesh() as mesh:
        server = websocket_server(mesh)
        agents = pair(mesh, "echo", server.port, (80, "HTTP"))
        direct, through = websocket_cases.report(server.port), websocket_cases.report(agents[2])
        different = {name: (direct[name], through[name]) for name in direct if direct[name] != through[name]}
        print(f"   {len(direct)} cases, {len(different)} different")
        assert not different and len(direct) > 150, different
        for agent in agents[:2]:
            wait_for("every stream's end", lambda agent=agent: agent.total("weft_streams_total", kind="upgrade") == len(direct))
            assert agent.total("weft_streams_open") == 0
            assert agent.total("weft_requests_total", code="101") == len(direct)


def test_a_socket_outlives_revisions_and_a_drain():
    with Mesh() as mesh:
        upstream = websocket_server(mesh)
        server, client, port = pair(mesh, "echo", upstream.port, (80, "HTTP"))
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: echo\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                               b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += connection.recv(1)

            def works():
                connection.sendall(websocket_cases.frame(websocket_cases.TEXT, b"still"))
                return connection.recv(100) == b"\x81\x05still"

            documents = (mesh.dir / "client.yaml").read_text()
            for number in range(REVISIONS):
                changed = documents + f"\n---\n{json.dumps(service(f'other-{number}', (80, 'HTTP'), 1))}\n"
                (mesh.dir / "next.yaml").write_text(changed)
                (mesh.dir / "next.yaml").rename(mesh.dir / "client.yaml")
                wait_for("the revision", lambda n=number: f"other-{n}" in json.dumps(client.admin("/snapshot")))
                assert works(), f"revision {number}"
            assert client.total("weft_snapshot_generations") == 1
            subprocess.run([str(pathlib.Path(client.command[0])), "drain", "--admin", f"127.0.0.1:{server.ports['admin']}"], check=True)
            assert works()


# --- databases ---

class Daemon(Process):
    def __init__(self, mesh, name, words, port):
        user = ["runuser", "-u", "nobody", "--"] if ROOT_USER else []
        super().__init__(name, [*user, *map(str, words)], mesh.dir)
        self.port = port
        mesh.started.append(self.start())

    def send(self, number):   # runuser passes SIGTERM on, but not SIGKILL
        subprocess.run(["pkill", f"-{int(number)}", "-P", str(self.process.pid)], check=False) if ROOT_USER else None
        super().send(number)


def own(folder):
    folder.mkdir()
    for each in (folder, folder.parent):
        each.chmod(0o755)
    if ROOT_USER:
        shutil.chown(folder, "nobody")
    return folder


def run(words, what, expected, **more):
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, timeout=60, **more)
    assert done.returncode == 0 and expected in done.stdout, f"{what}: {done.returncode} {done.stdout[-500:]}{done.stderr[-500:]}"


def as_nobody(words):
    return (["runuser", "-u", "nobody", "--"] if ROOT_USER else []) + [*map(str, words)]


def redis(mesh):
    port, folder = free_port(), own(mesh.dir / "redis")
    Daemon(mesh, "redis-server", ["redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", folder, "--save", ""], port)
    wait_for("redis", lambda: subprocess.run(["redis-cli", "-p", str(port), "ping"], capture_output=True).stdout == b"PONG\n")

    def use(at):
        run(["redis-cli", "-p", at, "set", "k", "v"], "redis", "OK")
        run(["redis-cli", "-p", at, "get", "k"], "redis", "v")
        run(["redis-cli", "-p", at, "--pipe"], "redis pipe", "replies: 2000", input="".join(f"SET k{i} {'x' * 500}\r\n" for i in range(2000)))
    return port, use


def postgres(mesh):
    programs = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    port, folder = free_port(), own(mesh.dir / "postgres")
    subprocess.run(as_nobody([programs / "initdb", "-D", folder / "data", "-U", "weft", "-A", "trust", "--no-sync"]), check=True, capture_output=True)
    Daemon(mesh, "postgres", [programs / "postgres", "-D", folder / "data", "-p", port, "-h", "127.0.0.1", "-k", folder, "-F"], port)
    ready = ["psql", "-h", "127.0.0.1", "-U", "weft", "-d", "postgres", "-Atc"]
    wait_for("postgres", lambda: subprocess.run([*ready[:3], "-p", str(port), *ready[3:], "select 1"], capture_output=True).stdout == b"1\n")

    def use(at):
        for tls in ("disable", "prefer"):
            run([*ready[:3], "-p", at, *ready[3:], "select sum(length(repeat('x', 1000))) from generate_series(1, 5000)"], "postgres", "5000000",
                env={**os.environ, "PGSSLMODE": tls})
    return port, use


def mariadb(mesh):
    port, folder = free_port(), own(mesh.dir / "mariadb")
    subprocess.run(as_nobody(["mariadb-install-db", "--no-defaults", f"--datadir={folder}/data", "--auth-root-authentication-method=normal",
                              "--skip-test-db"]), check=True, capture_output=True)
    Daemon(mesh, "mariadbd", [shutil.which("mariadbd") or "/usr/sbin/mariadbd", "--no-defaults", f"--datadir={folder}/data", f"--port={port}",
                              "--bind-address=127.0.0.1", f"--socket={folder}/s", f"--pid-file={folder}/pid"], port)

    def query(at, text):
        return ["mariadb", "--no-defaults", "-h", "127.0.0.1", "-P", str(at), "-u", "root", "--protocol=tcp", "-D", "mysql", "-Ne", text]
    wait_for("mariadb", lambda: subprocess.run(query(port, "select 1"), capture_output=True).stdout == b"1\n", 60)

    def use(at):
        run(query(at, "select sum(length(repeat('x', 1000))) from seq_1_to_5000"), "mariadb", "5000000")
    return port, use


def databases(start, opaque_port):
    with Mesh() as mesh:
        port, use = start(mesh)
        for name, ports in (("opaque", (opaque_port, None)), ("declared", (7000, "TCP")), ("detected", (7001, None))):
            documents = mesh.dir / f"{name}.yaml"
            documents.write_text(json.dumps(service("db", ports, port)))
            agent = mesh.agent(name, (), str(documents), outbound=local("db"))
            for _ in range(3):
                use(agent.ports["service-default/db"])
            wait_for("the streams' ends", lambda: agent.total("weft_streams_open") == 0)
            assert agent.total("weft_streams_total", reason="ok") + agent.total("weft_streams_total", reason="client_closed") > 0
            detected = {result: agent.total("weft_detections_total", result=result) for result in ("opaque", "silent", "learned", "http", "tls")}
            print(f"   {name}: {detected}")
            assert sum(detected.values()) == (0 if name != "detected" else agent.total("weft_streams_total")), detected
            assert detected["silent"] <= 1 and detected["http"] == detected["tls"] == 0


def test_redis_through_opaque_and_detected_ports():
    if not missing("redis-server", "redis-cli"):
        databases(redis, 6379)


def test_postgresql_through_opaque_and_detected_ports():
    if not missing("psql"):
        databases(postgres, 5432)


def test_mariadb_through_opaque_and_detected_ports():
    if not missing("mariadbd", "mariadb"):
        databases(mariadb, 3306)


# --- detection ---

def test_a_greeting_on_an_undeclared_port_is_detected_once_also_over_a_restart():
    with Mesh() as mesh, Greeter() as greeter:
        (mesh.dir / "d.yaml").write_text(json.dumps(service("smtp", (2525, None), greeter.port)))
        agent = mesh.agent("client", (), str(mesh.dir / "d.yaml"), outbound=local("smtp"))

        def greeted():
            with socket.create_connection(("127.0.0.1", agent.ports["service-default/smtp"]), timeout=20) as connection:
                assert connection.recv(100) == b"220 hello\r\n"

        for _ in range(3):
            greeted()
        assert agent.total("weft_detections_total", result="silent") == 1
        assert agent.total("weft_detections_total", result="learned") == 2
        agent.stop()
        agent.start()
        greeted()
        assert agent.total("weft_detections_total", result="silent") == 0
        assert agent.total("weft_detections_total", result="learned") == 1


# --- many ---

def private(agent):
    """KiB of memory of its own; pages of the program come and go."""
    lines = pathlib.Path(f"/proc/{agent.process.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1])


class Holder(Process):
    """Accepts connections and holds them, in a process of its own: descriptors are counted per process."""

    piped = True
    CODE = """
import resource, selectors, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
print(f"port:{listener.getsockname()[1]}", flush=True)
ready = selectors.DefaultSelector()
ready.register(listener, selectors.EVENT_READ)
while True:
    for key, _ in ready.select():
        if key.fileobj is listener:
            ready.register(listener.accept()[0], selectors.EVENT_READ)
        elif data := key.fileobj.recv(65536):
            if b"HTTP/1.1" in data:
                data = b"HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: hold\\r\\nConnection: upgrade\\r\\n\\r\\n"
            key.fileobj.sendall(data)
        else:
            ready.unregister(key.fileobj)
            key.fileobj.close()
"""

    def __init__(self, mesh):
        super().__init__("holder", [sys.executable, "-c", self.CODE], mesh.dir)
        mesh.started.append(self.start())
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[-1])


def hold(count, kind):
    """Bytes of memory per open pair, of the agent before the server and of that before the clients."""
    with Mesh() as mesh:
        holder = Holder(mesh)
        http = kind == "upgrade"
        server, client, port = pair(mesh, "hold", holder.port, (80, "HTTP") if http else (7000, "TCP"))
        hello = b"GET / HTTP/1.1\r\nHost: hold\r\nConnection: Upgrade\r\nUpgrade: hold\r\n\r\n" if http else b"hello"

        def open_one():
            connection = socket.create_connection(("127.0.0.1", port), timeout=20)
            connection.sendall(hello)
            assert connection.recv(1000)
            return connection

        warm = [open_one() for _ in range(100)]
        for agent in (server, client):
            wait_for("the first streams", lambda agent=agent: agent.total("weft_streams_open") == len(warm))
        before = private(server), private(client)
        many = [open_one() for _ in range(count)]
        for connection in many[:: max(1, count // 100)]:
            connection.sendall(b"x")
            assert connection.recv(10) == b"x"
        for agent in (server, client):
            assert agent.total("weft_streams_open") == count + len(warm)
        each = [(now - then) * 1024 / count for now, then in zip((private(server), private(client)), before)]
        print(f"   {count} pairs ({kind}): {each[0]:.0f} and {each[1]:.0f} bytes each")
        for connection in warm + many:   # else the agents' drain waits for them
            connection.close()
        return each


def test_a_thousand_idle_pairs_cost_at_most_four_kilobytes_each():
    for kind in ("upgrade", "tcp"):
        assert max(hold(1000, kind)) <= 4096


if __name__ == "__main__":
    if sys.argv[1:2] == ["--pairs"]:   # by hand: streams_test.py --pairs 8000
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        for kind in ("upgrade", "tcp"):
            hold(int(sys.argv[2]), kind)
    else:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1]), resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        main(sys.modules[__name__])
