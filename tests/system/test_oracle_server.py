# SPDX-License-Identifier: Apache-2.0
"""The second implementation as a server against the real samara-tre: everything that M1 and C1 can say, everything that M2 and C2 can carry, and what
the TRE does with it. Each message of the TRE is validated against docs/protocol.md. What must not be obeyed is in attack/test_dishonest_server.py."""
import os
import sys
import unittest

import cbor2

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import judged  # noqa: E402
import lone_tre  # noqa: E402
import wire  # noqa: E402
from lone_tre import (AUTHENTICATE, CHECKIN_COMPLETE, CHECKIN_START, EID, FLIGHT_COMPLETE, FLIGHT_KEY, FLIGHT_START, ICCID, K, OK,  # noqa: E402
                      OPC, OTHER_ICCID, SHIPMENT, SQN, STATE, UNOPENED)
from oracle import aka, objects, p256  # noqa: E402
from oracle.keys import verify_signed  # noqa: E402

MALFORMED = 0x101
BEACON = [7, b"beacon beacon be"]
S_CTR, S_TICKET, S_FLIGHT_OPEN, S_CHECKIN_OPEN, S_FLIGHT_KEY, S_RECEIPTS, S_TAMPER = 5, 6, 7, 8, 9, 10, 11
NUMBER_MAX = 2**32 - 1


class Tre(lone_tre.Tre):
    def enrol(self):
        self.server = judged.Server(self.server.q)
        super().enrol()

    def request(self, certificate=False):
        err, m1 = self.ask(FLIGHT_START, certificate)
        assert err == OK, err
        plain = self.server.open_m1(m1)
        assert self.server.evidence_holds(self.d)
        return plain

    def answer(self, content):
        """Outcome of a flight: refusal, package, commands, has receipts, flight needed, interval."""
        err, *outcome = self.ask(FLIGHT_COMPLETE, self.server.m2(content))
        assert err == OK, err
        return outcome

    def check_in_start(self):
        err, c1 = self.ask(CHECKIN_START)
        assert err == OK, err
        return self.server.open_c1(c1)

    def check_in_answer(self, content, spare=False):
        err, *outcome = self.ask(CHECKIN_COMPLETE, self.server.c2(content, spare))
        assert err == OK, err
        return outcome


class Case(unittest.TestCase):
    OWNER_BOUND = False

    def setUp(self):
        self.tre = Tre(self.OWNER_BOUND)
        self.addCleanup(self.tre.close)

    def install(self, **kwargs):
        """A flight that installs. Returns hash(X), hash(ev)."""
        package = self.tre.package(**kwargs)
        self.tre.request()
        self.assertEqual(self.tre.answer({1: package})[:2], [0, OK])
        return wire.sha256(package[3]), self.tre.server.hash_ev


class Request(Case):
    def ev(self, certificate=False):
        self.tre.request(certificate)
        return self.tre.server.ev

    def test_first_contact_says_no_more_than_it_has_to(self):
        self.assertEqual(self.ev(), [EID, 1, bytes(32), None, None])
        self.assertEqual(self.tre.server.number, 1)

    def test_certificate_is_that_of_the_supplier(self):
        plain = self.tre.request(certificate=True)
        judged.DOC.check("certificate", plain[1])
        self.assertTrue(verify_signed(self.tre.supplier.point, "samara1 certificate", b"", plain[1]))
        self.assertEqual(cbor2.loads(plain[1][2]), [EID, self.tre.d, self.tre.t, SHIPMENT])

    def test_counter_ascends_and_measurement_is_that_of_this_start(self):
        first, second = self.ev()[1], self.ev()[1]
        self.assertGreater(second, first)
        self.tre.process.kill()
        self.tre.process.wait()
        self.tre.start(measurement=b"\x4d" * 32)
        third = self.ev()
        self.assertGreater(third[1], second)
        self.assertEqual(third[2], b"\x4d" * 32)

    def test_beacon_of_an_answer_is_in_the_next_evidence(self):
        self.tre.request()
        self.tre.answer({3: BEACON})
        self.assertEqual(self.ev()[3], [1] + BEACON)

    def test_beacon_that_is_not_newer_than_the_one_it_has_changes_nothing(self):
        self.tre.request()
        self.tre.answer({3: BEACON})
        for number in (BEACON[0] - 1, BEACON[0], 1):
            self.assertEqual(self.ev()[3], [1] + BEACON)
            self.assertEqual(self.tre.answer({3: [number, b"another beacon 1"]})[0], 0)
        self.assertEqual(self.ev()[3], [1] + BEACON)

    def test_installed_mcim_is_named(self):
        self.install()
        self.assertEqual(self.ev()[4], [ICCID, 5])

    def test_package_that_could_not_be_installed_is_named_with_the_reason(self):
        self.tre.request()
        self.assertEqual(self.tre.answer({1: self.tre.package(t=wire.Key().point)})[1], UNOPENED)
        ev = self.ev()
        self.assertEqual(ev[5], {1: [ICCID, 5, UNOPENED]})

    def test_tamper_event_is_latched_into_evidence_and_report(self):
        with open(os.path.join(self.tre.run, "tre", "tamper"), "w", encoding="ascii") as f:
            f.write("5\n")
        self.assertEqual(self.ev()[5], {2: 5})
        self.tre.answer({})
        self.assertEqual(self.tre.check_in_start()[1], {2: 0, 3: 5})


