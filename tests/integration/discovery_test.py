#!/usr/bin/env python3
"""Services from the real etcd, dnsmasq and Consul (WEFT_CONSUL, or `consul` in the PATH; else consul/server.py, which follows
its API) to requests through an agent: registration, changes, outages, lost leaders, compaction, indexes that go back."""
import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time

from control_test import Control
from mesh import BIN, Mesh, Process, free_port, get, main, wait_for


def call(url, data=None, method=None):
    status, _, body = get(url, method=method or ("GET" if data is None else "PUT"), data=None if data is None else json.dumps(data).encode())
    assert status == 200, (url, status, body)
    return json.loads(body) if body.strip() else None


def answers(url):
    try:
        return get(url, timeout=2)[0] == 200
    except OSError:
        return False


class Scene:
    """A control plane that discovers, and an agent that is asked for services by name."""

    def __init__(self, mesh, **discovery):
        self.control = Control(mesh, config={"discovery": discovery})
        self.agent = mesh.agent("client", services=(), controlPlane={"address": f"127.0.0.1:{self.control.ports['grpc']}"})

    def ask(self, service="cart"):
        """The name of the backend that answered; None: none did."""
        status, headers, _ = get(f"http://127.0.0.1:{self.agent.ports['outbound']}/", headers={"host": service + ".default"})
        return headers["x-instance"] if status == 200 else None

    def usable(self, what, name, service="cart"):
        """Waits until an answer comes from this backend and says how long it took."""
        began = time.monotonic()
        wait_for(f"{name} answering", lambda: self.ask(service) == name)
        print(f"         {what}: usable after {1000 * (time.monotonic() - began):.0f} ms", flush=True)

    def gone(self, what, name):
        began = time.monotonic()
        wait_for(f"{name} gone", lambda: name not in [i["labels"].get("name", i["id"]) for i in self.instances()])
        print(f"         {what}: known after {1000 * (time.monotonic() - began):.0f} ms", flush=True)

    def instances(self, service="cart"):
        return self.control.api(f"services/default/{service}/instances")[1]["items"]

    def conditions(self, service="cart"):
        return [c["type"] for c in self.control.api(f"services/default/{service}")[1].get("conditions", [])]

    def metric(self, name, source):
        text = get(f"http://127.0.0.1:{self.control.ports['http']}/metrics")[2].decode()
        return float(next(line.split()[1] for line in text.splitlines() if line.startswith(f'{name}{{source="{source}"}}')))

    def marked_lost(self, source):
        wait_for("the loss noticed", lambda: self.metric("weft_control_source_up", source) == 0)
        assert "Stale" in self.conditions(), self.conditions()
        assert all(i["staleMs"] > 0 and i["source"] == source for i in self.instances()), self.instances()
        table = subprocess.run([str(BIN / "weftctl"), "-s", f"http://127.0.0.1:{self.control.ports['http']}", "instances", "cart"],
                               capture_output=True, text=True, check=True).stdout
        assert f"{source} (stale" in table, table

    def found_again(self, source):
        wait_for("the source back", lambda: self.metric("weft_control_source_up", source) == 1)
        assert "Stale" not in self.conditions(), self.conditions()


class Traffic:
    """Requests without a pause; none may fail."""

    def __init__(self, scene):
        self.scene, self.done, self.failed, self.over = scene, 0, 0, threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        return self

    def run(self):
        while not self.over.is_set():
            self.failed += self.scene.ask() is None
            self.done += 1

    def __exit__(self, kind, *_):
        self.over.set()
        self.thread.join()
        if kind is None:
            assert self.failed == 0 and self.done > 0, f"{self.failed} of {self.done} requests failed"
            print(f"         {self.done} requests meanwhile, none failed", flush=True)


