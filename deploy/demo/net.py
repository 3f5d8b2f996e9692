"""Where the demo's processes live: on loopback with explicit ports, or each in its own network namespace with nftables
redirecting its traffic, so that clients and servers need no configuration at all."""
import os
import pathlib
import shutil
import subprocess

AGENT_UID = 15001   # the redirect rules let this user's traffic pass


def run(*command):
    subprocess.run(command, check=True, capture_output=True, text=True)


def possible():
    """Whether namespaces may be made and entered here; in a chroot the latter fails."""
    if os.geteuid() != 0 or not (shutil.which("ip") and shutil.which("nft")):
        return False
    entered = all(subprocess.run(command, capture_output=True).returncode == 0
                  for command in ("ip netns add weft-probe".split(), "ip netns exec weft-probe true".split()))
    subprocess.run("ip netns del weft-probe".split(), capture_output=True)
    return entered


RULES = """
table ip weft {{
  chain output {{
    type nat hook output priority -100;
    meta skuid {uid} accept
    ip daddr 127.0.0.0/8 accept
    ip daddr {control} accept
    meta l4proto tcp redirect to :15001
  }}
  chain prerouting {{
    type nat hook prerouting priority -100;
    tcp dport {port} redirect to :15006
  }}
}}
"""


class Namespaces:
    """A bridge with one namespace per instance. Everything is named weft-demo* and removed by close()."""

    transparent = True
    control_host = "10.77.0.1"

    def __init__(self):
        self.count = 0
        self.names = []
        self.close_leftovers()
        run("ip", "link", "add", "weft-demo", "type", "bridge")
        run("ip", "addr", "add", "10.77.0.1/16", "dev", "weft-demo")
        run("ip", "link", "set", "weft-demo", "up")

    def place(self, name, port):
        """Makes a namespace; returns its address."""
        self.count += 1
        address, space, link = f"10.77.0.{self.count + 9}", f"weft-demo-{name}", f"wd{os.getpid() % 100000}-{self.count}"
        self.names.append(space)
        run("ip", "netns", "add", space)
        run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", space)
        run("ip", "link", "set", link, "master", "weft-demo", "up")
        for command in (["link", "set", "lo", "up"], ["link", "set", "eth0", "up"],
                        ["addr", "add", f"{address}/16", "dev", "eth0"], ["route", "add", "default", "via", "10.77.0.1"]):
            run("ip", "-n", space, *command)
        rules = RULES.format(uid=AGENT_UID, control=self.control_host, port=port or 1)
        subprocess.run(["ip", "netns", "exec", space, "nft", "-f", "-"], input=rules, text=True, check=True)
        return address

    def name_hosts(self, hosts):
        """{host: address} for every namespace; `ip netns exec` mounts the file over /etc/hosts."""
        text = "127.0.0.1 localhost\n" + "".join(f"{address} {host}\n" for host, address in hosts.items())
        for space in self.names:
            folder = pathlib.Path("/etc/netns") / space
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "hosts").write_text(text)

    def inside(self, name, as_agent=False):
        """The words to put before a command that shall run there."""
        words = ["ip", "netns", "exec", f"weft-demo-{name}"]
        if as_agent:
            words += ["setpriv", f"--reuid={AGENT_UID}", f"--regid={AGENT_UID}", "--clear-groups"]
        return words

    def close(self):
        self.close_leftovers()

    @staticmethod
    def close_leftovers():
        listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout
        for line in listed.splitlines():
            if line.startswith("weft-demo-"):
                subprocess.run(["ip", "netns", "del", line.split()[0]], capture_output=True)
        subprocess.run(["ip", "link", "del", "weft-demo"], capture_output=True)
        for folder in pathlib.Path("/etc/netns").glob("weft-demo-*"):
            shutil.rmtree(folder)


class Loopback:
    """Without root: everything on 127.0.0.1, each agent with local ports of its own."""

    transparent = False
    control_host = "127.0.0.1"

    def place(self, name, port):
        return "127.0.0.1"

    def name_hosts(self, hosts):
        pass

    def inside(self, name, as_agent=False):
        return []

    def close(self):
        pass
