#!/usr/bin/env python3
"""100,000 frames each of what floods HTTP/2 servers: the agent's memory grows little, its time is short, nobody else's request fails,
and the worst end in GOAWAY. Prints a line per flood; CPU is judged by eye."""
import pathlib
import socket
import struct
import sys
import threading

from http2_test import resources, service
from mesh import Mesh, get, main

COUNT = 100_000
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
GET = b"\x82\x86\x84\x41\x04cart"
POST = b"\x83\x86\x84\x41\x04cart"


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def literal(size):
    """An indexed field with a value of that many bytes (127 or more)."""
    out, rest = b"\x40\x01a\x7f", size - 127
    while rest >= 128:
        out, rest = out + bytes([rest & 127 | 128]), rest >> 7
    return out + bytes([rest]) + b"x" * size


def stream(i):
    return 2 * i + 1


FLOODS = {   # name: (first frames, frame number i, must it end in GOAWAY)
    "rapid reset": (b"", lambda i: frame(1, 5, stream(i), GET) + frame(3, 0, stream(i), struct.pack(">I", 8)), True),
    "made you reset": (b"", lambda i: frame(1, 5, stream(i), GET) + frame(8, 0, stream(i), b"\x7f\xff\xff\xff"), True),
    "continuation": (frame(1, 1, 1, GET), lambda i: frame(9, 0, 1, b"\x00\x01a\x01b"), True),
    "empty continuation": (frame(1, 1, 1, GET), lambda i: frame(9, 0, 1), True),
    "settings": (b"", lambda i: frame(4, 0, 0), False),
    "ping": (b"", lambda i: frame(6, 0, 0, b"12345678"), False),
    "priority": (b"", lambda i: frame(2, 0, stream(i), struct.pack(">IB", 0, 16)), False),
    "zero window": (frame(4, 0, 0, struct.pack(">HI", 4, 0)), lambda i: frame(1, 5, stream(i), GET), False),
    "hpack bomb": (frame(1, 5, 1, GET + literal(3000)), lambda i: frame(1, 5, stream(i + 1), GET + b"\xbf" * 4000), False),
    "one-byte data": (frame(1, 4, 1, POST), lambda i: frame(0, 0, 1, b"x"), False),
    "empty data": (frame(1, 4, 1, POST), lambda i: frame(0, 0, 1), False),
    "window update": (b"", lambda i: frame(8, 0, 0, b"\0\0\0\1"), False),
}


def goaway_code(data):
    """Of the last GOAWAY in what the agent sent; None: there was none."""
    code = None
    while len(data) >= 9:
        size, kind = int.from_bytes(data[:3], "big"), data[3]
        if kind == 7 and len(data) >= 17:
            code = int.from_bytes(data[13:17], "big")
        data = data[9 + size:]
    return code


def flood(port, first, make):
    """(frames that went out, the code of the GOAWAY, whether the connection was closed)"""
    with socket.create_connection(("127.0.0.1", port)) as client:
        received, done = bytearray(), threading.Event()

        def read():
            try:
                while data := client.recv(65536):
                    received.extend(data)
            except OSError:
                pass
            done.set()

        reader = threading.Thread(target=read)
        reader.start()
        sent = 0
        try:
            client.sendall(PREFACE + frame(4, 0, 0) + first)
            while sent < COUNT and not done.is_set():
                client.sendall(b"".join(make(i) for i in range(sent, min(sent + 50, COUNT))))
                sent = min(sent + 50, COUNT)
        except OSError:
            pass
        closed = done.wait(3)
        try:
            client.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        reader.join()
        return sent, goaway_code(bytes(received)), closed


def rss(process):
    text = pathlib.Path(f"/proc/{process.process.pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0])


def cpu(process):
    return sum(int(task.read_text().split()[0]) for task in pathlib.Path(f"/proc/{process.process.pid}/task").glob("*/schedstat")) / 1e9


def test_floods_end_or_are_borne():
    with Mesh() as mesh:
        backend = mesh.backends("b")
        agent = mesh.agent("server", services=("app",), resources=resources(mesh, "r", service("app", "HTTP", backend.port)))
        port = agent.ports["service-default/app"]
        stop, failed, served = threading.Event(), [], [0]

        def others():
            while not stop.is_set():
                try:
                    status = get(f"http://127.0.0.1:{port}/")[0]
                except OSError as error:
                    status = error
                failed.extend([] if status == 200 else [status])
                served[0] += 1

        thread = threading.Thread(target=others)
        thread.start()
        wrong = []
        try:
            get(f"http://127.0.0.1:{port}/")
            for name, (first, make, must_end) in FLOODS.items():
                before, began, requests = rss(agent), cpu(agent), served[0]
                sent, code, closed = flood(port, first, make)
                grown, took = (rss(agent) - before) / 1024, cpu(agent) - began
                print(f"   {name:20} {sent:7} frames, GOAWAY {code}, {grown:5.1f} MiB more, {took:5.2f} s of CPU, "
                      f"{served[0] - requests} requests of others", flush=True)
                if grown > 16 or (must_end and code is None):
                    wrong.append(name)
        finally:
            stop.set()
            thread.join()
        assert not wrong, wrong
        assert not failed, failed[:5]
        assert agent.process.poll() is None


if __name__ == "__main__":
    main(sys.modules[__name__])
