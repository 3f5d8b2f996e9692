#!/usr/bin/env python3
"""An ordinary HTTP server that knows nothing of a mesh: one instance of the demo's `cart` or `prices`.

app.py NAME PORT [NEXT_URL]    NEXT_URL is called for each request, and its answer becomes part of ours.
SIGUSR1 makes it answer 500 until SIGUSR2.
"""
import http.server
import json
import signal
import sys
import urllib.error
import urllib.request

name, port, next_url = sys.argv[1], int(sys.argv[2]), (sys.argv[3:] or [None])[0]
broken = False


def set_broken(value):
    global broken
    broken = value


signal.signal(signal.SIGUSR1, lambda *_: set_broken(True))
signal.signal(signal.SIGUSR2, lambda *_: set_broken(False))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        status, answer = 500 if broken else 200, {"instance": name}
        if next_url and not broken:
            request = urllib.request.Request(next_url, headers={"x-request-id": self.headers.get("x-request-id", "")})
            try:
                with urllib.request.urlopen(request, timeout=5) as response:
                    answer["next"] = json.load(response)
            except (urllib.error.URLError, OSError) as error:
                status, answer["error"] = 502, str(error)
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("x-instance", name)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


Server(("0.0.0.0" if "--any" in sys.argv else "127.0.0.1", port), Handler).serve_forever()
