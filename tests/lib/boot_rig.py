# SPDX-License-Identifier: Apache-2.0
"""A supplier, an M2ME that boots what it released, and its TPM, for the tests of samara-boot: the real programs, with a stand-in for the agent."""
import base64
import contextlib
import ctypes
import os
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import unittest

from oracle.keys import Key, sha256
from swtpm import PLATFORM, SoftwareTpm, some_port
from swtpm import command as command_of

BUILD = os.environ.get("SAMARA_BUILD", "build")
SAMARA = os.path.join(BUILD, "cli", "samara")
TRE_UID, TRE_GID, AGENT_UID, AGENT_GID = 61060, 61061, 61062, 61063
ZERO = bytes(32)
# A program that cannot be missed in the place of the agent: it prints its arguments. No script, which does not run from sealed memory.
EVIL, EVIL_SAYS = "/bin/echo", "^--config /proc/self/fd/"
PRODUCT = "m2me-1"
SLOT = b"firmware " * 1000
ALTERED_SLOT = SLOT.replace(b"f", b"F")  # as long as it was
CODES = {"CARD": 10, "RELEASE_MISSING": 11, "RELEASE_UNSIGNED": 12, "RELEASE_TRUNCATED": 13, "RELEASE_ALTERED": 14, "RELEASE_PRODUCT": 15,
         "RELEASE_OLDER": 16, "RELEASE_STAGES": 17, "CONFIG": 18, "STAGE_MISSING": 19, "STAGE_NO_FILE": 20, "STAGE_ALTERED": 21, "STAGE_SWAPPED": 22,
         "TPM": 23, "TPM_IN_USE": 24, "LOG": 25, "START": 26, "TRE": 27,
         "TPM_PLATFORM": 28, "STAGE_CUT": 29, "RELEASE_KEY": 30}


def good(*words):
    done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{words} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def read(path):
    with open(path, "rb") as f:
        return f.read()


def write(path, octets):
    with open(path, "wb") as f:
        f.write(octets)


def without_lengths(stages):
    """The CSV of stages as it is for a release of the form without."""
    rows = (line.split(",", 3) for line in stages.splitlines())
    return "".join(f"{pcr},{digest},{name}\n" for pcr, digest, _, name in rows)


# ---- the TPM, spoken to from here ----

PCR_READ, PCR_EXTEND, HIERARCHY_CONTROL, FAILURE = 0x17E, 0x182, 0x121, 0x101
HEAD = struct.Struct(">HII")  # tag, length, code


def receive(connection):
    """(code, octets) of one command or answer; None at the end."""
    head = connection.recv(HEAD.size, socket.MSG_WAITALL)
    if len(head) < HEAD.size:
        return None
    _, length, code = HEAD.unpack(head)
    rest = connection.recv(length - HEAD.size, socket.MSG_WAITALL) if length > HEAD.size else b""
    return code, head + rest


def command(tpm, tag, code, body):
    """What stands behind the head of the answer."""
    with socket.create_connection(("127.0.0.1", tpm.port), timeout=30) as s:
        s.sendall(HEAD.pack(tag, HEAD.size + len(body), code) + body)
        result, octets = receive(s)
    if result != 0:
        raise AssertionError(f"TPM command {code:x}: {octets.hex()}")
    return octets[HEAD.size:]


def registers(tpm, *pcrs):
    """{PCR: value}"""
    select = sum(1 << pcr for pcr in pcrs).to_bytes(3, "little")
    answer = command(tpm, 0x8001, PCR_READ, struct.pack(">IHB", 1, 0x000B, 3) + select)
    values = answer[4 + 4 + 2 + 1 + 3 + 4:]  # behind counter, selection, number of digests
    return {pcr: values[i * 34 + 2:i * 34 + 34] for i, pcr in enumerate(sorted(pcrs))}


def extend(tpm, pcr, digest):
    """As anybody on the machine may: PCRs have no authorisation."""
    password = struct.pack(">IIHBH", 9, 0x40000009, 0, 0, 0)
    command(tpm, 0x8002, PCR_EXTEND, struct.pack(">I", pcr) + password + struct.pack(">IH", 1, 0x000B) + digest)


