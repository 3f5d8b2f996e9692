#!/usr/bin/env python3
"""weft-agent redirect in network namespaces: a client's and a server's, joined by a cable, with a real agent in each. IPv4 and
IPv6, skip lists, no loop for the agent's own user, DNS untouched, 10,000 connections, nothing left after removal, and each
broken variant of the rules found by `redirect check`."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from mesh import BIN, Process, wait_for
import netns
import spaces

AGENT = str(BIN / "weft-agent")
CONNECTIONS = int(os.environ.get("CONNECTIONS", "10000"))
V6 = {"client": "fd00:77::2", "server": "fd00:77::3"}

# Runs in a namespace: opens COUNT connections to HOST PORT, at most 100 at a time, and counts the right answers.
CLIENT = """
import asyncio, sys
host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
good, gate = 0, asyncio.Semaphore(100)
async def one():
    global good
    async with gate:
        try:
            reader, writer = await asyncio.wait_for(asyncio.open_connection(host, port), 10)
            writer.write(b"ask\\n")
            line = await asyncio.wait_for(reader.readline(), 10)
            good += line == b"answer\\n"
            writer.close()
        except (OSError, asyncio.TimeoutError) as error:
            print(repr(error), file=sys.stderr)
async def all_of_them():
    await asyncio.gather(*[one() for _ in range(count)])
asyncio.run(all_of_them())
print(good)
"""
# Answers each line on all of the ports, IPv4 and IPv6, and datagrams on port 53.
SERVER = """
import asyncio, socket, sys
async def serve(reader, writer):
    if await reader.readline():
        writer.write(b"answer\\n")
    writer.close()
class Dns(asyncio.DatagramProtocol):
    def connection_made(self, transport): self.transport = transport
    def datagram_received(self, data, peer): self.transport.sendto(b"answer\\n", peer)
