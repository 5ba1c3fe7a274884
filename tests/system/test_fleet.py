# SPDX-License-Identifier: Apache-2.0
"""samara-fleet against a real server: what it claims of the devices must be what the RO's store says of them."""
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from world import World, copy_program  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")


class Fleet(unittest.TestCase):
    """One store with 2,000 rows, 200 of them live; every test takes devices that are new."""
    STOCK = ()

    @classmethod
    def setUpClass(cls):
        cls.world = World(BUILD)
        cls.addClassCleanup(cls.world.close)
        copy_program(os.path.join(BUILD, "fleet", "samara-fleet"), cls.world.bin("samara-fleet"))
        cls.ro = cls.world.player("ro", "ro", 1)
        cls.ro.init()
        cls.file = cls.ro.path("fleet")
        cls.fleet("stock", "--ro", cls.ro.dir, "--devices", 2000, "--live", 200, *cls.STOCK)
        cls.server = cls.world.start_samarad(cls.ro, listen__threads=1)

    @classmethod
    def fleet(cls, command, *words, expect=0):
        """Run it; its JSON. @expect: its exit code, None: any."""
        argv = [cls.world.bin("samara-fleet"), command, "--fleet", cls.file, "--json", "--quiet", *map(str, words)]
        done = cls.world.command(argv, cls.ro.uid, ok=False)
        if expect is not None and done.returncode != expect:
            raise AssertionError(f"{argv} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def drive(self, what, *words, expect=0):
        return self.fleet("run", "--server", f"127.0.0.1:{self.world.port}", "--do", what, *words, expect=expect)

    def refused(self, *words):
        """What it says when it refuses to work."""
        argv = [self.world.bin("samara-fleet"), *map(str, words)]
        done = self.world.command(argv, self.ro.uid, ok=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stdout, "")
        return done.stderr

    def rows(self):
        return self.ro.json("status")["states"]


class Provision(Fleet):
    def test_devices_install_report_and_check_in(self):
        before = self.rows()
        flown = self.drive("provision", "--count", 20)
        self.assertEqual((flown["sent"], flown["accepted"], flown["installed"], flown["bad"]), (20, 20, 20, 0))
        self.assertEqual(flown["datagrams_up"] + flown["datagrams_down"], 40)
        after = self.rows()
        self.assertEqual(after["offered"] - before["offered"], 20)
        reported = self.drive("check-in", "--count", 20)
        self.assertEqual((reported["sent"], reported["accepted"]), (20, 20))
        self.assertEqual(self.rows()["installed"] - after["installed"], 20)
        trips = self.world.counters()["store_round_trips"]
        self.assertEqual(self.drive("check-in", "--count", 20, "--rate", 500, "--even")["accepted"], 20)
        self.assertEqual(self.world.counters()["store_round_trips"], trips)

    def test_prepared_requests_are_verified_after(self):
        before = self.rows()
        flown = self.drive("provision", "--count", 30, "--prepare", "--verify-after", "--rate", 1000)
        self.assertEqual((flown["accepted"], flown["installed"], flown["bad"]), (30, 30, 0))
        self.assertEqual(self.rows()["offered"] - before["offered"], 30)
        again = self.drive("check-in", "--count", 30, "--prepare", "--verify-after")
        self.assertEqual((again["accepted"], again["bad"]), (30, 0))

    def test_receipts_follow_at_once(self):
        before = self.rows()
        flown = self.drive("provision", "--count", 10, "--receipts")
        self.assertEqual((flown["sent"], flown["accepted"], flown["installed"]), (20, 20, 10))
        self.assertEqual(self.rows()["installed"] - before["installed"], 10)


class Bounds(Fleet):
    def test_wrong_address_is_told(self):
        result = self.fleet("run", "--server", "127.0.0.1:9", "--do", "provision", "--count", 3, "--patience", 1, expect=1)
        self.assertEqual((result["unanswered"], result["accepted"]), (3, 0))
        self.assertGreater(result["unreachable"], 0)
        for address in ("127.0.0.1", "nowhere:5683", "[::1:5683", "127.0.0.1:0"):
            said = self.refused("run", "--fleet", self.file, "--server", address, "--do", "provision")
            self.assertIn("--server", said)

    def test_second_stock_goes_on_from_the_first(self):
        more = self.fleet("stock", "--ro", self.ro.dir, "--devices", 2100, "--live", 220)
        self.assertEqual((more["devices"], more["live"], more["added"]), (2100, 220, 100))
        self.assertEqual(sum(self.rows()[state] for state in ("sealed", "offered", "installed")), 2100)
        flown = self.drive("provision", "--first", 200, "--count", 20)
        self.assertEqual((flown["installed"], flown["refused"]), (20, 0))
        said = self.refused("stock", "--fleet", self.file, "--ro", self.ro.dir, "--devices", 10)
        self.assertIn("2100 devices", said)


if __name__ == "__main__":
    unittest.main(verbosity=2)
