# SPDX-License-Identifier: Apache-2.0
"""The second implementation as a device against the real samarad, and as a SIM against the real samara-auc: every kind of request, report, refusal and
hint. Each message of the server is validated against docs/protocol.md, its tickets are opened with the RO's own keys, its subscriptions with the
device's. What must not be granted is in attack/test_dishonest_device.py."""
import os
import socket
import sqlite3
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import judged  # noqa: E402
import record_file  # noqa: E402
import wire  # noqa: E402
from disk import Disk  # noqa: E402
from offline import Offline  # noqa: E402
from secrets_search import memory_can_be_walked, memory_of  # noqa: E402
from world import eid, imei, wait_until  # noqa: E402
from oracle import aka, checkin, files, flight, objects, p256  # noqa: E402
from oracle.cbor import decode, encode  # noqa: E402
from oracle.keys import sha256, verify_signed  # noqa: E402

NO_SUBSCRIPTION, MEASUREMENT, COUNTER, RESEAL, LINEAGE, TICKET_OLD, REVOKED, STORE, TAMPER = range(1, 10)
SILENCE = 0.25
BY_REFERENCE, BY_CERTIFICATE, OWNED, UNSEALED = 1, 2, 3, 4


class Judged(Offline):
    """Offline, with devices that check all they get; and an owner's shipment with TUAK (3), and one that nobody has sealed for (4)."""
    DEVICE, UDP = judged.Device, judged.Udp

    def __init__(self, build, devices, by_certificate, owned):
        super().__init__(build, devices, by_certificate)
        self.owner = self.world.player("owner", "subscriber", 5)
        self.owner.init()
        self.owner.trust(self.op, self.supplier)
        self.supplier.trust(self.owner)
        self.op.trust(self.owner)
        first = devices + by_certificate + 1
        self.ship(OWNED, range(first, first + owned), load=True)
        self.ship(UNSEALED, [first + owned], load=True)
        self.supplier_point, self.root = self.supplier_key().point, self.root_point()

    def ship(self, number, members, load):
        if number in (BY_REFERENCE, BY_CERTIFICATE):
            return super().ship(number, members, load)
        rows = ["eid,imei,d,t"]
        for member in members:
            device = self.DEVICE(bytes.fromhex(eid(member)), wire.Key(), self.measurement)
            device.t, device.number = wire.Key(), member
            self.devices.append(device)
            rows.append(f"{eid(member)},{imei(member)},{device.d.point.hex()},{device.t.point.hex()}")
        listed = self.supplier.take(self.write("devices.csv", "\n".join(rows) + "\n"))
        self.supplier.run("shipment", "--number", str(number), "--csv", listed, "--owner", self.supplier.take(self.owner.card))
        shipment = self.supplier.path(f"shipment-{number}.smr")
        self.supplier.run("ship", "--number", str(number), "--out", shipment)
        if number == OWNED:
            self.seal_ordered(number, shipment, len(members))
        return self.ro.run("load", self.ro.take(shipment))

    def seal_ordered(self, number, shipment, count):
        orders, rows = self.owner.path("orders.smr"), self.op.path("owned.csv")
        self.owner.run("order", "--operator", self.owner.take(self.op.card), "--shipment", self.owner.take(shipment), "--out", orders)
        self.op.run("make", "--count", str(count), "--imsi", "001010990000001", "--iccid", "898821099000000001", "--algorithm", "tuak", "--k-bits", "256",
                    "--out", rows)
        batch, auc = self.op.path("owned-batch.smr"), self.op.path("owned-auc.smr")
        self.op.run("seal", "--shipment", self.op.take(shipment), "--subscriptions", rows, "--orders", self.op.take(orders), "--ro",
                    self.op.take(self.ro.card), "--auc", self.op.take(self.auc.card), "--out", batch, "--auc-out", auc)
        self.ro.run("load", self.ro.take(batch))
        self.auc.run("load", self.auc.take(auc))

    def supplier_key(self):
        return record_file.private_key(self.supplier)

    def root_point(self):
        with open(self.ro.path("flight-keys.smr"), "rb") as f:
            return files.File(f.read()).about[0]

    def certificate(self, device, number):
        return wire.certificate(self.supplier_key(), device.eid, device.d.point, device.t.point, self.shipment(number))

    def shipment(self, number):
        return wire.shipment_id(self.supplier_point, number)

    def ticket_fields(self, ticket):
        """What the server keeps with the device, by the RO's own keys."""
        with Disk(self.ro) as disk:
            tk = disk.ticket_keys()[int.from_bytes(ticket[:4], "big")]
        fields = checkin.ticket_open(tk, ticket)
        judged.DOC.check("ticket-plain", fields)
        return fields, tk

    def install(self, device, m2):
        """What an honest TRE does with the package. Its receipt."""
        device.mcim = objects.open_package(m2[1], device.t, self.operator_point(), device.eid)
        judged.DOC.check("mcim", device.mcim)
        device.iccid, device.serial, device.k = m2[1][1], m2[1][2], device.mcim[2]
        return objects.install_receipt(device.k, device.eid, device.iccid, device.serial, sha256(m2[1][3]), device.hash_ev)