class EtcdMember(Process):
    def __init__(self, mesh, name, client, peer, cluster):
        self.url = f"http://127.0.0.1:{client}"
        super().__init__(name, ["etcd", "--name", name, "--data-dir", str(mesh.dir / name), "--log-level", "error",
                                "--listen-client-urls", self.url, "--advertise-client-urls", self.url,
                                "--listen-peer-urls", f"http://127.0.0.1:{peer}", "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
                                "--initial-cluster", cluster, "--heartbeat-interval", "50", "--election-timeout", "500"], mesh.dir)
        mesh.started.append(self)
        self.start()

    def healthy(self):
        return answers(self.url + "/health")

    def leads(self):
        said = call(self.url + "/v3/maintenance/status", {}, "POST")
        return said["leader"] == said["header"]["member_id"]

    def post(self, path, **body):
        return call(f"{self.url}/v3/{path}", body, "POST")

    def put(self, key, value):
        encoded = {k: base64.b64encode(v.encode()).decode() for k, v in (("key", key), ("value", json.dumps(value)))}
        return self.post("kv/put", **encoded)

    def put_instance(self, backend, **extra):
        return self.put(f"/weft/instances/default/cart/{backend.id}", {"address": "127.0.0.1", "port": backend.port, "labels": {"name": backend.id}, **extra})

    def delete(self, key):
        return self.post("kv/deleterange", key=base64.b64encode(key.encode()).decode())


def etcd(mesh, count):
    ports = [(free_port(), free_port()) for _ in range(count)]
    cluster = ",".join(f"etcd{i}=http://127.0.0.1:{peer}" for i, (_, peer) in enumerate(ports))
    members = [EtcdMember(mesh, f"etcd{i}", client, peer, cluster) for i, (client, peer) in enumerate(ports)]
    wait_for("etcd healthy", lambda: all(m.healthy() for m in members), 60)
    return members


def test_etcd_registers_changes_compacts_and_goes_away():
    with Mesh() as mesh:
        a, b, c = mesh.backends("a", "b", "c")
        [member] = etcd(mesh, 1)
        scene = Scene(mesh, etcd={"endpoints": [member.url[7:]]})
        member.put("/weft/services/default/cart", {"ports": [{"name": "http", "port": 80, "protocol": "HTTP"}]})
        member.put_instance(a)
        scene.usable("etcd, a new service", "a")
        member.put_instance(b)
        scene.usable("etcd, a new instance", "b")
        member.put_instance(a, draining=True)
        wait_for("a draining", lambda: any(i["id"] == "a" and i["draining"] for i in scene.instances()))
        member.put_instance(a)
        with Traffic(scene):
            member.stop()
            scene.marked_lost("etcd")
            member.start()
            wait_for("etcd healthy", member.healthy, 60)
            member.post("kv/compaction", revision=member.put_instance(a)["header"]["revision"], physical=True)
            member.put_instance(c)
            scene.usable("etcd, after a restart and a compaction", "c")
            scene.found_again("etcd")
            member.delete("/weft/instances/default/cart/c")
            scene.gone("etcd, a removal", "c")


def test_etcd_loses_its_leader():
    with Mesh() as mesh:
        a, b = mesh.backends("a", "b")
        members = etcd(mesh, 3)
        leader = next(m for m in members if m.leads())
        others = [m for m in members if m is not leader]
        scene = Scene(mesh, etcd={"endpoints": [m.url[7:] for m in (leader, *others)]})
        leader.put("/weft/services/default/cart", {"ports": [{"name": "http", "port": 80, "protocol": "HTTP"}]})
        leader.put_instance(a)
        scene.usable("etcd of three, a new service", "a")
        with Traffic(scene):
            leader.stop(kill=True)
            wait_for("another leader", lambda: all(m.healthy() for m in others) and any(m.leads() for m in others), 60)
            others[0].put_instance(b)
            scene.usable("etcd of three, after its leader was killed", "b")
            scene.found_again("etcd")


class Consul(Process):
    def __init__(self, mesh):
        self.port, real = free_port(), os.environ.get("WEFT_CONSUL") or shutil.which("consul")
        self.url, self.data, self.real = f"http://127.0.0.1:{self.port}", mesh.dir / "consul-data", bool(real)
        own = ["python3", str(pathlib.Path(__file__).parent / "consul/server.py"), str(self.port)]
        numbers = {k: free_port() for k in ("server", "serf-lan")}
        command = [real, "agent", "-server", "-bootstrap-expect=1", "-bind=127.0.0.1", "-client=127.0.0.1", f"-data-dir={self.data}", "-log-level=error",
                   f"-http-port={self.port}", "-grpc-port=-1", "-grpc-tls-port=-1", "-dns-port=-1", "-serf-wan-port=-1",
                   f"-server-port={numbers['server']}", f"-serf-lan-port={numbers['serf-lan']}"] if real else own
        print(f"         {'Consul itself' if real else 'consul/server.py in the place of Consul'}", flush=True)
        super().__init__("consul", command, mesh.dir)
        mesh.started.append(self)
        self.start()

    def start(self):
        super().start()
        wait_for("consul ready", lambda: answers(self.url + "/v1/status/leader") and call(self.url + "/v1/status/leader") and
                 answers(self.url + "/v1/catalog/services"), 60)

    def register(self, backend, name="cart"):
        call(self.url + "/v1/agent/service/register", {"ID": backend.id, "Name": name, "Address": "127.0.0.1", "Port": backend.port,
                                                       "Tags": ["mesh"], "Meta": {"weft-protocol": "HTTP", "name": backend.id}})


