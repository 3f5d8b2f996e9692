#!/usr/bin/env python3
"""The mesh's own CA with real programs: joining, rotation of leaf and root under traffic, each wrong peer refused by both sides, and a
restart without a control plane."""
import datetime
import json
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import threading

from certificates import DOMAIN, Authority, identity
from mesh import BIN, Mesh, Process, get, main, mesh_service, peer, wait_for

URL = "service-default/cart"
LEAF, LEAD = 6, 1   # seconds


class Control(Process):
    """weft-control --identity; `more` are further flags, `under` a command that runs it."""

    def __init__(self, mesh, *more, ports=("127.0.0.1:0", "127.0.0.1:0"), leaf=f"{LEAF}s", under=()):
        self.data, self.file = mesh.dir / "data", mesh.dir / "control.ports.json"
        self.tokens, self.roots = mesh.dir / "tokens", self.data / "identity/roots.pem"
        self.tokens.write_text("secret-of-ops ops admin\n")
        self.tokens.chmod(0o600)
        self.made = 0
        super().__init__("control", [
            *under, str(BIN / "weft-control"), "--grpc-listen", ports[0], "--http-listen", ports[1], "--data", str(self.data), "--ports-file",
            str(self.file), "--token-file", str(self.tokens), "--identity", "--identity-lifetime", leaf, "--identity-root-lead", f"{LEAD}s",
            *more], mesh.dir)
        mesh.started.append(self)
        self.start()

    def start(self):
        self.file.unlink(missing_ok=True)
        super().start()
        wait_for("the control plane listening", lambda: self.file.exists() or not self.alive(), 30)
        assert self.alive(), self.log.read_text()[-2000:]
        self.ports = json.loads(self.file.read_text())
        return self

    def weftctl(self, *arguments, text=None):
        done = subprocess.run([str(BIN / "weftctl"), "-s", f"https://localhost:{self.ports['http']}", "--ca", str(self.roots), "--token-file",
                               str(self.tokens), *arguments], input=text, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"weftctl {arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def json(self, *arguments):
        return json.loads(self.weftctl(*arguments, "-o", "json"))

    def agents(self):
        return {agent["id"] for agent in self.json("agents")["items"]}

    def events(self, reason):
        return [event for event in self.json("events")["items"] if event["reason"] == reason]

    def token(self, mesh, service="cart", *more):
        self.made += 1   # each in a file of its own: agents read theirs on each attempt
        path = mesh.dir / f"{self.made}.join"
        path.write_text(self.weftctl("identity", "create-token", service, *more))
        return str(path)

    def roots_now(self):
        return self.json("identity")["roots"]


def joining(mesh, control, name, service="cart", token=None, services=(), ready=True, **more):
    """An agent that joins with a token; the CA's roots of now are its file."""
    ca = mesh.dir / f"{name}.ca.pem"
    if not ca.exists():
        ca.write_bytes(control.roots.read_bytes())
    block = {"joinTokenFile": token or control.token(mesh, service), **more.pop("identity", {})}
    return mesh.agent(name, services, node={"id": name, "namespace": "default", "service": service}, ready=ready, identity=block,
                      controlPlane={"address": f"localhost:{control.ports['grpc']}", "ca": str(ca)}, **more)


def until(agent):
    return agent.admin("/config")["identity"]["until"]


def test_leaf_and_root_rotate_under_traffic_and_nothing_is_dropped():
    with Mesh() as mesh:
        backend = mesh.backends("cart-1")
        control = Control(mesh)
        control.weftctl("apply", "-f", "-", text=json.dumps(mesh_service("cart", [backend])))
        web = joining(mesh, control, "web-1", "web", services=("cart",))
        cart = joining(mesh, control, "cart-1")
        wait_for("both agents", lambda: control.agents() == {"web-1", "cart-1"}, 30)
        wait_for("traffic", lambda: get(web.url(URL))[0] == 200, 30)
        first, before = control.roots_now()[0]["fingerprint"], control.json("identity")["renewals"]
        seconds = LEAD + LEAF * 2
        load = subprocess.Popen([peer(), "load", "-url", web.url(URL), "-rate", "500", "-seconds", str(seconds)], stdout=subprocess.PIPE, text=True)
        control.weftctl("identity", "rotate")
        output = []
        reader = threading.Thread(target=lambda: output.extend(load.stdout.read().splitlines()))
        reader.start()
        wait_for("the old root to leave", lambda: [r["fingerprint"] for r in control.roots_now() if r["fingerprint"] != first] and
                 all(r["fingerprint"] != first for r in control.roots_now()), 60)
        reader.join()
        rows = [json.loads(line) for line in output]
        bad = [row for row in rows if row["status"] != 200]
        assert len(rows) >= 500 * seconds * 0.98 and not bad, f"{len(bad)} of {len(rows)} failed: {bad[:3]}"
        renewals = control.json("identity")["renewals"] - before
        assert renewals >= 4, renewals
        assert not control.events("AgentDisconnected"), control.events("AgentDisconnected")
        assert control.agents() == {"web-1", "cart-1"}
        assert control.json("identity")["refused"] == 0
        # Configuration still arrives over the streams of before, and a new connection uses what was told meanwhile.
        control.weftctl("apply", "-f", "-", text=json.dumps(mesh_service("cart", [backend], {"ports": [{"name": "http", "port": 81}]})))
        head = control.json("history")["items"][0]["revision"]
        wait_for("the change", lambda: cart.admin("/config")["target"].endswith(str(head)), 30)
        control.stop()
        again = Control(mesh, ports=(f"127.0.0.1:{control.ports['grpc']}", "127.0.0.1:0"))
        wait_for("both agents come back under the new root", lambda: again.agents() == {"web-1", "cart-1"}, 30)
        print(f"   {len(rows)} requests at 500/s over {seconds} s, {renewals} renewals, one root replaced: 0 failed, 0 streams ended")


def test_an_agent_whose_certificate_ended_while_the_control_plane_was_away_joins_again():
    with Mesh() as mesh:
        control = Control(mesh)
        cart = joining(mesh, control, "cart-1")
        wait_for("the agent", lambda: control.agents() == {"cart-1"}, 30)
        control.stop()
        ends = datetime.datetime.fromisoformat(until(cart).replace("Z", "+00:00"))
        wait_for("its certificate to end", lambda: datetime.datetime.now(datetime.timezone.utc) > ends, 30)
        again = Control(mesh, ports=(f"127.0.0.1:{control.ports['grpc']}", "127.0.0.1:0"))
        wait_for("it to come back", lambda: again.agents() == {"cart-1"}, 60)
        wait_for("a certificate", lambda: datetime.datetime.fromisoformat(until(cart).replace("Z", "+00:00")) > ends, 30)


def sign(mesh, control, name, san, days="1"):
    """A certificate of the mesh's own root, made behind its back: its key is in state.json."""
    folder = mesh.dir / name
    stolen = Authority.__new__(Authority)
    stolen.folder = folder
    folder.mkdir()
    root = json.loads((control.data / "identity/state.json").read_text())["roots"][0]
    (folder / "ca.pem").write_text(root["pem"])
    (folder / "ca.key").write_text(root["key"])
    return stolen.leaf("leaf", san, days)


def by_file(mesh, control, name, pair, service="cart"):
    return mesh.agent(name, (), node={"id": name, "namespace": "default", "service": service}, ready=False, controlPlane={
        "address": f"localhost:{control.ports['grpc']}", "ca": str(control.roots), **identity(pair)})


def refused(agent, reason):
    wait_for(f"{agent.name}: a failed attempt", lambda: "localhost:" in agent.log.read_text(), 30)
    text = agent.log.read_text()
    assert reason in text, f"{agent.name}: {reason!r} is not in:\n{text[-1500:]}"


def test_the_control_plane_refuses_each_wrong_peer_and_says_why():
    with Mesh() as mesh:
        control = Control(mesh, leaf="1h")
        good = f"URI:spiffe://{DOMAIN}/ns/default/sa/cart"
        other = Authority(mesh.dir, "other")
        refused(by_file(mesh, control, "ended", sign(mesh, control, "e", good, days="-1")), "")
        refused(by_file(mesh, control, "wrong-root", other.agent("cart")), "")
        refused(by_file(mesh, control, "wrong-service", sign(mesh, control, "s", good.replace("cart", "bank"))), "cannot speak for default/cart")
        refused(by_file(mesh, control, "wrong-domain", sign(mesh, control, "d", good.replace(DOMAIN, "elsewhere"))), "is not spiffe://mesh.local/ns/")
        revoked = control.token(mesh, "cart")
        control.weftctl("identity", "revoke-token", pathlib.Path(revoked).read_text().split("-")[2])
        refused(joining(mesh, control, "revoked", token=revoked, ready=False), "is revoked")
        short = control.token(mesh, "cart", "--ttl", "1s")
        wait_for("the token to end", lambda: "expired" in control.weftctl("identity", "tokens"), 30)
        refused(joining(mesh, control, "late", token=short, ready=False), "is expired")
        refused(joining(mesh, control, "stolen", token=control.token(mesh, "bank"), ready=False), "cannot speak for default/cart")
        refused(joining(mesh, control, "moved", token=control.token(mesh, "cart", "--node", "cart-9"), ready=False), "for the node 'cart-9' alone")
        joining(mesh, control, "good", ready=False)
        wait_for("the good one", lambda: "good" in control.agents(), 30)
        assert control.agents() == {"good"}, control.agents()


class Impostor:
    """A TLS server that shows this certificate and counts whom it got past the handshake."""

    def __init__(self, pair):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*pair)
        self.context.set_alpn_protocols(["h2"])
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port, self.fooled = self.socket.getsockname()[1], 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                caller, _ = self.socket.accept()
            except OSError:
                return
            try:
                with self.context.wrap_socket(caller, server_side=True) as stream:
                    self.fooled += bool(stream.recv(1))   # the client's preface comes once it trusts
            except OSError:
                caller.close()


