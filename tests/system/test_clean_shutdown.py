# SPDX-License-Identifier: Apache-2.0
"""samarad's end, restart, reload, and a store that takes no more: what was answered is durable, what is not durable is not answered, and who cannot
work says so."""
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from offline import Offline  # noqa: E402
from world import Failed, Process, World, copy_program, wait_still, wait_until  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")
STORE_UNAVAILABLE = 8
ROUNDS, PER_ROUND = 4, 30


class Case(unittest.TestCase):
    DEVICES = 8
    DISK = None  # octets of the RO's disk, when it is to be a small one
    OPTIONS = {}  # of samarad

    @classmethod
    def setUpClass(cls):
        cls.o = Offline(BUILD, devices=cls.DEVICES, by_certificate=0, ro_disk=cls.DISK)
        cls.addClassCleanup(cls.o.stop)
        cls.o.start(**cls.OPTIONS)
        cls.fresh = iter(cls.o.devices)

    def ask(self, path, payload, timeout=1.0):
        udp = self.o.udp(timeout)
        try:
            return udp.ask(path, payload)
        except ConnectionRefusedError:
            return None
        finally:
            udp.close()

    def fly(self, device, **kwargs):
        answer = self.ask("f", self.o.m1(device, **kwargs))
        return device.open_m2(answer[1]) if answer else None

    def log(self):
        with open(self.o.server.log, encoding="utf-8") as f:
            return f.read()


class Terminate(Case):
    DEVICES = ROUNDS * PER_ROUND + 1

    def stream(self, devices, answers):
        """Fly, one device after the other; an answer is noted with the request that brought it."""
        try:
            while True:
                device = devices.get_nowait()
                m1 = self.o.m1(device)
                answer = self.ask("f", m1, timeout=0.6)
                answers.put((device, m1, answer and device.open_m2(answer[1])))
        except queue.Empty:
            pass

    def end_under_load(self, devices, wait):
        todo, answers = queue.Queue(), queue.Queue()
        for device in devices:
            todo.put(device)
        workers = [threading.Thread(target=self.stream, args=(todo, answers)) for _ in range(4)]
        for worker in workers:
            worker.start()
        wait_until("load", lambda: answers.qsize() >= wait, timeout=10, every=0.001)
        start = time.monotonic()
        self.assertEqual(self.o.server.stop(signal.SIGTERM, timeout=5), 0)
        took = time.monotonic() - start
        while not todo.empty():  # those that are left are for the next round
            try:
                todo.get_nowait()
            except queue.Empty:
                break
        for worker in workers:
            worker.join(10)
        return [answers.get() for _ in range(answers.qsize())], took

    def test_end_under_load_answers_what_it_commits_and_loses_nothing(self):
        offered, answered, unanswered = 0, 0, 0
        for number in range(ROUNDS):
            devices = self.o.devices[number * PER_ROUND:(number + 1) * PER_ROUND]
            flights, took = self.end_under_load(devices, wait=3 + 2 * number)
            self.assertLess(took, 3)
            got = [(device, m1, m2) for device, m1, m2 in flights if m2]
            states = self.o.ro.json("status")["states"]
            self.assertEqual(states["offered"] - offered, len(got), "committed without an answer, or answered without a commit")
            self.o.start()
            for device, m1, m2 in got:
                self.assertEqual(device.open_m2(self.ask("f", m1)[1])[1], m2[1])
            offered, answered, unanswered = states["offered"], answered + len(got), unanswered + len(flights) - len(got)
        self.assertIn("event=samarad.stopped", self.log())
        print(f"\n{ROUNDS} ends under load: {answered} flights answered, {unanswered} not, none lost", file=sys.stderr)
        self.assertIn(1, self.fly(self.o.devices[-1]))

    def test_end_without_load_leaves_no_socket_and_no_log_of_the_store(self):
        self.o.server.stop()
        self.assertFalse(os.path.exists(self.o.world.status_socket))
        self.assertFalse(os.path.exists(self.o.ro.path("samara.db-wal")), "what was committed is still in the write-ahead log")
        self.o.start()


