#!/usr/bin/env python3
"""What reasons_test.py shows of instances that fail, for what an agent refuses by itself: no room, no memory, no place to go, requests
that are to blame, clients that leave. A hundred requests each; all witnesses name the same reason."""
import concurrent.futures
import contextlib
import socket
import sys
import uuid

from control_test import Control
from mesh import Mesh, free_port, get, main, mesh_service, service_policy, wait_for
from reasons_test import ALONE, EACH, Nobody, Prover, Raw, say, service_of

MESH_SERVICE = {"group": "weft.dev", "kind": "MeshService"}
# A request that gets a place after all ends soon.
IMPATIENT = {"x-weft-deadline-ms": "3000"}

# reason: (requests that take the room first, of these with a connection, policy)
FULL = {
    "request_overflow": (1, 1, {"connectionPool": {"maxRequests": 1}}),
    "connection_overflow": (1, 1, {"connectionPool": {"maxConnections": 1, "maxPending": 0}}),
    "pending_overflow": (2, 1, {"connectionPool": {"maxConnections": 1, "maxPending": 1}}),
}

HEAD = "host: blamed.default\r\n"
# reason: (status, the request)
BLAMED = {
    "bad_request": (400, f"GET /x y HTTP/1.1\r\n{HEAD}\r\n"),
    "uri_too_long": (414, f"GET /{'a' * 70_000} HTTP/1.1\r\n{HEAD}\r\n"),
    "head_too_large": (431, f"GET / HTTP/1.1\r\n{HEAD}x: {'a' * 66_000}\r\n\r\n"),
    "expectation_failed": (417, f"POST / HTTP/1.1\r\n{HEAD}expect: the best\r\ncontent-length: 1\r\n\r\n"),
    "not_implemented": (501, f"POST / HTTP/1.1\r\n{HEAD}transfer-encoding: gzip\r\n\r\n"),
    "version_not_supported": (505, f"GET / HTTP/3.0\r\n{HEAD}\r\n"),
    "upgrade_refused": (501, f"GET / HTTP/1.1\r\n{HEAD}connection: upgrade\r\nupgrade: h2c, websocket\r\n\r\n"),
}


class Deaf:
    """A port whose queue of connections is full: the kernel drops what asks for one."""

    def __init__(self, name):
        self.id, self.address = name, "127.0.0.1"
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.port = self.listener.getsockname()[1]
        self.queued = socket.create_connection(self.listener.getsockname())


@contextlib.contextmanager
def controlled(documents, **config):
    """A prover for an agent that the control plane feeds with these."""
    with Mesh() as mesh, concurrent.futures.ThreadPoolExecutor(8) as pool:
        control = Control(mesh)
        control.apply(*documents)
        agent = mesh.agent("client", services=(), controlPlane={"address": f"127.0.0.1:{control.ports['grpc']}"}, **config)
        yield Prover(pool, agent, control, "outbound")


def url(agent):
    return f"http://127.0.0.1:{agent.ports['outbound']}/x"


def open_request(agent, host, *fields, method="GET"):
    connection = socket.create_connection(("127.0.0.1", agent.ports["outbound"]), timeout=15)
    connection.sendall("\r\n".join([f"{method} / HTTP/1.1", f"host: {host}", *fields, "", ""]).encode())
    return connection


def test_all_witnesses_agree_when_there_is_no_room():
    servers = {reason: Raw(service_of(reason), None) for reason in FULL}
    documents = []
    for reason, (_, _, policy) in FULL.items():
        documents += [mesh_service(service_of(reason), [servers[reason]]), service_policy(service_of(reason), **ALONE, **policy)]
    with controlled(documents) as prover, contextlib.ExitStack() as held:
        agent = prover.agent
        for reason, (takers, connected, _) in FULL.items():
            host = service_of(reason) + ".default"
            wait_for(f"{host} known", lambda: get(url(agent), {"host": host, "x-weft-deadline-ms": "100"})[0] == 504)
            before = servers[reason].asked
            for _ in range(takers):
                held.enter_context(open_request(agent, host))
            wait_for("the place taken", lambda: servers[reason].asked == before + connected)
            prover.prove(reason, 503, lambda: get(url(agent), {"host": host, **IMPATIENT}))


BODY = b"b" * 65_500   # just below what an agent keeps of one request; of all it keeps 16 MiB


def send_body(agent, host):
    """A request whose body waits in the agent; None: it was refused."""
    connection = open_request(agent, host, f"content-length: {len(BODY)}", method="POST")
    connection.sendall(BODY)
    connection.settimeout(0.2)
    with contextlib.suppress(TimeoutError):
        assert b"memory_limit" in connection.recv(65536)
        return connection.close()
    return connection


