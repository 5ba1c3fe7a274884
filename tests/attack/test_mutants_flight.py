# SPDX-License-Identifier: Apache-2.0
"""The flight, with one check taken out at a time: what an attacker on the path does to the real samara-tre in vain, and to the mutant not (S2, S4, S7, S9).
A test is called as its row in proofs/README.md."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import wire  # noqa: E402
from bites import Bites  # noqa: E402
from lone_tre import FLIGHT_COMPLETE, FLIGHT_START, OK  # noqa: E402


def without_q(tre, content):
    """An answer to the TRE's request by somebody on the path: all he knows of it is its octets, with E in them."""
    m1 = tre.ask(FLIGHT_START, False)[1]
    e = wire.loads(m1)[2]
    f = wire.Key()
    k2 = wire.extract(wire.sha256(m1), f.dh(e))
    content = {**content, 2: os.urandom(90)}
    return tre.ask(FLIGHT_COMPLETE, wire.dumps([f.uncompressed, wire.seal(wire.kdf(k2, "m2", f.point), f.uncompressed, wire.dumps(content))])), k2, f


class WhoAnswers(Bites):
    def test_flight_k2_without_eq(self):
        """A package of the operator's that the server did not release for this request (stolen on its way to the server, withdrawn since)."""
        def attack(tre, _):
            answer, _, _ = without_q(tre, {1: tre.package()})
            return answer[0] == OK and answer[2] == OK and len(tre.mcims()) == 1
        self.bites("flight_k2_without_eq", attack)


if __name__ == "__main__":
    unittest.main()
