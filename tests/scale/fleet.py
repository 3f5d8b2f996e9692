"""A control plane with TLS and client certificates, and thousands of simulated agents (tests/scale/agents) on it."""
import http.client
import json
import os
import pathlib
import ssl
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "scripts/lib"), str(ROOT / "tests/integration")]
from process import Process, free_port, wait_for   # noqa: E402
from tls_test import Authority   # noqa: E402

GROUP = {"group": "weft.dev", "kind": "MeshService"}
TOKEN = "secret-of-ops"


def service(name, instances=4):
    number = int(name[1:])
    return {"apiVersion": "weft.dev/v1", "kind": "MeshService", "metadata": {"name": name}, "spec": {
        "ports": [{"name": "http", "port": 80, "protocol": "HTTP"}],
        "instances": [{"id": f"{name}-{k}", "address": f"10.{number >> 8 & 255}.{number & 255}.{k + 1}", "port": 8080} for k in range(instances)]}}


def route(name, weight=1, rules=4):
    """About 1 KiB as a bundle."""
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": name}, "spec": {
        "parentRefs": [{**GROUP, "name": name}],
        "rules": [{"matches": [{"path": {"type": "PathPrefix", "value": f"/a-path-of-some-length/v{k}"}}],
                   "backendRefs": [{**GROUP, "name": name, "port": 80, "weight": weight + k}]} for k in range(rules)]}}


class Control:
    """weft-control on ports that stay over restarts; `core`: the processor it is bound to."""

    def __init__(self, folder, bin_dir, core=None, tls=True, tokens=False):
        self.folder, self.tls, self.tokens = folder, tls, tokens or not tls
        self.grpc = free_port()
        self.ports = folder / "ports.json"
        tokens = folder / "tokens"
        tokens.write_text(f"{TOKEN} ops admin\nsecret-of-agents fleet agent\n")
        tokens.chmod(0o600)
        command = [os.path.join(bin_dir, "weft-control"), "--grpc-listen", f"127.0.0.1:{self.grpc}", "--http-listen", "127.0.0.1:0",
                   "--data", f"{folder}/data", "--ports-file", str(self.ports), "--token-file", str(tokens)]
        if tls:
            self.authority = Authority(folder, "mesh")
            cert, key = self.authority.leaf("control", "DNS:localhost")
            self.agent_pair = self.authority.agent("cart")
            command += ["--tls-cert", cert, "--tls-key", key, "--client-ca", self.authority.ca]
        self.process = Process("weft-control", (["taskset", "-c", str(core)] if core is not None else []) + command, folder)
        self.connection, self.used = None, 0

    def start(self):
        self.ports.unlink(missing_ok=True)
        self.process.start()
        wait_for("weft-control listening", lambda: self.ports.exists() or not self.process.alive(), 60)
        port = json.loads(self.ports.read_text())["http"]
        if self.tls:
            self.connection = http.client.HTTPSConnection("localhost", port, timeout=120, context=ssl.create_default_context(cafile=self.authority.ca))
        else:
            self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self.call("GET", "/readyz")

    def stop(self, kill=False):
        if self.connection is not None:
            self.connection.close()
        self.process.stop(kill)

    def call(self, method, path, body=None):
        """The answer, and when it had come (nanoseconds of the monotonic clock)."""
        if time.monotonic() - self.used > 20:   # before the server closes an idle one
            self.connection.close()
        self.used = time.monotonic()
        self.connection.request(method, path, body if body is None or isinstance(body, str) else json.dumps(body),
                                {"authorization": f"Bearer {TOKEN}"})
        answer = self.connection.getresponse()
        data = answer.read()
        came = time.monotonic_ns()
        assert answer.status == 200, data[:500]
        return data.decode(), came

    def fill(self, services):
        names = [f"s{i}" for i in range(services)]
        self.call("POST", "/api/v1/apply", "\n---\n".join(json.dumps(d) for name in names for d in (service(name), route(name))))

    def metric(self, name):
        """The sum over its series."""
        text, _ = self.call("GET", "/metrics")
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.split("{")[0].split(" ")[0] == name)

    def memory(self):
        """KiB of resident memory."""
        status = pathlib.Path(f"/proc/{self.process.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))

    def cpu(self):
        """Seconds of processor time so far."""
        fields = pathlib.Path(f"/proc/{self.process.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Agents:
    """The program scale-agents; see tests/scale/agents/fleet.h."""

    def __init__(self, control, bin_dir, core=None, arguments=()):
        command = [os.path.join(bin_dir, "scale-agents"), "--port", str(control.grpc), *arguments]
        if control.tls:
            command += ["--ca", control.authority.ca]
        if control.tokens:
            command += ["--token", "secret-of-agents"]
        else:
            cert, key = control.agent_pair
            command += ["--cert", cert, "--key", key]
        prefix = ["taskset", "-c", str(core)] if core is not None else []
        self.process = subprocess.Popen(prefix + command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def answer(self):
        line = self.process.stdout.readline()
        assert line, "scale-agents ended"
        return json.loads(line)

    def await_(self, what, count):
        self.tell(f"await {what} {count}")
        return self.answer()

    def status(self):
        self.tell("status")
        return self.answer()

    def cpu(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
