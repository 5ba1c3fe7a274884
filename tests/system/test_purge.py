# SPDX-License-Identifier: Apache-2.0
"""How long a sealed subscription X lives at the RO after its receipt: nowhere in its directory, nor in the relay's spool, once samarad has truncated
the store's log; also after kill -9 between purge and truncation. Octet by octet, in every file."""
import contextlib
import os
import sqlite3
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from disk import reading  # noqa: E402
from lives import Lives  # noqa: E402
from secrets_search import walk  # noqa: E402
from world import wait_until  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")
PIECE = 16  # octets that stand together
JOURNAL = 4096  # entries (store/store.h)


class Purge(unittest.TestCase):
    def setUp(self):
        self.live = Lives(BUILD, devices=3)
        self.addCleanup(self.live.stop)
        self.device = self.live.devices[1]  # with neighbours on its pages
        tre = self.device.start_tre_alone()
        self.addCleanup(tre.stop)
        self.x = self.live.package(self.device)

    def found(self):
        """Files of the RO with any piece of X."""
        pieces = [self.x[i:i + PIECE] for i in range(0, len(self.x) - PIECE + 1, PIECE)]
        hits = []
        for path in walk([self.live.ro.dir, self.live.world.spool, os.path.join(self.live.world.root, "inbox-ro")]):
            try:
                with open(path, "rb") as f:
                    data = f.read()
            except FileNotFoundError:
                continue
            if any(piece in data for piece in pieces):
                hits.append(os.path.basename(path))
        return hits

    def assert_there(self):
        self.assertTrue(self.found(), "the search does not find what is there")

    def receipt(self):
        self.assertTrue(self.live.fly(self.device)["installed"])
        self.assert_there()
        self.assertEqual(self.live.contact(self.device, "check-in")["result"], "accepted")

    def wait_gone(self):
        wait_until("X to be gone from every file", lambda: not self.found(), 60, every=0.2)

    def test_gone_after_the_receipt_and_its_neighbours_are_not(self):
        self.receipt()
        self.wait_gone()
        self.live.wait_active(self.device)
        self.assertEqual(self.live.row(self.device)["state"], "installed")
        for other in (self.live.devices[0], self.live.devices[2]):
            self.assertNotEqual(self.live.package(other), bytes(len(self.live.package(other))))

    def test_gone_after_kill_between_purge_and_truncation(self):
        """A reader of the store keeps its log from being copied: the purge stands in the log, X in the database."""
        with reading(self.live.ro.path("samara.db")):
            self.receipt()
            self.live.wait_row(self.device, "installed")
            self.live.server.kill()
        self.assert_there()
        self.live.start()
        self.wait_gone()
        self.live.wait_active(self.device)

    def test_gone_although_what_is_pending_cannot_be_read(self):
        """A row that somebody damaged keeps the filter from following the store. That is no reason to leave X where it is."""
        with contextlib.closing(sqlite3.connect(self.live.ro.path("samara.db"))) as store, store:
            store.execute("UPDATE meta SET value = value + 1 WHERE name = 'journal'")
            entry = store.execute("SELECT value FROM meta WHERE name = 'journal'").fetchone()[0]
            store.execute("INSERT OR REPLACE INTO journal (slot, entry, eid) VALUES (?, ?, x'00')", (entry % JOURNAL, entry))
        wait_until("the server to say so", lambda: self.live.server.logged("event=keys.not_reloaded"), 60, every=0.2)
        self.receipt()
        self.wait_gone()

    def test_gone_after_the_end_of_samarad(self):
        self.receipt()
        self.live.wait_row(self.device, "installed")
        self.assertEqual(self.live.server.stop(), 0)
        self.assertEqual(self.found(), [])

    def test_gone_after_a_withdrawal(self):
        for_ro, _ = self.live.withdraw("--eid", self.device.eid)
        self.assert_there()
        self.live.ro.run("load", self.live.ro.take(for_ro))
        self.wait_gone()

    def test_batch_is_removed_where_asked_and_named_where_not(self):
        words = self.live.seal_words(self.device, "--reseal", 1)
        self.live.op.run(*words)
        batch = self.live.ro.take(self.live.op.path(f"more-batch-{self.live.sealed}.smr"))
        self.assertIn("remove it now", self.live.ro.run("load", batch).stdout)
        self.assertTrue(os.path.exists(batch))
        self.live.ro.run("load", "--remove", batch)  # loaded before; what was asked for is done all the same
        self.assertFalse(os.path.exists(batch))


if __name__ == "__main__":
    unittest.main()
