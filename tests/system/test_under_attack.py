# SPDX-License-Identifier: Apache-2.0
"""The real samarad while first contacts have to prove themselves (Echo, gate MAC), and while it is flooded: nobody gets public-key work who has not
proved what is demanded, honest devices are served, and no clear answer is longer than three times its request."""
import contextlib
import os
import random
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import disk  # noqa: E402
import echo  # noqa: E402
import json  # noqa: E402
import mutants  # noqa: E402
import wire  # noqa: E402
from live import Live  # noqa: E402
from offline import Offline  # noqa: E402
from oracle import coap, flight  # noqa: E402
from world import wait_until  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")
FLOOD = 6000  # datagrams


def proved(device, gate):
    """The device's last M1 with its gate MAC behind it, as a payload."""
    return device.request + wire.dumps(flight.gate_mac(gate, device.hash_m1))


@contextlib.contextmanager
def standing_still(pid):
    """What is sent meanwhile is all in the socket when the program goes on."""
    def state():
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0]

    os.kill(pid, signal.SIGSTOP)
    try:
        wait_until("it stands still", lambda: state() == "T")
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


class Case(unittest.TestCase):
    DEMAND = {"overload__demand": "always", "overload__gate": "require"}
    GATE = True

    @classmethod
    def setUpClass(cls):
        cls.o = Offline(BUILD, devices=40, by_certificate=0, gate=cls.GATE)
        cls.o.start(**cls.DEMAND)
        cls.fresh = iter(cls.o.devices)
        cls.gate = cls.o.gate_key(1)

    @classmethod
    def tearDownClass(cls):
        cls.o.stop()

    def setUp(self):
        self.udp = self.client()
        self.before = self.counters()

    def client(self, source=None):
        udp = wire.Udp(self.o.world.port, 20, source)
        self.addCleanup(udp.close)
        return udp

    def counters(self):
        return wait_until("the server's counters", self.o.world.counters)

    def spent(self, name="flights_opened"):
        """How often since the test began."""
        return self.counters()[name] - self.before[name]

    def ask(self, device, **kwargs):
        device.request = self.o.m1(device, **kwargs)
        return device.request

    def fly(self, device, udp=None):
        """The whole way: Echo, then the same M1 with Echo and MAC."""
        udp = udp or self.udp
        value, _ = udp.ask_echo("f", self.ask(device))
        code, m2 = udp.ask("f", proved(device, self.gate), echo=value)
        self.assertEqual(code, "2.04")
        return device.open_m2(m2)


