#!/usr/bin/env python3
"""grpcurl calls the control plane with no proto file, by server reflection alone; without a role it is told why it cannot."""
import json
import pathlib
import subprocess
import sys
import tempfile

from mesh import BIN, Process, go_program, main, wait_for

TOKEN = "viewer-secret"
CART = json.dumps({"documents": json.dumps({"apiVersion": "weft.dev/v1", "kind": "MeshService", "metadata": {"name": "cart"},
                                            "spec": {"ports": [{"port": 80}]}})})


def test_grpcurl_lists_describes_and_calls_without_a_proto_file():
    grpcurl = go_program("tests/grpcurl", "github.com/fullstorydev/grpcurl/cmd/grpcurl")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        tokens, ports = folder / "tokens", folder / "ports.json"
        tokens.touch(0o600)
        tokens.write_text(f"{TOKEN} vera viewer\neditor-secret ed editor\n")
        control = Process("control", [str(BIN / "weft-control"), "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--data",
                                      f"{folder}/data", "--ports-file", str(ports), "--token-file", str(tokens)], folder).start()
        try:
            wait_for("the control plane listening", lambda: ports.exists() or not control.alive(), 30)
            address = f"127.0.0.1:{json.loads(ports.read_text())['grpc']}"

            def call(*words, token=TOKEN, data=None):
                login = ["-H", f"authorization: Bearer {token}"] if token else []
                body = ["-d", data] if data is not None else []
                return subprocess.run([grpcurl, "-plaintext", "-max-time", "30", *login, *body, address, *words], capture_output=True,
                                      text=True, timeout=60)
            said = call("list")
            assert said.returncode == 0, said.stderr
            services = set(said.stdout.split())
            assert {"weft.v1.Registry", "weft.v1.Config", "weft.v1.Mesh", "weft.v1.Telemetry"} <= services, services
            for service in services:
                assert call("describe", service).returncode == 0, service
            said = call("weft.v1.Config/Apply", token="editor-secret", data=CART)
            assert json.loads(said.stdout)["revision"] == "1", said.stdout + said.stderr
            said = call("weft.v1.Registry/ListServices")
            assert [each["name"] for each in json.loads(said.stdout)["services"]] == ["cart"], said.stdout + said.stderr
            said = call("list", token=None)
            assert said.returncode != 0 and "Unauthenticated" in said.stderr + said.stdout, said.stderr + said.stdout
            said = call("weft.v1.Config/Apply", data=CART)
            assert said.returncode != 0 and "PermissionDenied" in said.stderr, said.stderr
        finally:
            control.stop()


if __name__ == "__main__":
    main(sys.modules[__name__])
