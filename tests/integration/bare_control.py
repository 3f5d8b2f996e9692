"""A control plane by itself, on ports of its own."""
import contextlib
import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "scripts/lib"))
from process import Process, wait_for   # noqa: E402


@contextlib.contextmanager
def control_plane(program):
    """Its HTTP port."""
    with control_process(program) as (port, _):
        yield port


@contextlib.contextmanager
def control_process(program):
    """Its HTTP port and itself."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        ports = folder / "ports.json"
        server = Process("weft-control", [program, "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0",
                                          "--data", f"{folder}/data", "--ports-file", str(ports)], folder)
        server.start()
        try:
            wait_for("weft-control listening", lambda: ports.exists() or not server.alive(), 30)
            yield json.loads(ports.read_text())["http"], server
        finally:
            server.stop()
