#!/usr/bin/env python3
"""Ten instances, 200 requests a second, one instance misbehaving in six ways: who is ejected when, and what clients see."""
import json
import sys
import time

from mesh import Mesh, main, mesh_service, service_policy

POLICY = dict(timeouts={"connect": "200ms", "attempt": "500ms"}, circuitBreaker={"slowResponse": "250ms"},
              retry={"attempts": 2, "on": ["connectFailure", "reset", "attemptTimeout", "500", "502", "503", "504"]})


def run_fault(hurt, most_seconds, seconds=12, rate=200):
    with Mesh() as mesh:
        backends = mesh.backends(*[f"cart-{i}" for i in range(10)])
        resources = mesh.resources(mesh_service("cart", backends), service_policy("cart", **POLICY))
        agent = mesh.agent("client", resources=resources)
        bad = backends[3]
        mesh.run_peer("load", "-url", agent.url("service-default/cart"), "-rate", rate, "-seconds", 2)
        hurt(bad)
        start = time.time()
        rows = [json.loads(line) for line in mesh.run_peer(
            "load", "-url", agent.url("service-default/cart"), "-rate", rate, "-seconds", seconds).splitlines()]
        errors_early = [r for r in rows if r["status"] != 200 and r["at"] < start + 5]
        errors_late = [r for r in rows if r["status"] != 200 and r["at"] >= start + 5]
        early = [r for r in rows if r["at"] < start + 5]
        assert len(errors_early) < 0.01 * len(early), f"{len(errors_early)} of {len(early)} failed in the first 5 s: {errors_early[:3]}"
        assert not errors_late, f"{len(errors_late)} failed after 5 s: {errors_late[:3]}"
        ejections = agent.total("weft_ejections_total", instance=bad.id) or agent.total("weft_ejections_total")
        assert ejections >= 1, "nobody was ejected"
        others = [r["instance"] for r in rows if r.get("instance") and r["instance"] != bad.id]
        assert len(set(others)) == 9, "a well instance got no traffic"


def test_an_instance_that_refuses():
    run_fault(lambda b: b.stop(kill=True), 2)


def test_an_instance_that_resets():
    run_fault(lambda b: b.mode(mode="reset"), 2)


def test_an_instance_that_hangs():
    run_fault(lambda b: b.mode(mode="hang"), 2)


def test_an_instance_that_crawls():
    run_fault(lambda b: b.mode(mode="crawl"), 2)


def test_an_instance_that_answers_500_to_a_third():
    run_fault(lambda b: b.mode(mode="status", code=500, percent=30), 10, seconds=15)


def test_a_post_is_never_sent_twice():
    with Mesh() as mesh:
        backends = mesh.backends("cart-1", "cart-2")
        agent = mesh.agent("client", resources=mesh.resources(mesh_service("cart", backends), service_policy("cart", **POLICY)))
        backends[0].mode(mode="hang")
        mesh.run_peer("load", "-url", agent.url("service-default/cart"), "-rate", 50, "-seconds", 3, "-method", "POST")
        assert sum(b.stats()["posts_twice"] for b in backends) == 0


def attempts_per_second(breaker, seconds=12, rate=1000):
    with Mesh() as mesh:
        backends = mesh.backends("cart-1", "cart-2", "cart-3")
        policy = dict(POLICY, circuitBreaker={"enabled": False} if not breaker else {})
        policy["outlierDetection"] = {"enabled": False}
        agent = mesh.agent("client", resources=mesh.resources(mesh_service("cart", backends), service_policy("cart", **policy)))
        for backend in backends:
            backend.mode(mode="status", code=500)
        rows = [json.loads(line) for line in mesh.run_peer(
            "load", "-url", agent.url("service-default/cart"), "-rate", rate, "-seconds", seconds).splitlines()]
        return rows, sum(b.stats()["requests"] for b in backends) / seconds


def test_retries_of_a_dead_service_stay_within_the_budget():
    rows, attempts = attempts_per_second(breaker=False)
    assert 1150 < attempts <= 1210, f"{attempts:.0f} attempts/s for 1000 requests/s"


def test_the_breaker_of_a_dead_service_opens():
    rows, _ = attempts_per_second(breaker=True, seconds=3)
    first = min(r["at"] for r in rows)
    opened = [r["at"] - first for r in rows if r.get("reason") == "breaker_open"]
    assert opened and min(opened) < 1.0, f"open after {min(opened, default=None)} s"


if __name__ == "__main__":
    main(sys.modules[__name__])
