"""Real programs for integration tests: agents, a control plane, backends and clients (tests/integration/peer, in Go).

Everything listens on loopback, on ports the kernel chose; everything started through a Mesh ends with it. Waits are
on conditions with a deadline; nothing sleeps for a fixed time to make something true.
"""
import datetime
import fcntl
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.append(str(ROOT / "scripts/lib"))
from process import Process, free_port, wait_for   # noqa: E402, F401: its users have it from here
BIN = pathlib.Path(os.environ.get("WEFT_BIN", ROOT / "build/release/bin"))


def go():
    cached = pathlib.Path(os.environ.get("WEFT_CACHE", pathlib.Path.home() / ".cache/weft")) / "go/bin/go"
    for candidate in (shutil.which("go"), str(cached)):
        if candidate and os.path.exists(candidate):
            version = subprocess.run([candidate, "version"], capture_output=True, text=True).stdout
            if re.search(r"go1\.(2[6-9]|[3-9]\d)", version):
                return candidate
    return None


def go_program(folder, package="."):
    """A Go program of the tests, built once per tree from the module in this folder; or a package that it requires."""
    source = ROOT / folder
    target = ROOT / "build" / source.name
    target.mkdir(parents=True, exist_ok=True)
    with open(target / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        program = target / source.name
        sources = [*source.glob("*.go"), *source.glob("go.*")]
        if not program.exists() or any(s.stat().st_mtime > program.stat().st_mtime for s in sources):
            compiler = go()
            if compiler is None:
                sys.exit("no Go 1.26 or newer: run scripts/setup test")
            subprocess.run([compiler, "build", "-o", str(program), package], cwd=source, check=True)
    return str(program)


def peer():
    return go_program("tests/integration/peer")


def get(url, headers=None, method="GET", data=None, timeout=15.0):
    """(status, headers, body); an error status is an answer too."""
    request = urllib.request.Request(url, headers=headers or {}, method=method, data=data)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def seconds_since_epoch(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Backend(Process):
    """A Go HTTP server that can be made to misbehave."""

    piped = True

    def __init__(self, directory, name, inside=(), address="127.0.0.1"):
        super().__init__(f"peer-{name}", [*inside, peer(), "serve", "-name", name, "-listen", f"{address}:0"], directory)
        self.id, self.address = name, address
        self.start()
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[1])

    def mode(self, **query):
        text = "&".join(f"{k}={v}" for k, v in query.items())
        assert get(f"http://{self.address}:{self.port}/control?{text}")[0] == 200

    def stats(self):
        return json.loads(get(f"http://{self.address}:{self.port}/stats")[2])


class Agent(Process):
    def __init__(self, directory, name, config, inside=(), host="127.0.0.1"):
        self.host = host   # where its admin and telemetry ports are reached from here
        self.dir, self.file = directory, directory / f"{name}.agent.yaml"
        self.ports_file = directory / f"{name}.ports.json"
        config.setdefault("node", {"id": name, "namespace": "default"})
        config.setdefault("admin", {"listen": "127.0.0.1:0"})
        config.setdefault("telemetry", {"listen": "127.0.0.1:0"})
        config.setdefault("cache", {"path": str(directory / f"{name}.cache")})
        self.access_log = directory / f"{name}.access.log"
        config.setdefault("accessLog", {"format": "json", "path": str(self.access_log)})
        self.file.write_text(json.dumps(config, indent=1))   # JSON is YAML
        super().__init__(name, [*inside, str(BIN / "weft-agent"), "--config", str(self.file), "--ports-file", str(self.ports_file)], directory)

    def start(self, ready=True):
        self.ports_file.unlink(missing_ok=True)
        super().start()
        wait_for(f"{self.name} listening", lambda: self.ports_file.exists() or self.process.poll() is not None, 30)
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended with {self.process.returncode}: {self.log.read_text()[-2000:]}")
        self.ports = json.loads(self.ports_file.read_text())
        if ready:
            wait_for(f"{self.name} ready", lambda: self.ready(), 30)
        return self

    def ready(self):
        try:
            return get(f"http://{self.host}:{self.ports['telemetry']}/readyz", timeout=2)[0] == 200
        except OSError:
            return False

    def url(self, service, path="/"):
        return f"http://127.0.0.1:{self.ports[service]}{path}"

    def admin(self, path):
        return json.loads(get(f"http://127.0.0.1:{self.ports['admin']}{path}")[2])

    def explain(self, request_id):
        return self.admin(f"/explain/{request_id}")

    def metrics(self):
        """{(name, frozenset of labels): value}"""
        text = get(f"http://{self.host}:{self.ports['telemetry']}/metrics")[2].decode()
        samples = {}
        for line in text.splitlines():
            found = re.match(r"^(\w+)(?:\{(.*)\})? (\S+)$", line)
            if found and not line.startswith("#"):
                labels = frozenset(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found.group(2) or ""))
                samples[(found.group(1), labels)] = float(found.group(3))
        return samples

    def total(self, name, **labels):
        wanted = set(labels.items())
        return sum(value for (n, have), value in self.metrics().items() if n == name and wanted <= have)

    def ejected_at(self, instance):
        """Seconds since the epoch of its first ejection, as the log has it; None: never."""
        found = re.search(rf"^(\S+) info instance ejected .*instance={re.escape(instance)}\b", self.log.read_text(), re.M)
        return seconds_since_epoch(found[1]) if found else None

    def first_repeated_at(self):
        """Seconds since the epoch at which the first request began that needed a second attempt."""
        return min(seconds_since_epoch(line["time"]) - line["took_ms"] / 1000 for line in self.log_lines() if line["attempts"] > 1)

    def log_lines(self):
        """Of the access log; a line that is being written is not one yet."""
        text = self.access_log.read_text() if self.access_log.exists() else ""
        return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]


