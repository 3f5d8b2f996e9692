"""The demo's processes: the control plane, the servers, and an agent beside each."""
import json
import os
import pathlib
import socket
import sys

from process import Process, free_port

HERE = pathlib.Path(__file__).resolve().parent


class Control(Process):
    """weft-control with its embedded store; agents and users show a bearer token."""

    def __init__(self, bin_dir, directory, host):
        self.directory, self.host = directory, host
        self.token = directory / "token"
        secret = os.urandom(24).hex()
        self.token.write_text(f"{secret} demo admin\n")
        os.chmod(self.token, 0o644)   # agents run as a user of their own; the control plane's own file is for it alone
        known = directory / "tokens"
        known.touch(0o600)
        known.write_text(self.token.read_text())
        self.grpc, self.http = free_port(), free_port()
        super().__init__("control", [
            str(bin_dir / "weft-control"), "--grpc-listen", f"{host}:{self.grpc}", "--http-listen", f"{host}:{self.http}",
            "--data", str(directory / "store"), "--token-file", str(known),
            "--report-interval", "2s"], directory)

    def ready(self):
        with socket.socket() as probe:
            return probe.connect_ex((self.host, self.http)) == 0


class Agent(Process):
    """An agent beside one server (or beside nothing: a client's)."""

    def __init__(self, bin_dir, directory, net, control, name, service, app_port, address):
        self.net, self.address = net, address
        self.admin = free_port() if not net.transparent else 15000
        self.outbound = {s: (free_port() if not net.transparent else 8080) for s in ("web", "cart", "prices")}
        self.inbound = free_port() if not net.transparent else 15006
        self.telemetry = free_port() if not net.transparent else 15020
        listen = "0.0.0.0" if net.transparent else "127.0.0.1"
        file = directory / f"{name}.agent.yaml"
        config = {
            "node": {"id": f"{name}", "namespace": "demo", **({"service": service} if service else {})},
            "controlPlane": {"address": f"{control.host}:{control.grpc}", "tokenFile": str(control.token)},
            "outbound": {"listen": f"127.0.0.1:{15001 if net.transparent else 0}", "transparent": net.transparent},
            "admin": {"listen": f"127.0.0.1:{self.admin}"},
            "telemetry": {"listen": f"{listen}:{self.telemetry}"},
            "cache": {"path": str(directory / f"{name}.cache")},
            "accessLog": {"format": "json", "path": str(directory / f"{name}.access.log")},
        }
        if not net.transparent:
            config["outbound"]["services"] = [
                {"listen": f"127.0.0.1:{port}", "service": f"demo/{s}", "port": "http"} for s, port in self.outbound.items()]
        if service:
            config["inbound"] = [{"listen": f"{listen}:{self.inbound}", "forward": f"127.0.0.1:{app_port}",
                                  "service": f"demo/{service}", "port": "http"}]
        file.write_text(json.dumps(config, indent=1))   # JSON is YAML
        command = [*net.inside(name, as_agent=True), str(bin_dir / "weft-agent"), "--config", str(file)]
        super().__init__(f"{name}.agent", command, directory)

    def url(self, service):
        return f"http://127.0.0.1:{self.outbound[service]}" if not self.net.transparent else f"http://{service}.demo:8080"


class Nginx(Process):
    """The front: nginx, which hands /cart to the service cart. It knows only an address."""

    def __init__(self, directory, net, name, port, upstream):
        conf = directory / f"{name}.nginx"
        conf.mkdir(exist_ok=True)
        paths = " ".join(f"{kind}_temp_path {conf}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (conf / "nginx.conf").write_text(f"""
daemon off; worker_processes 1; pid {conf}/pid; error_log {conf}/error.log crit;
events {{ worker_connections 1024; }}
http {{ access_log off; {paths}
  server {{ listen 127.0.0.1:{port};
    location = / {{ return 200 "front\\n"; }}
    location / {{ proxy_pass http://{upstream}; proxy_http_version 1.1; proxy_set_header Connection "";
                  proxy_set_header Host cart.demo; }} }} }}
""")
        super().__init__(name, [*net.inside(name), "/usr/sbin/nginx", "-p", str(conf), "-c", str(conf / "nginx.conf"),
                                "-e", str(conf / "error.log")], directory)

    def stop(self, kill=False):
        super().stop()   # killed, it would leave its worker behind


class App(Process):
    def __init__(self, directory, net, name, port, next_url=None):
        command = [*net.inside(name), sys.executable, str(HERE / "app.py"), name, str(port)] + ([next_url] if next_url else [])
        super().__init__(name, command, directory)
