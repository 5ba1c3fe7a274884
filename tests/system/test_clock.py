# SPDX-License-Identifier: Apache-2.0
"""Clocks that jump, by hours and days, forwards and backwards, under a samarad at work; and two front ends whose clocks differ. What was acknowledged is
there, the server goes on at once, tickets and Echoes are taken within what docs/protocol.md and decisions 12 and 14 promise, and beyond cost one more
round trip or one flight, never a loop."""
import os
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import clock  # noqa: E402
import disk  # noqa: E402
import wire  # noqa: E402
from front_ends import BUILD, FrontEnds  # noqa: E402
from offline import Offline  # noqa: E402
from oracle import coap  # noqa: E402
from world import wait_until  # noqa: E402

REVOKED = 7
MINUTE, HOUR, DAY = 60, 3600, 86400  # a day is an epoch of class 0, which devices of an unknown interval get
# The other clock begins here, so that no epoch begins and no Echo's key changes while a test runs.
NOON = DAY + DAY // 2 - int(time.time()) % DAY
ANYWAY = {"overload__demand": "always"}  # an Echo is demanded of every first contact


class TwoClocks(FrontEnds):
    PROGRAMS, OPTIONS = clock.programs(BUILD), ANYWAY

    @classmethod
    def setUpClass(cls):
        cls.clocks = cls.FAULTS = (clock.Clock(), clock.Clock())
        cls.move(0, 0)
        super().setUpClass()

    @classmethod
    def move(cls, *ahead):
        for one, seconds in zip(cls.clocks, ahead):
            one.move(real=NOON + seconds)

    def ask(self, which, path, payload, timeout=20.0, value=None):
        """With the Echo that is demanded."""
        udp = wire.Udp([self.o.world.port, self.port][which], timeout)
        try:
            if path == "f" and value is None:
                value, _ = udp.ask_echo(path, payload)
            return udp.ask(path, payload, echo=value)
        finally:
            udp.close()

    def settle(self, device, which=0):
        """A flight, the receipt of its installation, and a ticket."""
        self.report(device, which, self.o.install(device, self.subscribe(device, which)))

    def epoch(self, which):
        """By that front end's clock."""
        return int(time.time() + self.clocks[which].real) // DAY

    def contact(self, device, which):
        """As an agent: a check-in, or, when it is told that its ticket's key is not known, a flight. Returns how many flights it took."""
        answer = self.ask(which, "c", device.c1())
        if answer == ("4.04", b""):
            m2 = self.fly(device, which, have=list(device.package[:2]))
            self.assertEqual((1 in m2, 2 in m2), (False, True))
            return 1
        self.assertEqual(answer[0], "2.04")
        self.assertNotIn(0, device.open_c2(answer[1]))
        return 0

    def seals_by_its_clock(self, device, which, flights=0):
        """Contacts until it has noticed what time it is: its tickets are under the key of that epoch. All ids here are of class 0. @flights: at most."""
        spent = [0]

        def noticed():
            spent[0] += self.contact(device, which)
            return int.from_bytes(device.ticket[:4], "big") == self.epoch(which)
        wait_until(f"tickets of epoch {self.epoch(which)}", noticed)
        self.assertLessEqual(spent[0], flights)

    def take_over(self, which):
        """A front end whose clock moved hears of the others' keys when its own next epoch begins, or when it is told to look."""
        [self.o.server, self.second][which].child.send_signal(signal.SIGHUP)


