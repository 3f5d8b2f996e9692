#!/usr/bin/env python3
"""Mutual TLS between two real agents whose identities come from the control plane's CA: modes, wrong and expired identities, rotation under
load, and what `openssl s_client` may negotiate."""
import json
import socket
import subprocess
import sys

from identity_test import Control, joining, sign
from mesh import Mesh, Process, free_port, get, main, peer, service_policy, wait_for

URL = "service-default/cart"
ALPN = "weft/1"


def cart(instance_port, protocol="HTTP", mtls=True, **capabilities):
    return {"apiVersion": "weft.dev/v1", "kind": "MeshService", "metadata": {"name": "cart", "namespace": "default"},
            "spec": {"ports": [{"name": "http", "port": 80, "protocol": protocol}],
                     "instances": [{"id": "cart-1", "address": "127.0.0.1", "port": instance_port,
                                    "capabilities": {"meshed": True, "mtls": mtls, **capabilities}}]}}


class Pair:
    """client -> web's agent -> cart's agent -> backend; `policy` of cart."""

    def __init__(self, mesh, leaf="1h", protocol="HTTP", policy=None, application=None, capabilities=None, **more):
        self.mesh = mesh
        self.backend = mesh.backends("app") if application is None else None
        self.control = Control(mesh, leaf=leaf)
        self.inbound = free_port()
        self.apply(cart(self.inbound, protocol, **(capabilities or {})), *([service_policy("cart", **policy)] if policy else []))
        target = application or self.backend.port
        self.cart = joining(mesh, self.control, "cart-1", "cart", services=(), inbound=[
            {"listen": f"127.0.0.1:{self.inbound}", "forward": f"127.0.0.1:{target}", "service": "default/cart", "port": "http"}], **more)
        self.web = joining(mesh, self.control, "web-1", "web", services=("cart",))
        wait_for("both agents", lambda: {"web-1", "cart-1"} <= self.control.agents(), 30)
        for agent in (self.cart, self.web):
            wait_for(f"{agent.name}: the service", lambda: "cart" in json.dumps(agent.admin("/snapshot")), 30)

    def apply(self, *documents):
        self.control.weftctl("apply", "-f", "-", text="\n---\n".join(json.dumps(d) for d in documents))

    def policy(self, **policy):
        """Applied, and known to both."""
        self.apply(service_policy("cart", **policy))
        head = self.control.json("history")["items"][0]["revision"]
        for agent in (self.cart, self.web):
            wait_for(f"{agent.name}: revision {head}", lambda: agent.admin("/config")["target"].endswith(str(head)), 30)

    def get(self, **options):
        return get(self.web.url(URL), **options)

    def plain(self):
        return get(f"http://127.0.0.1:{self.inbound}/")


def test_permissive_serves_both_and_counts_strict_only_agents():
    with Mesh() as mesh:
        pair = Pair(mesh)
        status, _, body = pair.get(headers={"x-request-id": "who-calls"})
        assert status == 200 and b"app" in body, (status, body)
        assert pair.plain()[0] == 200
        inbound = lambda **labels: pair.cart.total("weft_secured_connections_total", direction="inbound", **labels)
        wait_for("both kinds counted", lambda: inbound(security="mtls") >= 1 and inbound(security="plain") >= 1, 10)
        assert pair.web.total("weft_secured_connections_total", direction="outbound", security="mtls") >= 1
        assert pair.web.total("weft_secured_connections_total", direction="outbound", security="plain") == 0
        assert pair.cart.total("weft_tls_handshakes_total", direction="inbound", result="full") >= 1
        # Who called stands in metric, log and record of the one that was called.
        wait_for("its caller as a label", lambda: pair.cart.total("weft_requests_total", direction="inbound", peer="default/web") >= 1, 10)
        assert pair.cart.total("weft_requests_total", direction="inbound", peer="unknown") >= 1
        wait_for("the access log", lambda: any(line.get("caller") == "spiffe://mesh.local/ns/default/sa/web" for line in pair.cart.log_lines()), 10)
        record = pair.cart.explain("who-calls")
        assert "spiffe://mesh.local/ns/default/sa/web" in json.dumps(record), record

        pair.policy(mtls="strict")
        status, headers, _ = pair.plain()
        assert status == 403 and headers["x-weft-reason"] == "plaintext_refused", (status, dict(headers))
        assert pair.get()[0] == 200

        pair.apply(cart(pair.inbound, mtls=False))   # nothing says any more that an agent is there
        wait_for("nothing in plaintext", lambda: pair.get()[1].get("x-weft-reason") == "no_identity", 30)

        pair.policy(mtls="off")
        wait_for("plaintext", lambda: pair.get()[0] == 200, 30)
        before = pair.cart.total("weft_tls_handshakes_total")
        assert pair.plain()[0] == 200 and pair.cart.total("weft_tls_handshakes_total") == before