def setUpModule():
    Case.o = o = Judged(os.environ.get("SAMARA_BUILD", "build"), devices=30, by_certificate=1, owned=2)
    o.start(flight__send_next_key="365d")
    o.world.start_auc(o.auc)
    Case.fresh, Case.by_certificate, Case.owned, Case.unsealed = iter(o.devices[:30]), o.devices[30], iter(o.devices[31:33]), o.devices[33]


def tearDownModule():
    Case.o.stop()


class Case(unittest.TestCase):
    """One world for all; each test takes devices that nobody used before."""

    def setUp(self):
        self.udp = self.o.udp(timeout=5)
        self.addCleanup(self.udp.close)

    def fly(self, device, **kwargs):
        m2 = self.o.fly(device, self.udp, **kwargs)
        self.assertIsInstance(m2, dict, f"answered {m2}")
        return m2

    def check_in(self, device, report=None, **kwargs):
        c2 = self.o.check_in(device, report, self.udp, **kwargs)
        self.assertIsInstance(c2, dict, f"answered {c2}")
        return c2

    def installed(self):
        """A device whose receipt the RO has taken over."""
        device = next(self.fresh)
        receipt = self.o.install(device, self.fly(device))
        self.assertNotIn(0, self.check_in(device, {1: [receipt], 2: 1}))
        return device

    def active(self, device, state="active"):
        wait_until(f"state {state}", lambda: self.o.subscription(device)["state"] == state, every=0.2, timeout=40)

    def flight_key_holds(self, octets):
        key = decode(octets)
        judged.DOC.check("flight-key", key)
        self.assertTrue(verify_signed(self.o.root, "samara1 flight-key", b"", key))
        return decode(key[2])


