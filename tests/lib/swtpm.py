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


EXTEND, CLEAR, DEFINE, UNDEFINE, CLOCK_SET = 0x182, 0x126, 0x12A, 0x122, 0x128
SHUTDOWN_STATE = bytes.fromhex("8001 0000000C 00000145 0001")
INCREMENT, EXTEND_INDEX, STARTUP = 0x134, 0x136, 0x144
FAILURE, NV_RATE, NV_UNAVAILABLE = 0x101, 0x920, 0x923
OWNER, LOCKOUT, PLATFORM = 0x40000001, 0x4000000A, 0x4000000C
NO_SPACE = 0x14B


def command(code, handles, parameters=b""):
    """Under an empty password."""
    body = struct.pack(f">I{len(handles)}I", code, *handles) + bytes.fromhex("00000009 40000009 0000 00 0000") + parameters
    return struct.pack(">HI", 0x8002, 6 + len(body)) + body


def extend_command(pcr, digest):
    return command(EXTEND, [pcr], bytes.fromhex("00000001 000B") + digest)


def clock_command(ms):
    """The owner puts the TPM's clock forward; back it does not go."""
    return command(CLOCK_SET, [OWNER], struct.pack(">Q", ms))


def define_command(index, size):
    """An index of the owner's that everybody may write; size 8: a counter, for which a TPM keeps some room that others do not get."""
    public = struct.pack(">IHIHH", index, 0x000B, 0x00040014 if size == 8 else 0x00040004, 0, size)
    return command(DEFINE, [OWNER], bytes(2) + struct.pack(">H", len(public)) + public)


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

    def start(self, resume=False):
        """@resume: with the state that it was told to keep (SHUTDOWN_STATE), as after a sleep."""
        for _ in range(TURNS):
            if self._try("startup-state" if resume else "startup-clear"):
                return
            self.port = 0
        raise AssertionError("swtpm does not start: is it installed (tools/setup), are two neighbouring ports free?")

    def _try(self, how):
        self.port = self.port or some_port()
        pid = os.path.join(self.directory, "pid")  # it writes its number when both ports are its own
        if os.path.exists(pid):
            os.remove(pid)
        self.process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + self.directory, "--server", f"type=tcp,port={self.port}",
             "--ctrl", f"type=tcp,port={self.port + 1}", "--flags", "not-need-init," + how,
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

    def send(self, *commands):
        """Response codes of commands; nobody else may be connected."""
        codes = []
        with socket.create_connection(("127.0.0.1", self.port)) as s:
            for octets in commands:
                s.sendall(octets)
                codes.append(int.from_bytes(read_frame(s)[6:10], "big"))
        return codes

    def extend(self, pcr, digest=bytes(32)):
        """TPM2_PCR_Extend of the SHA-256 bank."""
        if self.send(extend_command(pcr, digest)) != [0]:
            raise AssertionError("the register is not extended")

    def fill_up(self, first=0x01810000):
        """Others' indices, until there is no room for the smallest. Returns the indices."""
        indices = []
        for size in (2048, 256, 32, 8):
            while self.send(define_command(first + len(indices), size)) == [0]:
                indices.append(first + len(indices))
        if self.send(define_command(first + len(indices), 8)) != [NO_SPACE]:
            raise AssertionError("the TPM is not full")
        return indices

    def make_room(self, *indices):
        if any(self.send(*(command(UNDEFINE, [OWNER, index]) for index in indices))):
            raise AssertionError("an index that is not removed")

    def boot(self, log):
        """Off and on, and what a boot extends: a log's [pcr, digest, name]. Nobody else may be connected."""
        self.stop()
        self.start()
        for pcr, digest, _ in log:
            self.extend(pcr, digest)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Between:
    """Stands between one user of the TPM at a time and the TPM, so that the test, which is the main system here, can use it meanwhile, as behind a
    real one's driver. close(): nobody finds a TPM there any more; open(): there it is again, at the same place."""

    def __init__(self, tpm):
        self.tpm, self.port, self.client = tpm, 0, None
        self.refusals = {}  # by command: response codes that it gets in the place of the TPM's answer, the first one first
        self.lock = threading.Lock()
        self.open()

    @property
    def tcti(self):
        return f"swtpm:host=127.0.0.1,port={self.port}"

    def open(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        self.upstream = socket.create_connection(("127.0.0.1", self.tpm.port))
        self.thread = threading.Thread(target=self._serve, args=(self.listener,))
        self.thread.start()

    def _serve(self, listener):
        while True:
            try:
                self.client, _ = listener.accept()
            except OSError:
                return
            with self.client:
                try:
                    while True:
                        self.client.sendall(self._command(read_frame(self.client)))
                except (EOFError, OSError):
                    pass

    def _command(self, octets):
        with self.lock:
            if refused := self.refusals.get(int.from_bytes(octets[6:10], "big")):
                return struct.pack(">HII", 0x8001, 10, refused.pop(0))
            self.upstream.sendall(octets)
            return read_frame(self.upstream)

    def send(self, octets):
        """The response code of a command of the test's."""
        return int.from_bytes(self._command(octets)[6:10], "big")

    def extend(self, pcr, digest=bytes(32)):
        if self.send(extend_command(pcr, digest)) != 0:
            raise AssertionError("the register is not extended")

    def close(self):
        for end in (self.listener, self.client, self.upstream):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except (AttributeError, OSError):  # nobody came, or he has left
                pass
        self.thread.join(PATIENCE_S)
        self.listener.close()
        self.upstream.close()
