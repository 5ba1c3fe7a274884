# SPDX-License-Identifier: Apache-2.0
"""Section 2: identities, signed objects, receipts, the sealed subscription."""
import os

from oracle import tpm
from oracle.cbor import decode, encode
from oracle.hpke import hpke_open, hpke_seal
from oracle.keys import Key, hmac_sha256, kdf, sha256, uncompressed, verify

INSTALL, COMMAND = 1, 2
ACTIVATED, SUSPENDED = 1, 2
MILENAGE, TUAK = 1, 2
TPM_PSK_ID = b"samara1 tpm"


# ---- identities ----

def packed(digits, octets):
    """Digits two to an octet, filled up with F."""
    return bytes.fromhex(digits + "f" * (2 * octets - len(digits)))


def unpacked(octets):
    return octets.hex().rstrip("f")


def luhn_sum(digits):
    total = 0
    for i, c in enumerate(reversed(digits)):
        d = int(c) * (1 + i % 2)
        total += d - 9 if d > 9 else d
    return total % 10


def with_luhn(digits):
    return digits + str(-luhn_sum(digits + "0") % 10)


def with_check_digits(digits):
    """An EID from its first 30 digits (ISO 7064 MOD 97-10)."""
    return f"{digits}{98 - int(digits + '00') % 97:02d}"


def eid_holds(eid):
    return eid.hex().isdecimal() and int(eid.hex()) % 97 == 1


def digits_hold(octets, low, high):
    digits = unpacked(octets)
    return low <= len(digits) <= high and digits.isdecimal() and packed(digits, len(octets)) == octets


def iccid_holds(iccid):
    return digits_hold(iccid, 19, 20) and luhn_sum(unpacked(iccid)) == 0


def imsi_holds(imsi):
    return digits_hold(imsi, 6, 15)


def shipment_id(supplier_point, number):
    return sha256(b"samara1 shipment" + supplier_point + number.to_bytes(8, "big"))[:8]


# ---- signed objects ----

def certificate(supplier, eid, d, t, shipment, platform=None):
    return supplier.signed("samara1 certificate", b"", [eid, d, t, shipment] + ([platform] if platform else []))


def flight_key(root, kind, number, q, not_before=1, not_after=2**33):
    return encode(root.signed("samara1 flight-key", b"", [kind, number, q, not_before, not_after]))


def order(owner, serial, operator_point, target):
    return encode(owner.signed("samara1 order", b"", [serial, operator_point, target]))


def command(operator, eid, iccid, serial, state):
    return encode(operator.signed("samara1 cmd", b"", [operator.id, eid, iccid, serial, state]))


def event(pcr, content, name):
    """Of a boot log: what was started or read."""
    return [pcr, sha256(content), name]


def release(supplier, product, number, version, log, lengths=None):
    """@lengths: octets that the digests of the log are over, which matter to samara-boot alone; None: of the form without them."""
    items = [supplier.id, product, number, version, log]
    return encode(supplier.signed("samara1 release", b"", items if lengths is None else [*items, lengths]))


def text_holds(text, most):
    return 0 < len(text.encode()) <= most and not any(ord(c) < 0x20 or 0x7f <= ord(c) < 0xa0 for c in text)


def log_holds(log):
    return len(encode(log)) <= 240 and all(text_holds(name, 32) for _, _, name in log)


def release_holds(signed):
    _, product, number, version, log, *rest = decode(signed[2])
    return number != 0 and text_holds(product, 32) and text_holds(version, 64) and log_holds(log) and all(len(lengths) == len(log) for lengths in rest)


def replay(log):
    """{PCR: value} after the events of a boot log."""
    values = {}
    for pcr, digest, _ in log:
        values[pcr] = sha256(values.get(pcr, bytes(32)) + digest)
    return values


# ---- receipts ----

def install_mac(k, eid, iccid, serial, hash_x, hash_ev):
    return hmac_sha256(kdf(k, "ack-install", length=32), encode([eid, iccid, serial, hash_x, hash_ev]))[:16]


def having(without, **members):
    """An array of the members; @without: those that a mutant of the programs leaves out."""
    return encode([value for name, value in members.items() if name not in without])


