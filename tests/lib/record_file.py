# SPDX-License-Identifier: Apache-2.0
"""The files between the parties (over tests/oracle) in the hands of whoever holds a party's keys and says with them what he likes, or of somebody who
spoils what others wrote."""
import base64

import wire
from oracle import files
from oracle.cbor import sequence
from oracle.files import ACKNOWLEDGEMENT, EVIDENCE, REFERENCES, SHIPMENT  # noqa: F401


def private_key(player, name="sign"):
    """A key of a player's, as whoever broke into its directory has it."""
    with open(player.path(f"keys/{name}.key"), encoding="ascii") as f:
        return wire.Key.from_scalar(base64.b64decode(f.read().split("\n")[1]))


def card(player):
    """[role, name, sign, kem] of a player's card."""
    with open(player.card, encoding="utf-8") as f:
        return files.open_card(files.unarmoured(f.read()))


def write(kind, number, sender, about, records, to=None):
    """A file's octets. @records: values. @to: point of the recipient's KEM key, or None: in clear, whether that is allowed or not."""
    return files.write(kind, number, sender, about, [wire.dumps(record) for record in records], to)


def records(data, own=None):
    """The values of its records. @own: the recipient's key."""
    return files.File(data, own).values()


def spoiled(data, flips, cuts, rng):
    """Variants of a file that are all wrong: @flips single bits over the whole of it, cut at the borders of its parts and at @cuts other places."""
    step = 8 * len(data) / flips
    for i in range(flips):
        bit = int((i + rng.random()) * step)
        yield data[:bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1:]
    borders, at = [0], 0
    for _, encoded in sequence(data)[:-1]:
        at += len(encoded)
        borders.append(at)
    for length in sorted(set(borders) | {rng.randrange(len(data)) for _ in range(cuts)}):
        yield data[:length]
