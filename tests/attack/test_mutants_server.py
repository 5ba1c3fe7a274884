# SPDX-License-Identifier: Apache-2.0
"""The server, with one check taken out at a time: what somebody on the path, a device, a holder of leaked keys or a thief with the disk does to the real
samarad in vain, and to the mutant not (S2, S5, S7, S10). A test is called as its row in proofs/README.md."""
import copy
import glob
import os
import struct
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import disk  # noqa: E402
import record_file  # noqa: E402
import wire  # noqa: E402
from secrets_search import Search, memory_can_be_walked, memory_of  # noqa: E402
from world import wait_until  # noqa: E402
from world_bites import ServerBites  # noqa: E402

MEASUREMENT, COUNTER, LINEAGE, TICKET_OLD, BOOT_LOG, TPM_STATE = 2, 3, 5, 6, 10, 11
LIFETIME = 30  # epochs that a lineage lives, samarad's default
EPOCH_S = 86400


def epoch():
    return int(time.time()) // EPOCH_S


class Flight(ServerBites):
    def test_flight_without_signature(self):
        """Somebody without any key asks in a device's name."""
        def attack(device, _):
            m2 = self.fly(self.thief(device))
            return m2 is not None and 1 in m2
        self.bites("flight_without_signature", attack)

    def test_flight_lineage_without_signature(self):
        """He says that he has what the device has, gets a lineage, and the device's own is dead."""
        def attack(device, _):
            receipt = self.provision(device)
            m2 = self.fly(self.thief(device), ctr=device.ctr + 1, have=device.have)
            return m2 is not None and 2 in m2 and self.check_in(device, {1: [receipt], 2: 1}) == {0: LINEAGE}
        self.bites("flight_lineage_without_signature", attack)

    def test_flight_signature_without_E(self):
        """Whoever holds q stops a request, and puts its evidence under an e of his own: the answer is then for him."""
        def attack(device, mutant):
            with disk.Disk(self.o.ro) as stolen:
                server = wire.Server(stolen.flight_keys()[self.o.number])
            server.open_m1(self.o.m1(device, bound=not mutant))
            m2 = self.fly(self.thief(device), evidence=server.evidence)
            return m2 is not None and 2 in m2
        self.bites("flight_signature_without_E", attack)

    def test_flight_counter_not_strict(self):
        """A device that was rolled back, or copied, asks twice with one counter."""
        def attack(device, _):
            first, second = (self.fly(device, ctr=5) for _ in range(2))
            self.assertIn(1, first)
            return self.granted(second, COUNTER)
        self.bites("flight_counter_not_strict", attack)

    def test_flight_counter_not_strict_replayed(self):
        """An older request, played again on the path: the lineage of the newer one is dead, and its report does not count."""
        def attack(device, _):
            older = self.o.m1(device)
            self.assertEqual(self.udp.ask("f", older)[0], "2.04")
            receipt = self.o.install(device, self.fly(device))
            self.assertEqual(self.udp.ask("f", older)[0], "2.04")
            reported = self.check_in(device, {1: [receipt], 2: 1})
            device.have = [receipt[1], receipt[2]]
            return reported == {0: LINEAGE}
        self.bites("flight_counter_not_strict", attack)

    def race(self, device, counters):
        """Many requests of one device at once, over as many sockets. Returns what each answer says."""
        racers = [copy.copy(device) for _ in counters]
        sockets = [self.o.udp(timeout=10) for _ in counters]
        requests = [wire.coap_request("f", self.o.m1(racer, ctr=ctr), token=os.urandom(8)) for racer, ctr in zip(racers, counters)]
        for udp, request in zip(sockets, requests):
            udp.socket.send(request)
        answers = []
        for udp, racer, request in zip(sockets, racers, requests):
            udp.socket.send(request)  # again: who has lost the race too often is dropped
            answer = udp.socket.recv(2048)
            while answer[4:12] != request[4:12]:
                answer = udp.socket.recv(2048)  # late, for an earlier socket of this port
            answers.append(racer.open_m2(wire.coap_answer(answer)[1]))
            udp.close()
        wait_until("a server with nothing under way", self.is_quiet, timeout=60)
        return answers

    def is_quiet(self):
        """The requests sent twice are done with: what follows races with none of them."""
        before = self.o.world.counters()
        time.sleep(0.2)
        return before is not None and before == self.o.world.counters()

    def test_requests_that_race_get_one_subscription(self):
        answers = self.race(self.new(), range(1, 17))
        self.assertEqual(len({repr(m2[1]) for m2 in answers if 1 in m2}), 1)
        self.assertTrue(all(1 in m2 or m2 == {0: COUNTER} for m2 in answers))

    def test_row_without_revision(self):
        """A copied device races with itself for one counter: nobody may be allocated what was judged by a row that has moved since."""
        def attack(device, _):
            for ctr in range(1, 21):
                answers = self.race(device, [ctr] * 16)
                self.assertTrue(all(1 in m2 or m2 == {0: COUNTER} for m2 in answers))
                if sum(1 in m2 for m2 in answers) != 1:
                    return True
            device.ctr = 20
            return False
        self.bites("row_without_revision", attack)



