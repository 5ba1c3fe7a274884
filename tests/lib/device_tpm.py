# SPDX-License-Identifier: Apache-2.0
"""A TPM behind a device, as behind /dev/tpmrm0: a terminal of the test's stands for that, with a software TPM behind it. As with the kernel's driver
a command is written to it, and its answer is read from it."""
import os
import pty
import socket
import threading
import tty
import types

from swtpm import read_frame


class DeviceTpm:
    """@tpm behind a device of the user @uid's, until close()."""

    def __init__(self, tpm, uid, gid):
        self.driver, self.device = pty.openpty()
        for end in (self.driver, self.device):
            tty.setraw(end)
        path = os.ttyname(self.device)
        os.chown(path, uid, gid)
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
