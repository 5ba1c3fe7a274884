# SPDX-License-Identifier: Apache-2.0
"""The second implementation by itself (tests/oracle), before it judges anything: against published values, against other libraries, and whether its
strictness is strict. Runs no program of ours."""
import hashlib
import os
import re
import sys
import unittest

import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(SOURCE, "tests"))
from oracle import aka, cbor, cddl, checkin, coap, files, flight, objects, p256, tpm  # noqa: E402
from oracle.hpke import hpke_open, hpke_seal  # noqa: E402
from oracle.keys import Key, compress, sha256, verify, verify_signed  # noqa: E402

EID = bytes.fromhex("89049032123451234512345678901235")
ICCID = objects.packed(objects.with_luhn("898821100000000001"), 10)


def vectors(kind):
    """The sets of tests/vectors/aka.txt of one kind: {name: octets}."""
    found = []
    with open(os.path.join(SOURCE, "tests", "vectors", "aka.txt"), encoding="ascii") as lines:
        for line in lines:
            if line.startswith("["):
                current = {}
                if line[1:].startswith(kind):
                    found.append(current)
            elif "=" in line and not line.startswith("#"):
                name, value = (part.strip() for part in line.split("=", 1))
                current[name] = value[1:-1].encode() if value.startswith('"') else bytes.fromhex(value)
    return found


class Cbor(unittest.TestCase):
    VALUES = [0, 23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**64 - 1, b"", b"x" * 23, b"x" * 24, b"x" * 300, "", "ä" * 20, [], [1, [2, b"3"]],
              {}, {1: [None], 300: {}}, True, False, None]
    REFUSED = {
        "cut off": ["", "18", "19ff", "41", "58", "81", "a1", "a101", "62c3"],
        "longer than needed": ["1817", "1900ff", "1a0000ffff", "1b00000000ffffffff", "580161", "980101", "b8010101"],
        "indefinite": ["5f4161ff", "7f6161ff", "9f01ff", "bf0101ff", "ff"],
        "order of keys": ["a201000000", "a202000100", "a2010001f6"],
        "key of another kind": ["a1416101", "a1616101", "a1f601", "a18001"],
        "type that does not occur": ["20", "3863", "c000", "d81800", "f7", "f0", "f820", "f93c00", "fa3f800000", "fb3ff0000000000000"],
        "reserved": ["1c", "1d", "1e", "1f", "5c", "9c", "fc"],
        "after the end": ["0000", "f6f6", "8000"],
        "not UTF-8": ["61ff", "62c328"],
    }

    def test_encoding_is_that_of_another_library_and_comes_back(self):
        for value in self.VALUES:
            self.assertEqual(cbor.encode(value), cbor2.dumps(value, canonical=True))
            self.assertEqual(cbor.decode(cbor.encode(value)), value)

    def test_what_breaks_a_rule_is_refused(self):
        for why, cases in self.REFUSED.items():
            for text in cases:
                with self.assertRaises(cbor.Malformed, msg=f"{why}: {text}"):
                    cbor.decode(bytes.fromhex(text))

    def test_every_truncation_is_refused(self):
        whole = cbor.encode([1000, b"12345", "text", {1: [None, True], 9: b""}])
        for length in range(len(whole)):
            with self.assertRaises(cbor.Malformed):
                cbor.decode(whole[:length])

    def test_what_is_read_is_the_one_encoding(self):
        """Every string of up to two octets: where the decoder accepts, encoding again gives the same octets."""
        accepted = 0
        for octets in [n.to_bytes(size, "big") for size in (1, 2) for n in range(256 ** size)]:
            try:
                self.assertEqual(cbor.encode(cbor.decode(octets)), octets)
                accepted += 1
            except cbor.Malformed:
                pass
        self.assertGreater(accepted, 250)

    def test_annotation_shows_every_octet_once(self):
        whole = cbor.encode([1, {2: b"xy", 3: ["z", None]}, 2**32])
        self.assertEqual(b"".join(octets for _, octets, _, _ in cbor.annotate(whole)), whole)


