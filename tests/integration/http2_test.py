#!/usr/bin/env python3
"""HTTP/2 and gRPC against programs that we did not write: h2spec's cases at both listeners, grpc-go's interop client and server
through two agents, calls while instances come and go."""
import json
import re
import subprocess
import sys

from mesh import ROOT, Mesh, Process, free_port, go, main, mesh_service, wait_for

# All that grpc-go's client runs without certificates of Google's.
CASES = ["empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong", "empty_stream",
         "timeout_on_sleeping_server", "cancel_after_begin", "cancel_after_first_response", "status_code_and_message",
         "special_status_message", "custom_metadata", "unimplemented_method", "unimplemented_service"]
PROGRAMS = {"h2spec": "github.com/summerwind/h2spec/cmd/h2spec", "client": "google.golang.org/grpc/interop/client",
            "server": "google.golang.org/grpc/interop/server", "calls": "./calls"}


def program(name):
    """One of tests/interop, built once per tree."""
    folder = ROOT / "build/interop"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    newest = max(f.stat().st_mtime for f in [ROOT / "tests/interop/go.mod", *(ROOT / "tests/interop").glob("*/*.go")])
    if not path.exists() or path.stat().st_mtime < newest:
        if go() is None:
            sys.exit("no Go 1.26 or newer: run scripts/setup test")
        subprocess.run([go(), "build", "-o", str(path), PROGRAMS[name]], cwd=ROOT / "tests/interop", check=True)
        path.touch()
    return str(path)


def service(name, protocol, *instances):
    document = mesh_service(name, [])
    document["spec"]["ports"] = [{"name": "http", "port": 80, "protocol": protocol}]
    document["spec"]["instances"] = [{"id": f"{name}-{port}", "address": "127.0.0.1", "port": port} for port in instances]
    return document


def resources(mesh, name, *documents):
    path = mesh.dir / f"{name}.yaml"
    path.write_text("\n---\n".join(json.dumps(d) for d in documents))
    return str(path)


class Chain:
    """client -> agent -> agent -> server, for a service "app"."""

    def __init__(self, mesh, protocol, port):
        inner = resources(mesh, "inner", service("app", protocol, port))
        self.server = mesh.agent("server", services=("app",), resources=inner, inbound=[
            {"listen": "127.0.0.1:0", "forward": f"127.0.0.1:{port}", "service": "default/app", "port": "http"}])
        outer = resources(mesh, "outer", service("app", protocol, self.server.ports["inbound-0"]))
        self.client = mesh.agent("client", services=("app",), resources=outer)
        self.inbound = self.server.ports["inbound-0"]
        self.outbound = self.client.ports["service-default/app"]


def grpc_server(mesh):
    port = free_port()
    server = Process("grpc", [program("server"), "-port", str(port)], mesh.dir)
    mesh.started.append(server)
    server.start()
    wait_for("the gRPC server", lambda: interop(port, "empty_unary").returncode == 0, 30)
    return server, port


def interop(port, case, *more):
    return subprocess.run([program("client"), "-server_host", "127.0.0.1", "-server_port", str(port), "-test_case", case, *more],
                          capture_output=True, text=True, timeout=60)


class Calls(Process):
    """A server of tests/interop/calls."""

    piped = True

    def __init__(self, mesh, name):
        super().__init__(name, [program("calls"), "serve"], mesh.dir)
        mesh.started.append(self)
        self.start()
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[1])