async def main():
    for port in map(int, sys.argv[1:]):
        for host in ("0.0.0.0", "::"):
            await asyncio.start_server(serve, host, port, backlog=1000, family=socket.AF_INET if host == "0.0.0.0" else socket.AF_INET6)
    await asyncio.get_running_loop().create_datagram_endpoint(Dns, local_addr=("0.0.0.0", 53))
    print("up", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


class Side:
    """A namespace with an agent."""

    def __init__(self, directory, space, name):
        self.space, self.name, self.directory = space, name, directory
        subprocess.run([*space.inside(), "ip", "-6", "addr", "add", f"{V6[name]}/64", "dev", "eth0", "nodad"], check=True)
        mesh = directory / "mesh.yaml"
        mesh.write_text("")
        config = {"node": {"id": name}, "resources": [str(mesh)], "outbound": {"listen": "[::]:15001", "transparent": True},
                  "inbound": [{"listen": "[::]:15006", "transparent": True}]}
        file = directory / f"{name}.yaml"
        file.write_text(json.dumps(config))
        self.agent = Process(f"{name}-agent", [*space.inside(as_agent=True), AGENT, "--config", str(file)], directory)

    def redirect(self, *words):
        return subprocess.run([*self.space.inside(), AGENT, "redirect", *words], capture_output=True, text=True)

    def rules(self):
        return subprocess.run([*self.space.inside(), "nft", "list", "ruleset"], capture_output=True, text=True, check=True).stdout

    def nft(self, script):
        subprocess.run([*self.space.inside(), "nft", "-f", "-"], input=script, text=True, check=True)

    def ask(self, host, port, count=1, as_agent=False):
        words = [*self.space.inside(as_agent), sys.executable, "-c", CLIENT, host, str(port), str(count)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        self.errors = done.stderr
        return int(done.stdout)

    def opened(self):
        """Connections that came to the agent, by direction."""
        words = [*self.space.inside(), "curl", "-s", "127.0.0.1:15020/metrics"]
        text = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        out = {"outbound": 0, "inbound": 0}
        for line in text.splitlines():
            if line.startswith("weft_connections_total{"):
                direction = "outbound" if 'direction="outbound"' in line else "inbound"
                out[direction] += int(float(line.split()[-1]))
        return out


def came(side, direction, work):
    before = side.opened()[direction]
    work()
    return side.opened()[direction] - before


def traffic(client, server, address):
    for host in (address, V6["server"]):
        assert came(client, "outbound", lambda: came_in(client, server, host, 8080)) == 1, f"{host}: not by the client's agent"
    assert came(client, "outbound", lambda: client.ask(address, 8080, as_agent=True)) == 0, "the agent's own user must pass"
    assert came(client, "outbound", lambda: client.ask(address, 9090)) == 0, "a skipped outbound port must pass"
    assert came(client, "outbound", lambda: client.ask(V6["server"], 9090)) == 0, "a skipped outbound port must pass (IPv6)"
    assert came(server, "inbound", lambda: client.ask(address, 7070)) == 0, "a skipped inbound port must pass"
    assert came(client, "outbound", lambda: client.ask(address, 53)) == 0, "DNS over TCP must pass"
    dns = [*client.space.inside(), sys.executable, "-c", "import socket, sys; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
           f"s.settimeout(10); s.sendto(b'q', ('{address}', 53)); print(s.recvfrom(99)[0] == b'answer\\n')"]
    assert subprocess.run(dns, capture_output=True, text=True).stdout == "True\n", "DNS over UDP must pass"


def came_in(client, server, host, port):
    assert came(server, "inbound", lambda: answered(client, host, port)) == 1, f"{host}: not by the server's agent"


def answered(client, host, port):
    assert client.ask(host, port) == 1, f"{host}:{port} does not answer"


def no_loop(client, server, address):
    """What is meant for the agents' own ports ends, however it comes."""
    for port in (15001, 15006):
        for host in (address, V6["server"]):
            before = server.opened()
            assert client.ask(host, port) == 0
            after = server.opened()
            assert sum(after.values()) - sum(before.values()) <= 3, f"{host}:{port} loops: {before} -> {after}"


def many(client, server, address):
    before = server.opened()["inbound"]
    good = client.ask(address, 8080, CONNECTIONS)
    assert good == CONNECTIONS, f"{good} of {CONNECTIONS} connections answered; the first errors: {client.errors[:300]}"
    assert server.opened()["inbound"] - before == CONNECTIONS


BROKEN = {
    "the table is gone": "delete table inet weft",
    "the own user's rule is gone": "flush chain inet weft output\nadd rule inet weft output meta l4proto tcp redirect to :15001",
    "everything passes": "insert rule inet weft output accept",
    "a hole for one address": "insert rule inet weft output ip daddr 192.0.2.77 return",
    "another port": "flush chain inet weft prerouting\nadd rule inet weft prerouting meta l4proto tcp redirect to :15007",
    "nothing comes in": "flush chain inet weft prerouting",
    "no chain for what goes out": "delete chain inet weft output",
    "IPv4 only": "insert rule inet weft output meta nfproto ipv6 return",
    "another table goes first": "table ip other { chain out { type nat hook output priority -150; tcp dport 9 redirect to :1; }; }",
}


def broken_variants(client, options):
    for what, script in BROKEN.items():
        client.nft(script)
        found = client.redirect("check", *options)
        assert found.returncode == 1 and "problem: " in found.stdout, f"not found: {what}\n{found.stdout}{found.stderr}"
        client.nft("table ip other\ndelete table ip other")
        again = client.redirect("apply", *options)
        assert again.returncode == 0, f"{what}: {again.stdout}{again.stderr}"
    other = client.redirect("check", "--uid", "15002", *options)
    assert other.returncode == 1 and "meta skuid 15001" in other.stdout, other.stdout
    as_agent = subprocess.run([*client.space.inside(as_agent=True), AGENT, "redirect", "apply"], capture_output=True, text=True)
    assert as_agent.returncode == 1 and "CAP_NET_ADMIN" in as_agent.stderr, as_agent.stderr


def removal(client, address):
    for _ in range(2):
        done = client.redirect("remove")
        assert done.returncode == 0, done.stderr
        assert client.rules() == "", client.rules()
    assert came(client, "outbound", lambda: answered(client, address, 8080)) == 0


def main():
    if not spaces.possible():
        print("redirect: no network namespaces here: nothing was tested")
        return
    with tempfile.TemporaryDirectory(prefix="weft-redirect-") as name, spaces.Spaces() as made:
        directory = pathlib.Path(name)
        directory.chmod(0o777)
        client, server = (Side(directory, made.add(one), one) for one in ("client", "server"))
        address = server.space.address
        apps = Process("apps", [*server.space.inside(), sys.executable, "-c", SERVER, "8080", "9090", "7070", "53"], directory)
        running = [apps, client.agent, server.agent]
        try:
            options = ["--skip-outbound-ports", "9090,9100-9200", "--skip-subnets", "198.51.100.0/24,2001:db8:5::/48"]
            for _ in range(2):   # before the agents run, and again: the same rules
                done = client.redirect("apply", *options)
                assert done.returncode == 0, done.stdout + done.stderr
                assert "IPv4: 192.0.2.1:9 comes to port 15001" in done.stdout, done.stdout
            assert client.rules().count("redirect to :15001") == 1
            done = server.redirect("apply", "--skip-inbound-ports", "7070")
            assert done.returncode == 0, done.stdout + done.stderr
            for process in running:
                process.start()
            wait_for("the server's ports", lambda: "up" in apps.log.read_text())
            for side in (client, server):
                wait_for("the agent's ports", lambda: "telemetry" in side.agent.log.read_text())
            assert client.redirect("check", *options).returncode == 0, "with the agent running"
            traffic(client, server, address)
            no_loop(client, server, address)
            many(client, server, address)
            broken_variants(client, options)
            removal(client, address)
            assert all(process.alive() for process in running)
        except BaseException:
            for process in running:
                print(process.name, process.log.read_text() if process.log.exists() else "", sep=":\n")
            raise
        finally:
            for process in running:
                process.stop()
    print(f"redirect: {CONNECTIONS} connections both ways, {len(BROKEN)} broken variants found")


if __name__ == "__main__":
    main()
