#!/usr/bin/env python3
"""Bodies of up to 1 MiB stay byte for byte through two agents: {curl, http.client, urllib, Go, Node, wrk} x {nginx, Python, Go,
Node} x {a local port per service, as a proxy, redirected} x {length, chunked} x {down, up}, everything with everything."""
import itertools
import os
import subprocess
import sys
import time

import programs
import spaces
from mesh import Mesh, main
from pairs import MOST_RSS_KIB, Pair, redirected, rss_kib
from programs import SIZES

MATRIX = os.environ.get("WEFT_MATRIX", "")   # large_bodies_test.py
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


if __name__ == "__main__":
    main(sys.modules[__name__])
