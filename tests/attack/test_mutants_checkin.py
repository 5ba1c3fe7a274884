# SPDX-License-Identifier: Apache-2.0
"""The check-in's keys and messages, one thing taken out at a time (S10, S7, forward secrecy): an attacker on the path, a thief with the TRE's disk and
somebody who rolls that disk back, against the real programs in vain, and against the mutants not. A test is called as its row in proofs/README.md."""
import os
import sys
import tempfile
import unittest

from cryptography.exceptions import InvalidTag

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mutants  # noqa: E402
import wire  # noqa: E402
from bites import Bites, program_of, shared  # noqa: E402
from lone_tre import CHECKIN_COMPLETE, CHECKIN_START, FLIGHT_START, OK, OTHER_EID, Tre  # noqa: E402
from offline import Offline  # noqa: E402
from swtpm import SoftwareTpm  # noqa: E402

RESENDS = 4
LANE_END = 5  # of be32(TK id) | lane
RK = slice(17 + 1 + 17 + 1, 17 + 1 + 17 + 1 + 16)  # in a ticket, encrypted: behind id, lane and nonce come the array's head, the EID, a head


def lacking(tre, mutant, *names):
    """The server that belongs to a mutant lacks the same."""
    tre.server.without = names if mutant else ()


def request(tre):
    err, c1 = tre.ask(CHECKIN_START)
    assert err == OK, err
    return c1


