# SPDX-License-Identifier: Apache-2.0
"""HPKE (RFC 9180), base mode, DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM: one message per context."""
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from oracle.keys import Key, expand, extract, uncompressed

KEM = b"KEM\x00\x10"
SUITE = b"HPKE\x00\x10\x00\x01\x00\x01"


def labeled_extract(suite, salt, label, ikm):
    return extract(salt, b"HPKE-v1" + suite + label + ikm)


def labeled_expand(suite, prk, label, info, length):
    return expand(prk, struct.pack(">H", length) + b"HPKE-v1" + suite + label + info, length)


def hpke_schedule(dh, enc, receiver, info):
    """(key, nonce) of the first message."""
    secret = labeled_expand(KEM, labeled_extract(KEM, b"", b"eae_prk", dh), b"shared_secret", enc + receiver, 32)
    context = b"\0" + labeled_extract(SUITE, b"", b"psk_id_hash", b"") + labeled_extract(SUITE, b"", b"info_hash", info)
    prk = labeled_extract(SUITE, secret, b"secret", b"")
    return labeled_expand(SUITE, prk, b"key", context, 16), labeled_expand(SUITE, prk, b"base_nonce", context, 12)


def hpke_seal(to, info, aad, plain, e=None):
    """enc | ciphertext. @e: the ephemeral key, otherwise fresh."""
    e = e or Key()
    key, nonce = hpke_schedule(e.dh(to), e.uncompressed, uncompressed(to), info)
    return e.uncompressed + AESGCM(key).encrypt(nonce, plain, aad)


def hpke_open(own, info, aad, sealed):
    """Raises InvalidTag."""
    key, nonce = hpke_schedule(own.dh(sealed[:65]), sealed[:65], own.uncompressed, info)
    return AESGCM(key).decrypt(nonce, sealed[65:], aad)
