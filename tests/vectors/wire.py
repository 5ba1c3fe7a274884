#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A second implementation of the wire format, written from docs/protocol.md alone: prints one flight and one
check-in as tests/unit/wire_vectors.h. Needs python3-cryptography. Deterministic: run it again and compare."""
import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def head(major, n):
    for limit, code, form in ((24, None, None), (1 << 8, 24, ">B"), (1 << 16, 25, ">H"), (1 << 32, 26, ">I"), (1 << 64, 27, ">Q")):
        if n < limit:
            return bytes([major << 5 | n]) if code is None else bytes([major << 5 | code]) + struct.pack(form, n)


def cbor(x):
    if x is None:
        return b"\xf6"
    if isinstance(x, int):
        return head(0, x)
    if isinstance(x, bytes):
        return head(2, len(x)) + x
    if isinstance(x, str):
        return head(3, len(x)) + x.encode()
    if isinstance(x, list):
        return head(4, len(x)) + b"".join(map(cbor, x))
    return head(5, len(x)) + b"".join(cbor(k) + cbor(x[k]) for k in sorted(x))


def private(name):
    return ec.derive_private_key(int.from_bytes(hashlib.sha256(name.encode()).digest(), "big") >> 1, ec.SECP256R1())


def compressed(key):
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)


def uncompressed(key):
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def scalar(key):
    return key.private_numbers().private_value.to_bytes(32, "big")


def dh(own, peer):
    return own.exchange(ec.ECDH(), peer.public_key())


def sha256(x):
    return hashlib.sha256(x).digest()


def extract(salt, ikm):
    return hmac.new(salt, ikm, hashlib.sha256).digest()


def kdf(secret, label, context, length):
    info = b"samara1 " + label.encode() + b"\0" + context
    return hmac.new(secret, info + b"\1", hashlib.sha256).digest()[:length]


def seal(key, ad, plain):
    return AESGCM(key).encrypt(bytes(12), plain, ad)


def sig_structure(label, extra, payload):
    return cbor(["Signature1", bytes.fromhex("a10126"), label.encode() + b"\0" + extra, payload])


N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551


def sign(key, label, extra, payload):
    """ECDSA with a fixed nonce, so that the output is the same every time. For these vectors only."""
    h = int.from_bytes(sha256(sig_structure(label, extra, payload)), "big")
    k = private("nonce")
    r = k.public_key().public_numbers().x % N
    s = pow(k.private_numbers().private_value, -1, N) * (h + r * key.private_numbers().private_value) % N
    return cbor([bytes.fromhex("a10126"), {}, payload, r.to_bytes(32, "big") + s.to_bytes(32, "big")])


q, e, f, d = (private(n) for n in "qefd")
E, Q = compressed(e), compressed(q)
EID = bytes.fromhex("89044045678901234567890123456717")
ICCID = bytes.fromhex("8949000000000000018f")
BEACON = [0x01020304, b"beacon beacon be"]

# Flight
ev = cbor([EID, 0xfedcba98, b"\x4d" * 32, [1] + BEACON, [ICCID, 5], {1: [ICCID, 6, 0x0103], 2: 0x80000000}])
plain = cbor([0])[:1] + sign(d, "samara1 ev", E + Q, ev)
k1 = kdf(extract(b"samara1 flight", dh(e, q)), "k1", E + Q, 16)
m1_head = head(4, 4) + cbor(1) + cbor(0xc0ffee01) + cbor(E)
m1 = m1_head + cbor(seal(k1, m1_head, plain))
k2 = extract(sha256(m1), dh(e, q) + dh(e, f))
F = uncompressed(f)

# Ticket for rk_0
TK, SALT = b"ticket key 01234", b"salt salt salt s"
rk0 = kdf(k2, "rk", compressed(f), 16)
ticket_head = struct.pack(">I", 0x01abcdef) + SALT
ticket = ticket_head + seal(kdf(TK, "ticket", SALT, 16), ticket_head, cbor([EID, rk0, *(struct.pack(">I", n) for n in (0xfedcba98, 0xabcdee, 3)), b"SHIPMENT", struct.pack(">I", 4), 1]))

package = [b"operator", ICCID, 7, b"\x58" * 140, b"\x57" * 64, b"\x4f" * 136]
m2_plain = cbor({1: package, 2: ticket, 3: BEACON, 4: b"\x6b" * 126, 5: ticket})
m2 = cbor([F, seal(kdf(k2, "m2", compressed(f), 16), F, m2_plain)])
m2_refused = cbor([F, seal(kdf(k2, "m2", compressed(f), 16), F, cbor({0: 4}))])

# Check-in
ctr = struct.pack(">I", 0xfedcba99)
mask = kdf(rk0, "mask", b"", 4)
report = cbor({1: [[1, ICCID, 7, 0, b"\x4d" * 16]], 2: 1, 3: 9})
c1_head = head(4, 3) + cbor(ticket) + cbor(bytes(a ^ b for a, b in zip(ctr, mask)))
c1 = c1_head + cbor(seal(kdf(rk0, "req", ctr, 16), c1_head, report))
resp, nxt = kdf(rk0, "resp", sha256(c1), 32), kdf(rk0, "next", b"", 32)
r = b"r" * 16
c2_plain = cbor({1: [b"\x63" * 120], 2: ticket, 3: BEACON, 4: b"\x6b" * 126, 5: ticket})
c2 = cbor([r, seal(kdf(resp, "c2", r, 16), r, c2_plain)])

vectors = {
    "Q_SCALAR": scalar(q), "E_SCALAR": scalar(e), "D_POINT": compressed(d), "M1": m1, "HASH_M1": sha256(m1),
    "HASH_EV": sha256(sig_structure("samara1 ev", E + Q, ev)), "M2": m2, "M2_REFUSED": m2_refused, "RK_0": rk0, "TK": TK,
    "TICKET": ticket, "C1": c1, "HASH_C1": sha256(c1), "C2": c2, "RK_1": kdf(nxt, "rk", r, 16),
    "RK_SPARE": kdf(nxt, "spare", r, 16), "DH_EQ": dh(e, q),
}
print("/* SPDX-License-Identifier: Apache-2.0 */\n/* Made by tests/vectors/wire.py. */")
for name, value in vectors.items():
    digits = value.hex()
    lines = [digits[i:i + 104] for i in range(0, len(digits), 104)]
    if len(lines) == 1:
        print(f'#define WIRE_{name} "{digits}"')
        continue
    print(f"#define WIRE_{name} \\")
    print(" \\\n".join(f'\t"{line}"' for line in lines))
