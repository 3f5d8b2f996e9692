"""Network namespaces for tests: programs in each reach the others over a bridge, and nftables hands their TCP traffic to
the agent that runs there as user 15001. Needs root, ip and nft; everything is removed when the context ends."""
import os
import re
import shutil
import subprocess

AGENT_UID = 15001   # whose own traffic passes

RULES = """
table ip weft {{
  chain output {{
    type nat hook output priority -100;
    meta skuid {uid} accept
    ip daddr 127.0.0.0/8 accept
    meta l4proto tcp redirect to :15001
  }}
  chain prerouting {{
    type nat hook prerouting priority -100;
    tcp dport {{ {ports} }} redirect to :15006
  }}
}}
"""


def run(*command):
    subprocess.run(command, check=True, capture_output=True, text=True)


def possible():
    if os.geteuid() != 0 or not all(shutil.which(p) for p in ("ip", "nft", "nsenter", "setpriv")):
        return False
    name = f"wt{os.getpid()}-probe"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode == 0
    subprocess.run(["ip", "netns", "del", name], capture_output=True)
    return made


class Space:
    def __init__(self, name, address):
        self.name, self.address = name, address

    def inside(self, as_agent=False):
        """The words before a command that shall run here; they replace themselves by it."""
        words = ["nsenter", f"--net=/run/netns/{self.name}"]   # `ip netns exec` also mounts, which a chroot forbids
        if as_agent:
            words += ["setpriv", f"--reuid={AGENT_UID}", f"--regid={AGENT_UID}", "--clear-groups"]
        return words

    def redirect(self, ports):
        """Outgoing TCP to 15001; incoming to one of `ports` to 15006."""
        rules = RULES.format(uid=AGENT_UID, ports=", ".join(map(str, ports)) or 1)
        subprocess.run([*self.inside(), "nft", "-f", "-"], input=rules, text=True, check=True)

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
        subprocess.run([*self.inside(), "nft", "-f", "-"], input=rules, text=True, check=True)

    def gate_count(self):
        text = subprocess.run([*self.inside(), "nft", "list", "table", "ip", "gate"], capture_output=True, text=True, check=True).stdout
        return int(re.search(r"counter packets (\d+)", text)[1])


class Spaces:
    """Use as a context. Addresses are 10.<78 to 117>.0.x, by process, so that two tests do not meet."""

    def __enter__(self):
        self.net, self.bridge = f"10.{78 + os.getpid() % 40}.0", f"wt{os.getpid()}"
        self.made = []
        run("ip", "link", "add", self.bridge, "type", "bridge")
        run("ip", "addr", "add", f"{self.net}.1/24", "dev", self.bridge)
        run("ip", "link", "set", self.bridge, "up")
        return self

    def add(self, name):
        number = len(self.made) + 2
        space = Space(f"{self.bridge}-{name}", f"{self.net}.{number}")
        link = f"{self.bridge}v{number}"
        self.made.append(space)
        run("ip", "netns", "add", space.name)
        run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", space.name)
        run("ip", "link", "set", link, "master", self.bridge, "up")
        for words in (["link", "set", "lo", "up"], ["link", "set", "eth0", "up"],
                      ["addr", "add", f"{space.address}/24", "dev", "eth0"], ["route", "add", "default", "via", f"{self.net}.1"]):
            run(*space.inside(), "ip", *words)
        return space

    def __exit__(self, *_):
        for space in self.made:
            subprocess.run(["ip", "netns", "del", space.name], capture_output=True)
        subprocess.run(["ip", "link", "del", self.bridge], capture_output=True)
