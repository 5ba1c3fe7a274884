# SPDX-License-Identifier: Apache-2.0
"""`samara sho seal` killed at random points and repeated: it goes on where it was, every device gets exactly one package, and what the
RO and the AuC load is the same. What an interrupted run left is gone at the end: journal, its key, hidden files. Also loads that are
killed: all of a file or nothing, and once more is no harm."""
import glob
import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.environ.get("SAMARA_SOURCE", "."), "tests", "lib"))
from place import AUC, SAMARA, Place, run  # noqa: E402
from world import eid  # noqa: E402


class Resume(Place):
    COUNT = 1500
    numbers = iter(range(1, 100))

    def setUp(self):
        self.number = next(self.numbers)
        first = self.number * 10000
        self.shipment = self.ship(self.number, range(first, first + self.COUNT), "--anchor", self.cards["sho"])
        self.subs = self.make(f"subs-{self.number}.csv", self.COUNT, first)
        self.journal, self.key = self.path("sho", "seal.journal"), self.path("sho", "keys", "seal.key")

    def words(self, name=None):
        return [str(w) for w in self.seal_words(self.shipment, self.subs, name or self.number)]

    def size(self):
        return os.path.getsize(self.journal) if os.path.exists(self.journal) else 0

    def kill_beyond(self, words, size):
        """Start it and kill it once its journal is longer than @size. Returns whether it was alive then."""
        # It yields to this test, which would otherwise come too late on a busy machine.
        child = subprocess.Popen(["nice", "-n", "19", *words, "--jobs", "1"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE)
        limit = time.monotonic() + 60
        while child.poll() is None and self.size() <= size:
            self.assertLess(time.monotonic(), limit)
            time.sleep(0.0005)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        return child.returncode == -signal.SIGKILL

    def run_of(self, done):
        """How many of the subscriptions an interrupted run had sealed."""
        words = [line for line in done.splitlines() if line.endswith("by the run that was interrupted")]
        return int(words[0].split()[0]) if words else 0

    def nothing_left(self):
        self.assertFalse(os.path.exists(self.journal))
        self.assertFalse(os.path.exists(self.key))
        self.assertEqual(glob.glob(self.path(".*")), [])

    def sealed_now(self):
        return [s for s in self.sealed() if s["iccid"][6:14] == f"{self.number * 10000:012d}"[:8]]

    def load_and_compare(self, name=None):
        """RO and AuC have the same: one package each, of the hash that the AuC expects evidence of."""
        self.good(SAMARA, "ro", "load", "--dir", self.path("ro"), "-q", self.shipment, self.path(f"batch-{name or self.number}.smr"))
        self.good(AUC, "load", "--dir", self.path("auc"), "-q", self.path(f"auc-{name or self.number}.smr"))
        with sqlite3.connect(self.path("ro", "samara.db")) as db:
            packages = db.execute("SELECT eid, serial, x FROM device JOIN package ON device.package = package.slot").fetchall()
        with sqlite3.connect(self.path("auc", "auc.db")) as db:
            expected = {(eid, serial, hash_x) for eid, serial, hash_x in db.execute("SELECT eid, serial, hash_x FROM subscription")}
        self.assertEqual({(eid, serial, hashlib.sha256(x).digest()) for eid, serial, x in packages}, expected)
        self.assertEqual(len({eid for eid, _, _ in packages}), len(packages))
        mine = self.sealed_now()
        self.assertEqual(len(mine), self.COUNT)
        self.assertEqual([s["serial"] for s in mine], list(range(mine[0]["serial"], mine[0]["serial"] + self.COUNT)))
        self.assertTrue({(bytes.fromhex(s["eid"]), s["serial"]) for s in mine} <= {(eid, serial) for eid, serial, _ in packages})

    def test_killed_again_and_again_goes_on_where_it_was(self):
        killed = 0
        for _ in range(4):
            killed += self.kill_beyond(self.words(), self.size() + random.randint(0, 150000))
        self.assertGreater(killed, 0)
        # The last kill may come between the commit and the journal's removal: then the next run, of whatever, removes it.
        if not self.sealed_now():
            self.assertIn(f"{self.COUNT} subscriptions sealed", self.good(*self.words()))
            self.nothing_left()
        self.load_and_compare()

    def test_what_was_sealed_is_not_sealed_again(self):
        self.assertTrue(self.kill_beyond(self.words(), 65536))
        entries = self.size() // 300
        self.assertGreater(self.run_of(self.good(*self.words())), entries - 300)
        self.nothing_left()
        self.load_and_compare()

    def test_journal_cut_or_altered_ends_there(self):
        self.assertTrue(self.kill_beyond(self.words(), 131072))
        with open(self.journal, "r+b") as f:
            f.seek(70000)
            octet = f.read(1)[0]
            f.seek(70000)
            f.write(bytes([octet ^ 1]))
            f.truncate(self.size() - 7)
        taken_up = self.run_of(self.good(*self.words()))
        self.assertTrue(0 < taken_up < 70000 // 250, taken_up)
        self.nothing_left()
        self.load_and_compare()

    def test_key_lost_seals_anew(self):
        self.assertTrue(self.kill_beyond(self.words(), 65536))
        os.remove(self.key)
        self.assertEqual(self.run_of(self.good(*self.words())), 0)
        self.nothing_left()
        self.load_and_compare()

    def test_other_files_give_the_interrupted_run_up(self):
        self.assertTrue(self.kill_beyond(self.words(), 65536))
        self.subs = self.make(f"subs-{self.number}-b.csv", self.COUNT, self.number * 10000 + 5000)
        done = run(*self.words(f"{self.number}b"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("an interrupted run over other files, or from before a withdrawal, is given up", done.stderr)
        self.assertEqual(self.run_of(done.stdout), 0)
        self.nothing_left()
        self.load_and_compare(f"{self.number}b")

    def test_new_keys_of_devices_enrolled_anew_are_taken_up(self):
        """Their consent is part of the run: who names the same devices otherwise has another run."""
        self.good(*self.words())
        before = self.sealed_now()
        devices = range(self.number * 10000, self.number * 10000 + 600)
        self.shipment = self.ship(next(self.numbers), devices, "--re-enrol", "--anchor", self.cards["sho"])
        self.subs = self.make(f"subs-{self.number}-b.csv", self.COUNT, self.number * 10000 + 5000)
        words = [str(w) for w in self.seal_words(self.shipment, self.subs, f"{self.number}b")]
        named = [w for n in devices for w in ("--re-enrolled", eid(n))]
        self.assertTrue(self.kill_beyond([*words, *named], 65536))
        self.refused(3, "was enrolled anew since shipment", *words, *[w.replace("--re-enrolled", "--reseal") for w in named])
        self.nothing_left()
        self.assertEqual([s for s in self.sealed_now() if s["serial"] <= before[-1]["serial"]], before)
        self.assertTrue(self.kill_beyond([*words, *named], 65536))
        done = self.good(*words, *named)
        self.assertIn(f"{len(devices)} subscriptions sealed", done)
        self.assertGreater(self.run_of(done), 0)
        self.nothing_left()
        live = [s for s in self.sealed_now() if s["live"]]
        self.assertEqual((len(live), len({s["eid"] for s in live})), (self.COUNT, self.COUNT))
        self.assertEqual(sum(s["serial"] > before[-1]["serial"] for s in live), len(devices))
        self.assertIn("nothing to seal", self.good(*self.seal_words(self.shipment, self.subs, "none")))

    def test_withdrawal_gives_the_interrupted_run_up(self):
        """The device that it left without a subscription may come before others in the repeated run: nothing of the killed one fits it."""
        device = self.number * 10000
        one = self.make(f"one-{self.number}.csv", 1, 9000000 + self.number)
        self.good(*self.seal_words(self.shipment, one, f"{self.number}-one"))
        self.assertTrue(self.kill_beyond(self.words(), 65536))
        self.good(SAMARA, "sho", "withdraw", "--dir", self.path("sho"), "--eid", eid(device), "--auc", self.cards["auc"],
                  "--out", self.path(f"w-{self.number}.smr"), "--auc-out", self.path(f"wa-{self.number}.smr"))
        done = run(*self.words())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("or from before a withdrawal, is given up", done.stderr)
        self.assertEqual(self.run_of(done.stdout), 0)
        self.nothing_left()
        self.load_and_compare()

    def test_named_but_not_committed_is_replaced_and_committed_is_not(self):
        """Between the files' names and the commit, and between the commit and the journal's end."""
        self.assertTrue(self.kill_beyond(self.words(), 65536))
        for name in (f"batch-{self.number}.smr", f"auc-{self.number}.smr"):
            self.write(name, "as if it had got its name")
        with open(self.key, "rb") as key, open(self.journal, "rb") as journal:
            left = (key.read(), journal.read())
        self.assertGreater(self.run_of(self.good(*self.words())), 0)
        for path, octets in zip((self.key, self.journal), left):
            with open(path, "wb") as f:
                f.write(octets)
            os.chmod(path, 0o600)
        self.refused(1, "may not have been carried", *self.words())
        self.assertIn("nothing to seal", self.good(*self.words("none")))
        self.nothing_left()
        self.load_and_compare()

    def loaded(self, role):
        """How many of this test's devices are sealed at the RO, or known to the AuC."""
        name, query = {"ro": ("samara.db", "SELECT eid FROM device WHERE package IS NOT NULL"),
                       "auc": ("auc.db", "SELECT eid FROM subscription")}[role]
        with sqlite3.connect(self.path(role, name)) as db:
            mine = {bytes.fromhex(s["eid"]) for s in self.sealed_now()}
            return len(mine & {eid for (eid,) in db.execute(query)})

    def kill_while_it_loads(self, role, words):
        """Kill it once it has begun to write. Returns whether it was alive then."""
        log = self.path(role, {"ro": "samara.db-wal", "auc": "auc.db-wal"}[role])
        child = subprocess.Popen(["nice", "-n", "19", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        limit = time.monotonic() + 60
        while child.poll() is None and not (os.path.exists(log) and os.path.getsize(log) > random.randint(1, 200000)):
            self.assertLess(time.monotonic(), limit)
            time.sleep(0.0005)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        return child.returncode == -signal.SIGKILL

    def test_loads_killed_are_all_or_nothing(self):
        self.good(*self.words())
        self.good(SAMARA, "ro", "load", "--dir", self.path("ro"), "-q", self.shipment)
        for role, words in (("ro", [SAMARA, "ro", "load", "--dir", self.path("ro"), self.path(f"batch-{self.number}.smr")]),
                            ("auc", [AUC, "load", "--dir", self.path("auc"), self.path(f"auc-{self.number}.smr")])):
            for _ in range(3):
                self.kill_while_it_loads(role, words)
                self.assertIn(self.loaded(role), (0, self.COUNT))
            self.good(*words)
            self.assertEqual(self.loaded(role), self.COUNT)
            self.assertIn("loaded before, nothing to do", self.good(*words))
        self.load_and_compare()

    def test_error_of_the_list_leaves_no_journal(self):
        with open(self.subs, "a", encoding="ascii") as f:
            f.write("this is no subscription\n")
        self.refused(1, f":{self.COUNT + 2}: ", *self.words())
        self.nothing_left()
        self.assertEqual(self.sealed_now(), [])


if __name__ == "__main__":
    unittest.main()
