#!/usr/bin/env python3
"""Bodies of 64 MiB and 1 GiB stay byte for byte through two agents, as those of bodies_test.py do.

64 MiB moves between each client and each server, 1 GiB once for each client and server. With WEFT_MATRIX=square, a Latin
square, each client moves 1 GiB in each direction, explicit and redirected, and so does each server; with WEFT_MATRIX=port,
proxy or redirected all of it in that mode, with WEFT_MATRIX=all in all three (255 GiB, about 20 minutes). Both ends hash while
they read; nobody holds a body. wrk only counts what it is sent.
"""
import itertools
import sys

import programs
from bodies_test import MATRIX, MODES, attempt, modes
from mesh import main
from programs import GIGABYTE, MOVES

LARGE = 64 << 20


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
