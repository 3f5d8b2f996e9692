#!/usr/bin/env python3
"""A client that knows nothing of a mesh: client.py URL RATE THREADS prints one JSON line per answer until it is ended."""
import http.client
import json
import sys
import threading
import time
import urllib.parse

url, rate, threads = urllib.parse.urlparse(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
lock = threading.Lock()


def chain(answer):
    """The names of the instances that took part: [cart-2, prices-1]."""
    names = []
    while isinstance(answer, dict):
        names.append(answer.get("instance"))
        answer = answer.get("next")
    return names


def worker(number):
    connection, due = None, time.monotonic() + number / rate
    while True:
        time.sleep(max(0.0, due - time.monotonic()))
        due = max(due + threads / rate, time.monotonic() - 1)
        began = time.monotonic()
        row = {"at": time.time(), "status": 0, "reason": None, "id": None, "chain": []}
        try:
            if connection is None:
                connection = http.client.HTTPConnection(url.hostname, url.port or 80, timeout=10)
            connection.request("GET", url.path or "/")
            response = connection.getresponse()
            body = response.read()
            row.update(status=response.status, reason=response.getheader("x-weft-reason"),
                       id=response.getheader("x-request-id"), mark=response.getheader("x-demo"))
            if response.status == 200 and body.startswith(b"{"):
                row["chain"] = chain(json.loads(body))
        except (OSError, http.client.HTTPException) as error:
            row["error"], connection = repr(error), None
        row["ms"] = round((time.monotonic() - began) * 1000, 2)
        with lock:
            print(json.dumps(row), flush=True)


for n in range(threads):
    threading.Thread(target=worker, args=(n,), daemon=True).start()
threading.Event().wait()
