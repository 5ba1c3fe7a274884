# SPDX-License-Identifier: Apache-2.0
"""The flight, one thing taken out at a time (S2, S4, S7, S9): an attacker on the path, a thief of the TRE's memory, a platform that changes under way,
against the real samara-tre in vain, and against the mutants not. A test is called as its row in proofs/README.md."""
import os
import sys
import unittest

from cryptography.exceptions import InvalidTag

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import wire  # noqa: E402
from bites import Bites, program_of, shared  # noqa: E402
from lone_tre import CHECKIN_START, EID, FLIGHT_COMPLETE, FLIGHT_KEY, FLIGHT_START, ICCID, K, OK, OTHER_EID, Tre  # noqa: E402
from secrets_search import memory_can_be_walked, memory_of  # noqa: E402


class WhoAnswers(Bites):
    """S4: somebody on the path answers the TRE's request. All he knows of it is its octets, E among them."""

    def answer(self, tre, content):
        """Returns (what the TRE says, rk_0 of the answer)."""
        m1 = tre.ask(FLIGHT_START, False)[1]
        f = wire.Key()
        k2 = wire.extract(wire.sha256(m1), f.dh(wire.loads(m1)[2]))
        plain = wire.dumps({**content, 2: os.urandom(90)})
        sealed = wire.seal(wire.kdf(k2, "m2", f.point), f.uncompressed, plain)
        return tre.ask(FLIGHT_COMPLETE, wire.dumps([f.uncompressed, sealed])), wire.kdf(k2, "rk", f.point)

    def test_flight_k2_without_eq(self):
        """With a package that the server did not release for this request: stolen on its way to the server, withdrawn since."""
        def attack(tre, _):
            said, _ = self.answer(tre, {1: tre.package()})
            return said[0] == OK and said[2] == OK and tre.mcims()[0][0] == ICCID
        self.bites("flight_k2_without_eq", attack)

    def test_flight_lineage_k2_without_eq(self):
        """Without a package: from then on the TRE reports to him."""
        def attack(tre, _):
            said, rk = self.answer(tre, {})
            err, *c1 = tre.ask(CHECKIN_START)
            if said[0] != OK or err != OK:
                return False
            return 2 in wire.checkin.open_c1(rk, c1[0])[1]
        self.bites("flight_lineage_k2_without_eq", attack)


@unittest.skipUnless(memory_can_be_walked(program_of(None)), "no memory is walked without root, or with AddressSanitizer")
class ThiefOfMemory(Bites):
    """S2: after the run the TRE's memory and its record are stolen; the flight was recorded."""

    def find_e(self, tre, e):
        """The private half of E, which stands before its point (crypto/crypto.h)."""
        memory, point = memory_of(tre.process.pid), wire.uncompressed(e)
        at = memory.find(point)
        while at >= 0:
            scalar = memory[max(0, at - 32):at]
            if len(scalar) == 32 and any(scalar) and wire.Key.from_scalar(scalar).point == e:
                return wire.Key.from_scalar(scalar), scalar
            at = memory.find(point, at + 1)
        return None, None

    def read(self, tre, m1, m2, e):
        """K, from what was recorded, e and the stolen t."""
        f, sealed = wire.loads(m2)
        k2 = wire.extract(wire.sha256(m1), e.dh(tre.server.q.point) + e.dh(f))
        package = wire.loads(wire.unseal(wire.kdf(k2, "m2", wire.compress(f)), f, sealed))[1]
        aad = wire.dumps([tre.op.point, EID, package[1], package[2]])
        return wire.loads(wire.hpke_open(tre.stolen_record().t, b"samara1 mcim", aad, package[3]))[2]

    def test_flight_keeps_e(self):
        def attack(tre, _):
            m1 = tre.request()
            m2 = tre.server.m2({1: tre.package()})
            self.assertEqual(tre.ask(FLIGHT_COMPLETE, m2)[:3:2], [OK, OK])
            e, _ = self.find_e(tre, tre.server.e)
            return e is not None and self.read(tre, m1, m2, e) == K
        self.bites("flight_keeps_e", attack)

    def test_no_copy_of_e_in_any_form_outlives_the_run(self):
        with Tre() as tre:
            m1 = tre.request()
            e, scalar = self.find_e(tre, tre.server.e)
            self.assertIsNotNone(e, "the search does not find what is there")
            m2 = tre.server.m2({1: tre.package()})
            self.assertEqual(tre.ask(FLIGHT_COMPLETE, m2)[0], OK)
            self.assertEqual(self.read(tre, m1, m2, e), K)
            memory = memory_of(tre.process.pid)
            for form in (scalar, scalar[::-1]):
                self.assertNotIn(form[4:28], memory)


class ChangedPlatform(Bites):
    """S9: the platform changes between request and answer."""

    def opens(self, tre, change):
        tre.request()
        m2 = tre.server.m2({1: tre.package()})
        change()
        return tre.ask(FLIGHT_COMPLETE, m2)[0] == OK

    def test_new_start_in_another_state(self):
        with Tre() as tre:
            self.assertFalse(self.opens(tre, lambda: tre.restart(measurement=bytes([1]) * 32)))
            self.serves(tre)

    def test_flight_keeps_e_on_state_change(self):
        """On Linux a state is for the life of a process. On a platform where it is not, the engine's own check decides: the comparison is between
        two builds that both change their state under way."""
        for name, succeeds in (("platform_changes", False), ("flight_keeps_e_on_state_change", True)):
            with Tre(program=program_of(name)) as tre:
                self.assertEqual(self.opens(tre, tre.report_tampering), succeeds)
                self.serves(tre)


class Observer(Bites):
    """S7: who is it that asks?"""

    def test_flight_key_unsigned(self):
        """Somebody on the path says «unknown flight key» and offers his own, under a root of his own."""
        def attack(tre, _):
            mine = wire.Server()
            said = tre.ask(FLIGHT_KEY, wire.flight_key(wire.Key(), 1, 7, mine.q.point))
            m1 = tre.ask(FLIGHT_START, False)[1]
            try:
                mine.open_m1(m1)
            except InvalidTag:
                return False
            return said[0] == OK and mine.ev[0] == EID
        self.bites("flight_key_unsigned", attack)

    def requests(self, name):
        """Two of one device, one of another, as they go over the wire."""
        with Tre(program=program_of(name)) as one, Tre(program=program_of(name), eid=OTHER_EID) as other:
            return [tre.ask(FLIGHT_START, True)[1] for tre in (one, one, other)]

    def test_flight_eid_outside(self):
        real, mutant = self.requests(None), self.requests("flight_eid_outside")
        self.assertEqual(len({len(m1) for m1 in real}), 1)
        self.assertFalse(shared(*real))
        self.assertTrue(shared(*mutant))


if __name__ == "__main__":
    unittest.main()
