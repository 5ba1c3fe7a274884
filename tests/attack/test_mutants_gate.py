# SPDX-License-Identifier: Apache-2.0
"""What stands before the public-key work of a first contact, with one thing taken out at a time. The attacker wants work done for nothing, or to learn where
a device is from, or to have an answer sent to somebody else that is much longer than what he sends. A test is called as its row in proofs/README.md."""
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import disk  # noqa: E402
import echo  # noqa: E402
import wire  # noqa: E402
from bites import program_of, shared  # noqa: E402
from lone_tre import FLIGHT_GATE, FLIGHT_START, OK, Tre  # noqa: E402
from offline import Offline  # noqa: E402
from oracle import coap, flight  # noqa: E402
from world import wait_until  # noqa: E402
from world_bites import ServerBites  # noqa: E402


class Guarded(ServerBites):
    """samarad under attack: Echo and gate MAC are demanded of everybody."""
    DEVICES = 16

    @classmethod
    def setUpClass(cls):
        cls.o = Offline(os.environ.get("SAMARA_BUILD", "build"), devices=cls.DEVICES, by_certificate=0, gate=True)
        cls.fresh = iter(cls.o.devices)
        cls.gate = cls.o.gate_key(1)
        cls.start()

    @classmethod
    def start(cls):
        cls.o.start(overload__demand="always", overload__gate="require")

    def client(self, source=None):
        udp = wire.Udp(self.o.world.port, 20, source)
        self.addCleanup(udp.close)
        return udp

    def opened(self):
        return wait_until("the server's counters", self.o.world.counters)["flights_opened"]

    def costs(self, udp, payload, value):
        """Is public-key work done for this? Every request here is answered, or, once it was opened and is nobody's, dropped."""
        before = self.opened()
        udp.socket.send(coap.request("f", payload, echo=value))
        name = ("told_later", "echo_demanded", "dropped_unopened", "flights_answered", "flights_refused", "answers_repeated")
        total = sum(self.counts[n] for n in name)
        wait_until("the fate of a request", lambda: sum(self.o.world.counters()[n] for n in name) > total)
        self.note()
        return self.opened() > before

    def note(self):
        self.counts = wait_until("the server's counters", self.o.world.counters)

    def mac(self, m1, without_m1=False):
        return wire.dumps(flight.gate_mac(self.gate, b"" if without_m1 else wire.sha256(m1)))

    def invented(self):
        """What opens under no key: cheap to make."""
        return wire.dumps([1, self.o.number, wire.Key().point, os.urandom(180)])

    def serves(self, device):
        udp = self.client()
        m1 = self.o.m1(device)
        value, _ = udp.ask_echo("f", m1)
        code, m2 = udp.ask("f", m1 + self.mac(m1), echo=value)
        self.assertEqual(code, "2.04")
        self.assertIn(1, device.open_m2(m2))

    def test_gate_mac_without_m1(self):
        """Somebody hears a device's MAC on the path, and puts it behind what he likes."""
        def attack(device, mutant):
            udp, m1 = self.client(), self.o.m1(device)
            heard = self.mac(m1, without_m1=mutant)
            value, _ = udp.ask_echo("f", m1)
            self.note()
            return self.costs(udp, self.invented() + heard, value)
        self.bites("gate_mac_without_m1", attack)

    def test_gate_without_mac(self):
        """Somebody with an address of his own."""
        def attack(_, __):
            udp = self.client()
            value, _ = udp.ask_echo("f", self.invented())
            self.note()
            return self.costs(udp, self.invented(), value)
        self.bites("gate_without_mac", attack)

    def test_echo_without_address(self):
        """A device that was taken apart has the gate key. With one Echo it asks in the name of every address."""
        def attack(device, _):
            m1 = self.o.m1(device)
            value, _ = self.client().ask_echo("f", m1)
            invented = self.invented()
            self.note()
            return self.costs(self.client("127.0.0.7"), invented + self.mac(invented), value)
        self.bites("echo_without_address", attack)

    def test_echo_without_time(self):
        """The same, with an Echo of ten minutes ago, when it had that address. (The server's key makes it, so that nobody waits.)"""
        def attack(_, __):
            udp = self.client()
            old = echo.echo(disk.echo_key(self.o.ro), time.time() - 600, *udp.socket.getsockname())
            invented = self.invented()
            self.note()
            return self.costs(udp, invented + self.mac(invented), old)
        self.bites("echo_without_time", attack)


class Amplified(ServerBites):
    """Calm: nothing is demanded. The answer to a TUAK device with an owner's order goes to an address that is somebody else's."""
    DEVICES = 6

    def test_answer_beyond_three_times(self):
        def attack(device, _):
            """The row's package is made longer than TUAK and an order make it: the server stores and sends what it cannot read."""
            self.end()
            disk.put(self.o.ro, ("UPDATE package SET \"order\" = zeroblob(133) WHERE slot = (SELECT package FROM device WHERE eid = ?)", (device.eid,)),
                     ("UPDATE package SET x = x || zeroblob(64) WHERE slot = (SELECT package FROM device WHERE eid = ?)", (device.eid,)))
            self.start()
            udp = wire.Udp(self.o.world.port, 20)
            self.addCleanup(udp.close)
            datagram = coap.request("f", self.o.m1(device))
            return len(udp.exchange(datagram)) > 3 * len(datagram)
        self.bites("answer_beyond_three_times", attack)

    def serves(self, device):
        udp = wire.Udp(self.o.world.port, 20)
        self.addCleanup(udp.close)
        m1 = self.o.m1(device)
        value, _ = udp.ask_echo("f", m1)
        code, m2 = udp.ask("f", m1, echo=value)
        self.assertEqual(code, "2.04")
        self.assertIn(1, device.open_m2(m2))


class Linked(unittest.TestCase):
    """S7 while the MAC is demanded, by whomever: three contacts, two of one shipment and one of another."""

    def contacts(self, name):
        found = []
        for gate, times in ((b"first shipments'", 2), (b"other shipments'", 1)):
            with Tre(program=program_of(name), gate=gate) as tre:
                for _ in range(times):
                    err, _ = tre.ask(FLIGHT_START, False)
                    self.assertEqual(err, OK)
                    err, mac = tre.ask(FLIGHT_GATE)
                    self.assertEqual((err, len(mac)), (OK, 12))
                    found.append(mac)
        return found

    def test_gate_static_hint(self):
        self.assertFalse(shared(*self.contacts(None)))
        self.assertTrue(shared(*self.contacts("gate_static_hint")))


if __name__ == "__main__":
    unittest.main()
