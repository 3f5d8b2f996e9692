#!/usr/bin/env python3
"""The real control plane under its agents: weights edited over REST, its death and a fresh one, bad disks, Prometheus."""
import collections
import json
import random
import shutil
import socket
import subprocess
import sys
import time

from mesh import BIN, Mesh, Process, free_port, get, main, mesh_service, peer, service_policy, wait_for

URL = "service-default/cart"


class Control(Process):
    def __init__(self, mesh, ports=("127.0.0.1:0", "127.0.0.1:0"), under=(), config=None):
        self.data, self.file = mesh.dir / "data", mesh.dir / "control.ports.json"
        settings = mesh.dir / "control.yaml"
        settings.write_text(json.dumps(config or {}))   # JSON is YAML
        super().__init__("control", [*under, str(BIN / "weft-control"), "--grpc-listen", ports[0], "--http-listen", ports[1],
                                     "--data", str(self.data), "--ports-file", str(self.file), "--config", str(settings)],
                         mesh.dir)
        mesh.started.append(self)
        self.start()

    def start(self):
        self.file.unlink(missing_ok=True)
        super().start()
        wait_for("the control plane listening", lambda: self.file.exists() or self.process.poll() is not None, 30)
        assert self.process.poll() is None, self.log.read_text()[-2000:]
        self.ports = json.loads(self.file.read_text())
        return self

    def api(self, path, method="GET", data=None):
        status, _, body = get(f"http://127.0.0.1:{self.ports['http']}/api/v1/{path}", method=method, data=data)
        return status, json.loads(body)

    def apply(self, *documents):
        status, said = self.api("apply", "POST", "\n---\n".join(json.dumps(d) for d in documents).encode())
        assert status == 200, said
        return said["revision"]


def served(agent):
    return get(agent.url(URL))[0] == 200


def split(a, b):
    """A route of the service cart over two others."""
    own = {"group": "weft.dev", "kind": "MeshService", "port": 80}
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "cart", "namespace": "default"},
            "spec": {"parentRefs": [{"group": "weft.dev", "kind": "MeshService", "name": "cart"}],
                     "rules": [{"backendRefs": [{**own, "name": "one", "weight": a}, {**own, "name": "two", "weight": b}]}]}}


def test_weights_edited_over_rest_move_the_split_and_no_worker_goes_back():
    with Mesh() as mesh:
        one, two = mesh.backends("one-1", "two-1")
        control = Control(mesh)
        control.apply(mesh_service("cart", []), mesh_service("one", [one]), mesh_service("two", [two]), split(100, 0))
        agent = mesh.agent("client", controlPlane={"address": f"127.0.0.1:{control.ports['grpc']}"}, workers=2)
        wait_for("the service", lambda: served(agent))
        load = subprocess.Popen([peer(), "load", "-url", agent.url(URL), "-rate", "1000", "-seconds", "8"],
                                stdout=subprocess.PIPE, text=True)
        revisions, records = [], {}
        for step in range(1, 11):
            seen = agent.total("weft_requests_total")
            wait_for("traffic", lambda: agent.total("weft_requests_total") > seen + 400)
            revisions.append(control.apply(split(100 - 10 * step, 10 * step)))
            wait_for("the revision in force", lambda: agent.total("weft_config_revision") >= revisions[-1])
            for record in agent.admin("/decisions?limit=1000")["records"]:
                records[(record["worker"], record["number"])] = record["revision"]
        last_edit = time.time()
        rows = [json.loads(line) for line in load.communicate()[0].splitlines()]
        bad = [r for r in rows if r["status"] != 200]
        assert len(rows) == 8000 and not bad, f"{len(bad)} of {len(rows)} failed: {bad[:3]}"
        ids = {r["id"]: r for r in rows}
        wait_for("the log", lambda: ids.keys() <= {line["request_id"] for line in agent.log_lines()})
        lines = [line for line in agent.log_lines() if line["request_id"] in ids]
        assert len(lines) == len(ids) and all(isinstance(line["revision"], int) for line in lines)
        by_revision = collections.defaultdict(collections.Counter)
        for line in lines:
            by_revision[line["revision"]][ids[line["request_id"]]["instance"]] += 1
        assert set(by_revision) <= {revisions[0] - 1, *revisions} and len(by_revision) > 8, by_revision.keys()
        for revision, counts in by_revision.items():   # each request was split as the revision it names says
            share, total = counts["two-1"] / counts.total(), counts.total()
            wanted = (revision - revisions[0] + 1) / 10
            assert abs(share - wanted) <= 5 * (wanted * (1 - wanted) / total) ** 0.5 + 1e-9, f"revision {revision}: {counts}, {wanted} wanted"
        assert {r["instance"] for r in rows if r["at"] > last_edit} <= {"two-1"}
        for worker in (0, 1):
            in_order = [revision for (of, _), revision in sorted(records.items()) if of == worker]
            assert len(in_order) > 100 and in_order == sorted(in_order), f"worker {worker} went back"