def test_an_agent_refuses_each_wrong_control_plane():
    with Mesh() as mesh:
        control = Control(mesh, leaf="1h")
        other = Authority(mesh.dir, "other")
        token = control.token(mesh, "cart")
        cases = {
            "wrong-root": (other.leaf("control", "DNS:localhost"), "certificate verify failed"),
            "ended": (sign(mesh, control, "e", "DNS:localhost", days="-1"), "certificate verify failed"),
            "an-agent": (sign(mesh, control, "a", f"URI:spiffe://{DOMAIN}/ns/default/sa/cart"), "is not in peer certificate"),
        }
        real = control.ports["grpc"]
        for name, (pair, reason) in cases.items():
            impostor = Impostor(pair)
            control.ports["grpc"] = impostor.port
            refused(joining(mesh, control, name, token=token, ready=False), reason)
            assert impostor.fooled == 0, name
            impostor.socket.close()
        control.ports["grpc"] = real
        joining(mesh, control, "good", token=token, ready=False)
        wait_for("the good one", lambda: control.agents() == {"good"}, 30)


def test_a_restart_without_a_control_plane_still_has_its_identity():
    with Mesh() as mesh:
        control = Control(mesh, leaf="1h")
        secret = mesh.dir / "secret"
        secret.write_bytes(b"0123456789abcdef" * 2)
        token = control.token(mesh, "cart")
        kept = joining(mesh, control, "kept", token=token, identity={"cacheKeyFile": str(secret)})
        gone = joining(mesh, control, "gone", token=token)
        assert "a restart needs the control plane" in gone.log.read_text(), "it says so at the start"
        wait_for("both", lambda: control.agents() == {"kept", "gone"}, 30)
        ends = until(kept)
        sealed = (mesh.dir / "kept.cache.identity").read_bytes()
        assert b"PRIVATE" not in sealed and not (mesh.dir / "gone.cache.identity").exists()
        for path in mesh.dir.glob("**/*"):
            if path.is_file() and "data/identity" not in str(path):
                assert b"PRIVATE KEY" not in path.read_bytes(), path
        control.stop()
        for agent in (kept, gone):
            agent.stop()
            pathlib.Path(token).write_text("")
            agent.start()
        assert until(kept) == ends and until(gone) == "", (until(kept), until(gone))
        again = Control(mesh, ports=(f"127.0.0.1:{control.ports['grpc']}", "127.0.0.1:0"), leaf="1h")
        wait_for("the one that kept it", lambda: again.agents() == {"kept"}, 30)
        assert re.search("holds no join token", gone.log.read_text())


if __name__ == "__main__":
    main(sys.modules[__name__])
