#!/usr/bin/env python3
"""The control plane under hostile users: oversized and contrived documents, paths that try to leave, requests that never end,
hundreds of connections. Each is refused with a reason, memory stays bounded, and somebody who edits the registry meanwhile
notices nothing."""
import http.client
import json
import socket
import sys
import threading

from bare_control import control_process
from mesh import BIN, main, wait_for
from pairs import rss_kib

MOST_GROWTH_KIB = 200 * 1024
SERVICE = "apiVersion: weft.dev/v1\nkind: MeshService\nmetadata: {name: %s}\nspec: {ports: [{port: 80}]}\n"
ALIASES = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi"))

DOCUMENTS = {
    "an alias bomb": ALIASES,
    "a document that is its own part": "a: &a [*a]\n",
    "deep JSON": "[" * 100_000,
    "deep YAML": "a: " + "{a: " * 50_000,
    "deep YAML lists": "- " * 100_000,
    "a document of 2 MiB": SERVICE % ("a" * 2**21),
    "100,000 documents": "---\n{}\n" * 100_000,
    "one key twice": "kind: MeshService\nkind: MeshService\n",
    "one name twice": SERVICE % "a" + "---\n" + SERVICE % "a",
    "2,000 keys": "{" + ", ".join(f"k{i}: 1" for i in range(2000)) + "}",
    "bytes that are no text": b"\xff\xfe\x00\x01" * 1000,
    "a name with a path in it": SERVICE % '"../../etc/passwd"',
    "a name with a line end": SERVICE % '"a\\nb"',
    "a name of 300 characters": SERVICE % ("a" * 300),
    "a number beyond all": SERVICE % "a" + "  x: 1e999\n",
    "a port beyond all": "apiVersion: weft.dev/v1\nkind: MeshService\nmetadata: {name: a}\nspec: {ports: [{port: 99999999999999999999}]}\n",
    "an octal port": "apiVersion: weft.dev/v1\nkind: MeshService\nmetadata: {name: a}\nspec: {ports: [{port: 010}]}\n",
    "a type that runs code": "!!python/object/apply:os.system [ls]\n",
    "a regular expression that explodes": """apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: a}
spec: {parentRefs: [{group: weft.dev, kind: MeshService, name: a}], rules: [{matches: [{path: {type: RegularExpression, value: "((a{1,1000}){1,1000}){1,1000}"}}]}]}
""",
    "nothing": "",
}

PATHS = ["/api/v1/../../etc/passwd", "/api/v1/resources/httproutes/default/..%2f..%2f..%2fetc%2fpasswd", "/api/v1/services/%00/a",
         "/api/v1/services/default/%ff%fe", "/api/v1/services/default/" + "a" * 8000, "/api/v1/resources/%2e%2e/default/a",
         "/api/v1/revisions/99999999999999999999999", "/api/v1/revisions/-1", "/api/v1/services?limit=" + "9" * 400,
         "/api/v1/services?continue=" + "%41" * 2000, "/api/v1/services?labelSelector=" + "a%3d%3d," * 500, "/api/v1/explain/" + "%00" * 100,
         "/api/v1/agents/..%2f..%2f/config", "//api//v1//services", "/api/v1/services/default/a/instances/..%2fb", "/api/v1/%C3%A4"]

RAW = {
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    "a head without end": b"GET /api/v1/services HTTP/1.1\r\n" + b"x: y\r\n" * 20_000,
    "two lengths": b"POST /api/v1/apply HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
    "a negative length": b"POST /api/v1/apply HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n",
    "a length and chunks": b"POST /api/v1/apply HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "a gigabyte announced": b"POST /api/v1/apply HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1073741824\r\n\r\n" + bytes(100_000),
    "a chunk of 16 EiB": b"POST /api/v1/apply HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n",
}


