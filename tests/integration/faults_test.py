#!/usr/bin/env python3
"""Ten instances, 200 requests a second, one instance misbehaving in six ways: who is ejected when, and what clients see."""
import concurrent.futures
import json
import sys
import threading
import time

import spaces
from mesh import Backend, Mesh, get, main, mesh_service, service_policy, wait_for

POLICY = dict(timeouts={"connect": "200ms", "attempt": "500ms"}, circuitBreaker={"slowResponse": "250ms"},
              retry={"attempts": 2, "on": ["connectFailure", "reset", "attemptTimeout", "500", "502", "503", "504"]})


def run_fault(hurt, outcome, most_seconds=2, seconds=8, rate=200, space=None):
    """`outcome`: of the attempts at the hurt instance. `hurt` gives a function that counts them without the mesh, by what
    the instance or its kernel saw."""
    with Mesh() as mesh:
        backends = mesh.backends(*[f"cart-{i}" for i in range(9)])
        bad = Backend(mesh.dir, "cart-bad", space.inside(), space.address) if space else Backend(mesh.dir, "cart-bad")
        mesh.started.append(bad)
        resources = mesh.resources(mesh_service("cart", [*backends, bad]), service_policy("cart", **POLICY))
        agent = mesh.agent("client", resources=resources)
        mesh.run_peer("load", "-url", agent.url("service-default/cart"), "-rate", rate, "-seconds", 2)
        start = time.time()
        count = hurt(bad)
        rows = [json.loads(line) for line in mesh.run_peer(
            "load", "-url", agent.url("service-default/cart"), "-rate", rate, "-seconds", seconds).splitlines()]
        errors_early = [r for r in rows if r["status"] != 200 and r["at"] < start + 5]
        errors_late = [r for r in rows if r["status"] != 200 and r["at"] >= start + 5]
        early = [r for r in rows if r["at"] < start + 5]
        assert len(errors_early) < 0.01 * len(early), f"{len(errors_early)} of {len(early)} failed in the first 5 s: {errors_early[:3]}"
        assert not errors_late, f"{len(errors_late)} failed after 5 s: {errors_late[:3]}"
        assert agent.total("weft_ejections_total", instance=bad.id) >= 1, "it was not ejected"
        took = agent.ejected_at(bad.id) - agent.first_repeated_at()   # the balancer may have left it alone for a while
        assert took < most_seconds, f"it was ejected only after {took:.2f} s"
        assert agent.total("weft_ejections_total") == agent.total("weft_ejections_total", instance=bad.id), "a well one was ejected"
        wait_for("no attempt under way", lambda: agent.total("weft_pool_connections", state="active") == 0)
        told, counted = agent.total("weft_attempts_total", outcome=outcome), count()
        assert told == counted > 0, f"{told:.0f} attempts with outcome {outcome}, but the instance's side counted {counted}"
        print(f"   ejected after {took:.2f} s, {counted} attempts were {outcome}, {len(errors_early)} errors")


def mode(**query):
    def hurt(backend):
        backend.mode(**query)
        return lambda: backend.stats()["faults"]
    return hurt


def in_a_space(hurt, outcome):
    if not spaces.possible():
        print("   no network namespaces here (root, ip, nft, setpriv): left out")
        return
    with spaces.Spaces() as made:
        space = made.add("bad")
        run_fault(lambda bad: hurt(bad, space), outcome, space=space)


def refuses(bad, space):
    space.gate(bad.port, drop=False)
    before = space.gate_count()
    bad.stop(kill=True)
    return lambda: space.gate_count() - before


def loses_packets(bad, space):
    space.gate(bad.port, drop=True)
    return space.gate_count


def at_once(**runs):
    """Each in a mesh of its own: three wait for their instances beside one another as well as alone."""
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        started = {name: pool.submit(run) for name, run in runs.items()}
    failed = [f"{name}: {one.exception()}" for name, one in started.items() if one.exception()]
    assert not failed, "\n".join(failed)


def test_an_instance_that_resets_hangs_or_crawls():
    at_once(reset=lambda: run_fault(mode(mode="reset"), "reset"), hang=lambda: run_fault(mode(mode="hang"), "attempt_timeout"),
            crawl=lambda: run_fault(mode(mode="crawl"), "attempt_timeout"))


def test_an_instance_that_answers_500_to_a_third_refuses_or_whose_packets_vanish():
    at_once(some_500=lambda: run_fault(mode(mode="status", code=500, percent=30), "error_5xx", most_seconds=10, seconds=12),
            refuses=lambda: in_a_space(refuses, "connect_failed"), vanish=lambda: in_a_space(loses_packets, "connect_timeout"))


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


def circuit(agent):
    return agent.admin("/circuits")["circuits"][0]["state"]


def test_half_open_lets_exactly_three_through():
    breaker = {"failureThreshold": 5, "openDuration": "1s", "halfOpenMaxCalls": 3}
    with Mesh() as mesh:
        backend = mesh.backends("cart-1")
        policy = dict(circuitBreaker=breaker, retry={"enabled": False}, outlierDetection={"enabled": False})
        agent = mesh.agent("client", resources=mesh.resources(mesh_service("cart", [backend]), service_policy("cart", **policy)), workers=4)
        url = agent.url("service-default/cart")
        for _ in range(3):
            backend.mode(mode="status", code=500)
            wait_for("the circuit to open", lambda: get(url) and circuit(agent) == "open")
            backend.mode(mode="slow", ms=2500)   # what is let through stays there while all others ask
            before = backend.stats()["requests"]
            wait_for("a trial", lambda: backend.stats()["requests"] > before or ask(url))
            rows = [json.loads(line) for line in mesh.run_peer("load", "-url", url, "-rate", 1000, "-seconds", 0.5).splitlines()]
            passed = backend.stats()["requests"] - before
            assert passed == 3, f"{passed} requests reached the backend"
            assert sum(r.get("reason") == "breaker_open" for r in rows) >= len(rows) - 3 and len(rows) >= 400
            backend.mode(mode="ok")
            wait_for("the circuit to close", lambda: get(url) and circuit(agent) == "closed")   # after its ramp


def ask(url):
    """One request whose answer does not matter and is not waited for."""
    threading.Thread(target=lambda: get(url)).start()
    time.sleep(0.02)   # not to start thousands
    return False


if __name__ == "__main__":
    main(sys.modules[__name__])
