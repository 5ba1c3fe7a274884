# SPDX-License-Identifier: Apache-2.0
"""samara-fleet against a real server: what it claims of the devices must be what the RO's store says of them."""
import ctypes
import json
import mmap
import os
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import disk  # noqa: E402
from world import World, copy_program, wait_until  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")


def has_sockets(pid):
    """A descriptor that closes while we look is none."""
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            if os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:"):
                return True
        except OSError:
            pass
    return False


class Fleet(unittest.TestCase):
    """One store with 2,000 rows, 200 of them live; every test takes devices that are new."""
    DEVICES, LIVE = 2000, 200
    STOCK = ()
    SERVER = {}

    @classmethod
    def setUpClass(cls):
        cls.world = World(BUILD)
        cls.addClassCleanup(cls.world.close)
        copy_program(os.path.join(BUILD, "fleet", "samara-fleet"), cls.world.bin("samara-fleet"))
        cls.ro = cls.world.player("ro", "ro", 1)
        cls.ro.init()
        cls.file = cls.ro.path("fleet")
        cls.fleet("stock", "--ro", cls.ro.dir, "--devices", cls.DEVICES, "--live", cls.LIVE, *cls.STOCK)
        cls.server = cls.world.start_samarad(cls.ro, listen__threads=1, **cls.SERVER)

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


