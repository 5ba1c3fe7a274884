# SPDX-License-Identifier: Apache-2.0
"""A network that is the attacker, against the real samarad: it alters, cuts, repeats, reorders and holds back every datagram of real devices (S5, S10). By
the server's own counters every one of them meets its fate, and nothing but a hint in clear is ever sent for one that no device made."""
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import wire  # noqa: E402
from fates import DROPPED, SEALED  # noqa: E402
from world_bites import ServerBites  # noqa: E402

HEAD = len(wire.coap_request("f", b""))  # CoAP up to the payload's first octet
LONGEST = 1400


def flipped(datagram, bits):
    out = bytearray(datagram)
    for bit in bits:
        out[bit // 8] ^= 1 << bit % 8
    return bytes(out)


class Network(ServerBites):
    def hinted_at_most(self, datagrams, hint):
        """None of them is taken for a device's; where there is an answer, it is this hint, and short."""
        answers, fates = self.udp.send(datagrams)
        self.assertFalse(set(fates) & set(SEALED), f"sealed answers to datagrams that no device made: {fates}")
        self.assertEqual(sum(fates.values()), len(datagrams))
        for answer in answers:
            self.assertEqual(wire.coap_answer(answer), ("4.04", hint))
            self.assertLessEqual(len(answer), 3 * max(map(len, datagrams)))
        return fates

    def dropped(self, datagrams):
        answers, fates = self.udp.send(datagrams)
        self.assertEqual(answers, [])
        self.assertLessEqual(set(fates), set(DROPPED))

    def row(self, device):
        return self.o.ro.json("status", "--eid", device.eid.hex())

    def flight_key(self):
        """The hint that everybody may have."""
        code, payload = self.udp.ask("f", self.o.devices[0].m1(self.o.q[self.o.number], 999))
        self.assertEqual(code, "4.04")
        return payload


class Altered(Network):
    DEVICES = 12

    def ready(self):
        """A device with a package, and the check-in that will bring its receipt."""
        device = self.new()
        receipt = self.o.install(device, self.fly(device))
        return device, device.c1(report={1: [receipt], 2: 1})

    def counts_once(self, device, c1):
        before = self.udp.counters()["receipts"]
        self.assertIn(2, device.open_c2(self.udp.ask("c", c1)[1]))
        self.assertEqual(self.udp.counters()["receipts"], before + 1)
        self.assertEqual(self.row(device)["state"], "installed")

    def test_every_single_bit_of_a_flight_flipped(self):
        device = self.new()
        m1, before = self.o.m1(device), self.row(device)
        datagram = wire.coap_request("f", m1)
        fates = self.hinted_at_most([flipped(datagram, [bit]) for bit in range(8 * HEAD, 8 * len(datagram))], self.flight_key())
        self.assertGreater(fates["hints_flight_key"], 0)
        self.assertEqual(self.row(device), before)
        self.assertIn(1, device.open_m2(self.udp.ask("f", m1)[1]))

    def test_every_single_bit_of_a_check_in_flipped(self):
        device, c1 = self.ready()
        before, datagram = self.row(device), wire.coap_request("c", c1)
        fates = self.hinted_at_most([flipped(datagram, [bit]) for bit in range(8 * HEAD, 8 * len(datagram))], b"")
        self.assertGreater(fates["hints_ticket_key"], 0)
        self.assertEqual(self.row(device), before)
        self.counts_once(device, c1)

    def test_datagram_without_tag(self):
        """Does any of these tests see anything at all?"""
        def attack(device, _):
            datagram = wire.coap_request("f", self.o.m1(device))
            _, fates = self.udp.send([flipped(datagram, [bit]) for bit in range(8 * HEAD, 8 * len(datagram))])
            return bool(set(fates) & set(SEALED))
        self.bites("datagram_without_tag", attack)

    def test_every_single_bit_of_the_coap_head_flipped(self):
        """What still is the same request in another envelope gets the same answer; all else none."""
        device = self.new()
        datagram = wire.coap_request("f", self.o.m1(device))
        answers, _ = self.udp.send([flipped(datagram, [bit]) for bit in range(8 * HEAD)] + [datagram])
        packages = {repr(device.open_m2(wire.coap_answer(answer)[1])[1]) for answer in answers}
        self.assertEqual(len(packages), 1)

    def test_several_bits_flipped(self):
        device, c1 = self.ready()
        m1 = self.o.m1(device, have=[device.package[0], device.package[1]])
        for path, message, hint in (("f", m1, self.flight_key()), ("c", c1, b"")):
            datagram = wire.coap_request(path, message)
            bits = range(8 * HEAD, 8 * len(datagram))
            self.hinted_at_most([flipped(datagram, random.sample(bits, random.randrange(2, 20))) for _ in range(300)], hint)
        self.counts_once(device, c1)

    def test_cut_at_every_length_and_lengthened(self):
        device, c1 = self.ready()
        m1 = self.o.m1(device, have=[device.package[0], device.package[1]])
        for path, message in (("f", m1), ("c", c1)):
            datagram = wire.coap_request(path, message)
            self.dropped([datagram[:length] for length in range(len(datagram))])
            self.dropped([datagram + os.urandom(extra) for extra in (1, 2, 16, 100, LONGEST - len(datagram))])
        self.counts_once(device, c1)

    def test_garbage(self):
        self.dropped([os.urandom(random.randrange(1, LONGEST)) for _ in range(300)])
        self.dropped([wire.coap_request(path, os.urandom(random.randrange(1, 400))) for path in "fc" for _ in range(150)])
        self.serves(self.new())

    def test_a_flight_sent_as_a_check_in_and_back(self):
        device, c1 = self.ready()
        self.dropped([wire.coap_request("c", self.o.m1(device, ctr=device.ctr)), wire.coap_request("f", c1)])
        self.assertIn(2, self.fly(device, have=[device.package[0], device.package[1]]))


class Held(Network):
    """Everything that the network has ever seen of a device, again: in any order, any number of times, and after the server's end."""
    DEVICES = 8

    def life(self, device):
        """A device's life, recorded: two flights, the receipt, another flight, a check-in. Returns the datagrams."""
        seen = []

        def sent(path, message):
            seen.append(wire.coap_request(path, message))
            return self.udp.ask(path, message)[1]
        device.open_m2(sent("f", self.o.m1(device)))
        m2 = device.open_m2(sent("f", self.o.m1(device)))
        receipt = self.o.install(device, m2)
        device.open_c2(sent("c", device.c1(report={1: [receipt], 2: 1})))
        device.have = [receipt[1], receipt[2]]
        device.open_m2(sent("f", self.o.m1(device, have=device.have)))
        device.open_c2(sent("c", device.c1(report={2: 1})))
        return seen

    def test_replayed_duplicated_and_reordered(self):
        device = self.new()
        seen = self.life(device)
        before, receipts, packages = self.row(device), self.udp.counters()["receipts"], self.udp.counters()["packages_sent"]
        for _ in range(20):
            again = seen * 3
            random.shuffle(again)
            self.udp.send(again)
        self.assertEqual(self.row(device), before)
        self.assertEqual(self.udp.counters()["receipts"], receipts)
        self.assertEqual(self.udp.counters()["packages_sent"], packages)
        self.serves(device)

    def after_the_end(self, end):
        """The server ends and another takes over. Replays meet the same row; what was never delivered is served late."""
        device, late, reporting = self.new(), self.new(), self.new()
        seen, m1 = self.life(device), self.o.m1(late)
        receipt = self.o.install(reporting, self.fly(reporting))
        c1 = reporting.c1(report={1: [receipt], 2: 1})
        before = self.row(device)
        end()
        self.start()
        again = seen * 2
        random.shuffle(again)
        self.udp.send(again)
        self.assertEqual(self.row(device), before)
        self.assertEqual(self.udp.counters()["receipts"], 0)
        self.assertIn(1, late.open_m2(self.udp.ask("f", m1)[1]))
        self.assertIn(2, reporting.open_c2(self.udp.ask("c", c1)[1]))
        self.assertEqual(self.udp.ask("c", c1)[0], "2.04")
        self.assertEqual(self.udp.counters()["receipts"], 1)
        self.serves(device)

    def test_delayed_past_a_restart(self):
        self.after_the_end(self.o.server.stop)

    def test_delayed_past_a_crash(self):
        self.after_the_end(self.o.server.kill)

    def test_answers_to_replays_are_for_nobody(self):
        """A replayed request is answered afresh, for the e or rk of its time: no two answers are alike, and the network's copy opens none."""
        device = self.new()
        datagram = wire.coap_request("f", self.o.m1(device))
        answers, fates = self.udp.send([datagram] * 20)
        self.assertEqual(fates, {"flights_answered": 20})
        self.assertEqual(len({answer[-100:] for answer in answers}), 20)
        packages = {repr(device.open_m2(wire.coap_answer(answer)[1])[1]) for answer in answers}
        self.assertEqual(len(packages), 1)


if __name__ == "__main__":
    unittest.main()
