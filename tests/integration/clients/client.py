#!/usr/bin/env python3
"""Python's own HTTP clients: client.py http.client|urllib URL FOLDER SIZES MOVES [PROXY]

For each size the MOVES of {down,up}-{length,chunked}, compared with FOLDER/sums.json. http.client keeps one
connection for all of them. With PROXY (host:port) the request names the whole URL.
"""
import hashlib
import http.client
import json
import sys
import urllib.parse
import urllib.request

PIECE = 1 << 16


def digest(response):
    hash, length = hashlib.sha256(), 0
    while piece := response.read(PIECE):
        hash.update(piece)
        length += len(piece)
    return f"{length} {hash.hexdigest()}"


def pieces(path):
    with open(path, "rb") as file:
        while piece := file.read(PIECE):
            yield piece


class WithHttpClient:
    def __init__(self, url, proxy):
        self.base = url if proxy else ""
        self.connection = http.client.HTTPConnection(proxy or urllib.parse.urlsplit(url).netloc, timeout=120)

    def get(self, path):
        self.connection.request("GET", self.base + path)
        return digest(self.answer())

    def post(self, path, file, size, chunked):
        if chunked:
            self.connection.request("POST", self.base + path, body=pieces(file), encode_chunked=True,
                                    headers={"Transfer-Encoding": "chunked"})
        else:
            with open(file, "rb") as body:
                self.connection.request("POST", self.base + path, body=body, headers={"Content-Length": str(size)})
        return self.answer().read().decode()

    def answer(self):
        response = self.connection.getresponse()
        assert response.status == 200, (response.status, response.headers.items())
        return response


class WithUrllib:
    def __init__(self, url, proxy):
        self.base = url
        self.open = urllib.request.build_opener(urllib.request.ProxyHandler({"http": f"http://{proxy}"} if proxy else {})).open

    def get(self, path):
        with self.open(self.base + path, timeout=120) as response:
            return digest(response)

    def post(self, path, file, size, chunked):
        headers = {"Content-Type": "application/octet-stream", **({} if chunked else {"Content-Length": str(size)})}
        body = pieces(file) if chunked else open(file, "rb")
        with self.open(urllib.request.Request(self.base + path, data=body, headers=headers), timeout=120) as response:
            return response.read().decode()


kind, url, folder, sizes, moves = sys.argv[1:6]
client = {"http.client": WithHttpClient, "urllib": WithUrllib}[kind](url, sys.argv[6] if len(sys.argv) > 6 else None)
with open(f"{folder}/sums.json") as file:
    sums = json.load(file)
for size in sizes.split(","):
    want = f"{size} {sums[size]}"
    for move in moves.split(","):
        way, coding = move.split("-")
        if way == "down":
            got = client.get(f"/bytes?n={size}{'&chunked=1' if coding == 'chunked' else ''}")
        else:
            got = client.post("/hash", f"{folder}/{size}", int(size), coding == "chunked")
        assert got == want, f"{move} of {size}: {got}"
