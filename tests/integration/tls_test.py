#!/usr/bin/env python3
"""TLS between agents and the control plane: certificates made by openssl, each wrong one refused with its reason."""
import json
import pathlib
import subprocess
import sys
import tempfile

from mesh import BIN, Agent, Process, get, main, wait_for

DOMAIN = "mesh.local"
TOKEN = "secret-of-ops"


def openssl(*arguments, folder):
    done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


class Authority:
    """A CA and what it signs, as files in a folder of its own."""

    def __init__(self, folder, name):
        self.folder = folder / name
        self.folder.mkdir()
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
                "-subj", f"/CN={name}", "-days", "2", folder=self.folder)
        self.ca = str(self.folder / "ca.pem")

    def leaf(self, name, san, days="1"):
        """(certificate, key); a negative number of days: it has ended."""
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
                "-subj", f"/CN={name}", folder=self.folder)
        (self.folder / f"{name}.ext").write_text(f"subjectAltName={san}\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", days,
                "-extfile", f"{name}.ext", "-out", f"{name}.pem", folder=self.folder)
        return str(self.folder / f"{name}.pem"), str(self.folder / f"{name}.key")

    def agent(self, service, days="1"):
        return self.leaf(f"agent-{service}-{days.strip('-')}", f"URI:spiffe://{DOMAIN}/ns/default/sa/{service}", days)


class Scene:
    def __enter__(self):
        self.temp = tempfile.TemporaryDirectory()
        self.dir = pathlib.Path(self.temp.name)
        self.authority = Authority(self.dir, "mesh")
        cert, key = self.authority.leaf("control", "DNS:localhost,DNS:control.mesh")
        tokens = self.dir / "tokens"
        tokens.write_text(f"{TOKEN} ops admin\n")
        tokens.chmod(0o600)
        ports = self.dir / "ports.json"
        self.control = Process("weft-control", [
            str(BIN / "weft-control"), "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--data", f"{self.dir}/data",
            "--ports-file", str(ports), "--token-file", str(tokens), "--tls-cert", cert, "--tls-key", key, "--client-ca", self.authority.ca,
        ], self.dir)
        self.control.start()
        wait_for("weft-control listening", lambda: ports.exists() or not self.control.alive(), 30)
        self.ports = json.loads(ports.read_text())
        self.agents = []
        return self

    def __exit__(self, *_):
        for each in [*self.agents, self.control]:
            each.stop()
        self.temp.cleanup()

    def agent(self, name, service="cart", **way):
        agent = Agent(self.dir, name, {
            "node": {"id": name, "namespace": "default", "service": service},
            "controlPlane": {"address": f"localhost:{self.ports['grpc']}", **way},
            "outbound": {"listen": "127.0.0.1:0"},
        })
        self.agents.append(agent)
        return agent.start(ready=False)

    def connected(self):
        status, _, body = get(f"http://127.0.0.1:{self.ports['http']}/api/v1/agents", {"Authorization": f"Bearer {TOKEN}"})
        assert status == 200, body
        return {agent["id"] for agent in json.loads(body)["items"]}


def identity(pair):
    return {"cert": pair[0], "key": pair[1]}


def test_agents_with_a_certificate_or_a_token_connect():
    with Scene() as scene:
        token = scene.dir / "agent.token"
        token.write_text(TOKEN + "\n")
        scene.agent("certified", ca=scene.authority.ca, **identity(scene.authority.agent("cart")))
        scene.agent("named", ca=scene.authority.ca, serverName="control.mesh", **identity(scene.authority.agent("cart")))
        scene.agent("bearer", ca=scene.authority.ca, tokenFile=str(token))
        wait_for("all agents", lambda: scene.connected() == {"certified", "named", "bearer"}, 30)


def test_each_wrong_identity_is_refused_with_its_reason():
    with Scene() as scene:
        mine, other = scene.authority, Authority(scene.dir, "other")
        cases = {
            "wrong-ca": (dict(ca=other.ca, **identity(mine.agent("cart"))), "certificate verify failed"),
            "wrong-name": (dict(ca=mine.ca, serverName="bank.example", **identity(mine.agent("cart"))), "is not in peer certificate"),
            "wrong-root": (dict(ca=mine.ca, **identity(other.agent("cart"))), ""),
            "ended": (dict(ca=mine.ca, **identity(mine.agent("cart", days="-1"))), ""),
            "wrong-service": (dict(ca=mine.ca, **identity(mine.agent("stock"))), "cannot speak for default/cart"),
            "no-identity": (dict(ca=mine.ca), "a bearer token or a client certificate is needed"),
            "plain": ({}, ""),
            "no-file": (dict(ca=str(scene.dir / "none.pem")), "controlPlane.ca"),
        }
        agents = {name: scene.agent(name, **way) for name, (way, _) in cases.items()}
        for name, (_, reason) in cases.items():
            wait_for(f"{name}: a failed attempt", lambda: "localhost:" in agents[name].log.read_text(), 30)
            text = agents[name].log.read_text()
            assert reason in text, f"{name}: {reason!r} is not in:\n{text[-1500:]}"
        scene.agent("good", ca=mine.ca, **identity(mine.agent("cart")))
        wait_for("the good one", lambda: "good" in scene.connected(), 30)
        assert scene.connected() == {"good"}, scene.connected()


def test_a_renewed_certificate_is_taken_up_without_a_restart():
    with Scene() as scene:
        old, new = scene.authority, Authority(scene.dir, "next")
        cert, key = new.leaf("control", "DNS:localhost")
        for name, source in (("control.key", key), ("control.pem", cert)):
            fresh = old.folder / (name + ".new")
            fresh.write_bytes(pathlib.Path(source).read_bytes())
            fresh.rename(old.folder / name)
        both = scene.dir / "both.pem"
        both.write_text(pathlib.Path(new.ca).read_text())
        scene.agent("later", ca=str(both), **identity(old.agent("cart")))
        wait_for("the agent that trusts the new CA alone", lambda: scene.connected() == {"later"}, 60)


if __name__ == "__main__":
    main(sys.modules[__name__])
