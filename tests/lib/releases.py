# SPDX-License-Identifier: Apache-2.0
"""A live world (live.py) whose devices have a TPM each, and run what their supplier released from samara-boot on."""
import os

from boot_rig import without_lengths
from live import Live
from world import Device

PRODUCT = "m2me-1"


class Booted(Device):
    """It is never started but by samara-boot, also on the production line."""

    def start_tre_alone(self, fault=None):
        process = self.power_on()
        self.wait_answering()
        return process


class Releases(Live):
    """@NUMBER: of the release that devices come with."""
    DEVICE = Booted
    NUMBER = 1
    PLATFORM = ("--platform", "tpm")
    ENDORSED = ("--unendorsed",)

    def make_device(self, number, certificate, agent):
        device = self.DEVICE(self.world, number, certificate, **agent)
        device.give_tpm()
        self.install(device, self.release(device, self.NUMBER))
        return device

    def release(self, device, number, name="", product=PRODUCT, player=None, lengths=True):
        """What is on the device now, signed."""
        player = player or self.supplier
        path = player.path(f"release-{number}{name}.smr")
        stages = self.write("stages.csv", device.stages() if lengths else without_lengths(device.stages()))
        player.run("release", "--product", product, "--release", f"1.{number}", "--number", str(number), "--csv", player.take(stages), "--out", path)
        return path

    def install(self, device, release):
        device.install(release, self.supplier.card, PRODUCT)

    def publish(self, extra=()):
        """All releases that are approved."""
        references = self.supplier.path("references.smr")
        if os.path.exists(references):
            os.remove(references)
        words = [word for release in (self.supplier.path(f"release-{self.NUMBER}.smr"), *extra) for word in ("--release", release)]
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
