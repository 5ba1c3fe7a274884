# SPDX-License-Identifier: Apache-2.0
"""What went over the wire: a capture by tcpdump on loopback, and the exchanges in it, counted by looking at the datagrams alone."""
import os
import signal
import struct
import subprocess
import time


class Capture:
    """tcpdump on the server's port while the context is open."""

    def __init__(self, path, port):
        self.path, self.port = path, port

    def __enter__(self):
        self.child = subprocess.Popen(["tcpdump", "-i", "lo", "-U", "-n", "-B", "8192", "-w", self.path, f"udp port {self.port}"],
                                      stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
        line = self.child.stderr.readline()
        while line and b"listening on" not in line:
            line = self.child.stderr.readline()
        if not line:
            raise RuntimeError("tcpdump does not capture on lo")
        return self

    def stop(self):
        if self.child.poll() is None:
            time.sleep(0.3)
            self.child.send_signal(signal.SIGINT)
            self.child.communicate(timeout=10)

    def __exit__(self, *_):
        self.stop()

    def datagrams(self):
        """(time, source ip, source port, destination ip, destination port, UDP payload) of each datagram."""
        return list(read_pcap(self.path))


def read_pcap(path):
    with open(path, "rb") as f:
        head = f.read(24)
        if len(head) < 24 or head[:4] != b"\xd4\xc3\xb2\xa1":
            raise ValueError(f"{path} is no capture of this machine's order")
        link = struct.unpack("<I", head[20:24])[0]
        if link != 1:
            raise ValueError(f"link type {link} is not Ethernet")
        while True:
            record = f.read(16)
            if len(record) < 16:
                return
            seconds, micros, kept, _ = struct.unpack("<IIII", record)
            frame = f.read(kept)
            datagram = parse_frame(frame)
            if datagram:
                yield (seconds + micros / 1e6, *datagram)


def parse_frame(frame):
    if len(frame) < 42 or frame[12:14] != b"\x08\x00" or frame[23] != 17:
        return None
    ip = frame[14:]
    start = (ip[0] & 15) * 4
    source, target, length = struct.unpack(">HHH", ip[start:start + 6])
    return (".".join(map(str, ip[12:16])), source, ".".join(map(str, ip[16:20])), target, ip[start + 8:start + length])


def path_of(payload):
    """«f» or «c» of a request, or None."""
    if len(payload) < 4 or payload[1] != 2:
        return None
    at = 4 + (payload[0] & 15)
    return chr(payload[at + 1]) if payload[at:at + 1] == b"\xb1" else None


class Exchange:
    """A request with its repetitions, and its answers."""

    def __init__(self, kind, address, start):
        self.kind, self.address, self.start = kind, address, start
        self.up, self.down, self.end = [], [], None

    @property
    def milliseconds(self):
        return (self.end - self.start) * 1000 if self.end else None


def exchanges(datagrams, port):
    """Requests and answers matched by peer and CoAP message id."""
    found, open_by_key = [], {}
    for when, source, source_port, target, target_port, payload in datagrams:
        if target_port == port:
            kind = path_of(payload)
            if kind is None:
                continue
            key = (source, source_port, payload[2:4])
            if key not in open_by_key:
                open_by_key[key] = Exchange(kind, source, when)
                found.append(open_by_key[key])
            open_by_key[key].up.append(payload)
        elif source_port == port:
            exchange = open_by_key.get((target, target_port, payload[2:4]))
            if exchange:
                exchange.down.append(payload)
                exchange.end = exchange.end or when
    return found


def remove(path):
    if os.path.exists(path):
        os.remove(path)