class Demanded(Case):
    def test_first_contact_takes_one_more_round_trip_and_a_check_in_none(self):
        device = next(self.fresh)
        receipt = self.o.install(device, self.fly(device))
        self.assertEqual(self.spent(), 1)
        self.assertIn(2, self.o.check_in(device, {1: [receipt], 2: 1}, self.udp))
        self.assertEqual((self.spent("echo_demanded"), self.spent("gate_accepted"), self.spent("checkins_answered")), (1, 1, 1))

    def test_without_the_right_mac_there_is_no_public_key_work(self):
        device, other = next(self.fresh), next(self.fresh)
        value, _ = self.udp.ask_echo("f", self.ask(device))
        self.ask(other)
        m1, mac = device.request, wire.dumps(flight.gate_mac(self.gate, device.hash_m1))
        changed = bytearray(m1)
        changed[-1] ^= 1
        for payload in (m1,                                                           # none
                        m1 + wire.dumps(flight.gate_mac(os.urandom(16), device.hash_m1)),  # of a shipment that does not exist
                        bytes(changed) + mac,                                         # of this M1, before it was changed
                        other.request + mac,                                          # of another device's
                        m1 + wire.dumps(bytes(12))):
            self.assertEqual(self.udp.ask("f", payload, echo=value), ("5.03", b""))
        self.assertEqual((self.spent(), self.spent("gate_accepted"), self.spent("told_later")), (0, 0, 5))
        self.assertEqual(self.udp.ask("f", m1 + mac, echo=value)[0], "2.04")

    def test_shipment_beyond_the_keys_that_are_tried_gets_its_turn(self):
        """201 shipments, of which 64 are tried; this one is the last of all, and the server has seen none of its devices."""
        def put(*statements):
            disk.put(self.o.ro, *statements)
            self.o.server.stop()
            self.o.start(**self.DEMAND)
        self.addCleanup(put, ("DELETE FROM shipment WHERE number >= 1000", ()))
        put(*(("INSERT INTO shipment (number, id, supplier, gate) SELECT ?, ?, supplier, ? FROM shipment WHERE number = 1",
                (1000 + n, n.to_bytes(8, "big"), os.urandom(16))) for n in range(200)))
        device, udp = next(self.fresh), self.client()
        value, _ = udp.ask_echo("f", self.ask(device))

        def asked():
            code, m2 = udp.ask("f", proved(device, self.gate), echo=value)
            self.assertIn(code, ("2.04", "5.03"))
            return m2
        self.assertIn(1, device.open_m2(wait_until("its turn", asked)))
        self.assertIn(1, self.fly(next(self.fresh), udp))  # and with it all

    def test_echo_serves_at_its_own_address_and_port_alone(self):
        device = next(self.fresh)
        value, _ = self.udp.ask_echo("f", self.ask(device))
        for source in ("127.0.0.2", "127.0.0.1"):  # another address; the same with another port
            self.assertNotEqual(self.client(source).ask_echo("f", proved(device, self.gate), echo=value)[0], value)
        self.assertEqual((self.spent(), self.spent("echo_refused")), (0, 2))

    def test_echo_expires(self):
        """Collected earlier, by whoever had the address then. The server's own key makes them here, so that nobody waits for minutes."""
        device, port = next(self.fresh), self.udp.socket.getsockname()[1]
        key = disk.echo_key(self.o.ro)
        self.ask(device)
        for age in (5 * echo.WINDOW, 250 * echo.WINDOW, 256 * echo.WINDOW, -3 * echo.WINDOW):
            old = echo.echo(key, time.time() - age, "127.0.0.1", port)
            self.udp.ask_echo("f", proved(device, self.gate), echo=old)
        self.assertEqual(self.spent(), 0)
        self.assertEqual(self.udp.ask("f", proved(device, self.gate), echo=echo.echo(key, time.time(), "127.0.0.1", port))[0], "2.04")

    def test_lost_answer_is_the_same_again_without_any_work(self):
        device = next(self.fresh)
        value, _ = self.udp.ask_echo("f", self.ask(device))
        datagram = coap.request("f", proved(device, self.gate), 77, echo=value)
        first = self.udp.exchange(datagram)
        self.assertIn(1, device.open_m2(wire.coap_answer(first)[1]))
        self.assertEqual(self.udp.exchange(datagram), first)
        self.assertEqual((self.spent(), self.spent("answers_repeated")), (1, 1))

    def test_clear_answers_are_at_most_three_times_their_request(self):
        """Each kind, for the shortest request that earns it."""
        device = next(self.fresh)
        smallest = {"4.01": wire.dumps([1, self.o.number, bytes(33), bytes(16)]),
                    "4.04": wire.dumps([1, 0, bytes(33), bytes(16)])}
        for code, payload in smallest.items():
            datagram = coap.request("f", payload, token=b"")
            answer = self.udp.exchange(datagram)
            self.assertEqual(coap.check_answer(datagram, answer)[0], code)
            self.assertLessEqual(len(answer), 3 * len(datagram), code)
        value, _ = self.udp.ask_echo("f", self.ask(device))
        datagram = coap.request("f", smallest["4.01"], token=b"", echo=value)
        answer = self.udp.exchange(datagram)
        self.assertEqual(coap.check_answer(datagram, answer)[0], "5.03")
        self.assertLess(len(answer), len(datagram))
        ticket = wire.dumps([bytes(4) + b"\xff" * 97, bytes(4), bytes(17)])
        datagram = coap.request("c", ticket, token=b"")
        answer = self.udp.exchange(datagram)
        self.assertEqual(coap.check_answer(datagram, answer)[0], "4.04")
        self.assertLess(len(answer), len(datagram))