def test_an_agent_of_another_service_is_not_taken_for_it():
    with Mesh() as mesh:
        pair = Pair(mesh, policy={"mtls": "strict", "retry": {"enabled": False}})
        assert pair.get()[0] == 200
        # Somebody else's agent where cart's is said to be.
        thief_port = free_port()
        joining(mesh, pair.control, "thief-1", "thief", services=(), inbound=[
            {"listen": f"127.0.0.1:{thief_port}", "forward": f"127.0.0.1:{pair.backend.port}", "service": "default/thief", "port": "http"}])
        served = pair.backend.stats()
        pair.apply(cart(thief_port))
        wait_for("a refusal", lambda: pair.get()[1].get("x-weft-reason") == "peer_identity", 30)
        assert pair.web.total("weft_tls_handshakes_total", direction="outbound", result="peer_identity") >= 1
        assert pair.get()[0] == 502
        assert served is not None


def s_client(port, *arguments, text="GET / HTTP/1.1\r\nhost: cart\r\nconnection: close\r\n\r\n"):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-alpn", ALPN, "-ign_eof", *arguments], input=text,
                          capture_output=True, text=True, timeout=30)
    return done.stdout + done.stderr


def test_what_may_be_negotiated():
    with Mesh() as mesh:
        pair = Pair(mesh, policy={"mtls": "strict"})
        good = sign(mesh, pair.control, "good", "URI:spiffe://mesh.local/ns/default/sa/web")
        own = ["-cert", good[0], "-key", good[1]]
        answered = lambda: (lambda said: "HTTP/1.1 200" in said and "TLSv1.3" in said)(s_client(pair.inbound, *own))
        wait_for("an answer, once the certificate's first second has come", answered, 10)
        for suite in ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"):
            assert suite in s_client(pair.inbound, *own, "-ciphersuites", suite), suite
        refused = {
            "no certificate": [],
            "TLS 1.2": [*own, "-tls1_2"], "TLS 1.1": [*own, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
            "CCM": [*own, "-ciphersuites", "TLS_AES_128_CCM_8_SHA256"],
            "another group": [*own, "-groups", "P-521"],
            "expired": [item for pair_ in [sign(mesh, pair.control, "ended", "URI:spiffe://mesh.local/ns/default/sa/web", "-1")]
                        for item in ("-cert", pair_[0], "-key", pair_[1])],
            "another domain": [item for pair_ in [sign(mesh, pair.control, "far", "URI:spiffe://elsewhere/ns/default/sa/web")]
                               for item in ("-cert", pair_[0], "-key", pair_[1])],
            "no agent": [item for pair_ in [sign(mesh, pair.control, "name", "DNS:web")]
                         for item in ("-cert", pair_[0], "-key", pair_[1])]}
        for what, arguments in refused.items():
            said = s_client(pair.inbound, *arguments)
            assert "HTTP/1.1 200" not in said, f"{what}: {said[-1500:]}"
        failed = lambda result: pair.cart.total("weft_tls_handshakes_total", direction="inbound", result=result)
        wait_for("each with its reason", lambda: failed("peer_expired") >= 1 and failed("peer_untrusted") >= 3 and failed("tls_failed") >= 3, 10)
        for _ in range(2):   # at each new handshake
            before = failed("peer_expired")
            s_client(pair.inbound, *refused["expired"])
            wait_for("another refusal", lambda: failed("peer_expired") > before, 10)
        # Without our protocol it is an application's TLS, which strict does not take for ours.
        said = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{pair.inbound}", *own], input="", capture_output=True,
                              text=True, timeout=30)
        assert "BEGIN CERTIFICATE" not in said.stdout, said.stdout[-500:]
        # A ClientHello byte by byte; and one that ends in the middle.
        with socket.create_connection(("127.0.0.1", pair.inbound)) as half:
            half.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
        assert pair.get()[0] == 200


def test_tls_1_2_only_where_it_is_asked_for():
    with Mesh() as mesh:
        pair = Pair(mesh, identity={"minTlsVersion": "1.2"})
        own = sign(mesh, pair.control, "good", "URI:spiffe://mesh.local/ns/default/sa/web")
        own = ["-cert", own[0], "-key", own[1]]
        answered = lambda: (lambda said: "HTTP/1.1 200" in said and "TLSv1.2" in said)(s_client(pair.inbound, *own, "-tls1_2"))
        wait_for("an answer, once the certificate's first second has come", answered, 10)
        for suite in ("ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA256", "AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256", "NULL:@SECLEVEL=0"):
            assert "HTTP/1.1 200" not in s_client(pair.inbound, *own, "-tls1_2", "-cipher", suite), suite
        assert "TLSv1.3" in s_client(pair.inbound, *own)
        assert pair.get()[0] == 200


