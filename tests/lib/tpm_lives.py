# SPDX-License-Identifier: Apache-2.0
"""Lives (lives.py) of devices with a TPM each, and machines that a whole device, TPM's state and all, is copied to."""
import os
import subprocess

import record_file
import wire
from lives import Lives
from swtpm import SoftwareTpm
from world import Device

# What a boot extends, and what the supplier approves.
BOOT_LOG = [[8, wire.sha256(b"launcher"), "launch"], [8, wire.sha256(b"tre"), "tre"], [9, wire.sha256(b"configuration"), "config"]]


class Machine(Device):
    """Its TRE runs while it is switched on; each start resets the TPM and boots what the log says."""
    tre = None

    def on(self, log=None):
        self.off()
        self.tpm.start()
        self.boot(log or BOOT_LOG)
        self.tre = self.start_tre_alone()
        return self.tre

    def off(self):
        if self.tre:
            self.tre.stop()
        self.tre = None
        self.tpm.stop()

    def start_tre_alone(self, fault=None):
        if self.tpm is None:  # first of all, on the production line
            self.give_tpm()
            self.boot(BOOT_LOG)
        return super().start_tre_alone(fault)

    def boot(self, log):
        """What samara-boot does to the registers, and leaves."""
        for pcr, digest, _ in log:
            self.tpm.extend(pcr, digest)
        self.boot_log = os.path.join(self.dir, "boot.log")
        with open(self.boot_log, "wb") as f:
            f.write(wire.encode(log))
        os.chmod(self.boot_log, 0o644)

    def image(self, name):
        """Of all that it has, off or running: the software TPM replaces the file of its state as a whole."""
        path = os.path.join(self.dir, name)
        os.mkdir(path)
        subprocess.run(["cp", "-a", self.tre_dir, self.tpm.directory, path], check=True)
        return path

    def put_back(self, image):
        for target in (self.tre_dir, self.tpm.directory):
            subprocess.run(["rm", "-rf", target], check=True)
            subprocess.run(["cp", "-a", os.path.join(image, os.path.basename(target)), target], check=True)


class TpmLives(Lives):
    PLATFORM = ("--platform", "tpm")
    ENDORSED = ("--unendorsed",)

    def make_device(self, number, certificate, agent):
        return Machine(self.world, number, certificate, **agent)

    def publish(self, extra=(), log=None, number=1):
        """The supplier's list: this boot log alone."""
        references = self.supplier.path("references.smr")
        with open(references, "wb") as f:
            f.write(record_file.write(record_file.REFERENCES, number, record_file.private_key(self.supplier), [], [[log or BOOT_LOG, "1.0"]]))
        for player in (self.ro, self.auc):
            player.run("load", player.take(references))

    def copy(self, image, device, number):
        """A second machine with that image: its TRE, its TPM."""
        other = Machine(self.world, number)
        other.eid = device.eid
        other.tpm = SoftwareTpm(os.path.join(other.dir, "tpm"))
        self.world.tpms.append(other.tpm)
        other.off()
        other.put_back(image)
        subprocess.run(["chown", "-R", f"{other.tre_uid}:{other.gid}", other.tre_dir], check=True)
        return other
