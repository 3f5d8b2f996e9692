#!/usr/bin/env python3
"""Two hundred simulated agents over TLS: a change reaches those that use the service and nobody else, a restart of the control
plane resends nothing to agents that are current, one that hangs holds up no other. How fast with ten thousand: tests/scale/many.py."""
import pathlib
import sys
import tempfile

from mesh import BIN, main, wait_for

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "scale"))
from fleet import Agents, Control, route   # noqa: E402

AGENTS, SERVICES, USES = 200, 80, 20


class Scene:
    def __enter__(self):
        self.temp = tempfile.TemporaryDirectory()
        self.control = Control(pathlib.Path(self.temp.name), BIN)
        self.agents = None
        try:
            self.control.start()
            self.control.fill(SERVICES)
            self.agents = Agents(self.control, BIN, arguments=["--services", str(SERVICES), "--subscriptions", str(USES), "--users-of-s1", "60",
                                                               "--users-of-s2", "30"])
            self.agents.tell(f"start {AGENTS} 0")
            self.agents.await_("synced", AGENTS)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.agents is not None:
            self.agents.stop()
        self.control.stop()
        self.temp.cleanup()

    def change(self, name, users, weight):
        """What all agents counted because of it."""
        before = self.agents.status()
        self.agents.tell("mark")
        self.control.call("PUT", f"/api/v1/resources/HTTPRoute/default/{name}", route(name, weight))
        self.agents.await_("bundles", users)
        after = self.agents.status()
        return {what: after[what] - before[what] for what in ("bundles", "endpoints", "fulls", "wrong", "going_back")}


def test_an_agent_is_told_of_its_own_services_and_of_no_other():
    with Scene() as scene:
        status = scene.agents.status()
        assert status["bundles"] == AGENTS * USES and status["endpoints"] == AGENTS * USES, status
        assert status["wrong"] == status["unknown"] == status["going_back"] == 0, status
        assert scene.change("s0", AGENTS, 7) == {"bundles": AGENTS, "endpoints": 0, "fulls": 0, "wrong": 0, "going_back": 0}
        assert scene.change("s1", 60, 8) == {"bundles": 60, "endpoints": 0, "fulls": 0, "wrong": 0, "going_back": 0}
        scene.agents.tell("mark")
        scene.control.call("PUT", "/api/v1/services/default/s2/instances/one", {"address": "10.9.9.9", "port": 80})
        scene.agents.await_("endpoints", 30)
        assert scene.agents.status()["endpoints"] == AGENTS * USES + 30


def test_the_metrics_agree_with_what_the_agents_were_sent():
    with Scene() as scene:
        scene.change("s0", AGENTS, 7)
        wait_for("every acknowledgement", lambda: scene.control.metric("weft_control_convergence_seconds_count") == AGENTS, 30)
        status = scene.agents.status()
        assert scene.control.metric("weft_control_agents") == AGENTS
        assert scene.control.metric("weft_control_pushes_total") == status["deltas"], status
        assert scene.control.metric("weft_control_push_bytes_sum") == status["bytes"], status


def test_after_a_restart_agents_that_are_current_are_resent_nothing():
    with Scene() as scene:
        scene.change("s0", AGENTS, 7)
        before = scene.agents.status()
        scene.control.stop(kill=True)
        wait_for("every stream lost", lambda: scene.agents.status()["synced"] == 0, 30)
        scene.control.start()
        scene.agents.await_("synced", AGENTS)
        after = scene.agents.status()
        assert after["unchanged"] - before["unchanged"] == AGENTS * USES, (before, after)
        assert after["bundles"] == before["bundles"] and after["endpoints"] == before["endpoints"], (before, after)
        assert scene.change("s1", 60, 9)["bundles"] == 60, "changes reach them as before"


def test_an_agent_that_hangs_holds_up_no_other():
    with Scene() as scene:
        scene.agents.tell("pause 5 3")
        for weight in range(20, 60):
            assert scene.change("s0", AGENTS - 3, weight)["fulls"] == 0
        scene.agents.tell("mark")
        scene.agents.tell("resume 5 3")
        scene.agents.await_("bundles", 3)


if __name__ == "__main__":
    main(sys.modules[__name__])
