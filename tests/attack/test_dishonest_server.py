# SPDX-License-Identifier: Apache-2.0
"""A server without scruples against the real samara-tre: it holds the flight key q and the ticket key, speaks the protocol perfectly, and obeys no
rule. Each test is one thing that it must not achieve (S1, S3, S4, S11)."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import wire  # noqa: E402
from lone_tre import (AUTHENTICATE, CHECKIN_START, EID, FLIGHT_COMPLETE, FLIGHT_KEY, FLIGHT_START, ICCID, K, NOTHING,
                      OK, OPC, OPERATOR, ORDER, OTHER_EID, OTHER_ICCID, SERIAL, SHIPMENT, SIGNATURE, STATE, UNOPENED, Tre)  # noqa: E402


class OwnOperator(unittest.TestCase):
    """A device without owner: its anchor is one operator."""
    OWNER_BOUND = False

    def setUp(self):
        self.tre = Tre(self.OWNER_BOUND)

    def tearDown(self):
        self.tre.close()

    def refused(self, package, why):
        before = self.tre.mcims()
        self.assertEqual(self.tre.fly(package), why)
        self.assertEqual(self.tre.mcims(), before)

    def test_honest_package_is_installed(self):
        self.assertEqual(self.tre.fly(self.tre.package()), OK)
        self.assertEqual(self.tre.mcims()[0][0], ICCID)

    def test_package_of_an_operator_that_is_no_anchor_is_refused(self):
        self.refused(self.tre.package(self.tre.other_op), OPERATOR)

    def test_package_under_the_anchors_id_but_anothers_signature_is_refused(self):
        package = self.tre.package(self.tre.other_op)
        package[0] = self.tre.op.id
        self.refused(package, SIGNATURE)

    def test_package_sealed_for_another_eid_is_refused(self):
        self.refused(self.tre.package(eid_in_w=OTHER_EID), SIGNATURE)
        self.refused(self.tre.package(eid_in_x=OTHER_EID), UNOPENED)

    def test_package_sealed_to_another_device_is_refused(self):
        self.refused(self.tre.package(t=wire.Key().point), UNOPENED)

    def test_x_of_another_package_is_refused(self):
        package = self.tre.package()
        package[3] = self.tre.package()[3]
        self.refused(package, SIGNATURE)

    def test_x_sealed_by_another_operator_for_this_device_is_refused(self):
        """The anchor signs what somebody else sealed: the operator's key is in the associated data of X."""
        package = self.tre.package(self.tre.other_op)
        w = self.tre.op.sign("samara1 mcim", b"", wire.dumps([EID, ICCID, 5, wire.sha256(package[3]), None]))
        self.refused([self.tre.op.id, ICCID, 5, package[3], w, None], UNOPENED)

    def test_iccid_or_serial_changed_is_refused(self):
        for index, value in ((1, OTHER_ICCID), (2, 6)):
            package = self.tre.package()
            package[index] = value
            self.refused(package, SIGNATURE)

    def test_withdrawn_package_does_not_come_back_even_after_restart(self):
        old = self.tre.package(serial=4)
        self.assertEqual(self.tre.fly(self.tre.package(serial=5)), OK)
        self.refused(old, SERIAL)
        self.tre.restart()
        self.refused(old, SERIAL)

    def test_replayed_package_changes_nothing(self):
        package = self.tre.package()
        self.assertEqual(self.tre.fly(package), OK)
        self.refused(package, NOTHING)

    def test_answer_without_the_flight_key_is_not_opened_and_costs_nothing(self):
        self.tre.request()
        impostor = wire.Server()
        impostor.__dict__.update({**self.tre.server.__dict__, "q": impostor.q})
        impostor.dh_eq = impostor.q.dh(self.tre.server.e)
        self.assertEqual(self.tre.ask(FLIGHT_COMPLETE, impostor.m2({1: self.tre.package()}))[0], UNOPENED)
        answer = self.tre.ask(FLIGHT_COMPLETE, self.tre.server.m2({1: self.tre.package()}))
        self.assertEqual((answer[0], answer[2]), (OK, OK))

    def test_flight_key_of_another_root_is_refused(self):
        self.assertEqual(self.tre.ask(FLIGHT_KEY, wire.flight_key(self.tre.op, 1, 9, wire.Key().point))[0], SIGNATURE)

    def test_older_flight_key_does_not_come_back(self):
        self.assertEqual(self.tre.ask(FLIGHT_KEY, wire.flight_key(self.tre.root, 1, 9, self.tre.server.q.point))[0], OK)
        self.assertEqual(self.tre.ask(FLIGHT_KEY, wire.flight_key(self.tre.root, 1, 8, wire.Key().point))[0], SERIAL)

    def test_command_of_another_operator_has_no_effect(self):
        self.tre.fly(self.tre.package())
        self.tre.check_in([wire.command(self.tre.other_op, EID, ICCID, 1, 2)])
        self.assertEqual(self.tre.mcims()[0][4], 1)

    def test_command_for_another_device_has_no_effect(self):
        self.tre.fly(self.tre.package())
        self.tre.check_in([wire.command(self.tre.op, OTHER_EID, ICCID, 1, 2)])
        self.assertEqual(self.tre.mcims()[0][4], 1)

    def test_order_signed_by_the_operator_is_no_command(self):
        self.tre.fly(self.tre.package())
        forged = self.tre.op.signed("samara1 order", b"", [self.tre.op.id, EID, ICCID, 1, 2])
        self.tre.check_in([wire.dumps(forged)])
        self.assertEqual(self.tre.mcims()[0][4], 1)

    def test_replayed_command_has_no_effect_and_no_receipt(self):
        self.tre.fly(self.tre.package())
        suspend, resume = wire.command(self.tre.op, EID, ICCID, 1, 2), wire.command(self.tre.op, EID, ICCID, 2, 1)
        self.tre.check_in([suspend])
        self.assertEqual(self.tre.mcims()[0][4], 2)
        self.tre.check_in([resume])
        self.tre.check_in()
        self.tre.check_in([suspend])
        self.assertEqual(self.tre.mcims()[0][4], 1)
        self.tre.check_in()
        self.assertNotIn(1, self.tre.server.report)

    def test_receipt_is_the_operators_own_and_names_the_flights_evidence(self):
        package = self.tre.package()
        self.tre.fly(package)
        hash_ev = self.tre.server.hash_ev
        self.tre.check_in()
        receipt = self.tre.server.report[1][0]
        self.assertEqual(receipt[4], wire.install_mac(K, EID, ICCID, 5, wire.sha256(package[3]), hash_ev))

    def test_no_answer_of_the_socket_holds_a_key(self):
        package = self.tre.package()
        self.tre.request()
        answers = [self.tre.ask(FLIGHT_COMPLETE, self.tre.server.m2({1: package})), self.tre.ask(STATE), self.tre.ask(CHECKIN_START)]
        answers += [self.tre.ask(op, *rest) for op, rest in ((AUTHENTICATE, (bytes(16), bytes(16))), (FLIGHT_START, (True,)), (CHECKIN_START, ()))]
        flat = b"".join(wire.dumps(a) for a in answers)
        for secret in (K, OPC):
            for i in range(len(secret) - 7):
                self.assertNotIn(secret[i:i + 8], flat)


