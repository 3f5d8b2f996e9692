"""Network namespaces for tests: programs in each reach the others over a bridge, and nftables hands their TCP traffic to
the agent that runs there as user 15001. Everything is removed when the context ends."""
import os
import pathlib
import re
import socket
import subprocess
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent.parent / "scripts/lib"))
import netns   # noqa: E402
from netns import possible   # noqa: E402, F401: its users have it from here

BIN = pathlib.Path(os.environ.get("WEFT_BIN", pathlib.Path(__file__).resolve().parent.parent.parent / "build/release/bin"))


class Space:
    def __init__(self, name, address):
        self.name, self.address = name, address

    def inside(self, as_agent=False):
        """The words before a command that shall run here."""
        return netns.enter(self.name, as_agent)

    def redirect(self, ports):
        """Outgoing TCP to 15001; incoming to one of `ports` to 15006."""
        netns.redirect(str(BIN / "weft-agent"), self.name, ports)

    def gate(self, port, drop):
        """Counts attempts to connect to this port from now on; with `drop` all packets to it vanish, as in a network that
        is broken."""
        verdict = "drop" if drop else "accept"
        rules = f"""table ip gate {{
          chain input {{
            type filter hook input priority 0;
            tcp dport {port} tcp flags & (syn | ack) == syn counter {verdict}
            tcp dport {port} {verdict}
          }}
        }}"""
        netns.add_rules(self.name, rules)

    def gate_count(self):
        text = subprocess.run([*self.inside(), "nft", "list", "table", "ip", "gate"], capture_output=True, text=True, check=True).stdout
        return int(re.search(r"counter packets (\d+)", text)[1])


def claim(numbers):
    """The first number that no other process holds, and the socket that holds it while it is open."""
    for number in numbers:
        held = socket.socket(socket.AF_UNIX)
        try:
            held.bind(f"\0weft-test-net-{number}")
            return held, number
        except OSError:
            held.close()
    raise AssertionError(f"all of the {len(numbers)} networks for tests are in use")


class Spaces:
    """Use as a context. Addresses are 10.<78 to 117>.0.x, of which tests that run at the same time have one each."""

    def __enter__(self):
        self.claim, number = claim(range(78, 118))
        self.net, self.bridge = f"10.{number}.0", f"wt{os.getpid()}n{number}"
        self.made = []
        netns.add_bridge(self.bridge, f"{self.net}.1/24")
        return self

    def add(self, name):
        number = len(self.made) + 2
        space = Space(f"{self.bridge}-{name}", f"{self.net}.{number}")
        self.made.append(space)
        netns.add(space.name, f"{self.bridge}v{number}", self.bridge, f"{space.address}/24", f"{self.net}.1")
        return space

    def __exit__(self, *_):
        netns.remove([space.name for space in self.made], self.bridge)
        self.claim.close()
