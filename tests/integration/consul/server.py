#!/usr/bin/env python3
"""A server with the part of Consul's HTTP API that discovery and its test use, where Consul itself is not at hand:
registration at the agent, the catalog and the health of services by blocking queries, with Consul's rules for indexes
(https://developer.hashicorp.com/consul/api-docs/features/blocking): an answer has the index of what it shows, a query with
an index waits until there is a greater one or for its time (plus up to a sixteenth), and never less than 1.

Usage: server.py PORT
"""
import http.server
import json
import random
import re
import sys
import threading
import time
import urllib.parse

NODE = {"ID": "6bd1b7a4-95d6-4b4b-9c40-5f2b6c1c6a10", "Node": "host", "Address": "127.0.0.1", "Datacenter": "dc1"}
lock = threading.Condition()
services = {}      # id: registration
maintenance = set()
index = {"catalog": 10}   # by service too; a service that went keeps its last one
last = 10


def changed(name):
    global last
    last += 1
    index["catalog"] = index[name] = last
    lock.notify_all()


def catalog():
    names = {"consul": []}
    for one in services.values():
        names[one["Name"]] = sorted({*names.get(one["Name"], []), *one.get("Tags", [])})
    return names


def health(name):
    found = []
    for id, one in sorted(services.items()):
        if one["Name"] != name:
            continue
        checks = [{"Node": NODE["Node"], "CheckID": "serfHealth", "Status": "passing", "ServiceID": ""}]
        if id in maintenance:
            checks.append({"Node": NODE["Node"], "CheckID": f"_service_maintenance:{id}", "Status": "critical", "ServiceID": id})
        found.append({"Node": NODE, "Checks": checks, "Service": {
            "ID": id, "Service": name, "Tags": one.get("Tags", []), "Address": one.get("Address", ""), "Port": one.get("Port", 0),
            "Meta": one.get("Meta", {}), "Weights": {"Passing": 1, "Warning": 1}}})
    return found


def seconds(text):
    """"30s", "5m", "500ms" as Go writes them; Consul's default is five minutes, its most ten."""
    found = re.fullmatch(r"(\d+)(ms|s|m)", text or "5m")
    return min(int(found[1]) * {"ms": 0.001, "s": 1, "m": 60}[found[2]], 600)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def say(self, status, body, at=None):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if at is not None:
            self.send_header("X-Consul-Index", str(max(at, 1)))
            self.send_header("X-Consul-Knownleader", "true")
        self.end_headers()
        self.wfile.write(data)

    def do_PUT(self):
        path = urllib.parse.urlparse(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with lock:
            if path.path == "/v1/agent/service/register":
                one = json.loads(body)
                services[one.get("ID") or one["Name"]] = one
                changed(one["Name"])
            elif path.path.startswith("/v1/agent/service/deregister/"):
                one = services.pop(path.path.rsplit("/", 1)[1], None)
                if one is None:
                    return self.say(404, "Unknown service ID")
                changed(one["Name"])
            elif path.path.startswith("/v1/agent/service/maintenance/"):
                id = path.path.rsplit("/", 1)[1]
                (maintenance.add if "enable=true" in path.query else maintenance.discard)(id)
                changed(services[id]["Name"])
            else:
                return self.say(404, "not here")
        self.say(200, "")

    def do_GET(self):
        path = urllib.parse.urlparse(self.path)
        query = {k: v[0] for k, v in urllib.parse.parse_qs(path.query).items()}
        if path.path == "/v1/status/leader":
            return self.say(200, "127.0.0.1:8300")
        name = path.path.rsplit("/", 1)[1]
        if path.path == "/v1/catalog/services":
            name, make = "catalog", catalog
        elif path.path.startswith("/v1/health/service/"):
            make = lambda: health(name)   # noqa: E731
        else:
            return self.say(404, "not here")
        known = int(query.get("index", 0))
        wait = seconds(query.get("wait"))
        end = time.monotonic() + wait + random.uniform(0, wait / 16)
        with lock:
            while known > 0 and index.get(name, 1) <= known and time.monotonic() < end:
                lock.wait(end - time.monotonic())
            at, body = index.get(name, 1), make()
        self.say(200, body, at)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
