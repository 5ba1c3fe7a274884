# SPDX-License-Identifier: Apache-2.0
"""Tickets over time, with the real agent, TRE and samarad: spare tickets, refused tickets, keys that are gone, devices that come back after a year. Whatever
is wrong with a ticket leads to one flight, never to a loop: each case has a bound of datagrams."""
import os
import signal
import socket
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import disk  # noqa: E402
import wire  # noqa: E402
from lives import Lives  # noqa: E402
from world import Failed, free_udp_port, wait_until  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")
OK, CHECKIN_START = 0, 7
TRIES = 5  # of one C1: sent, and sent again four times
EVER = 4294967295


def path_of(datagram):
    """«f» or «c», and where the payload begins."""
    at = 4 + (datagram[0] & 15)  # after the token: the path, of one octet, and the marker
    assert datagram[at] == 0xb1 and datagram[at + 2] == 0xff
    return chr(datagram[at + 1]), at + 3


class Between:
    """A path between devices and samarad. @alter: by a device's address, what becomes of its requests."""

    def __init__(self, port, server_port):
        self.server_port, self.alter, self.requests = server_port, {}, {}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", port))
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            datagram, client = self.socket.recvfrom(2048)
            if not datagram:
                return
            threading.Thread(target=self.carry, args=(datagram, client), daemon=True).start()

    def carry(self, datagram, client):
        path, at = path_of(datagram)
        self.requests.setdefault(client[0], []).append((path, datagram[at:]))
        datagram = self.alter.get(client[0], lambda d: d)(datagram)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as up:
            up.settimeout(10)
            up.connect(("127.0.0.1", self.server_port))
            try:
                up.send(datagram)
                self.socket.sendto(up.recv(2048), client)
            except (TimeoutError, ConnectionRefusedError):
                pass  # as on the air

    def of(self, device):
        """The paths of its messages, in order; what is sent again counts once."""
        return "".join(path for path, _ in dict.fromkeys(self.requests.get(device.address, [])))

    def times(self, device):
        """Its messages, in order: the path of each, and how often it was sent."""
        sent = self.requests.get(device.address, [])
        return [(message[0], sent.count(message)) for message in dict.fromkeys(sent)]

    def most_of_one(self, device):
        """How often the most frequent of its messages was sent."""
        return max(count for _, count in self.times(device))

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"", self.socket.getsockname())
        self.thread.join()
        self.socket.close()


class Ticketed(Lives):
    """With a path in between, and one class of tickets for all."""

    def __init__(self, devices):
        self.behind, self.epoch, self.lifetime, self.spare = free_udp_port(), 86400, 30, "always"
        super().__init__(BUILD, devices=devices, ack_timeout="1s", max_retransmit=0, attach_timeout="1s", pause_min_ms=20, pause_max="1s")
        for device in self.devices:
            device.write_config("never", ack_timeout="1s", max_retransmit=0, attach_timeout="1s", pause_min_ms=20, pause_max="1s", bind=device.address)
        self.path = Between(self.world.port, self.behind)

    def start(self, fault=None, **options):
        disk.put(self.ro, ("DELETE FROM ticket_class WHERE number <> 0", ()),
                 ("UPDATE ticket_class SET up_to_s = ?, epoch_s = ?, lifetime = ?", (EVER, self.epoch, self.lifetime)))
        return super().start(fault, listen__port=self.behind, tickets__spare=self.spare, **options)

    def again(self):
        """The server ends and starts."""
        self.server.stop()
        self.start()

    def stop(self):
        self.path.close()
        self.world.close()


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.w = Ticketed(cls.DEVICES)
        for device in cls.w.devices:
            device.start_tre_alone()
            cls.w.install(device)
        cls.fresh = iter(cls.w.devices)
        cls.w.path.requests.clear()

    def new(self, count):
        return [next(self.fresh) for _ in range(count)]

    @classmethod
    def tearDownClass(cls):
        cls.w.stop()

    def counters(self):
        return self.w.world.counters()


    def wait_pending(self, count):
        """Until the server has heard for how many devices something waits."""
        wait_until(f"{count} pending", lambda: self.w.world.live()["pending"] == count)


