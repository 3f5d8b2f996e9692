#!/usr/bin/env python3
"""The control plane on bad ground: a disk that is full or read-only, a clock that is set, a second process on its store."""
import json
import os
import pathlib
import subprocess
import sys

import identity_test
from control_test import URL, Control, refused, served
from mesh import BIN, Mesh, Process, get, main, mesh_service, wait_for

FAKETIME = next((str(p) for p in pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)


class Disk(Process):
    """A file system of its own at `path`, in a mount namespace of its own that lives as long as this process."""

    def __init__(self, mesh, path, size):
        path.mkdir()
        self.path, self.ready = path, mesh.dir / "disk.ready"
        # Where / is no mount point (a chroot), its propagation cannot be changed, and others may see the file system.
        script = (f"mount --make-rslave / 2>/dev/null; mount -t tmpfs -o size={size} weft {path} || exit; "
                  f"trap 'umount -l {path}; kill $!; exit' TERM; touch {self.ready}; sleep infinity & wait")
        super().__init__("disk", ["unshare", "-m", "--propagation", "unchanged", "sh", "-c", script], mesh.dir)
        mesh.started.append(self)
        self.start()
        wait_for("the file system", lambda: self.ready.exists() or not self.alive())
        assert self.alive(), self.log.read_text()

    @property
    def inside(self):
        return ["nsenter", f"--target={self.process.pid}", "--mount", "--root"]

    def do(self, *words):
        subprocess.run([*self.inside, *map(str, words)], check=True, timeout=30)


def root():
    if os.geteuid() == 0:
        return True
    print("   mounting needs root: left out")
    return False


def test_a_file_system_without_room_refuses_writes_and_goes_on_when_there_is_some():
    if not root():
        return
    with Mesh() as mesh:
        disk = Disk(mesh, mesh.dir / "data", "2m")
        disk.do("dd", "if=/dev/zero", f"of={disk.path}/filler", "bs=1k", "count=1024", "status=none")
        control = Control(mesh, under=disk.inside)
        there, number = [], 0
        while True:
            document = mesh_service(f"s{number}", [])
            document["metadata"]["labels"] = {f"filler-{i}": "x" * 60 for i in range(20)}
            status, said = control.api("apply", "POST", json.dumps(document).encode())
            if status != 200:
                break
            there.append(document["metadata"]["name"])
            number += 1
            assert number < 2000, "it is never full"
        assert status == 503 and said["error"]["code"] == "unavailable" and "full" in said["error"]["message"], said
        assert str(disk.path) in said["error"]["message"], said
        assert all(control.api(f"services/default/{name}")[0] == 200 for name in there)
        assert control.api(f"services/default/s{number}")[0] == 404
        control.stop(kill=True)
        control.start()   # there is no room yet, and what is there is read
        assert all(control.api(f"services/default/{name}")[0] == 200 for name in there)
        disk.do("rm", f"{disk.path}/filler")
        control.apply(document)


def test_a_read_only_file_system_is_named_and_what_is_there_stays():
    if not root():
        return
    with Mesh() as mesh:
        disk = Disk(mesh, mesh.dir / "data", "8m")
        control = Control(mesh, under=disk.inside)
        control.apply(mesh_service("cart", []))
        control.stop(kill=True)
        disk.do("mount", "-o", "remount,ro", disk.path)
        said = refused("--data", str(disk.path), under=disk.inside)
        assert str(disk.path) in said and "Read-only file system" in said, said
        disk.do("mount", "-o", "remount,rw", disk.path)
        control = Control(mesh, under=disk.inside)
        assert control.api("services/default/cart")[0] == 200


def test_a_second_process_is_refused_and_one_that_came_round_the_lock_fences_the_first():
    with Mesh() as mesh:
        first = Control(mesh)
        first.apply(mesh_service("cart", []))
        said = refused("--data", str(first.data))
        assert f"process {first.process.pid}" in said and "--data" in said, said
        first.apply(mesh_service("stock", []))
        (first.data / "lock").unlink()
        file = mesh.dir / "second.json"
        second = Process("second", [str(file) if word.endswith(".ports.json") else word for word in first.command], mesh.dir).start()
        mesh.started.append(second)
        wait_for("the second one", lambda: file.exists() or not second.alive())
        status, said = first.api("apply", "POST", json.dumps(mesh_service("late", [])).encode())
        assert status == 409 and "another process" in said["error"]["message"], said
        assert first.api("services/default/stock")[0] == 200
        url = f"http://127.0.0.1:{json.loads(file.read_text())['http']}/api/v1/apply"
        assert get(url, method="POST", data=json.dumps(mesh_service("late", [])).encode())[0] == 200
        second.stop()
        first.stop()
        again = Control(mesh)
        assert all(again.api(f"services/default/{name}")[0] == 200 for name in ("cart", "stock", "late"))


class Clock:
    """The wall clock of the programs started under it; the monotonic one is the machine's."""

    def __init__(self, mesh):
        self.file = mesh.dir / "clock"
        self.set("+0")
        self.under = ["env", f"LD_PRELOAD={FAKETIME}", f"FAKETIME_TIMESTAMP_FILE={self.file}", "FAKETIME_NO_CACHE=1",
                      "FAKETIME_DONT_FAKE_MONOTONIC=1", "DONT_FAKE_MONOTONIC=1"]

    def set(self, offset):
        fresh = self.file.with_suffix(".new")
        fresh.write_text(offset + "\n")
        fresh.rename(self.file)


def test_a_clock_set_an_hour_on_or_back_ends_no_lease_no_rollout_and_no_report():
    if FAKETIME is None:
        print("   libfaketime is not installed: left out (scripts/setup test installs it)")
        return
    with Mesh() as mesh:
        clock = Clock(mesh)
        backend = mesh.backends("cart-1")
        control = Control(mesh, under=[*clock.under, "WEFT_REPORT_INTERVAL=500ms"])
        control.apply(mesh_service("cart", []))

        def register(name, ttl):
            body = {"address": "127.0.0.1", "port": backend.port, "ttl": ttl}
            status, said = control.api(f"services/default/cart/instances/{name}", "PUT", json.dumps(body).encode())
            assert status == 200, said
        register("long", "10m")
        agent = mesh.agent("client", controlPlane={"address": f"127.0.0.1:{control.ports['grpc']}"}, inside=clock.under)
        wait_for("the service", lambda: served(agent))

        def requests():
            return sum(edge["requests"] for edge in control.api("graph")[1]["edges"])
        stamps = []
        for step, offset in enumerate(("+0", "+3600", "-3600", "+0")):
            clock.set(offset)
            register("short", "1s")
            document = mesh_service("cart", [])
            document["metadata"]["labels"] = {"step": str(step)}
            status, said = control.api("apply?rollout=all&bake=300ms&converge=5m", "POST", json.dumps(document).encode())
            assert status == 200 and said["rollout"], said
            revision = said["revision"]
            stamps.append(control.api("revisions?limit=1")[1]["items"][0]["at"])
            wait_for(f"the end of a short lease at {offset}",
                     lambda: control.api("services/default/cart/instances/short")[0] == 404)
            assert control.api("services/default/cart/instances/long")[0] == 200, f"a lease of 10 minutes ended at {offset}"
            before = requests()
            wait_for("requests that are counted", lambda: served(agent) and requests() > before, 60)

            def state():
                return control.api(f"rollouts/{revision}")[1]
            wait_for("the rollout's end", lambda: state()["state"] not in ("progressing", "paused"), 60)
            assert state()["state"] == "completed", state()
        assert stamps[1][:13] > stamps[0][:13] > stamps[2][:13], f"the clock was not moved: {stamps}"
        history = [item["revision"] for item in control.api("revisions")[1]["items"]]
        assert history == sorted(history, reverse=True), history
        control.stop(kill=True)   # and a start under a clock that is behind what was written
        clock.set("-3600")
        control.start()
        assert control.api("services/default/cart/instances/long")[0] == 200
        control.apply(mesh_service("cart", []))


def test_a_clock_set_an_hour_on_or_back_ends_no_agents_stream_and_no_join_token():
    if FAKETIME is None:
        print("   libfaketime is not installed: left out (scripts/setup test installs it)")
        return
    with Mesh() as mesh:
        clock = Clock(mesh)
        control = identity_test.Control(mesh, leaf="24h", under=clock.under)
        control.weftctl("apply", "-f", "-", text=json.dumps(mesh_service("cart", [mesh.backends("cart-1")])))
        token = control.token(mesh, "cart", "--ttl", "24h")
        first = identity_test.joining(mesh, control, "first", token=token)
        wait_for("the first agent", lambda: control.agents() == {"first"}, 30)
        for step, offset in enumerate(("+3600", "-3600", "+0")):
            clock.set(offset)
            document = mesh_service("cart", [])
            document["metadata"]["labels"] = {"step": str(step)}
            control.weftctl("apply", "-f", "-", text=json.dumps(document))
            head = control.json("history")["items"][0]["revision"]
            wait_for(f"revision {head} at {offset}", lambda: first.admin("/config")["target"].endswith(str(head)), 30)
            tokens = control.json("identity", "tokens")["items"]
            assert [one["state"] for one in tokens] == ["valid"], tokens
        assert not control.events("AgentDisconnected"), control.events("AgentDisconnected")
        identity_test.joining(mesh, control, "second", token=token)   # the clock is right again
        wait_for("both agents", lambda: control.agents() == {"first", "second"}, 30)


if __name__ == "__main__":
    main(sys.modules[__name__])