def age(agent):
    return agent.total("weft_config_age_seconds")


def bereft(mesh, documents):
    """An agent whose control plane was killed and lost its disk, and the addresses that it had."""
    control = Control(mesh)
    control.apply(*documents)
    address = [f"127.0.0.1:{control.ports[name]}" for name in ("grpc", "http")]
    agent = mesh.agent("client", controlPlane={"address": address[0]})
    wait_for("the service", lambda: served(agent))
    wait_for("the cache", lambda: any(f.is_file() and b"cart-1" in f.read_bytes() for f in mesh.dir.glob("client.cache*")))
    control.stop(kill=True)
    shutil.rmtree(control.data)
    wait_for("an age", lambda: age(agent) > 0)
    return agent, address


def awaiting(control):
    """The agents that keep what they have until the new store is accepted."""
    return [row for row in control.api("agents")[1]["items"] if row["awaitingAccept"]]


def test_without_its_control_plane_and_its_disk_the_mesh_serves_on_and_a_fresh_one_waits_to_be_accepted():
    with Mesh() as mesh:
        documents = [mesh_service("cart", [mesh.backends("cart-1")])]
        agent, address = bereft(mesh, documents)
        before = age(agent)
        wait_for("a growing age", lambda: age(agent) > before)
        assert all(served(agent) for _ in range(100))
        agent.stop(kill=True)
        agent.start()
        assert all(served(agent) for _ in range(100)), "not from its cache"
        assert age(agent) > 0
        control = Control(mesh, address)
        row = wait_for("the agent waiting", lambda: awaiting(control))[0]
        assert all(served(agent) for _ in range(100)), "an empty store took the mesh away"
        said = subprocess.run([str(BIN / "weftctl"), "--server", address[1], "agents", "accept", row["id"]], capture_output=True, text=True)
        assert said.returncode == 0, said.stdout + said.stderr
        wait_for("the empty store in force", lambda: not served(agent))
        control.apply(*documents)
        wait_for("the service again", lambda: served(agent))


def test_a_fresh_control_plane_that_is_given_the_same_documents_is_adopted_unasked():
    with Mesh() as mesh:
        documents = [mesh_service("cart", [mesh.backends("cart-1")])]
        agent, address = bereft(mesh, documents)
        control = Control(mesh, address)
        wait_for("the agent waiting", lambda: awaiting(control))
        control.apply(*documents)
        wait_for("the agent at the new store", lambda: served(agent) and not awaiting(control) and age(agent) == 0)
        documents[0]["spec"]["instances"] = []
        control.apply(*documents)
        wait_for("an edit in the new store in force", lambda: get(agent.url(URL))[1].get("x-weft-reason") == "no_instances")


class Scripted(Process):
    """A control plane that sends what it is told; see tests/integration/scripted_control."""

    def __init__(self, mesh):
        super().__init__("peer-scripted", [str(BIN / "scripted-control")], mesh.dir)
        mesh.started.append(self)
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.port = json.loads(self.process.stdout.readline())["port"]

    def says(self, key):
        """The next message of the agent that has this key; others are passed over."""
        while line := self.process.stdout.readline():
            if key in (message := json.loads(line)):
                return message[key]
        raise AssertionError(f"the stream ended before {key}")

    def send(self, line):
        print(line, file=self.process.stdin)

    def acked(self, line):
        self.send(line)
        return self.says("ack")


