# SPDX-License-Identifier: Apache-2.0
"""The agent dies before and after everything that it writes, sends, or asks of the TRE, in the life of a device: flight, receipt, authentication,
command. Whatever the moment: TRE, store and AuC agree in the end, no AUTN is taken twice, and no request key and nonce was used for two plaintexts."""
import os
import queue
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import faults  # noqa: E402
from capture import Capture  # noqa: E402
from faults import hold  # noqa: E402
from live import Live  # noqa: E402
from peer import Peer  # noqa: E402
from world import Failed, wait_until  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")
ALL = bool(os.environ.get("SAMARA_LONG"))  # make test-long: every write of the agent's memory, not only some
QUICK = {"ack_timeout": "1s", "pause_min_ms": 100, "pause_max": "1s"}
DEVICES, TOGETHER = (190 if ALL else 70), 6  # lives side by side: each is mostly waiting for the relay
CALLS = ("before-call", "after-call", "before-send", "after-send")
CONTACTS = 4  # flight, receipt, command, its receipt; later ones are like these
STATE, AUTHENTICATE = 1, 9
SQN, SUSPENDED = 0x30C, 2


class Life:
    """One device, whose agent may die once."""

    def __init__(self, live, device, place):
        self.live, self.device, self.deaths, self.passed, self.taken, self.nudge = live, device, 0, [], [], 0
        self.tre = device.start_tre_alone()
        self.peer = Peer(device)
        self.agent = device.start_agent_alone(faults.Fault(place), **QUICK)

    def revive(self):
        if self.agent.died():
            self.note()
            self.deaths += 1
            self.agent = self.device.start_agent_alone(faults.Fault(), **QUICK)
        hold(self.agent.alive(), f"the agent ended with {self.agent.child.returncode}: {self.agent.tail()}")

    def note(self):
        self.passed.append(self.agent.fault.passed())
        self.agent.fault.close()

    def until(self, what, condition):
        def alive_and():
            self.revive()
            return condition()
        return wait_until(f"{what} of m{self.device.number}", alive_and, timeout=60, every=0.2)

    def run(self):
        self.until("a subscription", lambda: self.device.ask(STATE)[-1])
        self.until("activation", lambda: self.subscription()["state"] == "active")
        self.authenticate()
        self.suspend()
        self.until("suspension", self.is_suspended)
        self.compare()
        self.end()

    def subscription(self):
        s = self.live.subscription(self.device)
        hold(s["state"] != "rejected", f"rejected: {s['why']}")
        return s

    def authenticate(self):
        def once():
            rand, autn, ik, ck, res = self.live.world.vector(self.live.auc, self.subscription()["imsi"], timeout=30)
            answer = self.peer.authenticate(rand, autn, self.agent.alive)
            hold(answer in (None, ["UMTS-AUTH", ik.hex(), ck.hex(), res.hex()]), f"another answer: {answer}")
            # Answered or not: the TRE was asked, or is asked now. Only the first time may be the good one.
            first = self.device.ask(AUTHENTICATE, rand, autn)[0]
            hold(answer is None or first == SQN, "an AUTN is taken twice")
            hold(self.device.ask(AUTHENTICATE, rand, autn)[0] == SQN, "an AUTN is taken twice")
            self.taken.append((rand, autn))
            return answer
        self.until("an authentication", once)

    def suspend(self):
        faults.command(self.live, "suspend", self.subscription()["iccid"], self.device.number)

    def is_suspended(self):
        s = self.subscription()
        if s["state"] == "suspended" and s["receipt_serial"] > 0:
            return True
        if time.monotonic() >= self.nudge and self.agent.alive():
            self.agent.child.send_signal(signal.SIGUSR1)  # check in now
            self.nudge = time.monotonic() + 0.4
        return False

    def compare(self):
        self.until("a TRE without receipts", lambda: self.device.ask(STATE)[10] == 0)
        mcims = self.device.ask(STATE)[-1]
        row = self.live.ro.json("status", "--eid", self.device.eid)
        hold(len(mcims) == 1 and mcims[0][4] == SUSPENDED, f"the TRE holds {mcims}")
        hold(row["state"] == "installed" and row["commands_pending"] == 0, f"the store says {row}")
        for iccid, serial in ((row["package"]["iccid"], row["package"]["serial"]), (self.subscription()["iccid"], self.subscription()["serial"])):
            hold((iccid.ljust(20, "f"), serial) == (mcims[0][0].hex(), mcims[0][2]), "three parties, two subscriptions")
        for rand, autn in self.taken:
            hold(self.device.ask(AUTHENTICATE, rand, autn)[0] != 0, "an AUTN is taken twice")

    def end(self):
        hold(self.agent.stop() == 0 or self.agent.died(), "the agent's end")
        self.deaths += self.agent.died()
        self.note()
        self.peer.close()
        self.tre.stop()
        hold(not [n for n in os.listdir(self.device.agent_dir) if n.endswith(".tmp")] or self.agent.died(), "leftovers of a write")


