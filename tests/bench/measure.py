"""One figure at a time: what a run of the load generator says, and what the kernel or valgrind counted meanwhile."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

from proxies import BACKEND, LISTEN, WeftControlled


def pinned(core, real_time=False):
    return ["taskset", "-c", str(core)] + (["chrt", "-r", "1"] if real_time else [])


def generator(bin_dir, connect, options):
    command = [str(pathlib.Path(bin_dir) / "bench-load"), "--backend", str(BACKEND), "--connect", str(connect)]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    return command


def load(bin_dir, core=0, connect=LISTEN, **options):
    """Runs the generator with its own backend; raises unless each response was right."""
    command = pinned(core) + generator(bin_dir, connect, options)
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


def steal():
    """(stolen, all) ticks of the machine so far."""
    ticks = list(map(int, pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:9]))
    return ticks[7], sum(ticks)


def cpu_per_request(proxy_class, bin_dir, real_time=False, **options):
    """µs of the proxy's CPU per request, warm-up included in both; a fresh process on core 1. At a fixed rate it has
    real-time priority; never what uses a whole core, because the kernel stops that for 50 ms of each second."""
    proxy = proxy_class(bin_dir).start(pinned(1, real_time and "rate" in options))
    try:
        before, stolen = cpu_ns(proxy.pids()), steal()
        result = load(bin_dir, connect=proxy.connect, **options)
        after = steal()
        result["cpu_us"] = (cpu_ns(proxy.pids()) - before) / 1000 / result["completed"]
        result["steal"] = (after[0] - stolen[0]) / max(1, after[1] - stolen[1])
        if getattr(proxy, "counted", None):
            check_totals(proxy, result["completed"], result["sent"])
        return result
    finally:
        proxy.stop()


def check_totals(proxy, completed, sent):
    """One metric count and one decision record per request, or the run does not count. What was sent and not answered
    when the generator stopped may have been read or not."""
    end = time.monotonic() + 5
    while time.monotonic() < end:   # those not answered end soon
        metric, number, gapless = proxy.counted()
        if completed <= metric <= sent and number == metric and gapless > 0:
            return
        time.sleep(0.05)
    raise RuntimeError(f"{completed} of {sent} requests were answered, the metric counts {metric}, the newest record "
                       f"is of request {number}, {gapless} records up to it have no gap")


def _collected(proxy_class, bin_dir, requests):
    proxy = proxy_class(bin_dir)
    out = proxy.dir / "callgrind.out.%p"   # a file per process: nginx has two
    proxy.start(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"])
    try:
        load(bin_dir, connections=16, requests=requests)
    finally:
        proxy.process.terminate()
        proxy.process.wait(60)
        sums = [int(re.search(r"^(?:summary|totals): (\d+)", f.read_text(), re.M).group(1))
                for f in proxy.dir.glob("callgrind.out*")]
        proxy.stop()
    return sum(sums)


def instructions_per_request(proxy_class, bin_dir, short=2000, long=12000):
    """User instructions: the slope between a short and a long run, so that starting up does not count."""
    few, many = (_collected(proxy_class, bin_dir, n) for n in (short, long))
    return (many - few) / (long - short)


def syscalls_per_request(proxy_class, bin_dir, rate=2000, seconds=2.0):
    """From strace, all threads, at a rate at which little is batched. (all, {name: per request} of the frequent ones)"""
    proxy = proxy_class(bin_dir).start()
    log = proxy.dir / "strace"
    workers = proxy.pids()[-1:] if proxy_class.name == "nginx" else proxy.pids()[:1]
    trace = subprocess.Popen(["strace", "-c", "-f", "-o", str(log), *sum((["-p", str(p)] for p in workers), [])],
                             stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    try:
        result = load(bin_dir, connections=16, rate=rate, seconds=seconds, warmup=0)
        trace.send_signal(signal.SIGINT)
        trace.wait()
        lines = log.read_text().splitlines()
    finally:
        trace.kill()
        proxy.stop()
    calls = {}
    for parts in map(str.split, lines):
        if len(parts) >= 5 and parts[0].replace(".", "").isdigit() and parts[-1] != "total":
            calls[parts[-1]] = int(parts[3])
    frequent = {name: round(count / result["completed"], 2) for name, count in calls.items() if count > result["completed"] / 50}
    return sum(calls.values()) / result["completed"], frequent


def allocations_per_request(proxy_class, bin_dir, requests=20000):
    """Calls of malloc and friends between two signals with a known number of requests between them, when warm."""
    proxy = proxy_class(bin_dir)
    counts = proxy.dir / "allocations"
    library = next(pathlib.Path(bin_dir).resolve().parent.glob("libbench-allocations.so"))
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
        first, second, third = map(int, counts.read_text().split())
    finally:
        proxy.stop()
    return ((third - second) - (second - first)) / requests


def memory(pids):
    """RSS and private dirty KiB. Pages of a program that was just built are dirty until they are on the disk."""
    os.sync()
    text = "".join(pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids)
    value = lambda key: sum(map(int, re.findall(rf"^{key}:\s+(\d+)", text, re.M)))
    return value("Rss"), value("Private_Dirty")


def served_memory(proxy_class, bin_dir, requests=20000):
    """RSS and private dirty KiB after 64 connections made `requests` requests."""
    proxy = proxy_class(bin_dir).start()
    try:
        load(bin_dir, connections=64, requests=requests)
        figures = memory(proxy.pids())
        if getattr(proxy, "counted", None):
            check_totals(proxy, requests, requests)
        return figures
    finally:
        proxy.stop()


def idle_connection_kib(proxy_class, bin_dir, connections=4000, at_once=16):
    """Private dirty KiB per idle keep-alive connection that made one request, `at_once` of them at a time."""
    proxy = proxy_class(bin_dir).start()
    try:
        load(bin_dir, connections=64, requests=20000)    # what the first requests allocate is there
        load(bin_dir, connections=64, at_once=at_once, requests=1000)
        before = memory(proxy.pids())[1]
        idle = subprocess.Popen(
            generator(bin_dir, LISTEN, dict(connections=connections, requests=connections, at_once=at_once, idle=60)),
            stdout=subprocess.PIPE, text=True)
        if idle.stdout.readline() != "idle\n":
            raise RuntimeError("load generator: no idle connections")
        after = memory(proxy.pids())[1]
        idle.kill()
        idle.wait()
        return (after - before) / connections
    finally:
        proxy.stop()


def cold_start_ms(proxy_class, bin_dir, runs=9):
    """exec to the first proxied 200, minimum and median over runs. The backend is up before."""
    return _starts(bin_dir, runs, lambda: proxy_class(bin_dir))


def cached_start_ms(bin_dir, runs=9):
    """The same for an agent whose control plane is gone: it starts from its cache."""
    first = WeftControlled(bin_dir).start()
    try:
        load(bin_dir, connections=1, requests=10)
        first.stop_control()
        first.process.terminate()
        first.process.wait()

        def again():
            agent = WeftControlled(bin_dir)
            agent.dir, agent.control, agent.control_port = first.dir, None, first.control_port
            return agent

        return _starts(bin_dir, runs, again, keep=True)
    finally:
        first.stop()


def controlled_start_ms(bin_dir, runs=9):
    """The same for an agent that has no cache: its configuration comes from a control plane that is up."""
    first = WeftControlled(bin_dir)
    first.start_control()

    def again():
        agent = WeftControlled(bin_dir)
        agent.control, agent.control_port = None, first.control_port
        return agent

    try:
        return _starts(bin_dir, runs, again)
    finally:
        first.stop_control()
        shutil.rmtree(first.dir, ignore_errors=True)


def _starts(bin_dir, runs, make, keep=False):
    backend = subprocess.Popen([str(pathlib.Path(bin_dir) / "bench-load"), "--backend", str(BACKEND)])
    try:
        time.sleep(0.2)
        times = sorted(_one_start(make(), keep) for _ in range(runs))
    finally:
        backend.kill()
        backend.wait()
    return times[0], times[len(times) // 2]


def _one_start(proxy, keep):
    command = proxy.command()
    start = time.monotonic()
    proxy.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while time.monotonic() - start < 10:
            if _answers():
                return (time.monotonic() - start) * 1000
            time.sleep(0.0002)
        raise RuntimeError(f"{proxy.name} did not answer within 10 s")
    finally:
        if keep:
            proxy.process.terminate()
            proxy.process.wait(10)
        else:
            proxy.stop()


def _answers():
    with socket.socket() as client:
        if client.connect_ex(("127.0.0.1", LISTEN)) != 0:
            return False
        client.settimeout(5)
        client.sendall(b"GET / HTTP/1.1\r\nhost: bench.default\r\n\r\n")
        return client.recv(65536).startswith(b"HTTP/1.1 200")
