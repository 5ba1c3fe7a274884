# SPDX-License-Identifier: Apache-2.0
"""Several samarad on one store, SQLite or PostgreSQL: one counter, one live subscription, one receipt, whichever of them a device asks, and however fast.
And a PostgreSQL that is killed, stopped, or cuts connections: unchanged check-ins are answered, what needs the store is not; all comes back by itself, and
nothing that was answered is lost."""
import copy
import os
import signal
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from front_ends import FrontEnds  # noqa: E402
from postgres import Postgres  # noqa: E402
from world import Failed, free_udp_port, wait_until  # noqa: E402

COUNTER, REVOKED, STORE_UNAVAILABLE = 3, 7, 8


class Shared(FrontEnds):
    """Whatever the store is."""

    def race(self, device, counters):
        """One request of the device's for each counter, in turn to both front ends, all at once. What each is told."""
        racers = [copy.copy(device) for _ in counters]
        requests = [self.o.m1(racer, ctr=ctr) for racer, ctr in zip(racers, counters)]
        answers = [None] * len(racers)

        def run(i):
            for _ in range(40):  # who loses against others too often is dropped, and asks again
                answers[i] = self.fly(racers[i], i % 2, timeout=1.0, m1=requests[i])
                if answers[i] not in (None, {0: STORE_UNAVAILABLE}):
                    return
        threads = [threading.Thread(target=run, args=(i,)) for i in range(len(racers))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertNotIn(None, answers)
        return answers, racers

    def test_flights_that_race_get_one_subscription(self):
        device = self.new()
        answers, _ = self.race(device, range(1, 17))
        self.assertEqual(len({repr(m2[1]) for m2 in answers if 1 in m2}), 1, answers)
        self.assertTrue(all(1 in m2 or m2 == {0: COUNTER} for m2 in answers), answers)

    def test_flights_that_race_with_one_counter_are_allocated_once(self):
        device = self.new()
        for ctr in range(1, 6):
            answers, _ = self.race(device, [ctr] * 8)
            self.assertEqual(sum(1 in m2 for m2 in answers), 1, answers)
            self.assertTrue(all(1 in m2 or m2 == {0: COUNTER} for m2 in answers), answers)

    def test_a_revocation_reaches_the_filters_of_both(self):
        device = self.new()
        self.report(device, 0, self.o.install(device, self.subscribe(device)))
        for words, wanted in (((), lambda c2: c2 == {0: REVOKED}), (("--undo",), lambda c2: c2 and 2 in c2)):
            self.o.ro.run("revoke", "--eid", device.eid.hex(), *words)
            for which in (0, 1):
                wait_until("it is known", lambda w=which, f=wanted: f(self.check_in(device, w, report={2: 1})), timeout=60)

    def test_check_in_at_both_counts_its_receipt_once(self):
        """The ticket is of the first front end; the same check-in arrives at both at once."""
        device = self.new()
        receipt = self.o.install(device, self.subscribe(device))
        c1 = device.c1(report={1: [receipt], 2: 1})
        opened = []

        def run(which):
            answer = self.ask(which, "c", c1)
            opened.append(copy.copy(device).open_c2(answer[1]))
        threads = [threading.Thread(target=run, args=(which,)) for which in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(opened), 2)
        self.assertTrue(all(0 not in c2 for c2 in opened), opened)
        row = self.status(device)
        self.assertEqual((row["state"], row["relay_waiting"]), ("installed", 1))

    def test_one_that_is_not_to_relay_copies_no_file_that_waits(self):
        """Nobody acknowledges here. The second front end, which relays too, takes the first one's file for lost and writes it again."""
        world = self.o.world
        silent = world.start_samarad(self.second_directory("silent"), None, "silent", listen__port=free_udp_port(), relay__active="no",
                                     store__path=self.o.store.get("store__path", self.o.ro.path("samara.db")))
        self.addCleanup(silent.stop)
        device = self.new()
        self.report(device, 0, self.o.install(device, self.subscribe(device)))

        def evidence(spool):
            return {file for _, _, files in os.walk(os.path.join(world.root, spool)) for file in files if file.startswith("evidence-")}
        wait_until("the file and its copy", lambda: evidence("spool") and evidence("spool") <= evidence("spool-second"), timeout=60)
        self.assertEqual(os.listdir(os.path.join(world.root, "spool-silent")), [])

    def test_ticket_of_one_is_good_at_the_other(self):
        device = self.new()
        receipt = self.o.install(device, self.subscribe(device, 0))
        self.report(device, 1, receipt)
        for which in (0, 1, 1, 0):
            self.assertNotIn(0, self.check_in(device, which))


class OnSqlite(Shared, unittest.TestCase):
    pass


class OnPostgres(Shared, unittest.TestCase):
    DEVICES = 66

    @classmethod
    def make_store(cls):
        cls.postgres = Postgres()
        cls.addClassCleanup(cls.postgres.remove)
        return cls.postgres.address()

    def settled(self):
        """A device with its subscription and a ticket, for which nothing is pending."""
        device = self.new()
        receipt = self.o.install(device, self.subscribe(device))
        self.report(device, 0, receipt)
        return device

    def goes_on_without_store(self, settled, m1, flier):
        for which in (0, 1):
            for _ in range(3):
                self.assertNotIn(0, self.check_in(settled, which))
            self.assertIn(self.fly(flier, which, timeout=0.3, m1=m1), (None, {0: STORE_UNAVAILABLE}))

    def recovers(self, flier, m1):
        """By itself: the request that was not answered is, at both front ends."""
        for which in (0, 1):
            wait_until("a subscription again", lambda w=which: 1 in (self.fly(flier, w, timeout=0.5, m1=m1) or {}), timeout=60)

    def stream(self, devices, answered, ended):
        for i, device in enumerate(devices):
            while not ended.is_set():
                m2 = self.fly(device, i % 2, timeout=0.3)
                if m2 is not None and 1 in m2:
                    answered.append((device, repr(m2[1])))
                    break

    def under_load(self, devices, disturb):
        """Flights at both front ends while @disturb runs; all end well. Returns (device, package) as answered."""
        answered, ended = [], threading.Event()
        threads = [threading.Thread(target=self.stream, args=(devices[i::3], answered, ended)) for i in range(3)]
        for thread in threads:
            thread.start()
        try:
            disturb(answered)
            wait_until("all flights answered", lambda: len(answered) == len(devices), timeout=90)
        finally:
            ended.set()
            for thread in threads:
                thread.join()
        return answered

    def holds(self, answered):
        """What the devices were given is what the store says, and it is still given."""
        for device, package in answered:
            row = self.status(device)
            self.assertEqual(row["state"], "offered")
            self.assertEqual(repr(self.subscribe(device, 1)[1]), package)

    def begin_load(self, batch):
        """`samara ro load`, stopped amid its transaction: it holds the rows of its devices, and whatever else it has taken."""
        o = self.o
        with self.postgres.session() as session:
            session("BEGIN; LOCK TABLE iccid IN ACCESS EXCLUSIVE MODE")
            loader = subprocess.Popen(o.world.as_user(o.ro.uid, None, [o.world.bin("samara"), "ro", "load", "--dir", o.ro.dir, "--quiet", batch]),
                                      stdin=subprocess.DEVNULL, cwd=o.world.root)
            wait_until("the load to wait", lambda: self.postgres.sql("SELECT count(*) FROM pg_locks WHERE NOT granted AND "
                                                                     "relation = 'iccid'::regclass") != "0")
            loader.send_signal(signal.SIGSTOP)
            session("COMMIT")
        return loader

    def test_load_of_packages_for_devices_with_tickets_holds_nobody_else_up(self):
        """Two devices with tickets get new packages, one is there already: the load of the other is under way while the first one fetches its own, which
        the journal notes, and others fly and report."""
        o, (first, second) = self.o, (self.settled(), self.settled())
        for device in (first, second):
            device.have = device.package[:2]
        batches = [o.reseal(number, device) for number, device in ((70, first), (71, second))]
        o.ro.run("load", batches[0])
        loader = self.begin_load(batches[1])
        try:
            refused = self.refusals()
            fetched = self.subscribe(first, 1)
            self.assertGreater(fetched[1][2], first.package[1])
            for which in (0, 1):
                device = self.new()
                self.report(device, which, o.install(device, self.subscribe(device, which)))
            self.assertEqual(self.status(second)["state"], "installed")
            self.assertEqual(self.refusals(), refused)
        finally:
            loader.send_signal(signal.SIGCONT)
        self.assertEqual(loader.wait(60), 0)
        self.assertEqual(self.status(second)["state"], "sealed")
        self.assertGreater(self.subscribe(second)[1][2], second.package[1])

    def test_a_start_that_others_hold_up_says_so(self):
        """The store is there and is ours: whoever operates it must not be sent to make it."""
        with self.postgres.session() as other:
            other("BEGIN; LOCK TABLE command IN ACCESS EXCLUSIVE MODE")
            with self.assertRaisesRegex(Failed, "reading the keys and what is pending.*start again") as caught:
                self.o.world.start_samarad(self.second_directory("third"), None, "third", listen__port=free_udp_port(), **self.o.store)
        self.assertNotIn("samara ro init", str(caught.exception))

    def refusals(self):
        """How often a front end has said that the store does not serve it."""
        count = 0
        for name in ("samarad", "second"):
            with open(os.path.join(self.o.world.logs, name + ".log"), encoding="utf-8", errors="replace") as f:
                count += f.read().count("store.refused")
        return count

    def test_killed_and_started_again(self):
        settled, flier = self.settled(), self.new()
        devices = [self.new() for _ in range(6)]

        def kill(answered):
            wait_until("a flight answered", lambda: answered)
            self.postgres.kill()
            m1 = self.o.m1(flier)
            self.goes_on_without_store(settled, m1, flier)
            self.postgres.start()
            self.recovers(flier, m1)
        self.holds(self.under_load(devices, kill))

    def test_stopped_in_order_and_started_again(self):
        settled, flier = self.settled(), self.new()
        self.postgres.stop()
        m1 = self.o.m1(flier)
        self.goes_on_without_store(settled, m1, flier)
        self.postgres.start()
        self.recovers(flier, m1)

    def test_hanging_and_going_on(self):
        """Not gone, only silent: it takes a while until it counts as lost, and then check-ins go on as well."""
        settled, flier = self.settled(), self.new()
        pids = [self.postgres.child.pid, *self.postgres.backends()]
        m1 = self.o.m1(flier)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            self.assertIn(self.fly(flier, timeout=0.3, m1=m1), (None, {0: STORE_UNAVAILABLE}))
            for _ in range(3):
                wait_until("a check-in answered", lambda: self.check_in(settled, timeout=10.0))
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        self.recovers(flier, m1)

    def test_connections_cut_again_and_again(self):
        devices = [self.new() for _ in range(12)]

        def cut(answered):
            for _ in range(12):
                before = len(answered)
                self.postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'samara'")
                if before < len(devices):
                    wait_until("a flight more", lambda b=before: len(answered) > b, timeout=60)
        self.holds(self.under_load(devices, cut))


if __name__ == "__main__":
    unittest.main()