def test_all_witnesses_agree_when_too_many_bodies_wait():
    silent = Raw("memory-limit", None)
    documents = [mesh_service(silent.id, [silent]), service_policy(silent.id, **ALONE, connectionPool={"maxConnections": 1},
                                                                 timeouts={"request": "2m", "attempt": "2m", "responseHead": "2m"})]
    with controlled(documents) as prover, contextlib.ExitStack() as held:
        host = silent.id + ".default"
        wait_for(f"{host} known", lambda: get(url(prover.agent), {"host": host, "x-weft-deadline-ms": "100"})[0] == 504)
        held.enter_context(open_request(prover.agent, host))   # has the only connection
        waiting = list(prover.pool.map(lambda _: send_body(prover.agent, host), range(300)))
        taken = [held.enter_context(each) for each in waiting if each]
        assert 16 * 2**20 - len(BODY) < len(taken) * len(BODY) <= 16 * 2**20, f"{len(taken)} bodies are kept"
        prover.prove("memory_limit", 503, lambda: get(url(prover.agent), {"host": host, **IMPATIENT}, "POST", BODY))


def placeless(deaf):
    """Services that no request of theirs can be sent for: by reason status and host; and their documents."""
    resting = {"id": "resting", "address": "127.0.0.1", "port": free_port(), "weight": 0}
    idle = Raw("stream-idle", None)
    documents = [mesh_service("no-healthy-instances", [], {"instances": [resting]}), mesh_service("no-backend", []),
                 mesh_service("stream-idle", [idle]), service_policy("stream-idle", **ALONE, timeouts={"streamIdle": "40ms"})]
    documents.append({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "nowhere", "namespace": "default"},
                      "spec": {"parentRefs": [{**MESH_SERVICE, "name": "no-backend"}], "rules": [{}]}})
    for namespace in ("east", "west"):
        service = mesh_service("twice", [])
        service["metadata"]["namespace"] = namespace
        documents.append(service)
    documents += [mesh_service(deaf.id, [deaf]), service_policy(deaf.id, **ALONE, timeouts={"connect": "40ms"})]
    kinds = {"connect_timeout": (504, "connect-timeout.default"), "resolve_failed": (502, "nowhere.invalid"),
             "no_healthy_instances": (503, "no-healthy-instances.default"), "no_backend": (500, "no-backend.default"),
             "stream_idle": (504, "stream-idle.default"), "ambiguous_service": (400, "twice")}
    return kinds, documents


def test_all_witnesses_agree_when_there_is_no_place_to_go():
    deaf = Deaf("connect-timeout")
    kinds, documents = placeless(deaf)
    with controlled(documents, outbound={"egress": {"allow": ["nowhere.invalid"]}}) as prover:
        for namespace in ("east", "west"):   # a short name may mean what the agent has heard of
            wait_for(f"twice.{namespace}", lambda: get(url(prover.agent), {"host": f"twice.{namespace}"})[1]["x-weft-reason"] == "no_instances")
        for reason, (status, host) in kinds.items():
            prover.prove(reason, status, lambda: get(url(prover.agent), {"host": host}))


def test_all_witnesses_agree_when_the_request_is_to_blame():
    with controlled([mesh_service("blamed", [Nobody("nobody")])]) as prover:
        for reason, (status, request) in BLAMED.items():
            prover.prove(reason, status, lambda: say(prover.agent.ports["outbound"], request))


def test_all_witnesses_agree_before_the_first_configuration():
    with Mesh() as mesh, concurrent.futures.ThreadPoolExecutor(8) as pool:
        agent = mesh.agent("client", services=(), ready=False, controlPlane={"address": f"127.0.0.1:{free_port()}"})
        Prover(pool, agent, None, "outbound").prove("no_config", 503, lambda: get(url(agent), {"host": "cart.default"}))


def whole(agent, service, *fields):
    """What comes until the connection closes."""
    data = b""
    with open_request(agent, f"{service}.default", "connection: close", *fields) as connection, contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            data += piece
    return data


def prove_untold(prover, reason, ask):
    """Where no answer can name the reason: the requests bring their ids."""
    ids = [uuid.uuid4().hex for _ in range(EACH)]
    before = prover.counts()
    list(prover.pool.map(ask, ids))
    prover.prove_records(reason, ids, before)
    print(f"   outbound {reason}: {EACH} times", flush=True)


def test_all_witnesses_but_the_header_agree_on_answers_that_break_off_and_on_clients_that_leave():
    broken = Raw("broken", b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
    silent = Raw("silent", None)
    documents = [each for server in (broken, silent) for each in (mesh_service(server.id, [server]), service_policy(server.id, **ALONE))]
    with controlled(documents) as prover:
        agent = prover.agent
        for host in ("broken", "silent"):
            wait_for(f"{host} known", lambda: b"unknown_service" not in whole(agent, host, "x-weft-deadline-ms: 500"))

        def read_half(id):
            assert b"x-weft-reason" not in whole(agent, "broken", f"x-request-id: {id}")

        def leave(id):
            before = silent.asked
            with open_request(agent, "silent.default", f"x-request-id: {id}"):
                wait_for("the request to arrive", lambda: silent.asked > before)

        prove_untold(prover, "upstream_truncated", read_half)
        prove_untold(prover, "client_closed", leave)


if __name__ == "__main__":
    main(sys.modules[__name__])
