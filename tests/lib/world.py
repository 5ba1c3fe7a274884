# SPDX-License-Identifier: Apache-2.0
"""A world for the demo and the system tests: players and devices as real processes under separate numeric users, each with a directory
of its own. Files pass between players by being carried (copied and given to the receiver), datagrams over loopback.

Nothing here knows a key or speaks the protocol: it starts programs, carries files and waits.
"""
import atexit
import ctypes
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from endorse import Vendor
from swtpm import SoftwareTpm

UID_BASE = 61000
SPOOL_GID = 61900
HOSTAPD_GID = 61901


class Failed(Exception):
    """A program of the world did not do what it should."""


def wait_until(what, condition, timeout=20.0, every=0.02):
    """Wait for a condition; its value is returned."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"waited {timeout:g} s in vain for: {what}")
        time.sleep(every)


def wait_still(what, figure, looks=15):
    """Wait until a figure is not zero and does not change any more; it is returned."""
    seen = []

    def is_still():
        seen.append(figure())
        return seen[-1] > 0 and len(set(seen[-looks:])) == 1 and len(seen) >= looks

    wait_until(what + " to stand still", is_still)
    return seen[-1]


CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
_own_network = False
_own_mounts = False


def unshare(what, name):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(what) != 0:
        raise Failed(f"no {name} namespace: {os.strerror(ctypes.get_errno())} (root with CAP_SYS_ADMIN is needed)")


def enter_own_network():
    """A network namespace of this run's own, with nothing but loopback: nothing reaches in or out, and no port is taken. Gone with the
    last process. Returns whether there is one."""
    global _own_network
    if _own_network or os.getuid() != 0:
        return _own_network
    unshare(CLONE_NEWNET, "network")
    # Rules before «local» may then choose the address that a user's datagrams come from (see Device).
    for words in ("link set lo up", "rule add pref 100 lookup local", "rule del pref 0"):
        ip(words)
    _own_network = True
    return True


def ip(words):
    done = subprocess.run(["ip", *words.split()], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"ip {words}: {done.stderr}")


def copy_program(source, target):
    """Copied by a process of its own: while this process writes a file, a child that another thread starts at that moment holds it open for
    writing, and it cannot be run («text file busy»)."""
    subprocess.run(["cp", "--", source, target], check=True, stdin=subprocess.DEVNULL)
    return target


def free_udp_port():
    """Not one of those that clients' sockets are given: while the server is down, a client could get its port, and hear itself."""
    while True:
        port = random.randrange(20000, 30000)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def eid(number):
    """A valid EID (ISO 7064 MOD 97-10)."""
    first = f"8904403200000000000000{number:08d}"
    return first + f"{98 - int(first + '00') % 97:02d}"


def luhn(digits):
    total = 0
    for i, c in enumerate(reversed(digits)):
        d = int(c) * (2 if i % 2 == 0 else 1)
        total += d - 9 if d > 9 else d
    return digits + str((10 - total % 10) % 10)


def imei(number):
    return luhn(f"35693803{number:06d}")


class Process:
    """A daemon of the world, with its log in a file. @fault: where it is to die (faults.Fault)."""

    def __init__(self, world, name, argv, log, fault=None, **popen):
        self.name = name
        self.fault = fault
        if fault:
            popen = {**popen, **fault.popen(popen.get("pass_fds", ()))}
        self.log = log
        self.argv = argv
        self.world = world
        with open(log, "ab") as out:
            self.child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, **popen)
        world.processes.append(self)

    @property
    def pid(self):
        return self.child.pid

    def alive(self):
        return self.child.poll() is None

    def died(self):
        """Has it died where it was told to?"""
        return bool(self.fault) and self.fault.place is not None and self.child.poll() == -signal.SIGKILL

    def logged(self, text, since=0):
        with open(self.log, "rb") as f:
            f.seek(since)
            return text in f.read().decode(errors="replace")

    def count_logged(self, text):
        with open(self.log, "rb") as f:
            return f.read().count(text.encode())

    def wait_logged(self, text, timeout=20.0, since=0):
        """@since: octets of the log to leave out, for a log that is continued."""
        def ready():
            if text and self.logged(text, since):
                return True
            if not self.alive() and not self.died():
                raise Failed(f"{self.name} ended with {self.child.returncode}: {self.tail()}")
            return self.died()
        wait_until(f"«{text}» in the log of {self.name}", ready, timeout)

    def tail(self, lines=12):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return "\n".join(f.read().splitlines()[-lines:])

    def stop(self, sig=signal.SIGTERM, timeout=15.0):
        """End it and return its exit code."""
        if self.alive():
            self.child.send_signal(sig)
            try:
                self.child.wait(timeout)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
                raise Failed(f"{self.name} did not end on signal {sig}") from None
        return self.child.returncode

    def kill(self):
        if self.alive():
            self.child.kill()
            self.child.wait()


