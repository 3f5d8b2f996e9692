"""Programs that we did not write, as servers and clients: nginx, Python, Node, curl, wrk, and Go's own HTTP."""
import json
import pathlib
import re
import shutil
import subprocess
import sys

from mesh import Process, peer, wait_for

HERE = pathlib.Path(__file__).resolve().parent / "clients"
SIZES = (0, 1, 65535, 65536, 65537, 1 << 20)
GIGABYTE = 1 << 30
MOVES = ("down-length", "up-length", "down-chunked", "up-chunked")


def missing(*names):
    """The first of these programs that is not installed, said aloud; empty when all are."""
    for name in names:
        if shutil.which(name) is None and not pathlib.Path("/usr/sbin", name).exists():
            print(f"   {name} is not installed: left out (scripts/setup test installs it)", flush=True)
            return name
    return ""


def files(folder, sizes):
    """Files named by their size, and sums.json with their SHA-256; large ones have holes (65 MiB of disk for a GiB)."""
    sums = {}
    for size in sizes:
        sums[str(size)] = command([peer(), "pattern", "-n", size, "-file", folder / str(size)], ()).strip()
    (folder / "sums.json").write_text(json.dumps(sums))
    for each in (folder, folder.parent):   # nginx started by root reads as another user
        each.chmod(each.stat().st_mode | 0o055)


class Server(Process):
    """Tells its port on the first line it prints."""

    piped = True

    def __init__(self, mesh, name, words, inside=()):
        super().__init__(f"peer-{name}", [*inside, *map(str, words)], mesh.dir)
        mesh.started.append(self.start())
        self.id = name
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[-1])


def python_server(mesh, folder, address="127.0.0.1:0", inside=()):
    return Server(mesh, "python", [sys.executable, HERE / "server.py", folder, address], inside)


def node_server(mesh, folder, address="127.0.0.1:0", inside=(), keep_alive=""):
    return Server(mesh, "node", ["node", HERE / "server.js", folder, address, keep_alive], inside)


def go_server(mesh, address="127.0.0.1:0", inside=()):
    return Server(mesh, "go", [peer(), "serve", "-listen", address, "-name", "go"], inside)


def nginx_server(mesh, folder, address, hashes, inside=()):
    """`hashes`: the server that nginx passes uploads to."""
    text = (HERE / "nginx.conf").read_text()
    for name, value in (("FOLDER", folder), ("ADDRESS", address), ("HASH", hashes)):
        text = text.replace(f"@{name}@", str(value))
    (folder / "nginx.conf").write_text(text)
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    server = Process("nginx", [*inside, nginx, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "nginx.log")],
                     mesh.dir)
    mesh.started.append(server.start())
    server.id, server.port = "nginx", int(address.rsplit(":", 1)[1])
    wait_for("nginx", lambda: (folder / "nginx.pid").exists() or server.process.poll() is not None)
    assert server.process.poll() is None, (folder / "nginx.log").read_text()
    return server


CURL = {"down-length": 'curl -sS --fail -m 300 {proxy} "{url}/bytes?n={size}" | sha256sum',
        "down-chunked": 'curl -sS --fail -m 300 {proxy} "{url}/bytes?n={size}&chunked=1" | sha256sum',
        "up-length": 'curl -sS --fail -m 300 {proxy} -X POST -T {file} "{url}/hash"',
        "up-chunked": 'curl -sS --fail -m 300 {proxy} -X POST -T - "{url}/hash" < {file}'}


def shell(command, inside):
    done = subprocess.run([*inside, "bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{command}: {done.stderr[-500:]}"
    return done.stdout.strip()


def curl(url, folder, sizes, proxy, inside, moves=MOVES):
    sums = json.loads((folder / "sums.json").read_text())
    through = f"-x http://{proxy}" if proxy else "--noproxy '*'"
    for size in sizes:
        for move in moves:
            got = shell(CURL[move].format(proxy=through, url=url, size=size, file=folder / str(size)), inside)
            want = f"{sums[str(size)]}  -" if move.startswith("down") else f"{size} {sums[str(size)]}"
            assert got == want, f"{move} of {size}: {got}"


def command(words, inside, env=None):
    done = subprocess.run([*inside, *map(str, words)], capture_output=True, text=True, timeout=600, env=env)
    assert done.returncode == 0, f"{' '.join(map(str, words))}: {done.stdout[-500:]}{done.stderr[-1500:]}"
    return done.stdout


def python(kind):
    def client(url, folder, sizes, proxy, inside, moves=MOVES):
        command([sys.executable, HERE / "client.py", kind, url, folder, ",".join(map(str, sizes)), ",".join(moves),
                 *([proxy] if proxy else [])], inside)
    return client


def node(url, folder, sizes, proxy, inside, moves=MOVES):
    command(["node", HERE / "client.js", url, folder, ",".join(map(str, sizes)), ",".join(moves), *([proxy] if proxy else [])], inside)


def go(url, folder, sizes, proxy, inside, moves=MOVES):
    command([peer(), "bytes", "-url", url, "-sizes", ",".join(map(str, sizes)), "-moves", ",".join(moves), "-trailers=false",
             *(["-proxy", proxy] if proxy else [])], inside)


def wrk(url, folder, sizes, proxy, inside, seconds=1):
    """Eight connections that compare every body (clients/wrk.lua); says how many answers there were."""
    host = url.split("://")[1]
    said = command(["wrk", "-t1", "-c8", f"-d{seconds}s", "--timeout", "60s", "-s", HERE / "wrk.lua", f"http://{proxy}" if proxy else url,
                    "--", url if proxy else "", host, folder, ",".join(map(str, sizes))], inside)
    assert "Socket errors" not in said and "Non-2xx" not in said, said
    counts = re.search(r"answers: (\d+) down-length, (\d+) down-chunked, (\d+) up", said)
    assert all(int(count) > len(sizes) for count in counts.groups()), said
    return counts[0]


def wrk_without_looking(url, size, inside):
    """One connection that downloads; wrk keeps no body of this length, so it is counted only."""
    for seconds in (2, 8, 32, 128):
        said = command(["wrk", "-t1", "-c1", f"-d{seconds}s", "--timeout", "200s", f"{url}/bytes?n={size}"], inside)
        assert "Socket errors" not in said and "Non-2xx" not in said, said
        count, read, unit = re.search(r"(\d+) requests in .*?, ([\d.]+)([KMGT]?)B read", said).groups()
        if int(count) > 0:
            assert float(read) * {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}[unit] >= 0.99 * int(count) * size, said
            return f"{count} answers, {read} {unit}B"
    raise AssertionError(f"no answer of {size} bytes in 128 s")


def clients():
    """{name: function(url, folder, sizes, proxy, inside, moves)} of those that are installed."""
    every = {"curl": curl, "http.client": python("http.client"), "urllib": python("urllib"), "go": go, "node": node}
    return {name: run for name, run in every.items() if name not in ("curl", "node") or not missing(name)}