class Interposer:
    """Somebody on the bus: passes everything on, but does something of his own before the first register is extended, and
    @refuse: (code of a command, n): answers the n-th of these, from 0, in the TPM's place."""

    def __init__(self, tpm, act=lambda: None, refuse=(None, 0)):
        self.tpm, self.act, self.acted, self.client = tpm, act, False, None
        self.refused_code, self.turns = refuse
        while True:
            port = some_port()
            try:
                self.listeners = [socket.create_server(("127.0.0.1", port + i)) for i in range(2)]
                break
            except OSError:
                continue
        self.tcti = f"swtpm:host=127.0.0.1,port={port}"
        for number, listener in enumerate(self.listeners):
            threading.Thread(target=self.serve, args=(listener, tpm.port + number, number == 0), daemon=True).start()

    def serve(self, listener, port, commands):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client, socket.create_connection(("127.0.0.1", port)) as server, contextlib.suppress(ConnectionError):  # who is dropped may be heard so
                (self.pass_commands if commands else self.pass_octets)(client, server)

    def drop(self):
        """As where the TPM's device goes away: who uses it now gets no answer any more, and may open it again."""
        self.client.shutdown(socket.SHUT_RDWR)

    def pass_commands(self, client, server):
        self.client = client
        while True:
            request = receive(client)
            if request is None:
                return
            if request[0] == PCR_EXTEND and not self.acted:
                self.acted = True
                self.act()
            if request[0] == self.refused_code:
                self.turns -= 1
                if self.turns == -1:
                    client.sendall(HEAD.pack(0x8001, HEAD.size, FAILURE))
                    continue
            server.sendall(request[1])
            client.sendall(receive(server)[1])

    @staticmethod
    def pass_octets(client, server):
        back = threading.Thread(target=Interposer.copy, args=(server, client), daemon=True)
        back.start()
        Interposer.copy(client, server)
        back.join(20)

    @staticmethod
    def copy(source, target):
        try:
            while octets := source.recv(4096):
                target.sendall(octets)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for listener in self.listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()


class Traced:
    """A child, from its exec to the moment at which it has a file open: then something is done, and the child goes on by itself."""
    TRACEME, DETACH, SYSCALL = 0, 17, 24
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]

    @classmethod
    def begin(cls):
        """In the child, before its exec."""
        cls.ptrace(cls.TRACEME, 0, None, None)

    @classmethod
    def go_on(cls, pid, path, act):
        def has_open():
            directory = f"/proc/{pid}/fd"
            return any(os.readlink(os.path.join(directory, fd)) == path for fd in os.listdir(directory))
        while True:
            _, status = os.waitpid(pid, 0)
            if not os.WIFSTOPPED(status):
                raise AssertionError(f"{path} is never opened")
            if has_open():
                break
            cls.ptrace(cls.SYSCALL, pid, None, None)
        act()
        cls.ptrace(cls.DETACH, pid, None, None)


