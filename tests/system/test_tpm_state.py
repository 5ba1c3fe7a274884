# SPDX-License-Identifier: Apache-2.0
"""A whole device, the state of its software TPM with it, is copied to a second machine, or restored from an image: one of the two lives goes on, and
the other one is refused, with words, and keeps the subscription that it has (docs/decisions/0021-tpm-clock.md). And a device whose state is not
approved any more shows what booted (docs/decisions/0022-boot-log.md)."""
import os
import re
import shutil
import signal
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from lives import FLIGHT_START, OK, ROLLBACK, STATE  # noqa: E402
import wire  # noqa: E402
from swtpm import SHUTDOWN_STATE, Between, clock_command  # noqa: E402
from tpm_lives import BOOT_LOG, TpmLives  # noqa: E402
from world import wait_until  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")
MEASUREMENT, BOOT_LOG_REFUSED, TPM_STATE = 2, 10, 11
WORDS = "its state was copied or restored"


class Copied(unittest.TestCase):
    DEVICES = 9

    @classmethod
    def setUpClass(cls):
        cls.live = TpmLives(BUILD, devices=cls.DEVICES)
        cls.addClassCleanup(cls.live.stop)
        cls.fresh = iter(cls.live.devices)
        cls.numbers = iter(range(cls.DEVICES + 1, 100))

    def setUp(self):
        """A device with a subscription, and yesterday's image of it, made before the server had its receipt."""
        self.device = next(self.fresh)
        self.addCleanup(self.device.off)
        self.device.on()
        self.assertTrue(self.live.fly(self.device)["installed"])
        self.device.off()
        self.image = self.device.image("yesterday")

    def copy(self):
        other = self.live.copy(self.image, self.device, next(self.numbers))
        self.addCleanup(other.off)
        return other

    def goes_on(self, machine):
        self.assertEqual(self.live.fly(machine)["result"], "accepted")
        self.assertEqual(self.check_in(machine), "accepted")

    def check_in(self, machine):
        return self.live.contact(machine, "check-in")["result"]

    def row(self, machine):
        row = self.live.row(machine)
        return row["state"], row["counter"]

    def refused(self, machine):
        """Its flight is, with words, and nothing changes by that: not the row, not its counter but by one, not its subscription."""
        row, before = self.row(machine), machine.ask(STATE)[5]
        answer = self.live.fly(machine)
        self.assertEqual((answer["result"], answer["refusal"]), ("refused", TPM_STATE))
        self.assertIn(WORDS, answer["detail"])
        self.assertEqual(self.row(machine), row)
        self.assertEqual(machine.ask(STATE)[5], before + 1)
        self.assertEqual(len(self.live.mcims(machine)), 1)

    def for_ever(self, machine):
        """However often it asks, and however often it is switched on; its ticket is gone."""
        self.refused(machine)
        self.assertEqual(self.check_in(machine), "flight-needed")
        for _ in range(2):
            machine.on()
            self.refused(machine)
            self.refused(machine)

    def test_copy_that_comes_second_is_refused_and_the_original_goes_on(self):
        self.device.on()
        self.goes_on(self.device)
        other = self.copy()
        other.on()
        # A start asks for a flight. And the original's check-in, with the receipt, has moved the row's counter to that of this flight.
        self.assertEqual(self.check_in(other), "flight-needed")
        self.for_ever(other)
        self.goes_on(self.device)

    def test_copy_that_comes_first_goes_on_and_the_original_is_refused(self):
        other = self.copy()
        other.on()
        self.goes_on(other)
        self.device.on()
        self.for_ever(self.device)
        self.goes_on(other)

    def test_restored_device_is_refused_and_its_newest_state_goes_on(self):
        self.device.on()
        self.goes_on(self.device)
        self.device.off()
        newest = self.device.image("newest")
        self.device.put_back(self.image)
        self.device.on()
        self.for_ever(self.device)
        self.device.off()
        self.device.put_back(newest)
        self.device.on()
        self.goes_on(self.device)

    def test_copied_while_it_was_off_each_start_shows_itself(self):
        self.device.on()
        self.goes_on(self.device)
        self.device.off()
        self.image = self.device.image("after-its-last-flight")
        self.device.on()
        self.assertEqual(self.check_in(self.device), "flight-needed")
        self.goes_on(self.device)
        other = self.copy()
        other.on()
        self.assertEqual(self.check_in(other), "flight-needed")
        self.for_ever(other)
        self.goes_on(self.device)

    def running_and_copied(self):
        """A device that has nothing to say, and a copy that was made while it ran."""
        self.device.on()
        self.goes_on(self.device)
        self.image = self.device.image("while-it-runs")
        row = self.row(self.device)
        other = self.copy()
        other.on()
        self.assertEqual(self.check_in(other), "flight-needed")
        self.assertEqual(self.check_in(self.device), "accepted")
        self.assertEqual(self.row(self.device), row)
        return other

    def test_copied_while_it_ran_the_original_flies_first_and_goes_on(self):
        other = self.running_and_copied()
        self.goes_on(self.device)
        self.for_ever(other)
        self.goes_on(self.device)

    def test_copied_while_it_ran_the_copy_flies_first_and_the_original_is_refused_from_its_next_flight_on(self):
        """Which is due after a day of its clock at the latest (test_tre_tpm.py)."""
        other = self.running_and_copied()
        self.goes_on(other)
        self.for_ever(self.device)
        self.goes_on(other)

    def newest_record_of(self, machine):
        path = os.path.join(machine.dir, "its-record")
        shutil.copy(os.path.join(machine.tre_dir, "record"), path)
        return path

    @staticmethod
    def stamp(path):
        with open(path, "rb") as f:
            return int.from_bytes(f.read(8), "big")

    def test_copy_with_the_newest_record_of_the_original_is_refused_by_its_tre(self):
        """Both TPMs count alike, storage key and resets are the same. The copy asks in vain until its counter is that of the original's newest record; then
        its clock is put forward, and it is started with that record: all that a row knows of the original it would have."""
        self.device.on()
        self.goes_on(self.device)
        self.device.off()
        self.image = self.device.image("older")
        for _ in range(2):  # as often as the copy will be
            self.device.on()
        self.goes_on(self.device)
        newest = self.newest_record_of(self.device)
        other = self.copy()
        other.on()
        record = os.path.join(other.tre_dir, "record")
        while self.stamp(record) < self.stamp(newest):
            self.assertEqual(other.ask(FLIGHT_START, False)[0], OK)
        other.off()
        own = self.newest_record_of(other)
        self.assertEqual(self.stamp(own), self.stamp(newest))  # its counter is not what tells it
        other.tpm.start()
        self.assertEqual(other.tpm.send(clock_command(86_400_000)), [0])
        self.put_record(other, newest)
        other.on()
        self.assertEqual(other.ask(STATE)[1], ROLLBACK)
        self.assertEqual(other.ask(FLIGHT_START, False)[0], ROLLBACK)
        self.assertEqual(self.check_in(self.device), "accepted")
        self.goes_on(self.device)
        self.put_record(other, own)  # and its own life is the one that the row knows as older
        other.on()
        self.for_ever(other)
        self.goes_on(self.device)

    @staticmethod
    def put_record(machine, path):
        machine.off()
        with open(path, "rb") as taken, open(os.path.join(machine.tre_dir, "record"), "r+b") as f:
            f.write(taken.read())
            f.truncate()

    def test_open_limit_restored_from_an_image_of_the_same_term(self):
        """What docs/decisions/0025-terms.md does not see: since the image was made, while it ran, the device has made unchanged check-ins alone. They leave
        nothing behind, so nothing is lost either."""
        self.running_and_copied().off()
        self.device.off()
        self.device.put_back(self.image)
        self.device.on()
        self.assertEqual(self.check_in(self.device), "flight-needed")
        self.goes_on(self.device)

    def test_copy_whose_counter_has_passed_is_refused_by_its_clock(self):
        """The original was started once more before its flight; what the copy's agent asked in vain, with no network, has moved its counter."""
        self.device.on()
        self.device.on()
        self.goes_on(self.device)
        other = self.copy()
        other.on()
        for _ in range(8):
            self.assertEqual(other.ask(FLIGHT_START, False)[0], OK)
        self.assertGreater(other.ask(STATE)[5], self.device.ask(STATE)[5])
        self.for_ever(other)
        self.goes_on(self.device)


