# SPDX-License-Identifier: Apache-2.0
"""Dishonest devices against the real samarad and samara-auc (S5, S6, S10). After each hostile request: does the server still answer?"""
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import record_file  # noqa: E402
import wire  # noqa: E402
from offline import Offline  # noqa: E402
from world import wait_until  # noqa: E402

NO_SUBSCRIPTION, MEASUREMENT, COUNTER, RESEAL, LINEAGE, TICKET_OLD, REVOKED, STORE, TAMPER = range(1, 10)
SILENCE = 0.25  # long enough for an answer on loopback, many times over


class Case(unittest.TestCase):
    """One world for all tests; each takes devices that nobody used before."""

    @classmethod
    def setUpClass(cls):
        cls.o = Offline(os.environ.get("SAMARA_BUILD", "build"), devices=30)
        cls.o.start()
        cls.o.world.start_auc(cls.o.auc)
        cls.fresh = iter(cls.o.devices[:30])
        cls.by_certificate = iter(cls.o.devices[30:])
        cls.witness = cls.o.devices[0]
        next(cls.fresh)
        assert 1 in cls.o.fly(cls.witness)

    @classmethod
    def tearDownClass(cls):
        cls.o.stop()

    def setUp(self):
        self.udp = self.o.udp()
        self.device = None

    def tearDown(self):
        self.udp.close()
        self.assertIn(2, self.o.check_in(self.witness), "the server does not answer an honest device any more")

    def new(self):
        self.device = next(self.fresh)
        return self.device

    def silent(self, path, payload):
        self.assertIsNone(self.udp.ask(path, payload, timeout=SILENCE))
        self.udp.socket.settimeout(2)

    def refused(self, answer, reason):
        self.assertEqual(answer, {0: reason})

    def packaged(self, device=None, **kwargs):
        m2 = self.o.fly(device or self.device, self.udp, **kwargs)
        self.assertIn(1, m2)
        return m2


class Flight(Case):
    def test_one_datagram_up_one_down(self):
        m2 = self.packaged(self.new())
        self.assertIn(2, m2)

    def test_same_request_gets_the_same_subscription_with_a_fresh_f(self):
        device = self.new()
        m1 = self.o.m1(device)
        first, second = self.udp.ask("f", m1), self.udp.ask("f", m1)
        self.assertNotEqual(first[1], second[1])
        self.assertEqual(device.open_m2(first[1])[1], device.open_m2(second[1])[1])

    def test_new_counter_before_the_receipt_gets_the_same_subscription(self):
        device = self.new()
        self.assertEqual(self.packaged(device)[1], self.packaged(device, ctr=device.ctr + 7)[1])

    def test_replayed_older_request_is_refused(self):
        device = self.new()
        m1, e, kept = self.o.m1(device), device.e, dict(device.__dict__)
        self.assertIn(1, device.open_m2(self.udp.ask("f", m1)[1]))
        self.packaged(device)
        device.__dict__.update(kept)  # whoever replays cannot even read the refusal; the device itself can
        self.refused(device.open_m2(self.udp.ask("f", m1)[1]), COUNTER)
        self.assertIs(device.e, e)

    def test_same_counter_with_another_request_is_refused(self):
        device = self.new()
        self.packaged(device, ctr=5)
        self.refused(self.o.fly(device, self.udp, ctr=5), COUNTER)

    def test_counter_that_jumps_too_far_is_refused_and_burns_nothing(self):
        device = self.new()
        self.refused(self.o.fly(device, self.udp, ctr=2**24 + 1), COUNTER)
        self.packaged(device, ctr=2**24)

    def test_another_devices_identity_gets_no_answer(self):
        victim = self.new()
        thief = self.new()
        self.silent("f", self.o.m1(thief, eid=victim.eid))
        self.packaged(victim)

    def test_unapproved_measurement_is_refused_with_a_reason(self):
        self.refused(self.o.fly(self.new(), self.udp, measurement=os.urandom(32)), MEASUREMENT)
        self.packaged()

    def test_reported_tampering_is_refused_with_a_reason(self):
        self.refused(self.o.fly(self.new(), self.udp, extra={2: 1}), TAMPER)

    def test_package_that_could_not_be_installed_is_to_be_sealed_anew(self):
        device = self.new()
        package = self.packaged(device)[1]
        self.refused(self.o.fly(device, self.udp, extra={1: [package[1], package[2], 0x103]}), RESEAL)
        self.refused(self.o.fly(device, self.udp), RESEAL)

    def test_device_by_certificate_is_served(self):
        device = next(self.by_certificate)
        self.silent("f", self.o.m1(device))
        cert = wire.certificate(self.supplier_key(), device.eid, device.d.point, device.t.point, self.shipment_id(2))
        self.packaged(device, cert=cert)

    def test_certificate_of_an_untrusted_supplier_gets_no_answer(self):
        device = next(self.by_certificate)
        cert = wire.certificate(wire.Key(), device.eid, device.d.point, device.t.point, self.shipment_id(2))
        self.silent("f", self.o.m1(device, cert=cert))
        thief = wire.Key()
        cert = wire.certificate(self.supplier_key(), self.witness.eid, device.d.point, device.t.point, self.shipment_id(2))
        self.silent("f", self.o.m1(device, cert=cert, signer=thief))

    def supplier_key(self):
        return record_file.private_key(self.o.supplier)

    def shipment_id(self, number):
        return wire.shipment_id(self.supplier_key().point, number)

    def test_unknown_flight_key_is_answered_with_the_current_signed_one(self):
        device = self.new()
        code, payload = self.udp.ask("f", device.m1(self.o.q[self.o.number], 999))
        self.assertEqual(code, "4.04")
        self.assertLessEqual(len(payload), 160)
        self.packaged(device)

    def test_revoked_device_is_refused_and_taken_back(self):
        device = self.new()
        self.o.ro.run("revoke", "--eid", device.eid.hex())
        self.refused(self.o.fly(device, self.udp), REVOKED)
        self.o.ro.run("revoke", "--eid", device.eid.hex(), "--undo")
        self.packaged(device)