class Alone(Case):
    """Agents at work by themselves, all at once: each is told to check in, and has to find its way."""

    def pend(self, device, *more):
        """Something waits for it, so that its check-ins look at the row; and the row becomes another."""
        eid = bytes.fromhex(device.eid)
        disk.put(self.w.ro, ("INSERT INTO command (eid, iccid, operator, serial, pending, command) "
                             "SELECT eid, iccid, operator, 1, 1, x'00' FROM device WHERE eid = ?", (eid,)),
                 ("UPDATE meta SET value = value + 1 WHERE name = 'journal'", ()),
                 ("INSERT OR REPLACE INTO journal SELECT value % 4096, value, ? FROM meta WHERE name = 'journal'", (eid,)),
                 *((f"UPDATE device SET revision = revision + 1, {change} WHERE eid = ?", (eid,)) for change in more))

    def find_their_way(self, devices):
        """Until each has checked in once more after a flight."""
        agents = {device: device.start_agent_alone() for device in devices}
        for device, agent in agents.items():
            agent.wait_logged("agent.started")
            agent.child.send_signal(signal.SIGUSR1)
        for device in devices:
            try:
                wait_until(f"m{device.number} back", lambda d=device: self.is_back(d), 60)
            except Failed as e:
                raise Failed(f"{e}: {self.w.path.of(device)}, {device.status()}") from None
        for agent in agents.values():
            agent.stop()

    def is_back(self, device):
        done = self.w.path.of(device)
        if "f" not in done or done[-1] != "c":
            return False
        status = device.status()
        return status["state"] == "idle" and status["last_refusal"] == 0 and status["failures_running"] == 0


class Now(Alone):
    DEVICES = 11

    # ---- spare tickets ----

    def lose(self, device):
        """The server answers each of the identical requests, and no answer arrives. Returns the request."""
        udp, seen = wire.Udp(self.w.behind), set()
        for _ in range(TRIES):
            err, c1 = device.ask(CHECKIN_START)
            self.assertEqual(err, OK)
            self.assertEqual(udp.ask("c", c1)[0], "2.04")
            seen.add(c1)
        udp.close()
        self.assertEqual(len(seen), 1)
        return seen.pop()

    def test_all_answers_lost_then_the_spare_ticket_and_no_flight(self):
        (device,), before = self.new(1), self.counters()
        self.lose(device)
        done = self.w.contact(device, "check-in")
        self.assertEqual((done["result"], done["datagrams_up"], done["flight_needed"]), ("accepted", 1, False))
        after = self.counters()
        self.assertEqual(after["checkins_without_store"], before["checkins_without_store"] + TRIES + 1)
        for name in ("flights_answered", "flights_refused", "hints_ticket_key", "checkins_refused", "store_round_trips"):
            self.assertEqual(after[name], before[name], name)
        self.assertEqual(self.w.contact(device, "check-in")["result"], "accepted")

    def test_answers_to_both_lost_then_one_flight(self):
        (device,), before = self.new(1), self.counters()
        self.assertNotEqual(self.lose(device), self.lose(device))  # the spare one is lost as well
        done = self.w.contact(device, "check-in")
        self.assertEqual((done["result"], done["datagrams_up"]), ("flight-needed", 0))
        done = self.w.fly(device)
        self.assertEqual((done["result"], done["datagrams_up"]), ("accepted", 1))
        self.assertEqual(self.w.contact(device, "check-in")["result"], "accepted")
        self.assertEqual(self.counters()["flights_answered"], before["flights_answered"] + 1)

    # ---- a store that is not heard ----

    def unchanged(self, device, without_store):
        """One check-in with nothing to report. @without_store: does the server answer it by itself?"""
        before = self.counters()
        self.assertEqual(self.w.contact(device, "check-in")["result"], "accepted")
        after = self.counters()
        self.assertEqual(after["checkins_without_store"] - before["checkins_without_store"], int(without_store))
        self.assertEqual(after["store_round_trips"] - before["store_round_trips"], int(not without_store) * 2)

    def test_store_not_heard_for_too_long_closes_the_filter_until_it_is_heard_again(self):
        """The table that the server follows is out of reach; rows are not, so that the difference shows."""
        device, = self.new(1)
        self.w.server.stop()
        self.w.start(pending__stale="1s")
        self.unchanged(device, without_store=True)
        self.w.sql(self.w.ro, "samara.db", "ALTER TABLE meta RENAME TO nowhere")
        wait_until("closed", lambda: self.w.world.live()["pending_closed"])
        self.unchanged(device, without_store=False)
        self.w.sql(self.w.ro, "samara.db", "ALTER TABLE nowhere RENAME TO meta")
        wait_until("open", lambda: not self.w.world.live()["pending_closed"])
        self.unchanged(device, without_store=True)

    # ---- refused tickets ----

    def until_a_flight(self, device, change):
        """Check-ins of this device are spoilt on the way up until it flies."""
        def alter(datagram):
            kind, at = path_of(datagram)
            if kind == "f" or "f" in self.w.path.of(device):
                return datagram
            return change(datagram, at + 3)  # array, and the ticket's head of two octets
        self.w.path.alter[device.address] = alter

    def test_every_refusal_and_hint_leads_to_one_flight(self):
        devices = gone, lineage, counter, klass, corrupted, later_epoch, sealed = self.new(7)
        # 4.04: the key is gone; a class that nobody has; an epoch to come
        self.until_a_flight(gone, lambda d, at: d[:at] + (int.from_bytes(d[at:at + 4], "big") - 7).to_bytes(4, "big") + d[at + 4:])
        self.until_a_flight(klass, lambda d, at: d[:at] + b"\x77" + d[at + 1:])
        self.until_a_flight(later_epoch, lambda d, at: d[:at] + (int.from_bytes(d[at:at + 4], "big") + 50).to_bytes(4, "big") + d[at + 4:])
        # of another RO, whose key has the same id, or spoilt: it does not open
        self.until_a_flight(corrupted, lambda d, at: d[:at + 30] + bytes([d[at + 30] ^ 1]) + d[at + 31:])
        # refused under the response key: 5, 3, and 5 because a new package waits
        self.pend(lineage, "lineage_ctr = lineage_ctr - 1")
        self.pend(counter, "ctr = ctr + 100")
        self.w.seal_anew(sealed)
        self.wait_pending(3)
        before = self.counters()
        self.find_their_way(devices)
        after = self.counters()
        for device, most in ((gone, "cfc"), (klass, "cfc"), (later_epoch, "cfc"), (lineage, "cfc"), (sealed, "cfcc"), (counter, "cffc"),
                             (corrupted, "ccfc")):
            with self.subTest(device=device.number, most=most):
                done = self.w.path.of(device)
                self.assertLessEqual(len(done), len(most), done)
                self.assertLessEqual(done.count("f"), most.count("f"), done)
                # Also what is answered goes out again where the machine, or the test's path, is slower than the agent's patience.
                self.assertLessEqual(self.w.path.most_of_one(device), TRIES, self.w.path.times(device))
        self.assertEqual(after["hints_ticket_key"], before["hints_ticket_key"] + 3)
        self.assertEqual(after["flights_answered"], before["flights_answered"] + 7)
        self.assertEqual(after["flights_refused"], before["flights_refused"] + 1)  # the counter's: the TRE steps ahead

    def test_a_revoked_device_pauses_and_comes_back_when_it_may(self):
        device, = self.new(1)
        self.w.ro.run("revoke", "--eid", device.eid)
        self.wait_pending(1)
        before = self.counters()
        agent = device.start_agent_alone()
        agent.wait_logged("agent.started")
        agent.child.send_signal(signal.SIGUSR1)
        wait_until("the refusals", lambda: self.counters()["flights_refused"] >= before["flights_refused"] + 3, 60)
        self.assertEqual(self.counters()["checkins_refused"], before["checkins_refused"] + 1)  # the ticket is spent: flights from here on
        refused = device.status()["failures_running"]
        self.assertGreaterEqual(refused, 3)  # each pause longer than the one before
        self.w.ro.run("revoke", "--eid", device.eid, "--undo")
        wait_until("m1 back", lambda: self.is_back(device), 60)
        agent.stop()


