# SPDX-License-Identifier: Apache-2.0
"""A device enrolled anew after a repair or a factory reset, and the counter's jump cap with its way out (docs/decisions/0008-re-enrolment.md). Its
subscription of before dies, nobody can use the re-enrolment to steal it, and no old record brings old keys back."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import wire  # noqa: E402
from lives import COUNTER, FLIGHT_START, LINEAGE, Lives  # noqa: E402
from offline import Offline  # noqa: E402
from world import eid, imei, wait_until  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")
JUMP, STEP = 2**24, 2**14
KNOWN = {"known": True, "certificate": "never"}
SHOWN = {"known": False, "certificate": "always"}  # the RO does not have the shipment: devices show their certificate


class Case(unittest.TestCase):
    WORLD = KNOWN
    DEVICES = 1

    def setUp(self):
        self.live = Lives(BUILD, devices=self.DEVICES, **self.WORLD)
        self.addCleanup(self.live.stop)
        self.device = self.live.devices[0]
        self.tre = self.device.start_tre_alone()
        self.addCleanup(lambda: self.tre.stop())

    def reset_and_enrol(self, number=2):
        """Returns the directory of the TRE of before."""
        self.tre.stop()
        old = self.live.reset(self.device)
        self.tre = self.live.enrol_anew(self.device, number)
        return old

    def load_shipment(self, number=2):
        return self.live.ro.run("load", self.live.ro.take(self.live.shipment(number)))

    def silent(self):
        """The TRE's request gets no answer, and the server says that it was not for want of time."""
        def dropped():
            counters = self.live.world.counters() or {}
            return sum(counters.get(name, 0) for name in ("dropped_signature", "dropped_unknown"))
        before = wait_until("counters", self.live.world.counters) and dropped()
        udp = wire.Udp(self.live.world.port)
        err, m1 = self.device.ask(FLIGHT_START, self.WORLD is SHOWN)
        self.assertEqual(err, 0)
        self.assertIsNone(udp.ask("f", m1, timeout=0.5))
        udp.close()
        wait_until("the server to drop it", lambda: dropped() > before)

    def sealing_refused(self, how, number, words, code=3):
        done = self.live.op.run(*self.live.seal_words(self.device, how, number), ok=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertIn(words, done.stderr)

    def run_old(self, old):
        """The TRE of before, with whoever kept it."""
        self.tre.stop()
        os.rename(self.device.tre_dir, self.device.tre_dir + ".new")
        os.rename(old, self.device.tre_dir)
        self.tre = self.device.start_tre_alone()

    def ends_well(self):
        wait_until("the server to know the shipment", lambda: self.live.fly(self.device)["installed"], 60, every=0.3)
        self.assertEqual(self.live.contact(self.device, "check-in")["result"], "accepted")
        self.live.wait_active(self.device)
        self.assertEqual([s["state"] for s in self.live.subscriptions(self.device)], ["withdrawn", "active"])
        self.assertEqual(self.live.row(self.device)["state"], "installed")
        self.assertIsNotNone(self.live.vector(self.device))


class Reset(Case):
    def test_from_repair_to_a_new_subscription_while_the_old_keys_die(self):
        live, device = self.live, self.device
        live.install(device)
        imsi = live.subscription(device)["imsi"]
        old = self.reset_and_enrol()
        self.silent()
        self.assertIn("1 devices were enrolled anew", self.load_shipment().stdout)
        self.waits_for_its_operator()
        self.sealing_refused("--reseal", 2, "--re-enrolled")
        self.assertIsNotNone(live.world.vector(live.auc, imsi))  # nothing has changed for the live subscription
        live.seal_anew(device, "--re-enrolled", 2)
        self.assertIsNone(live.world.vector(live.auc, imsi))
        self.assertEqual(live.subscriptions(device)[0]["why"], "its device was enrolled anew")
        row = live.row(device)
        self.assertEqual((row["state"], row["counter"], row["lineage"], row["enrolled_anew"]), ("sealed", 0, 0, None))
        self.ends_well()
        self.old_keys_are_dead(old)

    def waits_for_its_operator(self):
        live, device = self.live, self.device
        row = live.row(device)
        self.assertEqual(row["state"], "installed")
        self.assertNotIn(row["enrolled_anew"], (None, row["shipment"]))
        self.assertIn("samara sho seal --re-enrolled", live.ro.run("status", "--eid", device.eid).stdout)
        self.silent()

    def old_keys_are_dead(self, old):
        live, device = self.live, self.device
        counter = live.row(device)["counter"]
        self.run_old(old)
        live.contact(device, "check-in")  # its old ticket: served, or not; nothing may change
        self.silent()
        self.assertEqual(live.row(device)["counter"], counter)
        self.assertEqual(live.subscription(device)["state"], "active")
        self.sealing_refused("--reseal", 1, "enrolled anew in shipment 2: seal from that shipment")
        self.assertIn("loaded before", self.load_shipment(1).stdout)

    def test_old_ticket_cannot_report_for_the_new_keys(self):
        """The new counter passes through lineages of before; the old TRE holds a ticket, a receipt and the same lineage."""
        live, device = self.live, self.device
        self.assertTrue(live.fly(device)["installed"])  # lineage 1, and a receipt in the queue
        old = self.reset_and_enrol()
        self.load_shipment()
        live.seal_anew(device, "--re-enrolled", 2)
        wait_until("the server to know the shipment", lambda: live.fly(device)["installed"], 60, every=0.3)
        # Whatever number of flights that took: as after the first one.
        live.sql(live.ro, "samara.db", "UPDATE device SET revision = revision + 1, lineage_ctr = 1, ctr = 1")
        self.run_old(old)
        answer = live.contact(device, "check-in")
        self.assertEqual((answer["result"], answer["refusal"]), ("refused", LINEAGE))
        row = live.row(device)
        self.assertEqual((row["state"], row["counter"]), ("offered", 1))

    def test_supplier_and_ro_alone_cannot_take_a_live_subscription(self):
        """A supplier that certifies other keys, and an RO that puts them into its row: the operator has not sealed for them."""
        live, device = self.live, self.device
        live.install(device)
        old = self.reset_and_enrol()
        self.load_shipment()
        live.sql(live.ro, "samara.db", "UPDATE device SET revision = revision + 1, ctr = 0, lineage_ctr = 0, state = 1, has_x = 1, "
                 "d = (SELECT d FROM reenrolment), shipment = (SELECT shipment FROM reenrolment)")
        wait_until("an answer", lambda: live.fly(device)["result"] == "accepted", 60, every=0.3)
        self.assertEqual(live.mcims(device), [])  # X is purged; and it was sealed to the other T
        self.assertEqual(live.subscription(device)["state"], "active")
        self.run_old(old)
        self.assertEqual(len(live.mcims(device)), 1)
        self.assertIsNotNone(live.vector(device))

    def test_mistakes_are_named(self):
        live, device = self.live, self.device
        rows = live.write("again.csv", f"eid,imei\n{device.eid},{device.imei}\n")
        done = live.supplier.run("shipment", "--number", "2", "--csv", live.supplier.take(rows), "--anchor", live.supplier.take(live.op.card), ok=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("it is in shipment 1 already; when it was reset and is to be enrolled anew, give --re-enrol", done.stderr)
        self.reset_and_enrol()
        # The operator is quicker than the RO's shipment.
        live.op.run(*live.seal_words(device, "--re-enrolled", 2))
        batch = live.ro.take(live.op.path(f"more-batch-{live.sealed}.smr"))
        done = live.ro.run("load", batch, ok=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("load that shipment first", done.stderr)
        self.load_shipment()
        live.ro.run("load", batch)
        live.auc.run("load", live.auc.take(live.op.path(f"more-auc-{live.sealed}.smr")))
        self.ends_well()


class ByCertificate(Case):
    WORLD = SHOWN

    def test_certificate_of_before_is_out_of_use_once_the_operator_has_sealed(self):
        live, device = self.live, self.device
        live.install(device)
        old = self.reset_and_enrol()
        live.seal_anew(device, "--re-enrolled", 2)
        self.assertEqual(live.row(device)["counter"], 0)
        self.ends_well()
        self.run_old(old)
        self.silent()
        self.assertEqual(live.subscription(device)["state"], "active")


class JumpCap(unittest.TestCase):
    """A device whose counter is more than 2^24 above the row's, as after an RO's store was lost, or a TRE's counter damaged."""

    def setUp(self):
        self.o = Offline(BUILD, devices=2, by_certificate=0)
        self.addCleanup(self.o.stop)
        self.o.start()
        self.o.world.start_auc(self.o.auc)
        self.device = self.o.devices[0]

    def test_beyond_the_cap_only_a_new_enrolment_helps(self):
        o, device = self.o, self.device
        self.assertIn(1, o.fly(device))
        first = device.ctr
        for ctr in (first + JUMP + 1, first + JUMP + 1 + STEP, first + JUMP + 1 + 2 * STEP):
            self.assertEqual(o.fly(device, ctr=ctr), {0: COUNTER})
        new = self.enrol_anew(device)
        self.assertIsNone(o.fly(device, ctr=first + 1))  # the keys of before
        m2 = wait_until("the new enrolment", lambda: self.packaged(new), 60, every=0.3)
        receipt = o.install(new, m2)
        self.assertIn(2, o.check_in(new, {1: [receipt], 2: 1}))
        wait_until("activation", lambda: self.states() == ["withdrawn", "active"], 60, every=0.2)

    def packaged(self, device):
        answer = self.o.fly(device)
        return answer if isinstance(answer, dict) and 1 in answer else None

    def states(self):
        wanted = self.device.eid.hex()
        mine = [s for s in self.o.auc.json("status")["subscriptions"] if s["eid"] == wanted]
        return [s["state"] for s in sorted(mine, key=lambda s: s["serial"])]

    def enrol_anew(self, device):
        o = self.o
        new = wire.Device(device.eid, wire.Key(), device.measurement)
        new.t, new.number = wire.Key(), device.number
        csv = o.write("renewed.csv", f"eid,imei,d,t\n{eid(new.number)},{imei(new.number)},{new.d.point.hex()},{new.t.point.hex()}\n")
        shipment = o.supplier.path("shipment-9.smr")
        o.supplier.run("shipment", "--number", "9", "--csv", o.supplier.take(csv), "--anchor", o.supplier.take(o.op.card), "--re-enrol")
        o.supplier.run("ship", "--number", "9", "--out", shipment)
        o.ro.run("load", o.ro.take(shipment))
        self.seal(shipment)
        return new

    def seal(self, shipment):
        o = self.o
        rows, batch, auc = (o.op.path(name) for name in ("renewed.csv", "renewed-batch.smr", "renewed-auc.smr"))
        o.op.run("make", "--count", "1", "--imsi", "001019900000001", "--iccid", "898829000000000001", "--algorithm", "milenage", "--out", rows)
        o.op.run("seal", "--shipment", o.op.take(shipment), "--subscriptions", rows, "--re-enrolled", self.device.eid.hex(),
                 "--ro", o.op.take(o.ro.card), "--auc", o.op.take(o.auc.card), "--out", batch, "--auc-out", auc)
        o.auc.run("load", o.auc.take(auc))
        o.ro.run("load", o.ro.take(batch))


if __name__ == "__main__":
    unittest.main()
