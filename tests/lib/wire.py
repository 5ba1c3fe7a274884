# SPDX-License-Identifier: Apache-2.0
"""The protocol a second time, in Python, from docs/protocol.md alone: for attackers, and as an oracle that shares no code with ours."""
import hashlib
import hmac
import os
import socket
import struct

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CURVE = ec.SECP256R1()
ZERO = bytes(12)
PROTECTED = bytes.fromhex("a10126")


def dumps(value):
    return cbor2.dumps(value, canonical=True)


def loads(encoded):
    return cbor2.loads(encoded)


def sha256(data):
    return hashlib.sha256(data).digest()


def packed(digits, octets):
    """Digits two to an octet, filled up with F."""
    return bytes.fromhex(digits + "f" * (2 * octets - len(digits)))


# ---- keys ----

class Key:
    """A P-256 private key."""

    def __init__(self, private=None):
        self.private = private or ec.generate_private_key(CURVE)
        numbers = self.private.public_key().public_numbers()
        self.uncompressed = b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
        self.point = compress(self.uncompressed)
        self.id = sha256(self.point)[:8]

    @staticmethod
    def from_scalar(scalar):
        return Key(ec.derive_private_key(int.from_bytes(scalar, "big"), CURVE))

    def scalar(self):
        return self.private.private_numbers().private_value.to_bytes(32, "big")

    def dh(self, point):
        return self.private.exchange(ec.ECDH(), load_point(point))

    def sign(self, label, extra, payload):
        r, s = decode_dss_signature(self.private.sign(sig_structure(label, extra, payload), ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def signed(self, label, extra, value):
        payload = dumps(value)
        return [PROTECTED, {}, payload, self.sign(label, extra, payload)]


def compress(uncompressed):
    return bytes([2 + (uncompressed[64] & 1)]) + uncompressed[1:33]


def load_point(point):
    return ec.EllipticCurvePublicKey.from_encoded_point(CURVE, point)


def sig_structure(label, extra, payload):
    return dumps(["Signature1", PROTECTED, label.encode() + b"\0" + extra, payload])


def verify(point, label, extra, payload, sig):
    """True if it holds."""
    der = encode_dss_signature(int.from_bytes(sig[:32], "big"), int.from_bytes(sig[32:], "big"))
    try:
        load_point(point).verify(der, sig_structure(label, extra, payload), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def extract(salt, ikm):
    return hmac.new(salt or bytes(32), ikm, hashlib.sha256).digest()


def expand(prk, info, length):
    out, block, i = b"", b"", 1
    while len(out) < length:
        block = hmac.new(prk, block + info + bytes([i]), hashlib.sha256).digest()
        out, i = out + block, i + 1
    return out[:length]


def kdf(secret, label, context=b"", length=16):
    return expand(secret, b"samara1 " + label.encode() + b"\0" + context, length)


def seal(key, ad, plain):
    return AESGCM(key).encrypt(ZERO, plain, ad)


def unseal(key, ad, sealed):
    """Raises InvalidTag."""
    return AESGCM(key).decrypt(ZERO, sealed, ad)


# ---- HPKE (RFC 9180), base mode, 0x0010 0x0001 0x0001 ----

KEM = b"KEM\x00\x10"
SUITE = b"HPKE\x00\x10\x00\x01\x00\x01"


def labeled_extract(suite, salt, label, ikm):
    return extract(salt, b"HPKE-v1" + suite + label + ikm)


def labeled_expand(suite, prk, label, info, length):
    return expand(prk, struct.pack(">H", length) + b"HPKE-v1" + suite + label + info, length)


def hpke_schedule(dh, enc, receiver, info):
    secret = labeled_expand(KEM, labeled_extract(KEM, b"", b"eae_prk", dh), b"shared_secret", enc + receiver, 32)
    context = b"\0" + labeled_extract(SUITE, b"", b"psk_id_hash", b"") + labeled_extract(SUITE, b"", b"info_hash", info)
    prk = labeled_extract(SUITE, secret, b"secret", b"")
    return labeled_expand(SUITE, prk, b"key", context, 16), labeled_expand(SUITE, prk, b"base_nonce", context, 12)


def uncompressed(point):
    numbers = load_point(point).public_numbers()
    return b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


def hpke_seal(to, info, aad, plain):
    e = Key()
    key, nonce = hpke_schedule(e.dh(to), e.uncompressed, uncompressed(to), info)
    return e.uncompressed + AESGCM(key).encrypt(nonce, plain, aad)


def hpke_open(own, info, aad, sealed):
    key, nonce = hpke_schedule(own.dh(sealed[:65]), sealed[:65], own.uncompressed, info)
    return AESGCM(key).decrypt(nonce, sealed[65:], aad)


# ---- objects ----

def certificate(supplier, eid, d, t, shipment):
    return supplier.signed("samara1 certificate", b"", [eid, d, t, shipment])


def flight_key(root, kind, number, q, not_before=1, not_after=2**33):
    return dumps(root.signed("samara1 flight-key", b"", [kind, number, q, not_before, not_after]))


def order(owner, serial, operator_point, target):
    return dumps(owner.signed("samara1 order", b"", [serial, operator_point, target]))


def command(operator, eid, iccid, serial, state):
    return dumps(operator.signed("samara1 cmd", b"", [operator.id, eid, iccid, serial, state]))


def mcim(imsi="001010000000001", k=bytes(range(16)), opc=bytes(range(16, 32)), alg=1, interval=3600):
    return [packed(imsi, 8), alg, k, opc, 8, 1, 0, 0, interval, 0]


def package(operator, t, eid, iccid, serial, content, the_order=None, eid_in_x=None, eid_in_w=None, without=()):
    """A sealed subscription; eid_in_x and eid_in_w let an attacker state another EID. @without: what the W and X of a mutant lack, of «operator»,
    «eid», «hash_x» and «order»."""
    def having(**members):
        return dumps([value for name, value in members.items() if name not in without])
    x = hpke_seal(t, b"samara1 mcim", having(operator=operator.point, eid=eid_in_x or eid, iccid=iccid, serial=serial), dumps(content))
    w = operator.sign("samara1 mcim", b"", having(eid=eid_in_w or eid, iccid=iccid, serial=serial, hash_x=sha256(x),
                                                  order=sha256(the_order) if the_order else None))
    return [operator.id, iccid, serial, x, w, the_order]


def install_mac(k, eid, iccid, serial, hash_x, hash_ev):
    return hmac.new(kdf(k, "ack-install", length=32), dumps([eid, iccid, serial, hash_x, hash_ev]), hashlib.sha256).digest()[:16]


def command_mac(k, eid, iccid, serial, state, result, without=()):
    """@without: what the receipts of a mutant lack, of «serial» and «state»."""
    members = {"eid": eid, "iccid": iccid, "serial": serial, "state": state, "result": result}
    covered = dumps([value for name, value in members.items() if name not in without])
    return hmac.new(kdf(k, "ack-cmd", length=32), covered, hashlib.sha256).digest()[:16]


# ---- tickets, check-ins, flights ----

def ticket_seal(tk_id, tk, fields):
    head = struct.pack(">I", tk_id) + os.urandom(16)
    return head + seal(kdf(tk, "ticket", head[4:]), head, dumps(fields))


def ticket_open(tk, ticket):
    return cbor2.loads(unseal(kdf(tk, "ticket", ticket[4:20]), ticket[:20], ticket[20:]))


def array_head(items):
    """The encoding of an array up to its last item, which is left out."""
    encoded = dumps(items)
    return encoded[:len(encoded) - len(dumps(items[-1]))]


class Device:
    """Whoever holds a device's d: builds requests, opens answers."""

    def __init__(self, eid, d, measurement):
        self.eid, self.d, self.measurement, self.ctr = eid, d, measurement, 0
        self.rk = self.ticket = None

    def m1(self, q, number, ctr=None, cert=None, have=None, extra=None, eid=None, measurement=None, signer=None, e=None, evidence=None,
           bound=True):
        """@evidence: a signed one, somebody's, as it is. @bound: the signature covers E and Q."""
        self.ctr = ctr if ctr is not None else self.ctr + 1
        self.e, self.q = e or Key(), compress(uncompressed(q))
        ev = [eid or self.eid, self.ctr, measurement or self.measurement, None, have] + ([extra] if extra else [])
        evidence = evidence or (signer or self.d).signed("samara1 ev", self.e.point + self.q if bound else b"", ev)
        self.evidence, self.dh_eq = evidence, self.e.dh(q)
        k1 = kdf(extract(b"samara1 flight", self.dh_eq), "k1", self.e.point + self.q)
        head = array_head([1, number, self.e.point, b""])
        sealed = seal(k1, head, dumps([evidence] + ([cert] if cert else [])))
        message = head + dumps(sealed)
        self.hash_m1, self.hash_ev = sha256(message), sha256(sig_structure("samara1 ev", self.e.point + self.q, evidence[2]))
        return message

    def open_m2(self, message):
        """The map in M2; keeps ticket and rk."""
        f, sealed = cbor2.loads(message)
        k2 = extract(self.hash_m1, self.dh_eq + self.e.dh(f))
        plain = cbor2.loads(unseal(kdf(k2, "m2", compress(f)), f, sealed))
        if 2 in plain:
            self.ticket, self.rk = plain[2], kdf(k2, "rk", compress(f))
        return plain

    def c1(self, ctr=None, report=None, ticket=None, rk=None):
        self.ctr = ctr if ctr is not None else self.ctr + 1
        rk, ticket = rk or self.rk, ticket or self.ticket
        number = struct.pack(">I", self.ctr)
        masked = bytes(a ^ b for a, b in zip(number, kdf(rk, "mask", length=4)))
        head = array_head([ticket, masked, b""])
        message = head + dumps(seal(kdf(rk, "req", number), head, dumps(report or {2: 0})))
        self.resp, self.next = kdf(rk, "resp", sha256(message), 32), kdf(rk, "next", length=32)
        return message

    def open_c2(self, message):
        r, sealed = cbor2.loads(message)
        plain = cbor2.loads(unseal(kdf(self.resp, "c2", r), r, sealed))
        if 2 in plain:
            self.ticket, self.rk = plain[2], kdf(self.next, "rk", r)
        return plain


class Server:
    """Whoever holds a flight key: opens requests, builds answers. No rules at all. @without: what the check-ins of a mutant lack, of «hash»
    (hash(C1) in resp), «ctr» (in the request key), «mask», «spare» (the spare's own label) and «alone» (16 octets follow C1)."""

    def __init__(self, q=None):
        self.q, self.tk, self.tk_id, self.without = q or Key(), os.urandom(16), 7, ()

    def open_m1(self, message):
        """Evidence and certificate, unverified."""
        _, _, e, sealed = cbor2.loads(message)
        self.e, self.dh_eq, self.hash_m1 = e, self.q.dh(e), sha256(message)
        k1 = kdf(extract(b"samara1 flight", self.dh_eq), "k1", e + self.q.point)
        head = message[:len(message) - len(dumps(sealed))]
        plain = cbor2.loads(unseal(k1, head, sealed))
        self.evidence, self.ev = plain[0], cbor2.loads(plain[0][2])
        self.hash_ev = sha256(sig_structure("samara1 ev", e + self.q.point, plain[0][2]))
        return plain

    def evidence_holds(self, d):
        return verify(d, "samara1 ev", self.e + self.q.point, self.evidence[2], self.evidence[3])

    def m2(self, content, with_ticket=True):
        f = Key()
        k2 = extract(self.hash_m1, self.dh_eq + f.dh(self.e))
        if with_ticket and 0 not in content:
            fields = [self.ev[0], kdf(k2, "rk", f.point), struct.pack(">I", self.ev[1]), struct.pack(">I", 1), bytes(4), bytes(8), bytes(4), 0]
            content = {**content, 2: ticket_seal(self.tk_id, self.tk, fields)}
        return dumps([f.uncompressed, seal(kdf(k2, "m2", f.point), f.uncompressed, dumps(content))])

    def open_c1(self, message):
        message = message[:-16] if "alone" in self.without else message
        ticket, masked, sealed = cbor2.loads(message)
        self.fields = ticket_open(self.tk, ticket)
        rk = self.fields[1]
        number = masked if "mask" in self.without else bytes(a ^ b for a, b in zip(masked, kdf(rk, "mask", length=4)))
        head = message[:len(message) - len(dumps(sealed))]
        self.report = cbor2.loads(unseal(kdf(rk, "req", b"" if "ctr" in self.without else number), head, sealed))
        self.resp = kdf(rk, "resp", b"" if "hash" in self.without else sha256(message), 32)
        self.next = kdf(rk, "next", length=32)
        return struct.unpack(">I", number)[0], self.report

    def c2(self, content, spare=False):
        r = os.urandom(16)
        if 0 not in content:
            content = {**content, 2: self.next_ticket("rk", r)}
        if spare:
            content[5] = self.next_ticket("rk" if "spare" in self.without else "spare", r)
        return dumps([r, seal(kdf(self.resp, "c2", r), r, dumps(content))])

    def next_ticket(self, label, r):
        return ticket_seal(self.tk_id, self.tk, [self.fields[0], kdf(self.next, label, r), *self.fields[2:]])


# ---- CoAP ----

def coap_request(path, payload, message_id=None, token=b"\x12\x34", confirmable=True):
    message_id = message_id if message_id is not None else int.from_bytes(os.urandom(2), "big")
    return bytes([0x40 | (0 if confirmable else 0x10) | len(token), 2]) + struct.pack(">H", message_id) + token + \
        b"\xb1" + path.encode() + b"\xff" + payload


def coap_answer(datagram):
    """(code as text, payload) of an answer."""
    at = 4 + (datagram[0] & 15)
    while at < len(datagram) and datagram[at] != 0xFF:
        length, at = datagram[at] & 15, at + 1 + (1 if datagram[at] >> 4 == 13 else 0)
        if length == 13:
            length, at = datagram[at] + 13, at + 1
        at += length
    return f"{datagram[1] >> 5}.{datagram[1] & 31:02d}", datagram[at + 1:]


class Udp:
    """A client's socket to the real server."""

    def __init__(self, port, timeout=2.0):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(timeout)
        self.socket.connect(("127.0.0.1", port))

    def ask(self, path, payload, timeout=None, **kwargs):
        """(code, payload), or None when nobody answers."""
        return self.ask_raw(coap_request(path, payload, **kwargs), timeout)

    def ask_raw(self, datagram, timeout=None):
        if timeout:
            self.socket.settimeout(timeout)
        self.socket.send(datagram)
        try:
            return coap_answer(self.socket.recv(2048))
        except (TimeoutError, socket.timeout):
            return None

    def close(self):
        self.socket.close()
