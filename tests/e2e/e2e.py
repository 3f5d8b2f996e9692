#!/usr/bin/env python3
"""The mesh on a real Kubernetes (tests/e2e/cluster): manifests, injection, transparent traffic, rolling restarts under load, a
Job, refusals, and parts of it killed meanwhile. Prints what it measured; fails at the first thing that is not so.
Usage: e2e.py [--quick] [--restarts N] [--rate N] [--away SECONDS] [--only NAME,…] [--keep] [--cluster DIR] [--bin DIR]"""
import argparse
import pathlib
import signal
import sys
import tempfile

import admission
import basics
import failures
import routes
from conformance import FIVE, conformance
from kube import ROOT, Cluster, say
from restarts import restarts

QUICK_SECONDS = 470


def diagnose(cluster):
    for words in (["get", "pods", "-A", "-o", "wide"], ["-n", "weft-system", "logs", "deployment/weft-control", "--tail", "60"],
                  ["-n", "shop", "describe", "pods"], ["-n", "shop", "logs", "client", "-c", "weft-agent", "--tail", "40"],
                  ["-n", "shop", "logs", "-l", "app=load", "-c", "weft-agent", "--tail", "40"],
                  ["-n", "shop", "logs", "-l", "app=web", "-c", "weft-agent", "--tail", "20"],
                  ["-n", "shop", "logs", "-l", "app=web", "-c", "weft-init", "--tail", "20"]):
        done = cluster.kubectl("--request-timeout", "5s", *words, check=False)
        print(f"--- kubectl {' '.join(words)}\n{(done.stdout + done.stderr)[-6000:]}", file=sys.stderr)


def scenes(args):
    """What is shown, in this order; `quick` or not."""
    restarted = args.restarts or (3 if args.quick else 50), args.rate or (100 if args.quick else 500)
    always = {
        "transparent": basics.transparent,
        "outside": basics.from_outside,
        "refusals": basics.refusals,
        "job": basics.job,
        "latency": lambda cluster: admission.latency(cluster, 200 if args.quick else 1000),
        "restarts": lambda cluster: restarts(cluster, *restarted),
        "control": failures.control_plane_away}
    longer = {
        "rotation": lambda cluster: admission.rotation(cluster, 15, 60),
        "memory": failures.out_of_memory,
        "api": lambda cluster: failures.api_server_away(cluster, args.away),
        "frozen": lambda cluster: failures.frozen(cluster, args.away),
        "rights": failures.rights_lost,
        "node": failures.node_lost,
        "conformance": lambda cluster: conformance(cluster, FIVE),
        "routes": routes.run}
    return always if args.quick else {**always, **longer}


def run(cluster, args):
    cluster.up()
    say("the cluster is up")
    basics.install(cluster, pathlib.Path(args.bin))
    basics.application(cluster)
    for name, scene in scenes(args).items():
        if not args.only or name in args.only.split(","):
            scene(cluster)


def interrupted(number, _):
    raise SystemExit(f"e2e: ended by {signal.Signals(number).name}" + (", it took too long" if number == signal.SIGALRM else ""))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--restarts", type=int)
    parser.add_argument("--rate", type=int)
    parser.add_argument("--away", type=int, default=60, help="seconds that the API server is away")
    parser.add_argument("--only", help="these scenes")
    parser.add_argument("--keep", action="store_true", help="leave the cluster up")
    parser.add_argument("--cluster", help="use the one in this folder")
    parser.add_argument("--bin", default=str(ROOT / "build/release/bin"))
    args = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, interrupted)
    signal.alarm(QUICK_SECONDS if args.quick else 0)
    cluster = Cluster(args.cluster or tempfile.mkdtemp(prefix="weft-e2e-"), args.cluster is None, 1 if args.quick else 2)
    try:
        run(cluster, args)
    except BaseException:
        if cluster.is_up():
            diagnose(cluster)
        raise
    finally:
        if not args.keep:
            cluster.down()
    say("everything above was checked")


if __name__ == "__main__":
    main()
