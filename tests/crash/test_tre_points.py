# SPDX-License-Identifier: Apache-2.0
"""The TRE dies before and after every write, flush, rename and answer of its whole life, also in the middle of a write; started again it goes on.
Whatever the moment: it has its subscription once, takes no AUTN twice, uses no request key and nonce for two plaintexts, and no counter twice."""
import concurrent.futures
import os
import subprocess
import sys
import unittest

import cbor2

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import faults  # noqa: E402
import lone_tre  # noqa: E402
import milenage  # noqa: E402
import mutants  # noqa: E402
import wire  # noqa: E402
from faults import Broken, hold  # noqa: E402
from lone_tre import (AUTHENTICATE, CHECKIN_COMPLETE, CHECKIN_START, EID, ENROL_BEGIN, ENROL_FINISH, FLIGHT_COMPLETE, FLIGHT_KEY,  # noqa: E402
                      FLIGHT_START, ICCID, K, NOTHING, OK, OPC, SHIPMENT, SQN, STATE)
from world import wait_until  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")
ACTIVATED, SUSPENDED = 1, 2
INSTALL, COMMAND = 1, 2
JOBS = 2  # lives side by side
ALL = bool(os.environ.get("SAMARA_LONG"))  # make test-long: calls of the same kind too


class Died(Exception):
    """The TRE is gone."""


