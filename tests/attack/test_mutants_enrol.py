# SPDX-License-Identifier: Apache-2.0
"""The supplier's station with one of its questions about the TPM taken out at a time: somebody on the production line wants it to certify keys that are not in
a TPM that a vendor vouches for. A test is called as its mutant."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ.get("SAMARA_SOURCE", "."), "tests"))
sys.path.insert(0, os.path.join(os.environ.get("SAMARA_SOURCE", "."), "tests", "lib"))
import mutants  # noqa: E402
from endorse import Vendor, endorsement_key, put_certificate  # noqa: E402
from enrol_rig import ENROL_ENDORSE, Case, Middle  # noqa: E402


class Bites(Case):
    def bites(self, name, der, tell=None):
        """The station with @der in the TPM, and perhaps somebody between it and the TRE, who tells it other things."""
        self.put_on_the_line(der)
        self.fails_but_against(name, tell)

    def put_on_the_line(self, der):
        put_certificate(self.tpm, der)
        self.ship()
        self.tre = self.start()

    def fails_but_against(self, name, tell=None):
        self.assertFalse(self.attack(tell), "the attack succeeds against the real program")
        if not mutants.WANTED:
            return
        self.program = mutants.programs(name)["samara"]
        self.assertTrue(self.attack(tell), "the attack does not succeed against the mutant either: it proves nothing")

    def attack(self, tell):
        """Is the device enrolled?"""
        path = self.path(f"middle-{self.number}-{os.path.basename(os.path.dirname(self.program))}.sock")
        with Middle(self.tre, path, tell or (lambda request, ask: ask(*request))):
            return self.enrol("--tpm-roots", self.roots, socket_path=path).returncode == 0

    def test_enrol_without_vendor(self):
        """A certificate by the attacker himself: his «TPM» may be a program."""
        self.bites("enrol_without_vendor", Vendor().certificate(endorsement_key(self.tpm)))

    def test_enrol_without_credential(self):
        """The certificate of some TPM that he has bought; the keys are elsewhere."""
        self.bites("enrol_without_credential", self.vendor.certificate(endorsement_key(self.machine("bought"))))

    def test_enrol_without_certification(self):
        """Nothing that d says of t now: t may be in software."""
        self.bites("enrol_without_certification", self.vendor.certificate(endorsement_key(self.tpm)),
                   lambda request, ask: ask(ENROL_ENDORSE, bytes(32)) if request[0] == ENROL_ENDORSE else ask(*request))

    def test_enrol_one_tpm_for_many(self):
        """One genuine TPM that he has bought, cleared in between, under the name of a second device."""
        self.put_on_the_line(self.vendor.certificate(endorsement_key(self.tpm)))
        self.accepted()
        self.anew()
        self.fails_but_against("enrol_one_tpm_for_many")


if __name__ == "__main__":
    unittest.main()