class Curve(unittest.TestCase):
    def test_rfc6979_signatures_come_out(self):
        """A.2.5."""
        key = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
        for text, r, s in (("sample", "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
                            "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"),
                           ("test", "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367",
                            "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083")):
            self.assertEqual(p256.sign(key, hashlib.sha256(text.encode()).digest()).hex(), r + s)

    def test_both_arithmetics_agree(self):
        own, peer = Key(), Key()
        scalar, point = int.from_bytes(own.scalar(), "big"), p256.load(peer.point)
        self.assertEqual(p256.compressed(p256.multiply(scalar)), own.point)
        self.assertEqual(p256.uncompressed(point), peer.uncompressed)
        self.assertEqual(compress(peer.uncompressed), peer.point)
        self.assertEqual(p256.dh(scalar, point), own.dh(peer.point))

    def test_signatures_are_verified_crosswise(self):
        key = Key()
        for key.deterministic in (False, True):
            sig = key.sign("label", b"extra", b"payload")
            self.assertTrue(verify(key.point, "label", b"extra", b"payload", sig))
            self.assertFalse(verify(key.point, "labe", b"lextra", b"payload", sig))
            structure = cbor.encode(["Signature1", bytes.fromhex("a10126"), b"label\0extra", b"payload"])
            self.assertTrue(p256.verify(p256.load(key.point), sha256(structure), sig))
            self.assertFalse(p256.verify(p256.load(key.point), sha256(structure + b"."), sig))

    def test_group_order_and_infinity(self):
        self.assertIsNone(p256.multiply(p256.N))
        self.assertEqual(p256.multiply(p256.N - 1), (p256.G[0], p256.P - p256.G[1]))
        self.assertEqual(p256.add(None, p256.G), p256.G)


class Hpke(unittest.TestCase):
    def test_rfc9180_base_mode_comes_out(self):
        """A.3.1, sequence number 0."""
        e = Key.from_scalar(bytes.fromhex("4995788ef4b9d6132b249ce59a77281493eb39af373d236a1fe415cb0c2d7beb"))
        own = Key.from_scalar(bytes.fromhex("f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2"))
        info, aad, plain = b"Ode on a Grecian Urn", b"Count-0", b"Beauty is truth, truth beauty"
        sealed = hpke_seal(own.point, info, aad, plain, e)
        self.assertEqual(sealed[:65], e.uncompressed)
        self.assertEqual(sealed[65:].hex(), "5ad590bb8baa577f8619db35a36311226a896e7342a6d836d8b7bcd2f20b6c7f9076ac232e3ab2523f39513434")
        self.assertEqual(hpke_open(own, info, aad, sealed), plain)

    def test_rfc9180_mode_psk_comes_out(self):
        """A.3.2, sequence number 0."""
        e = Key.from_scalar(bytes.fromhex("57427244f6cc016cddf1c19c8973b4060aa13579b4c067fd5d93a5d74e32a90f"))
        own = Key.from_scalar(bytes.fromhex("438d8bcef33b89e0e9ae5eb0957c353c25a94584b0dd59c991372a75b43cb661"))
        psk = (bytes.fromhex("0247fd33b913760fa1fa51e1892d9f307fbe65eb171e8132c2af18555a738b82"), b"Ennyn Durin aran Moria")
        info, aad, plain = b"Ode on a Grecian Urn", b"Count-0", b"Beauty is truth, truth beauty"
        sealed = hpke_seal(own.point, info, aad, plain, e, psk)
        self.assertEqual(sealed[:65], e.uncompressed)
        self.assertEqual(sealed[65:].hex(), "90c4deb5b75318530194e4bb62f890b019b1397bbf9d0d6eb918890e1fb2be1ac2603193b60a49c2126b75d0eb")
        self.assertEqual(hpke_open(own, info, aad, sealed, psk), plain)
        for other in (None, (psk[0], b"another name"), (bytes(32), psk[1])):
            with self.assertRaises(InvalidTag):
                hpke_open(own, info, aad, sealed, other)


