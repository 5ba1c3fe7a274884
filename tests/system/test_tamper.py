# SPDX-License-Identifier: Apache-2.0
"""A tamper event on the real samara-tre: the secrets go at once, whether anybody asks for something or not, and the next message reports it. With keys in
files and with keys in a TPM."""
import os
import shutil
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import lone_tre  # noqa: E402
from lone_tre import AUTHENTICATE, CHECKIN_START, E_STATE, FLIGHT_COMPLETE, FLIGHT_START, K, OK, OPC, PATIENCE, SQN, STATE  # noqa: E402
from swtpm import SoftwareTpm  # noqa: E402

TAMPERED = 0x30F
EVENT = 5
TPM_ABSENT = 4  # as an exit code
WITH_TPM = shutil.which("swtpm") is not None


class Files(unittest.TestCase):
    TPM = False

    def setUp(self):
        base = tempfile.mkdtemp(prefix="samara-tamper-")
        self.addCleanup(shutil.rmtree, base)
        self.tpm = SoftwareTpm(os.path.join(base, "tpm")) if self.TPM else None
        if self.tpm:
            self.addCleanup(self.tpm.stop)
        self.tre = lone_tre.Tre(tpm=self.tpm, gate=bytes(range(16)))
        self.addCleanup(self.tre.close)
        self.assertEqual(self.tre.fly(self.tre.package()), OK)

    def wait_until_erased(self):
        """Asking for the state makes it look at nothing."""
        end = time.monotonic() + PATIENCE
        while self.tre.mcims() and time.monotonic() < end:
            time.sleep(0.01)
        self.assertEqual(self.tre.mcims(), [])

    def events(self):
        return self.tre.ask(STATE)[-2]

    def test_event_erases_the_subscription_while_nobody_asks_for_anything(self):
        self.assertEqual(len(self.tre.mcims()), 1)
        self.tre.report_tampering(EVENT)
        self.wait_until_erased()
        self.tre.take_back_tampering()
        for _ in range(2):
            self.assertEqual((self.tre.ask(STATE)[1], self.tre.mcims(), self.events()), (OK, [], EVENT))
            self.assertEqual(self.tre.ask(AUTHENTICATE, bytes(16), bytes(16)), [E_STATE])
            self.tre.restart()

    def test_event_while_it_was_off_erases_at_the_start(self):
        self.tre.kill()
        self.tre.report_tampering(EVENT)
        self.tre.start()
        self.wait_until_erased()

    def test_next_message_reports_it(self):
        self.tre.report_tampering(EVENT)
        err, c1 = self.tre.ask(CHECKIN_START)
        self.assertEqual(err, OK)
        self.tre.server.open_c1(c1)
        self.assertEqual(self.tre.server.report, {2: 0, 3: EVENT})
        self.tre.request()
        self.assertEqual(self.tre.server.ev[5][2], EVENT)

    def test_nothing_comes_back(self):
        """Neither by the answer to a request from before, nor from a server that minds no tampering."""
        package = self.tre.package()
        self.tre.request()
        answer = self.tre.server.m2({1: package})
        self.tre.report_tampering(EVENT)
        self.assertEqual(self.tre.ask(FLIGHT_COMPLETE, answer), [E_STATE])
        self.tre.request()
        self.assertEqual(self.tre.ask(FLIGHT_COMPLETE, self.tre.server.m2({1: package})), [TAMPERED])
        self.assertEqual(self.tre.mcims(), [])

    def test_nonsense_in_the_file_is_an_event_too(self):
        self.tre.report_tampering("4294967296")
        self.wait_until_erased()
        self.assertTrue(self.events() >> 30)

    def test_record_of_its_own_is_no_event(self):
        for _ in range(5):
            self.tre.check_in()
        self.assertEqual((len(self.tre.mcims()), self.events()), (1, 0))


class OnDisk(Files):
    """What a thief finds afterwards."""

    @unittest.skipUnless(lone_tre.ROOT, "needs root")
    def test_file_that_cannot_be_read_is_told_and_nothing_is_served_until_it_can(self):
        """What it says is not known: it is no event, and no all-clear either."""
        path = os.path.join(self.tre.run, "tre", "tamper")
        with open(path + ".new", "w", encoding="ascii") as f:
            f.write(f"{EVENT}\n")
        os.chmod(path + ".new", 0)
        os.rename(path + ".new", path)
        end = time.monotonic() + PATIENCE
        while "event=tamper.unheeded" not in self.said() and time.monotonic() < end:
            time.sleep(0.01)
        self.assertIn("event=tamper.unheeded", self.said())
        self.assertNotIn(self.tre.ask(AUTHENTICATE, bytes(16), bytes(16))[0], (OK, E_STATE, SQN))
        self.assertEqual((len(self.tre.mcims()), self.events()), (1, 0))
        os.chmod(path, 0o644)
        self.assertEqual(self.tre.ask(AUTHENTICATE, bytes(16), bytes(16)), [E_STATE])
        self.assertEqual((self.tre.mcims(), self.events()), ([], EVENT))

    def said(self):
        with open(os.path.join(self.tre.base, "log"), encoding="utf-8") as f:
            return f.read()

    def test_event_leaves_nothing_on_the_disk(self):
        before = self.tre.stolen_record()
        self.tre.report_tampering(EVENT)
        self.wait_until_erased()
        after = self.tre.stolen_record()
        self.assertNotEqual(after.t.point, before.t.point)
        self.assertEqual(after.d.point, before.d.point)
        for secret in (K, OPC, bytes(range(16))):
            self.assertIn(secret, before.octets)
            self.assertNotIn(secret, after.octets)


@unittest.skipUnless(WITH_TPM, "no swtpm here")
class InATpm(Files):
    TPM = True

    def test_event_while_the_tpm_is_away_erases_when_it_is_back(self):
        """Without it no record can be written: the TRE ends, as for any request, and whoever starts it anew has it erase first."""
        self.tpm.stop()
        self.tre.report_tampering(EVENT)
        self.assertEqual(self.tre.process.wait(PATIENCE), TPM_ABSENT)
        self.tpm.start()
        self.tre.start()
        self.wait_until_erased()


if __name__ == "__main__":
    unittest.main()