class Flooded(Case):
    """The defaults: nothing is demanded until the load says so."""
    DEMAND = {"listen__threads": 1, "overload__hold": "1s"}

    def forged(self, rng):
        """What costs a forger nothing: rubbish, cut requests, requests that open under no key, tickets of nobody."""
        e = wire.Key().point
        point = [1, self.o.number, e, rng.randbytes(180)]
        yield rng.randbytes(rng.randrange(1, 1200))
        yield coap.request("f", wire.dumps(point))
        yield coap.request("f", wire.dumps(point) + wire.dumps(rng.randbytes(12)), echo=rng.randbytes(8))
        yield coap.request("f", wire.dumps(point)[:-1])
        yield coap.request("c", wire.dumps([rng.randbytes(98), rng.randbytes(4), rng.randbytes(19)]))

    def flood(self, stop):
        rng = random.Random(7)
        datagrams = [d for _ in range(40) for d in self.forged(rng)]
        udp = wire.Udp(self.o.world.port)
        for i in range(FLOOD):
            if stop.is_set():
                break
            try:
                udp.socket.send(datagrams[i % len(datagrams)])
            except OSError:
                pass  # the socket's own buffer is full of answers that nobody reads, or a port is unreachable
        udp.close()

    def persistent(self, path, payload):
        """As an agent: again until an answer comes, with what is demanded. (code, payload)"""
        udp, extra = wire.Udp(self.o.world.port, 1), {}
        try:
            for _ in range(60):
                answer = udp.exchange(coap.request(path, payload, **extra))
                if answer is None:
                    continue
                _, code, _, _, options, rest = coap.parse(answer)
                if code == "4.01":
                    extra = {"echo": options[coap.ECHO]}
                    payload = self.with_mac(path, payload)
                elif code != "5.03":
                    return code, rest
        finally:
            udp.close()
        raise AssertionError("an honest device is not served")

    def with_mac(self, path, payload):
        if path == "f" and len(payload) == self.m1_len:
            return payload + wire.dumps(flight.gate_mac(self.gate, wire.sha256(payload)))
        return payload

    def test_honest_devices_are_served_in_a_flood_of_forged_datagrams(self):
        stop = threading.Event()
        attackers = [threading.Thread(target=self.flood, args=(stop,)) for _ in range(2)]
        for attacker in attackers:
            attacker.start()
        try:
            for device in [next(self.fresh) for _ in range(10)]:
                m1 = self.ask(device)
                self.m1_len = len(m1)
                code, m2 = self.persistent("f", m1)
                self.assertEqual(code, "2.04")
                receipt = self.o.install(device, device.open_m2(m2))
                code, c2 = self.persistent("c", device.c1(report={1: [receipt], 2: 1}))
                self.assertIn(2, device.open_c2(c2))
        finally:
            stop.set()
            for attacker in attackers:
                attacker.join()
        self.assertGreaterEqual(self.spent("flights_answered"), 10)
        self.assertEqual(self.spent("packages_sent"), self.spent("flights_answered"))
        self.assertGreater(self.spent("dropped_malformed"), 0)

    def test_server_is_calm_again_and_demands_nothing(self):
        device = next(self.fresh)

        def served():
            m2 = self.o.fly(device, self.udp)
            return isinstance(m2, dict) and m2
        self.assertIn(1, wait_until("a flight without demand", served))


class Loaded(unittest.TestCase):
    """What a loaded worker keeps of what it receives should be worth a commit: most of it it sends away at once."""
    BATCH = 8
    LOADED = {"listen__threads": 1, "listen__batch": BATCH, "overload__target_ms": 1, "overload__hold": "1h"}  # and it stays so

    def setUp(self):
        self.o = Offline(BUILD, devices=2 * self.BATCH, by_certificate=0)
        self.addCleanup(self.o.stop)
        self.udp = wire.Udp(self.o.world.port, 20)
        self.addCleanup(self.udp.close)

    def at_once(self, datagrams):
        """All of them are in the worker's socket when it looks."""
        with standing_still(self.o.server.pid):
            for datagram in datagrams:
                self.udp.socket.send(datagram)

    def counters(self):
        return wait_until("the server's counters", self.o.world.counters)

    def sent_away(self):
        """A first contact under a key that nobody has: the hint for it needs neither store nor public-key work."""
        return coap.request("f", wire.dumps([1, 0, bytes(33), bytes(16)]))

    def is_loaded(self):
        self.at_once([self.sent_away() for _ in range(200)])
        return self.counters()["batches_loaded"]

    def lookups(self, devices):
        """How many batches are looked up for the receipts of so many devices, each among requests that are sent away."""
        self.o.start()
        reports = []
        for device in devices:
            receipt = self.o.install(device, self.o.fly(device))
            reports.append(coap.request("c", device.c1(report={1: [receipt], 2: 1})))
        self.o.server.stop()
        self.o.start(**self.LOADED)
        wait_until("load", self.is_loaded)
        before = self.counters()
        self.at_once([datagram for report in reports for datagram in (*[self.sent_away()] * (self.BATCH - 1), report)])
        wait_until("all receipts", lambda: self.counters()["receipts"] == before["receipts"] + len(devices))
        after = self.counters()
        self.o.server.stop()
        return sum((after[name] - before[name]) * sign for name, sign in (("store_round_trips", 1), ("commits", -1)))

    def test_worker_receives_into_its_batch_until_it_is_worth_a_commit(self):
        devices = self.o.devices
        self.assertLessEqual(self.lookups(devices[:self.BATCH]), 3)
        self.o.world.use(mutants.programs("worker_commits_what_it_has"))
        self.assertEqual(self.lookups(devices[self.BATCH:]), self.BATCH)


