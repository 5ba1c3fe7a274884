# SPDX-License-Identifier: Apache-2.0
"""The operator's consent to a device enrolled anew, at its own command line: nothing is sealed for new keys that nobody named, for old ones, or
for those of another supplier."""
import itertools
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from test_cli import SAMARA, Place, eid  # noqa: E402


class Consent(Place):
    numbers = itertools.count(1)  # of shipments
    runs = itertools.count(1)  # each has names and identities of its own

    def anchor(self):
        return "--anchor", self.cards["sho"]

    def words(self, shipment, *more, count=2):
        n = next(self.runs)
        return self.seal_words(shipment, self.make(f"subs-{n}.csv", count, 100 * n), n, *more)

    def live(self):
        """{EID: serial} of what is live at the operator."""
        return {s["eid"]: s["serial"] for s in self.sealed() if s["live"]}

    def withdraw(self, device):
        n = next(self.runs)
        self.good(SAMARA, "sho", "withdraw", "--dir", self.path("sho"), "--eid", eid(device), "--auc", self.cards["auc"],
                  "--out", self.path(f"w-{n}.smr"), "--auc-out", self.path(f"wa-{n}.smr"))

    def test_whole_life_of_two_devices(self):
        number, again = next(self.numbers), next(self.numbers)
        first = self.ship(number, [1, 2], *self.anchor())
        self.good(*self.words(first))
        self.withdraw(2)
        later = self.ship(again, [1, 2], "--re-enrol", *self.anchor())
        # A run over the whole shipment leaves both alone: one has a subscription, the other one's new keys were not accepted.
        said = self.good(*self.words(later))
        self.assertIn("1 devices have their subscription already", said)
        self.assertIn("1 devices were enrolled anew and were left out: name them with --re-enrolled", said)
        self.assertEqual([d for d in (eid(1), eid(2)) if d in self.live()], [eid(1)])
        for how, device in (("--eid", 2), ("--reseal", 1), ("--reseal", 2)):
            self.refused(3, f"device {eid(device)} was enrolled anew since shipment {number}.*--re-enrolled", *self.words(later, how, eid(device)))
        before = self.live()
        self.assertIn("2 subscriptions sealed", self.good(*self.words(later, "--re-enrolled", eid(1), "--re-enrolled", eid(2))))
        self.assertGreater(self.live()[eid(1)], before[eid(1)])
        # The shipment of before is history.
        self.refused(3, f"device {eid(1)} was enrolled anew in shipment {again}: seal from that shipment", *self.words(first, "--reseal", eid(1)))
        self.refused(3, "seal from that shipment", *self.words(first, "--re-enrolled", eid(1)))
        self.withdraw(2)
        self.assertIn("1 devices were enrolled anew in a later shipment and were left out", self.good(*self.words(first)))
        self.good(*self.words(later, "--eid", eid(2), count=1))  # its keys are known now

    def test_shipment_of_another_supplier_cannot_change_keys(self):
        first = self.ship(next(self.numbers), [11], *self.anchor())
        self.good(*self.words(first, count=1))
        self.good(SAMARA, "supplier", "init", "--dir", self.path("other"), "--name", "another")
        self.good(SAMARA, "supplier", "trust", "--dir", self.path("other"), "--yes", self.cards["sho"])
        self.good(SAMARA, "sho", "trust", "--dir", self.path("sho"), "--yes", self.path("other", "supplier.card"))
        foreign = self.path("foreign.smr")
        self.good(SAMARA, "supplier", "shipment", "--dir", self.path("other"), "--number", 9, "--csv", self.devices("foreign.csv", [11]),
                  *self.anchor())
        self.good(SAMARA, "supplier", "ship", "--dir", self.path("other"), "--number", 9, "--out", foreign)
        for how in ("--reseal", "--re-enrolled"):
            self.refused(3, f"device {eid(11)} was shipped by another supplier before", *self.words(foreign, how, eid(11), count=1))

    def order(self, *what):
        out = self.path(f"order-{next(self.runs)}.smr")
        self.good(SAMARA, "subscriber", "order", "--dir", self.path("subscriber"), "--operator", self.cards["sho"], *what, "--out", out)
        return "--orders", out

    def test_owner_orders_for_the_new_shipment_or_for_the_device(self):
        """An order for the whole of the shipment of before does not cover what its devices became."""
        owner = ("--owner", self.cards["subscriber"])
        first = self.ship(next(self.numbers), [31, 32], *owner)
        old = self.order("--shipment", first)
        self.good(*self.words(first, *old))
        later = self.ship(next(self.numbers), [31, 32], "--re-enrol", *owner)
        self.refused(3, f"no order of its owner covers device {eid(31)}", *self.words(later, *old, "--re-enrolled", eid(31)))
        self.good(*self.words(later, *self.order("--eid", eid(31)), "--re-enrolled", eid(31), count=1))
        self.good(*self.words(later, *self.order("--shipment", later), "--re-enrolled", eid(32), count=1))

    def test_device_cannot_be_named_twice(self):
        shipment = self.ship(next(self.numbers), [21], *self.anchor())
        self.refused(2, "named twice", *self.words(shipment, "--reseal", eid(21), "--re-enrolled", eid(21), count=1))


if __name__ == "__main__":
    unittest.main()
