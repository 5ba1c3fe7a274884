# SPDX-License-Identifier: Apache-2.0
"""The RO's package keys as whoever has its key files can use them: a second implementation of store/ring.h."""
import base64
import os
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import wire

NONCE, TAG = 12, 16


def files(*directories):
    """{path: (epoch, seed)} of the key files in these directories of ROs. One that was being overwritten holds none."""
    found = {}
    for directory in directories:
        for name in os.listdir(os.path.join(directory, "keys")):
            number = re.fullmatch(r"package-(\d+)\.key", name)
            if number:
                path = os.path.join(directory, "keys", name)
                with open(path, encoding="ascii") as f:
                    lines = f.read().split("\n")
                if lines[0] == "samara-secret-key 1":
                    found[path] = (int(number[1]), base64.b64decode(lines[1]))
    return found


def keys(seed, epoch, steps):
    """{epoch: key} from this one on."""
    found = {}
    for number in range(epoch, epoch + steps):
        found[number] = wire.kdf(seed, "package-key", length=16)
        seed = wire.kdf(seed, "package-next", length=32)
    return found


def unseal(key, eid, sealed):
    """X, or None."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], eid)
    except InvalidTag:
        return None


def opened(directories, eid, sealed, steps=20):
    """X, if any key that follows from any file of these directories opens it, whatever its epoch; else None."""
    for epoch, seed in files(*directories).values():
        for key in keys(seed, epoch, steps).values():
            x = unseal(key, eid, sealed)
            if x is not None:
                return x
    return None
