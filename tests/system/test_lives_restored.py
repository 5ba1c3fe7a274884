# SPDX-License-Identifier: Apache-2.0
"""A device restored from an old image: what its TRE, the server and the operator notice, what they cannot notice without a TPM, and how the
device ends with a valid subscription."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from lives import AUTHENTICATE, COUNTER, OK, RESEAL, ROLLBACK, SQN, STATE, Lives  # noqa: E402
from world import wait_until  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")
STEP = 2**14


class Restored(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.live = Lives(BUILD, devices=5)
        cls.addClassCleanup(cls.live.stop)
        cls.fresh = iter(cls.live.devices)

    def setUp(self):
        self.device = next(self.fresh)
        self.tre = None
        self.addCleanup(lambda: self.tre and self.tre.stop())

    def power(self, on=True):
        if self.tre:
            self.tre.stop()
        self.tre = self.device.start_tre_alone() if on else None

    def restore(self, image, *names):
        self.power(on=False)
        self.live.put_back(self.device, image, *names)
        self.power()

    def ctr(self):
        return self.device.ask(STATE)[5]

    def past_the_counter(self):
        """Refused once for the counter; the TRE steps ahead."""
        before = self.ctr()
        first = self.live.fly(self.device)
        self.assertEqual((first["result"], first["refusal"]), ("refused", COUNTER))
        self.assertIn("try again; if that does not help, the supplier has to enrol the device anew", first["detail"])
        self.assertEqual(self.ctr(), before + 1 + STEP)
        return self.live.fly(self.device)

    def authenticate(self, vector):
        rand, autn, ik, ck, res = vector
        answer = self.device.ask(AUTHENTICATE, rand, autn)
        if answer[0] == OK:
            self.assertEqual(answer[:4], [OK, res, ck, ik])
        return answer[0]

    def test_record_older_than_its_counter_is_refused_with_the_way_out(self):
        image = self.live.image(self.device, "image")
        self.power()
        self.live.install(self.device)
        self.restore(image, "record")
        self.assertEqual(self.device.ask(STATE)[1], ROLLBACK)
        self.assertTrue(self.tre.logged("have the supplier enrol the device anew"))
        self.assertEqual(self.live.contact(self.device, "flight")["exit_code"], 3)
        self.assertEqual(self.device.ask(AUTHENTICATE, bytes(16), bytes(16))[0], ROLLBACK)
        self.power(on=False)
        self.live.reset(self.device)
        self.enrolled_anew(2)

    def enrolled_anew(self, number):
        self.tre = self.live.enrol_anew(self.device, number)
        self.live.ro.run("load", self.live.ro.take(self.live.shipment(number)))
        self.live.seal_anew(self.device, "--re-enrolled", number)
        wait_until("the server to know the shipment", lambda: self.live.fly(self.device)["installed"], 60, every=0.3)
        self.live.contact(self.device, "check-in")
        self.live.wait_active(self.device)

    def test_whole_directory_from_before_the_installation_ends_resealed(self):
        """The TRE itself notices nothing: its counter is a file. The server does, and the operator is told."""
        image = self.live.image(self.device, "image")
        self.power()
        self.live.install(self.device)
        self.restore(image)
        self.assertEqual(self.device.ask(STATE)[1], OK)
        second = self.past_the_counter()
        self.assertEqual((second["result"], second["refusal"]), ("refused", RESEAL))
        self.live.wait_reseal(self.device, "the device does not hold it any more")
        self.assertEqual(self.live.subscription(self.device)["state"], "active")
        self.live.seal_anew(self.device)
        self.live.install(self.device)
        self.assertEqual([s["state"] for s in self.live.subscriptions(self.device)], ["withdrawn", "active"])
        self.assertIsNotNone(self.live.vector(self.device))

    def test_whole_directory_from_before_the_receipt_repeats_the_receipt(self):
        """The image holds the MCIM and a receipt that the server has taken."""
        self.power()
        self.assertTrue(self.live.fly(self.device)["installed"])
        image = self.live.image(self.device, "image")
        self.live.contact(self.device, "check-in")
        self.live.wait_active(self.device)
        self.live.fly(self.device)  # the row goes on
        self.restore(image)
        stale = self.live.contact(self.device, "check-in")  # an old ticket, and a report: the row is asked
        self.assertEqual(stale["result"], "refused")
        self.assertEqual(self.past_the_counter()["result"], "accepted")
        self.assertEqual(self.live.contact(self.device, "check-in")["result"], "accepted")
        self.assertEqual(self.live.row(self.device)["state"], "installed")
        wait_until("the relay to empty", lambda: self.live.row(self.device)["relay_waiting"] == 0, 60)
        self.assertEqual(self.live.subscription(self.device)["state"], "active")

    def test_whole_directory_with_an_older_sqn_array_takes_a_vector_twice(self):
        """OPEN without a TPM: an AUTN that was used before is taken again, so that whoever recorded it can have its keys used again. The
        network's own counter goes on; the device ends with the subscription that it has."""
        self.power()
        self.live.install(self.device)
        image = self.live.image(self.device, "image")
        vector = self.live.vector(self.device)
        self.assertEqual(self.authenticate(vector), OK)
        self.assertEqual(self.authenticate(vector), SQN)
        self.live.fly(self.device)
        self.restore(image)
        self.assertEqual(self.authenticate(vector), OK, "closed? then say so in docs/threat-model.md")
        self.assertEqual(self.authenticate(vector), SQN)
        again = self.past_the_counter()
        self.assertEqual((again["result"], again["installed"]), ("accepted", False))
        self.assertEqual(self.live.row(self.device)["state"], "installed")
        self.assertEqual(self.authenticate(self.live.vector(self.device)), OK)
        self.assertEqual(self.live.subscription(self.device)["state"], "active")

    def test_unchanged_check_in_with_an_old_ticket_is_served_and_decides_nothing(self):
        """Nothing to report and nothing pending: the store is not asked. A new flight, or anything that counts, ends it."""
        self.power()
        self.live.install(self.device)
        image = self.live.image(self.device, "image")
        self.live.contact(self.device, "check-in")
        self.restore(image)
        before = self.live.row(self.device)["counter"]
        self.assertEqual(self.live.contact(self.device, "check-in")["result"], "accepted")
        self.assertEqual(self.live.row(self.device)["counter"], before)


if __name__ == "__main__":
    unittest.main()
