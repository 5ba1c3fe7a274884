# SPDX-License-Identifier: Apache-2.0
"""A device with a TPM from one release of its supplier to the next, with the real programs from samara-boot to the AuC: its subscription goes with it,
and its TRE prepares for nothing that its supplier did not approve for it."""
import os
import shutil
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from boot_rig import CODES  # noqa: E402
from releases import Releases  # noqa: E402
from world import wait_until  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")
STATE, OK, MEASUREMENT = 1, 0, 0x308


class Updated(unittest.TestCase):
    def setUp(self):
        self.live = Releases(BUILD, interval="1s", pause_min_ms=100)
        self.addCleanup(self.live.stop)
        self.device = self.live.devices[0]
        self.live.start()
        self.live.world.start_auc(self.live.auc)
        self.device.power_on()
        self.live.wait_active(self.device)

    def flown(self):
        return self.live.row(self.device)["counter"]

    def test_subscription_goes_along_to_the_next_release_and_not_to_one_that_was_not_prepared(self):
        live, device = self.live, self.device
        before = device.ask(STATE)
        honest = live.world.bin("samara-m2me") + ".honest"
        shutil.copy2(live.world.bin("samara-m2me"), honest)
        live.change_software()
        following = live.release(device, 2)
        live.publish(extra=[following])
        code, said = live.prepare(device, following)
        self.assertEqual(code, 0, said)
        self.assertIn("release 1.2 (number 2)", said)
        counter = self.update(following)
        after = device.ask(STATE)
        self.assertEqual((after[1], after[3], after[-1]), (OK, before[3], before[-1]))
        self.assertNotEqual(after[4], before[4])
        self.assertEqual(live.row(device)["state"], "installed")
        self.assertGreater(self.flown(), counter)
        # The former software, under the number that was booted meanwhile, and without a word: closed.
        os.replace(honest, live.world.bin("samara-m2me"))
        back = live.release(device, 2, name="-back")
        device.power_off()
        live.install(device, back)
        device.power_on()
        device.wait_answering()
        self.assertEqual(device.ask(STATE)[1], MEASUREMENT)
        # Who finds out only now that it was forgotten is not sent to look for another file: «back» is what runs.
        code, said = live.prepare(device, following)
        self.assertEqual(code, CODES["TRE"], said)
        self.assertIn("boot the former software and prepare there", said)
        self.assertNotIn("--release", said)

    def test_update_goes_from_either_form_of_release_to_the_other(self):
        live, device = self.live, self.device
        before = device.ask(STATE)
        device.power_off()
        live.install(device, live.release(device, 1, name="-plain", lengths=False))  # what runs, signed once more: nothing is prepared
        device.power_on()
        device.wait_answering()
        self.assertEqual(device.ask(STATE)[1], OK)
        following = []
        for number, lengths in ((2, True), (3, False)):
            live.change_software()
            following.append(live.release(device, number, lengths=lengths))
            live.publish(extra=following)
            code, said = live.prepare(device, following[-1])
            self.assertEqual(code, 0, said)
            self.update(following[-1])
            after = device.ask(STATE)
            self.assertEqual((after[1], after[3], after[-1]), (OK, before[3], before[-1]))

    def update(self, release):
        """Exchanged and reset; returns the counter of the last flight before."""
        self.device.power_off()
        counter = self.flown()
        self.live.install(self.device, release)
        self.device.power_on()
        self.device.wait_answering()
        wait_until("a flight in the new state", lambda: self.flown() > counter, 30, every=0.1)
        return counter

    def test_what_the_supplier_did_not_approve_for_it_is_refused_with_its_own_code(self):
        live, device = self.live, self.device
        other = live.world.player("other", "supplier", 9)
        other.init()
        running = live.supplier.path("release-1.smr")
        cut = live.write("cut.smr", "")
        with open(running, "rb") as whole, open(cut, "wb") as f:
            f.write(whole.read()[:-40])
        newer = live.release(device, 3)
        live.change_software()
        not_running = live.release(device, 2)
        cases = [(live.release(device, 2, name="-m2", product="m2me-2"), {}, "RELEASE_PRODUCT"), (cut, {}, "RELEASE_TRUNCATED"),
                 (live.release(device, 2, name="-x", player=other), {}, "RELEASE_KEY"), (os.path.join(live.world.root, "none"), {}, "RELEASE_MISSING"),
                 (newer, {"running": not_running}, "RELEASE_STAGES"), (running, {"running": newer}, "RELEASE_OLDER"),
                 (live.release(device, 3, name="-y", player=other), {"running": live.release(device, 2, name="-z", player=other), "supplier": other.card},
                  "CARD")]
        for release, words, reason in cases:
            code, said = live.prepare(device, release, **words)
            self.assertEqual(code, CODES[reason], said)
            self.assertRegex(said, "^samara-boot: .{20}")
        device.power_off()
        code, said = live.prepare(device, newer)
        self.assertEqual(code, CODES["TRE"], said)


if __name__ == "__main__":
    unittest.main()
