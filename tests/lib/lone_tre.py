# SPDX-License-Identifier: Apache-2.0
"""A real samara-tre alone, enrolled by keys that the test holds: supplier, root, owner, two operators, and a server that obeys no rule."""
import base64
import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time

import cbor2

import wire
from world import copy_program, luhn

PROGRAM = os.path.join(os.environ.get("SAMARA_BUILD", "build"), "tre", "linux", "samara-tre")
ROOT = os.geteuid() == 0
UID, GID = (61050, 61051) if ROOT else (os.geteuid(), os.getegid())
PATIENCE = 60  # seconds; a loaded machine is slow, and valgrind makes it slower
STATE, ENROL_BEGIN, ENROL_FINISH, FLIGHT_START, FLIGHT_COMPLETE, FLIGHT_KEY, CHECKIN_START, CHECKIN_COMPLETE, AUTHENTICATE, FLIGHT_GATE = range(1, 11)
PREPARE = 13
OK, UNOPENED, SIGNATURE, NOT_ADDRESSEE, OPERATOR, ORDER, SERIAL, E_STATE, NOTHING, SQN = 0, 0x103, 0x301, 0x303, 0x304, 0x305, 0x306, 0x30A, 0x404, 0x30C
EID = bytes.fromhex("89049032123451234512345678901235")
OTHER_EID = bytes.fromhex("89034011560010000000000000000121")
SHIPMENT = b"shipment"
K, OPC = bytes(range(16)), bytes(range(16, 32))
ICCID = wire.packed(luhn("898821100000000001"), 10)
OTHER_ICCID = wire.packed(luhn("898821100000000002"), 10)


