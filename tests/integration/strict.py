"""HTTP/1.1 read by the letter of RFC 9112: nothing is forgiven. Shares no code with the mesh.

`request` and `response` read one message from the beginning of some bytes: (message, bytes used), or None when it is
not complete yet. What is no message raises Malformed.
"""
import dataclasses
import re

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
FIELD = re.compile(rb"(" + TOKEN + rb"):[ \t]*((?:[\x21-\x7e\x80-\xff](?:[\t \x21-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[ \t]*\r\n")
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([\x21\x22\x24-\x7e]+) HTTP/1\.1\r\n")
STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) [\t \x21-\x7e\x80-\xff]*\r\n")
HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~%!$&'()*+;=]+)(?::[0-9]{0,5})?")
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})\r\n")
HOP = {b"keep-alive", b"proxy-connection", b"upgrade"}


class Malformed(Exception):
    pass


@dataclasses.dataclass
class Message:
    first: tuple     # method and target, or status
    fields: list     # (lower-case name, value)
    body: bytes = b""
    trailers: list = dataclasses.field(default_factory=list)

    def all(self, name):
        return [value for have, value in self.fields if have == name]


def section(data, at):
    """Field lines up to and with the empty line."""
    fields = []
    while not data.startswith(b"\r\n", at):
        line = FIELD.match(data, at)
        if line is None:
            raise Malformed(f"no field line: {data[at:at + 80]!r}")
        fields.append((line[1].lower(), line[2]))
        at = line.end()
    return fields, at + 2


def head(data, line):
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    first = line.match(data)
    if first is None:
        raise Malformed(f"no first line: {data[:80]!r}")
    fields, at = section(data, first.end())
    return first, Message(first.groups(), fields), at


def framing(message):
    """b"chunked", a length, or None."""
    lengths, codings = message.all(b"content-length"), message.all(b"transfer-encoding")
    if len(lengths) + len(codings) > 1:
        raise Malformed(f"framed twice: {lengths} {codings}")
    if codings and codings != [b"chunked"] or lengths and not re.fullmatch(rb"[0-9]{1,18}", lengths[0]):
        raise Malformed(f"framed by {lengths or codings}")
    return b"chunked" if codings else int(lengths[0]) if lengths else None


def chunks(message, data, at):
    while True:
        size = CHUNK.match(data, at)
        if size is None:
            if b"\r\n" in data[at:] or len(data) > at + 17:
                raise Malformed(f"no chunk size: {data[at:at + 30]!r}")
            return None
        length, at = int(size[1], 16), size.end()
        if length == 0:
            break
        if len(data) < at + length + 2:
            return None
        if data[at + length:at + length + 2] != b"\r\n":
            raise Malformed("no end of a chunk")
        message.body += data[at:at + length]
        at += length + 2
    if not data.startswith(b"\r\n", at) and b"\r\n\r\n" not in data[at:]:
        return None
    message.trailers, at = section(data, at)
    return message, at


def body(message, data, at, frame):
    if frame == b"chunked":
        return chunks(message, data, at)
    if len(data) < at + frame:
        return None
    message.body = data[at:at + frame]
    return message, at + frame


def request(data):
    found = head(data, REQUEST_LINE)
    if found is None:
        return None
    _, message, at = found
    if len(message.all(b"host")) != 1 or not HOST.fullmatch(message.all(b"host")[0]):
        raise Malformed(f"hosts: {message.all(b'host')}")
    asks = b"upgrade" in b",".join(message.all(b"connection")).lower().replace(b" ", b"").split(b",")
    if (HOP - {b"upgrade"} if asks else HOP) & {name for name, _ in message.fields}:
        raise Malformed("a field that is for one hop only")
    return body(message, data, at, framing(message) or 0)


def response(data, method, ended):
    """`ended`: the connection is closed behind `data`."""
    found = head(data, STATUS_LINE)
    if found is None:
        return None
    line, message, at = found
    message.first = int(line[1])
    if message.first < 200 or message.first in (204, 304) or method == b"HEAD":
        return message, at
    frame = framing(message)
    if frame is None:
        message.body = data[at:]
        return (message, len(data)) if ended else None
    return body(message, data, at, frame)