class Aka(unittest.TestCase):
    def hold(self, functions, values):
        for name in ("f1", "f1star"):
            self.assertEqual(getattr(functions, name)(values["rand"], values["sqn"], values["amf"]), values[name])
        for name in ("f2", "f3", "f4", "f5", "f5star"):
            self.assertEqual(getattr(functions, name)(values["rand"]), values[name])

    def test_milenage_published_sets(self):
        found = vectors("milenage")
        self.assertEqual(len(found), 21)
        for v in found:
            self.assertEqual(aka.Milenage.opc_of(v["k"], v["op"]), v["opc"])
            self.hold(aka.Milenage(v["k"], v["opc"]), v)

    def test_tuak_published_sets(self):
        found = vectors("tuak")
        self.assertEqual(len(found), 6)
        for v in found:
            self.assertEqual(aka.Tuak.topc_of(v["k"], v["top"], v["iterations"][0]), v["topc"])
            self.hold(aka.Tuak(v["k"], v["topc"], len(v["f2"]), v["iterations"][0], len(v["f1"]), len(v["f3"]), len(v["f4"])), v)

    def test_eap_aka_prime_published_cases(self):
        for v in vectors("prime"):
            self.assertEqual(aka.prime_keys(v["ck"], v["ik"], v["network_name"], v["sqn_xor_ak"]), (v["ck_prime"], v["ik_prime"]))
            for name, value in aka.prime_expand(v["ck_prime"], v["ik_prime"], v["identity"]).items():
                self.assertEqual(value, v[name], name)

    def test_5g_chain(self):
        v = vectors("5g chain")[0]
        names = ("ck", "ik", "snn", "supi", "abba", "rand", "res", "sqn_xor_ak")
        for name, value in aka.keys_5g(*(v[n] for n in names)).items():
            self.assertEqual(value, v[name], name)

    def test_autn_and_auts_open_for_their_subscriber_only(self):
        v = vectors("auts")[0]
        functions, other = aka.Milenage(v["k"], v["opc"]), aka.Milenage(v["k"], bytes(16))
        self.assertEqual(aka.auts(functions, v["rand"], int.from_bytes(v["sqn_ms"], "big")), v["auts"])
        self.assertEqual(aka.open_auts(functions, v["rand"], v["auts"]), int.from_bytes(v["sqn_ms"], "big"))
        self.assertIsNone(aka.open_auts(other, v["rand"], v["auts"]))
        autn = aka.autn(functions, v["rand"], 77)
        self.assertEqual(aka.open_autn(functions, v["rand"], autn), (77, b"\x80\0"))
        self.assertIsNone(aka.open_autn(other, v["rand"], autn))


