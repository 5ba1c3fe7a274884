# SPDX-License-Identifier: Apache-2.0
"""AKA a second time: MILENAGE (TS 35.206) over AES, TUAK (TS 35.231) over a Keccak of its own, vectors and AUTS (TS 33.102 clause 6.3), and the keys
that grow out of CK and IK (RFC 9048, TS 33.501 annex A)."""
import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from oracle.keys import sha256


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


# ---- MILENAGE ----

def aes(key, block):
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(block) + encryptor.finalize()


def rotated(block, bits):
    n = bits // 8
    return block[n:] + block[:n]


class Milenage:
    """The functions of one subscriber. Default constants c1 to c5 and r1 to r5."""

    def __init__(self, k, opc, res_len=8):
        self.k, self.opc, self.res_len = k, opc, res_len

    @staticmethod
    def opc_of(k, op):
        return xor(aes(k, op), op)

    def out(self, rand, rotation, constant):
        temp = aes(self.k, xor(rand, self.opc))
        block = xor(rotated(xor(temp, self.opc), rotation), bytes(15) + bytes([constant]))
        return xor(aes(self.k, block), self.opc)

    def out1(self, rand, sqn, amf):
        temp = aes(self.k, xor(rand, self.opc))
        block = xor(rotated(xor(2 * (sqn + amf), self.opc), 64), temp)
        return xor(aes(self.k, block), self.opc)

    def f1(self, rand, sqn, amf):
        return self.out1(rand, sqn, amf)[:8]

    def f1star(self, rand, sqn, amf):
        return self.out1(rand, sqn, amf)[8:]

    def f2(self, rand):
        return self.out(rand, 0, 1)[8:8 + self.res_len]

    def f3(self, rand):
        return self.out(rand, 32, 2)

    def f4(self, rand):
        return self.out(rand, 64, 4)

    def f5(self, rand):
        return self.out(rand, 0, 1)[:6]

    def f5star(self, rand):
        return self.out(rand, 96, 8)[:6]


# ---- Keccak-f[1600] (FIPS 202 section 3) ----

def rotate(lane, n):
    return (lane << n | lane >> 64 - n) & (1 << 64) - 1 if n else lane


def round_constants():
    register, constants = 1, []
    for _ in range(24):
        constant = 0
        for j in range(7):
            constant |= (register & 1) << (1 << j) - 1
            register = register << 1 ^ (0x171 if register >> 7 else 0)
        constants.append(constant)
    return constants


def offsets():
    table, x, y = {(0, 0): 0}, 1, 0
    for t in range(24):
        table[x, y] = (t + 1) * (t + 2) // 2 % 64
        x, y = y, (2 * x + 3 * y) % 5
    return table


CONSTANTS, OFFSETS = round_constants(), offsets()


def keccak_f(octets):
    a = {(x, y): int.from_bytes(octets[8 * (x + 5 * y):][:8], "little") for x in range(5) for y in range(5)}
    for constant in CONSTANTS:
        c = [a[x, 0] ^ a[x, 1] ^ a[x, 2] ^ a[x, 3] ^ a[x, 4] for x in range(5)]
        b = {}
        for (x, y), lane in a.items():
            b[y, (2 * x + 3 * y) % 5] = rotate(lane ^ c[(x - 1) % 5] ^ rotate(c[(x + 1) % 5], 1), OFFSETS[x, y])
        a = {(x, y): b[x, y] ^ (~b[(x + 1) % 5, y] & b[(x + 2) % 5, y]) for x, y in b}
        a[0, 0] ^= constant
    return b"".join(a[x, y].to_bytes(8, "little") for y in range(5) for x in range(5))


# ---- TUAK ----

RES_CODE = {4: 0x00, 8: 0x08, 16: 0x10, 32: 0x20}