def differing(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


class Answers(Bites):
    """S10: an answer fits only the request that it answers."""

    def test_checkin_response_without_hash(self):
        """Rolled back by a thief, the TRE makes a second request under the same rk; the answer to the first is given to it."""
        def attack(tre, mutant):
            lacking(tre, mutant, "hash")
            tre.fly(tre.package())
            copy = tre.backup()
            tre.server.open_c1(request(tre))
            answer = tre.server.c2({})
            tre.roll_back(copy)
            tre.ask(FLIGHT_START, False)  # moves the counter, so that the second request is another one
            request(tre)
            return tre.ask(CHECKIN_COMPLETE, answer)[0] == OK
        self.bites("checkin_response_without_hash", attack)

    def test_checkin_spare_response_without_hash(self):
        """On the path: the answer to the first request is withheld until the TRE has turned to its spare ticket, then given as the answer to that."""
        def attack(tre, mutant):
            lacking(tre, mutant, "hash", "spare")
            tre.fly(tre.package())
            tre.check_in(spare=True)
            first = request(tre)
            tre.server.open_c1(first)
            answer = tre.server.c2({})
            for _ in range(RESENDS):
                self.assertEqual(request(tre), first)
            self.assertNotEqual(request(tre), first)
            return tre.ask(CHECKIN_COMPLETE, answer)[0] == OK
        self.bites("checkin_spare_response_without_hash", attack)


class ChangedPlatform(Bites):
    """S9: the platform changes between request and answer, or between two requests."""

    def test_checkin_keeps_rk_on_state_change(self):
        def attack(tre, _):
            tre.fly(tre.package())
            tre.server.open_c1(request(tre))
            answer = tre.server.c2({})
            tre.restart(measurement=bytes([1]) * 32)
            opened = tre.ask(CHECKIN_COMPLETE, answer)[0] == OK
            asked = tre.ask(CHECKIN_START)[0] == OK
            self.assertEqual(opened, asked)
            return opened
        self.bites("checkin_keeps_rk_on_state_change", attack)

    def test_checkin_tpm_ticket_outlives_term(self):
        """Device and TPM as they were a while ago, on another machine, hence started anew there: unchanged check-ins beside the original's."""
        def attack(name):
            with tempfile.TemporaryDirectory() as base, SoftwareTpm(os.path.join(base, "tpm")) as tpm, Tre(program=program_of(name), tpm=tpm) as tre:
                self.assertEqual(tre.fly(tre.package()), OK)
                tre.check_in()
                tre.kill()
                tpm.stop()
                tpm.start()
                tre.start()
                served = tre.ask(CHECKIN_START)[0] == OK
                if not name:
                    self.serves(tre)
                return served
        self.assertFalse(attack(None))
        if mutants.WANTED:
            self.assertTrue(attack("checkin_tpm_ticket_outlives_term"))


class TwoPlaintextsUnderOneKey(Bites):
    """And one nonce: what one of them says tells what the other one says."""

    def test_checkin_request_without_ctr(self):
        """Two requests under one rk, of a TRE that was rolled back in between and has a tamper event to report the second time."""
        def attack(tre, mutant):
            lacking(tre, mutant, "ctr")
            tre.fly(tre.package())
            copy = tre.backup()
            first = request(tre)
            tre.server.open_c1(first)
            known = wire.dumps(tre.server.report)
            tre.roll_back(copy)
            tre.report_tampering()
            tre.ask(FLIGHT_START, False)
            second = request(tre)
            self.assertNotEqual(first, second)
            stream = differing(known, wire.loads(first)[2])
            read = differing(stream, wire.loads(second)[2])
            tre.server.open_c1(second)
            tre.take_back_tampering()
            tre.roll_back(copy)
            said = wire.dumps(tre.server.report)
            return read[:len(said)] == said[:len(read)]
        self.bites("checkin_request_without_ctr", attack)


class Samarad(unittest.TestCase):
    def udp(self, o):
        udp = o.udp(timeout=30)
        self.addCleanup(udp.close)
        return udp

    def one_request_answered_twice(self, o, without_r):
        """(second answer as read by who knows the first one, second answer)."""
        device, udp = o.devices[0], self.udp(o)
        self.assertIn(1, o.fly(device, udp))
        c1 = device.c1()
        answers = [wire.loads(udp.ask("c", c1)[1]) for _ in range(2)]
        key = device.exchange.response_key
        known, other = (wire.unseal(key, b"", sealed, wire.ZERO if without_r else r) for r, sealed in answers)
        self.assertNotEqual(known, other)
        return differing(differing(known, answers[0][1]), answers[1][1]), other

    def attack(self, without_r, replace=None):
        o = Offline(mutants.BUILD, devices=2, by_certificate=0, replace=replace)
        self.addCleanup(o.stop)
        o.start()
        read, other = self.one_request_answered_twice(o, without_r)
        if not without_r:
            self.assertIn(1, o.fly(o.devices[1], self.udp(o)), "it serves no more")
        return read == other

    def test_checkin_response_without_r(self):
        """An answer to a repeated request says something new (another ticket) under key and nonce of the first answer."""
        self.assertFalse(self.attack(False))
        self.assertTrue(self.attack(True, mutants.programs("checkin_response_without_r")))

    def rk_of_the_other(self, replace=None):
        """Who has a device knows what its tickets say, and so what they were encrypted with: does that open another's ticket, which goes in its request?"""
        o = Offline(mutants.BUILD, devices=2, by_certificate=0, replace=replace)
        self.addCleanup(o.stop)
        o.start()
        (own, other), udp = o.devices, self.udp(o)
        for device in (own, other):
            self.assertIn(1, o.fly(device, udp))
        seen = wire.loads(other.c1())[0]
        for _ in range(400):
            if own.ticket[:LANE_END] == seen[:LANE_END]:
                break
            self.assertIsInstance(o.check_in(own, udp=udp), dict, "it serves no more")
        self.assertEqual(own.ticket[:LANE_END], seen[:LANE_END], "no ticket under the same key")
        return differing(differing(own.rk, own.ticket[RK]), seen[RK]) == other.rk

    def test_checkin_ticket_without_nonce(self):
        self.assertFalse(self.rk_of_the_other())
        self.assertTrue(self.rk_of_the_other(mutants.programs("checkin_ticket_without_nonce")))


class Unlinkable(unittest.TestCase):
    """S7: what does an observer find that two check-ins of one device share and another device's does not have?"""

    def check_ins(self, name, lacks):
        """As they went over the wire: two of one device, one of another."""
        with Tre(program=program_of(name)) as one, Tre(program=program_of(name), eid=OTHER_EID) as other:
            seen = []
            for tre in (one, other):
                tre.server.without = lacks
                tre.fly(tre.package())
            for tre in (one, one, other):
                tre.check_in()
                seen.append(tre.c1)
            return seen

    def linked(self, name, lacks=()):
        first, second, other = self.check_ins(name, lacks)
        numbers = [int.from_bytes(wire.loads(c1)[1], "big") for c1 in (first, second)]
        return bool(shared(first, second, other)) or numbers[1] == numbers[0] + 1

    def test_two_check_ins_of_a_device_share_nothing(self):
        first, second, other = self.check_ins(None, ())
        self.assertEqual(len(first), len(other), "both report an installation")
        self.assertEqual(shared(first, second, other), set())

    def test_checkin_static_label(self):
        self.assertFalse(self.linked(None))
        self.assertTrue(self.linked("checkin_static_label", ("alone",)))

    def test_checkin_ctr_in_clear(self):
        self.assertFalse(self.linked(None))
        self.assertTrue(self.linked("checkin_ctr_in_clear", ("mask",)))


class ThiefWithTheDisk(Bites):
    """Forward secrecy: the TRE's record and its storage key are stolen while a recorded request waits for its answer."""

    def reads(self, record, c1):
        """Does any key in the record open the request?"""
        for rk in record.rks:
            try:
                return 2 in wire.checkin.open_c1(rk, c1)[1]
            except InvalidTag:
                pass
        return False

    def steals(self, tre):
        tre.fly(tre.package())
        tre.check_in(spare=True)
        c1 = request(tre)
        record = tre.stolen_record()
        self.assertEqual(record.c1, c1)
        read = self.reads(record, c1)
        tre.server.open_c1(c1)
        self.assertEqual(tre.ask(CHECKIN_COMPLETE, tre.server.c2({}))[0], OK)
        return read

    def test_checkin_keeps_rk(self):
        self.bites("checkin_keeps_rk", lambda tre, _: self.steals(tre))

    def test_checkin_spare_same_key(self):
        def attack(tre, mutant):
            lacking(tre, mutant, "spare")
            return self.steals(tre)
        self.bites("checkin_spare_same_key", attack)


if __name__ == "__main__":
    unittest.main()
