#!/usr/bin/env python3
"""A recording of real traffic replays in weft-replay; one changed input makes it differ. WEFT_REPLAY names further
weft-replay programs, such as one that another compiler built."""
import json
import os
import re
import shutil
import subprocess
import sys

from mesh import BIN, Mesh, main, mesh_service, service_policy, wait_for

URL = "service-default/cart"
REPLAYS = [str(BIN / "weft-replay"), *filter(None, os.environ.get("WEFT_REPLAY", "").split(":"))]


def replay(program, path):
    done = subprocess.run([program, str(path)], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def recorded_traffic(mesh):
    """Two workers, three instances: one slow, one that answers 500 now and then and dies; retries, ejections, a swap."""
    backends = mesh.backends("cart-1", "cart-2", "cart-3")
    backends[1].mode(mode="slow", ms=3)
    policy = service_policy("cart", retry={"on": ["500", "reset", "connectFailure"], "attempts": 2})
    documents = [mesh_service("cart", backends), policy]
    path = mesh.dir / "recording"
    agent = mesh.agent("client", resources=mesh.resources(*documents), workers=2, record={"path": str(path)})
    mesh.run_peer("nonce", "-url", agent.url(URL), "-n", 4000, "-c", 32)
    backends[2].mode(mode="status", code=500)
    mesh.run_peer("load", "-url", agent.url(URL), "-rate", 300, "-seconds", 2)
    revision = agent.total("weft_config_revision")
    documents[0]["spec"]["instances"][0]["weight"] = 5
    mesh.resources(*documents)
    wait_for("the edited file in force", lambda: agent.total("weft_config_revision") > revision)
    backends[2].stop(kill=True)
    mesh.run_peer("load", "-url", agent.url(URL), "-rate", 300, "-seconds", 2)
    agent.stop()
    return path


def test_real_traffic_of_two_workers_replays_everywhere_and_one_change_is_noticed():
    with Mesh() as mesh:
        path = recorded_traffic(mesh)
        inputs = (mesh.dir / "recording.inputs").read_text()
        for program in REPLAYS:
            code, said = replay(program, path)
            assert code == 0, f"{program}: {said}"
            assert int(said.split()[0]) > 10000, said
        for name, pattern, to, most in [("outcome", r"(ended .*)outcome=response", r"\1outcome=reset", 1),
                                        ("seed", r"(engine .*) seed=\d+", r"\1 seed=77", 1),
                                        ("policy", r"(retry\.attempts.*)value=2", r"\1value=0", 0)]:
            changed, count = re.subn(pattern, to, inputs, count=most)
            assert count > 0, f"there is no {name} to change"
            copy = mesh.dir / f"changed-{name}"
            (mesh.dir / f"changed-{name}.inputs").write_text(changed)
            shutil.copy(mesh.dir / "recording.results", f"{copy}.results")
            subprocess.run([REPLAYS[0], "--reseal", f"{copy}.inputs"], check=True)
            code, said = replay(REPLAYS[0], copy)
            assert code == 1, f"a changed {name} was not noticed: {said}"


if __name__ == "__main__":
    main(sys.modules[__name__])
