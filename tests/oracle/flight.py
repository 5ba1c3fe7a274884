# SPDX-License-Identifier: Apache-2.0
"""Section 3: the flight, both sides. Every intermediate value is an attribute, for tests and for the annotated examples."""
import hmac

from oracle.cbor import array_head, decode, encode
from oracle import tpm
from oracle.keys import Key, compress, extract, kdf, seal, sha256, sig_structure, unseal

EVIDENCE = "samara1 ev"
NONCE, UEID, SAMARA = 10, 256, -65537


def claims(ev):
    """The EAT claims of [EID, ctr, measurement, freshness, have(, extra)], freshness None, [1, number, value] or [2, value]."""
    eid, ctr, measurement, freshness, have, *extra = ev
    own = [ctr, measurement, freshness and freshness[:-1], have, *extra]
    return {**({NONCE: freshness[-1]} if freshness else {}), UEID: b"\1" + eid, SAMARA: own}


def fields(found):
    """[EID, ctr, measurement, freshness, have(, extra)] of claims."""
    ctr, measurement, kind, have, *extra = found[SAMARA]
    return [found[UEID][1:], ctr, measurement, kind and [*kind, found[NONCE]], have, *extra]


def k1_of(dh_eq, e_point, q_point):
    return kdf(extract(b"samara1 flight", dh_eq), "k1", e_point + q_point)


def hash_of(points, encoded_ev):
    """hash(ev)"""
    return sha256(sig_structure(EVIDENCE, points, encoded_ev))


def quoted(d, points, ev, numbers, extra=None):
    """Evidence of a TPM. @numbers: what it adds. @extra: what is quoted instead of hash(ev), by an attacker."""
    payload = encode(claims(ev))
    return [payload, numbers, tpm.quote(d, numbers, extra or hash_of(points, payload), ev[2])]


def ev_of(evidence):
    """The encoded claims in evidence, signed or quoted."""
    return evidence[2] if len(evidence) == 4 else evidence[0]


class Request:
    """An M1 that was built by a device: keeps what opens the answer. @quote: what a TPM adds; None: software keys. For attackers: @evidence: a signed
    one, somebody's, as it is; @bound: the signature covers E and Q; @extra: what is quoted. @log: the boot log that is shown."""

    def __init__(self, q, number, ev, signer, cert=None, e=None, evidence=None, bound=True, quote=None, extra=None, log=None):
        self.e, self.q = e or Key(), q if len(q) == 33 else compress(q)
        points = self.e.point + self.q if bound else b""
        self.evidence = evidence or (quoted(signer, points, ev, quote, extra) if quote else signer.signed(EVIDENCE, points, claims(ev)))
        self.hash_ev = hash_of(self.e.point + self.q, ev_of(self.evidence))
        self.plain = encode([self.evidence] + ([cert] if cert or log else []) + ([log] if log else []))
        self.dh_eq = self.e.dh(q)
        self.k1 = k1_of(self.dh_eq, self.e.point, self.q)
        self.head = array_head([1, number, self.e.point, b""])
        self.message = self.head + encode(seal(self.k1, self.head, self.plain))
        self.hash_m1 = sha256(self.message)


class Opened:
    """An M1 that was opened by a server, with signatures unverified."""

    def __init__(self, q, message):
        _, self.number, self.e, sealed = decode(message)
        self.q, self.dh_eq, self.hash_m1 = q.point, q.dh(self.e), sha256(message)
        self.head = message[:len(message) - len(encode(sealed))]
        self.octets = unseal(k1_of(self.dh_eq, self.e, q.point), self.head, sealed)
        self.plain = decode(self.octets)
        self.evidence, self.ev = self.plain[0], fields(decode(ev_of(self.plain[0])))
        self.hash_ev = hash_of(self.e + q.point, ev_of(self.evidence))


class AnswerKeys:
    """k2 and what follows from it, for whoever has e·Q and e·F."""

    def __init__(self, hash_m1, dh_eq, dh_ef, f_point):
        self.k2 = extract(hash_m1, dh_eq + dh_ef)
        self.k2_prime, self.rk = kdf(self.k2, "m2", f_point), kdf(self.k2, "rk", f_point)


def answer_keys_of_device(request, f):
    return AnswerKeys(request.hash_m1, request.dh_eq, request.e.dh(f), compress(f))


def answer_keys_of_server(opened, f):
    return AnswerKeys(opened.hash_m1, opened.dh_eq, f.dh(opened.e), f.point)


def m2(keys, f, content):
    return encode([f.uncompressed, seal(keys.k2_prime, f.uncompressed, encode(content))])


def open_m2(request, message):
    """(the map in M2, its octets, rk)"""
    f, sealed = decode(message)
    keys = answer_keys_of_device(request, f)
    octets = unseal(keys.k2_prime, f, sealed)
    return decode(octets), octets, keys.rk


def gate_mac(gate_key, hash_m1):
    """Section 1, «Under attack»: what follows M1 when it is demanded."""
    return hmac.digest(kdf(gate_key, "gate", length=32), hash_m1, "sha256")[:12]
