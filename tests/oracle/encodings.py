# SPDX-License-Identifier: Apache-2.0
"""Encodings that a strict reader takes and others that it refuses, with this implementation's verdict: tests/vectors/cbor.txt. Right ones are drawn,
wrong ones are right ones altered; all strings of one and two octets are there as a hash over those that are taken."""
import random

from oracle.cbor import LONGER, Malformed, decode, encode
from oracle.keys import sha256

DEPTH = 8  # arrays and maps within each other, at most
EDGES = [0, 1, 23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**64 - 1]


def taken(octets):
    try:
        decode(octets)
        return True
    except Malformed:
        return False


def draw(rng, depth=0):
    """A value of the protocol, small."""
    kind = rng.randrange(8 if depth < 4 else 5)
    if kind == 0:
        return rng.choice(EDGES)
    if kind == 1:
        return rng.randbytes(rng.choice((0, 1, 5, 23, 24)))
    if kind == 2:
        return rng.choice(("", "a", "ä€", "\U0001f600", "z" * 24))
    if kind in (3, 4):
        return rng.choice((None, True, False))
    if kind == 5:
        return {rng.choice((1, 1, -1)) * rng.choice(EDGES[:9]): draw(rng, depth + 1) for _ in range(rng.randrange(4))}
    return [draw(rng, depth + 1) for _ in range(rng.randrange(4))]


def longer_head(rng, octets):
    """The head at some place in more octets than it needs."""
    at = rng.randrange(len(octets))
    major, info = octets[at] & 0xE0, octets[at] & 31
    if info >= 24:
        return octets
    code = rng.choice(list(LONGER))
    return octets[:at] + bytes([major | code]) + info.to_bytes(LONGER[code], "big") + octets[at + 1:]


def alter(rng, octets):
    at = rng.randrange(len(octets))
    return rng.choice((
        octets[:at] + bytes([octets[at] ^ 1 << rng.randrange(8)]) + octets[at + 1:], octets[:at], octets + rng.randbytes(1), octets[:at] + octets[at + 1:],
        octets[:at] + bytes([rng.randrange(256)]) + octets[at:], longer_head(rng, octets), octets[:at] + octets[at:][::-1]))


def nested():
    """Arrays and maps within each other: to the limit, and one above it."""
    for count in (1, DEPTH, DEPTH + 1):
        yield b"\x81" * count + b"\0", count <= DEPTH
        yield b"\xa1\0" * count + b"\0", count <= DEPTH


def cases(count=2000):
    rng, seen = random.Random(1), set()
    while len(seen) < count:
        octets = encode(draw(rng))
        for _ in range(rng.choice((0, 0, 1, 2))):
            octets = alter(rng, octets) or b"\xff"
        if len(octets) <= 60 and octets not in seen:
            seen.add(octets)
            yield octets, taken(octets)


HEAD = """# Strict CBOR: octets, and whether they are one item (1) or have to be refused (0). Written by tools/examples from tests/oracle/encodings.py.
# all N: the number of strings of N octets that are taken, and SHA-256 of them one after the other, ascending.
"""


def exhaustive(length):
    found = [octets for octets in (n.to_bytes(length, "big") for n in range(256 ** length)) if taken(octets)]
    return f"all {length} {len(found)} {sha256(b''.join(found)).hex()}\n"


def text():
    lines = [f"{int(verdict)} {octets.hex()}\n" for source in (nested(), cases()) for octets, verdict in source]
    return HEAD + exhaustive(1) + exhaustive(2) + "".join(lines)
