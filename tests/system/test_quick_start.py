# SPDX-License-Identifier: Apache-2.0
"""docs/quick-start.md as it stands: its blocks run in order in two shells, one for each machine. Only the two variables at its top are others, and
«scp» copies between two directories of this machine."""
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from world import enter_own_network  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")
SOURCE = os.environ.get("SAMARA_SOURCE", os.getcwd())
PROGRAMS = ("cli/samara", "server/samarad", "auc/samara-auc", "tre/linux/samara-tre", "tre/linux/samara-launch", "m2me/samara-m2me", "boot/samara-boot")
VARIABLES = "export SERVER=192.0.2.1 S=/srv/samara\n"
BLOCK_SECONDS = 60
# Both machines call their directory $S; here the device's words for the server's files are turned into the server's.
SCP = """#!/bin/sh
for word; do
	case $word in
	root@127.0.0.1:"$S"*) word=$SERVER_ROOT${word#root@127.0.0.1:"$S"} ;;
	esac
	set -- "$@" "$word"
	shift
done
exec cp "$@"
"""


def blocks():
    with open(os.path.join(SOURCE, "docs", "quick-start.md"), encoding="utf-8") as f:
        return re.findall(r"^```sh (server|device|both)\n(.*?)^```$", f.read(), re.M | re.S)


class Machine:
    """A shell that is given one block after the other."""

    def __init__(self, name, root, environment):
        self.name = name
        self.log = []
        self.shell = subprocess.Popen(["bash", "-eu", "-o", "pipefail"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=root,
                                      env=environment, start_new_session=True, text=True, errors="replace")
        self.done = threading.Semaphore(0)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.shell.stdout:
            if line.startswith("block-is-done"):
                self.done.release()
            else:
                self.log.append(line)
        self.log.append(None)  # the shell has ended: a command failed
        self.done.release()

    def run(self, block):
        """What it printed."""
        before = len(self.log)
        self.shell.stdin.write(block + "echo block-is-done\n")
        self.shell.stdin.flush()
        if not self.done.acquire(timeout=BLOCK_SECONDS) or self.log[-1:] == [None]:
            said = "".join(line for line in self.log[-40:] if line)
            raise AssertionError(f"on the {self.name}, this did not end well:\n{block}\nIt said:\n{said}")
        return "".join(self.log[before:])

    def stop(self):
        """Its daemons are in its process group; samara-launch takes its children along."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.shell.pid, number)
                self.shell.wait(5)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass
        self.reader.join(5)
        self.shell.stdin.close()
        self.shell.stdout.close()


class QuickStart(unittest.TestCase):
    def setUp(self):
        if not enter_own_network():
            self.skipTest("root is needed")
        self.root = tempfile.mkdtemp(prefix="samara-", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.root)
        os.chmod(self.root, 0o711)
        os.mkdir(self.path("bin"))
        for program in PROGRAMS:
            shutil.copy(os.path.join(BUILD, program), self.path("bin"))
        with open(self.path("bin/scp"), "w", encoding="utf-8") as f:
            f.write(SCP)
        os.chmod(self.path("bin/scp"), stat.S_IRWXU)
        self.machines = {name: self.machine(name) for name in ("server", "device")}

    def path(self, name):
        return os.path.join(self.root, name)

    def machine(self, name):
        os.mkdir(self.path(name), 0o711)
        environment = {"PATH": self.path("bin") + ":/usr/sbin:/usr/bin:/sbin:/bin", "HOME": self.path(name), "LC_ALL": "C.UTF-8",
                       "SERVER_ROOT": self.path("server")}
        machine = Machine(name, self.path(name), environment)
        self.addCleanup(machine.stop)
        return machine

    def test_every_block_does_what_the_page_says(self):
        said = []
        for where, block in blocks():
            if where == "both":
                self.assertIn(VARIABLES, block)
                for name, machine in self.machines.items():
                    machine.run(block.replace(VARIABLES, f"export SERVER=127.0.0.1 S={self.path(name)}\n"))
            else:
                said.append(self.machines[where].run(block))
        self.assertGreaterEqual(len(said), 9)
        self.assertTrue(any(text.rstrip().endswith("SUCCESS") for text in said), said[-2])


if __name__ == "__main__":
    unittest.main()