def calls(port, what, **options):
    words = [word for name, value in options.items() for word in (f"-{name}", str(value))]
    done = subprocess.run([program("calls"), what, "-target", f"127.0.0.1:{port}", *words], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, (done.stdout + done.stderr)[-800:]
    print("  ", done.stdout.strip(), flush=True)
    numbers = done.stdout.split()
    return {numbers[i]: float(numbers[i + 1]) for i in range(0, len(numbers) - 1, 2) if re.fullmatch(r"[\d.]+", numbers[i + 1])}


def h2spec(port):
    """(passed, failed, the failures' text)"""
    done = subprocess.run([program("h2spec"), "-h", "127.0.0.1", "-p", str(port), "--strict", "-o", "3"],
                          capture_output=True, text=True, timeout=240)
    summary = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", done.stdout)
    assert summary, done.stdout[-2000:] + done.stderr[-500:]
    total, passed, skipped, failed = map(int, summary.groups())
    failures = done.stdout[done.stdout.find("Failures:"):] if "Failures:" in done.stdout else ""
    return total, passed, skipped, failed, failures


def test_h2spec_strict():
    with Mesh() as mesh:
        backend = mesh.backends("a-body-of-some-length")   # h2spec leaves out a case where it is below five bytes
        chain = Chain(mesh, "HTTP2", backend.port)
        for name, port in (("outbound", chain.outbound), ("inbound", chain.inbound)):
            total, passed, skipped, failed, failures = h2spec(port)
            print(f"   {name}: {passed} of {total} passed, {skipped} skipped, {failed} failed", flush=True)
            assert failed == 0 and skipped == 0 and passed == total, failures[:6000]
        assert chain.client.process.poll() is None and chain.server.process.poll() is None


def test_grpc_interop():
    with Mesh() as mesh:
        _, port = grpc_server(mesh)
        chain = Chain(mesh, "GRPC", port)
        failures = {}
        for case in CASES:
            done = interop(chain.outbound, case)
            if done.returncode != 0:
                failures[case] = (done.stdout + done.stderr)[-600:]
        print(f"   {len(CASES) - len(failures)} of {len(CASES)} cases", flush=True)
        assert not failures, failures
        ok = chain.client.total("weft_requests_total", grpc_status="0", classification="success")
        assert ok >= 8, f"{ok} successes by grpc-status"
        assert chain.client.total("weft_requests_total", grpc_status="12") >= 2, "UNIMPLEMENTED is counted"


def test_a_grpc_route_sends_one_method_elsewhere():
    with Mesh() as mesh:
        route = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GRPCRoute", "metadata": {"name": "calls", "namespace": "default"}, "spec": {
            "parentRefs": [{"group": "weft.dev", "kind": "MeshService", "name": "app"}],
            "rules": [{"matches": [{"method": {"service": "grpc.testing.TestService", "method": "UnaryCall"}}],
                       "backendRefs": [{"group": "weft.dev", "kind": "MeshService", "name": "other", "port": 80}]}]}}
        path = resources(mesh, "routed", service("app", "GRPC", free_port()), service("other", "GRPC", Calls(mesh, "calls").port), route)
        agent = mesh.agent("client", services=("app",), resources=path)
        port = agent.ports["service-default/app"]
        calls(port, "unary", n=100, c=4)
        done = interop(port, "empty_unary")   # a method that no rule takes
        assert "code = Unimplemented" in done.stdout + done.stderr, (done.stdout + done.stderr)[-600:]


def test_grpc_with_nobody_there():
    with Mesh() as mesh:
        chain = Chain(mesh, "GRPC", free_port())
        done = interop(chain.outbound, "empty_unary")
        assert done.returncode != 0
        assert "code = Unavailable" in done.stdout + done.stderr, (done.stdout + done.stderr)[-600:]


def test_streams_cancels_and_deadlines_of_grpc():
    with Mesh() as mesh:
        chain = Chain(mesh, "GRPC", Calls(mesh, "calls").port)
        calls(chain.outbound, "replies", n=10000)
        left = calls(chain.outbound, "deadline")["left_ms"]
        assert 3000 < left < 5000, f"{left} ms of 5000 are left behind two agents"
        took = calls(chain.outbound, "cancel", n=50)
        assert took["cancels"] == 50   # each reached the server; times are judged by hand
        calls(chain.outbound, "unary", n=5000, c=50)


def test_calls_while_instances_come_and_go():
    """Out of the configuration, then down by GOAWAY: no call fails, because none is lost halfway."""
    with Mesh() as mesh:
        servers = [Calls(mesh, f"calls-{i}") for i in range(3)]
        path = mesh.dir / "churn.yaml"

        def publish(*those):
            temporary = path.with_suffix(".tmp")
            temporary.write_text(json.dumps(service("app", "GRPC", *[s.port for s in those])))
            temporary.rename(path)

        publish(*servers)
        agent = mesh.agent("client", services=("app",), resources=str(path))
        total = 10000
        load = subprocess.Popen([program("calls"), "unary", "-target", f"127.0.0.1:{agent.ports['service-default/app']}", "-n", str(total), "-c", "4"], stdout=subprocess.PIPE, text=True)
        turns = 0

        def known(*those):
            listed = str(agent.admin("/instances"))
            return load.poll() is not None or all(f":{s.port}" in listed for s in those)

        while load.poll() is None:
            old = servers[turns % 3]
            servers[turns % 3] = Calls(mesh, f"calls-{turns + 3}")
            publish(*servers)
            wait_for("the new instance", lambda: known(*servers), 30)
            old.send(15)
            turns += 1
        said = load.stdout.read()
        print("  ", said.strip(), f"instances replaced {turns}", flush=True)
        assert load.returncode == 0, said
        assert turns >= 3


if __name__ == "__main__":
    main(sys.modules[__name__])
