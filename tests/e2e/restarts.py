"""Rolling restarts under load from within the mesh."""
from kube import Load, Removals, at_share, say, wait_for


def restart(cluster):
    """Once, until the last of the pods that go is gone."""
    cluster.kubectl("-n", "shop", "rollout", "restart", "deployment/web")
    cluster.rolled_out("web")


def settled(cluster):
    wait_for("the end of the last pods", lambda: len(cluster.get("-n", "shop", "pods", "-l", "app=web")["items"]) == 3, 60)


def restarts(cluster, count, rate):
    removals = Removals(cluster, "web")
    load = Load(cluster, rate)
    for i in range(count):
        restart(cluster)
        assert load.phase() == "Running", "the load ended early"
        if (i + 1) % 10 == 0:
            say(f"restart {i + 1}")
    settled(cluster)
    seen, removed = load.end(), removals.end()
    assert not seen["failures"], f"failed of {seen['requests']} requests: {seen['failures']}"
    assert len(seen["pods"]) >= 3 * count, f"{count} restarts, {len(seen['pods'])} pods answered"
    say(f"{count} rolling restarts under {rate} requests a second: 0 of {seen['requests']} failed, slowest {seen['slow_ms']} ms, "
        f"{len(seen['pods'])} pods answered")
    late = [max(0.0, seen["last_ms"][pod] - at) for pod, at in removed.items() if pod in seen["last_ms"]]
    assert len(late) >= 3 * count, f"{len(late)} removals seen"
    say(f"from the EndpointSlice's change to the last request to the removed pod: median {at_share(late, 0.5):.0f} ms, "
        f"p99 {at_share(late, 0.99):.0f} ms, most {max(late):.0f} ms of {len(late)}")
    assert at_share(late, 0.99) < 1000, "removed pods still got requests a second later"
