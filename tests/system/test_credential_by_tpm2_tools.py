# SPDX-License-Identifier: Apache-2.0
"""Credentials against tools that know nothing of Samara: tpm2_activatecredential takes what is made here, for t in its template and in that TPM alone. And
what the model in proofs/sealed_to_tpm.pv assumes of a TPM: a key whose public half alone is loaded, under whatever name, has nothing given out for it,
and a private half from outside cannot be loaded as one of the TPM's own."""
import os
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(SOURCE, "tests"))
sys.path.insert(0, os.path.join(SOURCE, "tests", "lib"))
from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: E402
from oracle import tpm  # noqa: E402
from oracle.keys import Key, compress, uncompressed  # noqa: E402
from swtpm import SoftwareTpm  # noqa: E402

NO_AUTHORISATION, INCONSISTENT_ATTRIBUTES = "0x12F", "0x2C2"  # TPM_RC_AUTH_UNAVAILABLE; TPM_RC_ATTRIBUTES of the second parameter
TEMPLATE = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|decrypt"
SECRET = bytes(range(32))
FILE_HEAD = bytes.fromhex("badcc0de00000001")  # of the tool's own


class Tools:
    """tpm2-tools over one software TPM."""

    def __init__(self, home, name):
        self.home = os.path.join(home, name)
        self.device = SoftwareTpm(os.path.join(self.home, "state"))
        self.good("tpm2_createek", "-Q", "-G", "ecc", "-c", "ek.ctx", "-f", "pem", "-u", "ek.pem")
        self.good("tpm2_createprimary", "-Q", "-C", "o", "-g", "sha256", "-G", "ecc256:null:null", "-a", TEMPLATE, "-c", "t.ctx")
        self.good("tpm2_readpublic", "-c", "t.ctx", "-f", "pem", "-o", "t.pem", "-n", "t.name")
        self.good("tpm2_readpublic", "-c", "t.ctx", "-f", "tss", "-o", "t.pub")
        self.ek, self.t = self.point("ek.pem"), self.point("t.pem")

    def run_one(self, *argv):
        return subprocess.run(argv, cwd=self.home, env={**os.environ, "TPM2TOOLS_TCTI": self.device.tcti}, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=60, check=False)

    def run(self, *argv):
        """The tools leave what they load in the TPM, which has room for three objects."""
        self.run_one("tpm2_flushcontext", "-t")
        return self.run_one(*argv)

    def good(self, *argv):
        done = self.run(*argv)
        if done.returncode != 0:
            raise AssertionError(f"{argv} ended with {done.returncode}: {done.stdout}{done.stderr}")

    def read(self, name):
        with open(os.path.join(self.home, name), "rb") as f:
            return f.read()

    def write(self, name, octets):
        with open(os.path.join(self.home, name), "wb") as f:
            f.write(octets)
        return name

    def point(self, name):
        numbers = load_pem_public_key(self.read(name)).public_numbers()
        return compress(b"\4" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big"))

    def activate(self, credential, key="t.ctx"):
        """What the TPM gives out, or None."""
        self.good("tpm2_startauthsession", "--policy-session", "-S", "session")
        self.good("tpm2_policysecret", "-S", "session", "-c", "e")
        done = self.run("tpm2_activatecredential", "-c", key, "-C", "ek.ctx", "-i", self.write("credential", FILE_HEAD + credential), "-o", "out",
                        "-P", "session:session")
        self.good("tpm2_flushcontext", "session")
        self.said = done.stderr
        return self.read("out") if done.returncode == 0 else None


class Credential(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        home = tempfile.TemporaryDirectory()
        cls.addClassCleanup(home.cleanup)
        os.mkdir(os.path.join(home.name, "one"))
        cls.tools = Tools(home.name, "one")
        cls.addClassCleanup(cls.tools.device.stop)
        cls.name = tpm.name_t(cls.tools.t)

    def test_name_of_t_is_the_tpms(self):
        self.assertEqual(self.tools.read("t.name"), self.name)

    def test_tpm_gives_out_what_was_protected(self):
        self.assertEqual(self.tools.activate(tpm.credential(self.tools.ek, self.name, SECRET)), SECRET)

    def test_tpm_gives_nothing_out_for_another_name_or_another_endorsement_key(self):
        for ek, name in ((self.tools.ek, tpm.name(self.tools.t)), (self.tools.ek, tpm.name_t(Key().point)), (Key().point, self.name)):
            self.assertIsNone(self.tools.activate(tpm.credential(ek, name, SECRET)))

    def test_every_altered_octet_is_noticed(self):
        whole = tpm.credential(self.tools.ek, self.name, SECRET)
        for at in (1, 4, 36, 71, 74, 139):
            altered = bytearray(whole)
            altered[at] ^= 1
            self.assertIsNone(self.tools.activate(bytes(altered)), at)

    def test_key_of_which_the_tpm_has_the_public_half_alone_is_given_nothing(self):
        outside = Key()
        public = bytearray(self.tools.read("t.pub"))
        own = uncompressed(self.tools.t)
        public = bytes(public).replace(own[1:33], outside.uncompressed[1:33]).replace(own[33:], outside.uncompressed[33:])
        self.tools.good("tpm2_loadexternal", "-Q", "-C", "n", "-u", self.tools.write("outside.pub", public), "-c", "outside.ctx", "-n", "outside.name")
        self.assertEqual(self.tools.read("outside.name"), tpm.name_t(outside.point))
        self.assertIsNone(self.tools.activate(tpm.credential(self.tools.ek, tpm.name_t(outside.point), SECRET), key="outside.ctx"))
        self.assertIn(NO_AUTHORISATION, self.tools.said)

    def test_private_half_from_outside_is_never_a_key_of_the_template(self):
        """Loaded with its private half, or imported, it cannot say «fixed to this TPM», and so has another name."""
        outside = Key()
        self.tools.write("outside.pem", outside_pem(outside))
        done = self.tools.run("tpm2_loadexternal", "-Q", "-C", "n", "-G", "ecc", "-r", "outside.pem", "-a", TEMPLATE, "-c", "loaded.ctx")
        self.assertIn(INCONSISTENT_ATTRIBUTES, done.stderr)
        self.tools.good("tpm2_createprimary", "-Q", "-C", "o", "-c", "parent.ctx")
        done = self.tools.run("tpm2_import", "-Q", "-C", "parent.ctx", "-G", "ecc", "-i", "outside.pem", "-a", TEMPLATE, "-u", "i.pub", "-r", "i.priv")
        self.assertIn(INCONSISTENT_ATTRIBUTES, done.stderr)


def outside_pem(key):
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    return key.private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


if __name__ == "__main__":
    unittest.main()
