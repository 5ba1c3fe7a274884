#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How near `samara sho seal` comes to the bare public-key operations (tests/bench/seal_bare.c) on all cores of this machine, in one run;
then the same files through `samara ro load` and `samara-auc load`. Prints what it measured and writes it as JSON.

usage: bench_seal.py --build DIR [--devices N] [--out FILE]

Two ratios: of rates by the wall clock, which is right on an idle machine alone, and of processor time per device, which other
programs disturb less. The bare rate is measured before and after, so that a machine that slows down is seen.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from world import eid  # noqa: E402


class Bench:
    def __init__(self, build, devices):
        self.build, self.devices = os.path.abspath(build), devices
        self.samara = os.path.join(self.build, "cli", "samara")
        self.auc = os.path.join(self.build, "auc", "samara-auc")
        self.bare = os.path.join(self.build, "tests", "bench", "seal_bare")
        self.base = tempfile.mkdtemp(prefix="samara-bench-")

    def path(self, *names):
        return os.path.join(self.base, *names)

    def run(self, *argv, show=False):
        """Seconds by the wall clock, seconds of processor, most memory in octets."""
        start = time.monotonic()
        child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=None if show else subprocess.PIPE)
        problem = b"" if show else child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            raise SystemExit(f"{argv} ended with {child.returncode}: {problem.decode(errors='replace')}")
        return {"seconds": round(time.monotonic() - start, 2), "processor": round(usage.ru_utime + usage.ru_stime, 2),
                "memory": usage.ru_maxrss * 1024}

    def players(self):
        for role in ("supplier", "sho", "ro"):
            self.run(self.samara, role, "init", "--dir", self.path(role), "--name", role)
        self.run(self.auc, "init", "--dir", self.path("auc"), "--name", "auc")
        self.card = {role: self.path(role, role + ".card") for role in ("supplier", "sho", "ro", "auc")}
        for role, program in (("supplier", [self.samara, "supplier"]), ("sho", [self.samara, "sho"]), ("ro", [self.samara, "ro"]),
                              ("auc", [self.auc])):
            self.run(*program, "trust", "--dir", self.path(role), "--yes", *(c for r, c in self.card.items() if r != role))

    def inputs(self):
        points = subprocess.Popen([self.bare, "points", str(self.devices)], stdout=subprocess.PIPE, text=True)
        with open(self.path("devices.csv"), "w", encoding="ascii") as f:
            f.write("eid,d,t\n")
            f.writelines(f"{eid(n)},{line}" for n, line in enumerate(points.stdout))
        if points.wait() != 0:
            raise SystemExit("no points")
        self.run(self.samara, "supplier", "shipment", "--dir", self.path("supplier"), "--number", 1, "--csv", self.path("devices.csv"),
                 "--anchor", self.card["sho"])
        self.run(self.samara, "supplier", "ship", "--dir", self.path("supplier"), "--number", 1, "--out", self.path("shipment.smr"))
        self.run(self.samara, "sho", "make", "--dir", self.path("sho"), "--count", self.devices, "--imsi", "001010000000000", "--iccid",
                 "898820000000000000", "--algorithm", "milenage", self.path("subs.csv"))

    def bare_rate(self, seconds=8):
        done = subprocess.run([self.bare, str(seconds), str(os.cpu_count())], check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout)

    def seal(self):
        return self.run(self.samara, "sho", "seal", "--dir", self.path("sho"), "--shipment", self.path("shipment.smr"), "--subscriptions",
                        self.path("subs.csv"), "--ro", self.card["ro"], "--auc", self.card["auc"], "--out", self.path("batch.smr"),
                        "--auc-out", self.path("subscriptions.smr"), show=True)

    def measure(self):
        before = self.bare_rate()
        seal = self.seal()
        after = self.bare_rate()
        bare = {key: (before[key] + after[key]) / 2 for key in before}
        rate = self.devices / seal["seconds"]
        result = {"devices": self.devices, "cores": os.cpu_count(), "bare_before": before, "bare_after": after, "seal": seal,
                  "seal_per_second": round(rate, 1), "seal_processor_us": round(seal["processor"] / self.devices * 1e6, 2),
                  "ratio_wall": round(rate / bare["per_second"], 3),
                  "ratio_processor": round(bare["processor_us"] / (seal["processor"] / self.devices * 1e6), 3)}
        result["ro_load_shipment"] = self.run(self.samara, "ro", "load", "--dir", self.path("ro"), self.path("shipment.smr"))
        result["ro_load_batch"] = self.run(self.samara, "ro", "load", "--dir", self.path("ro"), self.path("batch.smr"))
        result["auc_load"] = self.run(self.auc, "load", "--dir", self.path("auc"), self.path("subscriptions.smr"))
        result["octets"] = {name: os.path.getsize(self.path(name)) for name in
                            ("shipment.smr", "subs.csv", "batch.smr", "subscriptions.smr", "sho/sho.db", "ro/samara.db", "auc/auc.db")}
        return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--devices", type=int, default=100000)
    parser.add_argument("--out")
    args = parser.parse_args()
    bench = Bench(args.build, args.devices)
    try:
        bench.players()
        bench.inputs()
        result = bench.measure()
    finally:
        shutil.rmtree(bench.base)
    text = json.dumps(result, indent=2)
    print(text)
    with open(args.out or os.path.join(args.build, "bench-seal.json"), "w", encoding="utf-8") as f:
        f.write(text + "\n")


main()
