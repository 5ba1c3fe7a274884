# SPDX-License-Identifier: Apache-2.0
"""Attackers and counterparts on the wire: a device and a server that obey no rule, over the second implementation of the protocol in tests/oracle,
whose names are all here too."""
import os
import socket
import sys

import cbor2

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from oracle import checkin, coap, flight, tpm  # noqa: E402
from oracle.cbor import array_head, decode, encode  # noqa: E402,F401
from oracle.checkin import ticket_open, ticket_seal  # noqa: E402,F401
from oracle.hpke import KEM, SUITE, hpke_open, hpke_schedule, hpke_seal, labeled_expand, labeled_extract  # noqa: E402,F401
from oracle.keys import (CURVE, PROTECTED, ZERO, Key, be32, compress, expand, extract, kdf, load_point, seal, sha256,  # noqa: E402,F401
                         sig_structure, uncompressed, unseal, verify)
from oracle.objects import (certificate, command, command_mac, event, flight_key, install_mac, mcim, order, package, packed,  # noqa: E402,F401
                            release, shipment_id, with_luhn)


def dumps(value):
    """CBOR, also of values that the protocol does not have."""
    return cbor2.dumps(value, canonical=True)


def loads(encoded):
    return cbor2.loads(encoded)


def encode_claims(ev):
    """The encoded claims of [EID, ctr, measurement, freshness, have(, extra)]."""
    return encode(flight.claims(ev))


# ---- tickets, check-ins, flights ----

class Device:
    """Whoever holds a device's d: builds requests, opens answers."""

    def __init__(self, eid, d, measurement):
        self.eid, self.d, self.measurement, self.ctr = eid, d, measurement, 0
        self.lineage = 0  # the flight that gave it its ticket; said with a TPM
        self.quote = None  # of a device with a TPM: what it adds (oracle/tpm.py)
        self.rk = self.ticket = None

    def m1(self, q, number, ctr=None, cert=None, have=None, extra=None, eid=None, measurement=None, signer=None, e=None, evidence=None,
           bound=True, freshness=None, extra_data=None, log=None):
        """@log: the boot log that is shown. @evidence: a signed one, somebody's, as it is. @bound: the signature covers E and Q. @extra_data: what is quoted instead of hash(ev)."""
        self.ctr = ctr if ctr is not None else self.ctr + 1
        extra = {**(extra or {}), 3: self.lineage} if self.quote and self.lineage else extra
        self.asked = self.ctr
        ev = [eid or self.eid, self.ctr, measurement or self.measurement, freshness, have] + ([extra] if extra else [])
        quote = self.quote and [self.quote[0] + self.ctr, *self.quote[1:]]  # its clock goes on
        request = flight.Request(q, number, ev, signer or self.d, cert, e, evidence, bound, quote, extra_data, log)
        self.e, self.q, self.dh_eq, self.evidence = request.e, request.q, request.dh_eq, request.evidence
        self.hash_m1, self.hash_ev = request.hash_m1, request.hash_ev
        return request.message

    def open_m2(self, message):
        """The map in M2; keeps ticket and rk."""
        plain, self.plain_octets, rk = flight.open_m2(self, message)
        if 2 in plain:
            self.ticket, self.rk, self.lineage = plain[2], rk, self.asked
        return plain

    def c1(self, ctr=None, report=None, ticket=None, rk=None):
        self.ctr = ctr if ctr is not None else self.ctr + 1
        rk = rk or self.rk
        message = checkin.c1(rk, ticket or self.ticket, self.ctr, report or {2: 0})
        self.exchange = checkin.Exchange(rk, message)
        return message

    def open_c2(self, message):
        """The map in C2; keeps ticket and rk, and the spare ones if there are any."""
        plain, self.plain_octets = self.exchange.open_c2(message)
        rk, spare_rk = self.exchange.next_rks(decode(message)[0])
        if 2 in plain:
            self.ticket, self.rk = plain[2], rk
        if 5 in plain:
            self.spare_ticket, self.spare_rk = plain[5], spare_rk
        return plain