class Editor:
    """Edits the registry all the time, over a connection per request; every answer must be right."""

    def __init__(self, port):
        self.port, self.done, self.wrong, self.ending = port, 0, None, False
        self.thread = threading.Thread(target=self.edit)

    def __enter__(self):
        self.thread.start()
        return self

    def edit(self):
        while not self.ending and self.wrong is None:
            name = f"edited-{self.done % 50}"
            for verb, body in (("PUT", json.dumps({"ports": [{"port": 80}]})), ("GET", None)):
                try:
                    status, answer = call(self.port, verb, f"/api/v1/services/default/{name}", body)
                except OSError as error:
                    status, answer = 0, str(error)
                if status not in (200, 201):
                    self.wrong = f"{verb} {name}: {status} {answer}"
            self.done += 1

    def __exit__(self, *_):
        self.ending = True
        self.thread.join()


def call(port, verb, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.putrequest(verb, path, skip_accept_encoding=True)
        data = body.encode() if isinstance(body, str) else body
        if data is not None:
            connection.putheader("Content-Length", str(len(data)))
        connection.endheaders()
        if data is not None:
            connection.send(data)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def refused(what, status, answer):
    assert 400 <= status < 500 or status == 501, f"{what}: {status} {answer[:300]}"
    error = json.loads(answer)["error"]
    assert error["message"] and len(answer) < 64 * 1024, f"{what}: {answer[:300]}"


def send_documents(port):
    for what, text in DOCUMENTS.items():
        for path in ("/api/v1/apply", "/api/v1/apply?dryRun=true"):
            refused(what, *call(port, "POST", path, text))
    for what in ("deep JSON", "bytes that are no text", "an alias bomb", "nothing"):
        refused(what, *call(port, "PUT", "/api/v1/services/default/a", DOCUMENTS[what]))


def send_paths(port):
    for path in PATHS:
        for verb in ("GET", "DELETE", "PUT"):
            status, answer = call(port, verb, path, "{}" if verb == "PUT" else None)
            assert status < 500 and "root:" not in answer, f"{verb} {path}: {status} {answer[:300]}"
    for verb in ("TRACE", "PATCH", "OPTIONS", "BREW"):
        refused(verb, *call(port, verb, "/api/v1/services"))


def send_raw(port):
    for what, data in RAW.items():
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                answer = b""
                while piece := connection.recv(65536):
                    answer += piece
            except OSError:
                continue   # cut: refused as well
            assert not answer or answer.split(b" ")[1][:1] == b"4", f"{what}: {answer[:200]}"


def crowd(port, number, data):
    """Connections that say this and then nothing."""
    made = []
    for _ in range(number):
        made.append(socket.create_connection(("127.0.0.1", port), timeout=30))
        made[-1].sendall(data)
    return made


def run(attack):
    with control_process(str(BIN / "weft-control")) as (port, control):
        with Editor(port) as editor:
            wait_for("the editor editing", lambda: editor.done > 50 or editor.wrong)
            before, edited = rss_kib(control), editor.done
            attack(port)
            wait_for("the editor going on", lambda: editor.done > edited + 50 or editor.wrong)
            grown = rss_kib(control) - before
        assert editor.wrong is None, editor.wrong
        assert grown < MOST_GROWTH_KIB, f"it grew by {grown} KiB"
        print(f"   {editor.done} edits beside it, {grown} KiB more")


def test_contrived_documents_are_refused_with_a_reason():
    run(send_documents)


def test_paths_and_methods_that_do_not_belong_are_refused():
    run(send_paths)


def test_what_is_not_quite_http_is_refused_or_cut():
    run(send_raw)


def test_four_hundred_idle_connections_keep_nobody_out():
    held = []
    run(lambda port: held.extend(crowd(port, 400, b"")))


def test_two_hundred_watches_keep_nobody_out():
    held = []
    run(lambda port: held.extend(crowd(port, 200, b"GET /api/v1/resources?watch=true HTTP/1.1\r\nhost: localhost\r\n\r\n")))


if __name__ == "__main__":
    main(sys.modules[__name__])
