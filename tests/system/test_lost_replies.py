# SPDX-License-Identifier: Apache-2.0
"""Answers that get lost, servers that die between commit and answer, devices that start anew: in the end every device holds exactly the
subscription that the store names for it, and a receipt counts once."""
import os
import queue
import random
import sys
import threading
import time
import unittest

from cryptography.exceptions import InvalidTag

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import faults  # noqa: E402
import wire  # noqa: E402
from live import Live  # noqa: E402
from offline import Offline  # noqa: E402
from world import wait_until  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")
OK, SQN = 0, 0x30C
STATE, AUTHENTICATE = 1, 9
BEFORE_SENDING = ("before-send answers", 1)
STREAM = 100   # devices that fly while the server is killed again and again
KILLS = 20


class Held:
    """What one device got: every package of every answer that opened."""

    def __init__(self, device):
        self.device, self.packages, self.answers, self.requests = device, set(), 0, 0


class Case(unittest.TestCase):
    DEVICES = 12

    @classmethod
    def setUpClass(cls):
        cls.o = Offline(BUILD, devices=cls.DEVICES, by_certificate=0, replace=faults.programs(BUILD))
        cls.o.start()
        cls.o.world.start_auc(cls.o.auc)
        cls.fresh = iter(cls.o.devices)

    @classmethod
    def tearDownClass(cls):
        cls.o.stop()

    def ask(self, path, payload, timeout=1.0):
        """None: no answer, for whatever reason."""
        udp = self.o.udp(timeout)
        try:
            return udp.ask(path, payload)
        except ConnectionRefusedError:
            return None
        finally:
            udp.close()

    def row(self, device):
        return self.o.ro.json("status", "--eid", device.eid.hex())

    def killed_before_the_answer(self, path, payload):
        """The server dies when it is about to send: whatever it commits first is committed."""
        self.o.server.stop()
        self.o.start(faults.Fault(BEFORE_SENDING))
        udp = self.o.udp(0.2)
        udp.socket.send(wire.coap_request(path, payload))
        self.assertEqual(self.o.server.child.wait(15), -9)
        with self.assertRaises((TimeoutError, ConnectionRefusedError)):
            udp.socket.recv(2048)
        udp.close()


class Flight(Case):
    def package_of(self, device, answer):
        self.assertEqual(answer[0], "2.04")
        return device.open_m2(answer[1])[1]

    def test_lost_answer_is_given_again_with_the_same_subscription(self):
        device = next(self.fresh)
        m1 = self.o.m1(device)
        first = self.package_of(device, self.ask("f", m1))  # the device never sees it
        before = self.row(device)
        self.assertEqual(self.package_of(device, self.ask("f", m1)), first)
        self.assertEqual(self.row(device), before)
        self.assertEqual(before["package"]["iccid"].ljust(20, "f"), first[1].hex())

    def test_server_killed_between_commit_and_answer_gives_it_after_restart(self):
        device = next(self.fresh)
        m1 = self.o.m1(device)
        self.killed_before_the_answer("f", m1)
        committed = self.row(device)
        self.assertEqual((committed["state"], committed["counter"]), ("offered", device.ctr))
        self.o.start()
        package = self.package_of(device, self.ask("f", m1))
        self.assertEqual(package[1].hex(), committed["package"]["iccid"].ljust(20, "f"))
        self.assertEqual(self.row(device)["counter"], committed["counter"])

    def test_server_killed_and_device_restarted_with_a_new_counter_gets_the_same(self):
        device = next(self.fresh)
        self.killed_before_the_answer("f", self.o.m1(device))
        committed = self.row(device)
        self.o.start()
        package = self.package_of(device, self.ask("f", self.o.m1(device, ctr=device.ctr + 1)))
        self.assertEqual(package[1].hex(), committed["package"]["iccid"].ljust(20, "f"))
        receipt = self.o.install(device, {1: package})
        self.assertIn(2, self.o.check_in(device, {1: [receipt], 2: 1}))
        wait_until("activation", lambda: self.o.subscription(device)["state"] == "active")

    def test_device_restarted_many_times_before_its_receipt_gets_one_subscription(self):
        device = next(self.fresh)
        packages = {repr(self.package_of(device, self.ask("f", self.o.m1(device)))) for _ in range(10)}
        self.assertEqual(len(packages), 1)

    def test_new_flight_after_the_receipt_brings_a_ticket_and_nothing_else(self):
        device = next(self.fresh)
        package = self.package_of(device, self.ask("f", self.o.m1(device)))
        receipt = self.o.install(device, {1: package})
        self.assertIn(2, self.o.check_in(device, {1: [receipt], 2: 1}))
        m1 = self.o.m1(device, have=[receipt[1], receipt[2]])
        for _ in range(2):
            m2 = device.open_m2(self.ask("f", m1)[1])
            self.assertNotIn(1, m2)
            self.assertIn(2, m2)
        self.assertEqual(self.row(device)["state"], "installed")