class Mortal(lone_tre.Tre):
    """A TRE that may die at a place, and whoever talks to it: a server and an operator that note all they are sent."""

    def __init__(self, place, program, **more):
        self.place, self.fault, self.deaths, self.passed = place, None, 0, []
        self.requests, self.counters, self.taken, self.receipts, self.installed_by = {}, {}, [], [], set()
        self.enrolled, self.step, self.kinds = False, "start", []
        try:
            super().__init__(program=program, **more)
        except Exception:
            self.close()
            raise

    # ---- life and death ----

    def start(self, measurement=bytes(32)):
        reader, writer = os.pipe()
        os.write(writer, measurement)
        os.close(writer)
        who = {"user": 61050, "group": 61051, "extra_groups": []} if lone_tre.ROOT else {}
        self.fault = self.next_fault()
        measured = ["--tpm", self.tpm.tcti] if self.tpm else ["--measurement-fd", str(reader)]
        with open(os.path.join(self.base, "log"), "ab") as log:
            self.process = subprocess.Popen([self.program, "--dir", os.path.join(self.run, "tre"), "--socket", self.path, *measured],
                                            stderr=log, stdin=subprocess.DEVNULL, **self.fault.popen((reader,)), **who)
        os.close(reader)
        self.wait_for_socket()

    def next_fault(self):
        return faults.Fault(self.place)

    def wait_for_socket(self):
        def there():
            try:
                return super(Mortal, self).ask(STATE)
            except (OSError, EOFError):
                return self.process.poll() is not None
        wait_until("the TRE's socket, or its death", there, every=0.003)

    def end_of_process(self):
        self.process.wait(timeout=10)
        self.passed.append(self.fault.passed())
        self.fault.close()

    def close(self):
        self.fault.close()
        super().close()

    def revive(self):
        """It has died where it was told to. Started again it has to be sound."""
        self.end_of_process()
        hold(self.process.returncode == -9, f"ended with {self.process.returncode}")
        self.deaths, self.place = self.deaths + 1, None
        self.start()
        self.check()

    def ask(self, op, *arguments):
        self.kinds.append(((self.step, op), len(self.fault.passed())))
        try:
            return super().ask(op, *arguments)
        except (OSError, EOFError):
            raise Died from None

    def through(self, step, *arguments):
        """Do a step, again after a death, as an agent that sees nothing but a broken connection."""
        self.step = step.__name__
        while True:
            try:
                return step(*arguments)
            except Died:
                self.revive()

    # ---- the life ----

    def enrol(self):
        self.through(self.enrol_once)

    def enrol_once(self):
        if self.ask(STATE)[2]:
            self.enrolled = True
            return
        challenge = os.urandom(32)
        self.begin(challenge)
        answer = self.ask(ENROL_FINISH, wire.dumps(wire.certificate(self.supplier, EID, self.d, self.t, SHIPMENT)), self.supplier.point,
                          self.root.point, wire.flight_key(self.root, 0, 1, self.server.q.point), None, [self.op.point], None,
                          wire.hpke_seal(self.t, b"samara1 enrol", EID, challenge))
        hold(answer[0] == OK, "ENROL_FINISH")
        self.enrolled = True

    def begin(self, challenge):
        err, self.d, self.t, measurement, proof, numbers = self.ask(ENROL_BEGIN, EID, challenge)
        hash_ = wire.sha256(wire.sig_structure("samara1 enrol", challenge, wire.dumps([EID, self.d, self.t])))
        hold(err == OK, "ENROL_BEGIN")
        hold(wire.tpm.holds(self.d, numbers, hash_, measurement, proof) if self.tpm else
             wire.verify(self.d, "samara1 enrol", challenge, wire.dumps([EID, self.d, self.t]), proof), "the proof of ENROL_BEGIN")

    def once(self, message, key, number):
        """No key for two plaintexts, no counter for two messages."""
        hold(self.requests.setdefault(key, message) == message, "one key, two plaintexts")
        hold(self.counters.setdefault(number, message) == message, f"counter {number} in two messages")
        hold(number == max(self.counters) or self.counters[number] == message, "a counter that goes back")

    def fly(self, package=None):  # pylint: disable=arguments-differ
        err, m1 = self.ask(FLIGHT_START, False)
        hold(err == OK, f"FLIGHT_START: {err:#x}")
        self.server.open_m1(m1)
        hold((self.server.evidence_quoted if self.tpm else self.server.evidence_holds)(self.d), "the evidence's signature")
        self.once(m1, self.server.e, self.server.ev[1])
        hash_ev = self.server.hash_ev
        if package:
            self.installed_by.add((package[2], wire.sha256(package[3]), hash_ev))
        answer = self.ask(FLIGHT_COMPLETE, self.server.m2({1: package} if package else {}))
        hold(answer[:2] == [OK, 0] and answer[2] in (OK, NOTHING), f"FLIGHT_COMPLETE: {answer}")

    def check_in(self, *commands):
        err, *rest = self.ask(CHECKIN_START)
        if err == NOTHING:  # resent too often
            self.fly()
            return
        hold(err == OK, f"CHECKIN_START: {err:#x}")
        c1 = rest[0]
        number, report = self.server.open_c1(c1)
        self.once(c1, cbor2.loads(c1)[0], number)
        for receipt in report.get(1, []):
            self.take_receipt(receipt)
        left = [c for serial, c in commands if not self.has_receipt(COMMAND, serial)]
        answer = self.ask(CHECKIN_COMPLETE, self.server.c2({1: left} if left else {}))
        hold(answer[:2] == [OK, 0], f"CHECKIN_COMPLETE: {answer}")

    def take_receipt(self, receipt):
        kind, iccid, serial, result, mac = receipt
        hold(iccid == ICCID, "a receipt of another ICCID")
        if kind == INSTALL:
            macs = [wire.install_mac(K, EID, ICCID, s, x, ev) for s, x, ev in self.installed_by if s == serial]
        else:
            macs = [wire.command_mac(K, EID, ICCID, serial, SUSPENDED if serial == 1 else ACTIVATED, result)]
        hold(mac in macs, "a receipt for what never was")
        if receipt not in self.receipts:
            self.receipts.append(receipt)

    def has_receipt(self, kind, serial):
        return any(r[0] == kind and r[2] == serial for r in self.receipts)

    def provision(self, package):
        if not self.mcims() or self.mcims()[0][2] != package[2]:
            self.fly(package)
        self.report_until(INSTALL, package[2])

    def report_until(self, kind, serial, *commands):
        for _ in range(12):
            if self.has_receipt(kind, serial):
                break
            self.check_in(*commands)
        hold(self.has_receipt(kind, serial), f"the receipt {kind}, {serial} is lost")

    def command(self, serial, state):
        self.report_until(COMMAND, serial, (serial, wire.command(self.op, EID, ICCID, serial, state)))
        hold(self.mcims()[0][4] == state, "receipted, and not obeyed")

    def authenticate(self, number):
        """With a vector of the step's own; after a death the network makes a new one, with the next SQN."""
        rand, autn, ik, ck, res = milenage.vector(K, OPC, (2 * number + self.deaths) << 5)
        answer = self.ask(AUTHENTICATE, rand, autn)
        hold(answer[:4] == [OK, res, ck, ik], f"AUTHENTICATE: {answer[0]:#x}")
        self.taken.append((rand, autn))

    def take_key(self):
        hold(self.ask(FLIGHT_KEY, wire.flight_key(self.root, 1, 9, self.server.q.point))[0] in (OK, lone_tre.SERIAL), "FLIGHT_KEY")

    def ask_twice(self):
        """The answer to a check-in is lost: the same octets once more."""
        first = self.ask(CHECKIN_START)
        if first[0] == OK:
            hold(self.ask(CHECKIN_START) in (first, [NOTHING]), "a resend has other octets")
        self.check_in()

    def live(self):
        first, second = self.package(serial=5), self.package(serial=6)
        for step, *arguments in ((self.provision, first), (self.authenticate, 1), (self.command, 1, SUSPENDED), (self.command, 2, ACTIVATED),
                                 (self.take_key,), (self.fly,), (self.ask_twice,), (self.provision, second), (self.authenticate, 2)):
            self.through(step, *arguments)
        self.through(self.settle)

    # ---- what has to hold ----

    def check(self):
        """Right after a start."""
        hold(not [n for n in os.listdir(os.path.join(self.run, "tre")) if n.endswith(".tmp")], "leftovers of a write")
        state = self.ask(STATE)
        hold(state[1] == OK, f"the TRE refuses its own state: {state[1]:#x}")
        hold(state[2] or not self.enrolled, "the enrolment is lost")
        hold(len(state[-1]) <= 1, "two subscriptions")
        hold(state[-1] or not self.has_receipt(INSTALL, 5), "the subscription is lost")
        hold(not self.counters or state[5] >= max(self.counters), "the counter went back")
        for rand, autn in self.taken:
            hold(self.ask(AUTHENTICATE, rand, autn)[0] in (SQN, lone_tre.E_STATE), "an AUTN is taken twice")

    def settle(self):
        for _ in range(6):
            if self.ask(STATE)[10] == 0:
                break
            self.check_in()
        state = self.ask(STATE)
        hold(state[10] == 0, "receipts that do not go away")
        hold([m[2:5] for m in state[-1]] == [[6, 1, ACTIVATED]], f"subscriptions at the end: {state[-1]}")
        hold({(r[0], r[2]) for r in self.receipts} >= {(INSTALL, 5), (INSTALL, 6), (COMMAND, 1), (COMMAND, 2)}, "a receipt is missing")
        self.check()

    def finish(self):
        self.process.terminate()
        self.end_of_process()
        hold(self.process.returncode == 0 or self.place is not None, f"ended with {self.process.returncode}")
        self.deaths += self.process.returncode == -9  # at the very last point


