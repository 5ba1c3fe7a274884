# SPDX-License-Identifier: Apache-2.0
"""samarad and samara-auc die before and after every transaction, file and answer in the life of a device: flight, receipt, command, relay,
acknowledgement, vectors, keys that rotate. Whatever the moment: device, store and AuC agree in the end, nobody has two subscriptions or none, and no
SQN comes twice."""
import os
import queue
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import disk  # noqa: E402
import faults  # noqa: E402
import milenage  # noqa: E402
import mutants  # noqa: E402
import wire  # noqa: E402
from faults import Broken, hold  # noqa: E402
from offline import Offline  # noqa: E402
from world import wait_until  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")
ALL = bool(os.environ.get("SAMARA_LONG"))  # make test-long: every write of SQLite, not only some
OF_SQLITE = 3
WORLDS, DEVICES = 6, (120 if ALL else 30)  # side by side: a life is mostly waiting for the relay
COMMAND, SUSPENDED, ACTIVATED = 2, 2, 1


class Place(Offline):
    """A world whose server and AuC may die and are started again at once."""

    def __init__(self, devices, mutants_of=None):
        super().__init__(BUILD, devices=devices, by_certificate=0, replace={**faults.programs(BUILD), **(mutants_of or {})})
        self.fresh, self.epoch, self.answers, self.auc_process = iter(self.devices), 24, set(), None

    def begin(self, victim=None, places=()):
        """Both start. The victim dies at the first place, after its next start at the second, and so on. The ticket keys belong to another length of
        epoch each time, so that they are made anew."""
        self.victim, self.places, self.deaths, self.passed = victim, list(places), 0, []
        self.epoch = 23 if self.epoch == 24 else 24
        disk.put(self.ro, ("UPDATE ticket_class SET epoch_s = ? WHERE number = 0", (3600 * self.epoch,)))
        self.start_server(self.fault("samarad"))
        self.start_auc(self.fault("samara-auc"))
        self.revive()

    def fault(self, name):
        return faults.Fault(self.places.pop(0) if name == self.victim and self.places else None)

    def start_server(self, fault):
        self.start(fault)

    def start_auc(self, fault):
        self.auc_process = self.world.start_auc(self.auc, fault)

    def revive(self):
        """Start again who has died where it should."""
        for name, again in (("samarad", self.start_server), ("samara-auc", self.start_auc)):
            process = self.server if name == "samarad" else self.auc_process
            while process.died():
                self.note(name, process)
                again(self.fault(name))
                process = self.server if name == "samarad" else self.auc_process
            # It may die where it should between the two looks; the next one finds that.
            hold(process.alive() or process.died(), f"{process.name} ended with {process.child.returncode}: {process.tail()}")

    def note(self, name, process):
        """The end of a process."""
        self.deaths += process.died()
        if name == self.victim:
            self.passed.append(process.fault.passed())
        process.fault.close()
        self.world.processes.remove(process)

    def end(self):
        self.revive()
        for name, process in (("samarad", self.server), ("samara-auc", self.auc_process)):
            hold(process.stop() == 0 or process.died(), f"{name} ended with {process.child.returncode}")
            self.note(name, process)

    def until(self, what, condition, every=0.2):
        def alive_and():
            self.revive()
            return condition()
        return wait_until(what, alive_and, timeout=60, every=every)

    def ask_for_life(self, path, message):
        """The same octets until an answer comes, as an agent does."""
        def ask():
            udp = self.udp(0.4)
            try:
                return udp.ask(path, message)
            except ConnectionRefusedError:
                return None
            finally:
                udp.close()
        code, payload = self.until("an answer", ask, every=0.02)
        hold(code == "2.04", f"answered {code}")
        hold(payload not in self.answers, "an answer whose key was used before")
        self.answers.add(payload)
        return payload

    # ---- the life of a device ----

    def flight(self, device):
        """Twice: the device was switched off before it could use the first answer."""
        answers = []
        for _ in range(2):
            answers.append(device.open_m2(self.ask_for_life("f", self.m1(device))))
            self.revive()
            hold(self.row(device)["counter"] >= device.ctr, "an answer was sent, and what it says is not durable")
        hold(1 in answers[0] and answers[0][1] == answers[1].get(1), "two subscriptions for one device, or none")
        return answers[0][1]

    def check(self, device, report):
        c2 = device.open_c2(self.ask_for_life("c", device.c1(report=report)))
        hold(2 in c2, f"refused: {c2}")
        return c2

    def suspend(self, device):
        faults.command(self, "suspend", self.row(device)["package"]["iccid"], device.number)

    def take_command(self, device, c2):
        """What a TRE does: obey, and report it with the next check-in."""
        content = wire.loads(wire.loads(c2[1][0])[2])
        hold(content[1:3] == [device.eid, device.package[0]] and content[4] == SUSPENDED, f"another command: {content}")
        mac = wire.command_mac(device.k, device.eid, device.package[0], content[3], SUSPENDED, 0)
        self.check(device, {1: [[COMMAND, device.package[0], content[3], 0, mac]], 2: SUSPENDED})

    def row(self, device):
        return self.ro.json("status", "--eid", device.eid.hex())

    def settle(self, device, package, state):
        """Store, AuC and device come to the same."""
        def agreed():
            s = self.subscription(device)
            hold(s["state"] != "rejected", f"rejected: {s['why']}")
            return s["state"] == state and (state == "active" or s["receipt_serial"] > 0)
        self.until("the AuC's agreement", agreed)
        self.until("an empty relay", lambda: self.ro.json("status")["relay"] == {"waiting": 0, "unacknowledged": 0})
        row = self.row(device)
        hold((row["state"], row["commands_pending"], row["relay_waiting"]) == ("installed", 0, 0), f"the store says {row}")
        iccid = package[1].hex()
        hold(row["package"]["iccid"].ljust(20, "f") == self.subscription(device)["iccid"].ljust(20, "f") == iccid, "three parties, two ICCIDs")
        self.until("an empty spool", lambda: not self.spooled())

    def spooled(self):
        return [name for _, _, names in os.walk(self.world.spool) for name in names]

    def life_with_server(self):
        """One round of the relay, for both receipts."""
        device = next(self.fresh)
        package = self.flight(device)
        self.suspend(device)
        receipt = self.install(device, {1: package})
        self.take_command(device, self.check(device, {1: [receipt], 2: ACTIVATED}))
        self.settle(device, package, "suspended")
        hold(2 in self.check(device, {2: SUSPENDED}), "the device cannot check in any more")

    def life_with_auc(self):
        """Vectors are for active subscriptions."""
        device = next(self.fresh)
        package = self.flight(device)
        self.check(device, {1: [self.install(device, {1: package})], 2: ACTIVATED})
        self.settle(device, package, "active")
        self.authenticate(device)
        self.suspend(device)
        self.take_command(device, self.check_until_command(device))
        self.settle(device, package, "suspended")

    def check_until_command(self, device):
        """The server learns of a loaded file within a moment."""
        def check():
            c2 = self.check(device, {2: ACTIVATED})
            return c2 if 1 in c2 else None
        return self.until("the command", check)

    def authenticate(self, device):
        imsi, given = self.subscription(device)["imsi"], []
        for _ in range(2):
            rand, autn, *_ = self.until("a vector", lambda: self.vector(imsi))
            sqn = milenage.sqn_of(device.k, device.opc, rand, autn)
            hold(all(sqn > before for before in given), f"SQN {sqn} after {given}")
            given.append(sqn)
        hold(self.subscription(device)["sqn"] >= max(given), "a vector was given whose SQN is not durable")

    def vector(self, imsi):
        try:
            return self.world.vector(self.auc, imsi, timeout=1)
        except OSError:
            return None  # it is dead


