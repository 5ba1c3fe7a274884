# SPDX-License-Identifier: Apache-2.0
"""Devices and servers that hold the other side to docs/protocol.md: every message they open is validated against the CDDL and the byte counts of that
page, encoding included, and so is what is inside."""
import os

import wire
from oracle import cddl, checkin, coap, flight

DOC = cddl.Document()
UP, DOWN = 9, 7  # octets of CoAP around a message


class TooLong(AssertionError):
    """A message above the bound of section 6."""


def within(what, octets, *rows, times=()):
    """@octets are at most the sum of these rows of section 6. @times: (row, how often)."""
    bound = sum(DOC.bound(row) for row in rows) + sum(DOC.bound(row) * n for row, n in times)
    if octets > bound:
        raise TooLong(f"{what}: {octets} octets, at most {bound} by section 6")


def judge_m1(message, plain_octets):
    """The values in an M1, with ev."""
    DOC.check_encoded("M1", message)
    plain = DOC.check_encoded("m1-plain", plain_octets)
    ev = DOC.check_encoded("ev", plain[0][2])
    row = "M1 with certificate" if len(plain) == 2 else "M1 by reference, MCIM installed"
    within("M1", UP + len(message), row, *(["failure, tamper, Echo, gate MAC"] if len(ev) == 6 else []))
    return ev


def extras_of(plain):
    return [row for key, row in ((4, "flight key"), (5, "spare ticket")) if key in plain]


def judge_m2(message, plain_octets):
    DOC.check_encoded("M2", message)
    plain = DOC.check_encoded("m2-plain", plain_octets)
    rows = ["M2, MILENAGE"] + extras_of(plain)
    if 1 in plain:
        rows += (["owner's order"] if plain[1][5] else []) + (["M2, TUAK"] if len(plain[1][3]) > 156 else [])
    within("M2", DOWN + len(message), *(rows if 0 not in plain else ["M2, refusal"]))
    return plain


def judge_c1(message, report_octets):
    DOC.check_encoded("C1", message)
    report = DOC.check_encoded("report", report_octets)
    within("C1", UP + len(message), "C1, nothing to report", times=[("install receipt, command receipt", len(report.get(1, ())))])
    return report


def judge_c2(message, plain_octets):
    DOC.check_encoded("C2", message)
    plain = DOC.check_encoded("c2-plain", plain_octets)
    for one in plain.get(1, ()):
        DOC.check_encoded("command", one)
    within("C2", DOWN + len(message), "C2, nothing pending", *extras_of(plain), times=[("command", len(plain.get(1, ())))])
    return plain


class Device(wire.Device):
    """A device that believes its server nothing."""

    def m1(self, *args, **kwargs):
        message = super().m1(*args, **kwargs)
        DOC.check_encoded("M1", message)
        return message

    def open_m2(self, message):
        plain = super().open_m2(message)
        return judge_m2(message, self.plain_octets) and plain

    def c1(self, *args, **kwargs):
        message = super().c1(*args, **kwargs)
        DOC.check_encoded("C1", message)
        return message

    def open_c2(self, message):
        plain = super().open_c2(message)
        return judge_c2(message, self.plain_octets) and plain


class Server(wire.Server):
    """A server that believes its devices nothing. Further flight keys: `keys`, by number."""

    def __init__(self, q=None, number=1):
        super().__init__(q)
        self.keys = {number: self.q}

    def open_m1(self, message):
        self.number = DOC.check_encoded("M1", message)[1]
        self.q = self.keys[self.number]
        plain = super().open_m1(message)
        judge_m1(message, self.plain_octets)
        return plain

    def open_c1(self, message):
        result = super().open_c1(message)
        DOC.check("ticket-plain", self.fields)
        judge_c1(message, self.plain_octets)
        return result

    # Plaintexts that no server would send, under the right keys.

    def m2_of_octets(self, octets):
        f = wire.Key()
        keys = flight.answer_keys_of_server(self, f)
        return wire.dumps([f.uncompressed, wire.seal(keys.k2_prime, f.uncompressed, octets)])

    def m2_ticket(self):
        return checkin.ticket_seal(self.tk_id, self.tk, checkin.ticket_fields(self.ev[0], bytes(16), self.ev[1]))

    def c2_of_octets(self, octets):
        return self.exchange.c2_of_octets(os.urandom(checkin.NONCE_LEN), octets)


class Udp(wire.Udp):
    """A client that holds each answer to the table of section 1. Keeps options of the last answer."""

    def ask(self, path, payload, timeout=None, **kwargs):
        request = wire.coap_request(path, payload, **kwargs)
        answer = self.exchange(request, timeout)
        if answer is None:
            return None
        code, self.options, payload = coap.check_answer(request, answer)
        if code == "4.04" and path == "f":
            within("hint", len(answer), "4.04 with the flight key")
            DOC.check_encoded("flight-key", payload)
        elif code == "4.04" and payload:
            raise AssertionError("4.04 on c with a payload")
        return code, payload
