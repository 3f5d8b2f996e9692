"""Processes started by the demo and by the tests, and waits on conditions with a deadline."""
import os
import pathlib
import signal
import socket
import subprocess
import time


def wait_for(what, condition, deadline=20.0):
    """Polls until condition() is true; its last value is returned. Raises with `what` when it does not happen."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"{what} did not happen within {deadline:.0f} s")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """What it prints goes to DIRECTORY/NAME.log; with `piped` its standard output is the starter's to read."""

    piped = False

    def __init__(self, name, command, directory, env=None):
        self.name, self.command, self.log = name, command, directory / f"{name}.log"
        clean = {k: v for k, v in os.environ.items() if not k.startswith("WEFT_")}   # unknown WEFT_ names are errors
        self.env = {**clean, **(env or {})}
        self.process = None

    def start(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE if self.piped else log, stderr=log, env=self.env,
                                            text=True)
        return self

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def send(self, number):
        """To the program itself: what enters its namespace and takes its user replaces itself by it."""
        self.process.send_signal(number)

    def listens(self, port):
        """Whether somebody listens on this port where the process lives."""
        rows = pathlib.Path(f"/proc/{self.process.pid}/net/tcp").read_text().splitlines()[1:]
        return any(row.split()[1].endswith(f":{port:04X}") and row.split()[3] == "0A" for row in rows)

    def stop(self, kill=False):
        if not self.alive():
            return
        self.send(signal.SIGCONT)   # one that was stopped ends only then
        self.send(signal.SIGKILL if kill else signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