class Tuak:
    """The functions of one subscriber. Octet strings enter and leave Keccak last octet first."""

    def __init__(self, k, topc, res_len=8, iterations=1, mac_len=8, ck_len=16, ik_len=16):
        self.k, self.topc, self.res_len, self.iterations = k, topc, res_len, iterations
        self.mac_len, self.ck_len, self.ik_len = mac_len, ck_len, ik_len

    @staticmethod
    def topc_of(k, top, iterations=1):
        return Tuak(k, top, iterations=iterations).out(0x00, bytes(16), bytes(6), bytes(2))[:32][::-1]

    def out(self, instance, rand, sqn, amf):
        instance |= len(self.k) == 32
        state = self.topc[::-1] + bytes([instance]) + b"TUAK1.0"[::-1] + rand[::-1] + amf[::-1] + sqn[::-1] + self.k[::-1]
        state = bytearray(state + bytes(200 - len(state)))
        state[96], state[135] = 0x1F, 0x80
        for _ in range(self.iterations):
            state = keccak_f(bytes(state))
        return bytes(state)

    def f1(self, rand, sqn, amf):
        return self.out(RES_CODE[self.mac_len], rand, sqn, amf)[:self.mac_len][::-1]

    def f1star(self, rand, sqn, amf):
        return self.out(0x80 | RES_CODE[self.mac_len], rand, sqn, amf)[:self.mac_len][::-1]

    def f2345(self, rand):
        instance = 0x40 | RES_CODE[self.res_len] | (self.ck_len == 32) << 2 | (self.ik_len == 32) << 1
        return self.out(instance, rand, bytes(6), bytes(2))

    def f2(self, rand):
        return self.f2345(rand)[:self.res_len][::-1]

    def f3(self, rand):
        return self.f2345(rand)[32:32 + self.ck_len][::-1]

    def f4(self, rand):
        return self.f2345(rand)[64:64 + self.ik_len][::-1]

    def f5(self, rand):
        return self.f2345(rand)[96:102][::-1]

    def f5star(self, rand):
        return self.out(0xC0, rand, bytes(6), bytes(2))[96:102][::-1]


def of_mcim(content):
    """The functions of a sealed subscription's plaintext."""
    _, alg, k, opc, res_len, iterations = content[:6]
    return Milenage(k, opc, res_len) if alg == 1 else Tuak(k, opc, res_len, iterations)


# ---- AKA ----

def autn(functions, rand, sqn, amf=b"\x80\x00"):
    sqn = sqn.to_bytes(6, "big")
    return xor(sqn, functions.f5(rand)) + amf + functions.f1(rand, sqn, amf)


def open_autn(functions, rand, octets):
    """(SQN, AMF), or None when the MAC does not hold."""
    sqn, amf = xor(octets[:6], functions.f5(rand)), octets[6:8]
    return (int.from_bytes(sqn, "big"), amf) if functions.f1(rand, sqn, amf) == octets[8:] else None


def auts(functions, rand, sqn_ms):
    sqn = sqn_ms.to_bytes(6, "big")
    return xor(sqn, functions.f5star(rand)) + functions.f1star(rand, sqn, bytes(2))


def open_auts(functions, rand, octets):
    """SQN_MS, or None when the MAC does not hold."""
    sqn = xor(octets[:6], functions.f5star(rand))
    return int.from_bytes(sqn, "big") if functions.f1star(rand, sqn, bytes(2)) == octets[6:] else None


# ---- keys from CK and IK ----

def kdf(key, code, *parameters):
    """TS 33.220 annex B."""
    data = bytes([code]) + b"".join(p + len(p).to_bytes(2, "big") for p in parameters)
    return hmac.new(key, data, hashlib.sha256).digest()


def prime_keys(ck, ik, network, sqn_xor_ak):
    """(CK', IK')"""
    both = kdf(ck + ik, 0x20, network, sqn_xor_ak)
    return both[:16], both[16:]


def prime_expand(ck_prime, ik_prime, identity):
    """K_encr, K_aut, K_re, MSK, EMSK of EAP-AKA' (RFC 9048 section 3.3)."""
    data, block, out, i = b"EAP-AKA'" + identity, b"", b"", 1
    while len(out) < 208:
        block = hmac.new(ik_prime + ck_prime, block + data + bytes([i]), hashlib.sha256).digest()
        out, i = out + block, i + 1
    return {"k_encr": out[:16], "k_aut": out[16:48], "k_re": out[48:80], "msk": out[80:144], "emsk": out[144:208]}


def keys_5g(ck, ik, snn, supi, abba, rand, res, sqn_xor_ak):
    """The hierarchy of TS 33.501 annex A, by the names of tests/vectors/aka.txt. KgNB for NAS COUNT 0 over 3GPP access."""
    kausf = kdf(ck + ik, 0x6A, snn, sqn_xor_ak)
    res_star = kdf(ck + ik, 0x6B, snn, rand, res)[16:]
    kseaf = kdf(kausf, 0x6C, snn)
    kamf = kdf(kseaf, 0x6D, supi, abba)
    return {"kausf": kausf, "res_star": res_star, "hres_star": sha256(rand + res_star)[16:], "kseaf": kseaf, "kamf": kamf,
            "nas_enc_nea2": kdf(kamf, 0x69, b"\1", b"\2")[16:], "nas_int_nia2": kdf(kamf, 0x69, b"\2", b"\2")[16:],
            "kgnb": kdf(kamf, 0x6E, bytes(4), b"\1")}
