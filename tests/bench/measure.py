"""One figure at a time: what a run of the load generator says, and what the kernel or valgrind counted meanwhile."""
import json
import pathlib
import re
import signal
import subprocess
import time

from proxies import BACKEND, LISTEN


def pinned(core, real_time=False):
    return ["taskset", "-c", str(core)] + (["chrt", "-r", "1"] if real_time else [])


def load(bin_dir, core=0, real_time=False, connect=LISTEN, **options):
    """Runs the generator with its own backend; raises unless each response was right."""
    command = pinned(core, real_time) + [str(pathlib.Path(bin_dir) / "bench-load"), "--backend", str(BACKEND),
                                         "--connect", str(connect)]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise RuntimeError(f"load generator: {done.stdout}{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def cpu_ns(pids):
    """On-CPU time of all threads, from the scheduler."""
    total = 0
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
            total += int(task.read_text().split()[0])
    return total


def cpu_per_request(proxy_class, bin_dir, **options):
    """µs of the proxy's CPU per request, warm-up included in both; a fresh process on core 1."""
    proxy = proxy_class(bin_dir).start(pinned(1, options.get("real_time", False)))
    try:
        before = cpu_ns(proxy.pids())
        result = load(bin_dir, **options)
        result["cpu_us"] = (cpu_ns(proxy.pids()) - before) / 1000 / result["completed"]
        return result
    finally:
        proxy.stop()


def _collected(proxy_class, bin_dir, requests):
    proxy = proxy_class(bin_dir)
    out = proxy.dir / "callgrind.out"
    proxy.start(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"])
    try:
        load(bin_dir, connections=16, requests=requests)
    finally:
        proxy.stop()
    files = list(proxy.dir.glob("callgrind.out*"))
    return sum(int(re.search(r"^(?:summary|totals): (\d+)", f.read_text(), re.M).group(1)) for f in files)


def instructions_per_request(proxy_class, bin_dir, short=2000, long=12000):
    """User instructions: the slope between a short and a long run, so that starting up does not count."""
    few, many = (_collected(proxy_class, bin_dir, n) for n in (short, long))
    return (many - few) / (long - short)


def syscalls_per_request(proxy_class, bin_dir, rate=2000, seconds=2.0):
    """From strace, at a rate at which little is batched; slope between nothing and the run."""
    proxy = proxy_class(bin_dir).start()
    log = proxy.dir / "strace"
    workers = proxy.pids()[-1:] if proxy_class.name == "nginx" else proxy.pids()[:1]
    trace = subprocess.Popen(["strace", "-c", "-f", "-o", str(log), *sum((["-p", str(p)] for p in workers), [])],
                             stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    try:
        result = load(bin_dir, connections=16, rate=rate, seconds=seconds, warmup=0)
    finally:
        trace.send_signal(signal.SIGINT)
        trace.wait()
        proxy.stop()
    calls = {}
    for line in log.read_text().splitlines():
        parts = line.split()
        if len(parts) >= 5 and parts[0].replace(".", "").isdigit() and parts[-1] != "total":
            calls[parts[-1]] = int(parts[3])
    per = {name: round(count / result["completed"], 3) for name, count in calls.items() if count > result["completed"] / 50}
    return sum(calls.values()) / result["completed"], per


def allocations_per_request(proxy_class, bin_dir, requests=20000):
    """Calls of malloc and friends between two signals with a known number of requests between them, when warm."""
    proxy = proxy_class(bin_dir)
    counts = proxy.dir / "allocations"
    library = next(pathlib.Path(bin_dir).parent.glob("libbench-allocations.so"))
    proxy.start(env={"LD_PRELOAD": str(library), "WEFT_ALLOCATIONS": str(counts)})

    def snapshot(number):
        proxy.process.send_signal(signal.SIGUSR1)
        while not counts.exists() or len(counts.read_text().splitlines()) < number:
            time.sleep(0.01)

    try:
        load(bin_dir, connections=16, requests=requests)      # warm
        snapshot(1)
        load(bin_dir, connections=16, requests=1)             # what a run costs by itself
        snapshot(2)
        load(bin_dir, connections=16, requests=requests + 1)
        snapshot(3)
    finally:
        proxy.stop()
    first, second, third = map(int, counts.read_text().split())
    return ((third - second) - (second - first)) / requests


def memory(pid):
    """RSS and private dirty KiB."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    value = lambda key: int(re.search(rf"^{key}:\s+(\d+)", text, re.M).group(1))
    return value("Rss"), value("Private_Dirty")


def idle_memory(proxy_class, bin_dir, connections=4000):
    """(base RSS KiB, base private dirty KiB, private dirty KiB per idle connection that made one request)."""
    proxy = proxy_class(bin_dir).start()
    try:
        load(bin_dir, connections=1, requests=10)
        base = [memory(p) for p in proxy.pids()]
        command = [str(pathlib.Path(bin_dir) / "bench-load"), "--backend", str(BACKEND), "--connect", str(LISTEN),
                   "--connections", str(connections), "--requests", str(connections), "--idle", "30"]
        generator = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        generator.stdout.readline()
        time.sleep(5.0)    # pools toward the backend time out
        after = [memory(p) for p in proxy.pids()]
        generator.kill()
        generator.wait()
        grown = sum(a[1] for a in after) - sum(b[1] for b in base)
        return sum(b[0] for b in base), sum(b[1] for b in base), grown / connections
    finally:
        proxy.stop()


def cold_start_ms(proxy_class, bin_dir, runs=9):
    """exec to the first proxied 200, minimum and median over runs. The backend is up before."""
    backend = subprocess.Popen([str(pathlib.Path(bin_dir) / "bench-load"), "--backend", str(BACKEND)])
    times = []
    try:
        time.sleep(0.2)
        for _ in range(runs):
            times.append(_one_cold_start(proxy_class, bin_dir))
    finally:
        backend.kill()
        backend.wait()
    times.sort()
    return times[0], times[len(times) // 2]


def _one_cold_start(proxy_class, bin_dir):
    import socket

    proxy = proxy_class(bin_dir)
    command = proxy.command()
    start = time.monotonic()
    proxy.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while time.monotonic() - start < 10:
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", LISTEN)) != 0:
                    time.sleep(0.0002)
                    continue
                client.settimeout(5)
                client.sendall(b"GET / HTTP/1.1\r\nhost: bench.default\r\n\r\n")
                if client.recv(65536).startswith(b"HTTP/1.1 200"):
                    return (time.monotonic() - start) * 1000
        raise RuntimeError(f"{proxy_class.name} did not answer within 10 s")
    finally:
        proxy.stop()