class Later(Alone):
    """Short epochs stand for long ones."""
    DEVICES = 7

    def test_a_year_later_devices_make_one_flight_after_one_hint_for_its_key(self):
        """Nobody was there for longer than any epoch lives: the ticket keys are gone, and the flight key that the devices have is over."""
        devices = self.new(6)
        self.w.server.stop()
        self.w.epoch, self.w.lifetime = 1, 2
        self.w.ro.run("rotate", "flight", "--count", "1")
        disk.put(self.w.ro, ("DELETE FROM flight_key WHERE number < (SELECT max(number) FROM flight_key)", ()),
                 ("UPDATE flight_key SET not_before = 1", ()))  # the one that comes last, and its time has come
        self.w.start()
        before = self.counters()
        self.find_their_way(devices)
        after = self.counters()
        for device in devices:
            done = self.w.path.of(device)
            self.assertLessEqual(self.w.path.most_of_one(device), TRIES, self.w.path.times(device))
            self.assertIn(done, ("cffc", "cffcc"), device.number)  # 4.04, the key, the flight, its receipt
        self.assertEqual(after["flights_answered"], before["flights_answered"] + len(devices))
        self.assertEqual(after["hints_flight_key"], before["hints_flight_key"] + len(devices))

    def test_lineage_that_is_too_old_is_refused_and_flies(self):
        """The key of the last ticket is there, the flight is too long ago."""
        device, = self.new(1)
        self.w.epoch, self.w.lifetime = 4, 2
        self.w.again()
        self.assertEqual(self.w.fly(device)["result"], "accepted")
        before = self.counters()
        while self.counters()["checkins_refused"] == before["checkins_refused"]:
            done = self.w.contact(device, "check-in")
            self.assertIn(done["result"], ("accepted", "refused"))
        self.assertEqual(done["refusal"], 6)
        self.assertEqual(self.w.fly(device)["result"], "accepted")
        self.assertEqual(self.w.contact(device, "check-in")["result"], "accepted")


if __name__ == "__main__":
    unittest.main(verbosity=2)
