#!/usr/bin/env python3
"""gRPC's interop cases between languages through two agents: grpcio (gRPC's C core) as client of grpc-go, as its server, and of itself."""
import os
import pathlib
import subprocess
import sys

from http2_test import CASES, ROOT, Chain, grpc_server, interop
from mesh import Mesh, main, wait_for
from packages import with_packages
from programs import Server

FOLDER = ROOT / "tests/interop/python"


def python(*words):
    return [str(pathlib.Path(sys.executable)), *map(str, words)]


def python_server(mesh):
    return Server(mesh, "grpcio", python(FOLDER / "server.py"))


def python_client(port):
    done = subprocess.run(python(FOLDER / "client.py", port), capture_output=True, text=True, timeout=120, env={**os.environ, "GRPC_VERBOSITY": "ERROR"})
    print("  ", done.stdout.strip().splitlines()[-1] if done.stdout else done.stderr[-300:], flush=True)
    assert done.returncode == 0 and "14 cases, 0 failed" in done.stdout, done.stdout[-3000:] + done.stderr[-500:]


def test_a_python_client_of_a_go_server():
    with Mesh() as mesh:
        _, port = grpc_server(mesh)
        chain = Chain(mesh, "GRPC", port)
        python_client(chain.outbound)
        assert chain.client.total("weft_requests_total", grpc_status="0", classification="success") >= 8


def test_a_go_client_of_a_python_server():
    with Mesh() as mesh:
        server = python_server(mesh)
        wait_for("the server", lambda: interop(server.port, "empty_unary").returncode == 0, 30)
        chain = Chain(mesh, "GRPC", server.port)
        results = {case: interop(chain.outbound, case) for case in CASES}
        failures = {case: (done.stdout + done.stderr)[-600:] for case, done in results.items() if done.returncode != 0}
        print(f"   {len(CASES) - len(failures)} of {len(CASES)} cases", flush=True)
        assert not failures, failures


def test_python_on_both_sides():
    with Mesh() as mesh:
        chain = Chain(mesh, "GRPC", python_server(mesh).port)
        python_client(chain.outbound)


if __name__ == "__main__":
    with_packages("grpc", "google.protobuf")
    main(sys.modules[__name__])
