# SPDX-License-Identifier: Apache-2.0
"""As much of GSUP as a test needs to ask an osmo-hlr for vectors: IPA framing (16-bit length, one octet for the protocol), the identity
handshake of its control protocol, Send Authentication Info."""
import socket
import struct

CCM, OSMO = 0xFE, 0xEE
EXTENSION_GSUP = 5
PING, PONG, ID_GET, ID_RESPONSE = 0, 1, 4, 5
SEND_AUTH_INFO_REQUEST, SEND_AUTH_INFO_RESULT = 0x08, 0x0A
IE_IMSI, IE_CAUSE, IE_TUPLE = 0x01, 0x02, 0x03
IN_TUPLE = {0x20: "rand", 0x21: "sres", 0x22: "kc", 0x23: "ik", 0x24: "ck", 0x25: "autn", 0x27: "res"}


def bcd(digits):
    """Two digits an octet, the first one low; an odd number of digits ends in F."""
    digits += "f" * (len(digits) % 2)
    return bytes(int(digits[i + 1] + digits[i], 16) for i in range(0, len(digits), 2))


def elements(octets):
    while octets:
        tag, length = octets[0], octets[1]
        yield tag, octets[2:2 + length]
        octets = octets[2 + length:]


class Refused(Exception):
    """The HLR's cause."""


class Client:
    """One connection to an HLR, as a VLR of this name would make."""

    def __init__(self, port=4222, name="VLR-00-00-00-00-00-01", timeout=20):
        self.name = name
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.handshake()

    def close(self):
        self.socket.close()

    def send(self, protocol, payload):
        self.socket.sendall(struct.pack(">HB", len(payload), protocol) + payload)

    def exactly(self, count):
        octets = b""
        while len(octets) < count:
            more = self.socket.recv(count - len(octets))
            if not more:
                raise ConnectionError("the HLR closed the connection")
            octets += more
        return octets

    def receive(self):
        length, protocol = struct.unpack(">HB", self.exactly(3))
        return protocol, self.exactly(length)

    def control(self, payload):
        """The control protocol of IPA: who asks is answered. Returns whether that was the question for our identity."""
        if payload[0] == PING:
            self.send(CCM, bytes([PONG]))
        if payload[0] != ID_GET:
            return False
        # Tags 0 to 8: serial number (by which the HLR knows us) to unit id.
        values = [self.name if tag == 0 else f"test-{tag}" for tag in range(9)]
        self.send(CCM, bytes([ID_RESPONSE]) + b"".join(struct.pack(">HB", len(v) + 2, tag) + v.encode() + b"\0" for tag, v in enumerate(values)))
        return True

    def handshake(self):
        while True:
            protocol, payload = self.receive()
            if protocol == CCM and self.control(payload):
                return

    def ask(self, message):
        self.send(OSMO, bytes([EXTENSION_GSUP]) + message)
        while True:
            protocol, payload = self.receive()
            if protocol == CCM:
                self.control(payload)
            elif protocol == OSMO and payload[0] == EXTENSION_GSUP:
                return payload[1:]

    def vectors(self, imsi):
        """What Send Authentication Info gives: a list of {rand, autn, ck, ik, res, …}."""
        number = bcd(imsi)
        answer = self.ask(bytes([SEND_AUTH_INFO_REQUEST, IE_IMSI, len(number)]) + number)
        fields = list(elements(answer[1:]))
        if answer[0] != SEND_AUTH_INFO_RESULT:
            raise Refused([v.hex() for tag, v in fields if tag == IE_CAUSE])
        return [{IN_TUPLE.get(tag, tag): v for tag, v in elements(value)} for tag, value in fields if tag == IE_TUPLE]