class Answer(Case):
    def test_package_with_the_largest_numbers_and_everything_else(self):
        content = wire.mcim("001010123456789", K, OPC, interval=31536000)
        content[6:8], content[9] = [2**28 + 1, 2**20], NUMBER_MAX
        key = wire.Key()
        self.tre.request()
        package = self.tre.package(serial=2**64 - 1, content=content)
        outcome = self.tre.answer({1: package, 3: [NUMBER_MAX, bytes(16)], 4: wire.flight_key(self.tre.root, 1, NUMBER_MAX, key.point, 0, 2**64 - 1)})
        self.assertEqual(outcome, [0, OK, 0, True, False, 31536000])
        iccid, imsi, serial, alg, state, interval = self.tre.mcims()[0]
        self.assertEqual((iccid, imsi, serial, alg, state, interval), (ICCID, wire.packed("001010123456789", 8), 2**64 - 1, 1, 1, 31536000))
        self.tre.server.keys[NUMBER_MAX] = key
        self.tre.request()
        self.assertEqual(self.tre.server.number, NUMBER_MAX)

    def test_ticket_alone_and_beacon_alone(self):
        for content in ({}, {3: BEACON}):
            self.tre.request()
            self.assertEqual(self.tre.answer(content)[0], 0)
            self.assertEqual(self.tre.mcims(), [])

    def test_flight_key_of_an_answer_is_used_from_then_on(self):
        self.tre.request()
        for number in (2, 3):
            key = wire.Key()
            self.tre.answer({4: wire.flight_key(self.tre.root, 1, number, key.point)})
            self.tre.server.keys[number] = key
            self.tre.request()
            self.assertEqual(self.tre.server.number, number)
            self.assertEqual(self.tre.ask(STATE)[S_FLIGHT_KEY], number)

    def test_every_refusal_is_told_and_ends_the_flight(self):
        for reason in (*range(1, 10), 24, 255):
            self.tre.request()
            before = self.tre.server.ev[1]
            self.assertEqual(self.tre.answer({0: reason})[0], reason)
            self.assertEqual(self.tre.ask(STATE)[S_FLIGHT_OPEN:S_CHECKIN_OPEN], [False])
            self.tre.request()
            step = self.tre.server.ev[1] - before
            self.assertTrue(step > 2**14 if reason == 3 else step == 1, f"refusal {reason}: the counter went on by {step}")

    def test_malformed_content_under_the_right_keys_is_refused_and_costs_nothing(self):
        self.tre.request()
        ticket = self.tre.server.m2_ticket()
        for octets in malformed(ticket, self.tre.package()):
            err = self.tre.ask(FLIGHT_COMPLETE, self.tre.server.m2_of_octets(octets))[0]
            self.assertEqual(err, MALFORMED, octets.hex())
        self.assertEqual(self.tre.answer({1: self.tre.package()})[:2], [0, OK])