class Player:
    """Somebody with a directory, a user and a card."""

    def __init__(self, world, name, role, uid):
        self.world, self.name, self.role, self.uid = world, name, role, uid
        self.dir = os.path.join(world.root, name)
        self.inbox = os.path.join(world.root, "inbox-" + name)
        os.mkdir(self.inbox, 0o700)
        os.mkdir(self.dir, 0o700)
        world.give(self.inbox, uid)
        world.give(self.dir, uid)
        self.program = "samara-auc" if role == "auc" else "samara"

    @property
    def card(self):
        return os.path.join(self.dir, self.role + ".card")

    def path(self, name):
        return os.path.join(self.dir, name)

    def take(self, path, name=None):
        """Carry a file to this player: the copy is its own."""
        target = os.path.join(self.inbox, name or os.path.basename(path))
        shutil.copyfile(path, target)
        self.world.give(target, self.uid)
        os.chmod(target, 0o600)
        return target

    def run(self, *words, groups=(), ok=True, **kwargs):
        """Run its command line program on its directory. Returns the finished process."""
        head = [] if self.role == "auc" else [self.role]
        argv = [self.world.bin(self.program), *head, words[0], "--dir", self.dir, *words[1:]]
        return self.world.command(argv, self.uid, groups=groups, ok=ok, **kwargs)

    def json(self, *words):
        return json.loads(self.run(*words, "--json").stdout)

    def init(self, *more):
        self.run("init", "--name", self.name, *more)

    def trust(self, *others):
        for other in others:
            self.run("trust", "--yes", self.take(other.card, f"{other.name}.card"))