class Overloaded(Case):
    """First contacts have filled the socket until it counted as loaded, and so it stays. From there on a batch is as old as a test lets it grow."""
    TARGET = 0.25  # seconds
    LATER = 100, 160
    DEMAND = {"listen__threads": 1, "listen__batch": 16, "overload__demand": "always", "overload__target_ms": int(TARGET * 1000), "overload__hold": "1h",
              "overload__prefix_rate": 1, "overload__later_min": f"{LATER[0]}s", "overload__later_max": f"{LATER[1]}s"}
    BUDGET = 2  # first contacts: what a prefix has saved up in two seconds

    def echo_at(self, udp):
        """The Echo of this address, as if it had been demanded before the load came."""
        return echo.echo(disk.echo_key(self.o.ro), time.time(), *udp.socket.getsockname())

    def first_contact(self, udp):
        """A device's first request, with all that a server can demand, and the device."""
        device = next(self.fresh)
        self.ask(device)
        return device, coap.request("f", proved(device, self.gate), echo=self.echo_at(udp))

    def burst(self, sends, targets):
        """@sends: (socket, datagram). All of them are in the worker's socket, in this order, and at least so many targets old when it looks.
        Returns how many octets wait then. The age is what is tested; it may be any amount more."""
        with standing_still(self.o.server.pid):
            for udp, datagram in sends:
                udp.socket.send(datagram)
            time.sleep(targets * self.TARGET)
            return self.o.world.waiting()

    def overload(self):
        """What opens under no key costs public-key work: the queue is there for a while, and it stands still amid it for as long as counts."""
        udp = self.client()
        junk = coap.request("f", wire.dumps([1, self.o.number, wire.Key().point, os.urandom(180)]), echo=self.echo_at(udp))

        def amid():
            full = self.burst([(udp, junk)] * 250, 1)
            wait_until("it to begin", lambda: self.o.world.waiting() < full, every=0)
            self.burst([], 1)
            return self.counters()["batches_loaded"]
        wait_until("load", amid, timeout=60)
        wait_until("the rest to be taken", lambda: self.o.world.waiting() == 0)
        # There is one worker: what is answered now comes after all that was taken.
        self.assertEqual(self.udp.ask("c", wire.dumps([bytes(98), bytes(4), bytes(19)]))[0], "4.04")
        self.before = self.counters()

    def assert_later(self, datagram, answer):
        """Sent away; returns for how long."""
        code, options, _ = coap.check_answer(datagram, answer)
        self.assertEqual(code, "5.03")
        seconds = int.from_bytes(options[coap.MAX_AGE], "big")
        self.assertTrue(self.LATER[0] <= seconds <= self.LATER[1], seconds)
        return seconds

    def test_check_ins_receipts_and_repetitions_are_answered_while_all_new_work_is_sent_away(self):
        idle, reporting, answered = (next(self.fresh) for _ in range(3))
        self.fly(idle)
        receipt = self.o.install(reporting, self.fly(reporting))
        self.ask(answered)
        repetition = coap.request("f", proved(answered, self.gate), echo=self.echo_at(self.udp))
        m2 = self.udp.exchange(repetition)
        self.assertIn(1, answered.open_m2(wire.coap_answer(m2)[1]))
        self.overload()
        places = [self.client(f"127.0.{i}.1") for i in range(1, 9)]
        new = [(udp, self.first_contact(udp)[1]) for udp in places]
        new += [(udp, coap.request("f", self.ask(next(self.fresh)))) for udp in (self.client(), self.client())]
        report = coap.request("c", reporting.c1(report={1: [receipt], 2: 1}))
        check_in = coap.request("c", idle.c1())
        self.burst([*new, *((self.udp, datagram) for datagram in (repetition, report, check_in))], 5)
        answers = [self.udp.socket.recv(2048) for _ in range(3)]
        self.assertIn(2, idle.open_c2(coap.check_answer(check_in, answers[0])[2]))
        self.assertEqual(answers[1], m2)
        self.assertIn(2, reporting.open_c2(coap.check_answer(report, answers[2])[2]))
        waits = [self.assert_later(datagram, udp.socket.recv(2048)) for udp, datagram in new]
        self.assertGreater(len(set(waits)), 1, "all of them are told to come back at once")
        self.assertEqual([self.spent(name) for name in ("flights_opened", "told_later", "answers_repeated", "receipts", "checkins_answered")],
                         [0, len(new), 1, 1, 2])

    def test_prefix_that_has_used_up_its_budget_is_sent_away_and_another_is_served(self):
        self.overload()

        def is_other_served():
            """Where the machine stood still for so long that the queue was too old for everybody, it is not: then once more."""
            hog = [self.client(f"127.0.101.{i}") for i in range(1, self.BUDGET + 3)]
            other = self.client("127.0.102.1")
            sends = [(udp, *self.first_contact(udp)) for udp in (*hog, other)]
            self.burst([(udp, datagram) for udp, _, datagram in sends], 2.2)
            served = []
            for udp, device, datagram in sends:
                answer = udp.socket.recv(2048)
                served.append(coap.check_answer(datagram, answer)[0] == "2.04")
                if served[-1]:
                    self.assertIn(1, device.open_m2(wire.coap_answer(answer)[1]))
                else:
                    self.assert_later(datagram, answer)
            self.assertLessEqual(sum(served[:-1]), self.BUDGET)
            self.assertFalse(any(served[self.BUDGET:-1]))
            return served[-1]
        wait_until("the other prefix to be served", is_other_served)
        self.assertGreaterEqual(self.spent("over_budget"), 2)