class CheckIn(Case):
    def ready(self):
        device = next(self.fresh)
        m2 = self.o.fly(device)
        return device, device.c1(report={1: [self.o.install(device, m2)], 2: 1})

    def activated(self, device):
        return wait_until("activation", lambda: self.o.subscription(device)["state"] == "active")

    def test_lost_answer_is_given_again_and_the_receipt_counts_once(self):
        device, c1 = self.ready()
        before = self.o.world.counters()["receipts"]
        answers = [self.ask("c", c1) for _ in range(4)]
        self.assertEqual([a[0] for a in answers], ["2.04"] * 4)
        self.assertEqual(self.o.world.counters()["receipts"] - before, 1)
        self.assertIn(2, device.open_c2(answers[-1][1]))
        self.assertIn(2, self.o.check_in(device))
        self.activated(device)

    def test_server_killed_between_commit_and_answer_counts_the_receipt_once(self):
        device, c1 = self.ready()
        self.killed_before_the_answer("c", c1)
        self.assertEqual(self.row(device)["state"], "installed")
        self.o.start()
        answer = self.ask("c", c1)
        self.assertIn(2, device.open_c2(answer[1]))
        self.assertEqual(self.o.world.counters()["receipts"], 0, "the receipt was counted before the kill and is counted again")
        self.activated(device)
        wait_until("an empty relay", lambda: self.o.ro.json("status")["relay"] == {"waiting": 0, "unacknowledged": 0})
        self.assertIn(2, self.o.check_in(device))


