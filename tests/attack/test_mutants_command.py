# SPDX-License-Identifier: Apache-2.0
"""Commands and their receipts, one check taken out at a time (S11, S6): whoever carries them, another operator and a thief of the operator's key, against
the real samara-tre and samara-auc in vain, and against the mutants not. A test is called as its row in proofs/README.md."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mutants  # noqa: E402
import wire  # noqa: E402
from bites import Bites  # noqa: E402
from lone_tre import EID, ICCID, K, OK, OTHER_EID  # noqa: E402
from offline import Offline  # noqa: E402
from world import wait_until  # noqa: E402

ACTIVATED, SUSPENDED = 1, 2


def state(tre):
    return tre.mcims()[0][4]


class Tre(Bites):
    """Does the TRE do what nobody told it who may?"""

    def suspended_by(self, tre, command):
        self.assertEqual((tre.fly(tre.package()), state(tre)), (OK, ACTIVATED))
        tre.check_in([command])
        return state(tre) == SUSPENDED

    def test_command_without_serial_memory(self):
        """The RO delivers an old command again."""
        def attack(tre, _):
            suspend, resume = wire.command(tre.op, EID, ICCID, 1, SUSPENDED), wire.command(tre.op, EID, ICCID, 2, ACTIVATED)
            self.assertTrue(self.suspended_by(tre, suspend))
            tre.check_in([resume])
            self.assertEqual(state(tre), ACTIVATED)
            tre.check_in([suspend])
            return state(tre) == SUSPENDED
        self.bites("command_without_serial_memory", attack)

    def test_command_without_owner_check(self):
        """A second operator, whom this device knows too, suspends the first one's subscription."""
        self.bites("command_without_owner_check", lambda tre, _: self.suspended_by(tre, wire.command(tre.other_op, EID, ICCID, 1, SUSPENDED)),
                   second_anchor=True)

    def test_command_without_tag(self):
        """What the operator signed as a W is shown as a command. A real W would not be read as one, having other members: here it has a command's, so that
        the label alone decides."""
        def attack(tre, _):
            payload = wire.dumps([tre.op.id, EID, ICCID, 1, SUSPENDED])
            return self.suspended_by(tre, wire.dumps([wire.PROTECTED, {}, payload, tre.op.sign("samara1 mcim", b"", payload)]))
        self.bites("command_without_tag", attack)

    def test_command_without_eid(self):
        """Issued for the device that the subscription moved away from."""
        self.bites("command_without_eid", lambda tre, _: self.suspended_by(tre, wire.command(tre.op, OTHER_EID, ICCID, 1, SUSPENDED)))

    def test_command_second_receipt(self):
        """The RO keeps the receipt back, delivers the command again and shows the operator that it was refused."""
        def attack(tre, _):
            suspend = wire.command(tre.op, EID, ICCID, 1, SUSPENDED)
            self.assertTrue(self.suspended_by(tre, suspend))
            tre.check_in([wire.command(tre.op, EID, ICCID, 2, ACTIVATED)])
            tre.check_in([suspend])
            tre.check_in()
            return any(self.says_refused(r) for r in tre.server.report.get(1, []))
        self.bites("command_second_receipt", attack)

    def says_refused(self, receipt):
        kind, iccid, serial, result, mac = receipt
        return kind == 2 and serial == 1 and result != 0 and mac == wire.command_mac(K, EID, iccid, 1, SUSPENDED, result)


