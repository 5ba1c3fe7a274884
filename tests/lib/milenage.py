# SPDX-License-Identifier: Apache-2.0
"""MILENAGE for who has K and OPc alone: the network's side, over tests/oracle/aka.py."""
import os

import wire  # noqa: F401  (brings the path of the second implementation)
from oracle import aka


def sqn_of(k, opc, rand, autn):
    """The SQN that an AUTN hides."""
    return int.from_bytes(aka.xor(autn[:6], aka.Milenage(k, opc).f5(rand)), "big")


def vector(k, opc, sqn, amf=b"\x80\x00", rand=None):
    """(rand, autn, ik, ck, res), in the order of hostapd's line."""
    functions, rand = aka.Milenage(k, opc), rand or os.urandom(16)
    return rand, aka.autn(functions, rand, sqn, amf), functions.f4(rand), functions.f3(rand), functions.f2(rand)