class Running:
    """samara-boot, and what it became. @at_open: (path, act): when it has that file open, act() is done before it goes on."""

    def __init__(self, argv, at_open=None):
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        preexec_fn=Traced.begin if at_open else None)
        if at_open:
            Traced.go_on(self.process.pid, *at_open)
        self.lines, self.changed = [], threading.Condition()
        self.reader = threading.Thread(target=self.collect, daemon=True)
        self.reader.start()

    def collect(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.lines.append("")
            self.changed.notify_all()

    def wait_for(self, pattern, count=1, timeout=30):
        """The count-th line with a match; None: its output ended before."""
        with self.changed:
            def found():
                return [m for m in map(re.compile(pattern).search, self.lines) if m]
            self.changed.wait_for(lambda: len(found()) >= count or self.lines[-1:] == [""], timeout)
            return found()[count - 1] if len(found()) >= count else None

    def end(self):
        """Switch it off."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.ended()

    def ended(self):
        """Its exit code, when it has ended by itself."""
        self.process.wait(timeout=60)
        self.reader.join(30)
        self.process.stdout.close()
        return self.process.returncode


@unittest.skipUnless(os.geteuid() == 0, "needs root: TRE and agent are two users under samara-boot")
class Case(unittest.TestCase):
    """A supplier, a device whose programs are its own, a release for it, and a TPM."""

    def setUp(self):
        self.base = tempfile.mkdtemp(prefix="samara-boot-test-")
        os.chmod(self.base, 0o755)
        self.addCleanup(shutil.rmtree, self.base)
        self.tpm = SoftwareTpm(self.path("tpm"))
        self.addCleanup(self.tpm.stop)
        good(SAMARA, "supplier", "init", "--dir", self.path("supplier"), "--name", "S")
        os.makedirs(self.path("bin"))
        for source, program in (("boot/samara-boot", "samara-boot"), ("tre/linux/samara-launch", "samara-launch"),
                                ("tre/linux/samara-tre", "samara-tre"), ("tests/system/stub-agent", "samara-m2me")):
            shutil.copy(os.path.join(BUILD, source), self.path("bin", program))
        write(self.path("slot.img"), SLOT)
        self.configure()
        self.sign(7)

    def path(self, *names):
        return os.path.join(self.base, *names)

    def configure(self, launch="measure = slot.img", address="coap://192.0.2.1:5683"):
        text = (f"[launch]\ntre-user = {TRE_UID}\ntre-group = {TRE_GID}\nagent-user = {AGENT_UID}\nagent-group = {AGENT_GID}\n"
                f"tre-dir = d/tre\ntre-socket = r/tre.sock\n{launch}\n[server]\naddress = {address}\n[agent]\nstate = d/agent\n")
        write(self.path("m2me.ini"), text.encode())

    def stages(self):
        return good(self.path("bin", "samara-boot"), "--config", self.path("m2me.ini"), "--measure")

    def sign(self, number, stages=None, supplier="supplier", product=PRODUCT):
        write(self.path("stages.csv"), (stages or self.stages()).encode())
        good(SAMARA, "supplier", "release", "--dir", self.path(supplier), "--product", product, "--release", f"1.{number}", "-n", str(number),
             "--csv", self.path("stages.csv"), "--out", self.path("release.smr"))

    def supplier_key(self, supplier="supplier"):
        """For releases that its programs would not make."""
        with open(self.path(supplier, "keys", "sign.key"), encoding="ascii") as f:
            return Key.from_scalar(base64.b64decode(f.read().split("\n")[1]))

    def argv(self, tcti=None):
        return [self.path("bin", "samara-boot"), "--config", self.path("m2me.ini"), "--supplier", self.path("supplier", "supplier.card"), "--product", PRODUCT,
                "--release", self.path("release.smr"), "--tpm", tcti or self.tpm.tcti]

    def boot(self, tcti=None, at_open=None):
        running = self.said = Running(self.argv(tcti), at_open)
        self.addCleanup(running.end)
        return running

    def reset(self):
        self.tpm.stop()
        self.tpm.start()

    def boots(self):
        """It boots, as far as that the agent runs; then it is switched off."""
        running = self.boot()
        self.assertTrue(running.wait_for("agent ready"), running.lines)
        self.assertEqual(running.end(), 0, running.lines)
        self.reset()
        return running

    def refused(self, reason, at_open=None):
        """Nothing runs, the reason is said in words and by the exit code, and the TPM shows that this was no approved boot."""
        running = self.boot(at_open=at_open)
        self.assertEqual(running.ended(), CODES[reason], running.lines)
        self.assertIsNone(running.wait_for("child.started|agent ready|launch.ready"), running.lines)
        self.assertTrue(running.wait_for(f"event=boot.refused why={reason} "), running.lines)
        self.assertTrue(running.wait_for("^samara-boot: .{20}"), running.lines)
        if self.tpm.process is not None:  # else it is switched off
            self.spoilt({8: ZERO, 9: ZERO})
            self.reset()
        return running

    def spoilt(self, before, registers_spoilt=(8, 9)):
        """The registers were what @before says and then spoilt, and nobody has the platform hierarchy any more."""
        word = sha256(b"samara1 boot refused")
        self.assertEqual(registers(self.tpm, 8, 9), {pcr: sha256(value + word) if pcr in registers_spoilt else value for pcr, value in before.items()})
        self.assertNotEqual(self.tpm.send(command_of(HIERARCHY_CONTROL, [PLATFORM], struct.pack(">IB", PLATFORM, 0))), [0])
