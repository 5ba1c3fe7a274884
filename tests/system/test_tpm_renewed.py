# SPDX-License-Identifier: Apache-2.0
"""A device with a TPM is enrolled anew, step by step as docs/operations.md says."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from lives import OK, STATE  # noqa: E402
from swtpm import OWNER, UNDEFINE, command  # noqa: E402
from tpm_lives import BOOT_LOG, TpmLives  # noqa: E402
from world import wait_until  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")
EXISTS = 0x208
COUNTER = 0x01805301


class Renewed(unittest.TestCase):
    def setUp(self):
        self.live = TpmLives(BUILD)
        self.addCleanup(self.live.stop)
        self.device = self.live.devices[0]
        self.device.on()
        self.addCleanup(self.device.off)

    def health(self):
        return self.device.ask(STATE)[1]

    def test_steps_of_the_manual(self):
        self.assertTrue(self.live.fly(self.device)["installed"])
        self.device.off()
        self.live.reset(self.device)
        self.device.on()
        self.assertEqual(self.health(), EXISTS)  # the directory alone is half of the first step
        self.device.off()
        self.device.tpm.start()
        self.assertEqual(self.device.tpm.send(command(UNDEFINE, [OWNER, COUNTER])), [0])
        self.device.boot(BOOT_LOG)
        self.device.tre = self.live.enrol_anew(self.device, 2)
        self.assertEqual(self.health(), OK)
        self.live.ro.run("load", self.live.ro.take(self.live.shipment(2)))
        self.live.seal_anew(self.device, "--re-enrolled", 2)
        wait_until("the server to know the batch", lambda: self.live.fly(self.device)["installed"], 60, every=0.3)
        self.assertEqual(self.live.contact(self.device, "check-in")["result"], "accepted")
        self.live.wait_active(self.device)
        self.assertEqual([s["state"] for s in self.live.subscriptions(self.device)], ["withdrawn", "active"])


if __name__ == "__main__":
    unittest.main()