class Document(unittest.TestCase):
    """docs/protocol.md as the judge of messages: what the oracle builds is valid, and with anything changed in kind or size it is not."""

    @classmethod
    def setUpClass(cls):
        cls.doc = cddl.Document()
        cls.a, cls.b, cls.owner = Key(), Key(), Key()

    def test_objects_are_valid(self):
        a, b = self.a, self.b
        package = objects.package(a, b.point, EID, ICCID, 5, objects.mcim(), objects.order(self.owner, 1, a.point, EID))
        self.doc.check("package", package)
        self.doc.check("mcim", objects.open_package(package, b, a.point, EID))
        self.doc.check("certificate", objects.certificate(a, EID, a.point, b.point, bytes(8)))
        self.doc.check_encoded("flight-key", objects.flight_key(a, 1, 3, b.point))
        self.doc.check_encoded("command", objects.command(a, EID, ICCID, 2**40, objects.SUSPENDED))
        self.doc.check_encoded("card", files.card(a, "sho", "ä", b))
        log = [objects.event(8, b"", "launch"), objects.event(15, b"", "ä" * 16)]
        for lengths in (None, [0, 0], [2**32 - 1, 2**28]):
            self.doc.check_encoded("release", objects.release(a, "p", 2**32 - 1, "1", log, lengths))
        for receipt in (objects.install_receipt(bytes(16), EID, ICCID, 1, bytes(32), bytes(32)), objects.command_receipt(bytes(32), EID, ICCID, 2, 1)):
            self.doc.check("receipt", receipt)

    def test_release_has_a_length_for_each_event_or_none_at_all(self):
        log = [objects.event(8, b"", "launch"), objects.event(9, b"", "config")]
        for lengths in ([], [1], [1, 2, 3], [1, 2**32], [1, None]):
            with self.assertRaises(cddl.Mismatch):
                self.doc.check_encoded("release", objects.release(self.a, "p", 1, "1", log, lengths))

    def test_messages_are_valid(self):
        ev = [EID, 1, bytes(32), [1, 7, bytes(16)], [ICCID, 3], {1: [ICCID, 4, 0x103], 2: 1}]
        request = flight.Request(self.b.point, 9, ev, self.a, objects.certificate(self.a, EID, self.a.point, self.b.point, bytes(8)))
        self.doc.check_encoded("M1", request.message)
        self.doc.check_encoded("m1-plain", request.plain)
        for log in (None, [objects.event(15, b"", "")]):
            request = flight.Request(self.b.point, 9, ev, self.a, quote=tpm.PLAIN, log=log)
            self.doc.check_encoded("M1", request.message)
            self.doc.check_encoded("m1-plain", request.plain)
        ticket = checkin.ticket_seal(1, bytes(16), checkin.ticket_fields(EID, bytes(16), 1))
        self.doc.check_encoded("C1", checkin.c1(bytes(16), ticket, 5, {2: 0}))
        self.doc.check("ticket-plain", checkin.ticket_open(bytes(16), ticket))

    def test_other_values_are_refused(self):
        good_ev = [EID, 1, bytes(32), None, None]
        self.doc.check("ev", flight.claims(good_ev))
        bad = [good_ev + [{}, {}], [EID[:15]] + good_ev[1:], [EID, 2**32] + good_ev[2:], [EID, True] + good_ev[2:],
               good_ev[:3] + [[3, bytes(16)], None], good_ev[:4] + [[ICCID[:9] + b"\0", 1]], good_ev + [{4: 1}]]
        without_nonce = flight.claims([*good_ev[:3], [2, bytes(16)], None])
        del without_nonce[flight.NONCE]
        cases = [*(("ev", flight.claims(ev)) for ev in bad), ("ev", without_nonce), ("ev", {**flight.claims(good_ev), flight.NONCE: bytes(16)}),
                 ("ev", {**flight.claims(good_ev), flight.SAMARA: [1, bytes(32), None]}), ("tpm", [*tpm.PLAIN[:5], 2**24]), ("tpm", [1, 2, 3, 4, 5, 6]),
                 ("report", {2: 3}), ("report", {1: []}), ("report", {}),
                 ("report", {1: [[1, ICCID, 1, 0, bytes(16)]] * 5, 2: 0}), ("m2-plain", {0: 1, 2: bytes(98)}), ("m2-plain", {2: bytes(97)}),
                 ("c2-plain", {2: bytes(98), 1: [1]}), ("M1", [2, 1, self.a.point, b""]), ("M1", [1, 1, b"\5" + self.a.point[1:], b""]),
                 ("card", [bytes(3), {}, b"", bytes(64)]), ("subscription", [2, EID, ICCID, 1, 1]), ("record-2", [bytes(32), 1])]
        for name, value in cases:
            with self.assertRaises(cddl.Mismatch, msg=f"{name} {value}"):
                self.doc.check(name, value)

    def test_every_rule_is_read_and_every_name_defined(self):
        for name in ("M1", "M2", "C1", "C2", "ticket-plain", "about-9", "record-9", "header", "end", "subscription"):
            self.assertIn(name, self.doc.rules)
        with self.assertRaises(ValueError):
            self.doc.check_names(("name", "undefined", None), set())
        self.assertEqual(self.doc.bound("M2, MILENAGE"), 480)
        self.assertEqual(self.doc.bound("4.04 with the flight key"), 133)


class Tpm(unittest.TestCase):
    """A quote that swtpm and tpm2-tools made (tests/unit/test_tpm_quote.c says how)."""
    D = compress(bytes.fromhex("04c92cef7b4963a2f0e5a47c07583a05b8ba395934d6a804d97602cbd39fd9eb08446b7c2656d15912f6fbcb8cbe85fbf43ffe03234bb5060bb81562ff92133804"))
    NUMBERS = [0x4F9, 1, 0, True, 0x2019102300163636, tpm.PCRS]
    EXTRA = sha256(b"what d attests")
    SIG = bytes.fromhex("3be3fbd182d346f59cb6d0be4f8eb17047a4179e6af7a8c568c9940afdc41ef8f7767541ef417cade8d78c9a125bd375ab9ad13fccadc50097321e269016f29b")

    def test_quote_of_a_tpm_holds(self):
        pcrs, digest = tpm.replay([[8, sha256(b"launcher"), ""], [9, sha256(b"firmware"), ""], [8, sha256(b"tre"), ""]])
        self.assertEqual(pcrs, tpm.PCRS)
        self.assertTrue(tpm.holds(self.D, self.NUMBERS, self.EXTRA, digest, self.SIG))
        self.assertFalse(tpm.holds(self.D, [0x4FA, *self.NUMBERS[1:]], self.EXTRA, digest, self.SIG))

    def test_quote_by_a_key_in_memory_holds(self):
        key = Key()
        sig = tpm.quote(key, tpm.PLAIN, bytes(32), bytes(32))
        self.assertTrue(tpm.holds(key.point, tpm.PLAIN, bytes(32), bytes(32), sig))


