# SPDX-License-Identifier: Apache-2.0
"""S2 and S6 on recorded traffic: everything between real players is captured, then every key that is left is stolen. With e·F out of k2, or the seal off
the batch, the recording says what it should not. A test is called as its row in proofs/README.md."""
import csv
import io
import os
import sqlite3
import sys
import unittest

import cbor2
from cryptography.exceptions import InvalidTag

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mutants  # noqa: E402
import wire  # noqa: E402
from capture import Capture, exchanges  # noqa: E402
from live import Live  # noqa: E402
from lone_tre import stolen_record  # noqa: E402
from offline import Offline  # noqa: E402
from world import wait_until  # noqa: E402


class Recording:
    """A device is provisioned and activated while somebody listens; afterwards he steals q, d and t."""

    def __init__(self, replace=None):
        self.live = Live(mutants.BUILD, replace=replace, interval="2s")
        world, device = self.live.world, self.live.devices[0]
        with Capture(os.path.join(world.root, "wire.pcap"), world.port) as capture:
            self.live.start()
            world.start_auc(self.live.auc)
            device.power_on()
            self.live.wait_active(timeout=60)
            capture.stop()
        device.power_off()
        self.flights = [x for x in exchanges(capture.datagrams(), world.port) if x.kind == "f" and x.down]
        self.m1, self.m2 = (wire.coap_answer(d)[1] for d in (self.flights[-1].up[0], self.flights[-1].down[0]))
        self.record = stolen_record(device.tre_dir)
        _, number, self.e, _ = wire.loads(self.m1)
        db = sqlite3.connect(f"file:{self.live.ro.path('samara.db')}?mode=ro", uri=True)
        self.q = wire.Key.from_scalar(db.execute("SELECT scalar FROM flight_key WHERE number = ?", (number,)).fetchone()[0])
        db.close()

    def open_m1(self):
        server = wire.Server(self.q)
        server.open_m1(self.m1)
        return server

    def open_m2(self):
        """(content, rk_0) by any key that the stolen ones and the recording give, or (None, None)."""
        f, sealed = wire.loads(self.m2)
        point, dh_eq = wire.compress(f), self.q.dh(self.e)
        others = [b""] + [key.dh(p) for key in (self.q, self.record.d, self.record.t) for p in (f, self.e)]
        for ikm in [dh_eq + other for other in others] + others[1:]:
            k2 = wire.extract(wire.sha256(self.m1), ikm)
            try:
                return wire.loads(wire.unseal(wire.kdf(k2, "m2", point), f, sealed)), wire.kdf(k2, "rk", point)
            except InvalidTag:
                pass
        return None, None

    def operator_point(self):
        return Offline.operator_point(self.live)


class StolenKeys(unittest.TestCase):
    def recording(self, replace=None):
        recording = Recording(replace)
        self.addCleanup(recording.live.stop)
        self.assertEqual(len(recording.flights), 1)
        self.assertEqual(recording.open_m1().ev[0].hex(), recording.live.devices[0].eid, "the stolen q is the right one")
        return recording

    def subscriber_key(self, recording):
        """S2: K out of the recording, or None."""
        content, _ = recording.open_m2()
        if content is None:
            return None
        eid, (_, iccid, serial, x, _, _) = recording.open_m1().ev[0], content[1]
        aad = wire.dumps([recording.operator_point(), eid, iccid, serial])
        return wire.loads(wire.hpke_open(recording.record.t, b"samara1 mcim", aad, x))[2]

    def reports(self, recording):
        """S6: does the server take a report of the thief's for the device's?"""
        content, rk = recording.open_m2()
        if content is None:
            return False
        thief = wire.Device(recording.open_m1().ev[0], recording.record.d, None)
        thief.ticket, thief.rk, thief.ctr = content[2], rk, 100
        udp = wire.Udp(recording.live.world.port, timeout=30)
        self.addCleanup(udp.close)
        code, answer = udp.ask("c", thief.c1(report={2: 2}))
        return code == "2.04" and 2 in thief.open_c2(answer)

    def test_real_flight_says_nothing_afterwards(self):
        recording = self.recording()
        self.assertIsNone(self.subscriber_key(recording))
        self.assertFalse(self.reports(recording))
        before = recording.live.world.counters()["checkins_answered"]
        recording.live.devices[0].power_on()
        wait_until("the device's next check-in", lambda: recording.live.world.counters()["checkins_answered"] > before, timeout=60)

    def test_flight_forward_secrecy_without_ef(self):
        recording = self.recording(mutants.programs("flight_forward_secrecy_without_ef"))
        self.assertIn(self.subscriber_key(recording), recording.live.secrets)

    def test_flight_k2_without_ef(self):
        self.assertTrue(self.reports(self.recording(mutants.programs("flight_k2_without_ef"))))


class TappedHandOver(Offline):
    """Somebody copies the batch on its way from the operator to the RO."""

    def __init__(self, **kwargs):
        super().__init__(mutants.BUILD, devices=1, by_certificate=0, **kwargs)

    def hand_over(self, number, shipment):
        with open(self.op.path(f"batch-{number}.smr"), "rb") as f:
            self.copy = f.read()
        super().hand_over(number, shipment)

    def stolen(self):
        """K, from the copy and a t that leaked later; or None."""
        copy, device = io.BytesIO(self.copy), self.devices[0]
        cbor2.load(copy)
        record = cbor2.load(copy)
        try:
            eid, (_, iccid, serial, x, _, _) = wire.loads(record)[:2]
        except (ValueError, TypeError, cbor2.CBORDecodeError):
            return None
        aad = wire.dumps([self.operator_point(), eid, iccid, serial])
        return wire.loads(wire.hpke_open(device.t, b"samara1 mcim", aad, x))[2]

    def key(self):
        with open(self.op.path("subscriptions-1.csv"), encoding="ascii", newline="") as f:
            return bytes.fromhex(next(csv.DictReader(f))["k"])


class HandOver(unittest.TestCase):
    """S2, and the second layer of S1: what the RO is given."""

    def world(self, **kwargs):
        world = TappedHandOver(**kwargs)
        self.addCleanup(world.stop)
        return world

    def test_flight_handover_open(self):
        """A copy of the batch, and t that leaks years later."""
        real, mutant = self.world(), self.world(replace=mutants.programs("flight_handover_open"))
        self.assertIsNone(real.stolen())
        self.assertEqual(mutant.stolen(), mutant.key())
        real.start()
        udp = real.udp(timeout=30)
        self.addCleanup(udp.close)
        self.assertIn(1, real.fly(real.devices[0], udp))


if __name__ == "__main__":
    unittest.main()
