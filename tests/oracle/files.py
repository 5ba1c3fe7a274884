# SPDX-License-Identifier: Apache-2.0
"""Section 5: files between the parties, and cards."""
import base64
import os

from oracle.cbor import Malformed, decode, encode, sequence
from oracle.hpke import hpke_open, hpke_seal
from oracle.keys import ZERO, Key, kdf, sha256, verify, verify_signed

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SHIPMENT, REFERENCES, BATCH, SUBSCRIPTIONS, COMMANDS, EVIDENCE, ACKNOWLEDGEMENT, ORDERS, FLIGHT_KEYS = range(1, 10)
SEALED_ONLY = (BATCH, SUBSCRIPTIONS, EVIDENCE)
ADD, SUSPEND, RESUME, WITHDRAW = 1, 2, 3, 4


def record_key(file_key, i):
    return kdf(file_key, "record", i.to_bytes(8, "big"))


def parts(kind, number, sender, about, records, to=None, file_key=None, e=None):
    """A file in its parts: header, records, end. @records: encoded. @to: point to seal it to. @file_key, @e: otherwise random."""
    header = ["samara", 1, kind, number, sender.point, encode(about)]
    if to:
        file_key = file_key or os.urandom(16)
        header.append(hpke_seal(to, b"samara1 file", encode(header), file_key, e))
        records = [AESGCM(record_key(file_key, i)).encrypt(ZERO, record, b"") for i, record in enumerate(records, 1)]
    else:
        header.append(None)
    body = [encode(header), *map(encode, records)]
    payload = encode([kind, number, len(records), sha256(b"".join(body))])
    return [*body, encode([len(records), sender.sign("samara1 file", b"", payload)])]


def write(*args, **kwargs):
    """The whole of it."""
    return b"".join(parts(*args, **kwargs))


class File:
    """A file that was read: its end is verified before anything is taken from it."""

    def __init__(self, octets, kem=None):
        items = sequence(octets)
        if len(items) < 2:
            raise Malformed("neither header nor end")
        self.header, (count, sig) = items[0][0], items[-1][0]
        self.magic, self.version, self.kind, self.number, self.sender, about, seal = self.header
        body = octets[:-len(items[-1][1])]
        if count != len(items) - 2 or not verify(self.sender, "samara1 file", b"", encode([self.kind, self.number, count, sha256(body)]), sig):
            raise Malformed("the end does not hold")
        if self.magic != "samara" or self.version != 1 or seal is None and self.kind in SEALED_ONLY:
            raise Malformed("not such a file, or in clear")
        self.about, self.sealed = decode(about), seal is not None
        self.records = [record for record, _ in items[1:-1]]
        if self.sealed:
            self.open(kem, seal)

    def open(self, kem, seal):
        self.file_key = hpke_open(kem, b"samara1 file", encode(self.header[:6]), seal)
        self.records = [AESGCM(record_key(self.file_key, i)).decrypt(ZERO, record, b"") for i, record in enumerate(self.records, 1)]

    def values(self):
        return [decode(record) for record in self.records]


# ---- cards ----

def card(sign, role, name, kem=None):
    return encode(sign.signed("samara1 card", b"", [role, name, sign.point, kem.point if kem else None]))


def open_card(octets):
    """[role, name, sign, kem]; raises where its own signature does not hold."""
    signed = decode(octets)
    payload = decode(signed[2])
    if not verify_signed(payload[2], "samara1 card", b"", signed):
        raise Malformed("a card that did not sign itself")
    return payload


def armoured(octets):
    """The file of a card: base64 between two marker lines."""
    text = base64.b64encode(octets).decode()
    lines = [text[i:i + 64] for i in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN SAMARA CARD-----", *lines, "-----END SAMARA CARD-----"]) + "\n"


def unarmoured(text):
    lines = text.splitlines()
    begin, end = lines.index("-----BEGIN SAMARA CARD-----"), lines.index("-----END SAMARA CARD-----")
    return base64.b64decode("".join(lines[begin + 1:end]), validate=True)


class Party:
    """Somebody with the keys of a card."""

    def __init__(self, role, name, kem=True):
        self.role, self.name, self.sign, self.kem = role, name, Key(), Key() if kem else None
        self.card = card(self.sign, role, name, self.kem)
        self.number = 0

    def write(self, kind, about, records, to=None):
        self.number += 1
        return write(kind, self.number, self.sign, about, records, to)
