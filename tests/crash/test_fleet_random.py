# SPDX-License-Identifier: Apache-2.0
"""samara-fleet drives hundreds of devices over a bad network while samarad, or two of them on one PostgreSQL, are killed at random and started
again. Then all settle, and what each TRE holds is compared with what the store says: nothing that was answered is lost, nothing is allocated twice.

SECONDS: how long for each store (8; in make test-long 300). SAMARA_SEED: the schedule of an earlier run, which prints it.
"""
import copy
import json
import os
import random
import shutil
import sqlite3
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from postgres import Postgres, available  # noqa: E402
from world import World, copy_program, free_udp_port  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")
LONG = bool(os.environ.get("SAMARA_LONG"))
SECONDS = float(os.environ.get("SECONDS", "300")) if LONG else 8
SEED = int(os.environ.get("SAMARA_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
ROWS, LIVE = (20000, 5000) if LONG else (1000, 300)
INSTALLED, RECEIPT_INSTALL = 3, 1


class Reaper(threading.Thread):
    """Kills servers, and starts them again, until it is told to stop; then they run. @starters: how each is started."""

    def __init__(self, world, starters):
        super().__init__(daemon=True)
        self.world, self.starters, self.dice, self.deaths, self.problem = world, starters, random.Random(SEED), 0, None
        self.told = threading.Event()
        self.servers = [start() for start in starters]

    def run(self):
        try:
            while not self.told.wait(self.dice.uniform(0.1, 1.5) / len(self.servers)):
                which = self.dice.randrange(len(self.servers))
                self.servers[which].kill()
                if self.servers[which] in self.world.processes:
                    self.world.processes.remove(self.servers[which])
                self.deaths += 1
                time.sleep(self.dice.uniform(0.0, 0.2))
                self.servers[which] = self.starters[which]()
        except Exception as problem:  # pylint: disable=broad-except
            self.problem = problem


class OneFrontEnd(unittest.TestCase):
    """Over SQLite."""

    def setUp(self):
        self.world = World(BUILD)
        self.addCleanup(self.world.close)
        copy_program(os.path.join(BUILD, "fleet", "samara-fleet"), self.world.bin("samara-fleet"))
        self.ro = self.world.player("ro", "ro", 1)
        self.dice = random.Random(SEED + 1)
        self.sent = self.accepted = 0
        self.ports = [self.world.port]
        self.make_ro()
        self.fleet("stock", "--ro", self.ro.dir, "--devices", ROWS, "--live", LIVE, "--quiet")

    def make_ro(self):
        self.ro.init()

    def starters(self):
        return [lambda: self.world.start_samarad(self.ro, listen__threads=2)]

    def fleet(self, command, *words, expect=(0,)):
        argv = [self.world.bin("samara-fleet"), command, "--fleet", self.ro.path("fleet"), "--json", *map(str, words)]
        done = self.world.command(argv, self.ro.uid, ok=False)
        self.assertIn(done.returncode, expect, f"seed {SEED}: {argv}: {done.stdout}{done.stderr}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def drive(self, what, *words, expect=(0, 1)):
        result, = self.fleet("run", "--server", f"127.0.0.1:{self.dice.choice(self.ports)}", "--quiet", "--do", what, *words, expect=expect)
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
        """Everybody is served, and has nothing left to report. Not all at once, or a loaded server may tell some to come back in minutes."""
        self.drive("storm", "--receipts", "--spread", LIVE // 100, "--seconds", 300, expect=(0,))
        self.drive("check-in", "--first", 0, "--count", LIVE, "--window", 16, "--receipts", expect=(0,))

    ROWS_SQL = "SELECT lower(hex(eid)), state, ctr, lineage_ctr, lower(hex(iccid)), serial FROM device"
    RECEIPTS_SQL = f"SELECT lower(hex(eid)), count(*) FROM relay WHERE kind = {RECEIPT_INSTALL} GROUP BY eid"

    def query(self, text):
        with sqlite3.connect(self.ro.path("samara.db"), timeout=20) as db:
            return [[str(value) for value in row] for row in db.execute(text)]

    def rows(self):
        rows = {eid: {"state": int(state), "ctr": int(ctr), "lineage": int(lineage), "iccid": iccid, "serial": int(serial)}
                for eid, state, ctr, lineage, iccid, serial in self.query(self.ROWS_SQL)}
        return rows, {eid: int(count) for eid, count in self.query(self.RECEIPTS_SQL)}

    def compare(self):
        rows, receipts = self.rows()
        devices = self.fleet("show")
        self.assertEqual((len(rows), len(devices)), (ROWS, LIVE))
        for device in devices:
            row = rows.pop(device["eid"])
            what = f"seed {SEED}: {device}, {row}, receipts {receipts.get(device['eid'])}"
            self.assertEqual((device["mcims"], device["receipts"], row["state"]), (1, 0, INSTALLED), what)
            self.assertEqual((device["iccid"].ljust(20, "f"), device["serial"]), (row["iccid"], row["serial"]), what)
            self.assertLessEqual(device["promised"], row["ctr"], what)
            self.assertLessEqual(row["ctr"], device["ctr"], what)
            self.assertTrue(0 < row["lineage"] <= row["ctr"], what)
            self.assertEqual(receipts.pop(device["eid"], 0), 1, what)
        self.assertEqual(receipts, {}, f"seed {SEED}: of devices that do not exist")
        self.assertEqual({(row["state"], row["ctr"]) for row in rows.values()}, {(1, 0)}, f"seed {SEED}: rows that nobody asked for")

    def test_nothing_answered_is_lost_and_nothing_allocated_twice(self):
        reaper = Reaper(self.world, self.starters())
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


@unittest.skipUnless(available(), "no PostgreSQL here")
class TwoFrontEnds(OneFrontEnd):
    """On one PostgreSQL, which is killed too; a device asks now this one, now that one."""
    ROWS_SQL = "SELECT encode(eid, 'hex'), state, ctr, lineage, encode(iccid, 'hex'), serial FROM device"
    RECEIPTS_SQL = f"SELECT encode(eid, 'hex'), count(*) FROM relay WHERE kind = {RECEIPT_INSTALL} GROUP BY eid"

    def make_ro(self):
        self.postgres = Postgres()
        self.addCleanup(self.postgres.remove)
        self.ro.init("--store", self.postgres.address())
        self.ports.append(free_udp_port())
        self.second = copy.copy(self.ro)
        self.second.dir = self.ro.dir + "-second"
        shutil.copytree(self.ro.dir, self.second.dir, ignore=shutil.ignore_patterns("*.sock", "lock"))
        for folder, _, files in os.walk(self.second.dir):
            for path in [folder, *(os.path.join(folder, file) for file in files)]:
                self.world.give(path, self.second.uid)

    def start_postgres(self):
        if not self.postgres.is_ready():
            self.postgres.start()
        return self.postgres

    def starters(self):
        where = {"store__path": self.postgres.address(), "listen__threads": 1}
        return [self.start_postgres, lambda: self.world.start_samarad(self.ro, **where),
                lambda: self.world.start_samarad(self.second, name="second", listen__port=self.ports[1], **where)]

    def query(self, text):
        return [line.split("\t") for line in self.postgres.sql(text).splitlines()]


if __name__ == "__main__":
    unittest.main()
