# SPDX-License-Identifier: Apache-2.0
"""The second implementation as the operator's AuC at the relay: what the real samarad writes about its devices is validated and judged, and what is
answered has its effect. (The other end, against the real samara-auc, is in the attacks on the operator.)"""
import glob
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import judged  # noqa: E402
import record_file  # noqa: E402
import relay  # noqa: E402
import wire  # noqa: E402
from offline import Offline  # noqa: E402
from world import SPOOL_GID, wait_until  # noqa: E402
from oracle import files, flight, objects  # noqa: E402
from oracle.cbor import decode, encode  # noqa: E402
from oracle.keys import hmac_sha256, kdf, sha256, sig_structure, verify_signed  # noqa: E402

INSTALL, COMMAND, NO_RECEIPT = 1, 2, 3
RESEAL = 4


class Judged(Offline):
    DEVICE, UDP = judged.Device, judged.Udp


class Relay(unittest.TestCase):
    def setUp(self):
        self.o = Judged(os.environ.get("SAMARA_BUILD", "build"), devices=3, by_certificate=0)
        self.addCleanup(self.o.stop)
        self.o.start()
        self.sign, self.kem = (record_file.private_key(self.o.auc, name) for name in ("sign", "kem"))
        self.operator = sha256(self.o.operator_point())[:8]
        self.directory = os.path.join(self.o.world.spool, self.operator.hex())
        self.seen, self.written = set(), 0

    def installed(self, device):
        m2 = self.o.fly(device)
        receipt = self.o.install(device, m2)
        device.x = m2[1][3]
        self.assertIn(2, self.o.check_in(device, {1: [receipt], 2: 1}))
        return receipt

    def next_file(self):
        """The next file of evidence, whole and valid: its number and records."""
        paths = wait_until("evidence", lambda: set(glob.glob(os.path.join(self.directory, "evidence-*.smr"))) - self.seen)
        path = min(paths)
        self.seen.add(path)
        with open(path, "rb") as f:
            octets = f.read()
        judged.DOC.check("file", [item for item, _ in files.sequence(octets)])
        content = files.File(octets, self.kem)
        judged.DOC.check("about-6", content.about)
        self.assertEqual((content.kind, content.sealed, content.about), (files.EVIDENCE, True, [self.operator]))
        self.assertEqual((content.sender, os.path.basename(path)), (record_file.card(self.o.ro)[2], f"evidence-{content.number:08d}.smr"))
        return content.number, [judged.DOC.check_encoded("record-6", record) for record in content.records]

    def records(self, count):
        """So many records, from as many files as they come in: [(number of the file, record)]."""
        found = []
        while len(found) < count:
            number, records = self.next_file()
            found += [(number, record) for record in records]
        return found

    def answer(self, of, verdicts):
        """@verdicts: (record, verdict) of one file."""
        self.written += 1
        rows = [encode([*record[:3], record[6][0] if record[6] else NO_RECEIPT, verdict]) for record, verdict in verdicts]
        octets = files.write(files.ACKNOWLEDGEMENT, self.written, self.sign, [self.operator, of], rows)
        path = os.path.join(self.directory, f"ack-{of:08d}.smr")
        with open(path + ".new", "wb") as f:
            f.write(octets)
        self.o.world.give(path + ".new", self.o.auc.uid, SPOOL_GID)
        os.chmod(path + ".new", 0o660)
        os.rename(path + ".new", path)

    def judge_install(self, device, record):
        """As an operator's AuC: signature of d over ev, E and Q; the MAC under K over hash(X) and the hash of just that evidence."""
        who, iccid, serial, evidence, e, q, receipt = record
        evidence = decode(evidence)
        self.assertEqual((who, [iccid, serial]), (device.eid, receipt[1:3]))
        self.assertTrue(verify_signed(device.d.point, flight.EVIDENCE, e + q, evidence))
        hash_ev = sha256(sig_structure(flight.EVIDENCE, e + q, evidence[2]))
        self.assertEqual(hash_ev, device.hash_ev)
        mac = hmac_sha256(kdf(device.k, "ack-install", length=32), encode([who, iccid, serial, sha256(device.x), hash_ev]))[:16]
        self.assertEqual(receipt, [INSTALL, iccid, serial, 0, mac])
        self.assertEqual(flight.fields(decode(evidence[2]))[:3], [device.eid, device.ctr - 1, device.measurement])

    def status(self):
        return self.o.ro.json("status")

    def unacknowledged(self):
        counts = self.status()["relay"]
        return counts["waiting"] + counts["unacknowledged"]

    def test_evidence_is_what_the_devices_sent_and_the_answer_counts(self):
        devices = self.o.devices
        for device in devices:
            self.installed(device)
        by_file = {}
        for number, record in self.records(len(devices)):
            device = next(d for d in devices if d.eid == record[0])
            self.judge_install(device, record)
            by_file.setdefault(number, []).append((record, relay.REJECTED if device is devices[1] else relay.ACCEPTED))
        self.assertEqual(self.unacknowledged(), len(devices))
        for number, verdicts in by_file.items():
            self.answer(number, verdicts)
        wait_until("the answer to count", lambda: self.unacknowledged() == 0)
        self.assertEqual(self.o.fly(devices[1]), {0: RESEAL})
        self.assertIn(2, self.o.check_in(devices[0], {2: 1}))
        self.command_receipt(devices[0])

    def test_evidence_without_receipt_says_what_could_not_be_installed(self):
        device = self.o.devices[0]
        package = self.o.fly(device)[1]
        self.assertEqual(self.o.fly(device, extra={1: [*package[1:3], 0x103]}), {0: RESEAL})
        (number, record), = self.records(1)
        who, iccid, serial, evidence, e, q, receipt = record
        self.assertEqual((who, [iccid, serial], receipt), (device.eid, package[1:3], None))
        evidence = decode(evidence)
        self.assertTrue(verify_signed(device.d.point, flight.EVIDENCE, e + q, evidence))
        self.assertEqual(flight.fields(decode(evidence[2]))[5], {1: [iccid, serial, 0x103]})
        self.answer(number, [(record, relay.ACCEPTED)])
        wait_until("the answer to count", lambda: self.unacknowledged() == 0)

    def command_receipt(self, device):
        """A command of ours; its receipt comes without evidence."""
        iccid = device.package[0]
        op = record_file.private_key(self.o.op)
        command = wire.command(op, device.eid, iccid, 1, objects.SUSPENDED)
        path = os.path.join(self.o.world.root, "commands.smr")
        with open(path, "wb") as f:
            f.write(files.write(files.COMMANDS, 1000, op, [], [encode([device.eid, iccid, 1, command])]))
        self.o.ro.run("load", self.o.ro.take(path))
        found = wait_until("the command", lambda: self.o.check_in(device, {2: 1}).get(1))  # the server looks once a second
        self.assertEqual(found, [command])
        receipt = objects.command_receipt(device.k, device.eid, iccid, 1, objects.SUSPENDED)
        self.assertNotIn(1, self.o.check_in(device, {1: [receipt], 2: 2}))
        (number, record), = self.records(1)
        self.assertEqual(record, [device.eid, iccid, 1, None, None, None, receipt])
        self.answer(number, [(record, relay.ACCEPTED)])
        wait_until("the answer to count", lambda: self.unacknowledged() == 0)


if __name__ == "__main__":
    unittest.main()
