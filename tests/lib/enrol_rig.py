# SPDX-License-Identifier: Apache-2.0
"""The supplier's station, a TPM, its vendor, and a real samara-tre that is to be enrolled, for tests of what the station believes."""
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import unittest

import cbor2

import judged
import lone_tre
from boot_rig import good
from endorse import Vendor, put_certificate
from oracle import files
from oracle.cbor import encode
from swtpm import CLEAR, PLATFORM, SoftwareTpm, command
from world import eid

SAMARA = os.path.join(os.environ.get("SAMARA_BUILD", "build"), "cli", "samara")
STATE, ENROL_BEGIN, ENROL_ENDORSE, ENROL_ACTIVATE = 1, 2, 11, 12


class Middle:
    """Between the station and a TRE: @tell(request, ask) gives the answer, with ask to ask the TRE."""

    def __init__(self, tre, path, tell):
        self.tre, self.path, self.tell = tre, path, tell
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(path)
        self.listener.listen(1)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        client, _ = self.listener.accept()
        with client, self.tre.connection() as ask:
            while octets := client.recv(8192):
                client.send(encode(self.tell(cbor2.loads(octets), ask)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.thread.join(lone_tre.PATIENCE)
        self.listener.close()


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.base = tempfile.mkdtemp(prefix="samara-endorse-")
        cls.addClassCleanup(shutil.rmtree, cls.base)
        for role in ("supplier", "ro", "sho"):
            good(SAMARA, role, "init", "--dir", cls.path(role), "--name", role)
        good(SAMARA, "supplier", "trust", "--dir", cls.path("supplier"), "--yes", cls.path("ro", "ro.card"), cls.path("sho", "sho.card"))
        cls.vendor = Vendor()
        cls.roots = cls.vendor.write_roots(cls.path("roots.pem"))
        cls.numbers = iter(range(1, 1000))

    @classmethod
    def path(cls, *names):
        return os.path.join(cls.base, *names)

    def setUp(self):
        self.program, self.number = SAMARA, next(self.numbers)
        self.eid = eid(self.number)
        self.tpm = self.machine("tpm")
        self.tre = None

    def machine(self, name):
        directory = tempfile.mkdtemp(prefix=name, dir=self.base)
        tpm = SoftwareTpm(directory)
        self.addCleanup(tpm.stop)
        return tpm

    def ship(self, platform="tpm"):
        rows = self.path(f"devices-{self.number}.csv")
        with open(rows, "w", encoding="utf-8") as f:
            f.write(f"eid,imei\n{self.eid},\n")
        good(SAMARA, "supplier", "shipment", "--dir", self.path("supplier"), "--number", str(self.number), "--platform", platform, "--csv", rows,
             "--anchor", self.path("sho", "sho.card"))

    def start(self, tpm=None):
        tre = lone_tre.Tre(enrol=False, tpm=tpm or self.tpm)
        self.addCleanup(tre.close)
        return tre

    def anew(self):
        """The same TPM under the name of another device: cleared, with an empty TRE."""
        self.tre.kill()
        if self.tpm.send(command(CLEAR, [PLATFORM])) != [0]:
            raise AssertionError("the TPM is not cleared")
        self.number = next(self.numbers)
        self.eid = eid(self.number)
        self.tre = self.start()
        self.ship()

    def leave(self, der):
        """Another certificate in the TPM, while the TRE is off."""
        if self.tre:
            self.tre.kill()
        put_certificate(self.tpm, der)
        if self.tre:
            self.tre.start()

    def enrol(self, *words, socket_path=None):
        return subprocess.run([self.program, "supplier", "enrol", "--dir", self.path("supplier"), "--number", str(self.number), "--eid", self.eid, "--tre",
                               socket_path or self.tre.path, "--flight-keys", self.path("ro", "flight-keys.smr"), *words],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)

    def refused(self, code, words, *more, **kwargs):
        done = self.enrol(*(more or ("--tpm-roots", self.roots)), **kwargs)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn(words, done.stderr)
        self.assertFalse(self.tre.ask(STATE)[2])
        self.assertIn("not enrolled", good(SAMARA, "supplier", "status", "--dir", self.path("supplier"), "--number", str(self.number)))

    def accepted(self):
        done = self.enrol("--tpm-roots", self.roots)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(self.tre.ask(STATE)[2])

    def shipped(self):
        """The one record of the shipment."""
        path = self.path(f"shipment-{self.number}.smr")
        good(SAMARA, "supplier", "ship", "--dir", self.path("supplier"), "--number", str(self.number), "--out", path)
        with open(path, "rb") as f:
            content = files.File(f.read())
        judged.DOC.check_encoded("record-1", content.records[0])
        return content.values()[0]
