# SPDX-License-Identifier: Apache-2.0
"""What measurements stand on: the machine, an RO with a stocked store, samarad held to one core, the fleet on another, and the floors.

Nothing here knows a key or speaks the protocol: programs are started, and their processor time, memory and counters are read.
"""
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import tempfile
import time

PROGRAMS = ("cli/samara", "server/samarad", "fleet/samara-fleet", "tests/bench/floor_flight", "tests/bench/floor_udp", "tests/bench/flood", "tests/bench/attest",
            "tests/bench/seal_bare")
SETTLE_S = 120  # at most, until a server is quiet
ECHO_WINDOW = 1024  # datagrams outstanding, of the echo as of check-ins: both take full batches
CLOCK_SCHED = 2  # of a process: all its threads, those that have ended too


LOG_OCTETS = 24_576  # that a commit of eight devices writes to the log
LOG_LENGTH = LOG_OCTETS * 1400  # store/sqlite/log.c
SYNC_EVERY_S = 0.004  # server/pace.h
QUIET = 0.01  # of a processor, taken by others: as if they were not there


class Failed(Exception):
    """A program did not do what it should."""


def processor_seconds(pid):
    """Of all threads of a process, to the nanosecond (the clock that clock_getcpuclockid gives)."""
    return time.clock_gettime((~pid << 3) | CLOCK_SCHED)


def stolen_seconds(cpu):
    """For which a hypervisor has kept a processor from us that was wanted, so far."""
    with open("/proc/stat", encoding="ascii") as f:
        fields = next(line.split() for line in f if line.startswith(f"cpu{cpu} "))
    return int(fields[8]) / os.sysconf("SC_CLK_TCK")


def disk_bytes(pid):
    """What a process has read from storage and made storage write, so far."""
    with open(f"/proc/{pid}/io", encoding="ascii") as f:
        io = dict(line.split(": ") for line in f)
    return int(io["read_bytes"]), int(io["write_bytes"])


def resident_bytes(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(r"^VmRSS:\s+(\d+) kB", f.read(), re.M)[1]) * 1024


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def output_of(*argv):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return done.stdout.strip()


def waits_between(syncs, every_s=0.0005):
    """Seconds that each of those waits who come evenly spaced, from his coming to the end of the first sync that begins after it."""
    waits, at = [], syncs[0][0]
    for begin, end in syncs:
        while at <= begin:
            waits.append(end - at)
            at += every_s
    return waits


def percentiles_ms(seconds):
    ordered = sorted(seconds)
    at = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
    return {**{name: 1e3 * ordered[int(share * (len(ordered) - 1))] for name, share in at.items()}, "max": 1e3 * ordered[-1]}


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        cpu = re.search(r"^model name\s*:\s*(.*)$", f.read(), re.M)
    return {"cpu": cpu[1] if cpu else platform.machine(), "cores": len(os.sched_getaffinity(0)), "kernel": platform.release(),
            "openssl": output_of("openssl", "version").split(" (")[0], "sqlite": output_of("sqlite3", "--version").split(" ")[0],
            "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")}


