# SPDX-License-Identifier: Apache-2.0
"""Withdrawal of a sealed subscription, before its device has it, while it is on its way, after the receipt, and against an RO that ignores it."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from lives import RESEAL, Lives  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")


class Withdrawn(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.live = Lives(BUILD, devices=9)
        cls.addClassCleanup(cls.live.stop)
        cls.fresh = iter(cls.live.devices)

    def setUp(self):
        self.device = next(self.fresh)
        tre = self.device.start_tre_alone()
        self.addCleanup(tre.stop)

    def load(self, player, path, ok=True):
        return player.run("load", player.take(path), ok=ok)

    def withdraw(self, *which):
        """Taken back everywhere, in the order that the program tells."""
        for_ro, for_auc = self.live.withdraw(*(which or ("--eid", self.device.eid)))
        self.load(self.live.auc, for_auc)
        self.load(self.live.ro, for_ro)

    def ends_well(self):
        """Sealed anew, the device ends with a subscription that works."""
        self.live.seal_anew(self.device, "--eid")
        self.live.install(self.device)
        self.assertEqual([s["state"] for s in self.live.subscriptions(self.device)], ["withdrawn", "active"])
        self.assertEqual(self.live.row(self.device)["state"], "installed")
        self.assertEqual(len(self.live.mcims(self.device)), 1)
        self.assertIsNotNone(self.live.vector(self.device))

    def test_before_the_device_asks(self):
        x = self.live.package(self.device)
        iccid = self.live.subscription(self.device)["iccid"]
        self.withdraw("--iccid", iccid)
        self.assertEqual(self.live.package(self.device), bytes(len(x)))
        self.assertEqual(self.live.row(self.device)["state"], "reseal")
        self.assertIn("withdraw", self.live.op.run("status", "--iccid", iccid).stdout)
        self.assertEqual(self.live.fly(self.device)["refusal"], RESEAL)
        self.assertEqual(self.live.mcims(self.device), [])
        self.assertEqual(self.live.subscription(self.device)["state"], "withdrawn")
        self.assertIsNone(self.live.vector(self.device))
        self.ends_well()

    def test_while_the_device_has_it_and_the_receipt_is_on_its_way(self):
        self.assertTrue(self.live.fly(self.device)["installed"])
        self.withdraw()
        self.assertEqual(self.live.contact(self.device, "check-in")["result"], "accepted")
        self.assertEqual(self.live.row(self.device)["state"], "reseal")
        self.assertEqual(self.live.fly(self.device)["refusal"], RESEAL)
        self.assertEqual(self.live.subscription(self.device)["state"], "withdrawn")
        self.ends_well()

    def test_receipt_at_the_ro_before_the_withdrawal(self):
        """The AuC judges after it was told: evidence and receipt are perfect, and come too late."""
        for_ro, for_auc = self.live.withdraw("--eid", self.device.eid)
        self.load(self.live.auc, for_auc)
        self.assertTrue(self.live.fly(self.device)["installed"])
        self.assertEqual(self.live.contact(self.device, "check-in")["result"], "accepted")
        self.live.wait_row(self.device, "reseal")  # by the AuC's rejection
        self.assertEqual(self.live.subscription(self.device)["state"], "withdrawn")
        self.load(self.live.ro, for_ro)
        self.assertEqual(self.live.row(self.device)["state"], "reseal")
        self.ends_well()

    def test_dishonest_ro_that_goes_on_delivering_it_gains_nothing(self):
        """It never loads the withdrawal, and after a rejection offers the package again."""
        x = self.live.package(self.device)
        for_auc = self.live.withdraw("--eid", self.device.eid)[1]
        self.load(self.live.auc, for_auc)
        self.assertTrue(self.live.fly(self.device)["installed"])
        self.live.contact(self.device, "check-in")
        self.live.wait_row(self.device, "reseal")
        self.assertEqual(self.live.subscription(self.device)["state"], "withdrawn")
        self.assertIsNone(self.live.vector(self.device))
        self.offer_again(x)
        self.assertEqual(self.live.fly(self.device)["package"], "NOTHING")
        self.live.contact(self.device, "check-in")
        self.live.wait_row(self.device, "reseal")
        self.assertIsNone(self.live.vector(self.device))
        self.ends_well()

    def offer_again(self, x):
        self.live.sql(self.live.ro, "samara.db", "UPDATE package SET x = ? WHERE slot = (SELECT package FROM device WHERE eid = ?)", x,
                      bytes.fromhex(self.device.eid))
        self.live.sql(self.live.ro, "samara.db", "UPDATE device SET revision = revision + 1, state = 1, has_x = 1 WHERE eid = ?",
                      bytes.fromhex(self.device.eid))

    def test_withdrawn_package_is_refused_by_the_tre_once_a_higher_serial_was_installed(self):
        rows = self.live.sql(self.live.ro, "samara.db", "SELECT d.iccid, d.serial, p.x, p.w FROM package p JOIN device d ON d.package = p.slot "
                             "WHERE d.eid = ?", bytes.fromhex(self.device.eid))
        self.withdraw()
        self.live.seal_anew(self.device, "--eid")
        self.live.install(self.device)
        before = self.live.mcims(self.device)
        iccid, serial, x, w = rows[0]
        self.live.put_package(self.device, [None, iccid, serial, x, w])
        self.assertEqual(self.live.fly(self.device)["package"], "SERIAL")
        self.assertEqual(self.live.mcims(self.device), before)
        self.assertEqual([s["state"] for s in self.live.subscriptions(self.device)], ["withdrawn", "active"])
        self.assertIsNotNone(self.live.vector(self.device))

    def test_withdrawn_while_active_stops_at_once(self):
        self.live.install(self.device)
        self.assertIsNotNone(self.live.vector(self.device))
        self.withdraw()
        self.assertIsNone(self.live.vector(self.device))
        self.assertEqual(self.live.fly(self.device)["refusal"], RESEAL)
        self.ends_well()

    def test_file_for_the_ro_before_its_batch_says_what_to_do(self):
        self.live.op.run(*self.live.seal_words(self.device, "--reseal", 1))
        for_ro, for_auc = self.live.withdraw("--eid", self.device.eid)
        done = self.load(self.live.ro, for_ro, ok=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("load the batch with it first", done.stderr)
        self.assertIn("nothing of the file was loaded", done.stderr)
        self.assertNotEqual(self.load(self.live.auc, for_auc, ok=False).returncode, 0)
        self.load(self.live.ro, self.live.op.path(f"more-batch-{self.live.sealed}.smr"))
        self.load(self.live.ro, for_ro)
        self.assertEqual(self.live.row(self.device)["state"], "reseal")

    def test_command_line_says_what_is_wrong(self):
        live = self.live
        card = live.op.take(live.auc.card)
        files = ("--auc", card, "--out", live.op.path("no-1.smr"), "--auc-out", live.op.path("no-2.smr"))
        done = live.op.run("withdraw", *files, ok=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--iccid, or its device with --eid", done.stderr)
        self.withdraw_all_of(files)

    def withdraw_all_of(self, files):
        self.live.withdraw("--eid", self.device.eid)
        done = self.live.op.run("withdraw", "--eid", self.device.eid, *files, ok=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("has no live subscription", done.stderr)


if __name__ == "__main__":
    unittest.main()