def malformed(ticket, package):
    """Plaintexts of M2 (and, but for what has a package, of C2) that a strict reader refuses. Each breaks one rule of docs/protocol.md."""
    def encoded(value):
        return wire.dumps(value)
    good = encoded({2: ticket})
    yield b""
    yield good + b"\0"  # after the end
    yield good[:-1]  # cut off
    yield b"\xb8\x01" + good[1:]  # a longer head than needed
    yield b"\xbf" + good[1:] + b"\xff"  # indefinite length
    yield b"\xa1\x18\x02" + good[2:]  # a longer key than needed
    yield b"\xa2" + good[1:] + good[1:]  # a key twice
    yield b"\xa2\x03" + encoded(BEACON) + good[1:]  # keys descending
    yield encoded({2: ticket, 9: 1})  # an unknown key
    yield encoded({2: bytes(32)})  # a device takes a ticket as it is, from 33 to 128 octets
    yield encoded({2: bytes(129)})
    yield encoded({0: 1, 2: ticket})
    yield encoded({})
    yield encoded({0: True})
    yield encoded({0: 256})
    yield encoded([1])
    yield encoded({2: ticket, 3: [2**32, bytes(16)]})
    yield encoded({2: ticket, 3: [1, bytes(15)]})
    yield encoded({2: ticket, 3: [1]})
    yield encoded({2: ticket, 4: b""})
    yield encoded({1: [], 2: ticket})
    yield encoded({1: package[:5], 2: ticket})
    yield encoded({1: [b"\0" * 7, *package[1:]], 2: ticket})
    yield encoded({1: [*package[:1], package[1][:9] + b"\0", *package[2:]], 2: ticket})  # ICCID without its check digit
    yield b"\xa1\xf9\x00\x00" + good[2:]  # a float as key


class Objects(Case):
    """A signed object that is signed rightly and framed or filled wrongly: flight keys, since a TRE takes them without any flight."""
    ES256 = bytes.fromhex("a10126")

    def offer(self, octets):
        return self.tre.ask(FLIGHT_KEY, octets)[0]

    def framed(self, payload, protected=ES256, label=b"samara1 flight-key\0", unprotected=b"\xa0", tag=b""):
        """A COSE_Sign1 by the root, with the signature over what it says."""
        structure = wire.dumps(["Signature1", protected, label, payload])
        return tag + b"\x84" + wire.dumps(protected) + unprotected + wire.dumps(payload) + wire.dumps(self.tre.root.sign_structure(structure))

    def key(self, number=9, **changed):
        members = {"kind": 1, "number": number, "q": wire.Key().point, "begin": 1, "end": 2**33, **changed}
        return list(members.values())

    def test_frame_that_breaks_a_rule_is_refused_under_a_good_signature(self):
        payload = wire.dumps(self.key())
        good = self.framed(payload)
        frames = {
            "tagged": self.framed(payload, tag=b"\xd2"),
            "unprotected header": self.framed(payload, unprotected=b"\xa1\x04\x41\x31"),
            "ES384": self.framed(payload, protected=bytes.fromhex("a1013822")), "no protected header": self.framed(payload, protected=b""),
            "alg unprotected": self.framed(payload, protected=b"", unprotected=self.ES256), "empty protected map": self.framed(payload, protected=b"\xa0"),
            "protected header not the shortest": self.framed(payload, protected=bytes.fromhex("a1180126")),
            "label of another object": self.framed(payload, label=b"samara1 order\0"),
            "label without its end": self.framed(payload, label=b"samara1 flight-key"),
            "detached": b"\x84\x43" + self.ES256 + b"\xa0\xf6" + good[-66:],
            "five items": b"\x85" + good[1:] + b"\0", "three items": b"\x83" + good[1:-66],
            "signature of 63": good[:-65] + b"\x3f" + good[-64:-1], "signature of 65": good[:-65] + b"\x41" + good[-64:] + b"\0",
            "after the end": good + b"\0",
        }
        for why, octets in frames.items():
            with self.subTest(why):
                self.assertNotEqual(self.offer(octets), OK)
        self.assertEqual(self.offer(good), OK)

    def test_content_that_breaks_a_rule_is_refused_under_a_good_signature(self):
        q = wire.Key().point
        contents = {
            "number 0": self.key(number=0), "number of 33 bits": self.key(number=2**32), "kind 2": self.key(kind=2),
            "end not above begin": self.key(begin=5, end=5), "no point": self.key(q=b"\5" + q[1:]),
            "not on the curve": self.key(q=b"\2" + bytes(31) + b"\1"), "uncompressed": self.key(q=wire.Key().uncompressed), "infinity": self.key(q=bytes(33)), "one too many": [*self.key(), 0], "one too few": self.key()[:4], "text": [*self.key()[:2], "x" * 33, 1, 2],
            "not an array": {1: 2}, "true": self.key(kind=True),
        }
        for why, content in contents.items():
            with self.subTest(why):
                self.assertNotEqual(self.offer(self.framed(wire.dumps(content))), OK)
        self.assertNotEqual(self.offer(self.framed(b"\x85" + wire.dumps(self.key())[1:] + b"\0")), OK)
        self.assertEqual(self.offer(self.framed(wire.dumps(self.key()))), OK)

    def test_signature_with_the_other_s_is_as_good(self):
        """Nothing is identified by the octets of a signature (docs/protocol.md, section 1)."""
        good = self.framed(wire.dumps(self.key()))
        s = p256.N - int.from_bytes(good[-32:], "big")
        self.assertEqual(self.offer(good[:-32] + s.to_bytes(32, "big")), OK)