class Server:
    """Whoever holds a flight key: opens requests, builds answers. No rules at all. @without: what the check-ins of a mutant lack, of «hash»
    (hash(C1) in the response key), «ctr» (in the request's nonce), «mask», «spare» (the spare's own key) and «alone» (16 octets follow C1)."""

    def __init__(self, q=None):
        self.q, self.tk, self.tk_id, self.without = q or Key(), os.urandom(16), 7, ()

    def open_m1(self, message):
        """Evidence and certificate, unverified."""
        opened = flight.Opened(self.q, message)
        self.e, self.dh_eq, self.hash_m1 = opened.e, opened.dh_eq, opened.hash_m1
        self.evidence, self.ev, self.hash_ev, self.plain_octets = opened.evidence, opened.ev, opened.hash_ev, opened.octets
        self.log = opened.plain[2] if len(opened.plain) == 3 else None
        return opened.plain

    def evidence_holds(self, d):
        return verify(d, flight.EVIDENCE, self.e + self.q.point, self.evidence[2], self.evidence[3])

    def evidence_quoted(self, d):
        payload, numbers, sig = self.evidence
        return tpm.holds(d, numbers, self.hash_ev, self.ev[2], sig)

    def m2(self, content, with_ticket=True):
        f = Key()
        keys = flight.answer_keys_of_server(self, f)
        if with_ticket and 0 not in content:
            content = {**content, 2: ticket_seal(self.tk_id, self.tk, checkin.ticket_fields(self.ev[0], keys.rk, self.ev[1]))}
        return flight.m2(keys, f, content)

    def open_c1(self, message):
        message = message[:-16] if "alone" in self.without else message
        self.fields = ticket_open(self.tk, decode(message)[0])
        rk = self.fields[1]
        number, self.report, self.plain_octets = checkin.open_c1(rk, message, self.without)
        self.exchange = checkin.Exchange(rk, message, self.without)
        return number, self.report

    def c2(self, content, spare=False):
        r = os.urandom(checkin.NONCE_LEN)
        rk, spare_rk = self.exchange.next_rks(r)
        if 0 not in content:
            content = {**content, 2: self.renewed(rk)}
        if spare:
            content[5] = self.renewed(spare_rk)
        return self.exchange.c2(r, content)

    def renewed(self, rk):
        """The ticket of this check-in with another rk."""
        return ticket_seal(self.tk_id, self.tk, [self.fields[0], rk, *self.fields[2:]])


# ---- CoAP ----

coap_request = coap.request


def coap_answer(datagram):
    """(code as text, payload) of an answer."""
    _, code, _, _, _, payload = coap.parse(datagram)
    return code, payload


class Udp:
    """A client's socket to the real server."""

    def __init__(self, port, timeout=2.0, source=None):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        if source:
            self.socket.bind((source, 0))
        self.socket.settimeout(timeout)
        self.socket.connect(("127.0.0.1", port))

    def ask(self, path, payload, timeout=None, **kwargs):
        """(code, payload), or None when nobody answers."""
        return self.ask_raw(coap_request(path, payload, **kwargs), timeout)

    def ask_echo(self, path, payload, **kwargs):
        """The Echo that the server demands for this request, and how many octets its demand has."""
        datagram = self.exchange(coap_request(path, payload, **kwargs))
        _, code, _, _, options, rest = coap.parse(datagram)
        assert (code, set(options), rest) == ("4.01", {coap.ECHO}, b""), code
        return options[coap.ECHO], len(datagram)

    def ask_raw(self, datagram, timeout=None):
        answer = self.exchange(datagram, timeout)
        return answer and coap_answer(answer)

    def exchange(self, datagram, timeout=None):
        """The datagram that answers, or None."""
        if timeout:
            self.socket.settimeout(timeout)
        self.socket.send(datagram)
        try:
            return self.socket.recv(2048)
        except (TimeoutError, socket.timeout):
            return None

    def close(self):
        self.socket.close()
