# SPDX-License-Identifier: Apache-2.0
"""An EAP peer's control interface, as wpa_supplicant and eapol_test have it: asks the agent to be the external SIM."""
import os
import socket


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

    def authenticate(self, rand, autn, timeout=1.0):
        """The agent's answer [«UMTS-AUTH», ik, ck, res], or None when there is none."""
        try:
            while self.turn(0 if self.agent else timeout):
                pass  # of an earlier challenge
            if self.agent:
                self.socket.sendto(f"<3>CTRL-REQ-SIM-0:UMTS-AUTH:{rand.hex()}:{autn.hex()} needed for SSID test".encode(), self.agent)
                line = self.turn(timeout)
                return line and line.split(":")[1:]
        except (BlockingIOError, ConnectionRefusedError, FileNotFoundError):
            self.agent = None
        return None

    def close(self):
        self.socket.close()
        os.remove(self.path)
