# SPDX-License-Identifier: Apache-2.0
"""A software TPM of the test's own: on loopback, two neighbouring free ports, its state in a directory of the test's.

    with SoftwareTpm(directory) as tpm:
        … tpm.tcti …                      # «swtpm:host=127.0.0.1,port=N»; the control channel is on the next port
"""
import os
import random
import signal
import socket
import struct
import subprocess
import threading
import time

TURNS = 100
PATIENCE_S = 20
CONTROL_INIT = 2  # swtpm's control interface: CMD_INIT


def some_port():
    """Below those that the kernel gives to clients; the TPM says by its end when somebody else has one of the two."""
    return random.randrange(10000, 32000, 2)


def extend_command(pcr, digest):
    body = struct.pack(">II", 0x182, pcr) + bytes.fromhex("00000009 40000009 0000 00 0000 00000001 000B") + digest
    return struct.pack(">HI", 0x8002, 6 + len(body)) + body


def read_frame(connection):
    """A command or an answer: tag, length, code, the rest."""
    octets = b""
    while len(octets) < 10 or len(octets) < int.from_bytes(octets[2:6], "big"):
        more = connection.recv(4096)
        if not more:
            raise EOFError
        octets += more
    return octets


class SoftwareTpm:
    """Starts in the constructor; stop() is power off, start() power on, with the state and the ports as they were."""

    def __init__(self, directory):
        self.directory = directory
        self.port = 0
        self.process = None
        os.makedirs(directory, mode=0o700, exist_ok=True)
        self.start()

    @property
    def tcti(self):
        return f"swtpm:host=127.0.0.1,port={self.port}"

    def start(self):
        for _ in range(TURNS):
            if self._try():
                return
            self.port = 0
        raise AssertionError("swtpm does not start: is it installed (tools/setup), are two neighbouring ports free?")

    def _try(self):
        self.port = self.port or some_port()
        pid = os.path.join(self.directory, "pid")  # it writes its number when both ports are its own
        if os.path.exists(pid):
            os.remove(pid)
        self.process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + self.directory, "--server", f"type=tcp,port={self.port}",
             "--ctrl", f"type=tcp,port={self.port + 1}", "--flags", "not-need-init,startup-clear",
             "--log", "file=" + os.path.join(self.directory, "log"), "--pid", "file=" + pid], stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE_S
        while self.process.poll() is None and time.monotonic() < deadline:
            if os.path.exists(pid):
                return True
            time.sleep(0.002)
        self.stop()
        return False

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        if self.process is not None:
            self.process.wait(PATIENCE_S)
        self.process = None

    def reset(self):
        """As a reset line would, without the connection noticing."""
        with socket.create_connection(("127.0.0.1", self.port + 1)) as s:
            s.sendall(struct.pack(">II", CONTROL_INIT, 0))
            if s.recv(4, socket.MSG_WAITALL) != bytes(4):
                raise AssertionError("swtpm does not reset")

    def extend(self, pcr, digest=bytes(32)):
        """TPM2_PCR_Extend of the SHA-256 bank, with the empty password; nobody else may be connected."""
        with socket.create_connection(("127.0.0.1", self.port)) as s:
            s.sendall(extend_command(pcr, digest))
            if read_frame(s)[6:10] != bytes(4):
                raise AssertionError("the register is not extended")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Between:
    """Stands between one user of the TPM and the TPM, so that the test, which is the main system here, can use it meanwhile, as behind a real
    one's driver."""

    def __init__(self, tpm):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.tcti = f"swtpm:host=127.0.0.1,port={self.listener.getsockname()[1]}"
        self.upstream = socket.create_connection(("127.0.0.1", tpm.port))
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self):
        client, _ = self.listener.accept()
        with client:
            try:
                while True:
                    client.sendall(self._command(read_frame(client)))
            except (EOFError, ConnectionError):
                pass

    def _command(self, octets):
        with self.lock:
            self.upstream.sendall(octets)
            return read_frame(self.upstream)

    def extend(self, pcr, digest=bytes(32)):
        if self._command(extend_command(pcr, digest))[6:10] != bytes(4):
            raise AssertionError("the register is not extended")

    def close(self):
        """When the user has left."""
        self.thread.join(PATIENCE_S)
        self.listener.close()
        self.upstream.close()
