# SPDX-License-Identifier: Apache-2.0
"""The figures of a run: named numbers, the bounds that some of them have to keep, raw samples and curves; and their file."""
import datetime
import json
import os
import statistics
import subprocess

# What has to be reached: at least, or at most.
BOUNDS = {
    "provision.cpu_ratio_to_floor": (">=", 0.75),
    "provision.wall_ratio_to_floor": (">=", 0.70),
    "checkin.cpu_ratio_to_udp_floor": (">=", 0.45),
    "provision.store_round_trips_per_device": ("<=", 0.05),
    "checkin.store_round_trips_per_device": ("==", 0),
    "provision.security_server_round_trips_per_device": ("==", 0),
    "provision.datagrams_per_device": ("==", 2),
    "provision.p99_ms_at_70_percent": ("<=", 25),
    "overload.goodput_ratio": (">=", 0.90),
    "attack.malformed.loss_over_share": ("<=", 1),
    "attack.forged_flights.loss_over_share": ("<=", 1),
    "attack.forged_check_ins.loss_over_share": ("<=", 1),
    "attest.us_over_plain": ("<=", 15),
    "store.bytes_per_device": ("<=", 900),
    "server.rss_bytes_per_device": ("<=", 16),
    "pg.ratio_to_sqlite": (">=", 0.50),
    "large.rate_ratio": (">=", 0.80),
    "large.rate_ratio_cold": (">=", 0.50),
}
KEEPS = {">=": lambda value, bound: value >= bound, "<=": lambda value, bound: value <= bound, "==": lambda value, bound: value == bound}
SIGNS = {">=": "at least", "<=": "at most", "==": "exactly"}


def reached(name, value):
    sign, bound = BOUNDS[name]
    return KEEPS[sign](value, bound)


def rounded(value):
    """Six digits are more than any of this is worth."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


class Figures:
    """@judge: whether bounds are looked at; a run with tiny numbers only shows that all is measured."""

    def __init__(self, machine, judge=True):
        self.judge = judge
        self.values = {}
        self.samples = {}
        self.curves = {}
        self.about = {"machine": machine, "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
                      "commit": commit(), "load_average_before": round(os.getloadavg()[0], 2)}

    def set(self, name, value):
        self.values[name] = rounded(value)
        print(self.line(name) if name in BOUNDS else f"  {name:<52} {self.values[name]:>12g}", flush=True)

    def median(self, name, values):
        """The median of several measurements, which are kept."""
        self.samples[name] = [rounded(v) for v in values]
        self.set(name, statistics.median(values))

    def line(self, name):
        sign, bound = BOUNDS[name]
        verdict = "" if not self.judge else "ok" if reached(name, self.values[name]) else "NOT REACHED"
        return f"  {name:<52} {self.values[name]:>12g}   {SIGNS[sign]} {bound:g}   {verdict}".rstrip()

    def missed(self):
        return [name for name in BOUNDS if name in self.values and not reached(name, self.values[name])] if self.judge else []

    def table(self):
        return "\n".join(self.line(name) for name in BOUNDS if name in self.values)

    def write(self, path):
        """Into the file, in one step; returns all that is in it. What an earlier run of the other size measured (large.…, or all else) stays if it was this commit's."""
        merged = {**earlier(path, self.about), **self.about, **self.values}
        merged["samples"] = {**merged.get("samples", {}), **self.samples}
        merged["curves"] = {**merged.get("curves", {}), **self.curves}
        with open(path + ".new", "w", encoding="utf-8") as f:
            json.dump(merged, f, indent=1)
            f.write("\n")
        os.replace(path + ".new", path)
        return merged


def commit():
    here = os.path.dirname(os.path.abspath(__file__))
    done = subprocess.run(["git", "-c", "safe.directory=*", "-C", here, "describe", "--always", "--dirty", "--abbrev=12"], capture_output=True,
                          text=True, check=False)
    return done.stdout.strip() or "unknown"


def earlier(path, about):
    try:
        with open(path, encoding="utf-8") as f:
            old = json.load(f)
    except (OSError, ValueError):
        return {}
    same = old.get("commit") == about["commit"] and old.get("machine") == about["machine"]
    return old if same else {}