def test_consul_registers_changes_and_begins_anew():
    with Mesh() as mesh:
        a, b, c = mesh.backends("a", "b", "c")
        consul = Consul(mesh)
        scene = Scene(mesh, consul={"address": f"127.0.0.1:{consul.port}", "tag": "mesh", "wait": "2s"})
        consul.register(a)
        scene.usable("Consul, a new service", "a")
        consul.register(b)
        scene.usable("Consul, a new instance", "b")
        call(consul.url + "/v1/agent/service/maintenance/a?enable=true", {})
        wait_for("a draining", lambda: any(i["labels"]["name"] == "a" and i["draining"] for i in scene.instances()))
        call(consul.url + "/v1/agent/service/maintenance/a?enable=false", {})
        wait_for("a serving", lambda: any(i["labels"]["name"] == "a" and not i["draining"] for i in scene.instances()))
        with Traffic(scene):
            consul.stop()
            scene.marked_lost("consul")
        shutil.rmtree(consul.data, ignore_errors=True)   # a new cluster: nothing is there, and indexes begin anew
        consul.start()
        consul.register(b)
        consul.register(c)
        scene.usable("Consul, after it lost everything", "c")
        scene.found_again("consul")
        with Traffic(scene):
            call(consul.url + "/v1/agent/service/deregister/c", {})
            scene.gone("Consul, a removal", "c")


class Dnsmasq(Process):
    def __init__(self, mesh):
        self.port = free_port()
        super().__init__("dnsmasq", [], mesh.dir)
        mesh.started.append(self)

    def serve(self, *backends):
        self.stop()
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        self.command = [shutil.which("dnsmasq") or "/usr/sbin/dnsmasq", "--keep-in-foreground", f"--port={self.port}", "--no-resolv", "--no-hosts", "--no-poll",
                        "--listen-address=127.0.0.1", "--bind-interfaces", "--conf-file=/dev/null", "--pid-file=", "--local-ttl=1", "--local=/test/",
                        f"--user={user}"]
        for b in backends:
            self.command += [f"--srv-host=_http._tcp.cart.test,{b.id}.test,{b.port}", f"--host-record={b.id}.test,127.0.0.1,1"]
        self.start()
        wait_for("dnsmasq listening", lambda: not self.alive() or self.listens(self.port))
        assert self.alive(), self.log.read_text()


def test_dns_says_and_unsays_instances_and_goes_away():
    with Mesh() as mesh:
        a, b = mesh.backends("a", "b")
        dns = Dnsmasq(mesh)
        dns.serve(a)
        scene = Scene(mesh, dns={"servers": [f"127.0.0.1:{dns.port}"], "services": [{"name": "cart", "srv": "_http._tcp.cart.test", "protocol": "HTTP"}]})
        scene.usable("DNS, a name that is there", "a")
        before = {i["id"] for i in scene.instances()}
        dns.serve(a, b)
        scene.usable("DNS, a new record, with a time to live of a second", "b")
        assert before < {i["id"] for i in scene.instances()}, "an instance keeps its id"
        with Traffic(scene):
            dns.stop()
            scene.marked_lost("dns")
            lost = lambda: [i["subject"] for i in scene.control.api("issues")[1]["items"] if i["code"] == "SourceLost"]   # noqa: E731
            wait_for("an issue", lambda: lost() == ["dns"], 30)
            dns.serve(a)
            scene.found_again("dns")
            wait_for("b gone", lambda: {i["id"] for i in scene.instances()} == before)


if __name__ == "__main__":
    main(sys.modules[__name__])
