"""Where the demo's processes live: on loopback with explicit ports, or each in its own network namespace with nftables
redirecting its traffic, so that clients and servers need no configuration at all."""
import os
import pathlib
import shutil
import subprocess

import netns


def possible():
    """Whether each process may have a namespace and a hosts file of its own; in a chroot it may not."""
    return netns.possible(with_hosts=True)


class Namespaces:
    """A bridge with one namespace per instance. Everything is named weft-demo* and removed by close()."""

    transparent = True
    control_host = "10.77.0.1"

    def __init__(self, bin_dir):
        self.agent = str(bin_dir / "weft-agent")
        self.count = 0
        self.names = []
        self.close_leftovers()
        netns.add_bridge("weft-demo", "10.77.0.1/16")

    def place(self, name, port):
        """Makes a namespace; returns its address."""
        self.count += 1
        address, space, link = f"10.77.0.{self.count + 9}", f"weft-demo-{name}", f"wd{os.getpid() % 100000}-{self.count}"
        self.names.append(space)
        netns.add(space, link, "weft-demo", f"{address}/16", self.control_host)
        netns.redirect(self.agent, space, [port] if port else [], direct=[self.control_host])
        return address

    def name_hosts(self, hosts):
        """{host: address} for every namespace."""
        text = "127.0.0.1 localhost\n" + "".join(f"{address} {host}\n" for host, address in hosts.items())
        for space in self.names:
            folder = pathlib.Path("/etc/netns") / space
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "hosts").write_text(text)

    def inside(self, name, as_agent=False):
        """The words to put before a command that shall run there."""
        return netns.enter(f"weft-demo-{name}", as_agent, with_hosts=True)

    def close(self):
        self.close_leftovers()

    @staticmethod
    def close_leftovers():
        listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout
        spaces = [line.split()[0] for line in listed.splitlines() if line.startswith("weft-demo-")]
        netns.remove(spaces, "weft-demo")
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
