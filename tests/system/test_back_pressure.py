# SPDX-License-Identifier: Apache-2.0
"""A store that does not come back for a while: samarad takes in what it has room for, the rest waits in the socket's buffer, and nothing is lost."""
import json
import os
import signal
import sqlite3
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from world import World, copy_program, wait_still  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")
DEVICES = 500
ROOM = 4 * 64  # server/worker.c: HELD_MAX, requests that wait for the store
GROWTH_MAX = 8 << 20  # octets: its rooms are touched for the first time


class SlowStore(unittest.TestCase):
    def setUp(self):
        self.world = World(BUILD)
        self.addCleanup(self.world.close)
        copy_program(os.path.join(BUILD, "fleet", "samara-fleet"), self.world.bin("samara-fleet"))
        self.ro = self.world.player("ro", "ro", 1)
        self.ro.init()
        self.fleet_file = self.ro.path("fleet")
        self.world.command([self.world.bin("samara-fleet"), "stock", "--ro", self.ro.dir, "--fleet", self.fleet_file, "--devices", str(DEVICES),
                            "--quiet"], self.ro.uid)
        # Nobody is sent away for the age of the queue.
        self.server = self.world.start_samarad(self.ro, listen__threads=1, overload__target_ms=10000)

    def received(self):
        return self.world.counters()["datagrams_in"]

    def is_sanitized(self):
        """AddressSanitizer's shadow of what is touched, and what it keeps of what was freed, are counted too."""
        with open(self.world.bin("samarad"), "rb") as f:
            return b"__asan_init" in f.read()

    def memory(self):
        with open(f"/proc/{self.server.pid}/statm", encoding="ascii") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def fly_all(self):
        argv = [self.world.bin("samara-fleet"), "run", "--fleet", self.fleet_file, "--server", f"127.0.0.1:{self.world.port}", "--do", "provision",
                "--window", str(DEVICES), "--prepare", "--resend-after", "60000", "--patience", "60", "--json", "--quiet"]
        fleet = subprocess.Popen(self.world.as_user(self.ro.uid, None, argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.addCleanup(lambda: fleet.poll() is None and fleet.kill())
        return fleet

    def test_store_held_by_another_bounds_what_is_taken_in_and_loses_nothing(self):
        before = self.memory()
        other = sqlite3.connect(self.ro.path("samara.db"), isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        # What arrives while it stands still is there when it goes on: its batches are full ones.
        os.kill(self.server.pid, signal.SIGSTOP)
        try:
            fleet = self.fly_all()
            wait_still("the requests in the socket", self.world.waiting)
        finally:
            os.kill(self.server.pid, signal.SIGCONT)
        taken = wait_still("what was taken in", self.received)
        self.assertEqual(self.world.counters()["commits"], 0)
        self.assertEqual(taken, ROOM)
        self.assertGreater(self.world.waiting(), 0)
        grown = self.memory() - before
        other.execute("ROLLBACK")
        result = json.loads(fleet.communicate()[0])
        if not self.is_sanitized():
            self.assertLess(grown, GROWTH_MAX)
        self.assertEqual((result["accepted"], result["retransmissions"], result["unanswered"], result["bad"]), (DEVICES, 0, 0, 0))
        self.assertEqual(self.ro.json("status")["states"]["offered"], DEVICES)


if __name__ == "__main__":
    unittest.main()