def test_three_bundles_one_invalid_then_an_older_revision_then_an_empty_store_under_traffic():
    with Mesh() as mesh:
        one, two = mesh.backends("cart-1", "web-1")
        control = Scripted(mesh)
        control.send(f"A 1 5 full cart={one.port} web={two.port} bad=0")
        agent = mesh.agent("client", ("cart", "web", "bad"), controlPlane={"address": f"127.0.0.1:{control.port}"})
        hello = control.says("hello")
        assert hello["nodeId"] == "client" and {held["service"]["name"] for held in hello["held"]} == {"cart", "web", "bad"}, hello
        ack = control.says("ack")
        assert {each["service"]["name"] for each in ack["accepted"]} == {"cart", "web"}, ack
        assert [(each["service"]["name"], each["field"]) for each in ack["rejected"]] == [("bad", "ports[0].port")], ack
        load = [subprocess.Popen([peer(), "load", "-url", agent.url(f"service-default/{name}"), "-rate", "200", "-seconds", "4"],
                                 stdout=subprocess.PIPE, text=True) for name in ("cart", "web")]
        wait_for("traffic", lambda: agent.total("weft_requests_total") > 100)
        ack = control.acked(f"A 1 4 full cart={two.port}")
        assert "1/4" in ack["refused"] and "1/5" in ack["refused"] and "accepted" not in ack, ack
        ack = control.acked("B 1 0 full")
        assert ack["awaitingConfirmation"] and "refused" not in ack, ack
        for process, name in zip(load, ("cart-1", "web-1")):
            rows = [json.loads(line) for line in process.communicate()[0].splitlines()]
            assert len(rows) == 800 and all(r["status"] == 200 and r["instance"] == name for r in rows), collections.Counter(
                (r["status"], r["instance"]) for r in rows)
        ack = control.acked(f"B 1 1 full cart={two.port} web={one.port}")   # all in use is there: adopted unasked
        assert len(ack["accepted"]) == 2 and not ack.get("awaitingConfirmation"), ack
        wait_for("the new store in force", lambda: get(agent.url(URL))[1].get("x-instance") == "web-1")


def full(most):
    """A program started with these words in front can make no file larger than `most` bytes: writes fail."""
    return ["env", "--ignore-signal=XFSZ", "prlimit", f"--fsize={most}"]


def refused(*words, under=()):
    """What weft-control says that ends at its start."""
    said = subprocess.run([*under, str(BIN / "weft-control"), "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", *words],
                          capture_output=True, text=True, timeout=30)
    assert said.returncode > 0, said
    return said.stdout + said.stderr


def test_a_full_disk_refuses_writes_and_loses_none_that_were_acknowledged():
    with Mesh() as mesh:
        control = Control(mesh, under=full(400_000))
        there = []
        for number in range(2000):
            name, labels = f"s{number}", {f"filler-{i}": "x" * 60 for i in range(20)}
            document = mesh_service(name, [])
            document["metadata"]["labels"] = labels
            status, said = control.api("apply", "POST", json.dumps(document).encode())
            if status != 200:
                break
            there.append(name)
        assert status == 503 and said["error"]["code"] == "unavailable" and len(there) > 3, (len(there), status, said)
        assert str(control.data) in said["error"]["message"] and "room" in said["error"]["message"], said
        print(f"   {len(there)} writes, then: {said['error']['message']}")
        assert control.api(f"services/default/{name}")[0] == 404
        assert all(control.api(f"services/default/{each}")[0] == 200 for each in there)
        control.stop(kill=True)
        control = Control(mesh)
        assert all(control.api(f"services/default/{each}")[0] == 200 for each in there)
        assert control.api(f"services/default/{name}")[0] == 404
        control.apply(document)
        text = refused("--data", str(mesh.dir / "none"), under=full(1000))
        assert str(mesh.dir / "none") in text and "room" in text, text


