# SPDX-License-Identifier: Apache-2.0
"""The first stage of a device whose disk, and whose bus to the TPM, the attacker holds, with one check of it taken out at a time. He wants something to run that
the supplier does not release for this device any more, or the TPM to say so. A test is called as its mutant."""
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ.get("SAMARA_SOURCE", "."), "tests"))
sys.path.insert(0, os.path.join(os.environ.get("SAMARA_SOURCE", "."), "tests", "lib"))
import mutants  # noqa: E402
from boot_rig import ALTERED_SLOT, EVIL, EVIL_SAYS, Case, Interposer, extend, read, registers, write  # noqa: E402
from oracle import objects  # noqa: E402
from oracle.cbor import decode, encode  # noqa: E402
from oracle.keys import Key  # noqa: E402


class Bites(Case):
    def bites(self, name, attack):
        """attack() -> did it succeed? It fails against samara-boot, which then still boots its device, and succeeds against the mutant."""
        files = {path: read(path) for path in (self.path("bin", "samara-m2me"), self.path("release.smr"))}
        self.assertFalse(attack(), "the attack succeeds against the real program")
        for path, content in files.items():
            self.put(path, content)
        self.reset()
        self.boots()
        self.program = mutants.programs(name)["samara-boot"]
        self.put(self.path("bin", "samara-boot"), read(self.program))
        self.assertTrue(attack(), "the attack does not succeed against the mutant either: it proves nothing")

    @staticmethod
    def put(path, content):
        """Under another inode: a program that runs cannot be written to."""
        if os.path.exists(path):
            os.remove(path)
        write(path, content)
        os.chmod(path, 0o755)

    def runs(self, pattern, tcti=None):
        """Does something with these words come to run?"""
        running = self.boot(tcti)
        found = running.wait_for(pattern)
        running.end()
        return bool(found)

    def test_boot_without_signature(self):
        """A release of the attacker's own, for a program of his own, that names the supplier's key."""
        def attack():
            self.put(self.path("bin", "samara-m2me"), read(EVIL))
            self.sign(7)
            honest = decode(decode(read(self.path("release.smr")))[2])
            write(self.path("release.smr"), encode(Key().signed("samara1 release", b"", honest)))
            return self.runs(EVIL_SAYS)
        self.bites("boot_without_signature", attack)

    def test_boot_without_digests(self):
        """The supplier's release, a program of the attacker's own."""
        def attack():
            self.put(self.path("bin", "samara-m2me"), read(EVIL))
            return self.runs(EVIL_SAYS)
        self.bites("boot_without_digests", attack)

    def test_boot_without_product(self):
        """What the supplier releases for another model, software and all."""
        def attack():
            self.sign(7, product="m2me-2")
            return self.runs("agent ready")
        self.bites("boot_without_product", attack)

    def test_boot_without_number(self):
        """A release with a fault that is known meanwhile, software and all."""
        def attack():
            self.sign(7)
            self.boots()
            self.sign(6)
            return self.runs("agent ready")
        self.bites("boot_without_number", attack)

    def test_boot_number_left_open(self):
        """Who is root on the running device removes the number, and puts an older release in place for the next start."""
        def attack():
            self.sign(7)
            running = self.boot()
            self.assertTrue(running.wait_for("agent ready"), running.lines)
            running.end()  # a TPM has one user at a time
            subprocess.run(["tpm2_nvundefine", "-T", self.tpm.tcti, "-C", "p", "0x1405301"], capture_output=True, timeout=60, check=False)
            self.reset()
            self.sign(6)
            return self.runs("agent ready")
        self.bites("boot_number_left_open", attack)

    def test_boot_from_the_path(self):
        """The program is exchanged between its check and its start, to the very moment: when the TPM is told of it."""
        self.configure(launch="measure = slot.img\nagent-binary = bin/samara-m2me")

        def attack():
            with Interposer(self.tpm, lambda: self.put(self.path("bin", "samara-m2me"), read(EVIL))) as bus:
                self.assertTrue(self.runs(f"{EVIL_SAYS}|agent ready", bus.tcti), self.said.lines)
            self.assertTrue(bus.acted)
            return bool(self.said.wait_for(EVIL_SAYS))
        self.bites("boot_from_the_path", attack)

    def test_boot_without_spoiling(self):
        """A device that refused to boot leaves a shell: the attacker tells the TPM what the release says, and then runs what he likes."""
        def attack():
            slot = read(self.path("slot.img"))
            log = [[int(pcr), bytes.fromhex(digest), name] for pcr, digest, _, name in (line.split(",") for line in self.stages().splitlines()[1:])]
            write(self.path("slot.img"), ALTERED_SLOT)
            running = self.boot()
            self.assertEqual(running.ended(), 21, running.lines)
            write(self.path("slot.img"), slot)
            for pcr, digest, _ in log:
                extend(self.tpm, pcr, digest)
            return registers(self.tpm, 8, 9) == objects.replay(log)
        self.bites("boot_without_spoiling", attack)


if __name__ == "__main__":
    unittest.main()