class Flight(Case):
    def test_by_reference_package_and_ticket_are_for_this_device(self):
        device = next(self.fresh)
        m2 = self.fly(device)
        self.o.install(device, m2)
        self.assertEqual((m2[1][5], device.mcim[1]), (None, objects.MILENAGE))
        (who, rk, lineage, _, _, shipment, _, state), _ = self.o.ticket_fields(m2[2])
        self.assertEqual((who, rk, lineage, shipment, state), (device.eid, device.rk, wire.be32(device.ctr), self.o.shipment(1), 0))

    def test_by_certificate_is_served_the_same(self):
        device = self.by_certificate
        m2 = self.fly(device, cert=self.o.certificate(device, BY_CERTIFICATE))
        self.active_after(device, self.o.install(device, m2))
        self.assertEqual(self.o.ticket_fields(device.ticket)[0][5], self.o.shipment(BY_CERTIFICATE))

    def active_after(self, device, receipt):
        self.assertNotIn(0, self.check_in(device, {1: [receipt], 2: 1}))
        self.active(device)

    def test_owners_order_comes_with_the_package(self):
        device = next(self.owned)
        m2 = self.fly(device)
        receipt = self.o.install(device, m2)
        order = judged.DOC.check_encoded("order", m2[1][5])
        self.assertTrue(verify_signed(record_file.card(self.o.owner)[2], "samara1 order", b"", order))
        self.assertEqual(decode(order[2])[1:], [self.o.operator_point(), self.o.shipment(OWNED)])
        self.assertEqual((device.mcim[1], len(device.mcim[2]), len(device.mcim[3])), (objects.TUAK, 32, 32))
        self.active_after(device, receipt)

    def test_evidence_with_each_kind_of_freshness_is_taken_and_believed(self):
        for freshness in ([1, 7, bytes(16)], [2, os.urandom(16)]):
            device = next(self.fresh)
            self.active_after(device, self.o.install(device, self.fly(device, freshness=freshness)))

    def test_coap_of_every_form_is_answered_in_kind(self):
        device = next(self.fresh)
        for options in ({"confirmable": False}, {"token": b""}, {"token": b"12345678"}, {"message_id": 0}, {"message_id": 65535}):
            code, payload = self.udp.ask("f", self.o.m1(device), **options)
            self.assertEqual(code, "2.04")
            self.assertIn(1, device.open_m2(payload))
            self.assertEqual(self.udp.ask("c", device.c1(), **options)[0], "2.04")

    def test_next_flight_key_comes_along_and_serves(self):
        self.o.ro.run("rotate", "flight")
        device = next(self.fresh)
        wait_until("the next flight key in M2", lambda: 4 in self.fly(device, cert=self.o.certificate(device, BY_REFERENCE)))
        kind, number, q, begin, end = self.flight_key_holds(device_answer(device)[4])
        self.assertEqual((kind, number > self.o.number, begin < end), (1, True, True))
        self.assertGreater(begin, time.time())
        code, payload = self.udp.ask("f", device.m1(q, number))  # a TRE has no clock: it uses the newest key at once
        self.assertEqual(code, "2.04")
        self.assertIn(1, device.open_m2(payload))

    def test_unknown_flight_key_brings_the_current_one_which_serves(self):
        device = next(self.fresh)
        code, payload = self.udp.ask("f", device.m1(wire.Key().point, 0xFFFFFFFF))
        self.assertEqual(code, "4.04")
        _, number, q, begin, end = self.flight_key_holds(payload)
        self.assertTrue(begin <= time.time() < end)
        code, payload = self.udp.ask("f", device.m1(q, number))
        self.assertIn(1, device.open_m2(payload))

    def test_signature_whose_sum_is_infinity_counts_as_a_bad_signature(self):
        device = next(self.fresh)
        device.m1(self.o.q[self.o.number], self.o.number)
        e = wire.Key()
        ev = encode(flight.claims([device.eid, device.ctr, device.measurement, None, None]))
        h = int.from_bytes(flight.hash_of(e.point + device.q, ev), "big")
        r = -h * pow(int.from_bytes(device.d.scalar(), "big"), -1, p256.N) % p256.N
        evidence = [bytes.fromhex("a10126"), {}, ev, r.to_bytes(32, "big") + (1).to_bytes(32, "big")]
        before = self.o.world.counters()["dropped_signature"]
        self.assertIsNone(self.udp.ask("f", device.m1(self.o.q[self.o.number], self.o.number, e=e, evidence=evidence), timeout=SILENCE))
        wait_until("the counter", lambda: self.o.world.counters()["dropped_signature"] == before + 1)


def device_answer(device):
    """The plaintext map of the last answer."""
    return decode(device.plain_octets)