class FlightOfATpm(ServerBites):
    """Devices with a TPM; who has the main system has d sign what he likes, and quote PCRs that he can reset."""
    DEVICES = 16
    WORLD = {"boot_log": [[8, wire.sha256(b"launcher"), "launch"], [8, wire.sha256(b"tre"), "tre"], [9, wire.sha256(b"firmware"), "firmware"]]}

    def thief(self, device):
        """Whoever has the main system of this very device."""
        return copy.copy(device)

    def test_flight_tpm_plain_signature(self):
        """He runs what he likes; d signs that the approved software runs."""
        def attack(device, _):
            thief = self.thief(device)
            thief.quote = None
            m2 = self.fly(thief)
            return m2 is not None and 1 in m2
        self.bites("flight_tpm_plain_signature", attack)

    def test_flight_tpm_pcrs_not_bound(self):
        """He resets the PCRs that are for debugging, extends them with the published boot log, and has them quoted."""
        def attack(device, _):
            thief = self.thief(device)
            thief.quote = [*device.quote[:5], 1 << 16 | 1 << 23]
            m2, device.ctr = self.fly(thief), thief.ctr
            return self.granted(m2, MEASUREMENT)
        self.bites("flight_tpm_pcrs_not_bound", attack)

    def test_flight_tpm_quote_without_hash_ev(self):
        """Whoever holds q takes the quote out of a good request and sends it with claims of his own."""
        def attack(device, mutant):
            with disk.Disk(self.o.ro) as stolen:
                server = wire.Server(stolen.flight_keys()[self.o.number])
            server.open_m1(self.o.m1(device, extra_data=bytes(32) if mutant else None))
            claims = wire.encode_claims([device.eid, device.ctr + 1, device.measurement, None, None])
            m2 = self.fly(self.thief(device), evidence=[claims, *server.evidence[1:]])
            return m2 is not None and 1 in m2
        self.bites("flight_tpm_quote_without_hash_ev", attack)

    def test_row_without_tpm_clock(self):
        """A software TPM was copied with its device: the copy asks later, with a counter beyond the original's, and its clock is behind."""
        def attack(device, _):
            self.assertIn(1, self.fly(device))
            other = self.thief(device)
            other.quote = [device.quote[0] - 100, *device.quote[1:]]
            return self.granted(self.fly(other, ctr=device.ctr + 50), TPM_STATE)
        self.bites("row_without_tpm_clock", attack)

    def test_row_without_tpm_lineage(self):
        """The copy has waited until its clock, and asked in vain until its counter, was ahead of the original's, whose check-in the row has seen since."""
        def attack(device, _):
            other = self.thief(device)
            self.provision(device)
            return self.granted(self.fly(other, ctr=device.ctr + 50, have=device.have), TPM_STATE)
        self.bites("row_without_tpm_lineage", attack)

    def test_request_with_a_quote_replayed_is_refused_and_changes_nothing(self):
        """Older, or once the row has moved on; whoever plays it has no e that opens the answer."""
        device = self.new()
        first, other = self.o.m1(device), self.thief(device)
        self.assertEqual(self.udp.ask("f", first)[0], "2.04")
        receipt = self.o.install(device, self.fly(device))
        self.assertEqual(other.open_m2(self.udp.ask("f", first)[1]), {0: TPM_STATE})
        self.assertIn(2, self.check_in(device, {1: [receipt], 2: 1}))
        device.have = [receipt[1], receipt[2]]
        self.serves(device)

    def test_copy_of_a_tpm_that_was_told_is_refused_whatever_its_clock(self):
        device = self.new()
        self.assertIn(1, self.fly(device))
        other = self.thief(device)
        other.quote = [device.quote[0], device.quote[1] + 7, *device.quote[2:]]
        for _ in range(2):
            self.assertEqual(self.fly(other, extra={2: 1 << 31}), {0: TPM_STATE})
        self.serves(device)

    def test_quote_over_another_state_is_refused_and_of_another_tpm_unanswered(self):
        device = self.new()
        self.assertEqual(self.fly(device, measurement=os.urandom(32)), {0: MEASUREMENT})
        self.assertEqual(self.fly(device, measurement=wire.sha256(bytes(32))), {0: MEASUREMENT})
        self.assertIsNone(self.fly(device, signer=wire.Key()))
        self.serves(device)


    def test_boot_log_that_replays_explains_and_one_that_does_not_is_refused_as_such(self):
        device, log = self.new(), self.WORLD["boot_log"]
        other = [*log[:2], [9, wire.sha256(b"evil"), "firmware"]]
        measurement = wire.tpm.replay(other)[1]
        self.assertEqual(self.fly(device, measurement=measurement, log=other), {0: MEASUREMENT})
        self.o.server.wait_logged("event=boot-log.unknown")
        self.assertTrue(self.o.server.logged(f"eid={device.eid.hex()} pcr=9 name=\"firmware\" digest={wire.sha256(b'evil').hex()}"))
        self.assertEqual(self.fly(device, measurement=measurement, log=log), {0: BOOT_LOG})
        self.assertEqual(self.fly(device, measurement=measurement, log=[*other, [10, bytes(32), "more"]]), {0: BOOT_LOG})
        again = [log[0], log[0], *log[1:]]  # nothing in it is unknown
        self.assertEqual(self.fly(device, measurement=wire.tpm.replay(again)[1], log=again), {0: MEASUREMENT})
        self.o.server.wait_logged("event=boot-log.combination")
        self.assertEqual(self.o.server.count_logged("event=boot-log."), 2)
        counters = self.o.world.counters()
        self.assertEqual((counters["boot_logs_shown"], counters["boot_logs_false"]), (2, 2))
        self.assertIn(1, self.fly(device, log=other))  # of an approved state it says nothing

    def test_boot_log_beside_a_signature_is_unanswered(self):
        device = self.new()
        device.quote = None
        self.assertIsNone(self.fly(device, log=self.WORLD["boot_log"]))


