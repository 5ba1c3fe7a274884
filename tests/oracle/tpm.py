# SPDX-License-Identifier: Apache-2.0
"""Section 3, «Evidence of a TPM»: a quote from its parts, by a key in memory that stands for one in a TPM, and the replay of a boot log. Section 2, «For a
TPM alone»: credentials, made and opened with an endorsement key in memory."""
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from oracle.keys import Key, be32, hmac_sha256, sha256, uncompressed, verify_octets

SHA256 = b"\0\x0b"
TEMPLATE = bytes.fromhex("0023 000B 00050472 0000 0010 0018 000B 0003 0010")
TEMPLATE_T = bytes.fromhex("0023 000B 00020472 0000 0010 0010 0003 0010")
PCRS = 1 << 8 | 1 << 9
# clock, resets, restarts, safe, firmware, pcrs
PLAIN = [1000, 1, 0, True, 0x2019102300163636, PCRS]


def sized(octets):
    return len(octets).to_bytes(2, "big") + octets


def name(point, template=TEMPLATE):
    """Of the key with this point in the template."""
    point = uncompressed(point)
    return SHA256 + sha256(template + sized(point[1:33]) + sized(point[33:]))


def name_t(t):
    return name(t, TEMPLATE_T)


def attest(d, tpm, extra, measurement):
    """TPMS_ATTEST of a quote."""
    clock, resets, restarts, safe, firmware, pcrs = tpm
    signer = SHA256 + sha256(bytes.fromhex("4000000B") + name(d))
    info = clock.to_bytes(8, "big") + resets.to_bytes(4, "big") + restarts.to_bytes(4, "big") + bytes([safe]) + firmware.to_bytes(8, "big")
    selection = bytes.fromhex("00000001 000B 03") + pcrs.to_bytes(3, "little")
    return bytes.fromhex("FF544347 8018") + sized(signer) + sized(extra) + info + selection + sized(measurement)


def quote(d, tpm, hash_ev, measurement):
    """The signature by @d."""
    return d.sign_structure(attest(d.point, tpm, hash_ev, measurement))


def holds(d, tpm, hash_ev, measurement, sig):
    return verify_octets(d, attest(d, tpm, hash_ev, measurement), sig)


def replay(log):
    """(PCRs, digest) after [[pcr, digest, name]…] from zero."""
    values = {}
    for pcr, digest, _ in log:
        values[pcr] = sha256(values.get(pcr, bytes(32)) + digest)
    return sum(1 << pcr for pcr in values), sha256(b"".join(values[pcr] for pcr in sorted(values)))


# ---- credentials (TPM 2.0 library, part 1, 24 and C.6.4) ----

def kdfa(key, label, context, bits):
    return hmac_sha256(key, be32(1) + label + b"\0" + context + be32(bits))[:bits // 8]


def protection(z, ephemeral, ek, name_of_key):
    """(AES key, HMAC key) from the shared point's x and both points."""
    seed = sha256(be32(1) + z + b"IDENTITY\0" + ephemeral[1:33] + ek[1:33])
    return kdfa(seed, b"STORAGE", name_of_key, 128), kdfa(seed, b"INTEGRITY", b"", 256)


def cfb(key):
    return Cipher(algorithms.AES(key), modes.CFB(bytes(16)))


def credential(ek, name_of_key, secret, e=None):
    """TPM2_MakeCredential: TPM2B_ID_OBJECT | TPM2B_ENCRYPTED_SECRET. @e: the ephemeral key, otherwise fresh."""
    e = e or Key()
    aes, mac = protection(e.dh(ek), e.uncompressed, uncompressed(ek), name_of_key)
    encrypted = cfb(aes).encryptor().update(sized(secret))
    return sized(sized(hmac_sha256(mac, encrypted + name_of_key)) + encrypted) + sized(sized(e.uncompressed[1:33]) + sized(e.uncompressed[33:]))


def activate(ek, name_of_key, octets):
    """What the TPM with this endorsement key, a Key, gives out for the key of this name; None: nothing."""
    if len(octets) != 140 or octets[:4] != bytes.fromhex("00440020") or octets[70:74] != bytes.fromhex("00440020") or octets[106:108] != b"\0\x20":
        return None
    integrity, encrypted = octets[4:36], octets[36:70]
    ephemeral = b"\x04" + octets[74:106] + octets[108:]
    aes, mac = protection(ek.dh(ephemeral), ephemeral, ek.uncompressed, name_of_key)
    if hmac_sha256(mac, encrypted + name_of_key) != integrity:
        return None
    return cfb(aes).decryptor().update(encrypted)[2:]
