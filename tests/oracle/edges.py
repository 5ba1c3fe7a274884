# SPDX-License-Identifier: Apache-2.0
"""Edge cases for the crypto seam, computed here (curve and signatures in plain integers) or quoted from standards: tests/vectors/crypto.txt.
Published: RFC 6979 A.2.5, RFC 5903 8.1, RFC 5869 A.1 to A.3. The ideas of the rest are common knowledge of such tests; the values are ours."""
import hashlib

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from oracle.keys import expand, extract, hmac_sha256, sha256
from oracle.p256 import B, G, N, P, add, compressed, dh, load, multiply, on_curve, root, sign, uncompressed, verify

RFC6979_KEY = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
# Found by trying 1, 2, 3 …: the x coordinate of this times D begins with so many zero octets.
ZERO_OCTETS = {1: 85, 2: 67354}
MINUS_G = (G[0], P - G[1])


def number(text):
    return int.from_bytes(sha256(text.encode()), "big") % N


def be(value):
    return value.to_bytes(32, "big")


def pattern(length):
    """Octets that repeat late."""
    return bytes((i * 7 + (i >> 8)) & 255 for i in range(length))


D = number("edge cases")
POINT = multiply(D)


def pair(r, s):
    return be(r) + be(s)


# ---- signatures ----

def key_for(r_point, r, s, digest):
    """The public key under which r, s is valid: r⁻¹(sR − hG)."""
    h = int.from_bytes(digest, "big") % N
    return multiply(pow(r, -1, N), add(multiply(s, r_point), multiply(-h % N)))


def published_signatures():
    for text in ("sample", "test"):
        digest = hashlib.sha256(text.encode()).digest()
        yield f"RFC 6979 A.2.5 {text}", multiply(RFC6979_KEY), digest, sign(RFC6979_KEY, digest)


def signatures_out_of_range():
    digest = sha256(b"range")
    sig = sign(D, digest)
    r, s = int.from_bytes(sig[:32], "big"), int.from_bytes(sig[32:], "big")
    yield "as it should be", POINT, digest, sig
    for name, value in (("0", 0), ("1", 1), ("n-1", N - 1), ("n", N), ("n+1", N + 1), ("p", P), ("all ones", 2**256 - 1)):
        yield f"r {name}", POINT, digest, pair(value, s)
        yield f"s {name}", POINT, digest, pair(r, value)
    yield "r and s 0", POINT, digest, bytes(64)
    yield "r and s swapped", POINT, digest, pair(s, r)
    yield "n-s in place of s", POINT, digest, pair(r, N - s)
    yield "n-r in place of r", POINT, digest, pair(N - r, s)
    yield "of another key", multiply(D + 1), digest, sig
    yield "of the negative key", (POINT[0], P - POINT[1]), digest, sig


def signatures_over_special_hashes():
    for name, h in (("0", 0), ("1", 1), ("of leading zeros", 2**40 - 1), ("n-1", N - 1), ("n", N), ("n+1", N + 1), ("all ones", 2**256 - 1)):
        yield f"hash {name}", POINT, be(h), sign(D, be(h))
    yield "hash n under the signature of hash 0", POINT, be(N), sign(D, bytes(32))
    yield "hash 1 under the signature of hash 0", POINT, be(1), sign(D, bytes(32))


def signatures_with_special_numbers():
    digest = sha256(b"special")
    h = int.from_bytes(digest, "big")
    k = number("nonce")
    r_point = multiply(k)
    r = r_point[0] % N
    for name, s in (("s 1", 1), ("s 2", 2), ("s n-1", N - 1), ("s of 2^255", 2**255)):
        yield f"made for {name}", key_for(r_point, r, s, digest), digest, pair(r, s)
    x = next(x for x in range(N, P) if root(x))
    yield "x of R above n", key_for((x, root(x)), x - N, 5, digest), digest, pair(x - N, 5)
    yield "x of R above n, r not reduced", key_for((x, root(x)), x - N, 5, digest), digest, pair(x, 5)
    x = next(x for x in range(1, 100) if root(x))
    yield "r small", key_for((x, root(x)), x, 7, digest), digest, pair(x, 7)
    yield "both halves of the sum equal", POINT, be(r * D % N), pair(r, 2 * r * D * pow(k, -1, N) % N)
    yield "sum at infinity", POINT, be(-r * D % N), pair(r, h % N)
    yield "hash 0, so that one half is infinity", POINT, bytes(32), sign(D, bytes(32), nonce=k)
    yield "key G", G, digest, sign(1, digest)
    yield "key -G", MINUS_G, digest, sign(N - 1, digest)


