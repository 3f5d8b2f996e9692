"""The programs that a benchmark run compares: how each is configured, started and found to be ready."""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request

LISTEN, BACKEND = 18101, 18102


def wait_for_port(port, deadline=10.0):
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"nothing listens on port {port} after {deadline} s")


def stop(process):
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def fetch(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return answer.read().decode()


class Direct:
    """No proxy: the generator talks to its own backend."""

    name = "direct"

    def __init__(self, _bin_dir):
        self.connect = BACKEND

    def start(self, prefix=(), env=None):
        return self

    def pids(self):
        return []

    def stop(self):
        pass


class Proxy:
    """A proxy that listens on LISTEN and forwards to BACKEND, both on loopback."""

    name = ""
    patience = 10   # seconds until it listens; six times that under valgrind

    def __init__(self, bin_dir):
        self.bin = pathlib.Path(bin_dir)
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="weft-bench-"))
        self.process = None
        self.connect = LISTEN

    def command(self):
        raise NotImplementedError

    def start(self, prefix=(), env=None):
        self.process = subprocess.Popen(
            [*prefix, *self.command()], stdout=subprocess.DEVNULL, stderr=open(self.dir / "stderr", "w"),
            env={**os.environ, **(env or {})})
        wait_for_port(LISTEN, self.patience * (6 if prefix and "valgrind" in prefix[0] else 1))
        return self

    def pids(self):
        """The process and its children: nginx has a master and a worker."""
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True).stdout.split()
        return [self.process.pid, *map(int, children)]

    def stop(self):
        stop(self.process)
        shutil.rmtree(self.dir, ignore_errors=True)


class Relay(Proxy):
    name = "relay"

    def command(self):
        return [str(self.bin / "bench-relay"), str(LISTEN), str(BACKEND)]


class Nginx(Proxy):
    name = "nginx"

    def command(self):
        (self.dir / "nginx.conf").write_text(f"""
{"user root;" if os.geteuid() == 0 else ""} daemon off; worker_processes 1; pid {self.dir}/pid; error_log {self.dir}/error.log crit;
events {{ worker_connections 16000; }}
http {{
  access_log off; keepalive_requests 1000000000; server_tokens off;
  client_body_temp_path {self.dir}/b; proxy_temp_path {self.dir}/p;
  fastcgi_temp_path {self.dir}/f; uwsgi_temp_path {self.dir}/u; scgi_temp_path {self.dir}/s;
  upstream app {{ server 127.0.0.1:{BACKEND}; keepalive 128; keepalive_requests 1000000000; }}
  server {{ listen 127.0.0.1:{LISTEN};
    location / {{ proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Request-Id 0123456789abcdef0123456789abcdef; }} }}
}}""")
        return ["/usr/sbin/nginx", "-p", str(self.dir), "-c", str(self.dir / "nginx.conf"), "-e", str(self.dir / "error.log")]


class Haproxy(Proxy):
    name = "haproxy"
    mode = "http"
    http_lines = "http-reuse always"
    http_frontend_lines = """http-request set-header X-Request-Id 0123456789abcdef0123456789abcdef
  option forwardfor"""

    def command(self):
        (self.dir / "haproxy.cfg").write_text(f"""
global
  nbthread 1
  maxconn 9000
defaults
  mode {self.mode}
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  {self.http_lines}
frontend in
  bind 127.0.0.1:{LISTEN}
  {self.http_frontend_lines}
  default_backend out
backend out
  server app 127.0.0.1:{BACKEND}
""")
        return ["/usr/sbin/haproxy", "-db", "-f", str(self.dir / "haproxy.cfg")]


class HaproxyTcp(Haproxy):
    """HAProxy that looks at bytes only."""

    mode, http_lines, http_frontend_lines = "tcp", "", ""


class Weft(Proxy):
    """All features on: validation, request ids, breaker, retries, deadlines, records, metrics. Access log off, as for all."""

    name = "weft"
    protocol = "HTTP"

    def resources(self):
        (self.dir / "mesh.yaml").write_text(f"""
apiVersion: weft.dev/v1
kind: MeshService
metadata: {{name: bench, namespace: default}}
spec:
  ports: [{{name: http, port: 80, protocol: {self.protocol}}}]
  instances: [{{id: bench-1, address: 127.0.0.1, port: {BACKEND}}}]
---
apiVersion: weft.dev/v1
kind: ServicePolicy
metadata: {{name: bench, namespace: default}}
spec:
  targetRefs: [{{group: weft.dev, kind: MeshService, name: bench}}]
  connectionPool: {{maxConnections: 10000, maxKeepalive: 10000, maxPending: 10000, keepaliveExpiry: 60s}}
  timeouts: {{request: 15s, attempt: 10s}}
""")
        return self.dir / "mesh.yaml"

    def command(self):
        self.resources()
        (self.dir / "agent.yaml").write_text(f"""
node: {{id: bench, namespace: default}}
{self.configuration()}
outbound:
  listen: 127.0.0.1:0
  services: [{{listen: 127.0.0.1:{LISTEN}, service: default/bench, port: http}}]
admin: {{listen: 127.0.0.1:0}}
telemetry: {{listen: 127.0.0.1:0}}
cache: {{path: {self.dir}/cache}}
""")
        return [str(self.bin / "weft-agent"), "--config", str(self.dir / "agent.yaml"),
                "--ports-file", str(self.dir / "ports.json")]

    def configuration(self):
        return f"resources: [{self.dir}/mesh.yaml]"

    def port(self, name):
        return json.loads((self.dir / "ports.json").read_text())[name]

    def scrape(self):
        return fetch(self.port("telemetry"), "/metrics")

    def counted(self):
        """(requests that the metric counts, requests that the newest record says, records without a gap before it)."""
        metric = sum(int(float(line.split()[-1])) for line in self.scrape().splitlines() if line.startswith("weft_requests_total{"))
        records = json.loads(fetch(self.port("admin"), "/decisions?limit=1000"))["records"]
        numbers = sorted((record["number"] for record in records), reverse=True)
        gapless = numbers == list(range(numbers[0], numbers[0] - len(numbers), -1))
        return metric, numbers[0], len(numbers) if gapless else 0


class WeftTcp(Weft):
    """The same agent, whose port is declared to be TCP: no request is seen, connections and bytes are counted."""

    protocol = "TCP"
    counted = None


class WeftControlled(Weft):
    """The same agent, fed by a control plane."""

    name = "weft with control plane"

    def configuration(self):
        return f"controlPlane: {{address: 127.0.0.1:{self.control_port}}}"

    def start(self, prefix=(), env=None):
        self.start_control()
        return super().start(prefix, env)

    def start_control(self):
        ports = self.dir / "control.json"
        self.control = subprocess.Popen(
            [str(self.bin / "weft-control"), "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--data",
             str(self.dir / "data"), "--resources", str(self.resources()), "--ports-file", str(ports)],
            stdout=subprocess.DEVNULL, stderr=open(self.dir / "control.log", "w"))
        end = time.monotonic() + 10
        while not ports.exists():
            if time.monotonic() > end:
                raise RuntimeError("weft-control did not start: " + (self.dir / "control.log").read_text())
            time.sleep(0.02)
        self.control_port = json.loads(ports.read_text())["grpc"]

    def stop_control(self):
        if self.control is not None:
            stop(self.control)
        self.control = None

    def stop(self):
        self.stop_control()
        super().stop()


ALL = [Relay, Nginx, Haproxy, Weft]
TCP = [Relay, HaproxyTcp, WeftTcp]