def one_life(place, victim, places):
    """The points that the victim's processes passed, and how often it died."""
    place.begin(victim, places)
    (place.life_with_server if victim == "samarad" else place.life_with_auc)()
    place.end()
    return place.passed, place.deaths


class Deaths:
    """All deaths of one program, in several worlds at once."""

    def __init__(self, victim):
        self.victim, self.todo, self.lock = victim, queue.Queue(), threading.Lock()
        self.died, self.alive, self.problems = [], [], []

    def find(self, place):
        """Which places there are, by a life without a death."""
        names = one_life(place, self.victim, [])[0][0]
        self.known = set(names)
        found = faults.places(names)
        for one in found if ALL else faults.thinned(found, OF_SQLITE):
            self.todo.put([one])

    def take(self, place, places):
        processes, deaths = one_life(place, self.victim, places)
        with self.lock:
            (self.died if deaths == len(places) else self.alive).append(places)
            for name in set().union(*processes) - self.known:  # what only a second start does
                self.known.add(name)
                self.todo.put([places[0], (name, 1)])

    def work(self, place):
        try:
            while not self.problems:
                self.take(place, places := self.todo.get_nowait())
        except queue.Empty:
            pass
        except Exception as problem:  # pylint: disable=broad-except
            self.problems.append((places, repr(problem)))