class Erased(ServerBites):
    """What is over is gone from the store, its log and its free pages; a key also from the server's memory."""
    DEVICES = 8
    LASTS = 2

    def short_epoch_key(self):
        """A key that is over in a few seconds: no operator would make one, so the test does, with the RO's root. Returns (number, key)."""
        q, now = wire.Key(), int(time.time())
        number = max(self.o.q) + 1
        self.o.q[number] = q.point
        signed = wire.flight_key(record_file.private_key(self.o.ro, "root"), 1, number, q.point, now - 1, now + self.LASTS)
        disk.put(self.o.ro, ("INSERT INTO flight_key VALUES (?, 1, ?, ?, ?, ?, ?)", (number, q.point, now - 1, now + self.LASTS, q.scalar(), signed)))
        return number, q

    def on_disk(self, *forms):
        with disk.Disk(self.o.ro) as stolen:
            return Search(forms).files(stolen.dir) != {}

    def anywhere(self, *forms):
        memory = memory_of(self.o.server.pid) if memory_can_be_walked(self.o.world.bin("samarad")) else b""
        return self.on_disk(*forms) or any(form in memory for form in forms)

    def stays(self, mutant, where, *forms):
        """Does it outlast the next checkpoint of the store's log, which is every two seconds?"""
        end = time.monotonic() + (4 if mutant else 60)
        while where(*forms):
            if time.monotonic() > end:
                return True
            time.sleep(0.2)
        return False

    def test_flight_epoch_key_kept(self):
        """A recorded request, and after the epoch the RO's whole disk and the server's memory: whose request was it?"""
        def attack(device, mutant):
            number, q = self.short_epoch_key()
            either = (q.scalar(), q.scalar()[::-1])  # in memory the library has it the other way round
            recorded = device.m1(q.point, number)
            wait_until("the new key in force", lambda: self.udp.ask("f", recorded)[0] == "2.04")
            self.assertTrue(self.anywhere(*either), "the search does not find a key that is there")
            wait_until("the key's end", lambda: self.udp.ask("f", device.m1(q.point, number))[0] == "4.04")
            del self.o.q[number]
            if not self.stays(mutant, self.anywhere, *either):
                return False
            reader = wire.Server(q)
            reader.open_m1(recorded)
            return reader.ev[0] == device.eid
        self.bites("flight_epoch_key_kept", attack)

    def test_package_kept_after_receipt(self):
        """The RO's disk after the device has installed, and later its t."""
        def attack(device, mutant):
            m2 = self.fly(device)
            receipt, x = self.o.install(device, m2), m2[1][3]
            self.assertTrue(self.on_disk(x), "the search does not find a package that is there")
            self.assertIn(2, self.check_in(device, {1: [receipt], 2: 1}))
            device.have = [receipt[1], receipt[2]]
            return self.stays(mutant, self.on_disk, x)
        self.bites("package_kept_after_receipt", attack)


