# SPDX-License-Identifier: Apache-2.0
"""The real samara-tre with its TPM behind a device, as behind /dev/tpmrm0: a terminal of the test's stands for that, with a software TPM behind it."""
import os
import pty
import socket
import sys
import tempfile
import threading
import tty
import types
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import lone_tre  # noqa: E402
from lone_tre import OK  # noqa: E402
from swtpm import SoftwareTpm, read_frame  # noqa: E402


class DeviceTpm:
    """The kernel's driver: a command is written to it, its answer is read from it."""

    def __init__(self, tpm):
        self.driver, self.device = pty.openpty()
        for end in (self.driver, self.device):
            tty.setraw(end)
        path = os.ttyname(self.device)
        os.chown(path, lone_tre.UID, lone_tre.GID)
        self.tcti = f"device:{path}"
        self.upstream = socket.create_connection(("127.0.0.1", tpm.port))
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self):
        """Until the device is taken away."""
        commands = types.SimpleNamespace(recv=lambda room: os.read(self.driver, room))
        while True:
            try:
                self.upstream.sendall(read_frame(commands))
                os.write(self.driver, read_frame(self.upstream))
            except (EOFError, OSError):
                return

    def close(self):
        os.close(self.device)
        self.thread.join(20)
        self.upstream.close()
        os.close(self.driver)


class Device(unittest.TestCase):
    def test_installs_and_checks_in(self):
        with tempfile.TemporaryDirectory() as base, SoftwareTpm(os.path.join(base, "tpm")) as tpm:
            device = DeviceTpm(tpm)
            self.addCleanup(device.close)
            with lone_tre.Tre(tpm=device) as tre:
                self.assertEqual(tre.fly(tre.package()), OK)
                tre.check_in()
                self.assertEqual(len(tre.mcims()), 1)


if __name__ == "__main__":
    unittest.main()