class Saturated(unittest.TestCase):
    """The socket is never empty: for one that is answered the next is there."""
    DEVICES, OPEN = 1500, 300

    def setUp(self):
        self.world = World(BUILD)
        self.addCleanup(self.world.close)
        copy_program(os.path.join(BUILD, "fleet", "samara-fleet"), self.world.bin("samara-fleet"))
        self.ro = self.world.player("ro", "ro", 1)
        self.ro.init()
        self.fleet = [self.world.bin("samara-fleet")]
        self.world.command([*self.fleet, "stock", "--ro", self.ro.dir, "--fleet", self.ro.path("fleet"), "--devices", str(self.DEVICES), "--quiet"],
                           self.ro.uid)
        # Nobody is sent away, and a batch is much less than what is open.
        self.server = self.world.start_samarad(self.ro, listen__threads=1, listen__batch=16, overload__target_ms=10000)

    def fly_all(self):
        argv = [*self.fleet, "run", "--fleet", self.ro.path("fleet"), "--server", f"127.0.0.1:{self.world.port}", "--do", "provision", "--window",
                str(self.OPEN), "--prepare", "--verify-after", "--resend-after", "60000", "--patience", "60", "--sources", "1", "--quiet"]
        fleet = subprocess.Popen(self.world.as_user(self.ro.uid, None, argv), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.addCleanup(fleet.wait)
        self.addCleanup(fleet.kill)

    def test_end_comes_though_there_is_always_more(self):
        self.server.child.send_signal(signal.SIGSTOP)
        try:
            self.fly_all()
            wait_still("the requests in the socket", self.world.waiting)
            self.server.child.send_signal(signal.SIGTERM)
        finally:
            self.server.child.send_signal(signal.SIGCONT)
        self.assertEqual(self.server.child.wait(60), 0)
        self.assertIn(self.ro.json("status")["states"]["offered"], range(1, self.DEVICES), "it went on as long as there was something")


class Reload(Case):
    def test_sighup_takes_up_what_was_loaded_without_a_break(self):
        device = next(self.fresh)
        self.assertIn(1, self.fly(device))
        new = os.urandom(32)
        self.assertEqual(self.fly(device, measurement=new), {0: 2})
        pid = self.o.server.pid
        self.o.publish(self.o.measurement, new)
        self.o.server.child.send_signal(signal.SIGHUP)
        wait_until("the new measurement", lambda: 1 in (self.fly(device, measurement=new) or {}), timeout=15)
        self.assertEqual((self.o.server.pid, self.o.server.alive()), (pid, True))

    def test_shipment_and_batch_loaded_while_it_runs_are_served(self):
        self.o.ship(3, range(500, 503), load=True)
        self.o.server.child.send_signal(signal.SIGHUP)
        wait_until("the new shipment", lambda: 1 in (self.fly(self.o.devices[-1]) or {}), timeout=15)

    def test_rotated_flight_key_serves_beside_the_old_one(self):
        device, other = next(self.fresh), next(self.fresh)
        self.o.ro.run("rotate", "flight", "--now")
        self.o.server.child.send_signal(signal.SIGHUP)
        self.assertIn(1, self.fly(device))
        old = self.o.number
        self.o.q = dict(self.o.flight_keys())
        self.o.number = max(self.o.q)
        self.assertGreater(self.o.number, old)
        wait_until("the new key", lambda: isinstance(self.fly(other), dict), timeout=15)

    def test_second_server_on_the_same_directory_is_refused_and_harms_nothing(self):
        """Also with a configuration of its own: another port, another status socket."""
        self.refused(self.o.server.argv)
        config = self.o.write("second.ini", "[listen]\naddress = 127.0.0.1\nport = 1\n[status]\nsocket = second.sock\n"
                              f"[relay]\nspool = {self.o.world.spool}\n")
        os.chmod(config, 0o644)
        self.refused(self.o.server.argv[:-1] + [config])

    def refused(self, argv):
        second = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            out, _ = second.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            second.terminate()
            second.communicate(timeout=5)
            self.fail("two servers run in one directory")
        self.assertNotEqual(second.returncode, 0)
        self.assertIn("another samarad", out)
        self.assertIsNotNone(self.o.world.counters())
        self.assertIn(1, self.fly(next(self.fresh)))


class Full(Case):
    """The RO's directory is a disk of its own, which gets full and is made free again."""
    DEVICES = 12
    DISK = 24 << 20
    OPTIONS = {"relay__interval": "1h"}  # what the relay writes would begin a log that was truncated a moment ago

    def empty_log(self):
        """A purge makes samarad truncate the store's log; until then the log's own room would serve on a full disk too."""
        device = next(self.fresh)
        receipt = self.o.install(device, self.fly(device))
        self.assertIn(2, device.open_c2(self.ask("c", device.c1(report={1: [receipt], 2: 1}))[1]))
        wait_until("the log to be truncated", lambda: os.path.getsize(self.o.ro.path("samara.db-wal")) == 0, 60, every=0.05)

    def fill(self):
        """Until not an octet fits. What is left over by others is taken again and again for a moment: logs are truncated."""
        path = self.o.ro.path("filler")
        end = time.monotonic() + 2.5  # longer than the server waits between checkpoints
        with open(path, "ab", buffering=0) as f:
            while time.monotonic() < end:
                try:
                    f.write(bytes(4096))
                except OSError:
                    time.sleep(0.05)

    def free(self):
        os.remove(self.o.ro.path("filler"))

    def test_full_disk_refuses_new_work_says_so_and_recovers_by_itself(self):
        idle, reporting, newcomer = next(self.fresh), next(self.fresh), next(self.fresh)
        self.assertIn(1, self.fly(idle))
        m2 = self.fly(reporting)
        c1 = reporting.c1(report={1: [self.o.install(reporting, m2)], 2: 1})
        self.empty_log()
        self.fill()
        try:
            m1 = self.o.m1(newcomer)
            self.assertEqual(newcomer.open_m2(self.ask("f", m1)[1]), {0: STORE_UNAVAILABLE})
            self.assertIn(2, self.o.check_in(idle), "a check-in that needs no store")
            self.assertIsNone(self.ask("c", c1, timeout=0.5), "a receipt that cannot be kept is not acknowledged")
            self.assertRegex(self.log(), r"level=error .*event=store.refused .*error=DISK_FULL")
        finally:
            self.free()
        pid = self.o.server.pid
        self.assertIn(1, newcomer.open_m2(self.ask("f", m1)[1]), "the same request, now that there is room")
        self.assertIn(2, reporting.open_c2(self.ask("c", c1)[1]))
        self.assertIn("event=store.recovered", self.log())
        self.assertEqual((self.o.server.pid, self.o.server.alive()), (pid, True))
        self.assertEqual(self.o.ro.json("status", "--eid", reporting.eid.hex())["state"], "installed")

    def test_full_disk_loads_no_file_and_says_so(self):
        before = self.o.ro.json("status")["devices"]
        self.fill()
        try:
            with self.assertRaises(Failed) as refused:
                self.o.ship(3, range(600, 700), load=True)
        finally:
            self.free()
        self.assertIn("disk", str(refused.exception))
        self.assertEqual(self.o.ro.json("status")["devices"], before)
        self.assertIn(1, self.fly(next(self.fresh)))

    def test_store_that_may_not_be_written_ends_the_start_with_words(self):
        path = self.o.ro.path("samara.db")
        self.o.server.stop()
        os.chmod(path, 0o400)
        try:
            done = Process(self.o.world, "samarad", self.o.server.argv, os.path.join(self.o.world.logs, "read-only.log"))
            self.assertNotEqual(done.child.wait(timeout=10), 0)
            self.assertIn("read-only", done.tail())
        finally:
            os.chmod(path, 0o600)
            self.o.start()
        self.assertIn(1, self.fly(next(self.fresh)))


if __name__ == "__main__":
    unittest.main()
