"""Programs that we did not write, as servers and clients: nginx, Python, Node, curl, wrk, and Go's own HTTP."""
import json
import pathlib
import shutil
import subprocess
import sys

from mesh import Process, peer, wait_for

HERE = pathlib.Path(__file__).resolve().parent / "clients"
SIZES = (0, 1, 65535, 65536, 65537, 1 << 20)
GIGABYTE = 1 << 30


def missing(*names):
    """The first of these programs that is not installed, said aloud; empty when all are."""
    for name in names:
        if shutil.which(name) is None and not pathlib.Path("/usr/sbin", name).exists():
            print(f"   {name} is not installed: left out (scripts/setup test installs it)", flush=True)
            return name
    return ""


def files(folder, sizes):
    """Files named by their size, and sums.json with their SHA-256."""
    sums = {}
    for size in sizes:
        with open(folder / str(size), "wb") as out:
            done = subprocess.run([peer(), "pattern", "-n", str(size)], stdout=out, stderr=subprocess.PIPE, check=True, text=True)
        sums[str(size)] = done.stderr.strip()
    (folder / "sums.json").write_text(json.dumps(sums))
    for each in (folder, folder.parent):   # nginx started by root reads as another user
        each.chmod(each.stat().st_mode | 0o055)


class Server(Process):
    """Tells its port on the first line it prints."""

    def __init__(self, mesh, name, words, inside=()):
        super().__init__(f"peer-{name}", [*inside, *map(str, words)], mesh.dir)   # "peer-": its output is read
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


CURL_DOWN = 'curl -sS --fail -m 120 {proxy} "{url}/bytes?n={size}{query}" | sha256sum'
CURL_UP = ('curl -sS --fail -m 120 {proxy} -X POST -T {file} "{url}/hash"',
           'curl -sS --fail -m 120 {proxy} -X POST -T - "{url}/hash" < {file}')   # by length, chunked


def shell(command, inside):
    done = subprocess.run([*inside, "bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{command}: {done.stderr[-500:]}"
    return done.stdout.strip()


def curl(url, folder, sizes, proxy, inside):
    sums = json.loads((folder / "sums.json").read_text())
    through = f"-x http://{proxy}" if proxy else "--noproxy '*'"
    for size in sizes:
        for query in ("", "&chunked=1"):
            got = shell(CURL_DOWN.format(proxy=through, url=url, size=size, query=query), inside).split()[0]
            assert got == sums[str(size)], f"curl got {got} for {size} bytes{query}"
        for up in CURL_UP:
            got = shell(up.format(proxy=through, url=url, file=folder / str(size)), inside)
            assert got == f"{size} {sums[str(size)]}", f"curl sent {size} bytes, the server had {got}"


def command(words, inside, env=None):
    done = subprocess.run([*inside, *map(str, words)], capture_output=True, text=True, timeout=300, env=env)
    assert done.returncode == 0, f"{' '.join(map(str, words))}: {done.stdout[-500:]}{done.stderr[-1500:]}"
    return done.stdout


def python(kind):
    def client(url, folder, sizes, proxy, inside):
        command([sys.executable, HERE / "client.py", kind, url, folder, ",".join(map(str, sizes)), *([proxy] if proxy else [])], inside)
    return client


def node(url, folder, sizes, proxy, inside):
    command(["node", HERE / "client.js", url, folder, ",".join(map(str, sizes)), *([proxy] if proxy else [])], inside)


def go(url, folder, sizes, proxy, inside):
    command([peer(), "bytes", "-url", url, "-sizes", ",".join(map(str, sizes)), "-trailers=false", *(["-proxy", proxy] if proxy else [])], inside)


def clients():
    """{name: function(url, folder, sizes, proxy, inside)} of those that are installed."""
    every = {"curl": curl, "http.client": python("http.client"), "urllib": python("urllib"), "go": go, "node": node}
    return {name: run for name, run in every.items() if name not in ("curl", "node") or not missing(name)}