class Refusals(Case):
    def test_no_subscription_yet(self):
        self.assertEqual(self.fly(self.unsealed), {0: NO_SUBSCRIPTION})
        self.assertEqual(self.fly(self.unsealed), {0: NO_SUBSCRIPTION})

    def test_measurement_tamper_counter_revocation(self):
        device = next(self.fresh)
        self.assertEqual(self.fly(device, measurement=os.urandom(32)), {0: MEASUREMENT})
        self.assertEqual(self.fly(device, extra={2: 0x80000000}), {0: TAMPER})
        self.assertEqual(self.fly(device, ctr=1), {0: COUNTER})
        self.o.ro.run("revoke", "--eid", device.eid.hex())
        self.assertEqual(self.fly(device, ctr=10), {0: REVOKED})

    def test_could_not_be_installed_and_lost(self):
        device = next(self.fresh)
        package = self.fly(device)[1]
        self.assertEqual(self.fly(device, extra={1: [*package[1:3], 0x103]}), {0: RESEAL})
        device = self.installed()
        self.assertEqual(self.fly(device), {0: RESEAL})

    def test_lineage_of_an_earlier_flight_and_a_counter_that_was_seen(self):
        device = next(self.fresh)
        receipt = self.o.install(device, self.fly(device))
        ticket, rk = device.ticket, device.rk
        self.fly(device)
        self.assertEqual(self.check_in(device, {1: [receipt], 2: 1}, ticket=ticket, rk=rk), {0: LINEAGE})
        device.ctr -= 2
        self.assertEqual(self.check_in(device, {1: [receipt], 2: 1}), {0: COUNTER})

    def test_ticket_outside_its_time(self):
        """Made with the RO's ticket key: older than L epochs, or of an epoch after its key's."""
        device = next(self.fresh)
        self.fly(device)
        fields, tk = self.o.ticket_fields(device.ticket)
        tk_id = int.from_bytes(device.ticket[:4], "big")
        for epoch in ((tk_id & 0xFFFFFF) - 31, (tk_id & 0xFFFFFF) + 1):
            ticket = checkin.ticket_seal(tk_id, tk, [*fields[:3], wire.be32(epoch), *fields[4:]])
            self.assertEqual(self.check_in(device, ticket=ticket), {0: TICKET_OLD})
        ticket = checkin.ticket_seal(tk_id, tk, [*fields[:3], wire.be32((tk_id & 0xFFFFFF) - 30), *fields[4:]])
        self.assertIn(2, self.check_in(device, ticket=ticket))

    def test_unknown_ticket_key_is_a_hint_without_payload(self):
        device = next(self.fresh)
        self.fly(device)
        device.ticket = b"\x00\x00\x00\x01" + device.ticket[4:]
        self.assertEqual(self.udp.ask("c", device.c1()), ("4.04", b""))