def test_rotation_under_load_drops_nothing():
    with Mesh() as mesh:
        pair = Pair(mesh, leaf="6s", policy={"mtls": "strict", "connectionPool": {"maxAge": "500ms"}})
        wait_for("traffic", lambda: pair.get()[0] == 200, 30)
        seconds = 14   # more than two lives of a certificate
        load = subprocess.run([peer(), "load", "-url", pair.web.url(URL), "-rate", "300", "-seconds", str(seconds)], capture_output=True, text=True,
                              timeout=120)
        rows = [json.loads(line) for line in load.stdout.splitlines()]
        bad = [row for row in rows if row["status"] != 200]
        assert len(rows) >= 300 * seconds * 0.9 and not bad, f"{len(bad)} of {len(rows)} failed: {bad[:3]}"
        assert pair.control.json("identity")["renewals"] >= 4
        done = lambda result: pair.web.total("weft_tls_handshakes_total", direction="outbound", result=result)
        assert done("full") >= 3 and done("resumed") >= 3, (done("full"), done("resumed"))
        assert pair.web.total("weft_secured_connections_total", security="plain") == 0
        print(f"   {len(rows)} requests, {done('full'):.0f} full handshakes and {done('resumed'):.0f} resumed, 0 failed")


def test_without_a_control_plane_an_expired_identity_is_refused():
    with Mesh() as mesh:
        pair = Pair(mesh, leaf="5s", policy={"mtls": "strict", "retry": {"enabled": False}, "connectionPool": {"maxAge": "100ms"},
                                              "circuitBreaker": {"enabled": False}, "outlierDetection": {"enabled": False}})
        wait_for("traffic", lambda: pair.get()[0] == 200, 30)
        pair.control.stop()
        wait_for("the end of its certificate", lambda: pair.get()[1].get("x-weft-reason") == "no_identity", 60)
        status, headers, _ = pair.get()
        assert status == 503 and headers["x-weft-reason"] == "no_identity", (status, dict(headers))


def test_who_is_revoked_is_refused_by_the_other_agents():
    with Mesh() as mesh:
        pair = Pair(mesh, policy={"mtls": "strict", "retry": {"enabled": False}, "outlierDetection": {"enabled": False},
                                  "circuitBreaker": {"enabled": False}})
        assert pair.get()[0] == 200   # so there is a connection that could go on
        pair.control.weftctl("identity", "revoke", "default/web", "--reason", "stolen")
        wait_for("a refusal", lambda: pair.get()[0] == 502, 30)
        refused = lambda: pair.cart.total("weft_tls_handshakes_total", direction="inbound", result="peer_revoked")
        wait_for("each attempt refused, with its reason", lambda: pair.get()[0] == 502 and refused() >= 3, 30)
        revocation = pair.control.json("identity", "revocations")["items"][0]["id"]
        pair.control.weftctl("identity", "take-back", revocation)
        wait_for("traffic", lambda: pair.get()[0] == 200, 60)


def test_streams_of_tcp_go_the_same_way():
    with Mesh() as mesh:
        listening = socket.create_server(("127.0.0.1", 0))
        pair = Pair(mesh, protocol="TCP", policy={"mtls": "strict"}, application=listening.getsockname()[1])
        with socket.create_connection(("127.0.0.1", pair.web.ports[URL])) as client:
            client.sendall(b"SELECT 1")
            served, _ = listening.accept()
            assert served.recv(100) == b"SELECT 1"
            served.sendall(b"row")
            assert client.recv(100) == b"row"
            client.shutdown(socket.SHUT_WR)
            assert served.recv(100) == b"", "the half close is passed on"
            served.sendall(b"after the end")
            assert client.recv(100) == b"after the end"
            served.close()
            assert client.recv(100) == b""
        assert pair.cart.total("weft_secured_connections_total", security="mtls") >= 1
        with socket.create_connection(("127.0.0.1", pair.inbound)) as stranger:
            stranger.sendall(b"SELECT 1")
            try:
                assert stranger.recv(100) == b""
            except ConnectionResetError:
                pass
        wait_for("its reason", lambda: pair.cart.total("weft_streams_total", reason="plaintext_refused") >= 1, 10)


if __name__ == "__main__":
    main(sys.modules[__name__])
