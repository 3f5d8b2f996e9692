#!/usr/bin/env python3
"""Services found by address: a transparent agent that has never heard of a service learns it, and its routes, from the virtual IP
that a connection is for, whatever its Host header says and whatever it speaks. Usage: address_test.py"""
import subprocess
import sys

import spaces
from control_test import Control
from mesh import Backend, Mesh, mesh_service, wait_for

VIPS = {"blue": "192.0.2.1", "green": "192.0.2.2"}   # nobody's (RFC 5737)


def route(service):
    """Says on each response that it was taken."""
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": service, "namespace": "default"},
            "spec": {"parentRefs": [{"group": "weft.dev", "kind": "MeshService", "name": service}],
                     "rules": [{"filters": [{"type": "ResponseHeaderModifier", "responseHeaderModifier": {"set": [{"name": "x-route", "value": service}]}}],
                                "backendRefs": [{"group": "weft.dev", "kind": "MeshService", "name": service, "port": 80}]}]}}


def ask(space, url, *words):
    """Header fields of the answer, and its status as ''."""
    done = subprocess.run([*space.inside(), "curl", "-s", "-m", "10", "-D", "-", "-o", "/dev/null", *words, url], capture_output=True, text=True)
    assert done.returncode == 0, f"curl {url}: {done.returncode} {done.stderr}"
    lines = done.stdout.replace("\r", "").strip().splitlines()
    fields = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
    return {**fields, "": int(lines[0].split()[1])}


def by_address(space, backends):
    answer = ask(space, f"http://{VIPS['blue']}/", "-H", "host: green.default")
    assert (answer[""], answer.get("x-instance"), answer.get("x-route")) == (200, "blue", "blue"), answer
    answer = ask(space, f"http://{VIPS['green']}/", "--http2-prior-knowledge", "-H", "host: blue")
    assert (answer[""], answer.get("x-instance"), answer.get("x-route")) == (200, "green", "green"), answer
    for name, backend in backends.items():
        answer = ask(space, f"http://{backend.address}:{backend.port}/", "-H", f"host: {name}")
        assert (answer[""], answer.get("x-instance"), answer.get("x-route")) == (200, name, None), f"an instance by itself: {answer}"


def unknown(space, agent):
    """A port that the service lacks, and an address of nobody, go on to where they were meant."""
    before = agent.total("weft_connections_total", direction="outbound")
    for url in (f"http://{VIPS['blue']}:81/", "http://192.0.2.77/"):
        done = subprocess.run([*space.inside(), "curl", "-s", "-m", "1", url], capture_output=True)
        assert done.returncode != 0, url
    assert agent.total("weft_connections_total", direction="outbound") == before + 2


def without_control_plane(control, space, agent):
    """What is known stays; what is not passes at once."""
    control.stop(kill=True)
    wait_for("the loss of the control plane", lambda: agent.total("weft_config_age_seconds") > 0, 30)
    answer = ask(space, f"http://{VIPS['blue']}/")
    assert answer.get("x-route") == "blue", answer


def main():
    with spaces.Spaces() as made, Mesh() as mesh:
        mesh.dir.chmod(0o777)
        here, host = made.add("client"), f"{made.net}.1"
        backends = {name: Backend(mesh.dir, name, address=host) for name in VIPS}
        mesh.started += backends.values()
        control = Control(mesh, (f"{host}:0", "127.0.0.1:0"), config={"insecure": True})
        for name, backend in backends.items():
            service = mesh_service(name, [backend], {"addresses": [VIPS[name]]})
            del service["spec"]["ports"][0]["protocol"]   # detected
            control.apply(service, route(name))
        agent = mesh.agent("client", services=(), inside=here.inside(as_agent=True), host=here.address,
                           outbound={"listen": "127.0.0.1:15001", "transparent": True, "services": []},
                           telemetry={"listen": "0.0.0.0:15020"}, controlPlane={"address": f"{host}:{control.ports['grpc']}"})
        here.redirect([1])
        by_address(here, backends)
        unknown(here, agent)
        without_control_plane(control, here, agent)
    print("services are found by their addresses")


if __name__ == "__main__":
    if not spaces.possible():
        print("   no network namespaces here (root, ip, nft, setpriv): left out")
        sys.exit(0)
    main()
