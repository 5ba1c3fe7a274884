# SPDX-License-Identifier: Apache-2.0
"""The bench measures everything it should and judges by its bounds. What it measures is not looked at here, but for what is no matter of time."""
import json
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
BENCH = os.path.join(HERE, "..", "bench")
BUILD = os.environ.get("SAMARA_BUILD", "build")
sys.path.insert(0, BENCH)
import page  # noqa: E402
from figures import BOUNDS, Figures, reached  # noqa: E402

# What a rate or a latency is, and how full batches are, only an idle machine knows; these are counted.
COUNTED = ("checkin.store_round_trips_per_device", "provision.security_server_round_trips_per_device", "store.bytes_per_device")


def bench(*words):
    return subprocess.run(["/usr/bin/python3", os.path.join(BENCH, "bench.py"), "--build", BUILD, "--quick", *words], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


class Measured(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.TemporaryDirectory(dir=BUILD)
        cls.addClassCleanup(cls.dir.cleanup)
        cls.out = os.path.join(cls.dir.name, "bench.json")
        for words in ((), ("--large",)):
            done = bench("--out", cls.out, *words)
            if done.returncode != 0:
                raise AssertionError(done.stdout)
        with open(cls.out, encoding="utf-8") as f:
            cls.b = json.load(f)

    def test_every_figure_that_has_a_bound_is_measured(self):
        self.assertEqual(set(BOUNDS) - set(self.b), set())

    def test_what_is_counted_keeps_its_bound_at_any_speed(self):
        for name in COUNTED:
            self.assertTrue(reached(name, self.b[name]), f"{name}: {self.b[name]}")
        if not any(run["retransmissions"] for run in self.b["samples"]["provision"]):
            self.assertEqual(self.b["provision.datagrams_per_device"], 2)

    def test_file_says_where_and_when_and_keeps_every_sample(self):
        self.assertEqual({"cpu", "cores", "kernel", "openssl", "sqlite", "memory_bytes"}, set(self.b["machine"]))
        for name in ("date", "commit"):
            self.assertTrue(self.b[name])
        for name in ("floor.flight", "floor.echo", "provision", "checkin", "overload", "large.rate"):
            self.assertTrue(self.b["samples"][name], name)

    def test_plan_has_all_it_needs(self):
        done = subprocess.run([os.path.join(BUILD, "cli", "samara"), "plan", "--devices", "1000000000", "--bench", self.out, "--json"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_page_and_plots_are_made_from_it(self):
        with open(os.path.join(HERE, "..", "..", "docs", "performance.md"), encoding="utf-8") as f:
            text = page.fill(f.read(), self.b)
        for name in BOUNDS:
            if name in self.b:
                self.assertIn(f"`{name}`", text)
        plots = os.path.join(self.dir.name, "plots")
        page.plots(self.b, plots)
        self.assertEqual(sorted(os.listdir(plots)), sorted(f"{name}.svg" for name in page.PLOTS))
        for name in os.listdir(plots):
            xml.etree.ElementTree.parse(os.path.join(plots, name))


class Judged(unittest.TestCase):
    def test_figure_on_the_wrong_side_of_its_bound_is_named(self):
        for name, (sign, bound) in BOUNDS.items():
            off = bound * 0.01 + 0.001
            for value in (bound, bound + off, bound - off):
                figures = Figures({})
                figures.values[name] = value
                good = value == bound or (value > bound) == (sign == ">=") and sign != "=="
                self.assertEqual(figures.missed(), [] if good else [name], (name, value))
                self.assertEqual("NOT REACHED" in figures.table(), not good)

    def test_file_of_another_commit_is_not_mixed_with(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "bench.json")
            first = Figures({"cpu": "a"})
            first.values["large.rate_ratio"] = 0.9
            first.write(path)
            self.assertIn("large.rate_ratio", Figures({"cpu": "a"}).write(path))
            self.assertNotIn("large.rate_ratio", Figures({"cpu": "b"}).write(path))


if __name__ == "__main__":
    unittest.main()
