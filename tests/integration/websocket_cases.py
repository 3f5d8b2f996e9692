"""What a WebSocket server answers, byte by byte, to what clients may and may not send (RFC 6455): framing, pings,
reserved bits and opcodes, fragmentation, UTF-8, close codes, and large messages, each in several cuts."""
import hashlib
import os
import socket
import struct

MASK = b"\x0a\x0b\x0c\x0d"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
UTF8 = "κόσμε-\U0001f600-é".encode()


def frame(opcode, payload=b"", fin=True, reserved=0, masked=True, length=None):
    size = len(payload) if length is None else length
    head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    bit = 0x80 if masked else 0
    if size < 126:
        head += bytes([bit | size])
    elif size < 65536:
        head += bytes([bit | 126]) + struct.pack(">H", size)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", size)
    if not masked:
        return head + payload
    key = int.from_bytes((MASK * (len(payload) // 4 + 1))[:len(payload)], "big")
    return head + MASK + (int.from_bytes(payload, "big") ^ key).to_bytes(len(payload), "big")


def read_frame(data):
    """(opcode, payload, size of the frame) of the first frame of a client; None: it is not whole."""
    if len(data) < 2:
        return None
    size, at = data[1] & 127, 2
    if size > 125:
        at += 2 if size == 126 else 8
        size = int.from_bytes(data[2:at], "big")
    if len(data) < at + 4 + size:
        return None
    mask, payload = bytes(data[at:at + 4]), bytes(data[at + 4:at + 4 + size])
    key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
    return data[0] & 15, (int.from_bytes(payload, "big") ^ key).to_bytes(size, "big"), at + 4 + size


def close(code=1000, reason=b""):
    return frame(CLOSE, struct.pack(">H", code) + reason)


def cases():
    """(name, what is sent, in pieces of how many bytes; 0: in one)"""
    sizes = (0, 1, 125, 126, 127, 128, 65535, 65536, 65537)
    for size in sizes:
        for piece in (0, 997) + ((1,) if size < 200 else ()):
            yield f"text of {size} in {piece}", frame(TEXT, b"*" * size) + close(), piece
            yield f"binary of {size} in {piece}", frame(BINARY, b"\xfe" * size) + close(), piece
    for size in (0, 1, 125):
        yield f"ping of {size}", frame(PING, b"p" * size) + close(), 0
        yield f"ping of {size}, byte by byte", frame(PING, b"p" * size) + close(), 1
    yield "ping of 126", frame(PING, b"p" * 126), 0
    yield "unasked pong", frame(PONG, b"x") + frame(PING, b"after") + close(), 0
    yield "ten pings", b"".join(frame(PING, bytes([48 + i])) for i in range(10)) + close(), 0
    for bits in range(1, 8):
        yield f"reserved bits {bits}", frame(TEXT, b"small", reserved=bits), 0
        yield f"reserved bits {bits} of a ping", frame(PING, reserved=bits), 0
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        yield f"opcode {opcode}", frame(opcode, b"x"), 0
        yield f"opcode {opcode} behind a text", frame(TEXT, b"first") + frame(opcode), 0
    yield "not masked", frame(TEXT, b"x", masked=False), 0
    for piece in (0, 1, 3):
        yield f"a text in two fragments, {piece}", frame(TEXT, b"one", fin=False) + frame(0, b"two") + close(), piece
        yield f"a ping between fragments, {piece}", frame(TEXT, b"one", fin=False) + frame(PING, b"p") + frame(0, b"two") + close(), piece
        yield f"forty fragments, {piece}", frame(BINARY, b"0", fin=False) + frame(0, b"x", fin=False) * 38 + frame(0, b"9") + close(), piece
    yield "a ping in fragments", frame(PING, b"a", fin=False) + frame(0, b"b"), 0
    yield "a continuation of nothing", frame(0, b"x"), 0
    yield "a text within a text", frame(TEXT, b"one", fin=False) + frame(TEXT, b"two"), 0
    yield "a continuation behind the end", frame(TEXT, b"one", fin=False) + frame(0, b"two") + frame(0, b"three"), 0
    yield "UTF-8", frame(TEXT, UTF8) + close(), 0
    yield "UTF-8, byte by byte", frame(TEXT, UTF8) + close(), 1
    for cut in range(1, len(UTF8)):
        yield f"UTF-8 cut at {cut}", frame(TEXT, UTF8[:cut], fin=False) + frame(0, UTF8[cut:]) + close(), 0
    for name, text in (("overlong", b"\xc0\xaf"), ("surrogate", b"\xed\xa0\x80"), ("above the last", b"\xf4\x90\x80\x80"),
                       ("lone continuation", b"\x80"), ("cut short", UTF8[:-1]), ("five bytes", b"\xf8\x88\x80\x80\x80"), ("FE", b"\xfe")):
        yield f"bad UTF-8: {name}", frame(TEXT, text) + close(), 0
        yield f"bad UTF-8 in fragments: {name}", frame(TEXT, b"ok", fin=False) + frame(0, text) + close(), 0
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999):
        yield f"close {code}", close(code, b"why"), 0
    for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535):
        yield f"bad close {code}", close(code), 0
    yield "close without a code", frame(CLOSE), 0
    yield "close of one byte", frame(CLOSE, b"\x03"), 0
    yield "close with the longest reason", close(1000, b"r" * 123), 0
    yield "close with bad UTF-8", close(1000, b"\xff"), 0
    yield "close twice", close() + close(), 0
    yield "text behind close", close() + frame(TEXT, b"late"), 0
    yield "ping behind close", close() + frame(PING), 0
    for megabytes in (1, 4, 16):
        yield f"{megabytes} MiB", frame(BINARY, b"\xa5" * (megabytes << 20)) + close(), 0
        chunk = megabytes << 14
        yield f"{megabytes} MiB in 64 fragments", frame(BINARY, b"b" * chunk, fin=False) + frame(0, b"b" * chunk, fin=False) * 62 + frame(0, b"b" * chunk) + close(), 0


def answer(port, sent, piece):
    """What came back until the server closed, as (bytes, SHA-256), and how it ended."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: echo.default\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        got = b""
        while b"\r\n\r\n" not in got:
            part = connection.recv(65536)
            assert part, f"no answer to the handshake: {got!r}"
            got += part
        head, got = got.split(b"\r\n\r\n", 1)
        assert head.startswith(b"HTTP/1.1 101") and b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head, head
        end = "closed"
        parts = [got]
        try:
            writer = os.fork() if len(sent) > 1 << 20 else None   # so that neither side waits for the other
            if writer == 0:
                try:
                    connection.sendall(sent)
                finally:
                    os._exit(0)
            if writer is None:
                for at in range(0, len(sent), piece or len(sent)):
                    connection.sendall(sent[at:at + (piece or len(sent))])
            while part := connection.recv(1 << 16):
                parts.append(part)
        except ConnectionResetError:
            end = "reset"
        if len(sent) > 1 << 20:
            os.waitpid(writer, 0)
        whole = b"".join(parts)
        return len(whole), hashlib.sha256(whole).hexdigest(), end


def report(port):
    return {name: answer(port, sent, piece) for name, sent, piece in cases()}