class CheckIn(Case):
    def setUp(self):
        super().setUp()
        self.tre.request()
        self.tre.answer({})

    def test_nothing_to_report(self):
        number, report = self.tre.check_in_start()
        self.assertEqual((number, report), (2, {2: 0}))
        self.assertEqual(self.tre.server.fields[0], EID)

    def test_install_receipt_is_reported_until_it_is_taken_over(self):
        hash_x, hash_ev = self.install()
        receipt = objects.install_receipt(K, EID, ICCID, 5, hash_x, hash_ev)
        self.assertEqual(self.tre.check_in_start()[1], {1: [receipt], 2: 1})
        self.tre.check_in_answer({})
        self.assertEqual(self.tre.check_in_start()[1], {2: 1})

    def test_commands_are_obeyed_and_receipted(self):
        self.install()
        self.tre.check_in_start()
        for serial, state in ((1, 2), (2, 1), (2**40, 2)):
            outcome = self.tre.check_in_answer({1: [wire.command(self.tre.op, EID, ICCID, serial, state)]})
            self.assertEqual(outcome[2:4], [1, True])
            receipt = objects.command_receipt(K, EID, ICCID, serial, state)
            self.assertEqual(self.tre.check_in_start()[1], {1: [receipt], 2: state})

    def test_four_commands_in_one_answer(self):
        self.install()
        self.tre.check_in_start()
        commands = [wire.command(self.tre.op, EID, ICCID, n, 1 + n % 2) for n in range(1, 5)]
        self.tre.check_in_answer({1: commands})
        report = self.tre.check_in_start()[1]
        self.assertEqual(report[2], 1)
        for receipt in report[1]:
            self.assertEqual(receipt, objects.command_receipt(K, EID, ICCID, receipt[2], 1 + receipt[2] % 2))

    def test_last_command_again_is_receipted_again(self):
        self.install()
        self.tre.check_in_start()
        command = wire.command(self.tre.op, EID, ICCID, 1, 2)
        for _ in range(2):
            self.tre.check_in_answer({1: [command]})
            self.assertEqual(self.tre.check_in_start()[1], {1: [objects.command_receipt(K, EID, ICCID, 1, 2)], 2: 2})

    def test_everything_in_one_answer(self):
        self.install()
        self.tre.check_in_start()
        key = wire.Key()
        command, next_key = wire.command(self.tre.op, EID, ICCID, 1, 2), wire.flight_key(self.tre.root, 1, 9, key.point)
        self.tre.check_in_answer({1: [command], 3: BEACON, 4: next_key}, spare=True)
        self.tre.server.keys[9] = key
        self.tre.check_in_start()
        self.tre.check_in_answer({})
        self.tre.request()
        self.assertEqual((self.tre.server.number, self.tre.server.ev[3]), (9, [1] + BEACON))

    def test_refusal_asks_for_a_flight(self):
        for reason in (5, 6):
            self.tre.check_in_start()
            outcome = self.tre.check_in_answer({0: reason})
            self.assertEqual((outcome[0], outcome[4]), (reason, True))
            self.tre.request()
            self.tre.answer({})

    def test_request_is_repeated_four_times_then_the_spare_ticket_serves(self):
        self.tre.check_in_start()
        self.tre.check_in_answer({}, spare=True)
        first = self.tre.ask(CHECKIN_START)[1]
        self.assertEqual([self.tre.ask(CHECKIN_START)[1] for _ in range(4)], [first] * 4)
        other = self.tre.ask(CHECKIN_START)[1]
        self.assertNotEqual(other, first)
        main = self.tre.server.open_c1(first) and self.tre.server.fields
        number, _ = self.tre.server.open_c1(other)
        self.assertNotEqual(self.tre.server.fields[1], main[1])
        self.assertGreater(number, 3)
        self.assertEqual(self.tre.check_in_answer({})[0], 0)

    def test_malformed_content_under_the_right_keys_is_refused_and_costs_nothing(self):
        self.tre.check_in_start()
        ticket = self.tre.server.renewed(bytes(16))
        for octets in malformed(ticket, self.tre.package()):
            err = self.tre.ask(CHECKIN_COMPLETE, self.tre.server.c2_of_octets(octets))[0]
            self.assertEqual(err, MALFORMED, octets.hex())
        self.assertEqual(self.tre.check_in_answer({})[0], 0)