class Stream(Case):
    DEVICES = STREAM

    def setUp(self):
        self.todo, self.held, self.lock, self.errors, self.kills = queue.Queue(), {}, threading.Lock(), [], 0
        for number, device in enumerate(self.o.devices):
            self.todo.put((number * KILLS // STREAM, device))
        self.end = time.monotonic() + 45

    def take_answer(self, held, answer):
        try:
            m2 = held.device.open_m2(answer[1])
        except InvalidTag:
            return False
        self.assertIn(1, m2, f"refused: {m2}")
        with self.lock:
            held.packages.add(repr(m2[1]))
            held.device.latest = m2
            held.answers += 1
        return True

    def fly(self, device):
        """As a device would, until two answers came: what the first brought is lost now and then."""
        held = Held(device)
        with self.lock:
            self.held[device.eid] = held
        m1 = self.o.m1(device)
        while held.answers < 2 and time.monotonic() < self.end:
            if held.requests and random.random() < 0.2:
                m1 = self.o.m1(device)  # it was switched off meanwhile
            held.requests += 1
            answer = self.ask("f", m1, timeout=0.3)
            if answer is None or not self.take_answer(held, answer):
                time.sleep(0.02)

    def work(self):
        try:
            while True:
                kills, device = self.todo.get_nowait()
                self.await_kills(kills)
                self.fly(device)
                time.sleep(0.03)
        except queue.Empty:
            pass
        except Exception as problem:  # pylint: disable=broad-except
            self.errors.append(problem)

    def await_kills(self, kills):
        """Keeps the stream from ending before the kills do, however fast the machine is."""
        while self.kills < kills and time.monotonic() < self.end:
            time.sleep(0.005)

    def kill_again_and_again(self):
        unanswered = 0
        while self.kills < KILLS:
            time.sleep(random.uniform(0.005, 0.08))
            self.o.server.kill()
            time.sleep(0.02)
            with self.lock:
                answered = sum(1 for h in self.held.values() if h.answers)
            unanswered += self.o.ro.json("status")["states"]["offered"] - answered
            self.o.start()
            self.kills += 1
        return unanswered

    def test_server_killed_at_random_moments_gives_every_device_exactly_one(self):
        workers = [threading.Thread(target=self.work) for _ in range(4)]
        for worker in workers:
            worker.start()
        unanswered = self.kill_again_and_again()
        for worker in workers:
            worker.join(50)
        self.assertEqual(self.errors, [])
        self.assertEqual(len(self.held), STREAM)
        self.compare_with_the_store()
        self.activate_all()
        print(f"\n{STREAM} devices, {sum(h.requests for h in self.held.values())} requests, {KILLS} kills, {unanswered} times a commit whose "
              f"answer had not arrived", file=sys.stderr)

    def compare_with_the_store(self):
        iccids = set()
        for held in self.held.values():
            self.assertEqual(len(held.packages), 1, f"{held.answers} answers, {len(held.packages)} subscriptions")
            iccid = held.device.latest[1][1].hex()
            self.assertEqual(iccid, self.row(held.device)["package"]["iccid"].ljust(20, "f"))
            iccids.add(iccid)
        self.assertEqual(len(iccids), STREAM, "two devices hold the same subscription")

    def activate_all(self):
        for device in self.o.devices:
            receipt = self.o.install(device, device.latest)
            self.assertIn(2, self.o.check_in(device, {1: [receipt], 2: 1}))

        def active():
            return sum(s["state"] == "active" for s in self.o.auc.json("status")["subscriptions"]) == STREAM
        wait_until("all active", active, timeout=15, every=0.3)


class RealDevice(unittest.TestCase):
    """The same from the TRE's side."""

    def setUp(self):
        self.live = Live(BUILD, replace=faults.programs(BUILD))
        self.addCleanup(self.live.stop)
        self.live.start()
        self.live.world.start_auc(self.live.auc)
        self.device = self.live.devices[0]

    def test_new_flight_installs_nothing_and_keeps_the_sqn_array(self):
        device = self.device
        device.start_tre_alone()
        self.assertTrue(self.once("provision")["installed"])
        self.once("check-in")
        self.live.wait_active()
        imsi = self.live.subscription(device)["imsi"]
        rand, autn, ik, ck, res = self.live.world.vector(self.live.auc, imsi)
        self.assertEqual(device.ask(AUTHENTICATE, rand, autn)[:4], [OK, res, ck, ik])
        mcims = device.ask(STATE)[-1]
        again = self.once("flight")
        self.assertEqual((again["result"], again["installed"]), ("accepted", False))
        self.assertEqual(device.ask(STATE)[-1], mcims)
        self.assertEqual(device.ask(AUTHENTICATE, rand, autn)[0], SQN, "an AUTN is taken a second time")
        rand, autn, ik, ck, res = self.live.world.vector(self.live.auc, imsi)
        self.assertEqual(device.ask(AUTHENTICATE, rand, autn)[:4], [OK, res, ck, ik])

    def test_answer_lost_by_a_kill_reaches_the_device_after_restart(self):
        device = self.device
        device.start_tre_alone()
        self.live.server.stop()
        self.live.start(faults.Fault(BEFORE_SENDING))
        agent = device.start_agent_alone(ack_timeout="1s", pause_min_ms=200)
        self.assertEqual(self.live.server.child.wait(15), -9)
        self.assertEqual(self.live.ro.json("status", "--eid", device.eid)["state"], "offered")
        self.live.start()
        self.live.wait_active()
        self.assertEqual(len(device.ask(STATE)[-1]), 1)
        agent.stop()

    def once(self, what):
        import json
        return json.loads(self.device.agent("--once", what, "--json").stdout)


if __name__ == "__main__":
    unittest.main()