class Tre:
    """The real TRE with a directory of its own, enrolled by keys that the test holds."""

    def __init__(self, owner_bound=False, program=PROGRAM, second_anchor=False, eid=EID, enrol=True, gate=None, tpm=None):
        """@program: a mutant in the place of samara-tre. @second_anchor: both operators may provision it. @gate: the shipment's gate key.
        @tpm: one with a .tcti, which keeps its keys."""
        self.eid, self.tpm, self.boot_log = eid, tpm, None
        self.base = tempfile.mkdtemp(prefix="samara-attack-")
        os.chmod(self.base, 0o755)
        self.program = copy_program(program, os.path.join(self.base, "samara-tre"))
        self.run = os.path.join(self.base, "run")
        os.mkdir(self.run)
        if ROOT:
            os.chown(self.run, UID, GID)
        self.path = os.path.join(self.run, "tre.sock")
        self.supplier, self.root, self.owner, self.op, self.other_op = (wire.Key() for _ in range(5))
        self.server = wire.Server()
        self.owner_bound, self.gate = owner_bound, gate
        self.anchors = [] if owner_bound else [self.op.point] + ([self.other_op.point] if second_anchor else [])
        self.start()
        if enrol:
            self.enrol()

    def spawn(self, measurement=bytes(32)):
        reader, writer = os.pipe()
        os.write(writer, measurement)
        os.close(writer)
        who = {"user": UID, "group": GID, "extra_groups": []} if ROOT else {}
        with open(os.path.join(self.base, "log"), "ab") as log:
            measured = ["--tpm", self.tpm.tcti] if self.tpm else ["--measurement-fd", str(reader)]
            measured += ["--boot-log", self.boot_log] if self.boot_log else []
            process = subprocess.Popen([self.program, "--dir", os.path.join(self.run, "tre"), "--socket", self.path, *measured],
                                       pass_fds=(reader,), stderr=log, stdin=subprocess.DEVNULL, **who)
        os.close(reader)
        return process

    def start(self, measurement=bytes(32)):
        self.process = self.spawn(measurement)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                return self.ask(STATE)
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.01)
        self.kill()
        with open(os.path.join(self.base, "log"), encoding="utf-8") as f:
            raise AssertionError("samara-tre did not start: " + f.read()[-1000:])

    def kill(self):
        self.process.kill()
        self.process.wait()

    def restart(self, measurement=bytes(32)):
        self.kill()
        self.start(measurement)

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=PATIENCE)
        shutil.rmtree(self.base)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @contextlib.contextmanager
    def connection(self):
        """A function that asks over one connection, for who has many questions."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.settimeout(PATIENCE)
            s.connect(self.path)

            def ask(op, *arguments):
                s.send(wire.dumps([op, *arguments]))
                return cbor2.loads(s.recv(8192))
            yield ask

    def ask(self, op, *arguments):
        with self.connection() as ask:
            return ask(op, *arguments)

    def enrol(self):
        challenge = os.urandom(32)
        err, self.d, self.t, self.measurement, proof, numbers = self.ask(ENROL_BEGIN, self.eid, challenge)
        payload = wire.dumps([self.eid, self.d, self.t])
        assert err == OK
        if self.tpm:
            assert wire.tpm.holds(self.d, numbers, wire.sha256(wire.sig_structure("samara1 enrol", challenge, payload)), self.measurement, proof)
        else:
            assert numbers is None and wire.verify(self.d, "samara1 enrol", challenge, payload, proof)
        answer = self.ask(ENROL_FINISH, wire.dumps(wire.certificate(self.supplier, self.eid, self.d, self.t, SHIPMENT)), self.supplier.point,
                          self.root.point, wire.flight_key(self.root, 0, 1, self.server.q.point), self.owner.point if self.owner_bound else None,
                          self.anchors, self.gate,
                          wire.hpke_seal(self.t, b"samara1 enrol", self.eid, challenge))
        assert answer[0] == OK and answer[1] == wire.sha256(b"samara1 enrol t" + challenge)

    # ---- what the server does ----

    def package(self, operator=None, serial=5, order=None, iccid=ICCID, content=None, **kwargs):
        return wire.package(operator or self.op, kwargs.pop("t", self.t), self.eid, iccid, serial, content or wire.mcim(k=K, opc=OPC), order, **kwargs)

    def order(self, owner=None, operator=None, serial=1, target=None):
        return wire.order(owner or self.owner, serial, (operator or self.op).point, target or self.eid)

    def request(self):
        err, m1 = self.ask(FLIGHT_START, False)
        assert err == OK
        self.server.open_m1(m1)
        assert self.server.evidence_quoted(self.d) if self.tpm else self.server.evidence_holds(self.d)
        return m1

    def fly(self, package=None):
        """A flight; why the package was not installed (OK: it was)."""
        self.request()
        answer = self.ask(FLIGHT_COMPLETE, self.server.m2({1: package} if package else {}))
        assert answer[0] == OK, answer
        return answer[2]

    def check_in(self, objects=(), spare=False):
        err, self.c1 = self.ask(CHECKIN_START)
        assert err == OK
        self.server.open_c1(self.c1)
        answer = self.ask(CHECKIN_COMPLETE, self.server.c2({1: list(objects)} if objects else {}, spare))
        assert answer[0] == OK
        return answer[1:]

    def mcims(self):
        return self.ask(STATE)[-1]

    # ---- what its supplier releases ----

    def release(self, number, software=None, product="m2me-1", supplier=None):
        """A signed release of some software; the number names it too, unless it is said."""
        return wire.release(supplier or self.supplier, product, number, f"1.{number}", boot_log(software or number))

    def prepare(self, running, following):
        return self.ask(PREPARE, self.supplier.point, running, following)[0]

    # ---- what a thief does ----

    def stolen_record(self):
        return stolen_record(os.path.join(self.run, "tre"))

    def report_tampering(self, events=1):
        path = os.path.join(self.run, "tre", "tamper")
        with open(path + ".new", "w", encoding="ascii") as f:
            f.write(f"{events}\n")
        os.rename(path + ".new", path)

    def take_back_tampering(self):
        os.remove(os.path.join(self.run, "tre", "tamper"))

    def backup(self):
        """Stop it, copy its directory, start it again. Returns the copy."""
        copy = tempfile.mkdtemp(dir=self.base)
        self.kill()
        for name in os.listdir(os.path.join(self.run, "tre")):
            shutil.copy2(os.path.join(self.run, "tre", name), copy)
        self.start()
        return copy

    def roll_back(self, copy):
        """The whole directory as it was, counter and all: open without a TPM (docs/threat-model.md)."""
        self.kill()
        for name in os.listdir(copy):
            target = os.path.join(self.run, "tre", name)
            shutil.copyfile(os.path.join(copy, name), target)
            os.chmod(target, 0o600)
            os.chown(target, UID, GID)
        self.start()


def boot_log(software):
    """What samara-boot extends of this software."""
    return [wire.event(pcr, f"{name} of {software}".encode(), name) for pcr, name in ((8, "launch"), (8, "tre"), (8, "agent"), (9, "config"))]


def stolen_record(directory):
    """The durable state (tre/record.c) in a TRE's directory, opened with the storage key that lies beside it."""
    with open(os.path.join(directory, "storage.key"), encoding="ascii") as f:
        storage = base64.b64decode(f.read().split("\n")[1])
    with open(os.path.join(directory, "record"), "rb") as f:
        record = f.read()
    key = wire.kdf(storage, "tre-record", record[8:24])
    return Record(wire.unseal(key, record[:24], record[24:]))


class Record:
    """The keys in a TRE's durable state."""

    def __init__(self, octets):
        self.octets = octets
        _, enrolment, _, checkin, _ = wire.loads(octets)
        self.d, self.t = wire.Key.from_scalar(enrolment[3]), wire.Key.from_scalar(enrolment[4])
        self.rks = [rk for rk, ticket in checkin[:2] if ticket]
        self.c1 = checkin[4]
