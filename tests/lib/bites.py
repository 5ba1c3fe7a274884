# SPDX-License-Identifier: Apache-2.0
"""An attack that is shown to bite: it fails against the real program, which goes on serving, and succeeds against the mutant of the same name.

One function is the attack in both: attack(subject, honest) -> did it succeed? @honest says how the honest parties of the attack speak: with everything
that the protocol has, or, beside a mutant, without what the mutant lacks (an operator's W without hash(X), a server's k2 without e·F …).
"""
import unittest

import mutants
from lone_tre import OK, Tre


class Bites(unittest.TestCase):
    """Attacks on one samara-tre."""

    def bites(self, name, attack, **tre):
        """@tre: arguments of Tre."""
        with Tre(**tre) as real:
            self.assertFalse(attack(real, False), "the attack succeeds against the real program")
            self.serves(real)
        with Tre(program=mutants.programs(name)["samara-tre"], **tre) as mutant:
            self.assertTrue(attack(mutant, True), "the attack does not succeed against the mutant either: it proves nothing")

    def serves(self, tre):
        """After the attack an honest server still provisions it."""
        order = tre.order(serial=1000) if tre.owner_bound else None
        self.assertEqual(tre.fly(tre.package(serial=1000, order=order)), OK)
        self.assertEqual(tre.mcims()[0][2], 1000)
        tre.check_in()
