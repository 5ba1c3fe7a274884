# SPDX-License-Identifier: Apache-2.0
"""Section 4: tickets and the check-in, both sides."""
import os

from oracle.cbor import array_head, decode, encode
from oracle.keys import be32, kdf, seal, sha256, unseal


def ticket_fields(eid, rk, lineage, epoch=1, policy=0, shipment=bytes(8), group=0, state=0):
    return [eid, rk, be32(lineage), be32(epoch), be32(policy), shipment, be32(group), state]


def ticket_seal(tk_id, tk, fields, salt=None):
    head = be32(tk_id) + (salt or os.urandom(16))
    return head + seal(kdf(tk, "ticket", head[4:]), head, encode(fields))


def ticket_open(tk, ticket):
    return decode(unseal(kdf(tk, "ticket", ticket[4:20]), ticket[:20], ticket[20:]))


def masked(rk, octets):
    """The counter under its mask, or out of it."""
    return bytes(a ^ b for a, b in zip(octets, kdf(rk, "mask", length=4)))


class Exchange:
    """What a C1 fixes: resp and next, and the keys of its answer. @without: «hash», «spare»: what a mutant of the programs leaves out."""

    def __init__(self, rk, message, without=()):
        self.hash_c1, self.without = sha256(message), without
        self.resp, self.next = kdf(rk, "resp", b"" if "hash" in without else self.hash_c1, 32), kdf(rk, "next", length=32)

    def response_key(self, r):
        return kdf(self.resp, "c2", r)

    def next_rk(self, r):
        return kdf(self.next, "rk", r)

    def spare_rk(self, r):
        return kdf(self.next, "rk" if "spare" in self.without else "spare", r)

    def c2(self, r, content):
        return encode([r, seal(self.response_key(r), r, encode(content))])

    def open_c2(self, message):
        """(the map in C2, its octets, r)"""
        r, sealed = decode(message)
        octets = unseal(self.response_key(r), r, sealed)
        return decode(octets), octets, r


def c1(rk, ticket, ctr, report):
    head = array_head([ticket, masked(rk, be32(ctr)), b""])
    return head + encode(seal(kdf(rk, "req", be32(ctr)), head, encode(report)))


def open_c1(rk, message, without=()):
    """(counter, report, octets of the report). @without: «mask», «ctr» (in the request key): what a mutant of the programs leaves out."""
    _, under_mask, sealed = decode(message)
    number = under_mask if "mask" in without else masked(rk, under_mask)
    head = message[:len(message) - len(encode(sealed))]
    octets = unseal(kdf(rk, "req", b"" if "ctr" in without else number), head, sealed)
    return int.from_bytes(number, "big"), decode(octets), octets
