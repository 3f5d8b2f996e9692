#!/usr/bin/env python3
"""The demo: a control plane, three services behind agents, traffic, faults. Every sentence it prints as a fact has been
checked; the first that does not hold ends it with an error. Run by scripts/demo."""
import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent.parent / "scripts/lib"))
import net as networks   # noqa: E402
from process import free_port, wait_for   # noqa: E402
from processes import HERE, Agent, App, Control, Nginx   # noqa: E402


def step(text):
    print(f"\n\033[1m{text}\033[0m", flush=True)


def fact(text):
    print(f"  {text}", flush=True)


def check(condition, text):
    if not condition:
        raise SystemExit(f"demo: NOT TRUE: {text}")
    fact(text)


class Traffic:
    """The client process and what it saw."""

    def __init__(self, command):
        self.rows, self.lock = [], threading.Lock()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self.collect, daemon=True).start()

    def collect(self):
        for line in self.process.stdout:
            with self.lock:
                self.rows.append(json.loads(line))

    def since(self, moment):
        with self.lock:
            return [row for row in self.rows if row["at"] >= moment]

    def for_seconds(self, seconds):
        start = time.time()
        time.sleep(seconds)
        return self.since(start)

    def stop(self):
        self.process.kill()
        self.process.wait()


class Demo:
    def __init__(self, bin_dir, loopback):
        self.bin = pathlib.Path(bin_dir).resolve()
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="weft-demo-"))
        self.dir.chmod(0o777)   # agents run as a user of their own
        self.net = networks.Loopback() if loopback or not networks.possible() else networks.Namespaces(self.bin)
        self.control, self.agents, self.apps, self.traffic = None, {}, {}, None

    def ctl(self, *words, check_exit=True):
        done = subprocess.run([str(self.bin / "weftctl"), "--server", f"{self.control.host}:{self.control.http}",
                               "--token-file", str(self.control.token), *words], capture_output=True, text=True)
        if check_exit and done.returncode != 0:
            raise SystemExit(f"demo: weftctl {' '.join(words)}: {done.stderr or done.stdout}")
        return done.stdout

    # --- the parts -------------------------------------------------------------------------------------------------
    def start(self):
        step("1. A control plane, three services, an agent beside each instance")
        self.control = Control(self.bin, self.dir, self.net.control_host).start()
        wait_for("the control plane listening", self.control.ready)
        fact(self.ctl("apply", "-f", str(HERE / "mesh.yaml")).strip().replace("\n", "\n  "))
        members = [("web-1", "web"), ("cart-1", "cart"), ("cart-2", "cart"), ("cart-3", "cart"), ("prices-1", "prices")]
        addresses = {name: self.net.place(name, 8080) for name, _ in members}
        addresses["client"] = self.net.place("client", None)
        self.net.name_hosts({f"{s}.demo": addresses[f"{s}-1"] for s in ("web", "cart", "prices")})
        for name, service in members:
            self.add(name, service, addresses[name])
        self.agents["client"] = Agent(self.bin, self.dir, self.net, self.control, "client", None, 0, addresses["client"]).start()
        fact("servers: nginx (web), Python (cart, three instances; prices); none of them knows of the mesh")
        fact("interception: " + ("weft-agent redirect apply in one network namespace per instance; agents run as a user of their own"
                                 if self.net.transparent else "explicit local ports on loopback (no root, no namespaces)"))
        self.traffic = Traffic([*self.net.inside("client"), sys.executable, str(HERE / "client.py"),
                                self.agents["client"].url("web") + "/cart", "100", "8"])
        wait_for("steady answers from all instances", self.steady, 90)

    def steady(self):
        """The servers have all started: a second and a half of nothing but 200 from all three."""
        rows = self.traffic.since(time.time() - 1.5)
        return len(rows) > 100 and all(r["status"] == 200 for r in rows) and len({r["chain"][0] for r in rows}) == 3

    def add(self, name, service, address):
        app_port = 18080 if self.net.transparent else free_port()
        agent = Agent(self.bin, self.dir, self.net, self.control, name, service, app_port, address)
        if service == "web":
            app = Nginx(self.dir, self.net, name, app_port, agent.url("cart").removeprefix("http://"))
        else:
            app = App(self.dir, self.net, name, app_port, agent.url("prices") + "/" if service == "cart" else None)
        self.apps[name], self.agents[name] = app.start(), agent.start()
        for process, port in ((app, app_port), (agent, agent.inbound)):   # an instance is registered when it can serve
            wait_for(f"{process.name} listening on port {port}", lambda: process.listens(port))
        self.ctl("register", f"demo/{service}", name, "--address", address, "--port",
                 str(8080 if self.net.transparent else agent.inbound), "--meshed")

    def balanced(self):
        step("2. Traffic flows: client → web (nginx) → cart (3 instances) → prices, 100 requests a second")
        rows = self.traffic.for_seconds(4)
        good = [r for r in rows if r["status"] == 200]
        share = Counter(r["chain"][0] for r in good if r["chain"])
        check(len(rows) > 300 and len(good) == len(rows), f"{len(good)} of {len(rows)} answers are 200")
        check(len(share) == 3 and min(share.values()) > 0.2 * len(good),
              "balanced: " + ", ".join(f"{name} {count}" for name, count in sorted(share.items())))
        check(all(r["chain"][1:] == ["prices-1"] for r in good), "each passed both hops")
        fact("median latency over six proxied hops there and back: %.1f ms" % sorted(r["ms"] for r in good)[len(good) // 2])

    def edit_rule(self):
        step("3. A rule edited through the API")
        route = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "mark", "namespace": "demo"},
                 "spec": {"parentRefs": [{"group": "weft.dev", "kind": "MeshService", "name": "web"}],
                          "rules": [{"filters": [{"type": "ResponseHeaderModifier", "responseHeaderModifier": {
                              "set": [{"name": "x-demo", "value": "edited"}]}}], "backendRefs": [
                                  {"group": "weft.dev", "kind": "MeshService", "name": "web", "port": 80}]}]}}
        file = self.dir / "route.json"
        file.write_text(json.dumps(route))
        self.ctl("apply", "-f", str(file))
        applied = time.time()
        wait_for("the new rule in force", lambda: any(r.get("mark") == "edited" for r in self.traffic.since(applied - 1)))
        first = min(r["at"] + r["ms"] / 1000 for r in self.traffic.rows if r.get("mark") == "edited")
        fact(f"in force {max(0.0, (first - applied) * 1000):.0f} ms after weftctl returned (10 ms between requests)")
        rows = self.traffic.for_seconds(1)
        check(rows and all(r.get("mark") == "edited" and r["status"] == 200 for r in rows), "on every answer, none lost")

    def fault(self, number, title, name, hurt, heal):
        step(f"{number}. {title}")
        start = time.time()
        hurt()
        time.sleep(4)
        rows = self.traffic.since(start)
        bad = [r for r in rows if r["status"] != 200]
        last = max((r["at"] for r in rows if r["chain"][:1] == [name]), default=start)
        check(len(bad) <= len(rows) * 0.01 + 1, f"{len(rows) - len(bad)} of {len(rows)} answers are 200 meanwhile")
        quiet = [r for r in self.traffic.for_seconds(1.5) if r["status"] != 200]
        check(not quiet, "and all of them later")
        states = self.ctl("instances", "-n", "demo", "cart")
        check(self.state_of(name) != "healthy", f"the agent of web took {name} out; its last 200 was {max(0.0, last - start):.2f} s "
              "after the fault began")
        fact("the registry, which no agent's own observations change:\n  " + states.strip().replace("\n", "\n  "))
        heal()
        wait_for(f"{name} serving again", lambda: self.state_of(name) == "healthy" and any(
            r["chain"][:1] == [name] for r in self.traffic.since(time.time() - 1)), 90)
        fact(f"{name} serves again, on evidence of its own answers")

    def admin(self, agent, path):
        command = [*self.net.inside(agent), "curl", "-sS", "-m", "5", f"http://127.0.0.1:{self.agents[agent].admin}{path}"]
        return subprocess.run(command, capture_output=True, text=True).stdout

    def state_of(self, name):
        """How web's agent, which calls cart, sees an instance of it."""
        for row in json.loads(self.admin("web-1", "/instances") or '{"instances": []}')["instances"]:
            if row["id"] == name:
                return row["state"]
        return "unknown"

    def faults(self):
        app = lambda name: self.apps[name]
        self.fault("4a", "cart-2 answers 500 to everything (the policy retries 500 on another instance)", "cart-2",
                   lambda: app("cart-2").send(signal.SIGUSR1), lambda: app("cart-2").send(signal.SIGUSR2))
        self.fault("4b", "cart-3 hangs (SIGSTOP); the policy gives an attempt 500 ms", "cart-3",
                   lambda: app("cart-3").send(signal.SIGSTOP), lambda: app("cart-3").send(signal.SIGCONT))

        def revive():
            app("cart-1").start()
        self.fault("4c", "cart-1 dies (SIGKILL)", "cart-1", lambda: app("cart-1").stop(kill=True), revive)

    def breaker(self):
        step("5. All three answer 500: the circuit breaker opens")
        start = time.time()
        for name in ("cart-1", "cart-2", "cart-3"):
            self.apps[name].send(signal.SIGUSR1)
        opened = wait_for("an answer with reason breaker_open", lambda: [
            r for r in self.traffic.since(start) if r["reason"] == "breaker_open"], 10)
        fact(f"open after {opened[0]['at'] - start:.2f} s; a refusal takes {opened[0]['ms']} ms and says {opened[0]['reason']}")
        self.failed = opened[0]["id"]
        check(re.search(r'"state":\s*"(open|half_open)"', self.admin("web-1", "/circuits")), "web's agent shows the circuit open")
        for name in ("cart-1", "cart-2", "cart-3"):
            self.apps[name].send(signal.SIGUSR2)
        healed = time.time()
        wait_for("every answer 200 again", lambda: len(self.traffic.since(time.time() - 1)) > 50 and all(
            r["status"] == 200 for r in self.traffic.since(time.time() - 1)), 60)
        fact(f"closed again through half_open; all 200 {time.time() - healed:.1f} s after the servers were well")

    def explain(self):
        step("6. Why did that request fail? weftctl asks the control plane, which asks the agents")
        answer = self.ctl("explain", self.failed)
        print("  " + answer.strip().replace("\n", "\n  "))
        check("breaker_open" in answer, f"weftctl explain {self.failed} names breaker_open")
        wait_for("cart's requests in the statistics", lambda: self.seen("cart") > 1000, 20)
        print("  " + self.ctl("stat", "-n", "demo").strip().replace("\n", "\n  "))
        fact("what the agents reported of the last minute")

    def seen(self, service):
        """Requests in the statistics document; its keys are service names, with their namespace where it is not default."""
        statistics = json.loads(self.ctl("stat", "-o", "json", "-n", "demo"))
        return next((row["requests"] for row in statistics["items"] if row["name"] == service), 0)

    def without_control_plane(self):
        step("7. The control plane is killed, its disk deleted, and the client's agent restarted without it")
        self.control.stop(kill=True)
        shutil.rmtree(self.dir / "store")
        rows = self.traffic.for_seconds(1)
        check(rows and all(r["status"] == 200 for r in rows), f"{len(rows)} answers meanwhile, all 200")
        agent = self.agents["client"]
        agent.stop(kill=True)
        agent.start()
        began = time.time()
        wait_for("an answer through the restarted agent", lambda: any(r["status"] == 200 for r in self.traffic.since(began)))
        rows = self.traffic.for_seconds(1)
        check(rows and all(r["status"] == 200 for r in rows), f"restarted from its cache: {len(rows)} answers, all 200")

    def run(self):
        self.start()
        self.balanced()
        self.edit_rule()
        self.faults()
        self.breaker()
        self.explain()
        self.without_control_plane()

    def stop(self):
        if self.traffic:
            self.traffic.stop()
        for process in [*self.agents.values(), *self.apps.values(), self.control]:
            if process:
                process.stop(kill=True)
        self.net.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--once", action="store_true", help="end when everything was shown")
    parser.add_argument("--loopback", action="store_true", help="explicit ports on loopback also as root")
    arguments = parser.parse_args()
    demo = Demo(arguments.bin, arguments.loopback)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("demo: ended by SIGTERM"))
    try:
        demo.run()
        step("Every claim above was checked." + ("" if arguments.once else " Everything stays up until Ctrl-C."))
        if not arguments.once:
            fact(f"try: {demo.bin}/weftctl --server {demo.control.host}:{demo.control.http} --token-file {demo.control.token} agents")
            demo.control.start()
            signal.pause()
    except KeyboardInterrupt:
        pass
    except (AssertionError, SystemExit) as error:
        print(f"logs are in {demo.dir}", file=sys.stderr)
        sys.exit(f"demo: {error}" if isinstance(error, AssertionError) else error.code)
    finally:
        demo.stop()
    shutil.rmtree(demo.dir, ignore_errors=True)


if __name__ == "__main__":
    main()