def mesh_service(name, backends, extra=None):
    return {"apiVersion": "weft.dev/v1", "kind": "MeshService", "metadata": {"name": name, "namespace": "default"},
            "spec": {"ports": [{"name": "http", "port": 80, "protocol": "HTTP"}],
                     "instances": [{"id": b.id, "address": b.address, "port": b.port} for b in backends], **(extra or {})}}


def service_policy(name, **spec):
    return {"apiVersion": "weft.dev/v1", "kind": "ServicePolicy", "metadata": {"name": name, "namespace": "default"},
            "spec": {"targetRefs": [{"group": "weft.dev", "kind": "MeshService", "name": name}], **spec}}


class Mesh:
    """Use as a context: with Mesh() as mesh."""

    def __enter__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="weft-test-"))
        self.started = []
        return self

    def __exit__(self, kind, *_):
        for process in reversed(self.started):
            process.stop(kill=kind is not None)
        if kind is None:
            shutil.rmtree(self.dir, ignore_errors=True)
        else:
            print(f"kept for a look: {self.dir}", file=sys.stderr)

    def backends(self, *names):
        made = [Backend(self.dir, name) for name in names]
        self.started += made
        return made if len(made) > 1 else made[0]

    def resources(self, *documents):
        path = self.dir / "resources.yaml"
        temporary = self.dir / "resources.tmp"
        temporary.write_text("\n---\n".join(json.dumps(d) for d in documents))
        temporary.rename(path)
        return str(path)

    def agent(self, name, services=("cart",), resources=None, inbound=None, inside=(), host="127.0.0.1", ready=True, **config):
        if resources:
            config["resources"] = [resources]
        config["outbound"] = {"listen": "127.0.0.1:0", "services": [
            {"listen": "127.0.0.1:0", "service": f"default/{s}", "port": "http"} for s in services], **config.pop("outbound", {})}
        if inbound:
            config["inbound"] = inbound
        agent = Agent(self.dir, name, config, inside, host)
        self.started.append(agent)
        return agent.start(ready)

    def run_peer(self, *words, timeout=300):
        done = subprocess.run([peer(), *map(str, words)], capture_output=True, text=True, timeout=timeout)
        if done.returncode != 0:
            raise AssertionError(f"peer {' '.join(map(str, words))} ended with {done.returncode}: {done.stdout[-1500:]}{done.stderr[-1500:]}")
        return done.stdout


def main(module):
    """Runs each test_* of a module (or those named on the command line) and says which failed."""
    names = [n for n in dir(module) if n.startswith("test_")]
    if len(sys.argv) > 1:
        names = [n for n in names if n in sys.argv[1:]]
    failed = []
    for name in names:
        began = time.monotonic()
        print(f"[ RUN  ] {name}", flush=True)
        try:
            getattr(module, name)()
            print(f"[  OK  ] {name} ({time.monotonic() - began:.1f} s)", flush=True)
        except Exception as error:   # a test that breaks has failed
            failed.append(name)
            import traceback

            traceback.print_exc()
            print(f"[FAILED] {name}: {error}", flush=True)
    print(f"{len(names) - len(failed)} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)
