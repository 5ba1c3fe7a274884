#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measure samarad against its floors, in one run: floors and program take turns, samarad has one core, its load another.

usage: bench.py --build DIR [--large | --quick] [--devices N] [--only CASE]... [--out FILE]

Prints each figure, and at the end the table of those that have a bound (tests/bench/figures.py); writes them with all samples to
DIR/bench.json. Exit code 0: all measured, all bounds kept; 1: a bound was missed, or a program failed; the last lines name which.
--large puts ten million devices into the store. --quick measures next to nothing, and judges nothing: it shows that everything runs.
"""
import argparse
import dataclasses
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases  # noqa: E402
import page  # noqa: E402
from figures import Figures  # noqa: E402
from ground import Failed, Ground, machine  # noqa: E402

NORMAL = ("store_sizes", "stock", "provisioning", "attestation", "check_ins", "batch_sizes", "offered_load", "overload", "postgresql", "attack")
LARGE = ("large",)


def parse():
    parser = argparse.ArgumentParser(description="Measure samarad against its floors.")
    parser.add_argument("--build", required=True, help="build directory")
    parser.add_argument("--large", action="store_true", help="ten million devices")
    parser.add_argument("--quick", action="store_true", help="tiny numbers, nothing judged")
    parser.add_argument("--devices", type=int, help="in the store, instead of a million (or ten)")
    parser.add_argument("--only", action="append", help="only this case (and those it stands on have to be named too)")
    parser.add_argument("--out", help="instead of DIR/bench.json")
    return parser.parse_args()


def size_of(args):
    size = cases.QUICK if args.quick else cases.Size()
    if args.large:
        size = dataclasses.replace(size, devices=size.devices if args.quick else 10_000_000)
    return dataclasses.replace(size, devices=args.devices) if args.devices else size


def run(args, ground, figures):
    bench = cases.Bench(ground, figures, size_of(args))
    for name in args.only or (LARGE if args.large else NORMAL):
        case = getattr(cases, name)
        start = time.monotonic()
        print(f"{name}: {' '.join(case.__doc__.split())}", flush=True)
        case(bench)
        print(f"  ({time.monotonic() - start:.1f} s)", flush=True)


def main():
    args = parse()
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(143))  # by way of all clean-up
    out = args.out or os.path.join(args.build, "bench.json")
    ground = Ground(args.build)
    figures = Figures(machine(), judge=not args.quick)
    try:
        run(args, ground, figures)
    except Failed as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1
    finally:
        ground.close()
    written = figures.write(out)
    page.plots(written, os.path.join(args.build, "performance"))
    print(f"\n{figures.table()}\n\nwritten to {out}, plots to {os.path.join(args.build, 'performance')}")
    if figures.missed():
        print("NOT REACHED: " + ", ".join(figures.missed()))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
