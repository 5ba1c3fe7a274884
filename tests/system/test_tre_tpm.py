# SPDX-License-Identifier: Apache-2.0
"""samara-tre with a TPM, as a black box: what it notices about its directory, its TPM and the measured state, and what stays then."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import lone_tre  # noqa: E402
import wire  # noqa: E402
from endorse import endorsement_key  # noqa: E402
from lone_tre import AUTHENTICATE, CHECKIN_COMPLETE, CHECKIN_START, E_STATE, FLIGHT_COMPLETE, FLIGHT_START, NOTHING, OK, OTHER_ICCID, STATE, UNOPENED  # noqa: E402
from swtpm import CLEAR, EXTEND_INDEX, FAILURE, INCREMENT, NV_RATE, NV_UNAVAILABLE, PLATFORM, STARTUP, Between, SoftwareTpm, clock_command, command  # noqa: E402

ROLLBACK, MEASUREMENT, TAMPERED, TPM_CLEARED, TPM_RESET, TPM_EXISTS = 0x307, 0x308, 0x30F, 0x312, 0x313, 0x208
MEASUREMENT_REFUSED, COUNTER, BOOT_LOG, TPM_STATE = 2, 3, 10, 11
UNSUPPORTED, TPM_ABSENT, TPM_HIERARCHY = 0x102, 0x405, 0x407
LOCKED_OUT = "0x921"
M1_BY_REFERENCE, M1_WITH_CERTIFICATE = 512, 640  # octets at most (UDP payload, of which CoAP takes 40 at most)


class Case(unittest.TestCase):
    def setUp(self):
        self.base = tempfile.mkdtemp(prefix="samara-tpm-")
        self.addCleanup(shutil.rmtree, self.base)
        self.tpm = self.machine("tpm")

    def with_tre(self, tpm):
        self.tre = lone_tre.Tre(tpm=tpm)
        self.addCleanup(self.tre.close)

    def machine(self, name):
        tpm = SoftwareTpm(os.path.join(self.base, name))
        self.addCleanup(tpm.stop)
        return tpm

    def tool(self, *argv):
        return subprocess.run(argv, cwd=self.base, env={**os.environ, "TPM2TOOLS_TCTI": self.tpm.tcti}, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=60, check=False)

    def good(self, *argv):
        done = self.tool(*argv)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def health(self):
        return self.tre.ask(STATE)[1]

    def said(self):
        with open(os.path.join(self.tre.base, "log"), encoding="utf-8") as f:
            return f.read()

    def assert_ends(self, code, words):
        """By itself, after the answer that said so."""
        self.assertEqual(self.tre.process.wait(lone_tre.PATIENCE), code)
        self.assertIn(words, self.said())

    def assert_refuses(self, health, words):
        """It serves the question for its state and nothing else, and its log says what to do."""
        self.assertEqual(self.health(), health)
        self.assertEqual(self.tre.ask(FLIGHT_START, False), [health])
        self.assertEqual(self.tre.ask(AUTHENTICATE, bytes(16), bytes(16)), [health])
        self.assertIn(words, self.said())


class Meanwhile(Case):
    """The measured state changes while it runs."""

    def setUp(self):
        super().setUp()
        self.between = Between(self.tpm)
        self.addCleanup(self.between.close)
        self.with_tre(self.between)

    def test_state_changed_between_m1_and_m2_closes_the_request(self):
        self.tre.request()
        m2 = self.tre.server.m2({1: self.tre.package()})
        self.between.extend(9)
        self.assertEqual(self.tre.ask(FLIGHT_COMPLETE, m2), [E_STATE])
        self.assertEqual(self.tre.mcims(), [])
        before = self.tre.measurement
        self.tre.request()  # its evidence says what runs now
        self.assertNotEqual(self.tre.server.ev[2], before)

    def test_state_changed_between_c1_and_c2_ends_the_lineage(self):
        self.assertEqual(self.tre.fly(self.tre.package()), OK)
        err, c1 = self.tre.ask(CHECKIN_START)
        self.assertEqual(err, OK)
        self.tre.server.open_c1(c1)
        c2 = self.tre.server.c2({})
        self.between.extend(8)
        self.assertNotEqual(self.tre.ask(CHECKIN_COMPLETE, c2)[0], OK)
        self.assertEqual(self.tre.ask(CHECKIN_START), [NOTHING])  # a flight is due
        self.assertEqual(len(self.tre.mcims()), 1)

    def put_clock_forward(self, days):
        self.assertEqual(self.between.send(clock_command(days * 86_400_000)), 0)

    def test_next_day_of_its_clock_asks_for_a_flight(self):
        self.assertEqual(self.tre.fly(self.tre.package()), OK)
        self.tre.check_in()
        self.put_clock_forward(1)
        self.assertEqual(self.tre.ask(CHECKIN_START), [NOTHING])
        self.assertEqual(len(self.tre.mcims()), 1)
        self.tre.fly()
        for _ in range(3):
            self.tre.check_in()

    def test_day_that_ends_between_m1_and_m2_asks_for_another_flight(self):
        """No quote has stated the day that it is now; what the answer brings beside the ticket is installed."""
        self.tre.request()
        m2 = self.tre.server.m2({1: self.tre.package()})
        self.put_clock_forward(3)
        self.assertEqual(self.tre.ask(FLIGHT_COMPLETE, m2)[0], OK)
        self.assertEqual(len(self.tre.mcims()), 1)
        self.assertEqual(self.tre.ask(CHECKIN_START), [NOTHING])
        self.tre.fly()
        self.tre.check_in()

    def test_day_that_ends_between_c1_and_c2_asks_for_a_flight(self):
        self.assertEqual(self.tre.fly(self.tre.package()), OK)
        err, c1 = self.tre.ask(CHECKIN_START)
        self.assertEqual(err, OK)
        self.tre.server.open_c1(c1)
        self.put_clock_forward(2)
        self.assertEqual(self.tre.ask(CHECKIN_COMPLETE, self.tre.server.c2({})), [NOTHING])
        self.assertEqual(self.tre.ask(CHECKIN_START), [NOTHING])
        self.tre.fly()
        self.tre.check_in()

    def test_tpm_that_does_not_write_for_now_is_waited_for(self):
        self.between.refusals = {INCREMENT: [NV_RATE, NV_UNAVAILABLE], EXTEND_INDEX: [NV_RATE, NV_UNAVAILABLE, NV_RATE]}
        self.assertEqual(self.tre.fly(self.tre.package()), OK)
        self.assertEqual(self.between.refusals, {INCREMENT: [], EXTEND_INDEX: []})
        self.tre.check_in()

    def test_tpm_that_failed_its_own_test_ends_the_start_with_words(self):
        self.tre.kill()
        self.between.refusals = {STARTUP: [FAILURE]}
        self.assertEqual(self.tre.spawn().wait(lone_tre.PATIENCE), 1)
        self.assertIn("switch the whole device off and on", self.said())
        self.tre.start()
        self.assertEqual(self.health(), OK)

    def test_cleared_in_the_middle_is_told(self):
        self.assertEqual(self.tre.fly(self.tre.package()), OK)
        self.assertEqual(self.between.send(command(CLEAR, [PLATFORM])), 0)
        self.assertEqual(self.tre.ask(FLIGHT_START, False), [TPM_CLEARED])
        self.assertEqual(self.tre.ask(CHECKIN_START), [TPM_CLEARED])


class Owner(Case):
    """What its owner, or whoever has the owner's hierarchy, does to the TPM meanwhile, and what the device's own advice is worth."""

    def begin_anew(self):
        """As the log says: the directory moved away, and the supplier enrols it anew."""
        os.rename(os.path.join(self.tre.run, "tre"), os.path.join(self.tre.run, "tre.old"))
        self.tre.start()
        self.tre.enrol()
        self.assertEqual(self.tre.fly(self.tre.package()), OK)

    def test_locked_out_tpm_serves_the_tre_all_the_same(self):
        """Others' wrong guesses are not ours to suffer from."""
        self.with_tre(self.tpm)
        self.assertEqual(self.tre.fly(self.tre.package()), OK)
        self.tre.kill()
        self.good("tpm2_nvdefine", "0x1810000", "-C", "o", "-s", "8", "-p", "right", "-a", "authread|authwrite")
        with open(os.path.join(self.base, "8"), "wb") as f:
            f.write(bytes(8))
        self.good("tpm2_dictionarylockout", "-s", "-n", "1", "-t", "1000000", "-l", "1000000")
        for password in ("wrong", "wrong", "right"):
            done = self.tool("tpm2_nvwrite", "0x1810000", "-C", "0x1810000", "-P", password, "-i", "8")
        self.assertIn(LOCKED_OUT, done.stdout + done.stderr)
        self.tre.start()
        self.assertEqual((self.health(), len(self.tre.mcims())), (OK, 1))
        self.tre.check_in()
        self.assertEqual(self.tre.fly(), NOTHING)

    def test_owner_who_closes_the_storage_hierarchy_is_named_at_every_start_and_nothing_is_lost(self):
        self.with_tre(self.tpm)
        self.assertEqual(self.tre.fly(self.tre.package()), OK)
        before = self.tre.mcims()
        self.tre.kill()
        self.good("tpm2_changeauth", "-c", "o", "owner")
        for start in (1, 2):
            self.assertEqual(self.tre.spawn().wait(lone_tre.PATIENCE), 4)
            self.assertEqual(self.said().count("tpm2_changeauth -c o -p VALUE"), start)
        self.good("tpm2_changeauth", "-c", "o", "-p", "owner")
        self.tre.start()
        self.assertEqual((self.health(), self.tre.mcims()), (OK, before))
        self.tre.check_in()
        self.assertEqual(self.tre.fly(), NOTHING)

    def test_full_tpm_is_told_at_the_first_start_and_hurts_nobody_who_is_enrolled(self):
        self.with_tre(self.machine("roomy"))
        self.tre.kill()
        shutil.rmtree(os.path.join(self.tre.run, "tre"))
        self.tre.tpm, indices = self.tpm, self.tpm.fill_up()
        self.assertNotEqual(self.tre.spawn().wait(lone_tre.PATIENCE), 0)
        self.assertIn("tpm2_nvundefine", self.said())
        self.tpm.make_room(indices[-1])  # enough for the counter, not for the history
        self.assertNotEqual(self.tre.spawn().wait(lone_tre.PATIENCE), 0)
        self.assertIn("tpm2_nvundefine", self.said())
        self.tpm.make_room(indices[0])
        self.tre.start()
        self.tre.enrol()
        self.tre.kill()
        self.tpm.fill_up(first=0x01820000)
        self.tre.start()
        self.assertEqual(self.tre.fly(self.tre.package()), OK)
        self.tre.check_in()

    def test_cleared_tpm_is_refused_and_the_device_enrolled_anew(self):
        self.with_tre(self.tpm)
        self.assertEqual(self.tre.fly(self.tre.package()), OK)
        self.tre.kill()
        self.good("tpm2_clear")
        self.tre.start()
        self.assert_refuses(TPM_CLEARED, "enrol the device anew")
        self.tre.kill()
        self.begin_anew()

    def test_lost_directory_is_given_up_as_the_log_says(self):
        self.with_tre(self.tpm)
        self.tre.kill()
        os.rename(os.path.join(self.tre.run, "tre"), os.path.join(self.tre.run, "lost"))
        self.tre.start()
        self.assert_refuses(TPM_EXISTS, "tpm2_nvundefine -C o 0x1805301")
        self.tre.kill()
        self.good("tpm2_nvundefine", "-C", "o", "0x1805301")
        self.begin_anew()

    def test_tpm_that_vanishes_while_it_runs_is_told_and_costs_nothing(self):
        self.with_tre(self.tpm)
        self.assertEqual(self.tre.fly(self.tre.package()), OK)
        self.tpm.stop()
        self.assertEqual(self.tre.ask(FLIGHT_START, False), [TPM_ABSENT])
        self.assert_ends(4, "nothing is lost")
        self.tpm.start()
        self.tre.start()
        self.assertEqual((self.health(), len(self.tre.mcims())), (OK, 1))
        self.tre.fly()  # as after each start of a TPM
        self.tre.check_in()


