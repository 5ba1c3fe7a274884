# SPDX-License-Identifier: Apache-2.0
"""Section 3, «Evidence of a TPM»: a quote from its parts, by a key in memory that stands for one in a TPM, and the replay of a boot log."""
from oracle.keys import sha256, uncompressed, verify_octets

SHA256 = b"\0\x0b"
TEMPLATE = bytes.fromhex("0023 000B 00050472 0000 0010 0018 000B 0003 0010")
PCRS = 1 << 8 | 1 << 9
# clock, resets, restarts, safe, firmware, pcrs
PLAIN = [1000, 1, 0, True, 0x2019102300163636, PCRS]


def sized(octets):
    return len(octets).to_bytes(2, "big") + octets


def name(d):
    """Of the key with this point in the template."""
    point = uncompressed(d)
    return SHA256 + sha256(TEMPLATE + sized(point[1:33]) + sized(point[33:]))


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
