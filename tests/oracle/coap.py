# SPDX-License-Identifier: Apache-2.0
"""CoAP (RFC 7252) as section 1 uses it: requests, and a reader of answers that accepts no more than the protocol has."""
import os
import struct

MAX_AGE, ECHO = 14, 252


def request(path, payload, message_id=None, token=b"\x12\x34", confirmable=True, echo=None):
    message_id = message_id if message_id is not None else int.from_bytes(os.urandom(2), "big")
    options = b"\xb1" + path.encode()
    if echo is not None:  # 252 - 11 = 241 = 13 + 228
        options += bytes([0xD0 | len(echo), 228]) + echo
    return bytes([0x40 | (0 if confirmable else 0x10) | len(token), 2]) + struct.pack(">H", message_id) + token + options + b"\xff" + payload


def option_value(nibble, data, at):
    if nibble < 13:
        return nibble, at
    if nibble == 13:
        return data[at] + 13, at + 1
    if nibble == 14:
        return int.from_bytes(data[at:at + 2], "big") + 269, at + 2
    raise ValueError("reserved option nibble")


def parse(datagram):
    """(type, code, message id, token, {option: value}, payload)"""
    if len(datagram) < 4 or datagram[0] >> 6 != 1 or datagram[0] & 15 > 8:
        raise ValueError("not CoAP")
    at, number, options = 4 + (datagram[0] & 15), 0, {}
    token = datagram[4:at]
    while at < len(datagram) and datagram[at] != 0xFF:
        first, at = datagram[at], at + 1
        delta, at = option_value(first >> 4, datagram, at)
        length, at = option_value(first & 15, datagram, at)
        number += delta
        options[number], at = datagram[at:at + length], at + length
    if at > len(datagram) or at == len(datagram) - 1:
        raise ValueError("cut off, or a marker before nothing")
    code = f"{datagram[1] >> 5}.{datagram[1] & 31:02d}"
    return datagram[0] >> 4 & 3, code, struct.unpack(">H", datagram[2:4])[0], token, options, datagram[at + 1:]


def check_answer(request_octets, answer):
    """(code, options, payload) of an answer to that request; raises ValueError where it breaks a rule of the table in section 1."""
    kind, code, message_id, token, options, payload = parse(answer)
    confirmable = request_octets[0] >> 4 & 3 == 0
    if kind != (2 if confirmable else 1) or token != parse(request_octets)[3]:
        raise ValueError("neither piggy-backed nor non-confirmable as asked, or another token")
    if confirmable and message_id != parse(request_octets)[2]:
        raise ValueError("another message id")
    allowed = {"2.04": set(), "4.04": set(), "4.01": {ECHO}, "5.03": {MAX_AGE}}
    if code not in allowed or set(options) != allowed[code]:
        raise ValueError(f"{code} with options {sorted(options)}")
    if code in ("4.01", "5.03") and payload:
        raise ValueError(f"{code} with a payload")
    if len(options.get(ECHO, bytes(8))) != 8:
        raise ValueError("an Echo of another length than 8")
    return code, options, payload
