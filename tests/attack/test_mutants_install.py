# SPDX-License-Identifier: Apache-2.0
"""What a TRE checks before it installs, one check taken out at a time (S3, S6): a dishonest registration operator, a colluding second operator and an
owner who was never asked, against the real samara-tre in vain, and against the mutant not. A test is called as its row in proofs/README.md."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import wire  # noqa: E402
from bites import Bites  # noqa: E402
from lone_tre import EID, ICCID, K, OK, OPC, OTHER_EID, OTHER_ICCID  # noqa: E402

EVIL_K = bytes(range(100, 116))


def lacking(mutant, *names):
    """What the honest parties leave out beside a mutant."""
    return names if mutant else ()


def receipt(tre):
    """The install receipt of the TRE's next check-in, or None."""
    tre.check_in()
    return next((r for r in tre.server.report.get(1, []) if r[0] == 1), None)


def accepts(found, k, package, hash_ev):
    """Would the operator that sealed K under this package take that receipt for an installation in the flight of this evidence?"""
    return found is not None and found[4] == wire.install_mac(k, EID, package[1], package[2], wire.sha256(package[3]), hash_ev)


class Packages(Bites):
    def test_flight_w_without_hash_x(self):
        """A server puts a K of its own in the place of the sealed one: t's public half is in every shipment file."""
        def attack(tre, mutant):
            package = tre.package(without=lacking(mutant, "hash_x"))
            package[3] = wire.hpke_seal(tre.t, b"samara1 mcim", wire.dumps([tre.op.point, EID, ICCID, 5]), wire.dumps(wire.mcim(k=EVIL_K, opc=OPC)))
            installed = tre.fly(package) == OK
            return accepts(receipt(tre), EVIL_K, package, tre.server.hash_ev) and installed
        self.bites("flight_w_without_hash_x", attack)

    def test_flight_w_and_x_without_eid(self):
        """Sealed for another EID to this very key t: a supplier that certified one TRE twice."""
        def attack(tre, mutant):
            package = tre.package(eid_in_w=OTHER_EID, eid_in_x=OTHER_EID, without=lacking(mutant, "eid"))
            return tre.fly(package) == OK
        self.bites("flight_w_and_x_without_eid", attack)

    def test_x_without_operator(self):
        """The second operator, whom the owner has named too, signs a W of its own over the first one's X. The first accepts the receipt: two operators
        believe that they serve the device."""
        def attack(tre, mutant):
            package = tre.package(without=lacking(mutant, "operator"))
            order = tre.order(operator=tre.other_op)
            w = tre.other_op.sign("samara1 mcim", b"", wire.dumps([EID, ICCID, 5, wire.sha256(package[3]), wire.sha256(order)]))
            installed = tre.fly([tre.other_op.id, ICCID, 5, package[3], w, order]) == OK
            return accepts(receipt(tre), K, package, tre.server.hash_ev) and installed
        self.bites("x_without_operator", attack, owner_bound=True)

    def test_flight_without_serial_memory(self):
        """The server keeps what it was to delete and brings a withdrawn subscription back."""
        def attack(tre, _):
            old, new = tre.package(serial=5), tre.package(serial=6, iccid=OTHER_ICCID)
            assert (tre.fly(old), tre.fly(new)) == (OK, OK)
            return tre.fly(old) == OK and tre.mcims()[0][2] == 5
        self.bites("flight_without_serial_memory", attack)

    def test_receipt_repeated_with_later_ev(self):
        """Installed in a state that the operator would not approve; after an update the server sends the package once more and shows the receipt with the
        evidence of that flight, in which nothing was installed."""
        def attack(tre, _):
            package = tre.package()
            tre.restart(measurement=bytes([1]) * 32)
            assert tre.fly(package) == OK
            bad = tre.server.hash_ev
            tre.restart()
            tre.fly(package)
            found = receipt(tre)
            assert accepts(found, K, package, bad) or accepts(found, K, package, tre.server.hash_ev)
            return accepts(found, K, package, tre.server.hash_ev)
        self.bites("receipt_repeated_with_later_ev", attack)


class Orders(Bites):
    def swapped(self, tre, mutant):
        """Sealed under the owner's first order, sent with a second one."""
        package = tre.package(order=tre.order(serial=1), without=lacking(mutant, "order"))
        package[5] = tre.order(serial=2)
        return package, tre.fly(package) == OK

    def test_flight_w_without_order(self):
        self.bites("flight_w_without_order", lambda tre, mutant: self.swapped(tre, mutant)[1], owner_bound=True)

    def test_w_without_order(self):
        """And the operator accepts the receipt: activated under an order that it did not seal under."""
        def attack(tre, mutant):
            package, installed = self.swapped(tre, mutant)
            return accepts(receipt(tre), K, package, tre.server.hash_ev) and installed
        self.bites("w_without_order", attack, owner_bound=True)

    def test_tre_without_order_check(self):
        """The second operator orders itself."""
        def attack(tre, _):
            order = tre.order(owner=tre.other_op, operator=tre.other_op)
            return tre.fly(tre.package(tre.other_op, order=order)) == OK
        self.bites("tre_without_order_check", attack, owner_bound=True)

    def test_tre_without_order_scope(self):
        """The owner's order for another device, or another shipment, used for this one."""
        def attack(tre, _):
            one, other = (tre.fly(tre.package(order=tre.order(target=target), serial=serial)) == OK
                          for serial, target in ((5, OTHER_EID), (6, b"otherone")))
            self.assertEqual(one, other)
            return one
        self.bites("tre_without_order_scope", attack, owner_bound=True)


if __name__ == "__main__":
    unittest.main()
