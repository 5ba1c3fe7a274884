# SPDX-License-Identifier: Apache-2.0
"""A package that its device cannot install, and one whose installation the operator rejects: the device says why, the RO and the operator see it, the
operator seals anew, the device ends with a valid subscription. And a device that somebody tampers with, which ends without one."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import wire  # noqa: E402
from lives import RESEAL, Lives  # noqa: E402
from world import wait_until  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")
TAMPER = 9


class NotInstalled(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.live = Lives(BUILD, devices=7)
        cls.addClassCleanup(cls.live.stop)
        cls.fresh = iter(cls.live.devices)
        cls.op = cls.live.operator_key()

    def setUp(self):
        self.device = next(self.fresh)
        tre = self.device.start_tre_alone()
        self.addCleanup(tre.stop)

    def package(self, content, t=None):
        """Signed by the operator for this device, with whatever content."""
        eid, row = bytes.fromhex(self.device.eid), self.live.row(self.device)["package"]
        iccid = wire.packed(row["iccid"], 10)
        return wire.package(self.op, t or self.live.kem_point(self.device), eid, iccid, row["serial"], content)

    def fails_and_recovers(self, name, words):
        """@name, @words: of the reason, as the device and the operator give it."""
        first = self.live.fly(self.device)
        self.assertEqual((first["result"], first["package"], first["installed"]), ("accepted", name, False))
        self.assertEqual(self.live.mcims(self.device), [])
        second = self.live.fly(self.device)
        self.assertEqual((second["result"], second["refusal"]), ("refused", RESEAL))
        self.assertIn("sealed anew by the operator", second["detail"])
        self.seen_by_the_players(words)
        serial = self.live.row(self.device)["package"]["serial"]
        self.live.seal_anew(self.device)
        self.assertGreater(self.live.row(self.device)["package"]["serial"], serial)
        self.live.install(self.device)
        self.assertEqual(self.live.row(self.device)["state"], "installed")
        self.assertEqual([s["state"] for s in self.live.subscriptions(self.device)], ["withdrawn", "active"])

    def seen_by_the_players(self, words):
        self.assertEqual(self.live.row(self.device)["state"], "reseal")
        self.assertIn("samara sho seal --reseal", self.live.ro.run("status", "--eid", self.device.eid).stdout)
        self.live.wait_reseal(self.device, "the device could not install it: " + words)
        listed = self.live.auc.run("status", "--reseal").stdout
        self.assertIn(self.device.eid, listed)
        self.assertIn("samara sho seal --reseal", listed)

    def test_damaged_in_the_ros_store(self):
        x = bytearray(self.live.package(self.device))
        x[70] ^= 1
        self.live.sql(self.live.ro, "samara.db", "UPDATE package SET x = ? WHERE slot = (SELECT package FROM device WHERE eid = ?)", bytes(x),
                      bytes.fromhex(self.device.eid))
        self.fails_and_recovers("SIGNATURE", "the signature is not valid")

    def test_sealed_to_another_t(self):
        self.live.put_package(self.device, self.package(wire.mcim(), t=wire.Key().point))
        self.fails_and_recovers("UNOPENED", "the data does not decrypt under our keys")

    def test_algorithm_that_the_device_does_not_know(self):
        self.live.put_package(self.device, self.package(wire.mcim(alg=9)))
        self.fails_and_recovers("UNSUPPORTED", "the version, suite or algorithm is not supported")

    def test_key_of_a_length_that_does_not_exist(self):
        self.live.put_package(self.device, self.package(wire.mcim(k=bytes(17))))
        self.fails_and_recovers("MALFORMED", "the data is malformed")

    def test_failure_is_told_once_however_often_the_device_asks(self):
        self.live.put_package(self.device, self.package(wire.mcim(), t=wire.Key().point))
        self.live.fly(self.device)
        for _ in range(3):
            self.assertEqual(self.live.fly(self.device)["refusal"], RESEAL)
        self.live.wait_reseal(self.device, "could not install")
        self.assertEqual(self.live.authority.logged("evidence.rejected"), False)
        wait_until("the acknowledgement", lambda: self.live.row(self.device)["relay_waiting"] == 0, 60)

    def test_tampered_device_tells_the_ro_and_is_served_no_more(self):
        self.live.install(self.device)
        before = self.live.world.counters()["tamper_reports"]
        path = os.path.join(self.device.tre_dir, "tamper")
        with open(path + ".new", "w", encoding="ascii") as f:
            f.write("1\n")
        os.rename(path + ".new", path)
        self.assertEqual(self.live.contact(self.device, "check-in")["result"], "accepted")
        self.assertEqual(self.live.world.counters()["tamper_reports"], before + 1)
        told = self.live.fly(self.device)
        self.assertEqual((told["result"], told["refusal"]), ("refused", TAMPER))
        self.assertIn("ask the supplier", told["detail"])
        for count in (1, 2):  # the check-in, then the flight
            wait_until("samarad's word", lambda n=count: self.live.server.count_logged(f"event=device.tampered eid={self.device.eid} events=0x1 ") >= n)
        self.assertEqual(self.live.world.counters()["tamper_reports"], before + 2)
        self.assertEqual(self.live.mcims(self.device), [])
        self.assertEqual(self.live.row(self.device)["state"], "installed")  # what the operator has is his to end

    def test_failed_renewal_keeps_the_subscription_of_before(self):
        """The MCIM in use is replaced only by one that can be installed."""
        self.live.install(self.device)
        before = self.live.mcims(self.device)
        self.live.seal_anew(self.device)
        self.live.put_package(self.device, self.package(wire.mcim(), t=wire.Key().point))
        self.assertEqual(self.live.fly(self.device)["package"], "UNOPENED")
        self.assertEqual(self.live.mcims(self.device), before)
        self.assertIsNotNone(self.live.world.vector(self.live.auc, self.live.subscriptions(self.device)[0]["imsi"]))
        self.assertEqual(self.live.fly(self.device)["refusal"], RESEAL)
        self.live.wait_reseal(self.device, "could not install")
        self.live.seal_anew(self.device)
        self.live.install(self.device)


class Rejected(unittest.TestCase):
    """The operator judges by its own list, which lacks what this device runs."""

    def setUp(self):
        self.live = Lives(BUILD, references=False)
        self.addCleanup(self.live.stop)
        self.device = self.live.devices[0]
        tre = self.device.start_tre_alone()
        self.addCleanup(tre.stop)

    def publish(self, measurement, *players):
        rows = self.live.write("measurements.csv", f"measurement,version\n{measurement},1\n")
        references = self.live.supplier.path(f"references-{measurement[:8]}.smr")
        self.live.supplier.run("publish", "--csv", self.live.supplier.take(rows), "--out", references)
        for player in players:
            player.run("load", player.take(references))

    def test_device_fetches_the_new_package_after_a_check_in_and_ends_active(self):
        live, device = self.live, self.device
        self.publish("ab" * 32, live.auc)
        self.publish(device.measurement(), live.ro)
        wait_until("the server to notice the list", lambda: live.fly(device)["installed"], 60, every=0.2)
        self.assertEqual(live.contact(device, "check-in")["result"], "accepted")
        live.wait_state(device, "rejected", "the measured software is not approved")
        live.wait_row(device, "reseal")
        self.assertIsNone(live.vector(device))
        self.assertIn(device.eid, live.auc.run("status", "--reseal").stdout)
        live.auc.run("load", live.auc.take(live.supplier.path(f"references-{device.measurement()[:8]}.smr")))
        live.seal_anew(device)
        # As soon as the server has noticed that a package waits, a check-in is told to fly.
        wait_until("a check-in to be refused", lambda: live.contact(device, "check-in")["result"] == "refused", 60, every=0.2)
        live.install(device)
        self.assertEqual(live.row(device)["state"], "installed")
        self.assertIsNotNone(live.vector(device))


if __name__ == "__main__":
    unittest.main()