class Device:
    """An M2ME: its launcher, TRE and agent."""

    def __init__(self, world, number, certificate="never", **agent):
        self.world, self.number, self.eid, self.imei = world, number, eid(number), imei(number)
        self.tre_uid, self.agent_uid, self.gid = UID_BASE + 1000 + 3 * number, UID_BASE + 1001 + 3 * number, UID_BASE + 1002 + 3 * number
        self.dir = os.path.join(world.root, f"m{number}")
        self.address = f"127.0.1.{number}"
        self.tre_dir, self.agent_dir = os.path.join(self.dir, "tre"), os.path.join(self.dir, "agent")
        self.run_dir = os.path.join(self.dir, "run")
        self.socket = os.path.join(self.run_dir, "tre.sock")
        self.control = os.path.join(self.agent_dir, "ctrl", "test")
        self.config = os.path.join(self.dir, "m2me.ini")
        self.process = self.tpm = self.boot_words = self.boot_log = None
        self.lay_out(certificate, agent)
        self.take_address()

    def take_address(self):
        """What this device's agent sends comes from the device's own address, as if it had an interface of its own."""
        if self.world.own_network and self.number not in self.world.addresses:
            ip(f"rule add pref 50 uidrange {self.agent_uid}-{self.agent_uid} lookup {1000 + self.number}")
            ip(f"route replace local 127.0.0.1 dev lo src {self.address} table {1000 + self.number}")
            self.world.addresses.add(self.number)

    def lay_out(self, certificate, agent):
        os.mkdir(self.dir, 0o711)
        for path, mode, uid, gid in ((self.tre_dir, 0o700, self.tre_uid, self.gid), (self.agent_dir, 0o700, self.agent_uid, self.gid),
                                     (self.run_dir, 0o750, self.tre_uid, self.gid)):
            os.mkdir(path, mode)
            self.world.give(path, uid, gid)
        self.write_config(certificate, **agent)

    def write_config(self, certificate, **more):
        agent = {"state": self.agent_dir, "certificate": certificate, **more}
        users = ""
        if self.world.root_user:
            users = (f"tre-user = {self.tre_uid}\ntre-group = {self.tre_uid}\nagent-user = {self.agent_uid}\nagent-group = {self.gid}\n")
        text = (f"[launch]\n{users}tre-dir = {self.tre_dir}\ntre-socket = {self.socket}\n"
                f"[server]\naddress = coap://127.0.0.1:{self.world.port}\n"
                "[agent]\n" + "".join(f"{k.replace('_', '-')} = {v}\n" for k, v in agent.items()) +
                f"[sim]\ncontrol = {self.control}\n")
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(self.config, 0o644)

    def measurement(self):
        return self.world.command([self.world.bin("samara-launch"), "--config", self.config, "--measure"], None).stdout.strip()

    def start_tre_alone(self, fault=None):
        """As on the production line: the TRE without an agent."""
        read, write = os.pipe()
        os.write(write, bytes.fromhex(self.measurement()))
        os.close(write)
        measured = ["--tpm", self.tpm.tcti] if self.tpm else ["--measurement-fd", str(read)]
        measured += ["--boot-log", self.boot_log] if self.boot_log else []
        argv = [self.world.bin("samara-tre"), "--dir", self.tre_dir, "--socket", self.socket, *measured]
        if self.world.root_user:
            argv += ["--socket-group", str(self.gid)]
        tre = Process(self.world, f"tre of m{self.number}", self.world.as_user(self.tre_uid, self.gid, argv),
                      os.path.join(self.world.logs, f"m{self.number}-factory.log"), fault, pass_fds=(read,))
        os.close(read)
        wait_until("the TRE's socket", lambda: self.is_answering() or not tre.alive())
        return tre

    def wait_answering(self):
        wait_until("the TRE's socket", lambda: self.is_answering() or not self.process.alive())

    def is_answering(self):
        """A socket may be there that nobody listens at: not yet, or not any more."""
        try:
            return bool(self.ask(1))
        except (OSError, EOFError):
            return False

    def give_tpm(self):
        """From now on it has a TPM of its own, as on its board: no other user reaches its state. Its vendor endorsed it."""
        self.tpm = SoftwareTpm(os.path.join(self.dir, "tpm"))
        self.world.vendor.endorse(self.tpm)
        self.world.tpms.append(self.tpm)

    def stages(self):
        """What its release has to name, as CSV."""
        return self.world.command([self.world.bin("samara-boot"), "--config", self.config, "--measure"], None).stdout

    def install(self, release, card, product):
        """A release; with the supplier's card and the product it lies where only the supplier writes."""
        medium = os.path.join(self.dir, "medium")
        os.makedirs(medium, exist_ok=True)
        shutil.copyfile(release, os.path.join(medium, "release.smr"))
        shutil.copyfile(card, os.path.join(medium, "supplier.card"))
        self.boot_words = ["--release", os.path.join(medium, "release.smr"), "--supplier", os.path.join(medium, "supplier.card"), "--product", product]

    def power_on(self, tcti=None, **popen):
        """@tcti: of somebody on the bus to its TPM. @popen: for who does something between the steps of samara-boot."""
        argv = [self.world.bin("samara-launch"), "--config", self.config]
        if self.boot_words:
            self.tpm.stop()
            self.tpm.start()  # the reset that a start of the device is
            argv = [self.world.bin("samara-boot"), "--config", self.config, *self.boot_words, "--tpm", tcti or self.tpm.tcti]
        self.process = Process(self.world, f"m{self.number}", argv, os.path.join(self.world.logs, f"m{self.number}.log"), **popen)
        return self.process

    def power_off(self):
        return self.process.stop() if self.process else 0

    def start_agent_alone(self, fault=None, **more):
        """Without samara-launch, and with keys that are the agent's own (waiting times)."""
        config = os.path.join(self.dir, "agent.ini")
        with open(self.config, encoding="utf-8") as f:
            text = f.read()
        with open(config, "w", encoding="utf-8") as f:
            f.write(text.replace("[agent]\n", "[agent]\n" + "".join(f"{k.replace('_', '-')} = {v}\n" for k, v in more.items())))
        os.chmod(config, 0o644)
        argv = [self.world.bin("samara-m2me"), "--config", config]
        return Process(self.world, f"agent of m{self.number}", self.world.as_user(self.agent_uid, self.gid, argv),
                       os.path.join(self.world.logs, f"m{self.number}-agent.log"), fault)

    def ask(self, op, *arguments):
        """A call of the TRE's socket (tre/ipc.h)."""
        import cbor2
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.settimeout(5)
            s.connect(self.socket)
            s.send(cbor2.dumps([op, *arguments], canonical=True))
            return cbor2.loads(s.recv(8192))

    def status(self):
        """What the agent says of itself and of the TRE, or None."""
        done = self.agent("--status", "--json", ok=False)
        try:
            return json.loads(done.stdout)
        except ValueError:
            return None

    def agent(self, *words, ok=True, timeout=90):
        return self.world.command([self.world.bin("samara-m2me"), "--config", self.config, *words], self.agent_uid, gid=self.gid, ok=ok,
                                  timeout=timeout)


