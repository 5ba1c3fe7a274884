# SPDX-License-Identifier: Apache-2.0
"""The agent with a real TRE and a real server: killed at every stage, alone for a while, unknown to the server, refused. What it sends is looked
at on the wire."""
import json
import os
import re
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import wire  # noqa: E402
from capture import Capture, exchanges  # noqa: E402
from live import Live  # noqa: E402
from world import wait_until  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")
STATE = 1
QUICK = {"ack_timeout": "1s", "pause_min_ms": 100, "pause_max": "1s"}


class Case(unittest.TestCase):
    """One world with all players; each test takes a device that nobody used before."""
    KNOWN = ("milenage", 3, True)
    CERTIFICATE = "never"
    AGENT = {}

    @classmethod
    def setUpClass(cls):
        cls.live = Live(BUILD, shipments=(cls.KNOWN,), certificate=cls.CERTIFICATE, **cls.AGENT)
        cls.addClassCleanup(cls.live.stop)
        cls.live.start()
        cls.live.world.start_auc(cls.live.auc)
        cls.fresh = iter(cls.live.devices)

    def setUp(self):
        if not self.live.server.alive():
            self.live.start()
        self.device = next(self.fresh)
        self.tre = self.device.start_tre_alone()
        self.agent = None
        self.capture = Capture(os.path.join(self.live.world.root, f"wire-{self.device.number}.pcap"), self.live.world.port)
        self.capture.__enter__()
        self.addCleanup(self.tre.stop)
        self.addCleanup(self.capture.stop)
        self.addCleanup(lambda: self.agent and self.agent.stop())
        self.addCleanup(self.go_on)

    def start(self, **more):
        self.agent = self.device.start_agent_alone(**{**QUICK, **more})
        return self.agent

    def pause(self):
        """The server hears everything and answers nothing, until go_on."""
        self.live.server.child.send_signal(signal.SIGSTOP)

    def go_on(self):
        if self.live.server.alive():
            self.live.server.child.send_signal(signal.SIGCONT)

    def sent(self, kind):
        """Exchanges of this device so far, from the wire."""
        try:
            found = exchanges(self.capture.datagrams(), self.live.world.port)
        except ValueError:
            return []
        return [e for e in found if e.address == self.device.address and e.kind == kind]

    def settle(self):
        """tcpdump shows what it sees up to a second late: before something is counted that must not be more."""
        time.sleep(1.2)

    def payloads(self, kind):
        """What was asked, without CoAP: one set member per message of the TRE's."""
        return {wire.coap_answer(datagram)[1] for e in self.sent(kind) for datagram in e.up}

    def installed(self):
        state = self.device.ask(STATE)
        return len(state[-1]), state

    def ends_well(self):
        self.live.wait_active(self.device)
        wait_until("an empty TRE", lambda: self.device.ask(STATE)[10] == 0)
        self.assertEqual(self.installed()[0], 1)
        row = self.live.ro.json("status", "--eid", self.device.eid)
        self.assertEqual(row["state"], "installed")


class Killed(Case):
    KNOWN = ("milenage", 5, True)

    def kill(self):
        self.agent.kill()

    def test_while_it_starts(self):
        for moment in (0, 0.002, 0.005, 0.01, 0.02):
            self.start()
            time.sleep(moment)
            self.kill()
        self.start()
        self.ends_well()

    def test_between_m1_and_m2(self):
        """The answer comes to a program that is gone; the next one asks with a new counter and gets the same subscription."""
        self.pause()
        self.start()
        wait_until("M1", lambda: self.sent("f"))
        self.kill()
        self.go_on()
        row = wait_until("the commit", lambda: (r := self.live.ro.json("status", "--eid", self.device.eid))["state"] == "offered" and r)
        self.start()
        self.ends_well()
        self.settle()
        self.assertEqual(len(self.payloads("f")), 2)
        self.assertEqual(self.live.ro.json("status", "--eid", self.device.eid)["package"], row["package"])

    def test_between_c1_and_c2(self):
        """A check-in that is open is sent again as it was, also by the next program."""
        device = self.device
        self.assertTrue(json.loads(device.agent("--once", "provision", "--json").stdout)["installed"])
        self.pause()
        self.start()
        wait_until("C1", lambda: self.sent("c"))
        self.kill()
        self.start()
        wait_until("C1 again", lambda: len(self.sent("c")) > 1)
        self.go_on()
        self.ends_well()
        self.settle()
        self.assertEqual(len(self.payloads("f")), 1)
        c1 = [wire.coap_answer(e.up[0])[1] for e in self.sent("c")]
        self.assertEqual(c1[0], c1[1], "another C1 for the same check-in")

    def test_once_it_is_done(self):
        self.start()
        self.ends_well()
        self.settle()
        count = len(self.sent("c"))
        self.kill()
        since = os.path.getsize(self.agent.log)
        self.start()
        self.agent.wait_logged("event=agent.started", since=since)
        self.agent.child.send_signal(signal.SIGUSR1)
        wait_until("a check-in", lambda: len(self.sent("c")) > count, timeout=10)
        self.settle()
        self.assertEqual(len(self.payloads("f")), 1, "a flight, although there is a subscription and a ticket")
        self.assertEqual(self.installed()[0], 1)

    def test_at_random_moments(self):
        for moment in (0.03, 0.05, 0.08, 0.12, 0.03, 0.05):
            self.start()
            time.sleep(moment)
            self.kill()
        self.start()
        self.ends_well()


