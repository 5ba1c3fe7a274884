# SPDX-License-Identifier: Apache-2.0
"""Real devices fly, check in, obey commands and authenticate while TREs, agents, server and AuC are killed at random, some at random moments and
some at random fault points, and started again. Then all settle, and what each device holds, what the store says and what the AuC activated are
compared.

SECONDS: how long (15; in make test-long 300). SAMARA_SEED: the kill schedule of an earlier run, which prints it.
"""
import collections
import json
import os
import random
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import faults  # noqa: E402
import milenage  # noqa: E402
from capture import Capture  # noqa: E402
from faults import Broken, hold  # noqa: E402
from live import Live  # noqa: E402
from world import Failed, wait_until  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")
LONG = bool(os.environ.get("SAMARA_LONG"))
SECONDS = float(os.environ.get("SECONDS", "300")) if LONG else 15
SEED = int(os.environ.get("SAMARA_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
DEVICES = 16 if LONG else 8
QUICK = {"ack_timeout": "1s", "pause_min_ms": 100, "pause_max": "1s", "interval": "1s"}
STATE, AUTHENTICATE = 1, 9
OK, E_STATE, SQN = 0, 0x30A, 0x30C
ACTIVATED, SUSPENDED = 1, 2
VICTIMS = (("server", 3), ("auc", 2), ("tre", 4), ("agent", 3))  # of twelve deaths
POINTS_MAX = 150  # a process that is to die at a point dies at one of so many


class Mortals:
    """All processes, and how each is started."""

    def __init__(self, live):
        self.live, self.running, self.starts, self.deaths = live, {}, collections.Counter(), {kind: 0 for kind, _ in VICTIMS}
        self.starters = {("server", 0): lambda fault: live.start(fault), ("auc", 0): lambda fault: live.world.start_auc(live.auc, fault)}
        for i, device in enumerate(live.devices):
            self.starters["tre", i] = device.start_tre_alone
            self.starters["agent", i] = lambda fault, device=device: device.start_agent_alone(fault, **QUICK)

    def start(self, who, place=None):
        self.running[who] = self.starters[who](faults.Fault(place))

    def bury(self, who):
        """It is dead. Only by being killed: who ends otherwise has a fault of its own."""
        process = self.running[who]
        hold(process.child.wait() == -9, f"{process.name} ended with {process.child.returncode}: {process.tail()}")
        process.fault.close()
        self.live.world.processes.remove(process)
        self.deaths[who[0]] += 1

    def revive_all(self, place=lambda who, start: None):
        for who, process in list(self.running.items()):
            if not process.alive():
                self.bury(who)
                self.starts[who] += 1
                self.start(who, place(who, self.starts[who]))


class Killer(threading.Thread):
    """Kills by a schedule that the seed decides, and starts again."""

    def __init__(self, mortals, until):
        super().__init__(daemon=True)
        self.mortals, self.until, self.random, self.problem = mortals, until, random.Random(SEED), None

    def victim(self):
        kind = self.random.choices([k for k, _ in VICTIMS], [w for _, w in VICTIMS])[0]
        return kind, self.random.randrange(DEVICES) if kind in ("tre", "agent") else 0

    @staticmethod
    def place(who, start):
        """Every other process that starts again is to die at a point of its own: the same for the same seed, whatever happens in between."""
        dice = random.Random(f"{SEED} {who} {start}")
        return dice.randint(1, POINTS_MAX) if dice.random() < 0.5 else None

    def run(self):
        try:
            while time.monotonic() < self.until or not all(self.mortals.deaths.values()):
                pause, who, rest = self.random.uniform(0.0, 0.4), self.victim(), self.random.uniform(0.0, 0.2)
                time.sleep(pause)
                self.mortals.running[who].kill()
                time.sleep(rest)
                self.mortals.revive_all(self.place)
        except Exception as problem:  # pylint: disable=broad-except
            self.problem = problem


class Network(threading.Thread):
    """Authenticates devices, and tries whatever AUTN it gave out once more."""

    def __init__(self, live, until):
        super().__init__(daemon=True)
        self.live, self.until, self.random, self.problem = live, until, random.Random(SEED + 1), None
        self.lines, self.taken, self.sqns, self.vectors = {}, {i: [] for i in range(len(live.devices))}, {}, 0

    def run(self):
        try:
            while time.monotonic() < self.until:
                self.authenticate(self.random.randrange(len(self.live.devices)))
                time.sleep(0.05)
        except Exception as problem:  # pylint: disable=broad-except
            self.problem = problem

    def imsi(self, i):
        if i not in self.lines:
            self.lines[i] = self.live.subscription(self.live.devices[i])["imsi"]
        return self.lines[i]

    def ask(self, i, *words):
        """None: the TRE is dead, or dies."""
        try:
            return self.live.devices[i].ask(AUTHENTICATE, *words)
        except (OSError, EOFError):
            return None

    def vector(self, i):
        try:
            vector = self.live.world.vector(self.live.auc, self.imsi(i), timeout=1)
        except OSError:
            return None
        if vector:
            k, opc = self.live.secrets[2 * i:2 * i + 2]
            sqn = milenage.sqn_of(k, opc, vector[0], vector[1])
            hold(sqn > self.sqns.get(i, -1), f"SQN {sqn} after {self.sqns.get(i)}")
            self.sqns[i], self.vectors = sqn, self.vectors + 1
        return vector

    def authenticate(self, i):
        """True: with a fresh vector, and all the older ones are refused."""
        vector = self.vector(i)
        if vector is None:
            return False
        rand, autn, ik, ck, res = vector
        answer = self.ask(i, rand, autn)
        hold(answer is None or answer[0] == E_STATE or answer[:4] == [OK, res, ck, ik], f"AUTHENTICATE: {answer}")
        if answer and answer[0] == OK:
            self.taken[i].append((rand, autn))
        self.replay(i, self.random.sample(self.taken[i], min(4, len(self.taken[i]))))
        return answer is not None and answer[0] == OK

    def replay(self, i, vectors):
        for words in vectors:
            again = self.ask(i, *words)
            hold(again is None or again[0] in (SQN, E_STATE), "an AUTN is taken twice")


class Operator(threading.Thread):
    """Suspends and resumes."""

    def __init__(self, live, until):
        super().__init__(daemon=True)
        self.live, self.until, self.random, self.problem = live, until, random.Random(SEED + 2), None
        self.wanted, self.commands = {}, 0

    def run(self):
        try:
            while time.monotonic() < self.until:
                time.sleep(self.random.uniform(0.3, 1.0))
                self.command(self.random.randrange(len(self.live.devices)))
        except Exception as problem:  # pylint: disable=broad-except
            self.problem = problem

    def command(self, i):
        state = SUSPENDED if self.wanted.get(i, ACTIVATED) == ACTIVATED else ACTIVATED
        self.commands += 1
        iccid = self.live.subscription(self.live.devices[i])["iccid"]
        faults.command(self.live, "suspend" if state == SUSPENDED else "resume", iccid, self.commands)
        self.wanted[i] = state


class Random(unittest.TestCase):
    def setUp(self):
        self.live = Live(BUILD, shipments=(("milenage", DEVICES, True),), replace=faults.programs(BUILD))
        self.addCleanup(self.live.stop)
        self.mortals = Mortals(self.live)
        for who in self.mortals.starters:
            self.mortals.start(who)

    def test_all_killed_at_random_under_load_agree_in_the_end(self):
        print(f"\nSAMARA_SEED={SEED} SECONDS={SECONDS:g}", file=sys.stderr)
        with Capture(os.path.join(self.live.world.root, "wire.pcap"), self.live.world.port) as capture:
            until = time.monotonic() + SECONDS
            self.network, self.operator = Network(self.live, until), Operator(self.live, until)
            threads = [Killer(self.mortals, until), self.network, self.operator]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual([t.problem for t in threads if t.problem], [])
            self.settle()
            capture.stop()
            self.compare(capture.datagrams())

    def wait(self, what, condition):
        def alive_and():
            self.mortals.revive_all()
            return condition()
        try:
            return wait_until(what, alive_and, timeout=90, every=0.3)
        except Failed as problem:
            raise Broken(f"{problem}; seed {SEED}") from problem

    def settle(self):
        """No more deaths: who has one before it is started anew."""
        for who, process in list(self.mortals.running.items()):
            if process.fault.place is not None:
                process.kill()
        self.mortals.revive_all()
        for i in range(DEVICES):
            self.wait(f"a settled m{i + 1}", lambda i=i: self.settled(i))
        self.wait("an empty relay", lambda: self.live.ro.json("status")["relay"] == {"waiting": 0, "unacknowledged": 0})
        self.wait("an empty spool", lambda: not [n for _, _, names in os.walk(self.live.world.spool) for n in names])

    def settled(self, i):
        device = self.live.devices[i]
        wanted = self.operator.wanted.get(i, ACTIVATED)
        s, row, tre = self.live.subscription(device), self.live.ro.json("status", "--eid", device.eid), device.ask(STATE)
        hold(s["state"] != "rejected" and row["state"] != "reseal", f"burnt: {s}, {row}")
        hold(tre[1] == OK and len(tre[-1]) <= 1, f"the TRE says {tre}")
        return s["state"] == {ACTIVATED: "active", SUSPENDED: "suspended"}[wanted] and row["state"] == "installed" and \
            row["commands_pending"] == 0 and tre[10] == 0 and [m[4] for m in tre[-1]] == [wanted]

    def compare(self, datagrams):
        iccids = set()
        for i, device in enumerate(self.live.devices):
            mcim, s = device.ask(STATE)[-1][0], self.live.subscription(device)
            package = self.live.ro.json("status", "--eid", device.eid)["package"]
            for iccid, serial in ((package["iccid"], package["serial"]), (s["iccid"], s["serial"])):
                self.assertEqual((iccid.ljust(20, "f"), serial), (mcim[0].hex(), mcim[2]))
            iccids.add(mcim[0])
            if s["state"] == "active":
                self.assertTrue(self.network.authenticate(i), f"m{i + 1} is active and cannot authenticate")
            self.network.replay(i, self.network.taken[i])
        self.assertEqual(len(iccids), DEVICES, "two devices with one subscription")
        self.assertEqual(faults.twice_used(datagrams, self.live.world.port), [])
        self.tell(len(faults.requests(datagrams, self.live.world.port)))

    def tell(self, keys):
        found = {"seconds": SECONDS, "devices": DEVICES, "deaths": self.mortals.deaths, "request_keys": keys, "vectors": self.network.vectors,
                 "authenticated": sum(map(len, self.network.taken.values())), "commands": self.operator.commands}
        print(json.dumps(found), file=sys.stderr)


if __name__ == "__main__":
    unittest.main()
