# SPDX-License-Identifier: Apache-2.0
"""The files between the players, altered and cut on their way, against the real samara-auc, samarad and samara: a file counts whole or not at all, and the
genuine one still counts afterwards."""
import glob
import os
import random
import shutil
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import record_file  # noqa: E402
import wire  # noqa: E402
from offline import Offline  # noqa: E402
from relay import ACCEPTED, REJECTED, Relay, evidence_of, record  # noqa: E402
from world import wait_until  # noqa: E402

RNG = random.Random(20833812)  # the same places in every run


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.o = Offline(os.environ.get("SAMARA_BUILD", "build"), devices=8, by_certificate=0)
        cls.o.start()
        cls.relay = Relay(cls.o, "spool-of-the-auc")  # what the server writes gets there only when a test carries it
        cls.from_server = os.path.join(cls.o.world.spool, cls.relay.operator.hex())
        cls.o.world.spool = cls.relay.spool
        cls.o.world.start_auc(cls.o.auc)
        cls.fresh = iter(cls.o.devices)

    @classmethod
    def tearDownClass(cls):
        cls.o.stop()

    def installed(self):
        """A device that has flown and installed, and has told nobody. Returns it with its receipt."""
        device = next(self.fresh)
        return device, self.o.install(device, self.o.fly(device))

    def states(self, devices):
        return [self.o.subscription(device)["state"] for device in devices]


def put_aside(paths):
    """Has each of these files been refused for good?"""
    return all(os.path.exists(path + ".refused") for path in paths)


class Spool(Case):
    """Octets in the spool, which somebody else can write."""

    def test_evidence_altered_or_cut_is_refused_whole(self):
        devices = [self.installed() for _ in range(3)]
        records = [record(device, receipt, evidence_of(device)) for device, receipt in devices]
        data, number = self.relay.evidence(*records)
        variants = list(record_file.spoiled(data, 500, 60, RNG))
        for i, variant in enumerate(variants, 1000):
            self.relay.put(variant, "evidence", i)
        wait_until("the refusal of all", lambda: put_aside(self.relay.path("evidence", 1000 + i) for i in range(len(variants))), timeout=60, every=0.1)
        self.assertFalse(any(os.path.exists(self.relay.path("ack", 1000 + i)) for i in range(len(variants))))
        self.assertEqual(self.states(d for d, _ in devices), ["inactive"] * 3)
        self.relay.put(data, "evidence", number)
        self.relay.answer(number)
        self.assertEqual(self.states(d for d, _ in devices), ["active"] * 3)

    def test_evidence_of_a_stranger_counts_for_nothing(self):
        """Well made and sealed to the AuC, by somebody who is not the RO, or for another operator."""
        device, receipt = self.installed()
        one = [record(device, receipt, evidence_of(device))]
        stranger = record_file.write(record_file.EVIDENCE, 2000, wire.Key(), [self.relay.operator], one, self.relay.to)
        other = record_file.write(record_file.EVIDENCE, 2001, self.relay.sign, [os.urandom(8)], one, self.relay.to)
        clear = record_file.write(record_file.EVIDENCE, 2002, self.relay.sign, [self.relay.operator], one)
        paths = [self.relay.path("evidence", i) for i in (2000, 2001, 2002)]
        for i, data in enumerate((stranger, other, clear), 2000):
            self.relay.put(data, "evidence", i)
        wait_until("the refusal of the last two", lambda: put_aside(paths[1:]))
        self.assertEqual(self.states([device]), ["inactive"])
        self.assertFalse(any(os.path.exists(self.relay.path("ack", i)) for i in (2000, 2001, 2002)))
        os.remove(paths[0])  # it waits for its sender to become trusted
        self.assertEqual(self.relay.verdicts(*one), [ACCEPTED])

    def acknowledged(self):
        """What the server wrote about a device, and what the AuC says to it. Returns (device, evidence path, acknowledgement, number)."""
        device, receipt = self.installed()
        self.assertIn(2, self.o.check_in(device, {1: [receipt], 2: 1}))
        path = wait_until("evidence", lambda: next(iter(glob.glob(os.path.join(self.from_server, "evidence-*.smr"))), None))
        number = int(path[-12:-4])
        shutil.copy(path, self.relay.path("evidence", number + 3000))
        return device, path, self.relay.answer(number + 3000), number

    def carry(self, data, name):
        path = os.path.join(self.from_server, name)
        with open(path + ".new", "wb") as f:
            f.write(data)
        os.chmod(path + ".new", 0o666)
        os.rename(path + ".new", path)
        return path

    def test_acknowledgement_altered_cut_or_forged_is_refused(self):
        device, evidence, genuine, number = self.acknowledged()
        variants = list(record_file.spoiled(genuine, 250, 40, RNG))
        iccid, serial, _ = device.package
        lie = [device.eid, iccid, serial, 1, REJECTED]
        for sign in (wire.Key(), self.relay.sign, record_file.private_key(self.o.op)):
            variants.append(record_file.write(record_file.ACKNOWLEDGEMENT, number, sign, [self.relay.operator, number], [lie]))
        auc = record_file.private_key(self.o.auc)
        variants.append(record_file.write(record_file.ACKNOWLEDGEMENT, number, auc, [os.urandom(8), number], [lie]))
        paths = [self.carry(variant, f"ack-{i:08d}.smr") for i, variant in enumerate(variants, 1000)]
        wait_until("the refusal of all", lambda: put_aside(paths), timeout=60, every=0.1)
        self.assertTrue(os.path.exists(evidence), "evidence is gone that nobody acknowledged")
        self.assertEqual(self.o.ro.json("status", "--eid", device.eid.hex())["state"], "installed")
        self.carry(genuine, f"ack-{number:08d}.smr")
        wait_until("the end of the evidence", lambda: not os.path.exists(evidence))


class Loading(Case):
    """Files that a person loads."""

    def all_refused(self, player, data, flips, cuts):
        path = os.path.join(player.inbox, "spoiled.smr")
        for variant in record_file.spoiled(data, flips, cuts, RNG):
            with open(path, "wb") as f:
                f.write(variant)
            self.o.world.give(path, player.uid)
            done = player.run("load", path, ok=False)
            self.assertGreater(done.returncode, 0, f"loaded: {done.stdout}")
            self.assertLess(done.returncode, 100, "ended by a signal")
            self.assertIn("spoiled.smr", done.stderr)

    def test_batch_and_subscriptions_altered_or_cut_are_loaded_by_nobody(self):
        self.o.ro.run("load", self.o.ro.take(self.o.make(3, range(20, 23))))
        for player, name in ((self.o.ro, "batch-3.smr"), (self.o.auc, "auc-3.smr")):
            with open(self.o.op.path(name), "rb") as f:
                data = f.read()
            self.all_refused(player, data, 100, 10)
            self.assertIn("3 records", player.run("load", player.take(self.o.op.path(name))).stdout)
        for device in self.o.devices[-3:]:
            self.assertIn(1, self.o.fly(device))
            self.assertEqual(self.o.subscription(device)["state"], "inactive")


if __name__ == "__main__":
    unittest.main()
