# SPDX-License-Identifier: Apache-2.0
"""The annotated examples and the edge cases for the crypto seam: not stale, valid by the document, and equal to what standards print."""
import os
import subprocess
import sys
import unittest

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(SOURCE, "tests"))
from oracle import cddl, examples, files  # noqa: E402
from oracle.cbor import decode, encode  # noqa: E402


class Stale(unittest.TestCase):
    def test_what_is_in_the_tree_is_what_comes_out(self):
        done = subprocess.run([sys.executable, os.path.join(SOURCE, "tools", "examples"), "--check"], capture_output=True, text=True, timeout=90, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)


class Valid(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.doc, cls.m = cddl.Document(), examples.Messages()

    def test_objects(self):
        m = self.m
        for name, value in (("certificate", m.certificate), ("mcim", m.mcim), ("mcim", m.mcim_2), ("package", m.package), ("package", m.package_2), ("package", m.package_tpm),
                            ("receipt", m.install_receipt), ("receipt", m.command_receipt), ("ticket-plain", m.ticket_fields(m.answer.rk))):
            self.doc.check(name, value)
        for name, octets in (("flight-key", m.flight_key), ("order", m.order), ("command", m.command), ("release", m.release), ("card", m.card)):
            self.doc.check_encoded(name, octets)

    def test_messages(self):
        m = self.m
        for name, octets in (("M1", m.request.message), ("m1-plain", m.request.plain), ("M1", m.request_2.message), ("m1-plain", m.request_2.plain),
                             ("M2", m.m2), ("M2", m.m2_refusal), ("M2", m.m2_tuak), ("m2-plain", encode(m.m2_content)), ("C1", m.c1), ("C1", m.c1_next),
                             ("report", encode(m.report)), ("C2", m.c2), ("c2-plain", encode(m.c2_content))):
            self.doc.check_encoded(name, octets)

    def test_files(self):
        for octets, kem, kind in ((self.m.shipment_file, None, "1"), (self.m.batch_file, self.m.keys.ro_kem, "3")):
            self.doc.check("file", [item for item, _ in files.sequence(octets)])
            opened = files.File(octets, kem)
            self.doc.check("about-" + kind, opened.about)
            for record in opened.records:
                self.doc.check_encoded("record-" + kind, record)

    def test_devices_side_and_servers_side_agree(self):
        from oracle import flight
        plain, octets, rk = flight.open_m2(self.m.request, self.m.m2)
        self.assertEqual((plain, octets, rk), (self.m.m2_content, encode(self.m.m2_content), self.m.answer.rk))
        self.assertEqual(decode(self.m.request.plain), self.m.opened.plain)


class Published(unittest.TestCase):
    """What tests/vectors/crypto.txt says to be quoted stands there as the standards print it."""

    def test_quoted_values(self):
        with open(os.path.join(SOURCE, "tests", "vectors", "crypto.txt"), encoding="ascii") as f:
            text = f.read()
        for title, values in {
                "ecdsa RFC 6979 A.2.5 sample": ["efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
                                                "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"],
                "ecdsa RFC 6979 A.2.5 test": ["f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"
                                              "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083"],
                "ecdh RFC 5903 8.1, initiator": ["d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de"],
                "hkdf RFC 5869 A.1": ["077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
                                      "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"],
                "hkdf RFC 5869 A.2": ["06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
                                      "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b83677"
                                      "93a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"],
                "hkdf RFC 5869 A.3": ["19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
                                      "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"]}.items():
            block = text.split(f"[{title}]\n")[1].split("\n\n")[0]
            for value in values:
                self.assertIn(value, block, title)


if __name__ == "__main__":
    unittest.main()
