# SPDX-License-Identifier: Apache-2.0
"""samara-tre as a black box: hostile clients, what its process may do, and what it notices about its directory.

Every hostile packet is followed by the question whether it still answers, asked by another client. As root the TRE runs under a user
of its own (61050); otherwise as the present user, and the checks that need root are skipped.
"""
import array
import os
import random
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest

import cbor2

PROGRAM = os.path.join(os.environ.get("SAMARA_BUILD", "build"), "tre", "linux", "samara-tre")
ROOT = os.geteuid() == 0
UID = 61050 if ROOT else os.geteuid()
GID = 61051 if ROOT else os.getegid()
MEASUREMENT = bytes(range(32))
PACKET_MAX = 4096

STATE, ENROL_BEGIN, ENROL_FINISH, FLIGHT_START, FLIGHT_COMPLETE, FLIGHT_KEY, CHECKIN_START, CHECKIN_COMPLETE, AUTHENTICATE = range(1, 10)
OK, MALFORMED, UNSUPPORTED, DISK_FULL, NO_FILE, ROLLBACK, TAMPERED, NOT_ENROLLED = 0, 0x0101, 0x0102, 0x0204, 0x020C, 0x0307, 0x030F, 0x030A
EID = bytes.fromhex("89049032123451234512345678901235")


def open_descriptors(pid):
    """What its descriptors are. One that it closes while we look is gone."""
    links, directory = [], f"/proc/{pid}/fd"
    for fd in os.listdir(directory):
        try:
            links.append(os.readlink(os.path.join(directory, fd)))
        except FileNotFoundError:
            pass
    return links


class Tre:
    """One samara-tre with a directory of its own."""

    def __init__(self):
        self.base = tempfile.mkdtemp(prefix="samara-tre-test-")
        os.chmod(self.base, 0o755)
        self.run = os.path.join(self.base, "run")
        os.mkdir(self.run)
        self.dir = os.path.join(self.run, "tre")
        self.socket = os.path.join(self.run, "tre.sock")
        self.log = os.path.join(self.base, "log")
        # The checkout may lie where the TRE's user cannot go.
        self.program = shutil.copy(PROGRAM, os.path.join(self.base, "samara-tre"))
        os.chown(self.run, UID, GID)
        self.process = None

    def spawn(self, measurement=MEASUREMENT, arguments=None, directory=None, sock=None, **options):
        reader, writer = os.pipe()
        os.write(writer, measurement)
        os.close(writer)
        command = [self.program, "--dir", directory or self.dir, "--socket", sock or self.socket, "--measurement-fd", str(reader)]
        who = {"user": UID, "group": GID, "extra_groups": []} if ROOT else {}
        with open(self.log, "ab") as log:
            process = subprocess.Popen(command + (arguments or []), pass_fds=(reader,), stderr=log, **who, **options)
        os.close(reader)
        return process

    def start(self, **options):
        self.process = self.spawn(**options)
        end = time.monotonic() + 60  # under valgrind, on a loaded machine
        while time.monotonic() < end:
            try:
                self.ask([STATE])
                return self
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.01)
        raise AssertionError("samara-tre did not start: " + self.words())

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            return self.process.wait(timeout=10)
        return None

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.base)

    def words(self):
        with open(self.log, encoding="utf-8") as log:
            return log.read()

    def connect(self):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            s.connect(self.socket)  # waits while the queue is full
        except OSError:
            s.close()
            raise
        s.settimeout(30)
        return s

    def send(self, octets):
        """A packet from a new client. Its answer, or None when the TRE hangs up."""
        with self.connect() as s:
            s.send(octets)
            try:
                return s.recv(65536) or None
            except ConnectionResetError:
                return None

    def ask(self, request):
        answer = self.send(cbor2.dumps(request))
        if answer is None:
            raise ConnectionResetError("no answer")
        return cbor2.loads(answer)

    def health(self):
        return self.ask([STATE])[1]

    def eid(self):
        return self.ask([STATE])[3]

    def enrol_begin(self):
        return self.ask([ENROL_BEGIN, EID, os.urandom(32)])

    def path(self, name):
        return os.path.join(self.dir, name)

    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def write(self, name, octets):
        with open(self.path(name), "wb") as f:
            f.write(octets)
        os.chmod(self.path(name), 0o600)
        os.chown(self.path(name), UID, GID)