class Lost(unittest.TestCase):
    """samara-launch, samara-tre and samara-m2me as on a device; the TPM goes away under them."""

    def setUp(self):
        self.live = TpmLives(BUILD, pause_min_ms=50, pause_max="1s", interval="1h")
        self.addCleanup(self.live.stop)
        self.device = self.live.devices[0]
        self.device.off()
        self.device.tpm.start()
        self.device.boot(BOOT_LOG)
        self.between = Between(self.device.tpm)
        self.addCleanup(self.between.close)
        with open(self.device.config, "a", encoding="utf-8") as f:
            f.write(f"[tre]\ntpm = {self.between.tcti}\n")
        self.device.power_on()
        self.addCleanup(self.device.power_off)
        self.live.wait_active(self.device)

    def nudge(self):
        """The agent that the launcher started contacts the server now."""
        with open(self.device.process.log, encoding="utf-8") as f:
            pids = re.findall(r"event=child.started name=samara-m2me pid=(\d+)", f.read())
        os.kill(int(pids[-1]), signal.SIGUSR1)

    def checked_in(self):
        return self.live.world.counters()["checkins_answered"]

    def goes_on(self):
        """The agent's own next contact, which it is told to make now."""
        wait_until("the TRE to serve again", self.device.is_answering, 60, every=0.2)
        before = self.checked_in()

        def one_more():
            self.nudge()
            return self.checked_in() > before
        wait_until("a check-in", one_more, 60, every=0.5)
        self.assertEqual(len(self.live.mcims(self.device)), 1)

    def test_device_goes_on_by_itself_once_its_tpm_is_back(self):
        self.between.close()
        self.nudge()
        wait_until("the TRE's end", lambda: not self.device.is_answering())
        self.between.open()
        self.goes_on()

    def test_device_whose_tpm_slept_makes_a_flight_and_goes_on(self):
        """TPM2_Shutdown(STATE) and a start with that state: the registers are as they were, and what was loaded is gone."""
        flights = self.live.world.counters()["flights_answered"]
        self.assertEqual(self.between.send(SHUTDOWN_STATE), 0)
        self.between.close()
        self.device.tpm.stop()
        self.device.tpm.start(resume=True)
        self.between.open()
        self.goes_on()
        self.assertEqual(self.live.world.counters()["flights_answered"], flights + 1)


