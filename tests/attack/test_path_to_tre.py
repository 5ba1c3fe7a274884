# SPDX-License-Identifier: Apache-2.0
"""Somebody on the path to the real samara-tre: every bit of an answer flipped, every truncation, replays, answers out of order, twice, or after a restart.
Nothing but the right answer is taken, and nothing costs the right one (S4, S10)."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import wire  # noqa: E402
from lone_tre import CHECKIN_COMPLETE, CHECKIN_START, E_STATE, FLIGHT_COMPLETE, FLIGHT_KEY, OK, SIGNATURE, STATE, UNOPENED, Tre  # noqa: E402

MALFORMED, UNSUPPORTED, BAD_POINT = 0x101, 0x102, 0x104
FLIGHT_OPEN, CHECKIN_OPEN = 7, 8  # in the answer to STATE


def damaged(message):
    """Every message that differs in one bit, every beginning, and a few with something behind."""
    for i in range(8 * len(message)):
        at, bit = divmod(i, 8)
        yield f"bit {i}", message[:at] + bytes([message[at] ^ 1 << bit]) + message[at + 1:]
    for length in range(len(message)):
        yield f"cut to {length}", message[:length]
    for more in (b"\0", b"\xf6", message):
        yield f"{len(more)} octets behind", message + more


class Case(unittest.TestCase):
    def setUp(self):
        self.tre = Tre()
        self.addCleanup(self.tre.close)

    def refused_in_every_form(self, op, message, reasons):
        with self.tre.connection() as ask:
            for what, form in damaged(message):
                answer = ask(op, form)
                self.assertIn(answer[0], reasons, what)

    def check_in_request(self):
        err, c1 = self.tre.ask(CHECKIN_START)
        self.assertEqual(err, OK)
        self.tre.server.open_c1(c1)
        return c1


class Flight(Case):
    def request(self, **content):
        self.tre.request()
        return self.tre.server.m2({1: self.tre.package(**content)})

    def complete(self, m2):
        return self.tre.ask(FLIGHT_COMPLETE, m2)

    def test_every_bit_and_every_truncation_of_m2(self):
        m2 = self.request()
        self.refused_in_every_form(FLIGHT_COMPLETE, m2, (UNOPENED, MALFORMED, BAD_POINT))
        self.assertEqual(self.tre.mcims(), [])
        self.assertTrue(self.tre.ask(STATE)[FLIGHT_OPEN])
        self.assertEqual(self.complete(m2)[:3:2], [OK, OK])

    def test_every_bit_and_every_truncation_of_a_flight_key(self):
        key = wire.flight_key(self.tre.root, 1, 7, wire.Key().point)
        self.refused_in_every_form(FLIGHT_KEY, key, (SIGNATURE, MALFORMED, UNSUPPORTED))
        self.assertEqual(self.tre.ask(FLIGHT_KEY, key), [OK])

    def test_duplicate_and_replay_of_m2(self):
        m2 = self.request()
        self.assertEqual(self.complete(m2)[0], OK)
        before = self.tre.mcims()
        self.assertEqual(self.complete(m2), [E_STATE])
        self.tre.request()
        self.assertEqual(self.complete(m2), [UNOPENED])
        self.assertEqual(self.tre.mcims(), before)

    def test_two_answers_to_one_request(self):
        """The server answers a repeated request afresh; the first to arrive is taken, the other comes too late."""
        first = self.request()
        second = self.tre.server.m2({1: self.tre.package(serial=6)})
        self.assertEqual(self.complete(second)[:3:2], [OK, OK])
        self.assertEqual(self.complete(first), [E_STATE])
        self.assertEqual(self.tre.mcims()[0][2], 6)

    def test_answers_out_of_order(self):
        """The answer to an earlier request overtaken by the next request is worth nothing; the newest request's is taken."""
        early = self.request()
        late = self.request(serial=6)
        self.assertEqual(self.complete(early), [UNOPENED])
        self.assertEqual(self.complete(late)[:3:2], [OK, OK])

    def test_delayed_past_a_restart(self):
        """e was in memory alone: the flight is made anew, with a higher counter."""
        m2, ctr = self.request(), self.tre.server.ev[1]
        self.tre.restart()
        self.assertEqual(self.complete(m2), [E_STATE])
        self.assertEqual(self.tre.fly(self.tre.package()), OK)
        self.assertGreater(self.tre.server.ev[1], ctr)


class CheckIn(Case):
    def setUp(self):
        super().setUp()
        self.assertEqual(self.tre.fly(self.tre.package()), OK)

    def complete(self, c2):
        return self.tre.ask(CHECKIN_COMPLETE, c2)

    def test_every_bit_and_every_truncation_of_c2(self):
        self.check_in_request()
        c2 = self.tre.server.c2({1: [wire.command(self.tre.op, self.tre.eid, self.tre.mcims()[0][0], 1, 2)]}, spare=True)
        self.refused_in_every_form(CHECKIN_COMPLETE, c2, (UNOPENED, MALFORMED))
        self.assertTrue(self.tre.ask(STATE)[CHECKIN_OPEN])
        self.assertEqual(self.complete(c2)[0], OK)
        self.assertEqual(self.tre.mcims()[0][4], 2)

    def test_duplicate_and_replay_of_c2(self):
        self.check_in_request()
        c2 = self.tre.server.c2({})
        self.assertEqual(self.complete(c2)[0], OK)
        self.assertEqual(self.complete(c2), [E_STATE])
        self.check_in_request()
        self.assertEqual(self.complete(c2), [UNOPENED])
        self.assertEqual(self.complete(self.tre.server.c2({}))[0], OK)

    def test_delayed_past_a_restart(self):
        """What opens the answer is durable: it is still taken, once, and the request is repeated as it was."""
        c1 = self.check_in_request()
        c2 = self.tre.server.c2({})
        self.tre.restart()
        self.assertEqual(self.tre.ask(CHECKIN_START), [OK, c1])
        self.assertEqual(self.complete(c2)[0], OK)
        self.assertEqual(self.complete(c2), [E_STATE])


if __name__ == "__main__":
    unittest.main()