class Alone(Case):
    AGENT = {"attach_timeout": "20s"}

    def identical(self, exchange):
        self.assertEqual(len(set(exchange.up)), 1, "the datagrams of one exchange differ")

    def test_silent_server_hears_identical_octets_until_it_answers(self):
        self.pause()
        self.start()
        wait_until("a retransmission", lambda: self.sent("f") and len(self.sent("f")[0].up) >= 2, timeout=15)
        self.go_on()
        self.ends_well()
        self.settle()
        self.assertEqual(len(self.sent("f")), 1)
        self.identical(self.sent("f")[0])

    def test_server_that_is_down_is_asked_with_the_same_message_until_it_is_there(self):
        """The network says that nobody listens; the CoAP message id may change then, the TRE's message does not."""
        self.live.server.stop()
        self.start()
        wait_until("two datagrams", lambda: sum(len(e.up) for e in self.sent("f")) >= 2, timeout=15)
        self.assertEqual(len(self.payloads("f")), 1)
        self.assertEqual(self.installed()[0], 0)
        self.live.start()
        self.ends_well()
        self.assertTrue(self.agent.logged("server.unreachable"))

    def test_server_killed_during_a_check_in_gets_the_same_octets_after_restart(self):
        self.assertTrue(json.loads(self.device.agent("--once", "provision", "--json").stdout)["installed"])
        self.pause()
        self.start()
        wait_until("C1", lambda: self.sent("c"))
        self.live.server.kill()
        self.live.start()
        self.ends_well()
        self.settle()
        c1 = [wire.coap_answer(d)[1] for e in self.sent("c") for d in e.up]
        self.assertGreater(len(c1), 1)
        self.assertEqual(c1[0], c1[1])


class Unknown(Case):
    """The RO never saw the shipment; the agent is told to find out by itself."""
    KNOWN = ("milenage", 1, False)
    CERTIFICATE = "auto"
    AGENT = {"attach_timeout": "3s"}

    def test_unanswered_flight_is_repeated_with_the_certificate(self):
        self.start(max_retransmit=1)
        self.ends_well()
        self.settle()
        sizes = [len(e.up[0]) for e in self.sent("f")]
        answered = [bool(e.down) for e in self.sent("f")]
        self.assertEqual(answered, [False, True])
        self.assertLessEqual(sizes[0], 256)
        self.assertTrue(256 < sizes[1] <= 448, sizes)
        self.assertTrue(self.agent.logged("event=flight.unanswered"))


class Refused(Case):
    AGENT = {"attach_timeout": "5s"}

    def refusal(self, name, words):
        line = wait_until(f"refusal {name}", lambda: re.search(f"event=flight.refused refusal={name} .*", self.text()))
        self.assertIn(words, line.group(0))
        self.assertEqual(self.installed()[0], 0)

    def text(self):
        with open(self.agent.log, encoding="utf-8") as f:
            return f.read()

    def test_unapproved_measurement_is_said_in_words_and_then_served(self):
        self.live.supplier.run("publish", "--csv", self.live.supplier.take(self.live.write("other.csv", f"measurement,version\n{'ab' * 32},9\n")),
                               "--out", self.live.supplier.path("other.smr"))
        self.live.ro.run("load", self.live.ro.take(self.live.supplier.path("other.smr")))
        time.sleep(0.5)
        self.start()
        try:
            self.refusal("MEASUREMENT", "not on the supplier's list")
        finally:
            self.live.publish()
        self.ends_well()

    def test_revoked_device_is_told_so_and_served_when_taken_back(self):
        self.live.ro.run("revoke", "--eid", self.device.eid)
        self.start()
        self.refusal("REVOKED", "the device is revoked: ask the supplier")
        self.live.ro.run("revoke", "--eid", self.device.eid, "--undo")
        self.ends_well()

    def test_once_says_it_to_people_and_with_exit_code_3(self):
        self.live.ro.run("revoke", "--eid", self.device.eid)
        done = self.device.agent("--once", "provision", ok=False)
        self.assertEqual(done.returncode, 3)
        self.assertIn("the device is revoked", done.stdout)


if __name__ == "__main__":
    unittest.main()