class Shown(unittest.TestCase):
    """The supplier takes a version of its software off its list."""

    def setUp(self):
        self.live = TpmLives(BUILD)
        self.addCleanup(self.live.stop)
        self.device = self.live.devices[0]
        self.device.on()
        self.addCleanup(self.device.off)
        self.assertTrue(self.live.fly(self.device)["installed"])

    def until_refused(self, log, number):
        """A list without what this device booted; its first refused flight."""
        self.live.publish(log=log, number=number)
        def refused():
            return self.live.fly(self.device)["refusal"] == MEASUREMENT
        wait_until("the server to go by the new list", refused, 60)

    def test_device_shows_what_booted_and_the_server_names_what_is_not_on_the_list(self):
        self.until_refused([*BOOT_LOG[:2], [9, wire.sha256(b"other"), "config"]], 2)
        server = self.live.server
        self.assertFalse(server.logged("event=boot-log."))
        answer = self.live.fly(self.device)
        self.assertEqual(answer["refusal"], MEASUREMENT)
        server.wait_logged("event=boot-log.unknown")
        self.assertTrue(server.logged(f"eid={self.device.eid} pcr=9 name=\"config\" digest={BOOT_LOG[2][1].hex()}"), server.tail())
        self.assertEqual(len(self.live.mcims(self.device)), 1)
        self.live.publish(number=3)  # it was a mistake: the device goes on
        wait_until("the server to go by the newest list", lambda: self.live.fly(self.device)["result"] == "accepted", 60)

    def test_log_that_is_not_of_this_start_is_refused_as_such(self):
        with open(self.device.boot_log, "wb") as f:
            f.write(wire.encode(BOOT_LOG[:2]))
        self.device.tre.stop()
        self.device.tre = self.device.start_tre_alone()
        self.until_refused(BOOT_LOG[1:], 2)
        answer = self.live.fly(self.device)
        self.assertEqual(answer["refusal"], BOOT_LOG_REFUSED)
        self.assertIn("does not replay to the quoted PCRs", answer["detail"])
        self.assertEqual(self.live.fly(self.device)["refusal"], MEASUREMENT)
        self.assertFalse(self.live.server.logged("event=boot-log."))


if __name__ == "__main__":
    unittest.main()
