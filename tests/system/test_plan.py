# SPDX-License-Identifier: Apache-2.0
"""samara plan: from one bench.json (plan_bench.json), against numbers that were worked out by hand."""
import json
import os
import re
import subprocess
import tempfile
import unittest

SAMARA = os.path.join(os.environ.get("SAMARA_BUILD", "build"), "cli", "samara")
HERE = os.path.dirname(os.path.abspath(__file__))
DOCS = os.path.join(HERE, "..", "..", "docs")
BENCH = os.path.join(HERE, "plan_bench.json")
PRICES = ("--price-core-hour", "0.05", "--price-gb-month", "0.1", "--price-gb-traffic", "0.01")

# 864 million devices, a check-in a day, a flight every ten days: 10,000 check-ins and 1,000 flights a second.
BY_HAND = {
    "F1": 10_000, "F2": 1_000,
    "F3": 0.5,                      # (10,000 · 10 µs + 1,000 · 250 µs) / 0.7
    "F4": 308_571.428571,           # 864 · 10^6 / (1 core · 0.7 · 4,000/s)
    "F5": 734.4e9,                  # · 850 octets, the larger of the two
    "F6": 1.728e9,                  # · 2 octets
    "F7": 30,                       # 1,000 · 0.03
    "F8": 14.8e6,                   # 8 · (10,000 · 160 + 1,000 · 250)
    "F9": 20e6,                     # 8 · (10,000 · 200 + 1,000 · 500)
    "F10": 158_775,                 # 365 · 360 + 36.5 · 750
    "F11": 5.26,                    # 8 s · 0.545 W + 10 s · 0.09 W
    "F12": 9.0625,                  # 12.5 s · 0.545 W + 25 s · 0.09 W
    "F13": 2250.68125,              # 365 · 5.26 + 36.5 · 9.0625
    "F14": 438,                     # 1 core · 8,760 h · 0.05
    "F15": 881.28,                  # 734.4 GB · 12 · 0.1
    "F16": 1371.816,                # 137,181.6 GB · 0.01
}


def run(*words, bench=BENCH):
    return subprocess.run([SAMARA, "plan", "--bench", bench, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def lines(*words):
    done = run("--json", *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["lines"]


def values(*words):
    return {line["formula"]: line["value"] for line in lines(*words)}


class Numbers(unittest.TestCase):
    WORDS = ("--devices", "864000000", "--check-in", "24h", "--flight", "10d")

    def test_every_line_is_what_was_worked_out_by_hand(self):
        found = values(*self.WORDS, *PRICES)
        self.assertEqual(list(found), list(BY_HAND))
        for formula, value in BY_HAND.items():
            self.assertAlmostEqual(found[formula] / value, 1, 9, formula)

    def test_options_change_what_they_should(self):
        def changed(*words):
            after = values(*self.WORDS, *PRICES, *words)
            return {f for f in BY_HAND if abs(after[f] / BY_HAND[f] - 1) > 1e-9}
        self.assertEqual(changed("--cores", "2"), {"F4"})
        self.assertEqual(changed("--utilisation", "50"), {"F3", "F4"})  # 0.7 of a core is still one core, which is idle more often
        self.assertEqual(changed("--header", "0"), {"F8", "F9", "F10", "F11", "F12", "F13", "F16"})
        for option in ("--uplink", "--downlink"):
            self.assertEqual(changed(option, "320"), {"F11", "F12", "F13"})
        for option in ("--tx-power", "--rx-power"):
            self.assertEqual(changed(option, "0.2"), {"F11", "F12", "F13"})

    def test_cost_without_a_price_is_not_guessed(self):
        self.assertEqual(set(BY_HAND) - set(values(*self.WORDS)), {"F14", "F15", "F16"})
        self.assertEqual(set(BY_HAND) - set(values(*self.WORDS, "--price-gb-month", "0.1")), {"F14", "F16"})

    def test_a_day_between_check_ins_and_30_between_flights_unless_said(self):
        self.assertEqual(values("--devices", "2592000"), values("--devices", "2592000", "--check-in", "1d", "--flight", "720h"))

    def test_text_says_the_same_in_units_for_people(self):
        text = run(*self.WORDS, *PRICES).stdout
        for line in ("F3   processor cores for both                       0.5 cores", "F4   time to provision all                          3.57 days",
                     "F5   store                                          734 GB", "F8   bandwidth towards the server                   14.8 Mbit/s",
                     "F11  energy on the air, one check-in                5.26 J"):
            self.assertIn(line + "\n", text)
        self.assertEqual(len(text.splitlines()), len(BY_HAND))


class Documented(unittest.TestCase):
    def test_every_line_has_its_formula(self):
        with open(os.path.join(DOCS, "capacity.md"), encoding="utf-8") as f:
            rows = dict(re.findall(r"^\| (F\d+) \| `(\w+)` \|", f.read(), re.M))
        self.assertEqual(rows, {line["formula"]: line["name"] for line in lines("--devices", "1", *PRICES)})

    def test_every_figure_that_goes_in_is_named(self):
        with open(os.path.join(DOCS, "capacity.md"), encoding="utf-8") as f:
            text = f.read()
        with open(BENCH, encoding="utf-8") as f:
            for name in json.load(f):
                self.assertIn(f"`{name}`", text)


class BadInput(unittest.TestCase):
    def assert_ends(self, done, code, *words):
        self.assertEqual(done.returncode, code, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertEqual(done.stdout, "")

    def test_usage_wrong_is_code_2(self):
        for words in ((), ("--devices", "0"), ("--devices", "1e9"), ("--devices", "5", "--check-in", "0"), ("--devices", "5", "--uplink", "0"),
                      ("--devices", "5", "--uplink", "nan"), ("--devices", "5", "--price-core-hour", "-1"), ("--devices", "5", "--utilisation", "101"),
                      ("--devices", "5", "--tx-power", "0.5W")):
            self.assert_ends(run(*words), 2, "samara plan --help")

    def test_figure_missing_or_no_number_is_named(self):
        with open(BENCH, encoding="utf-8") as f:
            whole = json.load(f)
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "bench.json")
            for name in whole:
                for wrong in ({}, {name: "5"}, {name: None}, {name: -1}):
                    with open(path, "w", encoding="utf-8") as f:
                        json.dump({**{k: v for k, v in whole.items() if k != name}, **wrong}, f)
                    self.assert_ends(run("--devices", "5", bench=path), 1, path, f"«{name}»", "make bench")

    def test_file_missing_or_no_json_says_what_to_do(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "bench.json")
            self.assert_ends(run("--devices", "5", bench=path), 1, path, "make bench")
            with open(path, "w", encoding="utf-8") as f:
                f.write('{"checkin.cpu_us": 1,\n}')
            self.assert_ends(run("--devices", "5", bench=path), 1, path, "line 2")


if __name__ == "__main__":
    unittest.main()