class Operator(unittest.TestCase):
    """What a dishonest RO shows the real samara-auc. The receipts are those of an honest TRE, which the test plays."""

    def world(self, name=None):
        o = Offline(mutants.BUILD, devices=2, by_certificate=0, replace=mutants.programs(name) if name else None)
        self.addCleanup(o.stop)
        o.start()
        o.auc_process, self.udp = o.world.start_auc(o.auc), o.udp(timeout=30)
        self.addCleanup(self.udp.close)
        return o

    def provisioned(self, o, device):
        receipt = o.install(device, o.fly(device, self.udp))
        o.check_in(device, {1: [receipt], 2: ACTIVATED}, self.udp)
        wait_until("activation", lambda: o.subscription(device)["state"] == "active", timeout=60)

    def issue(self, o, device, action):
        """The operator commands; returns the serial that the device reads in its next check-in."""
        files = [o.op.path(f"{device.number}-{action}-{len(os.listdir(o.op.dir))}{end}") for end in (".smr", "-auc.smr")]
        o.op.run(action, "--iccid", o.subscription(device)["iccid"], "--auc", o.op.take(o.auc.card), "--out", files[0], "--auc-out", files[1])
        o.ro.run("load", o.ro.take(files[0]))
        o.auc.run("load", o.auc.take(files[1]))
        command = wait_until("the command", lambda: o.check_in(device, udp=self.udp).get(1), timeout=60, every=0.2)[-1]
        return wire.loads(wire.loads(command)[2])[3]

    def mac(self, device, serial, commanded, without):
        return wire.command_mac(device.k, device.eid, device.package[0], serial, commanded, 0, without)

    def shown(self, o, device, serial, mac):
        """Give the AuC this receipt; does it take the command for executed?"""
        before = os.path.getsize(o.auc_process.log)
        o.check_in(device, {1: [[2, device.package[0], serial, 0, mac]], 2: ACTIVATED}, self.udp)
        wait_until("judgement", lambda: any(o.auc_process.logged(word, before) for word in ("command.receipted", "evidence.rejected")), timeout=60)
        if o.auc_process.logged("command.receipted", before):  # said before it is committed with others
            wait_until("the row", lambda: o.subscription(device)["receipt_serial"] == serial, timeout=60)
        return o.subscription(device)["receipt_serial"] == serial

    def old_receipt(self, o, device, without=()):
        """Suspended, resumed; to be suspended again, but the RO drops the command and shows the first receipt with the new serial."""
        self.provisioned(o, device)
        first = self.mac(device, self.issue(o, device, "suspend"), SUSPENDED, without)
        resume = self.issue(o, device, "resume")
        self.assertTrue(self.shown(o, device, resume, self.mac(device, resume, ACTIVATED, without)))
        return self.shown(o, device, self.issue(o, device, "suspend"), first)

    def other_state(self, o, device, without=()):
        """Whoever has the operator's signature key spent the serial of the operator's «suspend» on «activated» before it came."""
        self.provisioned(o, device)
        serial = self.issue(o, device, "suspend")
        return self.shown(o, device, serial, self.mac(device, serial, ACTIVATED, without))

    def test_real_operator_takes_neither_and_then_a_true_receipt(self):
        o = self.world()
        one, other = o.devices
        self.assertFalse(self.old_receipt(o, one))
        self.assertFalse(self.other_state(o, other))
        for device in (one, other):
            serial = self.issue(o, device, "resume")
            self.assertTrue(self.shown(o, device, serial, self.mac(device, serial, ACTIVATED, ())))

    def test_false_receipt_does_not_end_the_command(self):
        """A thief of rk answers for the device: the operator sees through it, the command comes again, and the true receipt counts."""
        o = self.world()
        device = o.devices[0]
        self.provisioned(o, device)
        serial = self.issue(o, device, "suspend")
        self.assertFalse(self.shown(o, device, serial, bytes(16)))
        wait_until("the command again", lambda: o.check_in(device, udp=self.udp).get(1), timeout=60, every=0.2)
        self.assertTrue(self.shown(o, device, serial, self.mac(device, serial, SUSPENDED, ())))

    def test_command_receipt_without_serial(self):
        o = self.world("command_receipt_without_serial")
        self.assertTrue(self.old_receipt(o, o.devices[0], ("serial",)))

    def test_command_receipt_without_state(self):
        o = self.world("command_receipt_without_state")
        self.assertTrue(self.other_state(o, o.devices[0], ("state",)))


if __name__ == "__main__":
    unittest.main()
