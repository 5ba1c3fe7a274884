# SPDX-License-Identifier: Apache-2.0
"""An RO that is the attacker, and a second operator that colludes with it, against the real programs of the others (S1, S5): whatever the RO holds, it
learns no subscriber key, and a device has one live subscription. What the RO says to the operator's AuC: test_mutants_operator.py."""
import csv
import os
import sys
import unittest

from cryptography.exceptions import InvalidTag

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import disk  # noqa: E402
import record_file  # noqa: E402
import wire  # noqa: E402
from secrets_search import Search, memory_can_be_walked  # noqa: E402
from world import Failed, eid  # noqa: E402
from world_bites import ServerBites  # noqa: E402


class SubscriberKey(ServerBites):
    """S1."""
    DEVICES = 6

    def operators_keys(self, number):
        """{ICCID: (K, OPc)} as the operator made them."""
        with open(self.o.op.path(f"subscriptions-{number}.csv"), encoding="utf-8", newline="") as f:
            return {row["iccid"]: (bytes.fromhex(row["k"]), bytes.fromhex(row["opc"])) for row in csv.DictReader(f)}

    def batch(self, number):
        """[EID, package] of each device, as the RO reads them with its transport key."""
        with open(self.o.op.path(f"batch-{number}.smr"), "rb") as f:
            return [record[:2] for record in record_file.records(f.read(), record_file.private_key(self.o.ro, "kem"))]

    def opens(self, key, device_eid, package):
        _, iccid, serial, x, _, _ = package
        try:
            return wire.hpke_open(key, b"samara1 mcim", wire.dumps([self.o.operator_point(), device_eid, iccid, serial]), x)
        except InvalidTag:
            return None

    def test_every_key_of_the_ro_opens_no_subscription(self):
        with disk.Disk(self.o.ro) as stolen:
            keys = stolen.private_keys()
        self.assertGreaterEqual(len(keys), 5)  # sign, kem, root, shelf key, epoch key
        devices = {device.eid: device for device in self.o.devices}
        for device_eid, package in self.batch(1):
            for key in keys:
                self.assertIsNone(self.opens(key, device_eid, package))
            self.assertIsNotNone(self.opens(devices[device_eid].t, device_eid, package))

    def test_nothing_that_the_ro_sees_contains_a_subscriber_key(self):
        """Its files, what was carried to it, its server's memory, the batch in clear, and all that passes in a flight and a check-in."""
        secrets = [part for pair in self.operators_keys(1).values() for part in pair]
        search, seen = Search(secrets), [wire.dumps(self.batch(1))]
        for _ in range(2):
            device = self.new()
            m2 = self.fly(device)
            receipt = self.o.install(device, m2)
            self.assertEqual(search.hits(device.k), [secrets.index(device.k)], "the search does not find a key that is there")
            seen += [wire.dumps(m2), wire.dumps([device.rk, device.ticket, receipt]), wire.dumps(device.evidence)]
            self.assertIn(2, self.check_in(device, {1: [receipt], 2: 1}))
        self.assertEqual(search.hits(b"\0".join(seen)), [])
        self.assertEqual(search.files(self.o.ro.dir, self.o.ro.inbox, self.o.world.spool), {})
        if memory_can_be_walked(self.o.world.bin("samarad")):
            self.assertEqual(search.memory(self.o.server.pid), [])

    def test_seal_for_any_supplier(self):
        """The RO makes a shipment of its own, with a T whose t it knows, and has the operator seal for it."""
        number = iter((50, 51))

        def attack(device, _):
            t, shipment, ro = wire.Key(), next(number), record_file.private_key(self.o.ro)
            victim = bytes.fromhex(eid(device.number + 500))
            about = [wire.shipment_id(ro.point, shipment), None, None]
            path = os.path.join(self.o.world.root, f"forged-{shipment}.smr")
            with open(path, "wb") as f:
                f.write(record_file.write(record_file.SHIPMENT, shipment, ro, about, [[victim, None, wire.Key().point, t.point]]))
            try:
                self.o.seal(shipment, path, 1)
            except Failed as refusal:
                self.assertIn("is not that of a trusted supplier", str(refusal))
                return False
            [(_, package)] = self.batch(shipment)
            [(k, _)] = self.operators_keys(shipment).values()
            return wire.loads(self.opens(t, victim, package))[2] == k
        self.bites("seal_for_any_supplier", attack)


class SecondOperator(ServerBites):
    """S5: it is trusted by the RO and knows the device from the supplier's shipment, as the first one does."""
    DEVICES = 4

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other, cls.its_auc = cls.o.world.player("other", "sho", 5), cls.o.world.player("its-auc", "auc", 6)
        for player in (cls.other, cls.its_auc):
            player.init()
        cls.other.trust(cls.o.supplier, cls.o.ro, cls.its_auc)
        cls.its_auc.trust(cls.other, cls.o.supplier, cls.o.ro)
        cls.o.ro.trust(cls.other)

    def seal(self, device):
        """The other operator's batch for this device alone."""
        rows, batch, auc = (self.other.path(f"{device.number}-{name}") for name in ("subscriptions.csv", "batch.smr", "auc.smr"))
        self.other.run("make", "--count", "1", "--imsi", f"0010199{device.number:08d}", "--iccid", f"898821099{device.number:09d}",
                       "--algorithm", "milenage", "--out", rows)
        self.other.run("seal", "--shipment", self.other.take(self.o.supplier.path("shipment-1.smr")), "--subscriptions", rows,
                       "--ro", self.other.take(self.o.ro.card), "--auc", self.other.take(self.its_auc.card), "--out", batch, "--auc-out", auc,
                       "--eid", device.eid.hex())
        return batch

    def test_row_for_any_operator(self):
        def attack(device, _):
            self.provision(device)
            done = self.o.ro.run("load", self.o.ro.take(self.seal(device)), ok=False)
            m2 = self.fly(device, have=device.have)
            if done.returncode == 0:
                return 1 in m2 and m2[1][0] == record_file.private_key(self.other).id
            self.assertIn("live", done.stderr)
            self.assertNotIn(1, m2)
            return False
        self.bites("row_for_any_operator", attack)


if __name__ == "__main__":
    unittest.main()