class Case(unittest.TestCase):
    def setUp(self):
        self.tre = Tre()
        self.addCleanup(self.tre.close)
        self.tre.start()

    def still_answers(self, what):
        state = self.tre.ask([STATE])
        self.assertEqual((state[0], state[1], state[4]), (OK, OK, MEASUREMENT), what)


class HostileClients(Case):
    def refused(self, octets, error=MALFORMED):
        answer = self.tre.send(octets)
        self.assertEqual(cbor2.loads(answer), [error], octets[:40].hex())
        self.still_answers(octets[:40].hex())

    def test_packet_of_wrong_form_is_malformed(self):
        for octets in [
            b"\x00", b"\xff", b"\x80", b"\xa0", b"\xf6", b"\x01", b"\x81", b"\x9f\x01\xff",     # no array of definite length
            b"\x81\x18\x01", b"\x98\x01\x01", b"\x81\x20", b"\x81\xf4", b"\x81\x41\x01",         # not the shortest, not a number
            b"\x81\x01\x00", b"\x82\x01\x00", b"\x81\x02", b"\x83\x04\xf4\xf4", b"\x82\x04\x01",  # too much, too little, wrong type
            b"\x82\x05\x5b" + b"\xff" * 8, b"\x82\x05\x59\xff\xff" + b"\0" * 100,                # lengths beyond the packet
            b"\x9b" + b"\xff" * 8, b"\x81" * 1000, b"\x82\x05" + b"\x81" * 4000,                 # depth
            cbor2.dumps([ENROL_BEGIN, EID, b"short"]), cbor2.dumps([ENROL_BEGIN, EID[:15], bytes(32)]),
            cbor2.dumps([AUTHENTICATE, bytes(16), bytes(15)]), cbor2.dumps([AUTHENTICATE, bytes(17), bytes(16)]),
            cbor2.dumps([ENROL_FINISH, b"", bytes(33), bytes(33), b"x", None, [], None, b"x"]),
            cbor2.dumps([ENROL_FINISH, b"x", bytes(33), bytes(33), b"x", None, [bytes(33)] * 9, None, b"x"]),
        ]:
            self.refused(octets)

    def test_unknown_operation_is_unsupported(self):
        for op in (0, 22, 23, 24, 255, 65535):
            self.refused(cbor2.dumps([op]), UNSUPPORTED)

    def test_packet_longer_than_any_request_is_malformed(self):
        whole = b"\x82\x05\x59\x0f\xfb" + bytes(4091)
        self.assertEqual(len(whole), PACKET_MAX)
        self.assertEqual(cbor2.loads(self.tre.send(whole)), [NOT_ENROLLED])
        for size in (PACKET_MAX + 1, PACKET_MAX + 2, 8192, 65536, 100000):
            self.refused(whole + bytes(size - PACKET_MAX))

    def test_empty_packet_ends_that_client_alone(self):
        self.assertIsNone(self.tre.send(b""))
        self.still_answers("empty packet")

    def test_random_packets_are_refused(self):
        dice = random.Random(20261123)
        with self.tre.connect() as s:
            for _ in range(2000):
                octets = dice.randbytes(dice.randrange(1, 200))
                s.send(octets)
                answer = cbor2.loads(s.recv(65536))
                self.assertIn(answer[0], (MALFORMED, UNSUPPORTED), octets.hex())
        self.still_answers("random packets")

    def test_genuine_requests_out_of_place_are_refused_by_the_engine(self):
        for request in ([FLIGHT_START, True], [CHECKIN_START], [FLIGHT_COMPLETE, b""], [CHECKIN_COMPLETE, bytes(2000)], [FLIGHT_KEY, b"x"],
                        [AUTHENTICATE, bytes(16), bytes(16)]):
            self.assertEqual(self.tre.ask(request), [NOT_ENROLLED], request)
            self.still_answers(str(request))

    def test_descriptors_sent_along_are_dropped(self):
        with self.tre.connect() as s, open("/dev/zero", "rb") as zero:
            descriptors = array.array("i", [zero.fileno()] * 8)
            for _ in range(50):
                s.sendmsg([cbor2.dumps([STATE])], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)])
                self.assertEqual(cbor2.loads(s.recv(65536))[0], OK)
            if ROOT:
                links = open_descriptors(self.tre.process.pid)
                self.assertNotIn("/dev/zero", links)
        self.still_answers("descriptors")

    def test_client_that_does_not_read_is_dropped_and_others_are_served(self):
        with self.tre.connect() as s:
            s.setblocking(False)
            question = cbor2.dumps([STATE])
            dropped = False
            end = time.monotonic() + 10
            while not dropped and time.monotonic() < end:
                try:
                    s.send(question)
                except BlockingIOError:
                    time.sleep(0.001)
                except (BrokenPipeError, ConnectionResetError):
                    dropped = True
            self.assertTrue(dropped)
        self.still_answers("client that does not read")

    def test_silent_clients_cost_others_nothing_and_one_too_many_is_closed(self):
        clients = [self.tre.connect() for _ in range(7)]
        self.still_answers("seven silent clients")
        clients.append(self.tre.connect())
        for s in clients:
            s.send(cbor2.dumps([STATE]))
            self.assertEqual(cbor2.loads(s.recv(65536))[0], OK)
        with self.tre.connect() as ninth:  # taken by the kernel, closed by the TRE
            self.assertEqual(ninth.recv(16), b"")
        clients.pop().close()
        self.still_answers("place is free again")
        for s in clients:
            s.close()

    def test_many_clients_that_come_and_go_leave_nothing(self):
        for _ in range(500):
            self.tre.connect().close()
        self.still_answers("500 clients")
        if ROOT:
            self.assertLess(len(os.listdir(f"/proc/{self.tre.process.pid}/fd")), 17)


