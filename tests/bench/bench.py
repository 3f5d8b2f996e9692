#!/usr/bin/env python3
"""Side-by-side cost of Weft, a raw relay, nginx and HAProxy; see docs/benchmarks.md for the method.

  bench.py --bin DIR            everything, as a table and as JSON in build/bench.json
  bench.py --bin DIR --gates    only what noise cannot touch, against the limits of CI; non-zero exit on a miss
"""
import argparse
import json
import pathlib
import shutil
import statistics
import sys

import measure
from proxies import ALL, Relay, Weft

GATES = {  # figure: limit
    "instructions per request": 12000,
    "syscalls per request": 6.5,
    "allocations per request": 0.01,
    "RSS from files, KiB": 8192,
    "private dirty from files, KiB": 5120,
    "KiB per idle connection": 2.0,
    "cold start, ms (minimum)": 15.0,
}


def check_floor(bin_dir):
    """The relay must be what it claims to be, else every ratio flatters us."""
    instructions = measure.instructions_per_request(Relay, bin_dir)
    syscalls, _ = measure.syscalls_per_request(Relay, bin_dir)
    print(f"relay: {instructions:.0f} user instructions, {syscalls:.2f} syscalls per request")
    if instructions > 200 or syscalls > 5.6:
        sys.exit("the relay costs more than 200 instructions or 5.6 syscalls per request: nothing is reported")
    return instructions, syscalls


def gate_figures(bin_dir):
    figures = {}
    figures["instructions per request"] = measure.instructions_per_request(Weft, bin_dir)
    print(f"instructions per request: {figures['instructions per request']:.0f}", flush=True)
    figures["syscalls per request"], per = measure.syscalls_per_request(Weft, bin_dir)
    print(f"syscalls per request: {figures['syscalls per request']:.2f} {per}", flush=True)
    figures["allocations per request"] = measure.allocations_per_request(Weft, bin_dir)
    print(f"allocations per request: {figures['allocations per request']:.4f}", flush=True)
    rss, dirty, idle = measure.idle_memory(Weft, bin_dir)
    figures["RSS from files, KiB"], figures["private dirty from files, KiB"] = rss, dirty
    figures["KiB per idle connection"] = idle
    figures["cold start, ms (minimum)"], median = measure.cold_start_ms(Weft, bin_dir)
    print(f"RSS {rss} KiB, private dirty {dirty} KiB, {idle:.2f} KiB per idle connection, "
          f"cold start {figures['cold start, ms (minimum)']:.1f} ms (median {median:.1f})", flush=True)
    return figures


def gates(bin_dir):
    figures = gate_figures(bin_dir)
    missed = [f"{name}: {figures[name]:.2f}, limit {limit}" for name, limit in GATES.items() if figures[name] > limit]
    print("\n".join(["missed:"] + missed) if missed else "all gates held")
    return 1 if missed else 0


def interleaved(bin_dir, rounds, **options):
    """Each round runs every proxy; medians and minima of the per-round ratios to the relay."""
    rows = {proxy.name: [] for proxy in ALL}
    for number in range(rounds):
        for proxy in ALL[number % len(ALL):] + ALL[:number % len(ALL)]:
            rows[proxy.name].append(measure.cpu_per_request(proxy, bin_dir, **options))
        print(f"  round {number + 1} of {rounds}: " + ", ".join(
            f"{name} {runs[-1]['cpu_us']:.1f} µs" for name, runs in rows.items()), flush=True)
    middle = statistics.median(run["cpu_us"] for run in rows["relay"])
    good = [i for i in range(rounds) if abs(rows["relay"][i]["cpu_us"] / middle - 1) <= 0.15]
    table = {}
    for name, runs in rows.items():
        ratios = [runs[i]["cpu_us"] / rows["relay"][i]["cpu_us"] for i in good]
        table[name] = {"us": statistics.median(runs[i]["cpu_us"] for i in good), "ratio": statistics.median(ratios),
                       "ratio_min": min(ratios), "p50": statistics.median(runs[i]["p50_us"] for i in good),
                       "p99": statistics.median(runs[i]["p99_us"] for i in good),
                       "rps": statistics.median(runs[i]["rps"] for i in good), "rounds": len(good)}
    return table


def print_table(title, table):
    print(f"\n{title}\n{'':10}{'µs/req':>9}{'÷ relay':>9}{'(min)':>8}{'p50 µs':>9}{'p99 µs':>9}{'rps':>10}{'rounds':>8}")
    for name, row in table.items():
        print(f"{name:10}{row['us']:9.1f}{row['ratio']:9.2f}{row['ratio_min']:8.2f}{row['p50']:9.0f}{row['p99']:9.0f}"
              f"{row['rps']:10.0f}{row['rounds']:8}")


def everything(bin_dir, rounds):
    real_time = shutil.which("chrt") is not None
    floor = check_floor(bin_dir)
    result = {"relay": {"instructions": floor[0], "syscalls": floor[1]}, "weft": gate_figures(bin_dir)}
    for title, options in {
        "H1 1 KiB at 10k rps": dict(rate=10000, seconds=2.0),
        "H1 1 KiB saturated": dict(seconds=1.0),
        "H1 16 KiB saturated": dict(seconds=1.0, body=16384),
    }.items():
        print(f"\n{title}")
        result[title] = interleaved(bin_dir, rounds, real_time=real_time, **options)
        print_table(title, result[title])
    out = pathlib.Path("build/bench.json")
    out.write_text(json.dumps(result, indent=1))
    print(f"\nwritten to {out}")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default="build/release/bin")
    parser.add_argument("--gates", action="store_true")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    if arguments.gates:
        return gates(arguments.bin)
    return everything(arguments.bin, arguments.rounds)


if __name__ == "__main__":
    sys.exit(main())
