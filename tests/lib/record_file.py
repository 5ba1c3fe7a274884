# SPDX-License-Identifier: Apache-2.0
"""The files between the parties a second time (docs/protocol.md, section 5): for whoever holds a party's keys, and says with them what he likes."""
import base64
import os

import cbor2

import wire

SHIPMENT, BATCH, EVIDENCE, ACK = 1, 3, 6, 7


def private_key(player, name="sign"):
    """A key of a player's, as whoever broke into its directory has it."""
    with open(player.path(f"keys/{name}.key"), encoding="ascii") as f:
        return wire.Key.from_scalar(base64.b64decode(f.read().split("\n")[1]))


def card(player):
    """[role, name, sign, kem] of a player's card."""
    with open(player.card, encoding="ascii") as f:
        body = "".join(line.strip() for line in f if not line.startswith("-") and ":" not in line)
    return cbor2.loads(cbor2.loads(base64.b64decode(body))[2])


def record_key(file_key, number):
    return wire.kdf(file_key, "record", number.to_bytes(8, "big"))


def parts(kind, number, sender, about, records, to=None):
    """A file in its parts: header, records, end. @about and each record: values; @to: point of the recipient's KEM key, or None: not sealed."""
    head = ["samara", 1, kind, number, sender.point, wire.dumps(about)]
    encoded = [wire.dumps(record) for record in records]
    sealed = None
    if to is not None:
        file_key = os.urandom(16)
        sealed = wire.hpke_seal(to, b"samara1 file", wire.dumps(head), file_key)
        encoded = [wire.seal(record_key(file_key, i), b"", record) for i, record in enumerate(encoded, 1)]
    found = [wire.dumps(head + [sealed]), *(wire.dumps(record) for record in encoded)]
    end = wire.dumps([kind, number, len(records), wire.sha256(b"".join(found))])
    return [*found, wire.dumps([len(records), sender.sign("samara1 file", b"", end)])]


def split(data):
    """The parts of a file."""
    found, at = [], 0
    while at < len(data):
        length = len(wire.dumps(cbor2.loads(data[at:])))
        found.append(data[at:at + length])
        at += length
    return found


def records(data, own):
    """The records of a sealed file, for the holder of the recipient's key."""
    head, *middle, _ = (cbor2.loads(part) for part in split(data))
    file_key = wire.hpke_open(own, b"samara1 file", wire.dumps(head[:6]), head[6])
    return [cbor2.loads(wire.unseal(record_key(file_key, i), b"", sealed)) for i, sealed in enumerate(middle, 1)]


def spoiled(data, flips, cuts, rng):
    """Variants of a file that are all wrong: @flips single bits over the whole of it, cut at the borders of its parts and at @cuts other places."""
    step = 8 * len(data) / flips
    for i in range(flips):
        bit = int((i + rng.random()) * step)
        yield data[:bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1:]
    borders, at = [0], 0
    for part in split(data)[:-1]:
        at += len(part)
        borders.append(at)
    for length in sorted(set(borders) | {rng.randrange(len(data)) for _ in range(cuts)}):
        yield data[:length]
