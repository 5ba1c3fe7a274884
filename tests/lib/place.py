# SPDX-License-Identifier: Apache-2.0
"""All players in one temporary directory, who trust each other, for tests of the command line: files pass between them, no device is there."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from world import eid, imei

BUILD = os.environ.get("SAMARA_BUILD", "build")
SAMARA = os.path.join(BUILD, "cli", "samara")
AUC = os.path.join(BUILD, "auc", "samara-auc")


def point():
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    return public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint).hex()


def wrong(digits):
    """The same number with another last digit."""
    return digits[:-1] + str((int(digits[-1]) + 1) % 10)


def run(*argv, **kwargs):
    return subprocess.run([str(a) for a in argv], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False, **kwargs)


class Place(unittest.TestCase):
    """A directory with all players, who trust each other."""

    @classmethod
    def setUpClass(cls):
        cls.base = tempfile.mkdtemp(prefix="samara-cli-")
        for role in ("supplier", "subscriber", "sho", "ro"):
            cls.good(SAMARA, role, "init", "--dir", cls.path(role), "--name", f"the {role}")
        cls.good(AUC, "init", "--dir", cls.path("auc"), "--name", "the auc")
        cards = {role: cls.path(role, role + ".card") for role in ("supplier", "subscriber", "sho", "ro", "auc")}
        for role in ("supplier", "subscriber", "sho", "ro"):
            cls.good(SAMARA, role, "trust", "--dir", cls.path(role), "--yes", *(c for r, c in cards.items() if r != role))
        cls.good(AUC, "trust", "--dir", cls.path("auc"), "--yes", cards["sho"], cards["supplier"], cards["ro"])
        cls.cards = cards

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.base)

    @classmethod
    def path(cls, *names):
        return os.path.join(cls.base, *names)

    @classmethod
    def good(cls, *argv):
        done = run(*argv)
        if done.returncode != 0:
            raise AssertionError(f"{argv} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def refused(self, code, pattern, *argv):
        """It ends with this code and says so."""
        done = run(*argv)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertRegex(done.stderr, pattern)
        return done

    # ---- short words ----

    def write(self, name, text, mode=0o600):
        path = self.path(name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    @staticmethod
    def read(*names):
        with open(os.path.join(*names), encoding="ascii") as f:
            return f.read()

    def devices(self, name, numbers):
        return self.write(name, "eid,imei,d,t\n" + "".join(f"{eid(n)},{imei(n)},{point()},{point()}\n" for n in numbers))

    def ship(self, number, numbers, *bound):
        """A shipment with the keys in its list. Returns its file."""
        out = self.path(f"shipment-{number}.smr")
        self.good(SAMARA, "supplier", "shipment", "--dir", self.path("supplier"), "--number", number, "--csv",
                  self.devices(f"devices-{number}.csv", numbers), *bound)
        self.good(SAMARA, "supplier", "ship", "--dir", self.path("supplier"), "--number", number, "--out", out)
        return out

    def make(self, name, count, first, algorithm="milenage", *more):
        path = self.path(name)
        self.good(SAMARA, "sho", "make", "--dir", self.path("sho"), "--count", count, "--imsi", f"00101{first:010d}", "--iccid",
                  f"898820{first:012d}", "--algorithm", algorithm, *more, path)
        return path

    def seal_words(self, shipment, subscriptions, name, *more):
        return [SAMARA, "sho", "seal", "--dir", self.path("sho"), "--shipment", shipment, "--subscriptions", subscriptions, "--ro",
                self.cards["ro"], "--auc", self.cards["auc"], "--out", self.path(f"batch-{name}.smr"), "--auc-out",
                self.path(f"auc-{name}.smr"), *more]

    def ro(self, *words):
        return json.loads(self.good(SAMARA, "ro", "status", "--dir", self.path("ro"), "--json", *words))

    def sealed(self):
        return json.loads(self.good(SAMARA, "sho", "status", "--dir", self.path("sho"), "--json"))["subscriptions"]