def ecdsa():
    for source in (published_signatures, signatures_out_of_range, signatures_over_special_hashes, signatures_with_special_numbers):
        for name, point, digest, sig in source():
            yield f"ecdsa {name}", {"point": uncompressed(point), "hash": digest, "sig": sig, "valid": bytes([verify(point, digest, sig)])}


# ---- points and scalars ----

def encodings():
    x, y = POINT
    small = next(x for x in range(1, 100) if root(x))
    hole = next(x for x in range(1, 100) if not root(x))
    for name, point in (("G", G), ("-G", MINUS_G), ("D", POINT), ("x 0", (0, root(0))), ("x 0, other y", (0, P - root(0))),
                        ("small x", (small, root(small)))):
        yield name, uncompressed(point)
        yield name + ", compressed", compressed(point)
    yield "compressed, other parity", bytes([compressed(POINT)[0] ^ 1]) + be(x)
    for prefix in (0, 1, 5, 6, 7, 8, 0x82, 0x84, 0xFF):
        yield f"prefix {prefix:02x}", bytes([prefix]) + be(x) + be(y)
        yield f"prefix {prefix:02x} of 33", bytes([prefix]) + be(x)
    yield "prefix 02 of 65", b"\2" + be(x) + be(y)
    yield "prefix 04 of 33", b"\4" + be(x)
    yield "infinity, 1 octet", b"\0"
    yield "infinity, 33 octets", bytes(33)
    yield "infinity, 65 octets", bytes(65)
    yield "infinity as 0, 0", b"\4" + bytes(64)
    yield "compressed x without a point, even", b"\2" + be(hole)
    yield "compressed x without a point, odd", b"\3" + be(hole)
    yield from encodings_off_the_curve(x, y, small)


def encodings_off_the_curve(x, y, small):
    yield "x and y swapped", b"\4" + be(y) + be(x)
    yield "y + 1", b"\4" + be(x) + be((y + 1) % P)
    yield "x + 1", b"\4" + be((x + 1) % P) + be(y)
    yield "y 0: order 2 on a curve with another b", b"\4" + be(x) + bytes(32)
    yield "1, 1: on a curve with another b", b"\4" + be(1) + be(1)
    yield "point of the twist", b"\4" + be(twist_point()[0]) + be(twist_point()[1])
    yield "x p", b"\4" + be(P) + be(root(0))
    yield "x p, compressed", b"\2" + be(P)
    yield "x + p", b"\4" + be(small + P) + be(root(small))
    yield "x + p, compressed", b"\2" + be(small + P)
    yield "y p", b"\4" + be(x) + be(P)
    yield "x all ones", b"\4" + b"\xff" * 32 + be(y)
    yield "all ones", b"\4" + b"\xff" * 64
    whole = uncompressed(POINT)
    for length in (0, 1, 32, 34, 64):
        yield f"{length} octets", whole[:length]
    yield "32 octets of x alone", be(x)
    yield "64 octets of x and y alone", whole[1:]
    yield "66 octets", whole + b"\0"
    yield "34 octets, compressed", compressed(POINT) + b"\0"


