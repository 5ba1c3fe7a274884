# SPDX-License-Identifier: Apache-2.0
"""P-256 and ECDSA in plain integers (SP 800-186 section 3.2.1.3, FIPS 186-5 section 6), signatures by RFC 6979. Slow, and not for secrets: for
signatures that come out the same every time, and so that no library checks itself."""
import hashlib
import hmac

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
     0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)


def add(p, q):
    """Sum of two points; None is the point at infinity."""
    if p is None or q is None:
        return q if p is None else p
    if p[0] == q[0]:
        if (p[1] + q[1]) % P == 0:
            return None
        slope = (3 * p[0] * p[0] - 3) * pow(2 * p[1], -1, P)
    else:
        slope = (q[1] - p[1]) * pow(q[0] - p[0], -1, P)
    x = (slope * slope - p[0] - q[0]) % P
    return x, (slope * (p[0] - x) - p[1]) % P


def multiply(k, point=G):
    result = None
    for bit in bin(k)[2:]:
        result = add(result, result)
        if bit == "1":
            result = add(result, point)
    return result


def on_curve(x, y):
    return x < P and y < P and (y * y - x * x * x + 3 * x - B) % P == 0


def root(x):
    """A y for this x, or None: P is 3 modulo 4."""
    square = (x * x * x - 3 * x + B) % P
    y = pow(square, (P + 1) // 4, P)
    return y if y * y % P == square else None


def load(octets):
    """A point from its compressed or uncompressed form; None for anything else."""
    if len(octets) == 65 and octets[0] == 4:
        x, y = int.from_bytes(octets[1:33], "big"), int.from_bytes(octets[33:], "big")
        return (x, y) if on_curve(x, y) else None
    if len(octets) != 33 or octets[0] not in (2, 3):
        return None
    x = int.from_bytes(octets[1:], "big")
    y = root(x) if x < P else None
    if y is None:
        return None
    return x, y if y & 1 == octets[0] & 1 else P - y


def compressed(point):
    return bytes([2 | point[1] & 1]) + point[0].to_bytes(32, "big")


def uncompressed(point):
    return b"\x04" + point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big")


def dh(scalar, point):
    return multiply(scalar, point)[0].to_bytes(32, "big")


# ---- ECDSA ----

def nonces(scalar, digest):
    """RFC 6979 section 3.2 with SHA-256: the sequence of candidates for k."""
    v, k = b"\x01" * 32, bytes(32)
    seed = scalar.to_bytes(32, "big") + (int.from_bytes(digest, "big") % N).to_bytes(32, "big")
    for octet in (b"\0", b"\1"):
        k = hmac.new(k, v + octet + seed, hashlib.sha256).digest()
        v = hmac.new(k, v, hashlib.sha256).digest()
    while True:
        v = hmac.new(k, v, hashlib.sha256).digest()
        if 0 < int.from_bytes(v, "big") < N:
            yield int.from_bytes(v, "big")
        k = hmac.new(k, v + b"\0", hashlib.sha256).digest()
        v = hmac.new(k, v, hashlib.sha256).digest()


def sign(scalar, digest, nonce=None):
    """r | s over a hash. @nonce: a k of the caller's own, for edge cases."""
    for k in [nonce] if nonce else nonces(scalar, digest):
        r = multiply(k)[0] % N
        s = pow(k, -1, N) * (int.from_bytes(digest, "big") + r * scalar) % N
        if r and s:
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return None


def verify(point, digest, sig):
    r, s = int.from_bytes(sig[:32], "big"), int.from_bytes(sig[32:], "big")
    if len(sig) != 64 or not 0 < r < N or not 0 < s < N:
        return False
    w = pow(s, -1, N)
    sum_ = add(multiply(int.from_bytes(digest, "big") * w % N), multiply(r * w % N, point))
    return sum_ is not None and sum_[0] % N == r
