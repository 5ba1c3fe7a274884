# SPDX-License-Identifier: Apache-2.0
"""The RO's end of the relay in the hands of whoever holds the RO's keys: what he says to the operator's AuC, and what that answers."""
import os

import record_file
import wire
from world import SPOOL_GID, wait_until

ACCEPTED, REJECTED = 0, 1


class Relay:
    def __init__(self, offline, name="spool-of-a-liar"):
        """@name: of a spool of its own, below the world's root."""
        self.world, self.uid = offline.world, offline.ro.uid
        self.sign, self.to = record_file.private_key(offline.ro), record_file.card(offline.auc)[3]
        self.operator = wire.sha256(offline.operator_point())[:8]
        self.spool = os.path.join(self.world.root, name)
        self.directory = os.path.join(self.spool, self.operator.hex())
        self.number = 0
        for path in (self.spool, self.directory):
            os.mkdir(path)
            self.world.give(path, self.uid, SPOOL_GID)
            os.chmod(path, 0o2770)

    def path(self, kind, number):
        return os.path.join(self.directory, f"{kind}-{number:08d}.smr")

    def evidence(self, *records):
        """A file of evidence, its number, not yet in the spool."""
        self.number += 1
        return record_file.write(record_file.EVIDENCE, self.number, self.sign, [self.operator], records, self.to), self.number

    def put(self, data, kind, number):
        """Into the spool, whole at once, as a writer does."""
        path = self.path(kind, number)
        with open(path + ".new", "wb") as f:
            f.write(data)
        self.world.give(path + ".new", self.uid, SPOOL_GID)
        os.chmod(path + ".new", 0o660)
        os.rename(path + ".new", path)

    def answer(self, number):
        """The AuC's acknowledgement of a file, once it is there: its octets."""
        path = self.path("ack", number)
        wait_until(f"acknowledgement {number}", lambda: os.path.exists(path))
        with open(path, "rb") as f:
            return f.read()

    def verdicts(self, *records):
        """What the AuC says to these records: [verdict]"""
        data, number = self.evidence(*records)
        self.put(data, "evidence", number)
        return [ack[4] for ack in record_file.records(self.answer(number))]


def record(device, receipt, evidence, iccid=None, serial=None):
    """@evidence: (encoded, E, Q), or None."""
    return [device.eid, iccid or receipt[1], serial or receipt[2], *(evidence or (None, None, None)), receipt]


def evidence_of(device):
    """That of the device's newest request."""
    return wire.dumps(device.evidence), device.e.point, device.q