class Confinement(Case):
    def status(self, key):
        with open(f"/proc/{self.tre.process.pid}/status", encoding="ascii") as f:
            return next(line.split(":", 1)[1].strip() for line in f if line.startswith(key + ":"))

    def test_process_is_filtered_and_cannot_gain_privileges(self):
        self.assertEqual(self.status("Seccomp"), "2")
        self.assertEqual(self.status("NoNewPrivs"), "1")
        if ROOT:
            self.assertEqual(int(self.status("CapEff"), 16), 0)

    def test_process_makes_no_core_file(self):
        with open(f"/proc/{self.tre.process.pid}/limits", encoding="ascii") as f:
            line = next(line for line in f if line.startswith("Max core file size"))
        self.assertEqual(line.split()[4:6], ["0", "0"])

    def test_process_has_locked_memory(self):
        with open(PROGRAM, "rb") as f:
            if b"__asan_init" in f.read():
                self.skipTest("this sanitizer makes mlock do nothing")
        self.assertGreater(int(self.status("VmLck").split()[0]), 0)

    def test_same_user_cannot_read_its_memory_or_trace_it(self):
        pid = self.tre.process.pid
        probe = ("import ctypes, sys\n"
                 "def opens(path):\n"
                 "    try:\n"
                 "        open(path, 'rb').close()\n"
                 "        return True\n"
                 "    except PermissionError:\n"
                 "        return False\n"
                 "libc = ctypes.CDLL(None)\n"
                 f"found = [p for p in ('mem', 'maps', 'environ', 'auxv') if opens('/proc/{pid}/' + p)]\n"
                 f"found += ['ptrace'] if libc.ptrace(16, {pid}, None, None) == 0 else []\n"
                 "print(*found)\n")
        who = {"user": UID, "group": GID, "extra_groups": []} if ROOT else {}
        result = subprocess.run(["/usr/bin/python3", "-c", probe], stdout=subprocess.PIPE, check=True, cwd="/", **who)
        self.assertEqual(result.stdout.strip(), b"")
        self.still_answers("attempts to trace")

    @unittest.skipUnless(ROOT, "needs root")
    def test_descriptors_are_its_sockets_its_lock_its_watch_and_stderr(self):
        def own():
            return sorted(link for link in open_descriptors(self.tre.process.pid) if not link.startswith(("/dev/", "pipe:", "socket:")) and link != self.tre.log
                          and not link.endswith(".profraw"))  # the counters of a coverage build

        self.assertEqual(own(), [self.tre.path("lock"), "anon_inode:[signalfd]", "anon_inode:inotify"])

    @unittest.skipUnless(ROOT, "needs root")
    def test_started_by_root_it_has_a_network_of_its_own(self):
        reader, writer = os.pipe()
        os.write(writer, MEASUREMENT)
        os.close(writer)
        base = os.path.join(self.tre.base, "as-root")
        process = subprocess.Popen([self.tre.program, "--dir", base, "--socket", base + ".sock", "--measurement-fd", str(reader)],
                                   pass_fds=(reader,), stderr=subprocess.DEVNULL)
        os.close(reader)
        try:
            end = time.monotonic() + 10
            while os.readlink(f"/proc/{process.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
                self.assertLess(time.monotonic(), end, "it still has the network of its parent")
                time.sleep(0.01)
            with open(f"/proc/{process.pid}/net/dev", encoding="ascii") as f:
                self.assertEqual([line.split(":")[0].strip() for line in f.readlines()[2:]], ["lo"])
        finally:
            process.terminate()
            process.wait(timeout=10)

    def test_files_and_socket_are_private(self):
        self.assertEqual(stat.S_IMODE(os.stat(self.tre.socket).st_mode), 0o660)
        self.assertEqual(stat.S_IMODE(os.stat(self.tre.dir).st_mode), 0o700)
        self.tre.enrol_begin()
        for name in ("record", "counter", "storage.key", "lock"):
            self.assertEqual(stat.S_IMODE(os.stat(self.tre.path(name)).st_mode), 0o600, name)

    def test_log_has_no_identity(self):
        self.tre.enrol_begin()
        self.tre.stop()
        words = self.tre.words()
        self.assertIn("event=request.done op=enrol-begin result=OK", words)
        self.assertNotIn(EID.hex(), words)
        self.assertNotIn(MEASUREMENT.hex(), words)


class Starting(Case):
    def fails(self, process, code, words):
        self.assertEqual(process.wait(timeout=10), code, self.tre.words())
        self.assertIn(words, self.tre.words())

    def test_second_instance_in_the_directory_is_refused(self):
        self.fails(self.tre.spawn(sock=self.tre.socket + "2"), 4, "another samara-tre works there")
        self.still_answers("second instance")

    def test_second_instance_on_the_socket_is_refused(self):
        self.fails(self.tre.spawn(directory=self.tre.dir + "2"), 4, "another process serves this socket")
        self.still_answers("second instance")

    def test_measurement_too_short_is_refused(self):
        self.tre.stop()
        self.fails(self.tre.spawn(measurement=MEASUREMENT[:31]), 1, "32 octets")

    def test_directory_open_to_others_is_refused(self):
        self.tre.stop()
        os.chmod(self.tre.dir, 0o750)
        self.fails(self.tre.spawn(), 3, "chmod it to 0700")

    def test_missing_argument_is_wrong_usage(self):
        result = subprocess.run([self.tre.program, "--dir", self.tre.dir], stderr=subprocess.PIPE, check=False)
        self.assertEqual(result.returncode, 2)

    def test_measurement_and_tpm_at_once_is_wrong_usage(self):
        self.tre.stop()
        self.fails(self.tre.spawn(arguments=["--tpm", "device:/dev/tpmrm0"]), 2, "give one of --measurement-fd and --tpm")

    def test_boot_log_without_a_tpm_is_wrong_usage(self):
        self.tre.stop()
        self.fails(self.tre.spawn(arguments=["--boot-log", "boot.log"]), 2, "give --tpm too")

    def refused(self, words, **options):
        """The exit status of one that does not start, and says why."""
        process = self.tre.spawn(**options)
        status = process.wait(timeout=30)
        self.assertIn(words, self.tre.words())
        return status

    def test_socket_that_cannot_be_made_is_refused_with_its_path(self):
        directory = os.path.join(self.tre.run, "other")
        absent = os.path.join(self.tre.run, "absent", "tre.sock")
        self.assertEqual(self.refused(absent, directory=directory, sock=absent), 1)
        self.assertEqual(self.refused("at most 107 octets", directory=directory, sock=os.path.join(self.tre.run, "s" * 108)), 1)
        self.still_answers("another instance that failed")

    def test_too_few_descriptors_are_an_error_that_is_told(self):
        self.tre.stop()
        for limit in range(5, 40):
            said = len(self.tre.words())
            process = self.tre.spawn(preexec_fn=lambda limit=limit: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
            if self.serves(process):
                process.terminate()
                self.assertEqual(process.wait(timeout=30), 0)
                break
            self.assertGreater(process.returncode, 0, "an exit status, no signal")
            self.assertRegex(self.tre.words()[said:], r"(samara-tre: \S+.*|shared libraries.*)\n$")
        self.assertTrue(5 < limit < 39, limit)

    def serves(self, process):
        """Waits until it answers or has ended."""
        end = time.monotonic() + 60
        while process.poll() is None:
            try:
                return self.tre.health() == OK
            except OSError:
                self.assertLess(time.monotonic(), end, self.tre.words())
                time.sleep(0.01)
        return False

    def test_argument_that_is_no_number_is_wrong_usage(self):
        self.assertEqual(self.refused("socket-group", arguments=["--socket-group", "many"]), 2)

    def test_memory_that_may_not_be_locked_is_told_and_it_serves(self):
        self.tre.stop()
        self.tre.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0)))
        with open(PROGRAM, "rb") as f:
            if b"__asan_init" in f.read():
                self.skipTest("this sanitizer makes mlock do nothing")
        self.assertIn("memory.unlocked", self.tre.words())
        self.assertIn("state.unlocked", self.tre.words())

    def test_sigterm_ends_it_and_removes_the_socket(self):
        self.assertEqual(self.tre.stop(), 0)
        self.assertFalse(os.path.exists(self.tre.socket))

    def test_sighup_changes_nothing(self):
        self.tre.process.send_signal(signal.SIGHUP)
        self.still_answers("SIGHUP")


