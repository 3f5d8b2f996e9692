"""Network namespaces whose TCP traffic nftables hands to the agent inside. Used by the demo and by the tests; needs root,
ip, nft, nsenter and setpriv."""
import functools
import os
import shutil
import subprocess
import threading

AGENT_UID = 15001   # the redirect rules let this user's traffic pass


def run(*command):
    subprocess.run(command, check=True, capture_output=True, text=True)


def enter(space, as_agent=False, with_hosts=False):
    """The words to put before a command that shall run there; they replace themselves by it. `with_hosts`: it finds
    /etc/netns/SPACE/hosts as /etc/hosts, which takes a mount and so fails in a chroot."""
    words = ["ip", "netns", "exec", space] if with_hosts else ["nsenter", f"--net=/run/netns/{space}"]
    if as_agent:
        words += ["setpriv", f"--reuid={AGENT_UID}", f"--regid={AGENT_UID}", "--clear-groups"]
    return words


@functools.cache
def possible(with_hosts=False):
    """Whether namespaces may be made and entered here."""
    if os.geteuid() != 0 or not all(shutil.which(program) for program in ("ip", "nft", "nsenter", "setpriv")):
        return False
    space = f"weft-probe-{os.getpid()}-{threading.get_ident()}"
    entered = all(subprocess.run(command, capture_output=True).returncode == 0
                  for command in (["ip", "netns", "add", space], [*enter(space, with_hosts=with_hosts), "true"]))
    subprocess.run(["ip", "netns", "del", space], capture_output=True)
    return entered


def add_bridge(name, address):
    """`address` with its prefix length: the host's own in the spaces' network."""
    run("ip", "link", "add", name, "type", "bridge")
    run("ip", "addr", "add", address, "dev", name)
    run("ip", "link", "set", name, "up")


def add(space, link, bridge, address, gateway):
    """A namespace on a bridge; `link` names the host's end of its cable (at most 15 letters)."""
    run("ip", "netns", "add", space)
    run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", space)
    run("ip", "link", "set", link, "master", bridge, "up")
    for words in (["link", "set", "lo", "up"], ["link", "set", "eth0", "up"], ["addr", "add", address, "dev", "eth0"],
                  ["route", "add", "default", "via", gateway]):
        run(*enter(space), "ip", *words)


def add_rules(space, text):
    subprocess.run([*enter(space), "nft", "-f", "-"], input=text, text=True, check=True)


def redirect(agent, space, ports, direct=()):
    """Outgoing TCP to 15001, but for what goes to addresses in `direct`; incoming to one of `ports` to 15006. `agent`: the
    program."""
    run(*enter(space), agent, "redirect", "apply", f"--uid={AGENT_UID}", f"--inbound-ports={','.join(map(str, ports)) or 1}",
        f"--skip-subnets={','.join(direct)}")


def remove(spaces, bridge):
    """The cables vanish with them; what is not there is passed over."""
    for space in spaces:
        subprocess.run(["ip", "netns", "del", space], capture_output=True)
    subprocess.run(["ip", "link", "del", bridge], capture_output=True)
