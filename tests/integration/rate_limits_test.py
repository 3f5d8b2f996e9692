#!/usr/bin/env python3
"""Limits of a real agent before a real application: bursts are exact however many workers there are, each key has its own,
and a refused caller is told why and when to come again (the rates are so low that no token comes back meanwhile); so are
connections per address and requests at once."""
import concurrent.futures
import http.client
import sys

from mesh import Mesh, get, main, mesh_service, service_policy, wait_for

SLOW = 0.001


def limited(mesh, limits, workers, concurrency=None, **more):
    app = mesh.backends("app")
    if concurrency:
        app.mode(mode="slow", ms=3000)   # all others ask while the first are served
    policy = service_policy("cart", rateLimits={"limits": limits, **more}, **({"concurrency": concurrency} if concurrency else {}))
    resources = mesh.resources(mesh_service("cart", [app]), policy)
    agent = mesh.agent("server", services=(), resources=resources, workers=workers,
                       inbound=[{"listen": "127.0.0.1:0", "forward": f"127.0.0.1:{app.port}", "service": "default/cart", "port": "http"}])
    return agent, f"http://127.0.0.1:{agent.ports['inbound-0']}"


def statuses(url, count, headers=None):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        return sorted(answer[0] for answer in pool.map(lambda _: get(url, headers), range(count)))


def test_bursts_are_exact_with_two_workers_and_each_path_has_its_own():
    with Mesh() as mesh:
        agent, url = limited(mesh, [
            {"name": "api", "path": "/api", "per": "address", "requestsPerSecond": SLOW, "burst": 40},
            {"name": "dashboard", "path": "/dashboard", "requestsPerSecond": SLOW, "burst": 7}], 2)
        assert statuses(url + "/api/x", 200) == [200] * 40 + [429] * 160
        assert statuses(url + "/dashboard", 30) == [200] * 7 + [429] * 23
        assert statuses(url + "/apis", 30) == [200] * 30
        assert agent.total("weft_requests_total", direction="inbound", reason="rate_limited") == 183


def test_a_refused_caller_is_told_why_and_when_to_come_again():
    with Mesh() as mesh:
        agent, url = limited(mesh, [{"name": "key", "per": "header", "header": "x-key", "requestsPerSecond": 0.01, "burst": 2}], 1)
        for key in "a", "b":
            assert statuses(url, 5, {"x-key": key}) == [200, 200, 429, 429, 429]
        assert statuses(url, 5) == [200] * 5
        status, headers, body = get(url, {"x-key": "a", "x-request-id": "refused-1"})
        assert (status, headers["x-weft-reason"]) == (429, "rate_limited"), (status, headers)
        assert 90 <= int(headers["retry-after"]) <= 100, headers
        assert (headers["ratelimit-limit"], headers["ratelimit-remaining"]) == ("2", "0"), headers
        assert 190 <= int(headers["ratelimit-reset"]) <= 200, headers
        assert agent.explain("refused-1")["records"][0]["rateLimit"] == "key"


def test_an_address_has_so_many_connections_and_gets_them_back():
    with Mesh() as mesh:
        agent, url = limited(mesh, [], 2, connectionsPerAddress=3)
        port = agent.ports["inbound-0"]

        def connect():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
            connection.request("GET", "/")
            response = connection.getresponse()
            response.read()
            return connection, response
        held = [connect() for _ in range(3)]
        assert [r.status for _, r in held] == [200] * 3
        refused, response = connect()
        assert (response.status, response.headers["x-weft-reason"]) == (429, "rate_limited"), response.headers
        assert response.headers["connection"] == "close"
        held[0][0].close()
        wait_for("a free place", lambda: connect()[1].status == 200)


def test_an_application_gets_no_more_requests_at_once_than_its_limit():
    with Mesh() as mesh:
        agent, url = limited(mesh, [], 2, concurrency={"limiter": "gradient", "initial": 4, "min": 4, "max": 4, "priorityHeader": "x-priority"})
        assert statuses(url, 16, {"x-priority": "critical"}) == [200] * 4 + [503] * 12
        assert statuses(url, 16, {"x-priority": "sheddable"}) == [200] * 3 + [503] * 13
        assert agent.total("weft_requests_total", direction="inbound", reason="concurrency") == 25
        assert agent.total("weft_concurrency_limit") == 4


def test_one_caller_gets_no_more_requests_at_once_than_its_bulkhead():
    with Mesh() as mesh:
        app = mesh.backends("app")
        app.mode(mode="slow", ms=3000)
        policy = service_policy("cart", bulkheads={"perCaller": 3})
        agent = mesh.agent("server", services=(), resources=mesh.resources(mesh_service("cart", [app]), policy), workers=2,
                           inbound=[{"listen": "127.0.0.1:0", "forward": f"127.0.0.1:{app.port}", "service": "default/cart", "port": "http"}])
        url = f"http://127.0.0.1:{agent.ports['inbound-0']}"
        assert statuses(url, 12, {"x-request-id": "bulk"}) == [200] * 3 + [503] * 9
        assert agent.total("weft_requests_total", direction="inbound", reason="bulkhead") == 9
        app.mode(mode="ok")
        assert get(url)[0] == 200


if __name__ == "__main__":
    main(sys.modules[__name__])