class Authenticate(Case):
    """What is in X is what the USIM part works with: the oracle is the network."""

    def network(self, content, serial=5):
        self.install(content=content, serial=serial)
        return aka.of_mcim(content)

    def holds(self, functions, sqn, rand):
        err, res, ck, ik, amf, separation = self.tre.ask(AUTHENTICATE, rand, aka.autn(functions, rand, sqn))
        self.assertEqual((err, res, ck, ik), (OK, functions.f2(rand), functions.f3(rand), functions.f4(rand)))
        self.assertEqual((amf, separation), (b"\x80\0", True))

    def resynchronises(self, functions, sqn, rand, sqn_ms):
        err, auts = self.tre.ask(AUTHENTICATE, rand, aka.autn(functions, rand, sqn))
        self.assertEqual((err, aka.open_auts(functions, rand, auts)), (SQN, sqn_ms))

    def run_through(self, functions):
        self.holds(functions, 32, os.urandom(16))
        self.holds(functions, 64, os.urandom(16))
        self.resynchronises(functions, 64, os.urandom(16), 64)
        self.tre.restart()
        self.resynchronises(functions, 32, os.urandom(16), 64)
        self.holds(functions, 97, os.urandom(16))

    def test_milenage(self):
        self.run_through(self.network(wire.mcim(k=os.urandom(16), opc=os.urandom(16))))

    def test_tuak_of_all_lengths(self):
        for serial, (octets, res_len, iterations) in enumerate(((16, 4, 1), (16, 8, 1), (32, 8, 2), (32, 16, 1)), 1):
            content = objects.mcim(k=os.urandom(octets), opc=os.urandom(32), alg=objects.TUAK, res_len=res_len, keccak=iterations)
            functions = self.network(content, serial)
            self.holds(functions, 32, os.urandom(16))
            self.resynchronises(functions, 32, os.urandom(16), 32)

    def test_sqn_policy_of_the_mcim_is_obeyed(self):
        functions = self.network(objects.mcim(k=K, opc=OPC, delta=10, age=5))
        self.holds(functions, 32, os.urandom(16))
        self.resynchronises(functions, 32 * 12, os.urandom(16), 32)  # SEQ 12 is more than 10 above SEQ 1
        self.holds(functions, 32 * 11 + 1, os.urandom(16))
        self.resynchronises(functions, 32 * 5 + 2, os.urandom(16), 32 * 11 + 1)  # more than 5 older than the newest

    def test_keys_of_a_resealed_mcim_replace_the_old(self):
        first = self.network(wire.mcim(k=K, opc=OPC))
        self.holds(first, 32, os.urandom(16))
        second = self.network(wire.mcim(k=OPC, opc=K), serial=6)
        rand = os.urandom(16)
        self.assertNotEqual(self.tre.ask(AUTHENTICATE, rand, aka.autn(first, rand, 64))[0], OK)
        self.holds(second, 32, os.urandom(16))


class OwnerBound(Case):
    OWNER_BOUND = True

    def test_order_for_device_or_shipment_serves_and_names_the_operator(self):
        for serial, (target, operator) in enumerate(((EID, self.tre.op), (SHIPMENT, self.tre.op)), 1):
            order = wire.order(self.tre.owner, serial, operator.point, target)
            self.tre.request()
            self.assertEqual(self.tre.answer({1: self.tre.package(serial=serial, order=order)})[:2], [0, OK])
        self.assertNotIn(OTHER_ICCID, [m[0] for m in self.tre.mcims()])


if __name__ == "__main__":
    unittest.main()
