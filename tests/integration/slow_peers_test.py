#!/usr/bin/env python3
"""Thousands of clients that are slow on purpose, in five ways, at the inbound port of an agent: its memory grows by 16 MiB at most, its
CPU time stays under a second, and no request of anybody else fails. CONNECTIONS=n for another number than 5,000."""
import os
import pathlib
import selectors
import socket
import struct
import sys

from http2_floods_test import GET, PREFACE, cpu, frame
from http2_test import resources, service
from mesh import Mesh, get, main, service_policy, wait_for

COUNT = int(os.environ.get("CONNECTIONS", 5000))
ROUNDS = 5
MIB = 1 << 20
PATH = f"/bytes?n={MIB}"
MOST_MIB, MOST_CPU = 16, 1.0
SETTINGS, NO_WINDOW = frame(4, 0, 0), frame(4, 0, 0, struct.pack(">HI", 4, 0))


def path_field(path):
    return b"\x04" + bytes([len(path)]) + path.encode()


BIG = b"\x82\x86" + path_field(PATH) + b"\x41\x04cart"
# name: (what a connection begins with, what follows byte by byte, whether the agent ends it by itself)
WAYS = {
    "heads": (b"GET /x HTTP/1.1\r\nhost: cart\r\nx-", b"slow-and-never-done" * 10, True),
    "bodies": (b"POST /hash HTTP/1.1\r\nhost: cart\r\ncontent-length: 100000\r\n\r\n", b"x" * 100, False),
    "readers": (f"GET {PATH} HTTP/1.1\r\nhost: cart\r\n\r\n".encode(), b"", False),
    "header blocks": (PREFACE + SETTINGS + frame(1, 1, 1, GET[:3]), frame(9, 0, 1, GET[3:] + b"\x40\x01a\x7f\x00" + b"x" * 127), True),
    "windows": (PREFACE + NO_WINDOW + frame(1, 5, 1, BIG), b"", False),
}


class Others:
    """A client that does nothing wrong, one request after the other."""

    def __init__(self, port):
        self.url, self.failed, self.served = f"http://127.0.0.1:{port}/", [], 0

    def ask(self, times=20):
        for _ in range(times):
            try:
                status = get(self.url)[0]
            except OSError as error:
                status = error
            self.failed.extend([] if status == 200 else [status])
            self.served += 1


def connect(port, first, source):
    clients = []
    for _ in range(COUNT):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.bind((source, 0))
        client.connect(("127.0.0.1", port))
        client.sendall(first)
        clients.append(client)
    return clients


def trickle(clients, more, round_):
    """The next byte of each; those that the agent has ended are left alone."""
    for client in clients if more else ():
        try:
            client.sendall(more[round_ % len(more):][:1])
        except OSError:
            pass


def ended(clients, others, memory):
    """How many of them the agent has closed, having read what it said."""
    gone = 0
    with selectors.DefaultSelector() as selector:
        for client in clients:
            client.setblocking(False)
            selector.register(client, selectors.EVENT_READ)
        while gone < len(clients) and (ready := selector.select(20)):
            for key, _ in ready:
                try:
                    over = not key.fileobj.recv(65536)
                except OSError:
                    over = True
                if over:
                    selector.unregister(key.fileobj)
                    gone += 1
            others.ask(1)
            memory.look()
    return gone


class Memory:
    """What is an agent's own (pages of programs come and go), and the most that it was."""

    def __init__(self, agent):
        self.status = pathlib.Path(f"/proc/{agent.process.pid}/status")
        self.before = self.most = self.now()

    def now(self):
        return int(self.status.read_text().split("RssAnon:")[1].split()[0])

    def look(self):
        self.most = max(self.most, self.now())

    def grown(self):
        return (self.most - self.before) / 1024


def slow(agent, others, source, first, more, ends):
    """(MiB more at most, CPU seconds, how many the agent ended by itself)"""
    memory, began = Memory(agent), cpu(agent)
    clients = connect(agent.ports["inbound-0"], first, source)
    for round_ in range(ROUNDS):
        trickle(clients, more, round_)
        others.ask()
        memory.look()
    gone = ended(clients, others, memory) if ends else COUNT
    for client in clients:
        client.close()
    wait_for("the agent to let go", lambda: agent.total("weft_connections_open", direction="inbound") < COUNT / 10, 60)
    memory.look()
    return memory.grown(), cpu(agent) - began, gone


def test_slow_clients_cost_little_and_nobody_else_notices():
    with Mesh() as mesh:
        backend = mesh.backends("b")
        bounds = service_policy("app", bulkheads={"perCaller": 64}, rateLimits={"connectionsPerAddress": 256})
        agent = mesh.agent("server", services=("app",), limits={"requestHead": "5s"}, resources=resources(mesh, "r", service("app", "HTTP", backend.port), bounds), inbound=[
            {"listen": "127.0.0.1:0", "forward": f"127.0.0.1:{backend.port}", "service": "default/app", "port": "http"}])
        wrong, others = [], Others(agent.ports["inbound-0"])
        others.ask(200)
        for i, (name, way) in enumerate(WAYS.items()):
            served = others.served
            grown, took, gone = slow(agent, others, f"127.0.1.{i + 1}", *way)
            print(f"   {COUNT} slow {name:14} {grown:6.1f} MiB more, {took:5.2f} s of CPU, {gone} ended, "
                  f"{others.served - served} requests of others, {len(others.failed)} failed", flush=True)
            if grown > MOST_MIB or took > MOST_CPU or gone < COUNT:
                wrong.append(name)
        assert not others.failed, others.failed[:5]
        assert not wrong, wrong
        assert agent.process.poll() is None


if __name__ == "__main__":
    main(sys.modules[__name__])
