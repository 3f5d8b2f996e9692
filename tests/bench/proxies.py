"""The programs that a benchmark run compares: how each is configured, started and found to be ready."""
import os
import pathlib
import socket
import subprocess
import tempfile
import time

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


class Proxy:
    """A proxy that listens on LISTEN and forwards to BACKEND, both on loopback."""

    name = ""

    def __init__(self, bin_dir):
        self.bin = pathlib.Path(bin_dir)
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="weft-bench-"))
        self.process = None

    def command(self):
        raise NotImplementedError

    def start(self, prefix=(), env=None):
        self.process = subprocess.Popen(
            [*prefix, *self.command()], stdout=subprocess.DEVNULL, stderr=open(self.dir / "stderr", "w"),
            env={**os.environ, **(env or {})})
        wait_for_port(LISTEN, 60 if prefix and "valgrind" in prefix[0] else 10)
        return self

    def pids(self):
        """The process and its children: nginx has a master and a worker."""
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True).stdout.split()
        return [self.process.pid, *map(int, children)]

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Relay(Proxy):
    name = "relay"

    def command(self):
        return [str(self.bin / "bench-relay"), str(LISTEN), str(BACKEND)]


class Nginx(Proxy):
    name = "nginx"

    def command(self):
        (self.dir / "nginx.conf").write_text(f"""
daemon off; worker_processes 1; pid {self.dir}/pid; error_log {self.dir}/error.log crit;
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

    def command(self):
        (self.dir / "haproxy.cfg").write_text(f"""
global
  nbthread 1
  maxconn 9000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend in
  bind 127.0.0.1:{LISTEN}
  http-request set-header X-Request-Id 0123456789abcdef0123456789abcdef
  option forwardfor
  default_backend out
backend out
  server app 127.0.0.1:{BACKEND}
""")
        return ["/usr/sbin/haproxy", "-db", "-f", str(self.dir / "haproxy.cfg")]


class Weft(Proxy):
    """All features on: validation, request ids, breaker, retries, deadlines, records, metrics. Access log off, as for all."""

    name = "weft"

    def command(self):
        (self.dir / "mesh.yaml").write_text(f"""
apiVersion: weft.dev/v1
kind: MeshService
metadata: {{name: bench, namespace: default}}
spec:
  ports: [{{name: http, port: 80, protocol: HTTP}}]
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
        (self.dir / "agent.yaml").write_text(f"""
node: {{id: bench, namespace: default}}
resources: [{self.dir}/mesh.yaml]
outbound:
  listen: 127.0.0.1:0
  services: [{{listen: 127.0.0.1:{LISTEN}, service: default/bench, port: http}}]
admin: {{listen: 127.0.0.1:0}}
telemetry: {{listen: 127.0.0.1:0}}
cache: {{path: {self.dir}/cache}}
""")
        return [str(self.bin / "weft-agent"), "--config", str(self.dir / "agent.yaml"),
                "--ports-file", str(self.dir / "ports.json")]


ALL = [Relay, Nginx, Haproxy, Weft]
