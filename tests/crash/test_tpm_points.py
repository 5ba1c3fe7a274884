# SPDX-License-Identifier: Apache-2.0
"""The TRE with a TPM dies before and after every write to its directory and to the TPM: at its first start, while keys are made in it, when its
counter goes up, and while what it has sealed is taken into the next release. Started again it goes on by itself, whatever the moment; what is
common to all TREs: test_tre_points.py."""
import concurrent.futures
import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import faults  # noqa: E402
import mutants  # noqa: E402
import test_tre_points as lives  # noqa: E402
from faults import Broken, hold  # noqa: E402
from lone_tre import CHECKIN_START, NOTHING, OK, STATE, boot_log  # noqa: E402
from swtpm import SoftwareTpm  # noqa: E402

BUILD = lives.BUILD
FIRST, SECOND = 1, 2  # what is booted
STEPS = {("start", 0), ("provision", 4)}  # places beyond those of enrolment and update: the first start, and the counter in a flight


class Mortal(lives.Mortal):
    """@place: (boot, (name, n)) or None."""

    def __init__(self, place, program):
        self.state = tempfile.mkdtemp(prefix="samara-tpm-")
        self.tpm = None
        try:
            tpm = SoftwareTpm(self.state)
            tpm.boot(boot_log(FIRST))
            self.booted, self.by_boot = FIRST, {FIRST: [], SECOND: []}
            super().__init__(place, program, tpm=tpm)
        except Exception:
            shutil.rmtree(self.state, ignore_errors=True)
            raise

    def next_fault(self):
        return faults.Fault(self.place[1] if self.place and self.place[0] == self.booted else None)

    def end_of_process(self):
        self.by_boot[self.booted].append(self.fault.passed())
        super().end_of_process()

    def close(self):
        super().close()
        if self.tpm:
            self.tpm.stop()
        shutil.rmtree(self.state, ignore_errors=True)

    def enrol_once(self):
        if not self.ask(STATE)[2]:
            self.begin(os.urandom(32))  # as a supplier's station that was interrupted: the next one makes other keys
        super().enrol_once()

    def live(self):
        first = self.package(serial=5)
        self.through(self.provision, first)
        self.through(self.prepare_next)
        self.update()
        self.through(self.go_on)
        self.through(self.settle)

    def prepare_next(self):
        hold(self.prepare(self.release(FIRST), self.release(SECOND)) == OK, "PREPARE")

    def update(self):
        """The device is started with the next release."""
        self.process.terminate()
        self.end_of_process()
        hold(self.process.returncode in (0, -9), f"ended with {self.process.returncode}")
        self.deaths += self.process.returncode == -9
        self.tpm.boot(boot_log(SECOND))
        self.booted = SECOND
        self.step = "start"
        self.kinds.append(((self.step, SECOND), 0))
        self.start()

    def go_on(self):
        """What it had before the update it has now, but for the lineage of the state before."""
        hold([m[2:4] for m in self.mcims()] == [[5, 1]], "the subscription is lost")
        if self.ask(CHECKIN_START) == [NOTHING]:
            self.fly()
        self.check_in()

    def settle(self):
        self.check()
        hold(self.ask(STATE)[10] == 0, "receipts that do not go away")


def one_life(place, program=faults.programs(BUILD)["samara-tre"]):
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


def of_boot(tre, boot, wanted):
    """The places of a boot's only process that are passed in these steps, as far as they are those of a TPM."""
    return [(boot, place) for place, step in zip(faults.places(tre.by_boot[boot][0]), steps_of(tre, boot)) if wanted(step) and is_own(place[0], step[0])]


def is_own(name, step):
    """Not of the record and of answers, which are those of every TRE."""
    what = name.split()[-1]
    return what not in ("record", "answer") and (what != "file" or step in ("start", "prepare_next"))


def steps_of(tre, boot):
    """For each point that a boot's process passed: (step, operation)."""
    marks = [(("start", 0), 0)] + [(kind, at) for kind, at in tre.kinds]
    second = next(i for i, (kind, _) in enumerate(marks) if kind == ("start", SECOND))
    marks = marks[:second] if boot == FIRST else marks[second:]
    total = len(tre.by_boot[boot][0])
    ends = [at for _, at in marks[1:]] + [total]
    return [kind for (kind, at), end in zip(marks, ends) for _ in range(end - at)]


class EveryPoint(unittest.TestCase):
    def test_tre_with_a_tpm_killed_at_every_write_goes_on_by_itself(self):
        first = one_life(None)
        places = of_boot(first, FIRST, lambda step: step in STEPS or step[0] in ("enrol_once", "prepare_next"))
        places += of_boot(first, SECOND, lambda step: step[0] == "start")
        names = {name for _, (name, _) in places}
        self.assertLessEqual({"after-define counter", "before-count counter", "after-define history", "before-extend history", "after-extend history", "after-vacate key", "after-make key", "after-rename storage.first",
                              "before-rename storage.sealed", "after-remove storage.first", "after-rename storage.next"}, names)
        self.assertIn((SECOND, ("after-rename storage.sealed", 1)), places)
        known = {name for passed in first.passed for name in passed}
        with concurrent.futures.ThreadPoolExecutor(lives.JOBS) as pool:
            found = list(pool.map(one_life, places))
        self.assertEqual([tre.deaths for tre in found], [1] * len(places), "a place where nothing died")
        recovering = {name for tre in found for passed in tre.passed[1:] for name in passed}
        self.assertEqual(recovering - known, set(), "starting again passes points that no life without a death has")
        print(f"\n{len(places)} deaths, {len(names)} different points", file=sys.stderr)


class Bites(unittest.TestCase):
    def broken(self, boot, name, file, old, new, time=1):
        program = mutants.make(BUILD, mutants.Mutant("crash-tpm-" + name.replace(" ", "-"), "", ("fault-samara-tre",), ((file, old, new),)))
        with self.assertRaises(Broken) as caught:
            one_life((boot, (name, time)), program["fault-samara-tre"])
        return str(caught.exception)

    def test_counter_that_is_made_before_its_secret_is_written_is_seen(self):
        self.assertIn("refuses its own state: 0x208", self.broken(FIRST, "after-define counter", "tre/linux/vault.c",
                                                                   "return seal_here(vault, content, vault->first);", "return SMR_OK;"))

    def test_history_that_goes_on_before_the_record_is_written_is_seen(self):
        self.assertIn("refuses its own state: 0x307", self.broken(FIRST, "after-extend history", "tre/linux/tpm_port.c",
                                                                   "SMR_TRY(smr_tre_history_bind(&port->history, record, &file));",
                                                                   "SMR_TRY(smr_tre_history_bind(&port->history, record, &file));\n\tSMR_TRY(smr_tre_history_follow(&port->history));", time=3))

    def test_former_seal_that_is_gone_before_the_next_is_in_its_place_is_seen(self):
        self.assertIn("refuses its own state: 0x30f", self.broken(SECOND, "after-remove storage.sealed", "tre/linux/vault.c",
                                                                   "err = smr_fs_rename(vault->next, vault->sealed);",
                                                                   "err = smr_fs_remove(vault->sealed) == SMR_OK ? smr_fs_rename(vault->next, vault->sealed) : SMR_E_IO;"))


if __name__ == "__main__":
    unittest.main()