class Sizes(unittest.TestCase):
    """Section 6 of docs/protocol.md, each number built a second time: all counters, serials and numbers of 32 bits, beacon present."""
    TOP = 2**32 - 1

    @classmethod
    def setUpClass(cls):
        cls.doc = cddl.Document()
        cls.key = Key()
        cls.beacon = [cls.TOP, bytes(16)]
        cls.certificate = objects.certificate(cls.key, EID, cls.key.point, cls.key.point, bytes(8))
        cls.flight_key = objects.flight_key(cls.key, 1, cls.TOP, cls.key.point, cls.TOP - 1, cls.TOP)

    def octets(self, row):
        """The numbers of a row, without what follows from them."""
        return [int(n) for n in re.findall(r"\d+", self.doc.sizes[row][0].replace("C2", ""))]

    def m1(self, have=None, extra=None, certificate=None, quote=None, log=None):
        ev = [EID, self.TOP, bytes(32), [1, *self.beacon], have] + ([extra] if extra else [])
        return 9 + len(flight.Request(self.key.point, self.TOP, ev, self.key, certificate, quote=quote, log=log).message)

    def m2(self, content=None, **subscription):
        f = Key()
        if content is None:
            more = {"order": None, **subscription}
            order = more.pop("order")
            package = objects.package(self.key, self.key.point, EID, ICCID, self.TOP, objects.mcim(interval=self.TOP, profile=self.TOP, **more), order)
            content = {1: package, 2: bytes(98), 3: self.beacon}
        keys = flight.AnswerKeys(bytes(32), bytes(32), bytes(32), f.point)
        return 7 + len(flight.m2(keys, f, content))

    def c1(self, *receipts):
        return 9 + len(checkin.c1(bytes(16), bytes(98), 1, {**({1: list(receipts)} if receipts else {}), 2: 0}))

    def c2(self, **more):
        content = {2: bytes(98), 3: self.beacon, **{int(key[1:]): value for key, value in more.items()}}
        return 7 + len(checkin.Exchange(bytes(16), b"").c2(bytes(12), content))

    def test_m1(self):
        have, extra = [ICCID, self.TOP], {1: [ICCID, self.TOP, 0x30A], 2: self.TOP}  # reasons have 16 bits
        self.assertEqual([self.m1()], self.octets("M1 by reference, first contact"))
        self.assertEqual([self.m1(have)], self.octets("M1 by reference, MCIM installed"))
        self.assertEqual([self.m1(certificate=self.certificate), self.m1(have, certificate=self.certificate)], self.octets("M1 with certificate"))
        quote = [2**48, self.TOP, self.TOP, True, 2**64 - 1, tpm.PCRS]
        later = {3: self.TOP}
        self.assertEqual([self.m1(quote=quote), self.m1(have, later, quote=quote)], self.octets("M1 with quote, by reference"))
        self.assertEqual([self.m1(certificate=self.certificate, quote=quote), self.m1(have, later, certificate=self.certificate, quote=quote)],
                         self.octets("M1 with quote and certificate"))
        shown = {"quote": quote, "log": [[8, bytes(32), name] for name in ("launch", "tre", "agent", "config")]}
        self.assertEqual([self.m1(**shown), self.m1(have, later, **shown)], self.octets("M1 with quote and boot log, by reference"))
        self.assertEqual([self.m1(certificate=self.certificate, **shown), self.m1(have, later, certificate=self.certificate, **shown)],
                         self.octets("M1 with quote, certificate and boot log"))
        echo = len(coap.request("f", b"x", echo=bytes(8))) - len(coap.request("f", b"x"))
        self.assertEqual([self.m1(extra=extra) - self.m1() + echo + len(cbor.encode(bytes(12)))], self.octets("failure, tamper, Echo, gate MAC"))

    def test_m2(self):
        plain = self.m2()
        self.assertEqual([plain], self.octets("M2, MILENAGE"))
        self.assertEqual([self.m2(delta=2**43 - 1, age=2**43 - 1)], self.octets("with sqn-delta and sqn-age of its own"))
        self.assertEqual([self.m2(k=bytes(32), opc=bytes(32), alg=objects.TUAK) - plain], self.octets("M2, TUAK"))
        for_tpm = objects.package(self.key, self.key.point, EID, ICCID, self.TOP, objects.mcim(interval=self.TOP, profile=self.TOP), ek=self.key.point)
        self.assertEqual([self.m2({1: for_tpm, 2: bytes(98), 3: self.beacon}) - plain], self.octets("for a TPM alone"))
        order = objects.order(self.key, self.TOP, self.key.point, EID)
        self.assertEqual([self.m2(order=order) - plain], self.octets("owner's order"))
        self.assertEqual([self.m2({2: bytes(98), 3: self.beacon})], self.octets("M2, ticket alone"))
        self.assertEqual([self.m2({0: 9})], self.octets("M2, refusal"))

    def test_check_in(self):
        plain = self.c1()
        self.assertEqual([plain], self.octets("C1, nothing to report"))
        install = objects.install_receipt(bytes(16), EID, ICCID, self.TOP, bytes(32), bytes(32))
        command = objects.command_receipt(bytes(16), EID, ICCID, self.TOP, 2, 0x30A)
        self.assertEqual([self.c1(install) - plain, self.c1(command) - plain], self.octets("install receipt, command receipt"))
        self.assertEqual([self.c2()], self.octets("C2, nothing pending"))
        self.assertEqual([self.c2(_1=[objects.command(self.key, EID, ICCID, self.TOP, 2)]) - self.c2()], self.octets("command"))
        self.assertEqual([self.c2(_5=bytes(98)) - self.c2()], self.octets("spare ticket"))

    def test_flight_key(self):
        content = {1: bytes(200), 2: bytes(98), 3: self.beacon}  # with a package the head of the sealed string has its octets already
        along = self.m2({**content, 4: self.flight_key}) - self.m2(content)
        self.assertEqual([along, self.c2(_4=self.flight_key) - self.c2()], self.octets("flight key"))
        self.assertEqual([7 + len(self.flight_key)], self.octets("4.04 with the flight key"))

    def test_hints_without_payload(self):
        self.assertEqual([6 + 2 + 8], self.octets("4.01 with Echo"))
        self.assertEqual([6 + 2 + 2], self.octets("5.03 with Max-Age"))

    def test_gate_mac(self):
        """By the words of section 1, with HKDF and HMAC of another library."""
        message = flight.Request(self.key.point, 1, [EID, 1, bytes(32), None, None], self.key).message
        key = HKDFExpand(hashes.SHA256(), 32, b"samara1 gate\0").derive(bytes(range(16)))
        mac = HMAC(key, hashes.SHA256())
        mac.update(sha256(message))
        self.assertEqual(flight.gate_mac(bytes(range(16)), sha256(message)), mac.finalize()[:12])
        cddl.Document().check_encoded("gate-mac", cbor.encode(flight.gate_mac(bytes(16), bytes(32))))


