# SPDX-License-Identifier: Apache-2.0
"""Section 4: tickets and the check-in, both sides."""
import os

from oracle.cbor import array_head, decode, encode
from oracle.keys import ZERO, be32, kdf, seal, sha256, unseal

LANES, NONCE_LEN = 16, 12


# ---- tickets ----

def ticket_fields(eid, rk, lineage, epoch=1, policy=0, shipment=bytes(8), group=0, state=0):
    return [eid, rk, be32(lineage), be32(epoch), be32(policy), shipment, be32(group), state]


def ticket_key(tk, head):
    """@head: the ticket's first five octets, be32(TK id) | lane"""
    return kdf(tk, "ticket", head)


def ticket_seal(tk_id, tk, fields, lane=None, nonce=None):
    """@lane, @nonce: random, unless they are said."""
    lane = os.urandom(1)[0] % LANES if lane is None else lane
    nonce = nonce or os.urandom(NONCE_LEN)
    head = be32(tk_id) + bytes([lane])
    return head + nonce + seal(ticket_key(tk, head), b"", encode(fields), nonce)


def ticket_open(tk, ticket):
    lane, nonce, sealed = ticket[4], ticket[5:17], ticket[17:]
    if lane >= LANES:
        raise ValueError(f"lane {lane}")
    return decode(unseal(ticket_key(tk, ticket[:5]), b"", sealed, nonce))


# ---- requests ----

def request_keys(rk):
    """(request key, mask of the counter)"""
    keys = kdf(rk, "c1", length=20)
    return keys[:16], keys[16:]


def request_nonce(number):
    """@number: be32(ctr)"""
    return bytes(8) + number


def masked(mask, octets):
    """The counter under its mask, or out of it."""
    return bytes(a ^ b for a, b in zip(octets, mask))


def c1(rk, ticket, ctr, report):
    return c1_of_octets(rk, ticket, ctr, encode(report))


def c1_of_octets(rk, ticket, ctr, octets):
    """With any plaintext."""
    (key, mask), number = request_keys(rk), be32(ctr)
    head = array_head([ticket, masked(mask, number), b""])
    return head + encode(seal(key, head, octets, request_nonce(number)))


def open_c1(rk, message, without=()):
    """(counter, report, octets of the report). @without: «mask», «ctr» (in the request's nonce): what a mutant of the programs leaves out."""
    _, under_mask, sealed = decode(message)
    key, mask = request_keys(rk)
    number = under_mask if "mask" in without else masked(mask, under_mask)
    head = message[:len(message) - len(encode(sealed))]
    octets = unseal(key, head, sealed, ZERO if "ctr" in without else request_nonce(number))
    return int.from_bytes(number, "big"), decode(octets), octets


# ---- answers ----

class Exchange:
    """What a C1 fixes: the key of its answers, and `next`, from which each answer's r makes rk' and the spare rk. @without: «hash», «spare»: what a mutant of the programs leaves out."""

    def __init__(self, rk, message, without=()):
        self.hash_c1 = sha256(message)
        keys = kdf(rk, "c2", b"" if "hash" in without else self.hash_c1, 32)
        self.response_key, self.next, self.without = keys[:16], keys[16:], without

    def next_rks(self, r):
        """(rk', spare rk)"""
        keys = kdf(self.next, "rk", r, 32)
        return keys[:16], keys[:16] if "spare" in self.without else keys[16:]

    def c2(self, r, content):
        return self.c2_of_octets(r, encode(content))

    def c2_of_octets(self, r, octets):
        """With any plaintext."""
        return encode([r, seal(self.response_key, b"", octets, r)])

    def open_c2(self, message):
        """(the map in C2, its octets)"""
        r, sealed = decode(message)
        octets = unseal(self.response_key, b"", sealed, r)
        return decode(octets), octets
