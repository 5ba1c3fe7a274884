# SPDX-License-Identifier: Apache-2.0
"""A thief with the disk of the real samara-tre: what he cannot do, and what is open until a port with a counter in hardware comes (docs/threat-model.md).
The tests of open holes say so in their names; such a port has to turn them round. Altered and exchanged files: system/test_tre_process.py."""
import os
import shutil
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import wire  # noqa: E402
from lone_tre import EID, FLIGHT_START, GID, ICCID, OK, OTHER_ICCID, PATIENCE, ROOT, STATE, UID, Tre  # noqa: E402
from secrets_search import Search  # noqa: E402

ACTIVATED, SUSPENDED = 1, 2
ROLLBACK = 0x307


class Case(unittest.TestCase):
    def setUp(self):
        self.tre = Tre()
        self.addCleanup(self.tre.close)
        self.directory = os.path.join(self.tre.run, "tre")

    def suspended(self):
        """A device that its operator has suspended, and a copy of its disk from before."""
        self.assertEqual(self.tre.fly(self.tre.package()), OK)
        before = self.tre.backup()
        self.tre.check_in([wire.command(self.tre.op, EID, ICCID, 1, SUSPENDED)])
        self.assertEqual(self.tre.mcims()[0][4], SUSPENDED)
        return before


class RolledBack(Case):
    def test_older_record_alone_is_refused_and_the_suspension_stays(self):
        before = self.suspended()
        newest = os.path.join(self.tre.base, "newest")
        self.tre.kill()
        shutil.copytree(self.directory, newest)
        shutil.copyfile(os.path.join(before, "record"), os.path.join(self.directory, "record"))
        self.tre.start()
        self.assertEqual(self.tre.ask(STATE)[1], ROLLBACK)
        self.assertEqual(self.tre.ask(FLIGHT_START, False), [ROLLBACK])
        self.tre.roll_back(newest)
        self.assertEqual((self.tre.ask(STATE)[1], self.tre.mcims()[0][4]), (OK, SUSPENDED))

    def test_whole_directory_lifts_a_suspension_an_open_hole_without_a_tpm(self):
        self.tre.roll_back(self.suspended())
        self.assertEqual(self.tre.ask(STATE)[1], OK)
        self.assertEqual(self.tre.mcims()[0][4], ACTIVATED)

    def test_whole_directory_brings_a_withdrawn_subscription_back_an_open_hole_without_a_tpm(self):
        old = self.tre.package(serial=5)
        before = self.tre.backup()
        self.assertEqual((self.tre.fly(old), self.tre.fly(self.tre.package(serial=6, iccid=OTHER_ICCID))), (OK, OK))
        self.tre.roll_back(before)
        self.assertEqual(self.tre.fly(old), OK)
        self.assertEqual(self.tre.mcims()[0][2], 5)

    def test_rolled_back_tre_repeats_counters_that_the_server_has_seen(self):
        """What is left: its requests fall behind those that the server's row has counted (rule 3, `dishonest_device`)."""
        before = self.tre.backup()
        self.tre.request()
        self.tre.request()
        seen = self.tre.server.ev[1]
        self.tre.roll_back(before)
        self.tre.request()
        self.assertLess(self.tre.server.ev[1], seen)


class Copied(Case):
    def test_directory_without_the_storage_key_says_nothing(self):
        """Nor does it run."""
        self.tre.fly(self.tre.package())
        record = self.tre.stolen_record()
        secrets = [s.private.private_numbers().private_value.to_bytes(32, "big") for s in (record.d, record.t)] + record.rks + [wire.mcim()[2]]
        self.assertEqual(Search(secrets).files(self.directory), {})
        os.remove(os.path.join(self.directory, "storage.key"))
        self.tre.restart()
        self.assertNotEqual(self.tre.ask(STATE)[1], OK)
        self.assertNotEqual(self.tre.ask(FLIGHT_START, False)[0], OK)

    @unittest.skipUnless(ROOT, "needs two users")
    def test_directory_of_another_user_is_refused(self):
        self.tre.fly(self.tre.package())
        self.tre.kill()
        os.chown(self.directory, UID + 1, GID)
        self.assertNotEqual(self.tre.spawn().wait(timeout=PATIENCE), 0)
        os.chown(self.directory, UID, GID)
        self.tre.start()
        self.assertEqual(self.tre.mcims()[0][0], ICCID)

    def test_whole_directory_runs_on_another_machine_an_open_hole_without_a_tpm(self):
        """Nothing in the directory is tied to the machine. Two that speak for one device meet in the server's row: one counter, two requests."""
        self.tre.fly(self.tre.package())
        copy = self.tre.backup()
        clone = Tre(enrol=False)
        self.addCleanup(clone.close)
        clone.roll_back(copy)
        clone.server, clone.d = self.tre.server, self.tre.d
        self.assertEqual(clone.mcims(), self.tre.mcims())
        clone.request()
        counter = clone.server.ev[1]
        self.tre.request()
        self.assertEqual(self.tre.server.ev[1], counter)


if __name__ == "__main__":
    unittest.main()