def twist_point():
    """-1 is no square modulo P: where x³ - 3x + b is none, its negative is one, and gives a point of the twist."""
    x = next(x for x in range(2, 100) if not root(x))
    square = -(x**3 - 3 * x + B) % P
    y = pow(square, (P + 1) // 4, P)
    assert y * y % P == square and not on_curve(x, y)
    return x, y


def points():
    for name, octets in encodings():
        point = load(octets)
        yield f"point {name}", {"octets": octets, **({"point": uncompressed(point)} if point else {})}


def scalars():
    for name, value in (("0", 0), ("1", 1), ("2", 2), ("D", D), ("n-2", N - 2), ("n-1", N - 1), ("n", N), ("n+1", N + 1), ("p", P),
                        ("all ones", 2**256 - 1)):
        yield f"scalar {name}", {"scalar": be(value), **({"point": uncompressed(multiply(value))} if 0 < value < N else {})}


# ---- Diffie-Hellman ----

def exchanges():
    i = 0xC88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433
    r = 0xC6EF9C5D78AE012A011164ACB397CE2088685D8F06BF9BE0B283AB46476BEE53
    yield "RFC 5903 8.1, initiator", i, multiply(r)
    yield "RFC 5903 8.1, responder", r, multiply(i)
    for zeros, factor in ZERO_OCTETS.items():
        assert dh(factor, POINT)[:zeros] == bytes(zeros)
        yield f"shared x with {zeros} leading zero octets", factor, POINT
    for name, scalar in (("1", 1), ("2", 2), ("n-2", N - 2), ("n-1", N - 1), ("2^255", 2**255), ("(n+1)/2", (N + 1) // 2)):
        yield f"scalar {name}", scalar, POINT
        yield f"scalar {name} times G", scalar, G
    yield "own point", D, POINT
    yield "own negative point", D, (POINT[0], P - POINT[1])
    yield "x of the point 0", D, (0, root(0))
    yield "inverse scalar: G comes out", pow(D, -1, N), POINT


def ecdh():
    for name, scalar, point in exchanges():
        yield f"ecdh {name}", {"scalar": be(scalar), "point": uncompressed(point), "shared": dh(scalar, point)}


# ---- symmetric ----

def gcm():
    key, nonce = pattern(16), bytes(12)
    for plain, ad in [(p, 20) for p in (0, 1, 15, 16, 17, 31, 32, 33, 300)] + [(5, a) for a in (0, 1, 15, 16, 17, 32, 255, 256, 300)] + [(0, 0)]:
        sealed = AESGCM(key).encrypt(nonce, pattern(plain), pattern(ad))
        yield f"gcm {plain} octets, {ad} associated", {"key": key, "nonce": nonce, "plain": pattern(plain), "ad": pattern(ad), "sealed": sealed}
    for length in (65279, 65280, 70000):
        yield f"gcm-long {length} associated", {"key": key, "nonce": b"\xff" * 12, "length": length.to_bytes(4, "big"),
                                                "sealed": AESGCM(key).encrypt(b"\xff" * 12, b"plain", pattern(length))}


def hkdf_case(name, salt, ikm, info, length):
    prk = extract(salt, ikm)
    okm = expand(prk, info, length)
    shown = {"okm": okm} if length <= 300 else {"okm_hash": sha256(okm)}
    return f"hkdf {name}", {"salt": salt, "ikm": ikm, "info": info, "prk": prk, "length": length.to_bytes(2, "big"), **shown}


def hkdf():
    yield hkdf_case("RFC 5869 A.1", bytes(range(13)), b"\x0b" * 22, bytes(range(0xF0, 0xFA)), 42)
    yield hkdf_case("RFC 5869 A.2", bytes(range(0x60, 0xB0)), bytes(range(80)), bytes(range(0xB0, 0x100)), 82)
    yield hkdf_case("RFC 5869 A.3", b"", b"\x0b" * 22, b"", 42)
    for length in (0, 1, 31, 32, 33, 64, 255 * 32 - 1, 255 * 32):
        yield hkdf_case(f"of {length} octets", pattern(32), pattern(32), pattern(20), length)
    yield hkdf_case("salt longer than a block, no input", pattern(65), b"", b"", 32)


def hmacs():
    for key in (0, 1, 31, 32, 63, 64, 65, 127, 131, 300):
        for data in (0, 64):
            yield f"hmac key of {key}, data of {data}", {"key": pattern(key), "data": pattern(data), "mac": hmac_sha256(pattern(key), pattern(data))}


def hashes():
    for length in (0, 1, 54, 55, 56, 57, 63, 64, 65, 118, 119, 120, 127, 128, 300):
        yield f"sha256 {length} octets", {"data": pattern(length), "hash": sha256(pattern(length))}


HEAD = """# Edge cases for the crypto seam (tests/unit/test_crypto_edges.c). Written by tools/examples from tests/oracle/edges.py: change that.
# One set per [block], one value per line in hexadecimal; a value of no octets is left out. The first word of a name is its kind.
# ecdsa: valid 01 or 00. point: without `point` the octets are to be refused; scalar likewise. gcm-long: `length` octets of a pattern as associated data.
# Quoted: RFC 6979 A.2.5, RFC 5903 8.1, RFC 5869 A.1 to A.3. All others are computed.
"""


def text():
    blocks = []
    for source in (ecdsa, points, scalars, ecdh, gcm, hkdf, hmacs, hashes):
        for name, values in source():
            blocks.append(f"\n[{name}]\n" + "".join(f"{key} = {value.hex()}\n" for key, value in values.items() if value))
    return HEAD + "".join(blocks)
