# SPDX-License-Identifier: Apache-2.0
"""A samarad whose clocks a test moves while it runs (tests/system/clock.c)."""
import os
import struct
import tempfile


def programs(build):
    """{program: path}, as World(…, replace=…) takes them."""
    return {"samarad": os.path.join(os.path.abspath(build), "tests", "system", "clock-samarad")}


class Clock:
    """What a Process takes for a fault: the clocks of one program, in seconds ahead of the machine's."""
    place = None  # it dies nowhere

    def __init__(self):
        self.file = tempfile.TemporaryFile()
        self.real = self.monotonic = 0
        self.move()

    def move(self, real=None, monotonic=None):
        """As soon as this returns every reading is of the new time."""
        self.real = self.real if real is None else real
        self.monotonic = self.monotonic if monotonic is None else monotonic
        os.pwrite(self.file.fileno(), struct.pack("=qq", self.real, self.monotonic), 0)

    def popen(self, pass_fds=()):
        """What subprocess.Popen needs for it."""
        fd = self.file.fileno()
        return {"env": {**os.environ, "SAMARA_CLOCK": str(fd)}, "pass_fds": (fd, *pass_fds)}