class OwnerBound(OwnOperator):
    """A device that its owner's key is bound to: no anchors, the owner's signed order decides."""
    OWNER_BOUND = True

    def setUp(self):
        super().setUp()
        plain = self.tre.package

        def with_order(operator=None, order="own", **kwargs):
            return plain(operator, order=self.tre.order(operator=operator) if order == "own" else order, **kwargs)
        self.tre.package = with_order

    def test_package_of_an_operator_that_is_no_anchor_is_refused(self):
        """Here the owner names the operator; an order for the first does not serve the second."""
        self.refused(self.tre.package(self.tre.other_op, order=self.tre.order()), OPERATOR)

    def test_package_under_the_anchors_id_but_anothers_signature_is_refused(self):
        package = self.tre.package(self.tre.other_op, order=self.tre.order())
        package[0] = self.tre.op.id
        self.refused(package, SIGNATURE)

    def test_x_sealed_by_another_operator_for_this_device_is_refused(self):
        order = self.tre.order()
        package = self.tre.package(self.tre.other_op, order=order)
        w = self.tre.op.sign("samara1 mcim", b"", wire.dumps([EID, ICCID, 5, wire.sha256(package[3]), wire.sha256(order)]))
        self.refused([self.tre.op.id, ICCID, 5, package[3], w, order], UNOPENED)

    def test_order_missing_is_refused(self):
        self.refused(self.tre.package(order=None), ORDER)

    def test_order_taken_out_or_put_in_is_refused(self):
        package = self.tre.package()
        package[5] = self.tre.order(serial=2)
        self.refused(package, SIGNATURE)

    def test_order_of_another_owner_is_refused(self):
        self.refused(self.tre.package(order=self.tre.order(owner=self.tre.op)), ORDER)

    def test_order_for_another_device_or_shipment_is_refused(self):
        for target in (OTHER_EID, b"otherone"):
            self.refused(self.tre.package(order=self.tre.order(target=target)), ORDER)

    def test_order_for_the_whole_shipment_serves(self):
        self.assertEqual(self.tre.fly(self.tre.package(order=self.tre.order(target=SHIPMENT))), OK)

    def test_older_order_does_not_come_back(self):
        self.assertEqual(self.tre.fly(self.tre.package(order=self.tre.order(serial=9))), OK)
        self.refused(self.tre.package(serial=6, order=self.tre.order(serial=8)), SERIAL)


if __name__ == "__main__":
    unittest.main()