class CheckIn(ServerBites):
    """Keys of tickets leak: from memory, from the RO's disk, from a device."""

    def ticket_key(self, number):
        with disk.Disk(self.o.ro) as stolen:
            return stolen.ticket_keys()[number]

    def forged(self, device, tk_id, flight_epoch, key=None):
        """A ticket that whoever holds the ticket key makes for this device, with an rk of his own, and its answer."""
        rk = os.urandom(16)
        fields = [device.eid, rk, struct.pack(">I", device.ctr), struct.pack(">I", flight_epoch), bytes(4), bytes(8), bytes(4), 0]
        thief = self.thief(device)
        return self.check_in(thief, ctr=device.ctr + 1, ticket=wire.ticket_seal(tk_id, key or self.ticket_key(tk_id), fields), rk=rk)

    def test_checkin_without_row(self):
        """The same report again."""
        def attack(device, _):
            receipt = self.o.install(device, self.fly(device))
            c1 = device.c1(report={1: [receipt], 2: 1})
            self.assertIn(2, device.open_c2(self.udp.ask("c", c1)[1]))
            device.have = [receipt[1], receipt[2]]
            before = self.udp.counters()["receipts"]
            self.assertEqual(self.udp.ask("c", c1)[0], "2.04")
            return self.udp.counters()["receipts"] > before
        self.bites("checkin_without_row", attack)

    def test_checkin_without_row_older(self):
        """Reports in the wrong order: the later one has counted when the earlier one comes."""
        def attack(device, _):
            receipt = self.o.install(device, self.fly(device))
            ticket, rk = device.ticket, device.rk
            self.assertIn(2, self.check_in(device, {1: [receipt], 2: 1}, ctr=9))
            late = self.check_in(device, {1: [receipt], 2: 2}, ctr=8, ticket=ticket, rk=rk)
            device.ctr, device.have = 9, [receipt[1], receipt[2]]
            return self.granted(late, COUNTER)
        self.bites("checkin_without_row", attack)

    def test_checkin_without_lineage_expiry(self):
        """He has followed this lineage from the leaked key of its first ticket on, through all renewals: these keep the epoch of its flight."""
        def attack(device, _):
            self.fly(device)
            answer = self.forged(device, epoch(), epoch() - LIFETIME - 1)
            self.assertIn(2, self.forged(device, epoch(), epoch() - LIFETIME))
            return self.granted(answer, TICKET_OLD)
        self.bites("checkin_without_lineage_expiry", attack)

    def test_checkin_ticket_claims_younger_flight(self):
        """With a key that leaked long ago he writes a ticket of today's flight: it would outlive the key by the lifetime of a lineage."""
        leaked, key = epoch() - 5, os.urandom(16)
        disk.put(self.o.ro, ("INSERT INTO ticket_key VALUES (?, ?)", (leaked, key)))  # as a server that has run for five epochs has it

        def attack(device, _):
            self.fly(device)
            wait_until("the old key", lambda: self.forged(device, leaked, leaked, key) != "4.04")
            return self.granted(self.forged(device, leaked, epoch(), key), TICKET_OLD)
        self.bites("checkin_ticket_claims_younger_flight", attack)

    def test_checkin_without_lineage_row(self):
        """A stolen rk, and since then the device has made a new flight: the thief reports an installation that never was."""
        def attack(device, _):
            _, iccid, serial = self.fly(device)[1][:3]
            stolen = {"ticket": device.ticket, "rk": device.rk}
            self.fly(device)
            answer = self.check_in(self.thief(device), {1: [[1, iccid, serial, 0, os.urandom(16)]], 2: 1}, ctr=device.ctr + 1, **stolen)
            return self.granted(answer, LINEAGE)
        self.bites("checkin_without_lineage_row", attack)


