# SPDX-License-Identifier: Apache-2.0
"""The operator's AuC, with one check taken out at a time, and an RO that is the attacker: it holds the RO's keys and store, hands out packages as it likes
and writes evidence files as it likes. The real samara-auc activates only what was installed (S5, S6). A test is called as its row in proofs/README.md."""
import csv
import itertools
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import disk  # noqa: E402
import wire  # noqa: E402
from relay import ACCEPTED, Relay, evidence_of, record  # noqa: E402
from world import imei  # noqa: E402
from world_bites import WorldBites  # noqa: E402


class Operator(WorldBites):
    shipments = itertools.count(50)

    @classmethod
    def start(cls):
        if not hasattr(cls, "ro"):
            cls.ro = Relay(cls.o)
            cls.o.world.spool = cls.ro.spool
            cls.q = wire.Key()  # a flight key of the RO's
        cls.process = cls.o.world.start_auc(cls.o.auc)

    @classmethod
    def end(cls):
        cls.process.stop()

    def ask(self, device, **kwargs):
        """The device makes a request; it goes to the RO and nowhere else. Returns its evidence."""
        device.m1(self.q.point, 1, **kwargs)
        return evidence_of(device)

    def open_package(self, device):
        """The RO hands the package over, or whoever holds t takes it from the RO's disk. Returns (ICCID, serial, hash(X))."""
        with disk.Disk(self.o.ro) as stolen:
            self.o.unpack(device, stolen.package(device))
        return device.package

    def receipt(self, device, **without):
        """The TRE's receipt for what it has just installed, in the flight of its newest request. @without: fields that the protocol of a mutant lacks."""
        iccid, serial, hash_x = device.package
        fields = {"serial": serial, "hash_x": hash_x, "hash_ev": device.hash_ev, **without}
        return [1, iccid, serial, 0, wire.install_mac(device.k, device.eid, iccid, **fields)]

    def activated(self, device, receipt, evidence, **kwargs):
        """The RO claims. Does the operator believe it?"""
        verdicts = self.ro.verdicts(record(device, receipt, evidence, **kwargs))
        state = self.o.subscription(device)["state"]
        self.assertEqual(verdicts == [ACCEPTED], state == "active", f"acknowledged as {verdicts}, and is {state}")
        return state == "active"

    def serves(self, device):
        evidence = self.ask(device)
        self.open_package(device)
        self.assertTrue(self.activated(device, self.receipt(device), evidence), "an installation that happened is not believed")

    # ---- what the operator checks ----

    def test_operator_without_measurement(self):
        """The device's software is not approved; the RO gives it the subscription all the same."""
        def attack(device, _):
            evidence = self.ask(device, measurement=os.urandom(32))
            self.open_package(device)
            return self.activated(device, self.receipt(device), evidence)
        self.bites("operator_without_measurement", attack)

    def test_operator_without_signature(self):
        """Who holds t, but not d, opens the package on the RO's disk and says that the device asked for it in an approved state."""
        def attack(device, _):
            thief = wire.Device(device.eid, wire.Key(), device.measurement)
            thief.t = device.t
            evidence = self.ask(thief)
            self.open_package(thief)
            return self.activated(thief, self.receipt(thief), evidence)
        self.bites("operator_without_signature", attack)

    def test_operator_without_receipt(self):
        """The device asked, and got no answer; the RO says that it has installed."""
        def attack(device, _):
            evidence = self.ask(device)
            iccid, serial, _ = self.open_package(device)
            return self.activated(device, [1, iccid, serial, 0, os.urandom(16)], evidence)
        self.bites("operator_without_receipt", attack)

    def test_renewed_evidence_of_any_enrolment(self):
        """The device was enrolled anew. Whoever kept the d of before, and took t alone from the new keys, speaks for it."""
        def attack(device, _):
            thief = wire.Device(device.eid, device.d, device.measurement)
            self.enrol_anew(device)
            thief.t = device.t
            evidence = self.ask(thief)
            self.open_package(thief)
            return self.activated(thief, self.receipt(thief), evidence)
        self.bites("renewed_evidence_of_any_enrolment", attack)

    def enrol_anew(self, device):
        """Reset and repaired: new keys, a later shipment, and a subscription under the ICCID of before."""
        device.d, device.t, number, supplier = wire.Key(), wire.Key(), next(self.shipments), self.o.supplier
        rows = self.o.write(f"renewed-{number}.csv", f"eid,imei,d,t\n{device.eid.hex()},{imei(device.number)},{device.d.point.hex()},"
                            f"{device.t.point.hex()}\n")
        supplier.run("shipment", "--number", str(number), "--csv", supplier.take(rows), "--anchor", supplier.take(self.o.op.card), "--re-enrol")
        supplier.run("ship", "--number", str(number), "--out", supplier.path(f"shipment-{number}.smr"))
        self.o.ro.run("load", self.o.ro.take(supplier.path(f"shipment-{number}.smr")))
        self.reseal(device, self.o.op.take(supplier.path(f"shipment-{number}.smr")), "--re-enrolled")

    # ---- what the receipt covers ----

    def test_receipt_without_hash_ev(self):
        """Installed in a bad state; the evidence shown is that of a good one, from a later flight."""
        def attack(device, mutant):
            self.ask(device, measurement=os.urandom(32))
            self.open_package(device)
            receipt = self.receipt(device, **({"hash_ev": None} if mutant else {}))
            return self.activated(device, receipt, self.ask(device, have=receipt[1:3]))
        self.bites("receipt_without_hash_ev", attack)

    def test_receipt_hash_ev_without_E_Q(self):
        """A device whose storage was rolled back makes two flights with one counter, one of which installs: the evidence shown is that of the other."""
        def attack(device, mutant):
            self.ask(device, ctr=7)
            self.open_package(device)
            of_ev_alone = wire.sha256(wire.sig_structure("samara1 ev", b"", device.evidence[2]))
            receipt = self.receipt(device, **({"hash_ev": of_ev_alone} if mutant else {}))
            return self.activated(device, receipt, self.ask(device, ctr=7))
        self.bites("receipt_hash_ev_without_E_Q", attack)

    def reseal(self, device, shipment=None, how="--reseal"):
        """The operator seals the same subscription anew, under the same K. Returns the new serial."""
        iccid = self.o.subscription(device)["iccid"]
        with open(self.o.op.path("subscriptions-1.csv"), encoding="utf-8", newline="") as f:
            rows = list(csv.reader(f))
        names = [f"again-{device.number}.{end}" for end in ("csv", "batch", "auc")]
        one = self.o.write(names[0], "".join(",".join(row) + "\n" for row in rows if row[rows[0].index("iccid")] in ("iccid", iccid)))
        out, auc_out = (self.o.op.path(name) for name in names[1:])
        self.o.op.run("seal", "--shipment", shipment or os.path.join(self.o.op.inbox, "shipment-1.smr"), "--subscriptions", self.o.op.take(one),
                      "--ro", self.o.op.take(self.o.ro.card), "--auc", self.o.op.take(self.o.auc.card), "--out", out, "--auc-out", auc_out,
                      how, device.eid.hex())
        self.o.ro.run("load", self.o.ro.take(out))
        self.o.auc.run("load", self.o.auc.take(auc_out))
        return self.o.subscription(device)["serial"]

    def test_receipt_without_hash_x_and_serial(self):
        """Installed, then sealed anew under the same K: the RO keeps the new package and shows the receipt of the first one."""
        def attack(device, mutant):
            evidence = self.ask(device)
            self.open_package(device)
            first = self.receipt(device, **({"serial": None, "hash_x": None} if mutant else {}))
            serial = self.reseal(device)
            self.assertGreater(serial, first[2])
            return self.activated(device, [*first[:2], serial, *first[3:]], evidence)
        self.bites("receipt_without_hash_x_and_serial", attack)


if __name__ == "__main__":
    unittest.main()
