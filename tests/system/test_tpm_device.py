# SPDX-License-Identifier: Apache-2.0
"""The real samara-tre, and the real samara-boot with what it starts, with their TPM behind a device: the form that a TPM of the machine has."""
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import lone_tre  # noqa: E402
from boot_rig import CODES, TRE_GID, TRE_UID, ZERO, Case, read, registers, write  # noqa: E402
from device_tpm import DeviceTpm  # noqa: E402
from lone_tre import OK  # noqa: E402
from oracle import objects  # noqa: E402
from oracle.cbor import decode  # noqa: E402
from swtpm import SoftwareTpm  # noqa: E402


class Device(unittest.TestCase):
    def test_installs_and_checks_in(self):
        with tempfile.TemporaryDirectory() as base, SoftwareTpm(os.path.join(base, "tpm")) as tpm:
            device = DeviceTpm(tpm, lone_tre.UID, lone_tre.GID)
            self.addCleanup(device.close)
            with lone_tre.Tre(tpm=device) as tre:
                self.assertEqual(tre.fly(tre.package()), OK)
                tre.check_in()
                self.assertEqual(len(tre.mcims()), 1)


class Boot(Case):
    def over_device(self, wanted):
        """It boots, and @wanted looks at what comes of it; then it is switched off, and the TPM has no user any more."""
        device = DeviceTpm(self.tpm, TRE_UID, TRE_GID)
        try:
            running = self.boot(device.tcti)
            wanted(running)
        finally:
            running.end()
            device.close()

    def test_boots_what_was_released(self):
        def runs(running):
            self.assertTrue(running.wait_for("agent ready"), running.lines)
            self.assertEqual(running.end(), 0, running.lines)
        self.over_device(runs)
        self.assertEqual(objects.replay(decode(read(self.path("boot.log")))), registers(self.tpm, 8, 9))

    def test_refuses_what_was_altered(self):
        write(self.path("bin", "samara-m2me"), read(self.path("bin", "samara-m2me")) + b"\0")

        def is_refused(running):
            self.assertEqual(running.ended(), CODES["STAGE_ALTERED"], running.lines)
            self.assertIsNone(running.wait_for("child.started|agent ready"), running.lines)
        self.over_device(is_refused)
        self.spoilt({8: ZERO, 9: ZERO})


if __name__ == "__main__":
    unittest.main()