class Agents(unittest.TestCase):
    """Real devices: TRE and agent."""

    def once(self, live, what, code=0):
        done = live.devices[0].agent("--once", what, "--json", ok=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def powered(self, gate, **overload):
        live = Live(BUILD, gate=gate)
        self.addCleanup(live.stop)
        live.start(**overload)
        tre = live.devices[0].start_tre_alone()
        self.addCleanup(tre.stop)
        return live

    def test_agent_proves_itself_with_one_more_round_trip(self):
        live = self.powered(True, overload__demand="always", overload__gate="require")
        result = self.once(live, "provision")
        self.assertTrue(result["installed"])
        self.assertEqual((result["datagrams_up"], result["datagrams_down"]), (2, 2))
        result = self.once(live, "check-in")
        self.assertEqual((result["datagrams_up"], result["datagrams_down"]), (1, 1))
        self.assertEqual(live.world.counters()["gate_accepted"], 1)

    def test_agent_without_gate_key_is_served_by_its_address_or_told_to_come_back(self):
        live = self.powered(False, overload__demand="always", overload__gate="require", overload__later_min="100s", overload__later_max="160s")
        begin = time.time()
        result = self.once(live, "provision", 4)
        self.assertEqual((result["result"], result["datagrams_up"]), ("later", 2))
        due = live.devices[0].status()["next_due"]  # a tenth more is the agent's own
        self.assertTrue(begin + 99 <= due <= time.time() + 160 * 1.1 + 1, due - begin)
        self.assertEqual(live.world.counters()["flights_opened"], 0)
        live.server.stop()
        live.start(overload__demand="always", overload__gate="prefer")
        self.assertTrue(self.once(live, "provision")["installed"])


if __name__ == "__main__":
    unittest.main()