class Skewed(TwoClocks, unittest.TestCase):
    DEVICES = 16

    def tearDown(self):
        self.move(0, 0)

    def carried(self, first, second):
        """The Echo of one front end is shown to the other, from the same address and port. (code, Echo that is demanded instead)"""
        device, udp = self.new(), wire.Udp(self.o.world.port, 20)
        self.addCleanup(udp.close)
        ports = (self.o.world.port, self.port)
        udp.socket.connect(("127.0.0.1", ports[first]))
        m1 = self.o.m1(device)
        value, _ = udp.ask_echo("f", m1)
        udp.socket.connect(("127.0.0.1", ports[second]))
        _, code, _, _, options, _ = coap.parse(udp.exchange(coap.request("f", m1, echo=value)))
        if code == "4.01":
            self.assertNotEqual(options[coap.ECHO], value)
            self.assertEqual(udp.ask("f", m1, echo=options[coap.ECHO])[0], "2.04")  # one round trip more, and no other
        return code

    def test_echo_is_taken_within_half_a_minute_and_costs_one_round_trip_beyond(self):
        for ahead, wanted in ((0, "2.04"), (30, "2.04"), (-30, "2.04"), (6 * MINUTE, "4.01"), (-6 * MINUTE, "4.01"), (-5 * HOUR, "4.01")):
            self.move(0, ahead)
            for first, second in ((0, 1), (1, 0)):
                with self.subTest(ahead=ahead, first=first):
                    self.assertEqual(self.carried(first, second), wanted)

    def test_ticket_is_taken_within_two_epochs(self):
        device = self.new()
        self.settle(device)
        for epochs in (1, 2):
            self.move(0, epochs * DAY)
            self.seals_by_its_clock(device, 1)
            self.take_over(0)
            self.seals_by_its_clock(device, 0)
            for which in (1, 0, 0, 1, 0):
                self.assertNotIn(0, self.check_in(device, which))
        flown = self.new()
        self.settle(flown, 1)  # its flight, too, is two epochs ahead
        self.assertNotIn(0, self.check_in(flown, 0))

    def test_ticket_beyond_two_epochs_costs_a_flight_and_no_loop(self):
        device = self.new()
        self.settle(device)
        self.move(0, 3 * DAY)
        self.seals_by_its_clock(device, 1)
        for _ in range(2):  # each time that it comes back
            self.assertEqual([self.contact(device, which) for which in (0, 0, 1, 1)], [1, 0, 0, 0])


class Jumping(TwoClocks, unittest.TestCase):
    """Both clocks jump, as the one of a machine does."""

    def relayed(self):
        return self.o.ro.json("status")["relay"]["waiting"] == 0

    def goes_on(self, settled):
        """All that a server does, by threads of its own: answers with store and without, files for the operators, news from the command line."""
        before = self.o.world.counters()["checkins_without_store"]
        self.assertEqual(self.contact(settled, 0), 0)
        self.assertEqual(self.o.world.counters()["checkins_without_store"], before + 1)
        device = self.new()
        self.settle(device)
        wait_until("the receipt in a file", self.relayed)
        self.o.ro.run("revoke", "--eid", device.eid.hex())
        wait_until("it is known", lambda: self.check_in(device) == {0: REVOKED})
        return device

    def test_nothing_is_lost_and_everything_goes_on(self):
        settled = self.new()
        self.settle(settled)
        done = [settled]
        # Who comes back from three days ahead has a ticket that is more than two epochs ahead.
        for ahead, flights in ((5 * HOUR, 0), (-3 * HOUR, 0), (3 * DAY, 0), (0, 1)):
            with self.subTest(ahead=ahead):
                self.move(ahead, ahead)
                self.seals_by_its_clock(settled, 0, flights)
                done.append(self.goes_on(settled))
        self.o.server.kill()
        self.second.kill()
        for device in done:
            self.assertEqual(self.status(device)["state"], "installed")
        self.o.start(self.clocks[0], **ANYWAY)
        self.assertEqual(self.contact(settled, 0), 0)


class Log(unittest.TestCase):
    """Time that passes at once. Commits wait while the log is truncated, so that is done for what has to go, and for nothing else."""

    def setUp(self):
        self.clock = clock.Clock()
        self.o = Offline(BUILD, devices=4, by_certificate=0, replace=clock.programs(BUILD))
        self.addCleanup(self.o.stop)
        self.o.start(self.clock)

    def octets(self):
        return os.path.getsize(self.o.ro.path("samara.db-wal"))

    def look(self):
        """Until the keeper has looked from beginning to end: it hears of the second change in another look than of the first."""
        for words, count in ((), 1), (("--undo",), 0):
            self.o.ro.run("revoke", "--eid", self.o.devices[0].eid.hex(), *words)
            wait_until("the keeper's look", lambda c=count: self.o.world.live()["pending"] == c)

    def wants_to(self):
        """Somebody reads, so that the log cannot be truncated: is that complained about, an hour after the last change?"""
        self.look()
        self.clock.move(monotonic=self.clock.monotonic + HOUR)
        self.look()
        return self.o.server.logged("store.log_not_truncated")

    def test_flights_alone_do_not_truncate_it_and_a_purge_does(self):
        wait_until("the log truncated, as at each start", lambda: self.octets() == 0)
        with disk.reading(self.o.ro.path("samara.db")):
            flown = [(device, self.o.fly(device)) for device in self.o.devices[1:]]
            self.assertFalse(self.wants_to())
            device, m2 = flown[0]
            self.assertIn(2, self.o.check_in(device, {1: [self.o.install(device, m2)], 2: 1}))
            self.assertTrue(self.wants_to())
        wait_until("the log truncated", lambda: self.octets() == 0)


if __name__ == "__main__":
    unittest.main()
