#!/usr/bin/env python3
"""User instructions of one HTTP/2 request through an agent to an HTTP/2 instance (and h2 to HTTP/1.1), by callgrind: the slope between
a short and a long run of h2load, so that starting up does not count. Usage: tests/bench/http2.py [h2|h1]…"""
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
os.chdir(ROOT)
sys.path.append(str(ROOT / "tests/integration"))
from mesh import BIN, Mesh, Process, mesh_service, wait_for   # noqa: E402
import json   # noqa: E402

SHORT, LONG = 1000, 4000
# What a unary call carries besides its path.
FIELDS = ["content-type: application/octet-stream", "te: trailers", "user-agent: grpc-go/1.81.0"]


def run(mesh, name, protocol, port, requests, streams):
    document = mesh_service("app", [])
    document["spec"]["ports"][0]["protocol"] = protocol
    document["spec"]["instances"] = [{"id": "a", "address": "127.0.0.1", "port": port}]
    resources, config, ports = mesh.dir / "r.yaml", mesh.dir / f"{name}.json", mesh.dir / f"{name}.ports"
    resources.write_text(json.dumps(document))
    config.write_text(json.dumps({"resources": [str(resources)], "admin": {"listen": "127.0.0.1:0"}, "telemetry": {"listen": "127.0.0.1:0"},
                                  "outbound": {"services": [{"listen": "127.0.0.1:0", "service": "default/app", "port": "http"}]}}))
    out = mesh.dir / f"{name}.callgrind"
    agent = Process(name, ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", str(BIN / "weft-agent"), "--config", str(config),
                           "--ports-file", str(ports)], mesh.dir)
    agent.start()
    wait_for("the agent", ports.exists, 60)
    listen = json.loads(ports.read_text())["service-default/app"]
    done = subprocess.run(["h2load", "-n", str(requests), "-c", "1", "-m", str(streams), "-d", str(mesh.dir / "body"),
                           *[word for field in FIELDS for word in ("-H", field)], f"http://127.0.0.1:{listen}/"],
                          capture_output=True, text=True, timeout=300)
    assert f"{requests} succeeded, 0 failed" in done.stdout, done.stdout
    agent.stop()
    return int(re.search(r"^summary: (\d+)", out.read_text(), re.M)[1])


def main():
    kinds = sys.argv[1:] or ["h2", "h1"]
    with Mesh() as mesh:
        (mesh.dir / "body").write_bytes(b"x" * 100)
        backend = mesh.backends("b")
        for kind in kinds:
            for streams in (1, 10):
                protocol = {"h2": "HTTP2", "h1": "HTTP"}[kind]
                short, long = (run(mesh, f"{kind}-{streams}-{n}", protocol, backend.port, n, streams) for n in (SHORT, LONG))
                print(f"h2 -> {kind}, {streams:2} at once: {(long - short) / (LONG - SHORT):8.0f} user instructions per request", flush=True)


if __name__ == "__main__":
    main()
