# SPDX-License-Identifier: Apache-2.0
"""Suite 1, the key derivations of section 1 and signatures (COSE_Sign1, RFC 9052)."""
import hashlib
import hmac
import struct

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from oracle import p256
from oracle.cbor import encode

CURVE = ec.SECP256R1()
ZERO = bytes(12)
PROTECTED = bytes.fromhex("a10126")


def sha256(data):
    return hashlib.sha256(data).digest()


def hmac_sha256(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def extract(salt, ikm):
    return hmac_sha256(salt or bytes(32), ikm)


def expand(prk, info, length):
    out, block, i = b"", b"", 1
    while len(out) < length:
        block = hmac_sha256(prk, block + info + bytes([i]))
        out, i = out + block, i + 1
    return out[:length]


def kdf(secret, label, context=b"", length=16):
    return expand(secret, b"samara1 " + label.encode() + b"\0" + context, length)


def seal(key, ad, plain, nonce=ZERO):
    return AESGCM(key).encrypt(nonce, plain, ad)


def unseal(key, ad, sealed, nonce=ZERO):
    """Raises InvalidTag."""
    return AESGCM(key).decrypt(nonce, sealed, ad)


def be32(n):
    return struct.pack(">I", n)


# ---- keys ----

class Key:
    """A P-256 private key. Its signatures are random, or by RFC 6979 with `deterministic`."""
    deterministic = False

    def __init__(self, private=None):
        self.private = private or ec.generate_private_key(CURVE)
        numbers = self.private.public_key().public_numbers()
        self.uncompressed = b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
        self.point = compress(self.uncompressed)
        self.id = sha256(self.point)[:8]

    @staticmethod
    def from_scalar(scalar):
        return Key(ec.derive_private_key(int.from_bytes(scalar, "big"), CURVE))

    def scalar(self):
        return self.private.private_numbers().private_value.to_bytes(32, "big")

    def dh(self, point):
        return self.private.exchange(ec.ECDH(), load_point(point))

    def sign(self, label, extra, payload):
        return self.sign_structure(sig_structure(label, extra, payload))

    def sign_structure(self, structure):
        if self.deterministic:
            return p256.sign(int.from_bytes(self.scalar(), "big"), sha256(structure))
        r, s = decode_dss_signature(self.private.sign(structure, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def signed(self, label, extra, value):
        """A COSE_Sign1 with its payload."""
        payload = encode(value)
        return [PROTECTED, {}, payload, self.sign(label, extra, payload)]


def compress(uncompressed_point):
    return bytes([2 + (uncompressed_point[64] & 1)]) + uncompressed_point[1:33]


def load_point(point):
    return ec.EllipticCurvePublicKey.from_encoded_point(CURVE, point)


def uncompressed(point):
    numbers = load_point(point).public_numbers()
    return b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


def sig_structure(label, extra, payload):
    return encode(["Signature1", PROTECTED, label.encode() + b"\0" + extra, payload])


def verify(point, label, extra, payload, sig):
    """True if it holds."""
    return verify_octets(point, sig_structure(label, extra, payload), sig)


def verify_octets(point, octets, sig):
    der = encode_dss_signature(int.from_bytes(sig[:32], "big"), int.from_bytes(sig[32:], "big"))
    try:
        load_point(point).verify(der, octets, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def verify_signed(point, label, extra, signed):
    return signed[:2] == [PROTECTED, {}] and verify(point, label, extra, signed[2], signed[3])