def command_mac(k, eid, iccid, serial, state, result, without=()):
    """@without: what the receipts of a mutant lack, of «serial» and «state»."""
    covered = having(without, eid=eid, iccid=iccid, serial=serial, state=state, result=result)
    return hmac_sha256(kdf(k, "ack-cmd", length=32), covered)[:16]


def install_receipt(k, eid, iccid, serial, hash_x, hash_ev):
    return [INSTALL, iccid, serial, 0, install_mac(k, eid, iccid, serial, hash_x, hash_ev)]


def command_receipt(k, eid, iccid, serial, state, result=0):
    return [COMMAND, iccid, serial, result, command_mac(k, eid, iccid, serial, state, result)]


# ---- the sealed subscription ----

def mcim(imsi="001010000000001", k=bytes(range(16)), opc=bytes(range(16, 32)), alg=MILENAGE, interval=3600, res_len=8, keccak=1, delta=0, age=0,
         profile=0):
    return [packed(imsi, 8), alg, k, opc, res_len, keccak, delta, age, interval, profile]


def x_aad(operator_point, eid, iccid, serial, without=()):
    return having(without, operator=operator_point, eid=eid, iccid=iccid, serial=serial)


def w_payload(eid, iccid, serial, x, the_order, without=()):
    return having(without, eid=eid, iccid=iccid, serial=serial, hash_x=sha256(x), order=sha256(the_order) if the_order else None)


def seal_x(t, aad, content, e=None, ek=None, secret=None, name=None):
    """X. @ek: the endorsement key of the TPM that alone opens it. @e, @secret: ephemeral key and pre-shared key, otherwise fresh. @name: of the key that
    the TPM gives the secret out for, otherwise t's."""
    if ek is None:
        return hpke_seal(t, b"samara1 mcim", aad, encode(content), e)
    e, secret = e or Key(), secret or os.urandom(32)
    credential = tpm.credential(ek, name or tpm.name_t(t), secret, e)
    return e.point + credential[4:70] + hpke_seal(t, b"samara1 mcim", aad, encode(content), e, (secret, TPM_PSK_ID))[65:]


def credential_of(x):
    """What the TPM is shown."""
    point = uncompressed(x[:33])
    return bytes.fromhex("00440020") + x[33:99] + bytes.fromhex("00440020") + point[1:33] + b"\0\x20" + point[33:]


def sealed_in(x):
    """What HPKE opens: enc | ciphertext."""
    return x if x[0] == 4 else uncompressed(x[:33]) + x[99:]


def open_x(t, aad, x, ek=None):
    """The octets in it, opened by t and the endorsement key, Keys both. Raises InvalidTag; ValueError: the TPM gives nothing out."""
    if x[0] == 4:
        return hpke_open(t, b"samara1 mcim", aad, x)
    secret = tpm.activate(ek, tpm.name_t(t.point), credential_of(x))
    if secret is None:
        raise ValueError("a credential for another TPM or another key")
    return hpke_open(t, b"samara1 mcim", aad, sealed_in(x), (secret, TPM_PSK_ID))


def package(operator, t, eid, iccid, serial, content, the_order=None, eid_in_x=None, eid_in_w=None, without=(), e=None, **tpm_of_t):
    """A sealed subscription; eid_in_x and eid_in_w let an attacker state another EID. @without: what the W and X of a mutant lack, of «operator»,
    «eid», «hash_x» and «order». @e: ephemeral key of X, otherwise fresh. @tpm_of_t: the rest of seal_x."""
    x = seal_x(t, x_aad(operator.point, eid_in_x or eid, iccid, serial, without), content, e, **tpm_of_t)
    w = operator.sign("samara1 mcim", b"", w_payload(eid_in_w or eid, iccid, serial, x, the_order, without))
    return [operator.id, iccid, serial, x, w, the_order]


def open_package(packed_subscription, t, operator_point, eid, ek=None):
    """The mcim in it, after W has been verified as a TRE does; raises ValueError or InvalidTag."""
    operator_id, iccid, serial, x, w, the_order = packed_subscription
    if operator_id != sha256(operator_point)[:8]:
        raise ValueError("another operator's package")
    if not verify(operator_point, "samara1 mcim", b"", w_payload(eid, iccid, serial, x, the_order), w):
        raise ValueError("W does not hold")
    return decode(open_x(t, x_aad(operator_point, eid, iccid, serial), x, ek))
