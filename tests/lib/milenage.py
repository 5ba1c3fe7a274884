# SPDX-License-Identifier: Apache-2.0
"""MILENAGE (TS 35.206), the network's side: authentication vectors for a K that the test knows."""
import os

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


def xor(*parts):
    return bytes(a ^ b ^ c for a, b, c in zip(*parts, *[bytes(16)] * (3 - len(parts))))


def sqn_of(k, opc, rand, autn):
    """The SQN that an AUTN hides."""
    anonymity = int.from_bytes(vector(k, opc, 0, rand=rand)[1][:6], "big")
    return int.from_bytes(autn[:6], "big") ^ anonymity


def vector(k, opc, sqn, amf=b"\x80\x00", rand=None):
    """(rand, autn, ik, ck, res), in the order of hostapd's line."""
    rand = rand or os.urandom(16)

    def e(block):
        encryptor = Cipher(algorithms.AES(k), modes.ECB()).encryptor()
        return encryptor.update(block) + encryptor.finalize()

    def out(turn, constant):
        block = xor(temp, opc)
        return xor(e(xor(block[turn:] + block[:turn], bytes(15) + bytes([constant]))), opc)
    temp = e(xor(rand, opc))
    number = sqn.to_bytes(6, "big")
    block = xor(2 * (number + amf), opc)
    mac = xor(e(xor(temp, block[8:] + block[:8])), opc)[:8]
    second = out(0, 1)
    autn = bytes(a ^ b for a, b in zip(number, second)) + amf + mac
    return rand, autn, out(8, 4), out(4, 2), second[8:]
