# SPDX-License-Identifier: Apache-2.0
"""The main system asks a TRE with a TPM to prepare for software of the attacker's choice, and boots that, with one check of the TRE taken out at a time.
He wants the stored subscription to open under it. A test is called as its mutant."""
import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import lone_tre  # noqa: E402
import mutants  # noqa: E402
import wire  # noqa: E402
from swtpm import SoftwareTpm  # noqa: E402

RUNNING, WANTED = 5, 3  # numbers, and what they boot


class Bites(unittest.TestCase):
    def bites(self, name, attack):
        self.assertFalse(self.opens(attack, lone_tre.PROGRAM), "the attack succeeds against the real program")
        self.assertTrue(self.opens(attack, mutants.programs(name)["samara-tre"]), "the attack does not succeed against the mutant either: it proves nothing")

    def opens(self, attack, program):
        """Does what is stored open under the software that the attacker wants?"""
        base = tempfile.mkdtemp(prefix="samara-tpm-")
        self.addCleanup(shutil.rmtree, base)
        with SoftwareTpm(base) as tpm:
            tpm.boot(lone_tre.boot_log(RUNNING))
            with lone_tre.Tre(program=program, tpm=tpm) as tre:
                self.assertEqual(tre.fly(tre.package()), lone_tre.OK)
                attack(tre)
                tre.kill()
                tpm.boot(lone_tre.boot_log(WANTED))
                tre.start()
                return tre.ask(lone_tre.STATE)[1] == lone_tre.OK and len(tre.mcims()) == 1

    def test_update_without_supplier(self):
        """Releases that he signed himself."""
        def attack(tre):
            own = wire.Key()
            tre.ask(lone_tre.PREPARE, own.point, tre.release(RUNNING, supplier=own), tre.release(RUNNING + 1, software=WANTED, supplier=own))
        self.bites("update_without_supplier", attack)

    def test_update_without_running(self):
        """An older release is said to run, and so the one that he wants is newer."""
        self.bites("update_without_running", lambda tre: tre.prepare(tre.release(WANTED - 1), tre.release(WANTED)))

    def test_update_without_number(self):
        self.bites("update_without_number", lambda tre: tre.prepare(tre.release(RUNNING), tre.release(WANTED)))

    def test_update_without_product(self):
        """The supplier's, for devices of another kind."""
        self.bites("update_without_product", lambda tre: tre.prepare(tre.release(RUNNING), tre.release(RUNNING, software=WANTED, product="m2me-2")))


if __name__ == "__main__":
    unittest.main()