class Directory(Case):
    """What is noticed about the files, after each stop and start."""

    def restart(self):
        self.tre.stop()
        self.tre.start()

    def assert_refuses(self, health, advice):
        self.assertEqual(self.tre.health(), health)
        self.assertEqual(self.tre.enrol_begin(), [health])
        self.assertEqual(self.tre.ask([FLIGHT_START, False]), [health])
        self.assertIn("event=state.refused", self.tre.words())
        self.assertIn(advice, self.tre.words())

    def test_killed_and_started_again_keeps_state(self):
        self.assertEqual(self.tre.enrol_begin()[0], OK)
        for _ in range(5):
            self.tre.kill()
            self.tre.start()
            self.assertEqual((self.tre.health(), self.tre.eid()), (OK, EID))
            self.assertEqual(self.tre.enrol_begin()[0], OK)

    def test_killed_in_the_middle_of_writes_keeps_state(self):
        """At random moments while it works as fast as it can."""
        dice = random.Random(7)
        for _ in range(15):
            with self.tre.connect() as s:
                for _ in range(40):
                    s.send(cbor2.dumps([ENROL_BEGIN, EID, bytes(32)]))
                    if dice.random() < 0.1:
                        break
                    s.recv(65536)
                time.sleep(dice.random() * 0.003)
                self.tre.kill()
            self.tre.start()
            self.assertEqual((self.tre.health(), self.tre.eid()), (OK, EID))

    def test_record_altered_is_tampered(self):
        self.tre.enrol_begin()
        good = self.tre.read("record")
        for at in (0, 7, 8, 23, 24, len(good) // 2, len(good) - 1):
            self.tre.stop()
            self.tre.write("record", good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])
            self.tre.start()
            self.assert_refuses(TAMPERED, "put all three back")
        self.tre.stop()
        self.tre.write("record", good)
        self.tre.start()
        self.assertEqual((self.tre.health(), self.tre.eid()), (OK, EID))

    def test_record_cut_or_emptied_is_tampered(self):
        self.tre.enrol_begin()
        good = self.tre.read("record")
        for octets in (b"", good[:10], good[:-1], good + b"\0", bytes(20000)):
            self.tre.stop()
            self.tre.write("record", octets)
            self.tre.start()
            self.assert_refuses(TAMPERED, "enrol the device anew")

    def test_record_that_cannot_be_read_is_told_and_nothing_is_lost(self):
        self.tre.enrol_begin()
        self.tre.stop()
        os.rename(self.tre.path("record"), self.tre.path("aside"))
        os.mkdir(self.tre.path("record"))
        self.tre.start()
        self.assert_refuses(NO_FILE, "repair the cause")
        self.tre.stop()
        os.rmdir(self.tre.path("record"))
        os.rename(self.tre.path("aside"), self.tre.path("record"))
        self.tre.start()
        self.assertEqual((self.tre.health(), self.tre.eid()), (OK, EID))

    def test_older_record_is_rollback(self):
        self.tre.enrol_begin()
        old = self.tre.read("record")
        self.tre.enrol_begin()
        new = self.tre.read("record")
        self.tre.stop()
        self.tre.write("record", old)
        self.tre.start()
        self.assert_refuses(ROLLBACK, "put the newest record back")
        self.tre.stop()
        self.tre.write("record", new)
        self.tre.start()
        self.assertEqual(self.tre.health(), OK)

    def test_record_removed_is_rollback(self):
        self.tre.enrol_begin()
        self.tre.stop()
        os.unlink(self.tre.path("record"))
        self.tre.start()
        self.assert_refuses(ROLLBACK, "older record")

    def test_counter_put_back_removed_or_altered_is_noticed(self):
        self.tre.enrol_begin()
        old = self.tre.read("counter")
        self.tre.enrol_begin()
        self.tre.enrol_begin()
        good = self.tre.read("counter")
        for octets, health in ((old, ROLLBACK), (None, TAMPERED), (bytes(40), TAMPERED), (good[:7] + b"\xff" + good[8:], TAMPERED)):
            self.tre.stop()
            if octets is None:
                os.unlink(self.tre.path("counter"))
            else:
                self.tre.write("counter", octets)
            self.tre.start()
            self.assert_refuses(health, "enrol the device anew")

    def test_storage_key_removed_or_exchanged_is_tampered(self):
        self.tre.enrol_begin()
        self.tre.stop()
        key = self.tre.read("storage.key")
        os.unlink(self.tre.path("storage.key"))
        self.tre.start()
        self.assert_refuses(TAMPERED, "storage.key")
        self.tre.stop()
        head, line = key.split(b"\n")[:2]
        self.tre.write("storage.key", head + b"\n" + (b"B" if line[:1] == b"A" else b"A") + line[1:] + b"\n")
        self.tre.start()
        self.assert_refuses(TAMPERED, "storage.key")

    def test_files_of_another_device_are_tampered(self):
        other = Tre()
        self.addCleanup(other.close)
        other.start()
        other.enrol_begin()
        self.tre.enrol_begin()
        for name in ("record", "counter"):
            good = self.tre.read(name)
            self.tre.stop()
            self.tre.write(name, other.read(name))
            self.tre.start()
            self.assert_refuses(TAMPERED, "exchanged")
            self.tre.stop()
            self.tre.write(name, good)
            self.tre.start()
            self.assertEqual(self.tre.health(), OK)

    def test_whole_directory_restored_is_accepted_without_a_tpm(self):
        """docs/threat-model.md says so openly: a counter in a file goes back with the file. With a TPM it is refused (test_tre_tpm.py)."""
        self.tre.enrol_begin()
        self.tre.stop()
        backup = os.path.join(self.tre.base, "backup")
        shutil.copytree(self.tre.dir, backup)
        before = self.tre.read("counter")
        self.tre.start()
        self.tre.enrol_begin()
        self.assertNotEqual(self.tre.read("counter"), before)
        self.tre.stop()
        for name in os.listdir(backup):
            with open(os.path.join(backup, name), "rb") as f:
                self.tre.write(name, f.read())
        self.tre.start()
        self.assertEqual((self.tre.health(), self.tre.read("counter")), (OK, before))

    def test_disk_that_takes_nothing_more_is_reported_and_nothing_is_lost(self):
        self.tre.enrol_begin()
        good = self.tre.read("record")
        self.tre.stop()

        def full_disk():
            # A limit on file size, with its signal ignored, makes every write fail as on a full disk.
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4, 4))

        self.tre.start(preexec_fn=full_disk)
        for _ in range(3):
            self.assertEqual(self.tre.enrol_begin(), [DISK_FULL])
            self.still_answers("full disk")
        self.assertEqual(self.tre.read("record"), good)
        self.assertEqual([name for name in os.listdir(self.tre.dir) if name.endswith(".tmp")], [])
        self.restart()
        self.assertEqual((self.tre.health(), self.tre.eid()), (OK, EID))
        self.assertEqual(self.tre.enrol_begin()[0], OK)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