class Start(Fleet):
    """samarad on a store of which nothing is in memory."""
    DEVICES, LIVE = 40_000, 1

    def interior(self):
        """Offsets of the pages that all look-ups go through."""
        done = self.world.command(["sqlite3", self.ro.path("samara.db"), "SELECT pgoffset FROM dbstat WHERE name IN ('device', 'package') "
                                   "AND pagetype = 'internal'"], self.ro.uid)
        return [int(line) for line in done.stdout.split()]

    def in_memory(self):
        """A flag for each page of memory that the store would take."""
        with open(self.ro.path("samara.db"), "rb") as f, mmap.mmap(f.fileno(), 0, flags=mmap.MAP_PRIVATE) as view:
            flags = (ctypes.c_ubyte * (-(-len(view) // mmap.PAGESIZE)))()
            start = ctypes.addressof(ctypes.c_char.from_buffer(view))
            if ctypes.CDLL(None, use_errno=True).mincore(ctypes.c_void_p(start), ctypes.c_size_t(len(view)), flags) != 0:
                raise OSError(ctypes.get_errno(), "mincore")
            return [flag & 1 for flag in flags]

    def missing(self, pages):
        there = self.in_memory()
        return sum(not there[offset // mmap.PAGESIZE] for offset in pages)

    def test_upper_levels_are_read_before_anybody_asks(self):
        type(self).server.stop()
        path, pages = self.ro.path("samara.db"), self.interior()
        self.assertGreater(len(pages), 30)
        fd = os.open(path, os.O_RDONLY)
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)
        if self.missing(pages) < len(pages) / 2:
            self.skipTest("the store is on a file system that is memory itself")
        type(self).server = self.world.start_samarad(self.ro, listen__threads=1)
        wait_until("the upper levels to be in memory", lambda: self.missing(pages) == 0, every=0.05)


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

    def test_fleet_of_another_store_or_another_ro_is_refused(self):
        other = self.world.player("other", "ro", 2)
        other.init()
        stock = ("stock", "--fleet", self.file, "--devices", 3000)
        empty = self.ro.take(other.path("samara.db"))
        self.assertIn("in another one", self.refused(*stock, "--ro", self.ro.dir, "--store", empty))
        self.world.give(other.dir, self.ro.uid)
        for directory, _, names in os.walk(other.dir):
            for name in (".", *names):
                self.world.give(os.path.join(directory, name), self.ro.uid)
        self.assertIn("another RO", self.refused(*stock, "--ro", other.dir))
        self.assertIn("there is no store", self.refused("stock", "--fleet", self.ro.path("new"), "--devices", 1, "--ro", self.ro.dir,
                                                        "--store", self.ro.path("nowhere.db")))
        self.assertFalse(os.path.exists(self.ro.path("new")))


class BadNetwork(Fleet):
    def test_loss_costs_retransmissions_and_nobody(self):
        before = self.rows()
        flown = self.drive("provision", "--count", 60, "--receipts", "--loss", 0.1, "--duplicate", 0.1, "--reorder", 0.2, "--resend-after", 150,
                           "--patience", 60, "--seed", 7)
        self.assertEqual((flown["sent"], flown["accepted"], flown["installed"]), (120, 120, 60))
        self.assertGreater(flown["retransmissions"], 0)
        self.assertGreater(flown["surplus"] + flown["ignored"], 0)
        self.assertEqual((flown["bad"], flown["refused"], flown["unanswered"]), (0, 0, 0))
        self.assertEqual(self.rows()["installed"] - before["installed"], 60)

    def test_duplicates_count_once(self):
        answered = self.world.counters()["flights_answered"]
        flown = self.drive("provision", "--count", 20, "--duplicate", 1, "--prepare", "--verify-after")
        self.assertEqual((flown["sent"], flown["accepted"], flown["retransmissions"]), (20, 20, 0))
        # Twice up, and each of the two answers twice down: one of the four counts. The last may come after the end.
        self.assertGreaterEqual(flown["surplus"], 20)
        wait_until("both requests of each", lambda: self.world.counters()["flights_answered"] - answered == 40)

    def test_without_any_network_all_are_unanswered(self):
        flown = self.drive("provision", "--count", 5, "--loss", 1, "--resend-after", 1, expect=1)
        self.assertEqual((flown["unanswered"], flown["answered"], flown["datagrams_down"]), (5, 0, 0))
        self.assertEqual((flown["datagrams_up"], flown["retransmissions"]), (25, 20))
        self.assertEqual(self.drive("provision", "--count", 5)["accepted"], 5)


class Storm(Fleet):
    def test_everybody_at_once_is_served_with_tickets_or_without(self):
        self.drive("provision", "--count", 50)
        storm = self.drive("storm")
        self.assertEqual((storm["devices"], storm["sent"], storm["accepted"], storm["installed"]), (200, 200, 200, 150))
        served = [storm["served_s"][share] for share in ("p50", "p90", "p99", "all")]
        self.assertEqual(served, sorted(served))
        self.assertEqual(self.rows()["sealed"], 2000 - 200)

    def test_storm_without_a_server_ends_in_time_and_says_so(self):
        storm = self.fleet("run", "--server", "127.0.0.1:9", "--do", "storm", "--count", 5, "--seconds", 1, expect=1)
        self.assertEqual((storm["accepted"], storm["unanswered"] + storm["waiting"]), (0, 5))
        self.assertIsNone(storm["served_s"]["p50"])


class Mixed(Fleet):
    def test_flights_and_check_ins_in_their_ratio(self):
        said = self.refused("run", "--fleet", self.file, "--server", "127.0.0.1:9", "--do", "check-in")
        self.assertIn("provision some first", said)
        self.drive("provision", "--count", 80)
        mixed = self.drive("mixed", "--count", 100, "--ratio", 0.4, "--prepare", "--verify-after")
        self.assertEqual((mixed["sent"], mixed["accepted"], mixed["installed"]), (100, 100, 40))

    def test_interrupt_shows_what_was_measured(self):
        argv = [self.world.bin("samara-fleet"), "run", "--fleet", self.file, "--server", "127.0.0.1:9", "--do", "provision", "--count", "3",
                "--json", "--quiet"]
        child = subprocess.Popen(self.world.as_user(self.ro.uid, None, argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        # It blocks the signal first of all and then opens its sockets.
        wait_until("its sockets", lambda: has_sockets(child.pid))
        self.assertIn("is at work with it", self.refused("run", "--fleet", self.file, "--server", "127.0.0.1:9", "--do", "provision"))
        child.send_signal(signal.SIGINT)
        shown = json.loads(child.communicate(timeout=30)[0])
        self.assertEqual((child.returncode, shown["interrupted"], shown["accepted"]), (1, True, 0))


class Proof(Fleet):
    SERVER = {"overload__demand": "always", "overload__gate": "require"}

    def test_devices_show_their_address_and_their_shipment(self):
        flown = self.drive("provision", "--count", 20, "--prepare", "--verify-after")
        self.assertEqual((flown["sent"], flown["challenges"], flown["accepted"], flown["retransmissions"]), (20, 20, 20, 0))
        self.assertEqual(flown["datagrams_up"], 40)


class Certificate(Fleet):
    STOCK = ("--certificate",)

    def test_devices_that_the_server_knows_from_no_shipment(self):
        flown = self.drive("provision", "--count", 20, "--receipts")
        self.assertEqual((flown["accepted"], flown["installed"]), (40, 20))
        self.assertGreater(flown["bytes_up"] / flown["datagrams_up"], 250)


class AYearLater(Fleet):
    """A fleet that nobody has heard of for so long that no ticket key is left, and that the flight key it has is over, comes back all at once."""

    def test_all_come_back_with_one_flight_each(self):
        self.assertEqual(self.drive("provision", "--count", 200)["accepted"], 200)
        self.assertEqual(self.drive("check-in", "--count", 200)["accepted"], 200)
        self.ro.run("rotate", "flight", "--count", "1")
        self.server.stop()
        # Other epochs have other numbers, as those of a year later have. The flight key that comes last is in force by then.
        disk.put(self.ro, ("DELETE FROM ticket_key", ()), ("UPDATE ticket_class SET epoch_s = epoch_s * 3 / 4", ()),
                 ("DELETE FROM flight_key WHERE number < (SELECT max(number) FROM flight_key)", ()), ("UPDATE flight_key SET not_before = 1", ()))
        self.world.start_samarad(self.ro, listen__threads=1)
        back = self.drive("check-in", "--count", 200, "--window", 200)
        self.assertEqual((back["sent"], back["accepted"], back["unanswered"], back["bad"]), (200, 200, 0, 0))
        counters = self.world.counters()
        self.assertEqual(counters["flights_answered"] - counters["resends_answered"], 200)
        self.assertEqual((counters["flights_refused"], counters["checkins_refused"]), (0, 0))
        # the hint for the ticket, the hint with the key, the flight: three each, and what was sent again
        self.assertEqual(back["datagrams_up"], 3 * 200 + back["retransmissions"])
        self.assertEqual(self.drive("check-in", "--count", 200)["accepted"], 200)  # their receipts, repeated
        self.assertEqual(self.drive("check-in", "--count", 200)["accepted"], 200)
        self.assertGreaterEqual(self.world.counters()["checkins_without_store"], 200)


if __name__ == "__main__":
    unittest.main(verbosity=2)