class World:
    """Everything of one run; use as a context."""
    addresses = set()  # devices that have an address of their own, in the network that all worlds of a process share

    def __init__(self, build, keep=False, replace=None):
        """@replace: {program: path}, another program in the place of one (tests/lib/mutants.py, faults.py)."""
        self.build = os.path.abspath(build)
        self.replace = replace or {}
        self.keep = keep
        self.closed = False
        self.root_user = os.getuid() == 0
        self.own_network = enter_own_network()
        self.processes, self.tpms = [], []
        self.mounts = []
        self.outputs = []  # of all commands, for who looks for what they should not say
        self.port = free_udp_port()
        self.root = tempfile.mkdtemp(prefix="samara-", dir="/tmp")
        atexit.register(self.close)
        os.chmod(self.root, 0o711)
        self.vendor = Vendor()  # of all TPMs
        self.tpm_roots = self.vendor.write_roots(os.path.join(self.root, "tpm-roots.pem"))
        self.logs = os.path.join(self.root, "logs")
        os.mkdir(self.logs, 0o700)
        self.copy_programs()

    def copy_programs(self):
        """The build directory may lie where other users cannot reach."""
        self.bin_dir = os.path.join(self.root, "bin")
        os.makedirs(self.bin_dir, 0o755, exist_ok=True)
        for path in ("cli/samara", "server/samarad", "auc/samara-auc", "tre/linux/samara-tre", "tre/linux/samara-launch", "m2me/samara-m2me",
                     "boot/samara-boot"):
            name = os.path.basename(path)
            if name == "samara-boot" and not os.path.exists(os.path.join(self.build, path)):
                continue  # built without tpm2-tss
            if os.path.exists(self.bin(name)):
                os.remove(self.bin(name))  # what runs goes on running
            copy_program(self.replace.get(name, os.path.join(self.build, path)), self.bin(name))

    def use(self, replace=None):
        """What is started from now on: the real programs, but for these."""
        self.replace = replace or {}
        self.copy_programs()

    def bin(self, name):
        return os.path.join(self.bin_dir, name)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.close(keep=kind is not None and bool(os.environ.get("SAMARA_KEEP")))

    def close(self, keep=False):
        """End all processes and remove all directories. Also at the end of the program, whatever happened."""
        if self.closed:
            return
        self.closed = True
        for process in reversed(self.processes):
            try:
                process.stop()
            except Failed:
                pass
        for tpm in self.tpms:
            tpm.stop()
        for path in self.mounts:
            subprocess.run(["umount", path], check=False)
        if self.keep or keep:
            print(f"kept: {self.root}")
        else:
            shutil.rmtree(self.root, ignore_errors=True)

    def mount_disk(self, path, size, uid):
        """A small disk at an empty directory, seen by this run alone; gone with its last process."""
        global _own_mounts
        if not _own_mounts:
            unshare(CLONE_NEWNS, "mount")
            # In a chroot / is no mount point: the disk may then be seen outside too, until it is unmounted at the end.
            subprocess.run(["mount", "--make-rprivate", "/"], check=False, stderr=subprocess.DEVNULL)
            _own_mounts = True
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700,uid={uid},gid={uid}", "samara", path], check=True)
        self.mounts.append(path)

    # ---- users ----

    def give(self, path, uid, gid=None):
        if self.root_user:
            os.chown(path, uid, gid if gid is not None else uid)

    def as_user(self, uid, gid, argv, groups=()):
        if not self.root_user or uid is None:
            return argv
        rest = ["--groups", ",".join(str(g) for g in groups)] if groups else ["--clear-groups"]
        return ["setpriv", f"--reuid={uid}", f"--regid={gid if gid is not None else uid}", *rest, *argv]

    def command(self, argv, uid, gid=None, groups=(), ok=True, timeout=120, **kwargs):
        done = subprocess.run(self.as_user(uid, gid, argv, groups), capture_output=True, text=True, stdin=kwargs.pop("stdin", subprocess.DEVNULL),
                              timeout=timeout, cwd=self.root, check=False, **kwargs)
        self.outputs.append(str(done.stdout) + str(done.stderr))
        if ok and done.returncode != 0:
            raise Failed(f"{' '.join(argv)}\nended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    # ---- players ----

    def player(self, name, role, number):
        return Player(self, name, role, UID_BASE + number)

    def waiting(self):
        """Octets in the receive buffer of samarad's socket."""
        with open("/proc/net/udp", encoding="ascii") as f:
            for line in f.readlines()[1:]:
                words = line.split()
                if int(words[1].split(":")[1], 16) == self.port:
                    return int(words[4].split(":")[1], 16)
        raise AssertionError("no such socket")

    def start_samarad(self, ro, fault=None, name="samarad", **options):
        """Write its configuration and start it. @name: of a further front end on the same store; it needs a port (listen__port) and a directory of its own."""
        further = name != "samarad"
        spool = os.path.join(self.root, f"spool-{name}" if further else "spool")
        if not os.path.isdir(spool):
            os.mkdir(spool)
            self.give(spool, ro.uid, SPOOL_GID)
            os.chmod(spool, 0o2770)
        sections = {"listen": {"address": "127.0.0.1", "port": self.port}, "relay": {"spool": spool, "interval": "1s"},
                    "status": {"socket": ro.path(name + ".sock")}}
        for key, value in options.items():
            section, word = key.split("__")
            sections.setdefault(section, {})[word.replace("_", "-")] = value
        config = os.path.join(self.root, name + ".ini")
        with open(config, "w", encoding="utf-8") as f:
            for section, keys in sections.items():
                f.write(f"[{section}]\n" + "".join(f"{k} = {v}\n" for k, v in keys.items()))
        os.chmod(config, 0o644)
        argv = self.as_user(ro.uid, None, [self.bin("samarad"), "--dir", ro.dir, "--config", config], groups=(SPOOL_GID,))
        log = os.path.join(self.logs, name + ".log")
        before = os.path.getsize(log) if os.path.exists(log) else 0
        server = Process(self, name, argv, log, fault, umask=0o007)
        if not further:
            self.spool = spool
            self.status_socket = ro.path("samarad.sock")
        server.wait_logged("samarad.ready", since=before)
        return server

    def live(self):
        """What the server says of itself, or None when it does not answer."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
                s.settimeout(2)
                s.connect(self.status_socket)
                return json.loads(s.recv(65536))
        except (OSError, ValueError, AttributeError):
            return None

    def counters(self):
        live = self.live()
        return live and live["counters"]

    def start_auc(self, auc, fault=None):
        run = os.path.join(self.root, "run-" + auc.name)
        if not os.path.isdir(run):
            os.mkdir(run, 0o750)
            self.give(run, auc.uid, HOSTAPD_GID)
        auc.sim_socket = os.path.join(run, "auc.sock")
        argv = [self.bin("samara-auc"), "run", "--dir", auc.dir, "--sim-socket", auc.sim_socket, "--spool", self.spool]
        if self.root_user:
            argv += ["--sim-group", str(HOSTAPD_GID)]
        argv = self.as_user(auc.uid, None, argv, groups=(SPOOL_GID, HOSTAPD_GID))
        log = os.path.join(self.logs, auc.name + ".log")
        before = os.path.getsize(log) if os.path.exists(log) else 0
        process = Process(self, auc.name, argv, log, fault, umask=0o007)
        process.wait_logged("samara-auc.ready", since=before)
        return process

    def vector(self, auc, imsi, timeout=5):
        """What hostapd would be given for this IMSI: (rand, autn, ik, ck, res), or None."""
        own = os.path.join(self.root, f"sim-{time.monotonic_ns()}")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.settimeout(timeout)
            s.bind(own)
            os.chmod(own, 0o666)
            try:
                s.sendto(f"AKA-REQ-AUTH {imsi}".encode(), auc.sim_socket)
                words = s.recv(1000).decode().split()
            finally:
                os.remove(own)
        return None if words[2:] == ["FAILURE"] else tuple(bytes.fromhex(w) for w in words[2:])

    # ---- EAP: Debian's hostapd and eapol_test ----

    def start_hostapd(self, auc, port):
        directory = os.path.join(self.root, "hostapd-" + auc.name)
        os.mkdir(directory, 0o755)

        def write(name, text):
            path = os.path.join(directory, name)
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
            os.chmod(path, 0o644)
            return path
        users = write("eap_user", "\"0\"*\tAKA\n\"6\"*\tAKA'\n")
        clients = write("radius_clients", "127.0.0.0/8 radiussecret\n")
        config = write("hostapd.conf", f"driver=none\nlogger_stdout=-1\nlogger_stdout_level=2\neap_server=1\neap_user_file={users}\n"
                       f"eap_sim_db=unix:{auc.sim_socket}\neap_sim_db_timeout=5\neap_sim_id=0\n"
                       f"radius_server_clients={clients}\nradius_server_auth_port={port}\n")
        argv = self.as_user(HOSTAPD_GID, HOSTAPD_GID, ["hostapd", config])
        process = Process(self, "hostapd of " + auc.name, argv, os.path.join(self.logs, f"hostapd-{auc.name}.log"), umask=0o007)
        process.wait_logged("AP-ENABLED")
        process.radius_port = port
        return process

    def authenticate(self, device, method, imsi, radius_port, timeout=15):
        """One full EAP authentication of a device; the agent serves as the SIM. Returns the running eapol_test."""
        ctrl = os.path.dirname(device.control)
        config = os.path.join(device.dir, f"eap-{method.replace(chr(39), 'p')}.conf")
        prefix = "6" if method == "AKA'" else "0"
        with open(config, "w", encoding="utf-8") as f:
            f.write(f"ctrl_interface={ctrl}\nexternal_sim=1\nnetwork={{\n\tkey_mgmt=WPA-EAP\n\teap={method}\n\tidentity=\"{prefix}{imsi}\"\n}}\n")
        os.chmod(config, 0o644)
        argv = self.as_user(device.agent_uid, device.gid, ["eapol_test", "-W", "-c", config, "-a", "127.0.0.1", "-p", str(radius_port),
                                                            "-s", "radiussecret", "-t", str(timeout)])
        # eapol_test prints session keys: its output is looked at and never written to a file.
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=device.agent_dir,
                                start_new_session=True)


def finish_eap(process, timeout=30):
    """Did it end in success, with equal keys on both sides?"""
    out, _ = process.communicate(timeout=timeout)
    return process.returncode == 0 and out.rstrip().endswith(b"SUCCESS")
