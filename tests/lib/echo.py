# SPDX-License-Identifier: Apache-2.0
"""What a holder of the RO's ticket keys can do: make Echoes (docs/decisions/0012-gate-and-echo.md), for any address and time."""
import ipaddress
import struct

import wire

WINDOW = 64
MASK = 2**64 - 1


def siphash(key, data):
    """SipHash-2-4, from the paper."""
    k0, k1 = struct.unpack("<QQ", key)
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def rotl(x, b):
        return (x << b | x >> (64 - b)) & MASK

    def rounds(n):
        for _ in range(n):
            v[0], v[2] = (v[0] + v[1]) & MASK, (v[2] + v[3]) & MASK
            v[1], v[3] = rotl(v[1], 13) ^ v[0], rotl(v[3], 16) ^ v[2]
            v[0] = rotl(v[0], 32)
            v[2], v[0] = (v[2] + v[1]) & MASK, (v[0] + v[3]) & MASK
            v[1], v[3] = rotl(v[1], 17) ^ v[2], rotl(v[3], 21) ^ v[0]
            v[2] = rotl(v[2], 32)

    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) & 255])
    for (word,) in struct.iter_unpack("<Q", padded):
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def echo(ticket_key, unix_s, address, port):
    """The Echo that a front end makes at that time for that IPv4 address."""
    window = int(unix_s) // WINDOW
    name = bytes(10) + b"\xff\xff" + ipaddress.IPv4Address(address).packed + struct.pack(">H", port)
    mac = siphash(wire.kdf(ticket_key, "echo"), name + struct.pack(">Q", window))
    return bytes([window & 255]) + struct.pack(">Q", mac)[1:]
