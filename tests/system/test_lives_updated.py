# SPDX-License-Identifier: Apache-2.0
"""A device with a TPM from one release of its supplier to the next, with the real programs from samara-boot to the AuC: its subscription goes with it,
and its TRE prepares for nothing that its supplier did not approve for it."""
import json
import os
import shutil
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from boot_rig import CODES  # noqa: E402
from live import Live  # noqa: E402
from world import Device, wait_until  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")
PRODUCT = "m2me-1"
STATE, OK, MEASUREMENT, MEASUREMENT_REFUSED = 1, 0, 0x308, 2


class Booted(Device):
    """It is never started but by samara-boot, also on the production line."""

    def start_tre_alone(self, fault=None):
        process = self.power_on()
        self.wait_answering()
        return process


class Releases(Live):
    DEVICE = Booted
    PLATFORM = ("--platform", "tpm")
    ENDORSED = ("--unendorsed",)

    def make_device(self, number, certificate, agent):
        device = self.DEVICE(self.world, number, certificate, **agent)
        device.give_tpm()
        self.install(device, self.release(device, 1))
        return device

    def release(self, device, number, name="", product=PRODUCT, player=None):
        """What is on the device now, signed."""
        player = player or self.supplier
        path = player.path(f"release-{number}{name}.smr")
        stages = self.write("stages.csv", device.stages())
        player.run("release", "--product", product, "--release", f"1.{number}", "--number", str(number), "--csv", player.take(stages), "--out", path)
        return path

    def install(self, device, release):
        device.install(release, self.supplier.card, PRODUCT)

    def publish(self, extra=()):
        """All releases that are approved."""
        references = self.supplier.path("references.smr")
        if os.path.exists(references):
            os.remove(references)
        words = [word for release in (self.supplier.path("release-1.smr"), *extra) for word in ("--release", release)]
        self.supplier.run("publish", *words, "--out", references)
        for player in (self.ro, self.auc):
            player.run("load", player.take(references))

    def prepare(self, device, release, running=None, supplier=None):
        """samara-boot on the running device; its exit code, and what it said."""
        words = device.boot_words[:-2]  # no product: the TRE goes by the release that runs
        words[1], words[3] = running or words[1], supplier or words[3]
        done = self.world.command([self.world.bin("samara-boot"), "--config", device.config, *words, "--prepare", release], None, ok=False)
        return done.returncode, done.stdout + done.stderr

    def change_software(self):
        """Another agent: what it does is the same."""
        with open(self.world.bin("samara-m2me"), "ab") as f:
            f.write(b"the next version")

    def row(self, device):
        return self.ro.json("status", "--eid", device.eid)


class Refused(Booted):
    """Its software is not its release's: samara-boot starts nothing, and somebody starts the TRE by hand."""

    def start_tre_alone(self, fault=None):
        self.code = self.power_on().child.wait(30)
        return Device.start_tre_alone(self, fault)


class RefusedReleases(Releases):
    DEVICE = Refused

    def install(self, device, release):
        super().install(device, release)
        self.change_software()


class PastTheBoot(unittest.TestCase):
    """What a boot that was refused leaves in the TPM goes with the device to the server, whatever is started then."""

    def test_device_whose_boot_was_refused_gets_no_mcim(self):
        live = RefusedReleases(BUILD)
        self.addCleanup(live.stop)
        device = live.devices[0]
        self.assertEqual(device.code, CODES["STAGE_ALTERED"])
        live.start()
        tre = Device.start_tre_alone(device)
        self.assertEqual(device.ask(STATE)[1], OK)  # enrolled behind that boot: its own state is open to it
        answer = json.loads(device.agent("--once", "flight", "--json", ok=False).stdout)
        self.assertEqual((answer["result"], answer["refusal"]), ("refused", MEASUREMENT_REFUSED), answer)
        self.assertEqual(device.ask(STATE)[-1], [])
        self.assertNotEqual(live.row(device)["state"], "installed")
        tre.stop()


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

    def update(self, release):
        """Exchanged and reset; returns the counter of the last flight before."""
        counter = self.flown()
        self.device.power_off()
        self.live.install(self.device, release)
        self.device.power_on()
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