class CheckIn(unittest.TestCase):
    """By the words of sections 1 and 4, with HKDF of another library."""
    RK, TK, R = bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 44))

    def derived(self, secret, label, context=b"", length=16):
        return HKDFExpand(hashes.SHA256(), length, b"samara1 " + label + b"\0" + context).derive(secret)

    def test_ticket(self):
        fields, nonce = checkin.ticket_fields(EID, self.RK, 1), bytes(range(50, 62))
        for lane in (0, 15):
            ticket = checkin.ticket_seal(7, self.TK, fields, lane, nonce)
            self.assertEqual((len(ticket), ticket[:17]), (98, b"\0\0\0\7" + bytes([lane]) + nonce))
            plain = AESGCM(self.derived(self.TK, b"ticket", ticket[:5])).decrypt(nonce, ticket[17:], b"")
            self.assertEqual((len(plain), cbor.decode(plain), checkin.ticket_open(self.TK, ticket)), (65, fields, fields))
        tickets = [checkin.ticket_seal(7, self.TK, fields) for _ in range(400)]
        self.assertEqual({ticket[4] for ticket in tickets}, set(range(16)))
        self.assertEqual(len({ticket[5:17] for ticket in tickets}), 400)
        with self.assertRaises(ValueError):
            checkin.ticket_open(self.TK, checkin.ticket_seal(7, self.TK, fields, 16))

    def test_request(self):
        message = checkin.c1(self.RK, bytes(98), 0x01020304, {2: 1})
        _, masked, sealed = cbor.decode(message)
        keys = self.derived(self.RK, b"c1", length=20)
        self.assertEqual(bytes(a ^ b for a, b in zip(masked, keys[16:])), bytes([1, 2, 3, 4]))
        self.assertEqual(AESGCM(keys[:16]).decrypt(bytes(8) + bytes([1, 2, 3, 4]), sealed, message[:-len(sealed) - 1]), cbor.encode({2: 1}))
        self.assertEqual(checkin.open_c1(self.RK, message), (0x01020304, {2: 1}, cbor.encode({2: 1})))

    def test_answer(self):
        message = checkin.c1(self.RK, bytes(98), 1, {2: 1})
        exchange, content = checkin.Exchange(self.RK, message), {2: bytes(98)}
        keys = self.derived(self.RK, b"c2", sha256(message), 32)
        r, sealed = cbor.decode(exchange.c2(self.R, content))
        self.assertEqual((r, AESGCM(keys[:16]).decrypt(r, sealed, b"")), (self.R, cbor.encode(content)))
        self.assertEqual(b"".join(exchange.next_rks(self.R)), self.derived(keys[16:], b"rk", self.R, 32))
        self.assertEqual(exchange.open_c2(exchange.c2(self.R, content)), (content, cbor.encode(content)))

    def test_whatever_one_side_leaves_out_the_other_does_not_open(self):
        message = checkin.c1(self.RK, bytes(98), 5, {2: 1})
        for without in ("mask", "ctr"):
            with self.assertRaises(InvalidTag, msg=without):
                checkin.open_c1(self.RK, message, (without,))
        whole, without = checkin.Exchange(self.RK, message), checkin.Exchange(self.RK, message, ("hash",))
        with self.assertRaises(InvalidTag):
            whole.open_c2(without.c2(self.R, {0: 5}))
        self.assertNotEqual(*whole.next_rks(self.R))
        self.assertEqual(*checkin.Exchange(self.RK, message, ("spare",)).next_rks(self.R))