class CheckIn(Case):
    def test_unchanged_check_in_needs_no_store(self):
        device = self.new()
        self.packaged(device)
        before = self.o.world.counters()
        for _ in range(5):
            self.assertIn(2, self.o.check_in(device, udp=self.udp))
        after = self.o.world.counters()
        self.assertEqual(after["store_round_trips"], before["store_round_trips"])
        self.assertEqual(after["checkins_without_store"] - before["checkins_without_store"], 5)

    def test_replayed_check_in_with_a_receipt_counts_nothing(self):
        device = self.new()
        receipt = self.o.install(device, self.packaged(device))
        c1 = device.c1(report={1: [receipt], 2: 1})
        self.assertIn(2, device.open_c2(self.udp.ask("c", c1)[1]))
        before = self.o.world.counters()["receipts"]
        for _ in range(3):
            self.assertEqual(self.udp.ask("c", c1)[0], "2.04")
        self.assertEqual(self.o.world.counters()["receipts"], before)
        wait_until("activation", lambda: self.o.subscription(device)["state"] == "active")

    def test_check_in_older_than_the_last_counted_is_refused(self):
        device = self.new()
        receipt = self.o.install(device, self.packaged(device))
        ticket, rk, ctr = device.ticket, device.rk, device.ctr
        self.assertIn(2, self.o.check_in(device, {1: [receipt], 2: 1}, self.udp, ctr=ctr + 5))
        self.refused(self.o.check_in(device, {1: [receipt], 2: 1}, self.udp, ctr=ctr + 4, ticket=ticket, rk=rk), COUNTER)

    def test_same_counter_with_another_report_is_refused(self):
        device = self.new()
        receipt = self.o.install(device, self.packaged(device))
        ticket, rk = device.ticket, device.rk
        self.assertIn(2, self.o.check_in(device, {1: [receipt], 2: 1}, self.udp, ctr=9))
        self.refused(self.o.check_in(device, {1: [receipt], 2: 2}, self.udp, ctr=9, ticket=ticket, rk=rk), COUNTER)

    def test_ticket_of_an_earlier_flight_is_refused(self):
        device = self.new()
        receipt = self.o.install(device, self.packaged(device))
        ticket, rk = device.ticket, device.rk
        self.packaged(device)
        self.refused(self.o.check_in(device, {1: [receipt], 2: 1}, self.udp, ticket=ticket, rk=rk), LINEAGE)

    def test_ticket_of_an_unknown_key_is_a_hint_to_fly(self):
        device = self.new()
        self.packaged(device)
        device.ticket = b"\x00\xff\xff\xff" + device.ticket[4:]
        self.assertEqual(self.udp.ask("c", device.c1()), ("4.04", b""))

    def test_device_that_lost_its_mcim_after_the_receipt_is_to_be_sealed_anew(self):
        device = self.new()
        receipt = self.o.install(device, self.packaged(device))
        self.assertIn(2, self.o.check_in(device, {1: [receipt], 2: 1}, self.udp))
        self.refused(self.o.fly(device, self.udp), RESEAL)

    def test_installed_device_gets_a_ticket_and_no_second_subscription(self):
        device = self.new()
        receipt = self.o.install(device, self.packaged(device))
        self.assertIn(2, self.o.check_in(device, {1: [receipt], 2: 1}, self.udp))
        m2 = self.o.fly(device, self.udp, have=[receipt[1], receipt[2]])
        self.assertNotIn(1, m2)
        self.assertIn(2, m2)


class Activation(Case):
    """The operator believes nobody: it activates on evidence, measurement and its own receipt alone."""

    def state_after(self, device, wanted):
        return wait_until(f"state {wanted}", lambda: self.o.subscription(device)["state"] == wanted and self.o.subscription(device))

    def test_installed_subscription_is_activated(self):
        device = self.new()
        receipt = self.o.install(device, self.packaged(device))
        self.o.check_in(device, {1: [receipt], 2: 1}, self.udp)
        self.state_after(device, "active")

    def test_claimed_receipt_without_the_key_is_rejected(self):
        device = self.new()
        receipt = self.o.install(device, self.packaged(device))
        receipt[4] = os.urandom(16)
        self.o.check_in(device, {1: [receipt], 2: 1}, self.udp)
        self.state_after(device, "rejected")
        wait_until("the row to be sealed anew", lambda: self.o.fly(device, self.udp) == {0: RESEAL})

    def test_receipt_paired_with_other_evidence_is_rejected(self):
        """Installed in one flight, evidence of another: the RO keeps the newest, the receipt names the older."""
        device = self.new()
        receipt = self.o.install(device, self.packaged(device))
        self.packaged(device)
        self.o.check_in(device, {1: [receipt], 2: 1}, self.udp)
        self.state_after(device, "rejected")

    def test_never_provisioned_is_not_active(self):
        device = self.new()
        self.packaged(device)
        time.sleep(1.5)
        self.assertEqual(self.o.subscription(device)["state"], "inactive")


if __name__ == "__main__":
    unittest.main()