def chosen(names):
    """Every place of the contacts that differ; in make test only some of those where the agent writes its memory."""
    def most(name):
        if name.split()[0] in CALLS:
            return CONTACTS
        return CONTACTS * (4 if name.endswith("file") else 2) if ALL else 2  # two files, each twice in a contact
    return [(name, n) for name, n in faults.places(names) if n <= most(name)]


class EveryPoint(unittest.TestCase):
    def setUp(self):
        self.live = Live(BUILD, shipments=(("milenage", DEVICES, True),), replace=faults.programs(BUILD))
        self.addCleanup(self.live.stop)
        self.live.start()
        self.live.world.start_auc(self.live.auc)
        self.fresh, self.todo, self.lock = iter(self.live.devices), queue.Queue(), threading.Lock()
        self.lives, self.problems = [], []

    def live_with(self, place):
        with self.lock:
            device = next(self.fresh)
        try:
            life = Life(self.live, device, place)
            life.run()
        except Exception as problem:  # pylint: disable=broad-except
            self.problems.append((place, repr(problem)))
            raise
        with self.lock:
            self.lives.append((place, life))
        return life

    def work(self):
        try:
            while not self.problems:
                self.live_with(self.todo.get_nowait())
        except (queue.Empty, AssertionError, Failed, OSError, StopIteration):
            pass

    def test_agent_killed_at_every_write_send_and_call_agrees_with_all_in_the_end(self):
        with Capture(os.path.join(self.live.world.root, "wire.pcap"), self.live.world.port) as capture:
            names = self.live_with(None).passed[0]
            for place in chosen(names):
                self.todo.put(place)
            workers = [threading.Thread(target=self.work) for _ in range(TOGETHER)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            capture.stop()
            datagrams = capture.datagrams()
        self.assertEqual(self.problems, [])
        self.compare(set(names), datagrams)

    def compare(self, known, datagrams):
        self.assertTrue({"after-call flight", "before-call complete", "after-call check-in", "after-call authenticate", "before-send request",
                         "before-send response", "after-rename agent.memory"} <= known, known)
        died = [place for place, life in self.lives if place and life.deaths == 1]
        self.assertEqual(known - {name for name, _ in died}, set(), "points at which nothing died")
        self.assertEqual(faults.twice_used(datagrams, self.live.world.port), [])
        keys = len(faults.requests(datagrams, self.live.world.port))
        self.assertGreaterEqual(keys, 4 * len(self.lives), "the capture is not whole")
        iccids = [self.live.subscription(life.device)["iccid"] for _, life in self.lives]
        self.assertEqual(len(iccids), len(set(iccids)))
        print(f"\n{len(died)} deaths, {len(known)} different points, {len(self.lives) - 1 - len(died)} places not reached again; "
              f"{keys} request keys, none for two plaintexts", file=sys.stderr)


if __name__ == "__main__":
    unittest.main()