def one_life(place, program=faults.programs(BUILD)["samara-tre"]):
    """The TRE after a whole life, in which it was to die at a place. Raises Broken."""
    try:
        tre = Mortal(place, program)
        try:
            tre.live()
            tre.finish()
        finally:
            tre.close()
    except Exception as problem:
        raise Broken(f"death at {place}: {problem!r}") from problem
    return tre


def of_each_kind(tre):
    """The places of a life, but of calls that are made more than once in a step of the life only those of the first."""
    places, seen, chosen = faults.places(tre.passed[0]), set(), []
    starts = [(("start", 0), 0)] + tre.kinds + [(None, len(places))]
    for (kind, start), (_, end) in zip(starts, starts[1:]):
        if kind not in seen:
            chosen += places[start:end]
        seen.add(kind)
    return chosen


class EveryPoint(unittest.TestCase):
    def test_tre_killed_at_every_write_and_answer_keeps_what_it_has_and_repeats_nothing(self):
        first = one_life(None)
        places = faults.places(first.passed[0]) if ALL else of_each_kind(first)
        known = set(first.passed[0])
        self.assertTrue({"before-send answer", "torn-write file", "after-rename record", "before-flush counter"} <= known, known)
        self.assertEqual({name for name, _ in places}, known)
        with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
            lives = list(pool.map(one_life, places))
        self.assertEqual([tre.deaths for tre in lives], [1] * len(places), "a place where nothing died")
        recovering = {name for tre in lives for names in tre.passed[1:] for name in names}
        self.assertEqual(recovering - known, set(), "starting again passes points that no life without a death has")
        print(f"\n{len(places)} deaths, {len(known)} different points", file=sys.stderr)


class Bites(unittest.TestCase):
    """The same lives with a TRE that forgets something at a death: is it seen?"""

    def broken(self, name, file, old, new):
        """What a mutant does first that no TRE may do, dying at some place of this name."""
        program = mutants.make(BUILD, mutants.Mutant("crash-" + file[4:-2], "", ("fault-samara-tre",), ((file, old, new),)))["fault-samara-tre"]
        for number in range(1, 40):
            try:
                one_life((name, number), program)
            except Broken as problem:
                return str(problem)
        return "nothing"

    def test_sqn_that_is_not_durable_before_res_leaves_is_seen(self):
        self.assertIn("an AUTN is taken twice", self.broken("after-send answer", "tre/authenticate.c", "err = smr_tre_keep(tre);",
                                                            "tre->drafting = false;"))

    def test_check_in_that_is_not_durable_before_it_leaves_is_seen(self):
        end = "\treturn copy_out(c1, tre->now.pending.c1, tre->now.pending.c1_len);\n}\n\nstatic void take_ticket"
        self.assertRegex(self.broken("after-send answer", "tre/checkin.c", "\tSMR_TRY(smr_tre_keep(tre));\n" + end,
                                     "\ttre->drafting = false;\n" + end), "two plaintexts|in two messages|went back")

    def test_counter_that_is_not_durable_before_a_flight_leaves_is_seen(self):
        end = "\n\tif (err != SMR_OK) {\n\t\tsmr_tre_close_flight(tre);"
        self.assertRegex(self.broken("after-send answer", "tre/flight.c", "\terr = smr_tre_keep(tre);" + end, "\ttre->drafting = false;" + end),
                         "in two messages|went back")

    def test_record_ahead_of_the_counter_that_is_refused_is_seen(self):
        self.assertIn("refuses its own state", self.broken("after-rename record", "tre/engine.c", "stamp - counter > 1", "stamp - counter > 0"))


class Product(unittest.TestCase):
    def test_programs_of_the_product_have_no_fault_points(self):
        for name, path in faults.programs(BUILD).items():
            for file, expected in ((path, True), (os.path.join(BUILD, mutants.PROGRAMS[name]), False)):
                with open(file, "rb") as f:
                    content = f.read()
                self.assertEqual((b"SAMARA_FAULT" in content, b"before-rename" in content), (expected, expected), file)


if __name__ == "__main__":
    unittest.main()
