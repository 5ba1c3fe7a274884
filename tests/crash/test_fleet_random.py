# SPDX-License-Identifier: Apache-2.0
"""samara-fleet drives hundreds of devices over a bad network while samarad is killed at random and started again. Then all settle, and what each
TRE holds is compared with what the store says: nothing that was answered is lost, nothing is allocated twice.

SECONDS: how long (15; in make test-long 300). SAMARA_SEED: the schedule of an earlier run, which prints it.
"""
import json
import os
import random
import sqlite3
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from world import World, copy_program  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")
LONG = bool(os.environ.get("SAMARA_LONG"))
SECONDS = float(os.environ.get("SECONDS", "300")) if LONG else 15
SEED = int(os.environ.get("SAMARA_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
ROWS, LIVE = (20000, 5000) if LONG else (1000, 300)
INSTALLED, RECEIPT_INSTALL = 3, 1


class Reaper(threading.Thread):
    """Kills the server, and starts it again, until it is told to stop; then the server runs."""

    def __init__(self, world, ro):
        super().__init__(daemon=True)
        self.world, self.ro, self.dice, self.deaths, self.problem = world, ro, random.Random(SEED), 0, None
        self.told = threading.Event()
        self.server = world.start_samarad(ro, listen__threads=2)

    def run(self):
        try:
            while not self.told.wait(self.dice.uniform(0.1, 1.5)):
                self.server.kill()
                self.world.processes.remove(self.server)
                self.deaths += 1
                time.sleep(self.dice.uniform(0.0, 0.2))
                self.server = self.world.start_samarad(self.ro, listen__threads=2)
        except Exception as problem:  # pylint: disable=broad-except
            self.problem = problem


class FleetRandom(unittest.TestCase):
    def setUp(self):
        self.world = World(BUILD)
        self.addCleanup(self.world.close)
        copy_program(os.path.join(BUILD, "fleet", "samara-fleet"), self.world.bin("samara-fleet"))
        self.ro = self.world.player("ro", "ro", 1)
        self.ro.init()
        self.dice = random.Random(SEED + 1)
        self.sent = self.accepted = 0
        self.fleet("stock", "--ro", self.ro.dir, "--devices", ROWS, "--live", LIVE, "--quiet")

    def fleet(self, command, *words, expect=(0,)):
        argv = [self.world.bin("samara-fleet"), command, "--fleet", self.ro.path("fleet"), "--json", *map(str, words)]
        done = self.world.command(argv, self.ro.uid, ok=False)
        self.assertIn(done.returncode, expect, f"seed {SEED}: {argv}: {done.stdout}{done.stderr}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def drive(self, what, *words, expect=(0, 1)):
        result, = self.fleet("run", "--server", f"127.0.0.1:{self.world.port}", "--quiet", "--do", what, *words, expect=expect)
        self.assertEqual(result["bad"], 0, f"seed {SEED}: {result}")
        self.sent, self.accepted = self.sent + result["sent"], self.accepted + result["accepted"]
        return result

    def under_fire(self):
        """One stretch of load. With --first a device flies again, whatever it holds."""
        network = ("--loss", 0.05, "--duplicate", 0.05, "--reorder", 0.1, "--resend-after", 100, "--patience", 1, "--seconds", 2,
                   "--seed", self.dice.randrange(1 << 32))
        first = ("--first", self.dice.randrange(LIVE), "--count", LIVE // 4)
        kind = self.dice.choice(("fresh", "again", "mixed", "check-in", "storm"))
        if kind == "storm":
            self.drive("storm", "--count", LIVE // 2, "--receipts", *network)
        elif kind == "mixed":
            self.drive("mixed", "--ratio", 0.3, *first, "--receipts", "--window", 16, *network)
        elif kind == "check-in":
            self.drive("check-in", *first, "--rate", 200, *network)
        elif kind == "again":
            self.drive("provision", *first, "--window", 32, "--prepare", "--verify-after", *network)
        else:
            self.drive("provision", "--first", 0, "--count", LIVE, "--receipts", "--window", 32, *network)

    def settle(self):
        """Everybody is served, and has nothing left to report."""
        self.drive("storm", "--receipts", "--seconds", 120, expect=(0,))
        self.drive("check-in", "--first", 0, "--count", LIVE, "--receipts", expect=(0,))

    def rows(self):
        with sqlite3.connect(self.ro.path("samara.db"), timeout=20) as db:
            names = ("eid", "state", "ctr", "lineage", "iccid", "serial")
            rows = {row[0].hex(): dict(zip(names, row)) for row in db.execute(f"SELECT {', '.join(names)} FROM device")}
            receipts = dict(db.execute("SELECT lower(hex(eid)), count(*) FROM relay WHERE kind = ? GROUP BY eid", (RECEIPT_INSTALL,)))
            return rows, receipts

    def compare(self):
        rows, receipts = self.rows()
        devices = self.fleet("show")
        self.assertEqual((len(rows), len(devices)), (ROWS, LIVE))
        for device in devices:
            row = rows.pop(device["eid"])
            what = f"seed {SEED}: {device}, {row}, receipts {receipts.get(device['eid'])}"
            self.assertEqual((device["mcims"], device["receipts"], row["state"]), (1, 0, INSTALLED), what)
            self.assertEqual((device["iccid"].ljust(20, "f"), device["serial"]), (row["iccid"].hex(), row["serial"]), what)
            self.assertLessEqual(device["promised"], row["ctr"], what)
            self.assertLessEqual(row["ctr"], device["ctr"], what)
            self.assertTrue(0 < row["lineage"] <= row["ctr"], what)
            self.assertEqual(receipts.pop(device["eid"], 0), 1, what)
        self.assertEqual(receipts, {}, f"seed {SEED}: of devices that do not exist")
        self.assertEqual({(row["state"], row["ctr"]) for row in rows.values()}, {(1, 0)}, f"seed {SEED}: rows that nobody asked for")

    def test_nothing_answered_is_lost_and_nothing_allocated_twice(self):
        reaper = Reaper(self.world, self.ro)
        reaper.start()
        end = time.monotonic() + SECONDS
        while time.monotonic() < end and reaper.problem is None:
            self.under_fire()
        reaper.told.set()
        reaper.join()
        self.assertIsNone(reaper.problem, f"seed {SEED}")
        self.settle()
        self.compare()
        print(json.dumps({"seed": SEED, "deaths": reaper.deaths, "sent": self.sent, "accepted": self.accepted}), file=sys.stderr)


if __name__ == "__main__":
    unittest.main()
