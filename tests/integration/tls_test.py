#!/usr/bin/env python3
"""TLS between agents and the control plane: certificates made by openssl, each wrong one refused with its reason."""
import json
import pathlib
import subprocess
import sys
import tempfile

from certificates import Authority, identity
from mesh import BIN, Agent, Process, main, wait_for

TOKEN = "secret-of-ops"


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

    def weftctl(self, *arguments, ca=None, token=True):
        """(exit code, output)."""
        login = ["--token-file", str(self.dir / "tokens")] if token else []
        done = subprocess.run([str(BIN / "weftctl"), "-s", f"https://localhost:{self.ports['http']}", "--ca", ca or self.authority.ca,
                               *login, *arguments], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    def connected(self):
        code, text = self.weftctl("agents", "-o", "json")
        assert code == 0, text
        return {agent["id"] for agent in json.loads(text)["items"]}


def curl(ca, url):
    done = subprocess.run(["curl", "-sS", "-m", "20", "--cacert", ca, url], capture_output=True, text=True)
    return done.returncode, done.stderr, done.stdout


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


def test_people_come_by_https_with_a_token_or_a_certificate():
    with Scene() as scene:
        (scene.dir / "mesh.yaml").write_text("{apiVersion: weft.dev/v1, kind: MeshService, metadata: {name: cart}, spec: {ports: [{port: 80}]}}\n")
        assert scene.weftctl("apply", "-f", str(scene.dir / "mesh.yaml"))[0] == 0
        code, text = scene.weftctl("get", "services", token=False)
        assert code == 1 and "a bearer token or a client certificate is needed" in text, text
        cert, key = scene.authority.leaf("ann", "DNS:ann")
        as_ann = ["--cert", cert, "--key", key]
        code, text = scene.weftctl("get", "services", *as_ann, token=False)
        assert code == 1 and "cert:ann NAME ROLE" in text, text
        with open(scene.dir / "tokens", "a") as tokens:
            tokens.write("cert:ann ann viewer\n")
        code, text = scene.weftctl("get", "services", *as_ann, token=False)
        assert code == 0 and "cart" in text, text
        code, text = scene.weftctl("delete", "service", "cart", *as_ann, token=False)
        assert code == 1 and "this needs the role editor" in text, text
        other = Authority(scene.dir, "other")
        code, text = scene.weftctl("get", "services", ca=other.ca)
        assert code == 1 and "certificate verify failed" in text, text
        code, text = scene.weftctl("get", "services", "--server-name", "bank.example")
        assert code == 1 and "certificate verify failed" in text, text
        status, _, body = curl(scene.authority.ca, f"https://localhost:{scene.ports['http']}/healthz")
        assert status == 0 and body == "ok\n", body
        status, error, _ = curl(scene.authority.ca, f"http://localhost:{scene.ports['http']}/healthz")
        assert status != 0, "plain text is answered"
        watch = subprocess.run(["timeout", "3", "curl", "-sN", "--cacert", scene.authority.ca, "-H", f"Authorization: Bearer {TOKEN}",
                                f"https://localhost:{scene.ports['http']}/api/v1/resources?watch=true"], capture_output=True, text=True)
        assert '"ADDED"' in watch.stdout and '"BOOKMARK"' in watch.stdout, watch.stdout


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
        scene.authority = new
        wait_for("the agent that trusts the new CA alone", lambda: scene.connected() == {"later"}, 60)


if __name__ == "__main__":
    main(sys.modules[__name__])