class SealedToOneTpm(Case):
    """Packages of an operator that asked the TPM's vendor."""

    def setUp(self):
        super().setUp()
        self.ek = self.endorsed(self.tpm)
        self.with_tre(self.tpm)

    @staticmethod
    def endorsed(tpm):
        numbers = endorsement_key(tpm).public_numbers()
        return wire.compress(b"\4" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big"))

    def test_package_for_this_tpm_and_t_is_installed(self):
        self.assertEqual(self.tre.fly(self.tre.package(ek=self.ek)), OK)
        self.assertEqual(len(self.tre.mcims()), 1)
        self.tre.check_in()
        self.assertEqual(self.tre.fly(self.tre.package(serial=6, iccid=OTHER_ICCID, ek=self.ek)), OK)
        self.assertEqual(self.tre.mcims()[0][0], OTHER_ICCID)

    def test_package_for_another_tpm_or_key_is_told_and_the_subscription_stays(self):
        self.assertEqual(self.tre.fly(self.tre.package(ek=self.ek)), OK)
        before = self.tre.mcims()
        for more in ({"ek": self.endorsed(self.machine("second"))}, {"ek": self.ek, "name": wire.tpm.name(self.tre.d)}):
            self.assertEqual(self.tre.fly(self.tre.package(serial=6, iccid=OTHER_ICCID, **more)), UNOPENED)
            self.assertEqual(self.tre.mcims(), before)
            self.tre.request()
            self.assertEqual(self.tre.server.ev[5][1], [OTHER_ICCID, 6, UNOPENED])
        self.assertEqual(self.tre.fly(self.tre.package(serial=6, iccid=OTHER_ICCID, ek=self.ek)), OK)

    def change_authorisation(self, *words):
        """As the TPM's owner, while the TRE is off."""
        self.tre.kill()
        self.good("tpm2_changeauth", "-c", "e", *words)
        self.tre.start()

    def test_owner_who_closes_the_endorsement_hierarchy_is_named_and_no_package_is_lost(self):
        self.assertEqual(self.tre.fly(self.tre.package(ek=self.ek)), OK)
        before = self.tre.mcims()
        package = self.tre.package(serial=6, iccid=OTHER_ICCID, ek=self.ek)
        self.change_authorisation("owner")
        self.assertEqual((self.health(), self.tre.mcims()), (OK, before))
        self.tre.check_in()
        for _ in range(2):
            self.tre.request()
            self.assertNotIn(1, self.tre.server.ev[5])  # nothing is said to be wrong with the package
            self.assertEqual(self.tre.ask(FLIGHT_COMPLETE, self.tre.server.m2({1: package})), [TPM_HIERARCHY])
        self.assertEqual((self.health(), self.tre.mcims()), (OK, before))
        self.assertIn("tpm2_changeauth -c e -p VALUE", self.said())
        self.change_authorisation("-p", "owner")
        self.assertEqual(self.tre.fly(package), OK)
        self.assertEqual(self.tre.mcims()[0][0], OTHER_ICCID)

    def test_package_of_an_operator_that_did_not_ask_is_installed_too(self):
        self.assertEqual(self.tre.fly(self.tre.package()), OK)

    def test_package_for_a_tpm_is_not_installed_without_one(self):
        with lone_tre.Tre() as software:
            self.assertEqual(software.fly(software.package(ek=self.ek)), UNSUPPORTED)
            self.assertEqual(software.fly(software.package()), OK)


class Alone(Case):
    def setUp(self):
        super().setUp()
        self.with_tre(self.tpm)

    def test_flight_and_check_in_with_keys_in_the_tpm(self):
        err, m1 = self.tre.ask(FLIGHT_START, True)
        self.assertEqual(err, OK)
        self.assertLessEqual(len(m1) + 40, M1_WITH_CERTIFICATE)
        self.assertLessEqual(len(self.tre.request()) + 40, M1_BY_REFERENCE)
        self.assertEqual(self.tre.fly(self.tre.package()), OK)
        self.assertEqual(len(self.tre.mcims()), 1)
        self.tre.check_in()
        self.tre.restart()
        self.assertEqual((self.health(), len(self.tre.mcims())), (OK, 1))
        self.tre.check_in()

    # ---- what the server says of its state ----

    def refused(self, reason):
        """A flight that ends so. What the evidence said beyond its plain members."""
        self.tre.request()
        extra = self.tre.server.ev[5:]
        self.assertEqual(self.tre.ask(FLIGHT_COMPLETE, self.tre.server.m2({0: reason}))[:2], [OK, reason])
        return extra

    def test_copy_that_is_told_so_says_it_in_every_request_and_keeps_its_subscription(self):
        self.assertEqual(self.tre.fly(self.tre.package()), OK)
        ctr = self.tre.ask(STATE)[5]
        self.assertEqual(self.refused(TPM_STATE), [{3: ctr}])
        self.assertEqual(self.tre.ask(STATE)[5], ctr + 1)  # no step ahead
        self.assertEqual(self.tre.ask(CHECKIN_START), [NOTHING])
        self.tre.restart()
        self.assertEqual(self.refused(TPM_STATE), [{2: 1 << 31, 3: ctr}])
        self.assertEqual(self.tre.fly(), NOTHING)  # nor does an answer make it forget
        self.assertEqual(self.refused(TPM_STATE), [{2: 1 << 31, 3: ctr + 3}])
        self.assertEqual((self.health(), len(self.tre.mcims())), (OK, 1))

    def show(self, octets):
        """From its next start on it is given this as its boot log."""
        self.tre.boot_log = os.path.join(self.tre.base, "boot.log")
        with open(self.tre.boot_log, "wb") as f:
            f.write(octets)
        os.chmod(self.tre.boot_log, 0o644)
        self.tre.restart()

    def test_boot_log_is_shown_after_a_refused_measurement_and_only_then(self):
        log = [[8, wire.sha256(b"tre"), "tre"], [9, wire.sha256(b"slot"), "slot"]]
        self.show(wire.encode(log))
        self.assertEqual(self.tre.fly(self.tre.package()), OK)
        self.assertIsNone(self.tre.server.log)
        self.refused(MEASUREMENT_REFUSED)
        self.assertIsNone(self.tre.server.log)
        for answer in (MEASUREMENT_REFUSED, BOOT_LOG):
            self.refused(answer)
            self.assertEqual(self.tre.server.log, log)
        self.refused(MEASUREMENT_REFUSED)  # told that it is false, it shows it no more, until it is asked again
        self.assertIsNone(self.tre.server.log)
        self.assertEqual(self.tre.fly(), NOTHING)
        self.assertEqual(self.tre.server.log, log)
        self.refused(COUNTER)
        self.assertIsNone(self.tre.server.log)
        err, m1 = self.tre.ask(FLIGHT_START, True)
        self.assertEqual((err, self.tre.server.open_m1(m1)[1:] != []), (OK, True))

    def test_boot_log_that_cannot_be_read_is_told_and_costs_nothing(self):
        for octets in (b"", wire.encode([[16, bytes(32), "resettable"]]), bytes(241)):
            self.show(octets)
            self.refused(MEASUREMENT_REFUSED)
            self.assertEqual(self.tre.fly(self.tre.package()), OK if octets == b"" else NOTHING)
            self.assertIsNone(self.tre.server.log)
        self.assertEqual(self.said().count("event=boot-log.unread"), 3)

    def test_state_changed_while_it_was_off_is_refused_until_it_is_back(self):
        self.assertEqual(self.tre.fly(self.tre.package()), OK)
        self.tre.kill()
        self.tpm.extend(8)
        self.tre.start()
        self.assert_refuses(MEASUREMENT, "boot the approved software again")
        self.tre.kill()
        self.tpm.stop()
        self.tpm.start()
        self.tre.start()
        self.assertEqual((self.health(), len(self.tre.mcims())), (OK, 1))

    # ---- the TPM ----

    def test_reset_in_the_middle_is_told(self):
        self.tre.request()
        m2 = self.tre.server.m2({1: self.tre.package()})
        self.tpm.reset()
        self.assertEqual(self.tre.ask(FLIGHT_COMPLETE, m2), [TPM_RESET])
        self.assert_ends(3, "else restart the whole device")
        self.tre.start()
        self.assertEqual(self.tre.ask(FLIGHT_COMPLETE, m2), [E_STATE])

    def test_absent_tpm_ends_the_start_with_words(self):
        self.tre.kill()
        self.tre.tpm = lambda: None
        self.tre.tpm.tcti = "swtpm:host=127.0.0.1,port=1"
        self.assertEqual(self.tre.spawn().wait(lone_tre.PATIENCE), 4)
        self.assertIn("see that the TPM is there", self.said())
        self.tre.tpm = self.tpm
        self.tre.start()
        self.assertEqual(self.health(), OK)

    def test_directory_on_a_second_machine_is_refused(self):
        self.tre.kill()
        self.tre.tpm = self.machine("second")
        self.tre.start()
        self.assert_refuses(TPM_CLEARED, "enrol the device anew")

    def test_second_directory_of_the_machine_is_refused_and_the_first_goes_on(self):
        self.tre.kill()
        home = os.path.join(self.tre.run, "tre")
        os.rename(home, home + ".first")
        self.tre.start()
        self.assert_refuses(TPM_EXISTS, "serves another directory")
        self.tre.kill()
        shutil.rmtree(home)
        os.rename(home + ".first", home)
        self.tre.start()
        self.assertEqual(self.health(), OK)

    # ---- the directory ----

    def test_whole_directory_restored_is_refused(self):
        """What a TRE without a TPM accepts (test_tre_process.py, test_lives_restored.py)."""
        self.assertEqual(self.tre.fly(self.tre.package()), OK)
        copy = self.tre.backup()
        self.tre.check_in()
        newest = self.tre.backup()
        self.tre.roll_back(copy)
        self.assert_refuses(ROLLBACK, "older record than the TPM's counter")
        self.tre.roll_back(newest)
        self.assertEqual((self.health(), len(self.tre.mcims())), (OK, 1))
        self.tre.check_in()

    def test_sealed_secret_altered_or_removed_is_tampered(self):
        sealed = os.path.join(self.tre.run, "tre", "storage.sealed")
        copy = self.tre.backup()
        self.tre.kill()
        with open(sealed, "r+b") as f:
            first = f.read(1)[0]
            f.seek(0)
            f.write(bytes([first ^ 1]))
        self.tre.start()
        self.assert_refuses(TAMPERED, "storage.sealed")
        self.tre.kill()
        os.remove(sealed)
        self.tre.start()
        self.assert_refuses(TAMPERED, "storage.sealed")
        self.tre.roll_back(copy)
        self.assertEqual(self.health(), OK)


class Update(Case):
    """From one release to the next: what is sealed to the state of the one opens in that of the other, if their supplier approved it."""

    def setUp(self):
        super().setUp()
        self.tpm.boot(lone_tre.boot_log(1))
        self.with_tre(self.tpm)
        self.running = self.tre.release(1)

    def boot(self, software):
        self.tre.kill()
        self.tpm.boot(lone_tre.boot_log(software))
        self.tre.start()

    def test_subscription_and_counters_survive_an_approved_update(self):
        self.assertEqual(self.tre.fly(self.tre.package()), OK)
        self.tre.check_in()
        before = self.tre.ask(STATE)
        self.assertEqual(self.tre.prepare(self.running, self.tre.release(2)), OK)
        self.tre.check_in()  # nothing changes before it is booted
        self.tre.restart()
        self.assertEqual(self.health(), OK)
        self.boot(2)
        after = self.tre.ask(STATE)
        self.assertEqual((after[1], after[3], after[-1]), (OK, before[3], before[-1]))
        self.assertGreaterEqual(after[5], before[5])
        self.assertNotEqual(after[4], before[4])
        self.assertEqual(self.tre.ask(CHECKIN_START), [NOTHING])  # the lineage was bound to the former state
        self.assertEqual(self.tre.fly(), NOTHING)
        self.assertEqual(self.tre.server.ev[2], after[4])
        self.tre.check_in()
        self.boot(1)
        self.assert_refuses(MEASUREMENT, "samara-boot --prepare")
        self.boot(2)
        self.assertEqual(self.tre.prepare(self.tre.release(2), self.tre.release(2, software=1)), OK)  # taken back, under the same number
        self.boot(1)
        self.assertEqual((self.health(), len(self.tre.mcims())), (OK, 1))

    def test_update_that_was_prepared_for_another_release_is_refused_and_nothing_is_lost(self):
        self.assertEqual(self.tre.prepare(self.running, self.tre.release(2)), OK)
        self.boot(3)
        self.assert_refuses(MEASUREMENT, "samara-boot --prepare")
        self.assertEqual(self.tre.prepare(self.running, self.tre.release(3)), MEASUREMENT)
        self.boot(1)
        self.assertEqual(self.tre.prepare(self.running, self.tre.release(3)), OK)
        self.boot(3)
        self.assertEqual(self.health(), OK)

    def test_release_that_the_supplier_did_not_approve_here_is_refused(self):
        """Its own release for another product, an older one, one from what does not run; and another's, signed for this product."""
        tre, other = self.tre, wire.Key()
        newer = tre.release(5)
        for running, following, answer in (
                (newer, tre.release(6), MEASUREMENT), (tre.release(2, software=1), self.running, lone_tre.SERIAL),
                (self.running, tre.release(2, product="m2me-2"), lone_tre.NOT_ADDRESSEE),
                (self.running, tre.release(2, supplier=other), lone_tre.SIGNATURE), (tre.release(1, supplier=other), newer, lone_tre.SIGNATURE)):
            self.assertEqual(tre.prepare(running, following), answer)
        tre.supplier = other  # who signed all of it, and not the certificate
        self.assertEqual(tre.prepare(tre.release(1), tre.release(2)), lone_tre.SIGNATURE)
        self.boot(2)
        self.assert_refuses(MEASUREMENT, "boot the approved software again")

    def test_tre_without_a_tpm_has_nothing_to_prepare(self):
        with lone_tre.Tre() as plain:
            self.assertEqual(plain.prepare(plain.release(1), plain.release(2)), UNSUPPORTED)


if __name__ == "__main__":
    unittest.main()
