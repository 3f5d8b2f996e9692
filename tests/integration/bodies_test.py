#!/usr/bin/env python3
"""Bodies stay byte for byte through two agents: {curl, http.client, urllib, Go, Node, wrk} x {nginx, Python, Go, Node} x {a local
port per service, as a proxy, redirected} x {length, chunked} x {down, up} x {0 B to 1 GiB}.

Up to 1 MiB everything with everything. 64 MiB moves between each client and each server, 1 GiB once for each client and
server. With WEFT_MATRIX=square, a Latin square, each client moves 1 GiB in each direction, explicit and redirected, and so
does each server; with WEFT_MATRIX=port, proxy or redirected all of it in that mode, with WEFT_MATRIX=all in all three
(255 GiB, about 20 minutes). Both ends hash while they read; nobody holds a body. wrk compares bodies up to 1 MiB and only
counts those of 1 GiB, downwards.
"""
import itertools
import os
import subprocess
import sys
import time

import programs
import spaces
from mesh import Mesh, main
from pairs import MOST_RSS_KIB, Pair, redirected, rss_kib
from programs import GIGABYTE, MOVES, SIZES

LARGE = 64 << 20
MATRIX = os.environ.get("WEFT_MATRIX", "")
MODES = ("port", "proxy", "redirected")


class Mode:
    """How clients reach the servers: (where to ask for a server, proxy, the words before a client's command)."""

    def __init__(self, name, pair):
        self.name, self.pair = name, pair
        self.agents = pair.agents
        self.proxy = pair.proxy if name == "proxy" else None
        self.inside = pair.here.inside() if name == "redirected" else ()

    def url(self, server):
        return f"http://{server}" if self.proxy else self.pair.url(server)

    def run(self, work, server, sizes, **options):
        return work(self.url(server), self.pair.folder, sizes, self.proxy, self.inside, **options)

    def prove_agents(self):
        for agent in self.agents:
            every = agent.total("weft_requests_total")
            assert every == agent.total("weft_requests_total", code="200", reason="ok") > 0, f"{self.name}: {agent.name} did not forward all"
            most = rss_kib(agent, "VmHWM")
            assert most < MOST_RSS_KIB, f"{self.name}: {agent.name} had {most} KiB"
            print(f"   {self.name}: {agent.name} agent: {every:.0f} requests, at most {most} KiB", flush=True)


def modes(sizes):
    """Each way in turn, with servers and agents of its own."""
    for name in [MATRIX] if MATRIX in MODES else MODES:
        if name != "redirected":
            with Mesh() as mesh:
                yield Mode(name, Pair(mesh, sizes))
        elif spaces.possible():
            with redirected(sizes=sizes) as pair:
                yield Mode(name, pair)
        else:
            print("   no network namespaces here (root, ip, nft, nsenter, setpriv): left out", flush=True)


def attempt(failed, what, run):
    began = time.monotonic()
    try:
        said = run()
        print(f"   {what}: {said or 'whole'}, {time.monotonic() - began:.1f} s", flush=True)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        failed.append(f"{what}: {error}")


def test_small_bodies_of_every_client_with_every_server():
    failed = []
    for mode in modes(SIZES):
        for (client, work), server in itertools.product(programs.clients().items(), mode.pair.servers):
            attempt(failed, f"{mode.name}: {client} to {server.id}", lambda: mode.run(work, server.id, SIZES))
        mode.prove_agents()
    assert not failed, "\n".join(failed)


def test_small_bodies_of_wrk_with_every_server():
    if programs.missing("wrk"):
        return
    failed = []
    for mode in modes(SIZES):
        for server in mode.pair.servers:
            attempt(failed, f"{mode.name}: wrk to {server.id}", lambda: mode.run(programs.wrk, server.id, SIZES))
    assert not failed, "\n".join(failed)


def square(clients, servers):
    """(mode, client, server, size, moves): each pair moves 64 MiB in all ways and 1 GiB in one."""
    cells = (("down", "explicit"), ("up", "redirected"), ("up", "explicit"), ("down", "redirected"))
    for (i, client), (j, server) in itertools.product(enumerate(clients), enumerate(servers)):
        yield MODES[(i + j) % 3], client, server, LARGE, MOVES
        way, how = cells[(i + j) % 4]
        mode = how if how == "redirected" else ("port", "proxy")[i % 2]
        yield mode, client, server, GIGABYTE, (f"{way}-{('length', 'chunked')[(j + i // 2) % 2]}",)


def diagonal(clients, servers):
    """Of the square what has each client, server, mode and move: 64 MiB one way between each pair, 1 GiB once each."""
    for number, (mode, client, server, size, moves) in enumerate(square(clients, servers)):
        if size == LARGE:
            yield mode, client, server, size, (moves[(number // 2 + number // (2 * len(servers))) % len(moves)],)
        elif servers.index(server) == (0, 2, 3, 1, 2)[list(clients).index(client) % 5] % len(servers):   # so that all cells occur
            yield mode, client, server, size, moves


def all_of(clients, servers):
    return itertools.product(MODES, clients, servers, (LARGE, GIGABYTE), [MOVES])


def test_large_bodies():
    failed, moved = [], 0
    for mode in modes((LARGE, GIGABYTE)):
        clients = programs.clients()
        cells = {"": diagonal, "square": square}.get(MATRIX, all_of)(clients, [server.id for server in mode.pair.servers])
        for name, client, server, size, moves in cells:
            if name != mode.name:
                continue
            text = f"{mode.name}: {client} to {server}: {size >> 20} MiB {' '.join(moves)}"
            attempt(failed, text, lambda: mode.run(clients[client], server, (size,), moves=moves))
            moved += size * len(moves)
        mode.prove_agents()
        if mode.name != "proxy" and not programs.missing("wrk"):   # last: it leaves in the middle of an answer
            for server in mode.pair.servers if MATRIX else mode.pair.servers[-1:]:
                attempt(failed, f"{mode.name}: wrk to {server.id}: 1024 MiB down-length",
                        lambda: programs.wrk_without_looking(mode.url(server.id), GIGABYTE, mode.inside))
    print(f"   {moved >> 30} GiB moved", flush=True)
    assert not failed, "\n".join(failed)


if __name__ == "__main__":
    main(sys.modules[__name__])