class Files(unittest.TestCase):
    def test_sealed_file_comes_back_and_any_flipped_bit_does_not(self):
        sender, receiver = files.Party("sho", "s"), files.Party("ro", "r")
        octets = sender.write(files.BATCH, [receiver.card], [b"one", b"two" * 30], to=receiver.kem.point)
        self.assertEqual(files.File(octets, receiver.kem).records, [b"one", b"two" * 30])
        for at in range(len(octets)):
            altered = octets[:at] + bytes([octets[at] ^ 4]) + octets[at + 1:]
            with self.assertRaises((ValueError, TypeError)):
                files.File(altered, receiver.kem)

    def test_clear_file_comes_back_and_card_too(self):
        sender = files.Party("supplier", "s", kem=False)
        self.assertEqual(files.File(sender.write(files.REFERENCES, [], [cbor.encode([bytes(32), "1"])])).values(), [[bytes(32), "1"]])
        self.assertEqual(files.unarmoured("words\n" + files.armoured(sender.card) + "more\n"), sender.card)
        self.assertEqual(files.open_card(sender.card), ["supplier", "s", sender.sign.point, None])
        self.assertTrue(verify_signed(sender.sign.point, "samara1 card", b"", cbor.decode(sender.card)))


class Coap(unittest.TestCase):
    def test_answers_by_the_table_only(self):
        request = coap.request("f", b"x", 7, b"\1\2")
        good = b"\x62\x44\0\7\1\2\xffpayload"
        self.assertEqual(coap.check_answer(request, good), ("2.04", {}, b"payload"))
        for bad in (b"\x62\x44\0\x08\1\2\xffp", b"\x62\x44\0\7\1\3\xffp", b"\x52\x44\0\7\1\2\xffp", b"\x62\x45\0\7\1\2\xffp", b"\x62\x44\0\7\1\2\xc0\xffp",
                    b"\x62\xa3\0\7\1\2", b"\x62\xa3\0\7\1\2\xd1\x01\x05\xffx", b"\x62\x81\0\7\1\2\xd4\xef1234"):
            with self.assertRaises(ValueError, msg=bad):
                coap.check_answer(request, bad)
        self.assertEqual(coap.check_answer(request, b"\x62\xa3\0\7\1\2\xd1\x01\x05")[1], {coap.MAX_AGE: b"\5"})
        self.assertEqual(coap.parse(coap.request("c", b"y", 7, echo=b"12345678"))[4], {11: b"c", coap.ECHO: b"12345678"})


if __name__ == "__main__":
    unittest.main()
