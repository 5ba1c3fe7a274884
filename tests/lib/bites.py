# SPDX-License-Identifier: Apache-2.0
"""An attack that is shown to bite: it fails against the real program, which goes on serving, and succeeds against the mutant of the same name.

One function is the attack in both: attack(subject, honest) -> did it succeed? @honest says how the honest parties of the attack speak: with everything
that the protocol has, or, beside a mutant, without what the mutant lacks (an operator's W without hash(X), a server's k2 without e·F …).
"""
import os
import unittest

import mutants
from lone_tre import OK, Tre


WINDOW = 6  # octets: two random datagrams share so many once in some billions of tries


def windows(datagram, start):
    return {datagram[i:i + WINDOW] for i in range(start, len(datagram) - WINDOW + 1)}


def shared(first, second, other):
    """Octets that two datagrams of one device share, and another device's does not have: what an observer links the two by. What all three begin with is
    the same for everybody."""
    head = len(os.path.commonprefix([first, second, other]))
    return (windows(first, head) & windows(second, head)) - windows(other, 0)


def program_of(name):
    """samara-tre itself, or a mutant of it."""
    return mutants.programs(name)["samara-tre"] if name else os.path.join(mutants.BUILD, mutants.PROGRAMS["samara-tre"])


class Bites(unittest.TestCase):
    """Attacks on one samara-tre."""

    def bites(self, name, attack, **tre):
        """@tre: arguments of Tre."""
        with Tre(**tre) as real:
            self.assertFalse(attack(real, False), "the attack succeeds against the real program")
            self.serves(real)
        if not mutants.WANTED:
            return
        with Tre(program=program_of(name), **tre) as mutant:
            self.assertTrue(attack(mutant, True), "the attack does not succeed against the mutant either: it proves nothing")

    def serves(self, tre):
        """After the attack an honest server still provisions it."""
        order = tre.order(serial=1000) if tre.owner_bound else None
        self.assertEqual(tre.fly(tre.package(serial=1000, order=order)), OK)
        self.assertEqual(tre.mcims()[0][2], 1000)
        tre.check_in()
