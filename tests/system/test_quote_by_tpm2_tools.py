# SPDX-License-Identifier: Apache-2.0
"""A TPM's quotes against tools that know nothing of Samara: what tpm2_quote has a TPM sign is octet by octet what a verifier here rebuilds, and
tpm2_checkquote takes what was rebuilt. And why a signature by such a key is no evidence: tpm2_sign makes one over anything."""
import os
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(SOURCE, "tests"))
sys.path.insert(0, os.path.join(SOURCE, "tests", "lib"))
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature  # noqa: E402
from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: E402
from oracle import flight, tpm  # noqa: E402
from oracle.keys import compress, sha256, sig_structure, verify_octets  # noqa: E402
from swtpm import SoftwareTpm  # noqa: E402

TEMPLATE = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|sign"
LOG = [[8, sha256(b"launcher"), "launch"], [8, sha256(b"tre"), "tre"], [9, sha256(b"firmware"), "firmware"]]
CLAIMS = flight.encode(flight.claims([bytes(16), 1, bytes(32), None, None]))
POINTS = b"\2" + bytes(32) + b"\3" + bytes(32)


class Quote(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.home.cleanup)
        cls.device = SoftwareTpm(os.path.join(cls.home.name, "state"))
        cls.addClassCleanup(cls.device.stop)
        for pcr, digest, _ in LOG:
            cls.good("tpm2_pcrextend", f"{pcr}:sha256={digest.hex()}")
        cls.good("tpm2_createprimary", "-Q", "-C", "e", "-g", "sha256", "-G", "ecc256:ecdsa-sha256:null", "-a", TEMPLATE, "-c", "d.ctx")
        cls.good("tpm2_readpublic", "-c", "d.ctx", "-f", "pem", "-o", "d.pem", "-n", "d.name")
        numbers = load_pem_public_key(cls.read("d.pem")).public_numbers()
        cls.d = compress(b"\4" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big"))
        cls.pcrs, cls.digest = tpm.replay(LOG)

    @classmethod
    def run_tool(cls, *argv):
        """The tools leave what they load in the TPM, which has room for three objects."""
        cls.run_one("tpm2_flushcontext", "-t")
        return cls.run_one(*argv)

    @classmethod
    def run_one(cls, *argv):
        return subprocess.run(argv, cwd=cls.home.name, env={**os.environ, "TPM2TOOLS_TCTI": cls.device.tcti}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60, check=False)

    @classmethod
    def good(cls, *argv):
        done = cls.run_tool(*argv)
        if done.returncode != 0:
            raise AssertionError(f"{argv} ended with {done.returncode}: {done.stdout}{done.stderr}")

    @classmethod
    def read(cls, name):
        with open(os.path.join(cls.home.name, name), "rb") as f:
            return f.read()

    @classmethod
    def put(cls, name, octets):
        with open(os.path.join(cls.home.name, name), "wb") as f:
            f.write(octets)
        return name

    def signature(self, name):
        r, s = decode_dss_signature(self.read(name))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def quoted(self, hash_ev, selection="sha256:8,9"):
        """(what the TPM added, what it signed, its signature)"""
        self.good("tpm2_quote", "-c", "d.ctx", "-l", selection, "-q", hash_ev.hex(), "-m", "q.msg", "-s", "q.sig", "-g", "sha256", "-f", "plain")
        message = self.read("q.msg")
        info = message[76:101]  # behind magic, type, signer and extraData
        numbers = [*(int.from_bytes(info[a:b], "big") for a, b in ((0, 8), (8, 12), (12, 16))), bool(info[16]), int.from_bytes(info[17:], "big")]
        return numbers, message, self.signature("q.sig")

    def test_name_is_the_tpms(self):
        self.assertEqual(self.read("d.name"), tpm.name(self.d))

    def test_what_was_signed_is_what_is_rebuilt(self):
        hash_ev = flight.hash_of(POINTS, CLAIMS)
        numbers, message, sig = self.quoted(hash_ev)
        self.assertEqual(tpm.attest(self.d, [*numbers, self.pcrs], hash_ev, self.digest), message)
        self.assertTrue(tpm.holds(self.d, [*numbers, self.pcrs], hash_ev, self.digest, sig))
        self.assertFalse(tpm.holds(self.d, [*numbers, self.pcrs], sha256(b"of another ev"), self.digest, sig))

    def test_tool_takes_what_was_rebuilt_and_nothing_else(self):
        hash_ev = flight.hash_of(POINTS, CLAIMS)
        numbers, _, _ = self.quoted(hash_ev)
        for pcrs, digest, right in ((self.pcrs, self.digest, True), (self.pcrs, sha256(bytes(64)), False), (1 << 16 | 1 << 17, self.digest, False)):
            self.put("rebuilt", tpm.attest(self.d, [*numbers, pcrs], hash_ev, digest))
            done = self.run_tool("tpm2_checkquote", "-u", "d.pem", "-m", "rebuilt", "-s", "q.sig", "-g", "sha256", "-q", hash_ev.hex())
            self.assertEqual(done.returncode == 0, right, done.stderr)

    def test_key_signs_the_hash_of_any_ev_but_of_nothing_like_a_quote(self):
        structure = sig_structure(flight.EVIDENCE, POINTS, CLAIMS)
        self.good("tpm2_hash", "-C", "e", "-g", "sha256", "-o", "h", "-t", "ticket", self.put("data", structure))
        self.good("tpm2_sign", "-c", "d.ctx", "-g", "sha256", "-d", "-t", "ticket", "-f", "plain", "-o", "h.sig", "h")
        self.assertTrue(verify_octets(self.d, structure, self.signature("h.sig")), "the premise of the platform is gone")
        forged = tpm.attest(self.d, tpm.PLAIN, flight.hash_of(POINTS, CLAIMS), self.digest)
        self.good("tpm2_hash", "-C", "e", "-g", "sha256", "-o", "h", "-t", "ticket", self.put("data", forged))
        self.assertNotEqual(self.run_tool("tpm2_sign", "-c", "d.ctx", "-g", "sha256", "-d", "-t", "ticket", "-f", "plain", "-o", "h.sig", "h").returncode, 0)


if __name__ == "__main__":
    unittest.main()