class CheckIn(Case):
    def test_ticket_is_renewed_and_knows_of_the_receipt(self):
        device = next(self.fresh)
        receipt = self.o.install(device, self.fly(device))
        states = []
        for report in (None, {1: [receipt], 2: 1}, {2: 1}, {2: 1, 3: 6}):
            before = device.ticket
            c2 = self.check_in(device, report)
            self.assertNotEqual(c2[2][5:17], before[5:17], "the nonce has to be fresh")
            fields, _ = self.o.ticket_fields(device.ticket)
            self.assertEqual(fields[:3], [device.eid, device.rk, wire.be32(1)])
            states.append(fields[7] & 1)
        self.assertEqual(states, [0, 1, 1, 1])

    def test_ticket_of_every_lane_serves_and_there_are_no_others(self):
        device = next(self.fresh)
        self.fly(device)
        tk_id = int.from_bytes(device.ticket[:4], "big")
        for lane in range(checkin.LANES):
            fields, tk = self.o.ticket_fields(device.ticket)
            self.assertIn(2, self.check_in(device, ticket=checkin.ticket_seal(tk_id, tk, fields, lane)))
        fields, tk = self.o.ticket_fields(device.ticket)
        for lane in (checkin.LANES, 255):
            self.assertIsNone(self.udp.ask("c", device.c1(ticket=checkin.ticket_seal(tk_id, tk, fields, lane)), timeout=SILENCE))
        self.assertIn(2, self.check_in(device))

    def test_lanes_that_are_ready_are_erased_by_a_server_with_nothing_to_do(self):
        """An AES key schedule begins with its key: of a TK that the store erases, none lives on in a worker."""
        if not memory_can_be_walked(self.o.world.bin("samarad")):
            self.skipTest("no memory is walked without root, or with AddressSanitizer")
        device = next(self.fresh)
        receipt = self.o.install(device, self.fly(device))
        tk_id = int.from_bytes(device.ticket[:4], "big")
        _, tk = self.o.ticket_fields(device.ticket)
        keys = [checkin.ticket_key(tk, wire.be32(tk_id) + bytes([lane])) for lane in range(checkin.LANES)]

        def ready():
            memory = memory_of(self.o.server.pid)
            return [key.hex() for key in keys if key in memory]

        self.assertTrue(any(self.check_in(device) and ready() for _ in range(5)), "searched in vain: no lane that was just used is found")
        time.sleep(2)
        self.assertEqual(ready(), [])
        # One whose answer waits for the store longer than the server has been idle then.
        other = sqlite3.connect(self.o.ro.path("samara.db"), isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        self.udp.socket.send(wire.coap_request("c", device.c1(report={1: [receipt], 2: 1})))
        time.sleep(2)
        other.execute("ROLLBACK")
        self.assertIn(2, device.open_c2(wire.coap_answer(self.udp.socket.recv(2048))[1]))
        time.sleep(2)
        self.assertEqual(ready(), [])
        self.assertIn(2, self.check_in(device))

    def test_same_request_is_answered_again_with_a_fresh_r(self):
        device = next(self.fresh)
        self.fly(device)
        c1 = device.c1()
        answers = [self.udp.ask("c", c1)[1] for _ in range(3)]
        self.assertEqual(len({decode(answer)[0] for answer in answers}), 3)
        tickets, rks = set(), set()
        for answer in answers:
            self.assertIn(2, device.open_c2(answer))
            tickets.add(device.ticket)
            self.assertEqual(self.o.ticket_fields(device.ticket)[0][1], device.rk)
            rks.add(device.rk)
        self.assertEqual((len(tickets), len(rks)), (3, 3))

    def test_receipts_up_to_four_are_taken_whatever_they_say(self):
        device = next(self.fresh)
        receipt = self.o.install(device, self.fly(device))
        nonsense = [objects.command_receipt(device.k, device.eid, device.iccid, n, 2, 0x30A) for n in range(1, 4)]
        self.assertNotIn(0, self.check_in(device, {1: [receipt, *nonsense], 2: 1}))
        self.active(device)

    def test_command_comes_until_its_receipt_and_has_its_effect(self):
        device = self.installed()
        self.active(device)
        iccid = objects.unpacked(device.iccid)
        for serial, (word, state, name) in enumerate((("suspend", objects.SUSPENDED, "suspended"), ("resume", objects.ACTIVATED, "active")), 1):
            self.order_command(word, iccid, serial)
            for _ in range(2):
                c2 = wait_until("the command", lambda: self.with_object(device, 3 - state))
                command = decode(c2[1][0])
                self.assertTrue(verify_signed(self.o.operator_point(), "samara1 cmd", b"", command))
                operator, who, which, number, wanted = decode(command[2])
                self.assertEqual((who, which, wanted), (device.eid, device.iccid, state))
                self.assertEqual(operator, sha256(self.o.operator_point())[:8])
            receipt = objects.command_receipt(device.k, device.eid, device.iccid, number, state)
            self.assertNotIn(1, self.check_in(device, {1: [receipt], 2: state}))
            self.active(device, name)

    def order_command(self, word, iccid, serial):
        out, auc_out = (self.o.op.path(f"{word}-{iccid}-{serial}-{kind}.smr") for kind in ("ro", "auc"))
        self.o.op.run(word, "--iccid", iccid, "--auc", self.o.op.take(self.o.auc.card), "--out", out, "--auc-out", auc_out)
        with open(out, "rb") as f:
            content = files.File(f.read())
        judged.DOC.check("about-5", content.about)
        for record in content.records:
            judged.DOC.check_encoded("record-5", record)
        self.o.ro.run("load", self.o.ro.take(out))
        self.o.auc.run("load", self.o.auc.take(auc_out))

    def with_object(self, device, state):
        c2 = self.check_in(device, {2: state})
        return c2 if 1 in c2 else None


class Malformed(Case):
    """Requests under the right keys, signed by the right device, that break one rule of docs/protocol.md: no answer, and the right one is served."""

    def m1(self, device, evidence, tail=b"", head=None):
        """@evidence: octets of the signed evidence. @head: of the plaintext array, for one item otherwise. @tail: after it."""
        e, q = device.e, device.q
        outer = wire.array_head([1, self.o.number, e.point, b""])
        plain = (head or b"\x81") + evidence + tail
        return outer + encode(wire.seal(flight.k1_of(device.dh_eq, e.point, q), outer, plain))

    def signed(self, device, payload, protected=bytes.fromhex("a10126"), unprotected=b"\xa0"):
        structure = encode(["Signature1", protected, flight.EVIDENCE.encode() + b"\0" + device.e.point + device.q, payload])
        return b"\x84" + encode(protected) + unprotected + encode(payload) + encode(device.d.sign_structure(structure))

    def evs(self, device):
        """Payloads that d signs and that are no ev."""
        good = [device.eid, device.ctr, device.measurement, None, None]
        whole = encode(good)
        fields = {0: [device.eid[:15], device.eid + b"\0"], 1: [2**32, True, "1"], 2: [bytes(31), None],
                  3: [[1, 7], [1, 2**32, bytes(16)], [1, 7, bytes(15)], [2, bytes(17)], [3, bytes(16)], []],
                  4: [[bytes(9), 1], [device.eid[:10]], [1, 2], [bytes(10), 1, 2]]}
        yield from (encode(good[:i] + [value] + good[i + 1:]) for i, values in fields.items() for value in values)
        yield from (encode([*good, extra]) for extra in ({}, None, {3: 1}, {2: 0}, {2: 2**32}, {1: [1, 2, 3]}))
        yield encode(good[:4])
        yield encode([*good, {2: 1}, 1])
        yield whole + b"\0"
        yield whole[:-1]
        yield whole[:18] + b"\x18" + whole[18:]  # the counter, longer than needed
        yield b"\x9f" + whole[1:] + b"\xff"

    def silent(self, path, payload):
        self.assertIsNone(self.probe.ask(path, payload), payload.hex())

    def setUp(self):
        super().setUp()
        self.probe = self.o.udp(timeout=0.1)
        self.addCleanup(self.probe.close)
        self.device = next(self.fresh)

    def test_evidence(self):
        device = self.device
        m1 = self.o.m1(device)
        for payload in self.evs(device):
            self.silent("f", self.m1(device, self.signed(device, payload)))
        good = encode([device.eid, device.ctr, device.measurement, None, None])
        for octets in (self.signed(device, good, protected=b""), self.signed(device, good, protected=b"\xa0"),
                       self.signed(device, good, unprotected=b"\xa1\x04\x41\x31"), b"\xd2" + self.signed(device, good)):
            self.silent("f", self.m1(device, octets))
        self.assertIn(1, device.open_m2(self.udp.ask("f", m1)[1]))

    def test_what_stands_around_the_evidence(self):
        device = self.device
        m1 = self.o.m1(device)
        evidence = encode(device.evidence)
        for plain in ({"tail": b"\0"}, {"head": b"\x80"}, {"head": b"\x82", "tail": b"\xf6"}, {"head": b"\x83", "tail": b"\xf6\xf6"},
                      {"head": b"\x98\x01"}, {"head": b"\x82", "tail": encode(self.o.certificate(device, BY_REFERENCE)) + b"\0"}):
            self.silent("f", self.m1(device, evidence, **plain))
        for outer in (b"\x85" + m1[1:] + b"\0", m1 + b"\0", b"\x98\x04" + m1[1:], m1[:1] + b"\x02" + m1[2:]):
            self.silent("f", outer)
        self.assertIn(1, device.open_m2(self.udp.ask("f", m1)[1]))

    def test_report(self):
        device = self.device
        receipt = self.o.install(device, self.fly(device))
        reports = [{}, {2: 3}, {1: [], 2: 0}, {1: [receipt] * 5, 2: 0}, {2: 0, 3: 0}, {2: 0, 3: 2**32}, {2: 0, 4: 1}, {1: [receipt[:4]], 2: 1},
                   {1: receipt, 2: 1}, {1: [[1, bytes(9) + b"\1", *receipt[2:]]], 2: 1}, {1: [[3, *receipt[1:]]], 2: 1}, {1: [[*receipt[:4], bytes(15)]], 2: 1}, {1: [[*receipt[:3], 2**32, receipt[4]]], 2: 1}, {2: True}, [1]]
        octets = [encode(report) for report in reports]
        octets += [b"", b"\xa1\x02\x00\x00", b"\xa1\x18\x02\x00", b"\xa1\x02\x18\x00", b"\xbf\x02\x00\xff", b"\xa1\x02"]
        for plain in octets:
            self.silent("c", checkin.c1_of_octets(device.rk, device.ticket, device.ctr + 1, plain))
        self.assertNotIn(0, self.check_in(device, {1: [receipt], 2: 1}))


class Authentication(Case):
    """The device's keys came through X, the operator's through a file: vectors of samara-auc have to fit the oracle's own algorithms."""

    def vector(self, device):
        return self.o.world.vector(self.o.auc, objects.unpacked(device.mcim[0]))

    def fits(self, device):
        functions = aka.of_mcim(device.mcim)
        rand, autn, ik, ck, res = self.vector(device)
        sqn, amf = aka.open_autn(functions, rand, autn)
        self.assertEqual((amf, res, ck, ik), (b"\x80\0", functions.f2(rand), functions.f3(rand), functions.f4(rand)))
        return functions, rand, sqn

    def resynchronise(self, device, auts, rand):
        own = os.path.join(self.o.world.root, f"auts-{time.monotonic_ns()}")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(own)
            os.chmod(own, 0o666)
            s.sendto(f"AKA-AUTS {objects.unpacked(device.mcim[0])} {auts.hex()} {rand.hex()}".encode(), self.o.auc.sim_socket)
        os.remove(own)

    def run_through(self, device):
        functions, rand, first = self.fits(device)
        self.assertGreater(self.fits(device)[2], first)
        _, rand, _ = self.fits(device)
        self.resynchronise(device, aka.auts(functions, rand, 2**30), rand)
        self.assertGreater(self.fits(device)[2], 2**30)
        _, rand, before = self.fits(device)
        self.resynchronise(device, aka.auts(aka.Milenage(bytes(16), bytes(16)), rand, 2**31), rand)  # not of this USIM
        self.assertLess(self.fits(device)[2], before + 2**20)

    def test_milenage(self):
        device = self.installed()
        self.active(device)
        self.run_through(device)

    def test_tuak(self):
        device = next(self.owned)
        self.assertNotIn(0, self.check_in(device, {1: [self.o.install(device, self.fly(device))], 2: 1}))
        self.active(device)
        self.run_through(device)

    def test_none_before_activation(self):
        device = next(self.fresh)
        self.o.install(device, self.fly(device))
        self.assertIsNone(self.vector(device))


if __name__ == "__main__":
    unittest.main()
