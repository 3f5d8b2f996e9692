#!/usr/bin/env python3
"""Python's own HTTP server with the paths that clients_test.py asks for: server.py FOLDER [ADDRESS] prints its port.

GET /bytes?n=N[&chunked=1]: the file FOLDER/N.  POST /hash: "length sha256" of the body.
GET /early: 413 before the body is read, then the connection closes.
"""
import hashlib
import http.server
import os
import shutil
import sys
import urllib.parse

PIECE = 1 << 16


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder = "."

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path != "/bytes":
            return self.say(200, b"python\n")
        path = os.path.join(self.folder, str(int(query["n"])))
        self.send_response(200)
        if "chunked" not in query:
            self.send_header("Content-Length", str(os.path.getsize(path)))
            self.end_headers()
            with open(path, "rb") as file:
                shutil.copyfileobj(file, self.wfile, PIECE)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Trailer", "x-sum")
        self.end_headers()
        hash = hashlib.sha256()
        with open(path, "rb") as file:
            while piece := file.read(PIECE):
                hash.update(piece)
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\nx-sum: %s\r\n\r\n" % hash.hexdigest().encode())

    def do_POST(self):
        if self.path == "/early":   # as servers do that have heard enough
            self.close_connection = True
            return self.say(413, b"too much\n", close=True)
        hash, length = hashlib.sha256(), 0
        for piece in self.body():
            hash.update(piece)
            length += len(piece)
        self.say(200, f"{length} {hash.hexdigest()}".encode())

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            left = int(self.headers.get("Content-Length", 0))
            while left > 0:
                piece = self.rfile.read(min(left, PIECE))
                if not piece:
                    raise ConnectionError("the body ends early")
                left -= len(piece)
                yield piece
            return
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass

    def say(self, status, text, close=False):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        if close:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 2048


Handler.folder = sys.argv[1]
host, port = (sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1:0").rsplit(":", 1)
server = Server((host, int(port)), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
