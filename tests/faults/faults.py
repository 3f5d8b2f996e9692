"""Ten instances in a network namespace of their own, and what can be done to them: the faults that tests/faults schedules."""
import contextlib
import pathlib
import signal
import subprocess
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path += [str(ROOT / "scripts/lib"), str(ROOT / "tests/integration")]
import spaces   # noqa: E402
from mesh import Backend, wait_for   # noqa: E402


@contextlib.contextmanager
def shop():
    """The instances' namespace; where there can be none the program ends and says what it needs."""
    if not spaces.possible():
        sys.exit("no network namespaces here: this needs root, ip, nft, nsenter and setpriv")
    with spaces.Spaces() as made:
        yield made.add("shop")


class Instance(Backend):
    """A backend that can die and come back where it was."""

    def __init__(self, directory, name, space):
        super().__init__(directory, name, space.inside(), space.address)
        self.space = space
        self.command[-1] = f"{self.address}:{self.port}"

    def restart(self):
        self.start()
        self.process.stdout.readline()   # it listens

    def firewall(self, verdict):
        """What the kernel does with every packet to it and of it."""
        self.calm()
        both = [f"tcp dport {self.port} {verdict}"] if verdict.startswith("reject") else [f"tcp {way} {self.port} {verdict}" for way in ("dport", "sport")]
        chains = "".join(f"chain {hook} {{ type filter hook {hook} priority 0; {rule}; }}\n" for hook, rule in zip(("input", "output"), both))
        subprocess.run([*self.space.inside(), "nft", "-f", "-"], input=f"table ip {self.table()} {{ {chains} }}", text=True, check=True)

    def calm(self):
        subprocess.run([*self.space.inside(), "nft", "delete", "table", "ip", self.table()], capture_output=True)

    def table(self):
        return f"fault{self.port}"


class Fault:
    """begin() and end() of one kind; `outcomes` are those of attempts that it can cause (docs/metrics.md)."""

    def __init__(self, title, begin, end, outcomes, silent=False):
        self.title, self.begin, self.end, self.outcomes = title, begin, end, outcomes
        self.silent = silent   # nothing answers: who waits learns it from a clock only


def mode(**query):
    return lambda instance: instance.mode(mode=query["name"], **{k: v for k, v in query.items() if k != "name"})


def fine(instance):
    instance.mode(mode="ok")


class Pauses:
    """Stopped for `still` of each `every` seconds, as by a collector of garbage."""

    def __init__(self, still, every):
        self.still, self.every, self.over = still, every, {}

    def begin(self, instance):
        over = self.over[instance.id] = threading.Event()

        def run():
            while not over.is_set():
                instance.send(signal.SIGSTOP)
                over.wait(self.still)
                instance.send(signal.SIGCONT)
                over.wait(self.every - self.still)
        threading.Thread(target=run, daemon=True).start()

    def end(self, instance):
        self.over.pop(instance.id).set()
        instance.send(signal.SIGCONT)


PAUSES = Pauses(0.4, 1.0)
HANGS = {"attempt_timeout", "request_timeout", "caller_deadline", "head_timeout", "client_closed"}
GONE = {"reset", "truncated", "connect_failed"}
FAULTS = {
    "kill": Fault("SIGKILL, comes back", lambda i: i.stop(kill=True), lambda i: i.restart(), GONE),
    "refuse": Fault("refuses (firewall)", lambda i: i.firewall("reject with tcp reset"), lambda i: i.calm(), GONE),
    "vanish": Fault("packets vanish", lambda i: i.firewall("drop"), lambda i: i.calm(), {"connect_timeout"} | HANGS, True),
    "stop": Fault("SIGSTOP", lambda i: i.send(signal.SIGSTOP), lambda i: i.send(signal.SIGCONT), {"connect_timeout"} | HANGS, True),
    "pauses": Fault("pauses of 0.4 s", PAUSES.begin, PAUSES.end, {"connect_timeout"} | HANGS, True),
    "500": Fault("answers 500", mode(name="status", code=500), fine, {"error_5xx"}),
    "503": Fault("answers 503 to a third", mode(name="status", code=503, percent=33), fine, {"error_5xx"}),
    "half": Fault("answers 503 to half", mode(name="status", code=503, percent=50), fine, {"error_5xx"}),
    "reset": Fault("resets each request", mode(name="reset"), fine, GONE),
    "truncate": Fault("breaks off in the body", mode(name="truncate"), fine, {"truncated"}),
    "malformed": Fault("answers what is not HTTP", mode(name="malformed"), fine, {"malformed"}),
    "crawl": Fault("crawls", mode(name="crawl"), fine, HANGS | GONE, True),
}


class Phase:
    """A fault at some of the instances from `begin` to `end`, in seconds since the schedule's start; what really was, after it ran."""

    def __init__(self, kind, instances, begin, end):
        self.kind, self.instances, self.begin, self.end = kind, instances, begin, end
        self.began = self.ended = None

    def title(self):
        title = FAULTS[self.kind].title
        return title if len(self.instances) == 1 else f"{title}, {len(self.instances)} of them"


def run(phases, instances, clock, at_boundary=lambda phase, over: None):
    """Begins and ends all of them at their times; `clock` has now() and until(seconds). Whatever happens, all are well again after it."""
    boundaries = sorted([(p.begin, 1, n) for n, p in enumerate(phases)] + [(p.end, 0, n) for n, p in enumerate(phases)])
    running = set()
    try:
        for at, starts, n in boundaries:
            clock.until(at)
            phase, fault = phases[n], FAULTS[phases[n].kind]
            at_boundary(phase, not starts)
            phase.began, phase.ended = (clock.now(), None) if starts else (phase.began, clock.now())
            (running.add if starts else running.discard)(n)
            for i in phase.instances:
                (fault.begin if starts else fault.end)(instances[i])
            if not starts:
                phase.ended = clock.now()   # all are well
    finally:
        for n in running:
            for i in phases[n].instances:
                FAULTS[phases[n].kind].end(instances[i])