class Impostor:
    """Has the point of a key, and not the key."""

    def __init__(self, point):
        self.point = point

    def sign(self, *_):
        return bytes(31) + os.urandom(33)


class Spool(ServerBites):
    """Somebody who can write where the RO and the operator exchange files, and has nobody's key."""
    DEVICES = 4

    def reported(self, device):
        """A device installs and reports; its evidence is in a file that nobody has answered. Returns the file's path."""
        def there():
            return set(glob.glob(os.path.join(self.o.world.spool, "*", "evidence-*.smr")))
        before = there()
        self.provision(device)
        return wait_until("evidence", lambda: there() - before).pop()

    def test_file_without_signature(self):
        """He rejects an installation in the operator's name: a working subscription would be lost."""
        def attack(device, _):
            evidence = self.reported(device)
            number, operator = int(evidence[-12:-4]), wire.sha256(self.o.operator_point())[:8]
            lie = [device.eid, *device.have, 1, 1]
            forged = record_file.write(record_file.ACKNOWLEDGEMENT, number, Impostor(record_file.card(self.o.auc)[2]), [operator, number], [lie])
            path = evidence.replace("evidence-", "ack-")
            with open(path + ".new", "wb") as f:
                f.write(forged)
            os.chmod(path + ".new", 0o644)
            os.rename(path + ".new", path)
            wait_until("a decision", lambda: not os.path.exists(path))
            return self.o.ro.json("status", "--eid", device.eid.hex())["state"] == "reseal"
        self.bites("file_without_signature", attack)


if __name__ == "__main__":
    unittest.main()
