"""Both ends of HTTP/1.1 and HTTP/2 that show what came byte by byte: HTTP/1.1 by hand, HTTP/2 on hyper's h2. A message is a Message
whichever version carried it; names and values are bytes as they were on the wire, in their order."""
import dataclasses
import socket
import threading

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.settings


@dataclasses.dataclass
class Message:
    start: bytes = b""   # of HTTP/1.1: the first line; of HTTP/2: pseudo fields, `name=value` joined by spaces
    fields: list = dataclasses.field(default_factory=list)
    body: bytes = b""
    trailers: list = dataclasses.field(default_factory=list)
    interim: list = dataclasses.field(default_factory=list)   # (status, fields) of an answer
    status: int = 0
    reset: int = -1

    def get(self, name):
        return [value for key, value in self.fields if key.lower() == name]


class Gone(Exception):
    """The peer closed."""


# --- HTTP/1.1 ---

class Wire1:
    """One connection in HTTP/1.1."""

    def __init__(self, connection):
        self.socket, self.kept = connection, b""

    def more(self):
        piece = self.socket.recv(65536)
        if not piece:
            raise Gone
        self.kept += piece

    def line(self):
        while b"\r\n" not in self.kept:
            self.more()
        line, self.kept = self.kept.split(b"\r\n", 1)
        return line

    def exactly(self, size):
        while len(self.kept) < size:
            self.more()
        taken, self.kept = self.kept[:size], self.kept[size:]
        return taken

    def section(self):
        fields = []
        while line := self.line():
            name, value = line.split(b": ", 1)
            fields.append((name, value))
        return fields

    def head(self):
        start = self.line()
        return Message(start, self.section())

    def rest(self, message, bare=False):
        if bare:
            return message
        if message.get(b"transfer-encoding"):
            while size := int(self.line(), 16):
                message.body += self.exactly(size)
                assert self.exactly(2) == b"\r\n"
            message.trailers = self.section()
        elif message.get(b"content-length"):
            message.body = self.exactly(int(message.get(b"content-length")[0]))
        return message

    def send(self, start, fields, body=b"", trailers=()):
        """`body`: bytes as they are, or a list of chunks."""
        text = start + b"\r\n" + b"".join(name + b": " + value + b"\r\n" for name, value in fields) + b"\r\n"
        if isinstance(body, list):
            body = b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in body) + b"0\r\n" + b"".join(n + b": " + v + b"\r\n" for n, v in trailers) + b"\r\n"
        self.socket.sendall(text + body)

    def answer(self, method):
        interim = []
        while True:
            message = self.head()
            message.status = int(message.start.split()[1])
            if message.status >= 200:
                break
            interim.append((message.status, message.fields))
        message.interim = interim
        return self.rest(message, method == b"HEAD" or message.status in (204, 304))


# --- HTTP/2 ---

class Wire2:
    """One connection in HTTP/2; `messages` by stream."""

    def __init__(self, connection, client, connect_protocol=False):
        self.socket, self.client, self.messages, self.ended, self.headed = connection, client, {}, set(), set()
        config = h2.config.H2Configuration(client_side=client, header_encoding=None, normalize_outbound_headers=False,
                                           validate_outbound_headers=False, validate_inbound_headers=not client)
        self.connection = h2.connection.H2Connection(config)
        if connect_protocol:
            codes = h2.settings.SettingCodes
            self.connection.local_settings = h2.settings.Settings(client=client, initial_values={
                **dict(self.connection.local_settings), codes.ENABLE_CONNECT_PROTOCOL: 1})
        self.connection.initiate_connection()
        self.settled = threading.Event()
        self.flush()

    def flush(self):
        if data := self.connection.data_to_send():
            self.socket.sendall(data)

    def more(self):
        """One read."""
        piece = self.socket.recv(65536)
        if not piece:
            raise Gone
        for event in self.connection.receive_data(piece):
            self.on(event)
        self.flush()

    def on(self, event):
        if isinstance(event, h2.events.RemoteSettingsChanged):
            self.settled.set()
        if isinstance(event, h2.events.ConnectionTerminated):
            raise Gone
        stream = getattr(event, "stream_id", 0)
        if not stream:
            return
        message = self.messages.setdefault(stream, Message())
        if isinstance(event, (h2.events.RequestReceived, h2.events.ResponseReceived)):
            pseudo = [(bytes(n), bytes(v)) for n, v in event.headers if n.startswith(b":")]
            message.fields = [(bytes(n), bytes(v)) for n, v in event.headers if not n.startswith(b":")]
            message.start = b" ".join(n + b"=" + v for n, v in sorted(pseudo))
            message.status = int(dict(pseudo).get(b":status", 0))
            self.headed.add(stream)
        elif isinstance(event, h2.events.InformationalResponseReceived):
            fields = [(bytes(n), bytes(v)) for n, v in event.headers]
            message.interim.append((int(dict(fields)[b":status"]), [f for f in fields if not f[0].startswith(b":")]))
        elif isinstance(event, h2.events.DataReceived):
            message.body += event.data
            if event.flow_controlled_length:
                self.connection.acknowledge_received_data(event.flow_controlled_length, stream)
        elif isinstance(event, h2.events.TrailersReceived):
            message.trailers = [(bytes(n), bytes(v)) for n, v in event.headers]
        elif isinstance(event, h2.events.StreamEnded):
            self.ended.add(stream)
        elif isinstance(event, h2.events.StreamReset):
            message.reset = int(event.error_code)
            self.ended.add(stream)

    def until(self, done):
        while not done():
            self.more()

    def data(self, stream, body, end=False):
        while body:
            room = self.connection.local_flow_control_window(stream)
            if room == 0:
                self.more()
                continue
            piece = body[:min(room, self.connection.max_outbound_frame_size)]
            self.connection.send_data(stream, piece)
            self.flush()
            body = body[len(piece):]
        if end:
            self.connection.end_stream(stream)
            self.flush()

    def send(self, stream, fields, pieces=(), trailers=(), end=True):
        last = not pieces and not trailers
        self.connection.send_headers(stream, fields, end_stream=end and last)
        self.flush()
        for i, piece in enumerate(pieces):
            self.data(stream, piece, end=end and i == len(pieces) - 1 and not trailers)
        if trailers:
            self.connection.send_headers(stream, list(trailers), end_stream=True)
        self.flush()

    def ask(self, fields, pieces=(), trailers=(), end=True):
        stream = self.connection.get_next_available_stream_id()
        self.send(stream, fields, pieces, trailers, end)
        return stream

    def answer(self, stream):
        self.until(lambda: stream in self.ended)
        return self.messages.pop(stream)


class Server:
    """A thread for each connection; `serve(socket)` handles one."""

    def __init__(self, serve):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.serve, self.failures, self.open = serve, [], set()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.settimeout(60)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.open.add(connection)
            threading.Thread(target=self.run, args=(connection,), daemon=True).start()

    def run(self, connection):
        try:
            self.serve(connection)
        except (Gone, ConnectionError, OSError):
            pass
        except Exception as error:   # told by whoever looks at the end
            self.failures.append(repr(error))
            raise
        finally:
            connection.close()

    def close(self):
        self.listener.close()
        for each in self.open:
            each.close()