class EveryPoint(unittest.TestCase):
    def deaths_of(self, victim):
        places = [Place(DEVICES) for _ in range(WORLDS)]
        for place in places:
            self.addCleanup(place.stop)
        deaths = Deaths(victim)
        deaths.find(places[0])
        workers = [threading.Thread(target=deaths.work, args=(place,)) for place in places]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self.assertEqual(deaths.problems, [])
        self.assertEqual(deaths.known - {name for names in deaths.died for name, _ in names}, set(), "points at which nothing died")
        print(f"\n{victim}: {len(deaths.died)} deaths, {len(deaths.known)} different points; {len(deaths.alive)} places not reached again",
              file=sys.stderr)
        return deaths

    def test_samarad_killed_at_every_transaction_file_and_answer_agrees_with_all_in_the_end(self):
        deaths = self.deaths_of("samarad")
        self.assertTrue({"before-commit store", "before-send answers", "before-rename evidence-.smr", "after-remove ack-.smr"} <= deaths.known,
                        deaths.known)

    def test_samara_auc_killed_at_every_transaction_file_and_vector_agrees_with_all_in_the_end(self):
        deaths = self.deaths_of("samara-auc")
        self.assertTrue({"after-write sqn", "before-send vector", "after-commit auc", "before-rename ack-.smr"} <= deaths.known, deaths.known)


class Bites(unittest.TestCase):
    """The same lives with programs that answer before what they say is durable: is it seen?"""

    def broken(self, victim, file, edits, name, numbers):
        """What the mutant does first that must not be, dying at these places."""
        mutant = mutants.Mutant("crash-" + file.replace("/", "-")[:-2], "", ("fault-" + victim,), tuple((file, *edit) for edit in edits))
        program = mutants.make(BUILD, mutant)["fault-" + victim]
        place = Place(len(numbers), {victim: program})
        self.addCleanup(place.stop)
        for number in numbers:
            try:
                one_life(place, victim, [(name, number)])
            except Broken as problem:
                return str(problem)
        return "nothing"

    def test_samarad_that_answers_before_it_commits_is_seen(self):
        commit = "smr_store_commit(c->store, c->group, count);"
        edits = (("enum smr_err err = " + commit, "enum smr_err err = SMR_OK;"),
                 ("\t\thand_back(job, err);\n\t}\n}", "\t\thand_back(job, err);\n\t}\n\tusleep(100000);\n\t(void)!" + commit + "\n}"))
        self.assertIn("not durable", self.broken("samarad", "server/committer.c", edits, "before-commit store", range(1, 5)))

    def test_samara_auc_that_keeps_its_sqn_in_memory_is_seen(self):
        edits = (("err = smr_sqn_next(s.sqn, &sqn);", "{ static uint64_t held; err = smr_sqn_next(held > s.sqn ? held : s.sqn, &sqn); held = sqn; }"),
                 ("err = smr_auc_db_set_sqn(db, imsi, sqn, rand);", "err = smr_auc_db_set_sqn(db, imsi, s.sqn, rand);"))
        self.assertRegex(self.broken("samara-auc", "auc/sim.c", edits, "after-send vector", [1]), r"SQN \d+ after")


if __name__ == "__main__":
    unittest.main()
