# SPDX-License-Identifier: Apache-2.0
"""As bites.py, for the programs of a world whose devices the test plays: attack(device, mutant) -> did it succeed? Each side takes a device that nobody
used before. Beside a mutant the honest parties of the attack speak without what the mutant lacks."""
import os
import unittest

import mutants
import wire
from fates import Fates
from offline import Offline


class WorldBites(unittest.TestCase):
    """One world for all tests of a class."""
    DEVICES = 24
    WORLD = {}  # what Offline is told besides

    @classmethod
    def setUpClass(cls):
        cls.o = Offline(os.environ.get("SAMARA_BUILD", "build"), devices=cls.DEVICES, by_certificate=0, **cls.WORLD)
        cls.fresh = iter(cls.o.devices)
        cls.start()

    @classmethod
    def tearDownClass(cls):
        cls.o.stop()

    @classmethod
    def start(cls):
        """Start the programs under attack."""
        raise NotImplementedError

    @classmethod
    def end(cls):
        """End them."""
        raise NotImplementedError

    def new(self):
        device = next(self.fresh)
        device.have = None
        return device

    def bites(self, name, attack):
        device = self.new()
        self.assertFalse(attack(device, False), "the attack succeeds against the real program")
        self.serves(device)
        if not mutants.WANTED:
            return
        self.instead(mutants.programs(name))
        try:
            self.assertTrue(attack(self.new(), True), "the attack does not succeed against the mutant either: it proves nothing")
        finally:
            self.instead(None)

    def instead(self, programs):
        self.end()
        self.o.world.use(programs)
        self.start()

    def serves(self, device):
        """After the attack the device that was attacked is still served."""
        raise NotImplementedError


class ServerBites(WorldBites):
    """Attacks on samarad."""

    @classmethod
    def start(cls):
        cls.o.start()

    @classmethod
    def end(cls):
        cls.o.server.stop()

    def setUp(self):
        self.udp = Fates(self.o.world)

    def tearDown(self):
        self.udp.close()

    def fly(self, device, **kwargs):
        return self.o.fly(device, self.udp, **kwargs)

    def check_in(self, device, report=None, **kwargs):
        return self.o.check_in(device, report, self.udp, **kwargs)

    def provision(self, device):
        """A flight, an installation, a check-in with the receipt. Returns the receipt."""
        receipt = self.o.install(device, self.fly(device))
        self.assertIn(2, self.check_in(device, {1: [receipt], 2: 1}))
        device.have = [receipt[1], receipt[2]]
        return receipt

    def granted(self, answer, refusal):
        """Was it granted? If not, it was refused for this reason."""
        if answer == {0: refusal}:
            return False
        self.assertIn(2, answer)
        return True

    def thief(self, device):
        """Somebody who speaks in the name of a device and has no key of its."""
        other = wire.Device(device.eid, wire.Key(), device.measurement)
        other.ctr = device.ctr
        return other

    def serves(self, device):
        if device.have is None:
            self.provision(device)
        m2 = self.fly(device, have=device.have)
        self.assertNotIn(1, m2)
        self.assertIn(2, m2)
        self.assertIn(2, self.check_in(device))