class Ground:
    """The programs of one build, two cores, and a directory on the build's own disk (a store in memory would not be durable)."""

    def __init__(self, build):
        self.build = os.path.abspath(build)
        cores = sorted(os.sched_getaffinity(0))
        self.server_cpu, self.load_cpu = cores[0], cores[-1]
        self.base = tempfile.mkdtemp(prefix="bench-", dir=self.build)
        # What the devices remember is no business of the disk under the store.
        self.memory = tempfile.mkdtemp(prefix="samara-bench-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else self.base)

        for name in PROGRAMS:
            shutil.copy(os.path.join(self.build, name), self.base)

    def close(self):
        for directory in (self.memory, self.base):
            shutil.rmtree(directory, ignore_errors=True)

    def tool(self, name):
        """The program as it was when the run began, whatever is built meanwhile."""
        return os.path.join(self.base, name)

    def run(self, *argv, cpu=None, seconds=900):
        """Run to its end; standard output. Its standard error is shown when it fails."""
        pin = ["taskset", "-c", str(cpu)] if cpu is not None else []
        done = subprocess.run([*pin, *(str(a) for a in argv)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=seconds, check=False)
        if done.returncode != 0:
            raise Failed(f"{' '.join(str(a) for a in argv)}\nended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def wait_for_core(self, most_s):
        """Until a second of work on samarad's core is taken away by a hundredth at most, or for @most_s seconds: nobody's latency is measured
        while somebody else has the processor. The share that was taken at last."""
        end = time.monotonic() + most_s
        while True:
            begin, stolen = time.monotonic(), stolen_seconds(self.server_cpu)
            self.flight_floor(min(1, most_s))
            share = (stolen_seconds(self.server_cpu) - stolen) / (time.monotonic() - begin)
            if share <= QUIET or time.monotonic() >= end:
                return share

    # ---- floors ----

    def flight_floor(self, seconds):
        return json.loads(self.run(self.tool("floor_flight"), seconds, cpu=self.server_cpu))

    def attestation(self, seconds):
        with tempfile.TemporaryDirectory(dir=self.base) as directory:
            return json.loads(self.run(self.tool("attest"), os.path.join(directory, "store.db"), seconds, cpu=self.server_cpu))

    def echo_floor(self, seconds, request, answer):
        return json.loads(self.run(self.tool("floor_udp"), seconds, round(request), round(answer), ECHO_WINDOW, self.server_cpu,
                                   self.load_cpu))

    def log_floor(self, seconds):
        """Milliseconds that whoever asks at any time waits until his octets are on the disk, if nothing but the disk took time: a log of the
        length at which samarad begins its own anew, written once and then overwritten and synchronised at the pace of its commits; in every
        stretch of it those who came too late for the sync under way wait for the next."""
        path = os.path.join(self.base, "log")
        octets, syncs, at = os.urandom(LOG_OCTETS), [], 0
        fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        try:
            os.write(fd, bytes(LOG_LENGTH))
            os.fsync(fd)
            end = time.monotonic() + seconds
            while (begin := time.monotonic()) < end:
                os.pwrite(fd, octets, at)
                os.fdatasync(fd)
                syncs.append((begin, time.monotonic()))
                at = (at + LOG_OCTETS) % LOG_LENGTH
                time.sleep(max(0.0, begin + SYNC_EVERY_S - syncs[-1][1]))
        finally:
            os.close(fd)
            os.remove(path)
        return percentiles_ms(waits_between(syncs))

    def openssl_speed(self, seconds):
        """Microseconds per operation, as `openssl speed` has them."""
        text = self.run("openssl", "speed", "-seconds", seconds, "ecdhp256", "ecdsap256", cpu=self.server_cpu)
        sign = re.search(r"ecdsa \(nistp256\)\s+\S+\s+\S+\s+([\d.]+)\s+([\d.]+)", text)
        ecdh = re.search(r"ecdh \(nistp256\)\s+\S+\s+([\d.]+)", text)
        return {"ecdh_us": 1e6 / float(ecdh[1]), "verify_us": 1e6 / float(sign[2]), "sign_us": 1e6 / float(sign[1])}


class Ro:
    """An RO's directory, and the state of its fleet. @store: where its store is, else the SQLite file in the directory."""

    def __init__(self, ground, name, store=None):
        self.ground, self.store = ground, store
        self.dir = os.path.join(ground.base, name)
        self.fleet_file = os.path.join(ground.memory, name + ".fleet")
        self.devices = self.live = self.next_live = 0
        ground.run(ground.tool("samara"), "ro", "init", "--dir", self.dir, "--name", name, *(["--store", store] if store else []))

    def stock(self, devices, live):
        """Devices in all, and how many of them can fly. Seconds it took."""
        start = time.monotonic()
        self.ground.run(self.ground.tool("samara-fleet"), "stock", "--ro", self.dir, "--fleet", self.fleet_file, "--devices", devices,
                        "--live", live, *(["--store", self.store] if self.store else []))
        self.devices, self.live = devices, live
        return time.monotonic() - start

    def remove(self):
        shutil.rmtree(self.dir)
        os.remove(self.fleet_file)

    def files(self):
        """The SQLite store's."""
        path = os.path.join(self.dir, "samara.db")
        return [p for p in (path, path + "-wal", path + "-shm") if os.path.exists(p)]

    def octets(self):
        return sum(os.path.getsize(path) for path in self.files())

    def checkpoint(self):
        """What is in the log goes into the database, and both files have their lasting sizes."""
        output_of("sqlite3", os.path.join(self.dir, "samara.db"), "pragma wal_checkpoint(truncate)")

    def warm(self):
        """All of the store is in the page cache, as on a machine that has the memory for it and serves nothing else: systems that take idle
        pages away would leave some rounds with reads from the disk and others without."""
        for path in self.files():
            with open(path, "rb", buffering=0) as f:
                while f.read(1 << 22):
                    pass

    def chill(self):
        """Nothing of the store is left in the page cache, as after a start of the machine."""
        for path in self.files():
            fd = os.open(path, os.O_RDONLY)
            os.fsync(fd)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)


class Server:
    """samarad on an RO's directory, as a context. @cpus: a list, else the server's core. Keys of samarad.ini as section__key=value."""

    def __init__(self, ro, cpus=None, **config):
        self.ro, self.ground = ro, ro.ground
        self.cpus = cpus or [ro.ground.server_cpu]
        self.port = free_port()
        self.config = {"listen__address": "127.0.0.1", "listen__port": self.port, "listen__threads": len(self.cpus), **config}
        if ro.store:
            self.config["store__path"] = ro.store

    def __enter__(self):
        ini = os.path.join(self.ground.base, "samarad.ini")
        with open(ini, "w", encoding="utf-8") as f:
            for key, value in self.config.items():
                section, name = key.split("__")
                f.write(f"[{section}]\n{name.replace('_', '-')} = {value}\n")
        self.log = os.path.join(self.ground.base, "samarad.log")
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(["taskset", "-c", ",".join(map(str, self.cpus)), self.ground.tool("samarad"), "--dir",
                                           self.ro.dir, "--config", ini], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + 60
        while self.counters() is None:
            if self.child.poll() is not None or time.monotonic() > end:
                self.child.kill()
                with open(self.log, encoding="utf-8", errors="replace") as f:
                    raise Failed("samarad does not start: " + f.read()[-1000:])
            time.sleep(0.02)
        return self

    def __exit__(self, *unused):
        self.child.terminate()
        try:
            self.child.wait(60)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise Failed("samarad did not end when asked to") from None

    def counters(self):
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
                s.settimeout(5)
                s.connect(os.path.join(self.ro.dir, "samarad.sock"))
                return json.loads(s.recv(65536))["counters"]
        except (OSError, ValueError, KeyError):
            return None

    def cpu(self):
        return processor_seconds(self.child.pid)

    def rss(self):
        return resident_bytes(self.child.pid)

    def disk(self):
        return disk_bytes(self.child.pid)

    def settle(self, seconds=0.05):
        """Wait until it has nothing left to do, for as long: a fiftieth of a core is what it takes to look for work."""
        before, end = -1.0, time.monotonic() + SETTLE_S
        while self.cpu() - before > 0.02 * seconds:
            if time.monotonic() > end:
                raise Failed(f"samarad has been busy with something else for {SETTLE_S} s")
            before = self.cpu()
            time.sleep(seconds)

    def fleet(self, do, *options):
        """One run of the fleet against this server: its report, with what samarad spent and counted meanwhile. How an overloaded server
        treats a fleet is what is measured: that some go unanswered is no failure."""
        before, cpu, disk = self.counters(), self.cpu(), self.disk()
        argv = [self.ground.tool("samara-fleet"), "run", "--fleet", self.ro.fleet_file, "--server", f"127.0.0.1:{self.port}", "--do", do,
                "--cpu", str(self.ground.load_cpu), "--json", "--quiet", *map(str, options)]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=600, check=False)
        try:
            result = json.loads(done.stdout)
        except ValueError:
            raise Failed(f"{' '.join(argv)}\nended with {done.returncode}\n{done.stdout}{done.stderr}") from None
        result["server_cpu_s"] = self.cpu() - cpu
        result["disk_read"], result["disk_written"] = (now - then for now, then in zip(self.disk(), disk))
        after = self.counters()
        result["counted"] = {name: after[name] - before[name] for name in after}
        return result
