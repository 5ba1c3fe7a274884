# SPDX-License-Identifier: Apache-2.0
"""HPKE (RFC 9180), base mode or mode_psk, DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM: one message per context. A pre-shared key is
(psk, psk_id)."""
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from oracle.keys import Key, expand, extract, uncompressed

KEM = b"KEM\x00\x10"
SUITE = b"HPKE\x00\x10\x00\x01\x00\x01"
NO_PSK = (b"", b"")


def labeled_extract(suite, salt, label, ikm):
    return extract(salt, b"HPKE-v1" + suite + label + ikm)


def labeled_expand(suite, prk, label, info, length):
    return expand(prk, struct.pack(">H", length) + b"HPKE-v1" + suite + label + info, length)


def hpke_schedule(dh, enc, receiver, info, psk=None):
    """(key, nonce) of the first message."""
    secret = labeled_expand(KEM, labeled_extract(KEM, b"", b"eae_prk", dh), b"shared_secret", enc + receiver, 32)
    shared, shared_id = psk or NO_PSK
    mode = b"\1" if psk else b"\0"
    context = mode + labeled_extract(SUITE, b"", b"psk_id_hash", shared_id) + labeled_extract(SUITE, b"", b"info_hash", info)
    prk = labeled_extract(SUITE, secret, b"secret", shared)
    return labeled_expand(SUITE, prk, b"key", context, 16), labeled_expand(SUITE, prk, b"base_nonce", context, 12)


def hpke_seal(to, info, aad, plain, e=None, psk=None):
    """enc | ciphertext. @e: the ephemeral key, otherwise fresh."""
    e = e or Key()
    key, nonce = hpke_schedule(e.dh(to), e.uncompressed, uncompressed(to), info, psk)
    return e.uncompressed + AESGCM(key).encrypt(nonce, plain, aad)


def hpke_open(own, info, aad, sealed, psk=None):
    """Raises InvalidTag."""
    key, nonce = hpke_schedule(own.dh(sealed[:65]), sealed[:65], own.uncompressed, info, psk)
    return AESGCM(key).decrypt(nonce, sealed[65:], aad)
