# SPDX-License-Identifier: Apache-2.0
"""An EAP peer's control interface, as wpa_supplicant and eapol_test have it: asks the agent to be the external SIM."""
import os
import socket
import time


class Peer:
    """Listens at the device's control path and takes whoever attaches."""

    def __init__(self, device):
        self.path = device.control
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        os.chmod(os.path.dirname(self.path), 0o755)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o666)
        self.agent = None

    def turn(self, timeout):
        """One line of the agent, or None. Whoever attaches is from then on the agent."""
        self.socket.settimeout(timeout)
        try:
            line, sender = self.socket.recvfrom(1000)
        except (TimeoutError, socket.timeout):
            return None
        if line in (b"ATTACH", b"PING"):
            self.agent = sender
            self.socket.sendto(b"OK\n" if line == b"ATTACH" else b"PONG\n", sender)
            return None
        return line.decode()

    def authenticate(self, rand, autn, alive):
        """The agent's answer [«UMTS-AUTH», ik, ck, res], or None when it is not there, or dies: as long as it is @alive an answer comes."""
        self.turn(0.05)
        if not self.agent:
            return None
        try:
            self.socket.sendto(f"<3>CTRL-REQ-SIM-0:UMTS-AUTH:{rand.hex()}:{autn.hex()} needed for SSID test".encode(), self.agent)
        except (ConnectionRefusedError, FileNotFoundError):
            self.agent = None
            return None
        line, end = None, time.monotonic() + 60
        while line is None and alive() and time.monotonic() < end:
            line = self.turn(0.1)
        return line and line.split(":")[1:]

    def close(self):
        self.socket.close()
        os.remove(self.path)