def test_a_damaged_database_is_named_with_what_to_do_and_left_as_it_is():
    with Mesh() as mesh:
        control = Control(mesh)
        control.apply(*[mesh_service(f"s{i}", []) for i in range(200)])
        control.stop()
        path = control.data / "weft.db"
        whole = path.read_bytes()
        broken = whole[:4096] + random.Random(3).randbytes(len(whole) - 4096)
        path.write_bytes(broken)
        text = refused("--data", str(control.data))
        assert "weft.db" in text and "backup" in text, text
        assert path.read_bytes() == broken
        path.write_bytes(whole)
        control.start()
        assert control.api("services/default/s199")[0] == 200


def test_prometheus_reads_both_programs_and_strange_hosts_make_no_series():
    if shutil.which("prometheus") is None or shutil.which("promtool") is None:
        print("   prometheus is not installed: left out (scripts/setup test installs it)")
        return
    with Mesh() as mesh:
        control = Control(mesh)
        control.apply(mesh_service("cart", [mesh.backends("cart-1")]))
        agent = mesh.agent("client", controlPlane={"address": f"127.0.0.1:{control.ports['grpc']}"})
        wait_for("the service", lambda: served(agent))
        targets = [f"127.0.0.1:{agent.ports['telemetry']}", f"127.0.0.1:{control.ports['http']}"]
        config, port = mesh.dir / "prometheus.yaml", free_port()
        config.write_text(json.dumps({"global": {"scrape_interval": "500ms", "scrape_timeout": "500ms"}, "scrape_configs": [
            {"job_name": "weft", "static_configs": [{"targets": targets}]}]}))
        mesh.started.append(Process("prometheus", ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={mesh.dir / 'tsdb'}",
                                                   f"--web.listen-address=127.0.0.1:{port}"], mesh.dir).start())

        def ask(query):
            try:
                return json.loads(get(f"http://127.0.0.1:{port}/api/v1/query?query={query}")[2])["data"]["result"]
            except (OSError, ValueError, KeyError):
                return []
        wait_for("both targets up", lambda: len([r for r in ask("up") if r["value"][1] == "1"]) == 2, 60)
        for name in ("weft_requests_total", "weft_config_revision", "weft_control_agents", "weft_control_store_revision"):
            wait_for(f"{name} in Prometheus", lambda: ask(name))
        before = agent.total("weft_metric_series")
        chance = random.Random(11)
        with open(mesh.dir / "strange", "w") as out:
            for i in range(10_000):
                out.write(f"{chance.randbytes(8).hex()}.{chance.randbytes(3).hex()}:{chance.randint(1, 65535)} /{chance.randbytes(12).hex()}\n")
        flood(agent, (mesh.dir / "strange").read_text().splitlines())
        grown = agent.total("weft_metric_series") - before
        assert grown <= 10, f"10,000 hosts and paths made {grown:.0f} label sets"
        for target in targets:
            text = get(f"http://{target}/metrics")[2]
            said = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
            assert said.returncode == 0 and not said.stdout + said.stderr, said.stdout + said.stderr


def flood(agent, lines):
    """Strange hosts at the explicit proxy, strange paths at the service; one connection each, a hundred requests at a time."""
    asked = [line.split() for line in lines]
    for port, requests in ((agent.ports["outbound"], [f"GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n" for host, path in asked]),
                           (agent.ports[URL], [f"GET {path} HTTP/1.1\r\nhost: cart\r\n\r\n" for _, path in asked])):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection, connection.makefile("rb") as answers:
            for first in range(0, len(requests), 100):
                batch = requests[first:first + 100]
                connection.sendall("".join(batch).encode())
                for _ in batch:
                    skip_answer(answers)


def skip_answer(answers):
    head = iter(answers.readline, b"\r\n")
    assert next(head).startswith(b"HTTP/1.1 "), "the connection ended"
    lengths = [int(line.split(b":")[1]) for line in head if line.lower().startswith(b"content-length:")]
    answers.read(*lengths)


if __name__ == "__main__":
    main(sys.modules[__name__])
