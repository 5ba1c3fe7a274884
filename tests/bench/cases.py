# SPDX-License-Identifier: Apache-2.0
"""The cases. Each takes what it stands on (Bench) and sets the figures that it is named for; figures.py has their bounds."""
import dataclasses
import json
import os
import statistics
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from figures import Figures  # noqa: E402
from ground import ECHO_WINDOW, QUIET, Failed, Ground, Ro, Server, stolen_seconds  # noqa: E402
from postgres import Postgres  # noqa: E402

WINDOW = 256  # requests outstanding in a closed loop: the batches that samarad has under way are full, and its socket holds no queue
BATCHES = 4   # full ones, that a worker of samarad has under way at most
PATIENCE_S = 1  # how long answers are waited for when more is asked for than can be answered
# PostgreSQL's own advice for its cache is a quarter of the memory; no more is needed for what is in this one.
PG_SETTINGS = {"shared_buffers": "1GB", "autovacuum": "on"}
RELAY_S = 1.5  # longer than samarad lets pass between two looks at what waits for the operators' files
FLOODS = 3  # kinds of them
FLOOD_S = 300  # longer than an honest run takes; it is told when to stop
M1_OCTETS = 180  # of the sealed part of what an attacker makes up


@dataclasses.dataclass
class Size:
    """How much is measured."""
    devices: int = 1_000_000  # in the store
    small: tuple = (10_000, 100_000)  # stores of other sizes, for the curve; the memory of the last is compared
    count: int = 20_000       # devices of one round of provisioning
    rounds: int = 3
    pairs: int = 11           # rounds beside a floor: short ones and many, because the machine is faster and slower in turns
    pair_count: int = 6_000
    pg_rounds: int = 5
    check_ins: int = 50_000   # of one round
    floor_s: float = 2
    echo_s: float = 1
    attest_s: float = 2
    speed_s: int = 1
    batches: tuple = (1, 2, 4, 8, 16, 32, 64)
    batch_count: int = 3_000
    loads: tuple = (10, 30, 50, 60, 70, 80, 90, 100, 110, 120)  # percent of the peak
    load_s: float = 2
    tail_s: float = 6         # of one round at 70 % of the peak, for the percentiles
    tails: int = 5
    tail_count: int = 12_000  # devices of the closed loop before each: some seconds, because the machine is faster and slower in turns
    quiet_s: float = 20       # how long at most a round waits for the machine
    sync_s: float = 2
    overload_s: float = 3
    overloads: int = 5
    peak_count: int = 8_000   # devices of each closed loop beside them
    attack_s: float = 2
    least_rate: int = 0       # live devices are stocked for at least so many a second: what little is measured at first may be far too low
    config: dict = dataclasses.field(default_factory=dict)  # of samarad, where it is not to be overloaded

    def live(self, rate):
        """How many devices all cases need that can fly, each once, at so many a second."""
        seconds = sum(percent / 100 * (self.tail_s * self.tails if percent == 70 else self.load_s) for percent in self.loads)
        seconds += self.overload_s * self.overloads + 2 * FLOODS * self.attack_s
        closed = self.count + self.pair_count * self.pairs + self.batch_count * len(self.batches) + self.tail_count * self.tails
        closed += self.peak_count * (self.overloads + 1)
        return closed + round(1.3 * max(rate, self.least_rate) * seconds)


QUICK = Size(devices=8000, small=(50, 200), count=50, rounds=1, pairs=2, pair_count=50, pg_rounds=1, check_ins=40, floor_s=0.4, echo_s=0.2,
             attest_s=0.2, batches=(1, 64), batch_count=40, loads=(50, 70, 100), load_s=0.1, tail_s=0.1, tails=1, tail_count=40, quiet_s=0.1,
             sync_s=0.1, overload_s=0.1, overloads=2, peak_count=50, attack_s=0.1, least_rate=8000,
             config={"overload__demand": "never", "overload__target_ms": 10000})  # however busy the machine is


class Bench:
    def __init__(self, ground: Ground, figures: Figures, size: Size):
        self.ground, self.figures, self.size = ground, figures, size
        self.floors, self.echoes = [], []
        self.peak = 0.0

    def server(self, ro, **config):
        return Server(ro, **self.size.config, **config)

    def floor(self):
        self.floors.append(self.ground.flight_floor(self.size.floor_s))
        return self.floors[-1]["loop"]

    def provision(self, server, count, *how):
        """Devices that never flew before: whoever holds its package gets a ticket alone, which is less work."""
        run = server.fleet("provision", "--count", count, *how, "--prepare", "--verify-after")
        if run["bad"]:
            raise Failed(f"{run['bad']} answers did not open or were not right: {run}")
        return run

    def closed(self, server, count, window=WINDOW):
        """A closed loop in which nothing may go wrong."""
        run = self.provision(server, count, "--window", window)
        if run["accepted"] != run["sent"]:
            raise Failed(f"not every device was provisioned: {run}")
        return run


def store_sizes(b):
    """Rate against devices in the store, on small stores; in the smallest all devices fly, and its size afterwards counts."""
    b.sizes = []
    for devices in b.size.small:
        ro = Ro(b.ground, f"ro-{devices}")
        ro.stock(devices, min(devices, b.size.count))
        with b.server(ro) as server:
            rate = b.closed(server, b.size.count)["rate"]
            b.sizes.append((devices, rate, server.rss()))
        if devices <= b.size.count:
            ro.checkpoint()
            b.figures.set("store.bytes_per_device_flown", ro.octets() / devices)
        ro.remove()


def stock(b):
    """The store that all else is measured on."""
    b.ro = Ro(b.ground, "ro")
    live = min(b.size.live(max(rate for _, rate, _ in b.sizes)), b.size.devices)
    b.figures.set("store.stock_s", b.ro.stock(b.size.devices, live))
    b.ro.checkpoint()
    b.figures.set("store.bytes_per_device", b.ro.octets() / b.size.devices)


def provisioning(b):
    """Rounds of the program between rounds of its floor."""
    b.speed = b.ground.openssl_speed(b.size.speed_s)
    runs = []
    with b.server(b.ro) as server:
        b.closed(server, b.size.count)
        memory(b, server)
        b.floor()
        for _ in range(b.size.pairs):
            runs.append(b.closed(server, b.size.pair_count))
            b.floor()
    flight_floor_figures(b)
    provision_figures(b, runs)


def beside(floors, values):
    """Each round's value and what it is compared with: the mean of the floors before and after it, which had the same machine."""
    return [((before + after) / 2, value) for before, after, value in zip(floors, floors[1:], values)]


def memory(b, server):
    """What samarad has grown by, after the same load, with so many more devices in its store."""
    small, _, small_rss = b.sizes[-1]
    rss = server.rss()
    b.figures.set("server.rss_bytes", rss)
    b.figures.set("server.rss_bytes_small", small_rss)
    b.figures.set("server.rss_bytes_per_device", max(0.0, (rss - small_rss) / (b.size.devices - small)))


def flight_floor_figures(b):
    loops = [f["loop"] for f in b.floors]
    b.figures.samples["floor.flight"] = b.floors
    b.figures.about["floor.flight_way"] = statistics.mode(f["fastest"] for f in b.floors)
    for name in ("import_e", "multiply_q", "import_d", "verify", "generate_f", "multiply_f"):
        b.figures.set(f"floor.{name}_us", statistics.median(loop.get(name + "_us", 0.0) for loop in loops))
    for name, value in b.speed.items():
        b.figures.set("openssl_speed." + name, value)
    b.figures.median("floor.flight_us", [loop["processor_us"] for loop in loops])
    b.figures.median("floor.flight_per_second", [loop["per_second"] for loop in loops])


def attestation(b):
    """What quoted evidence costs the server more than signed evidence, to read and to judge: medians of pairs of short turns."""
    runs = [b.ground.attestation(b.size.attest_s) for _ in range(b.size.rounds)]
    b.figures.samples["attest"] = runs
    b.figures.set("attest.us_plain", statistics.median(r["plain_us"] for r in runs))
    b.figures.median("attest.us_over_plain", [r["over_us"] for r in runs])


def provision_figures(b, runs):
    f, devices = b.figures, sum(r["accepted"] for r in runs)
    f.samples["provision"] = runs
    f.median("provision.cpu_us_per_device", [r["server_cpu_s"] / r["accepted"] * 1e6 for r in runs])
    f.median("provision.devices_per_second", [r["rate"] for r in runs])
    b.peak = f.values["provision.devices_per_second"]
    floors = [floor["loop"] for floor in b.floors]
    f.median("provision.cpu_ratio_to_floor", [floor / own for floor, own in
                                                 beside([loop["processor_us"] for loop in floors], f.samples["provision.cpu_us_per_device"])])
    f.median("provision.wall_ratio_to_floor", [own / floor for floor, own in
                                                  beside([loop["per_second"] for loop in floors], f.samples["provision.devices_per_second"])])
    for name in ("store_round_trips", "security_server_round_trips"):
        f.set(f"provision.{name}_per_device", sum(r["counted"][name] for r in runs) / devices)
    f.set("provision.commits_per_device", sum(r["counted"]["commits"] for r in runs) / devices)
    f.set("provision.datagrams_per_device", sum(r["datagrams_up"] + r["datagrams_down"] for r in runs) / devices)
    f.set("provision.bytes_up", sum(r["bytes_up"] for r in runs) / devices)
    f.set("provision.bytes_down", sum(r["bytes_down"] for r in runs) / devices)
    f.curves["rate_by_devices"] = [[devices, rate] for devices, rate, _ in b.sizes] + [[b.size.devices, b.peak]]


# ---- check-ins ----

def check_in(b, server):
    run = server.fleet("check-in", "--count", b.size.check_ins, "--window", ECHO_WINDOW, "--prepare", "--verify-after")
    if run["bad"] or run["accepted"] != run["sent"]:
        raise Failed(f"not every check-in was answered: {run}")
    return run


def check_ins(b):
    """Unchanged check-ins of devices that were provisioned, between rounds of the echo. In a first round they hand in their receipts, which the
    operator's file has before the others begin; in a second one the length of the datagrams is seen, which the echo shall have."""
    runs = []
    with b.server(b.ro) as server:
        receipts, second = check_in(b, server), check_in(b, server)
        up, down = second["bytes_up"] / second["sent"], second["bytes_down"] / second["answered"]
        server.settle(RELAY_S)
        b.echoes.append(b.ground.echo_floor(b.size.echo_s, up, down))
        for _ in range(b.size.pairs):
            runs.append(check_in(b, server))
            b.echoes.append(b.ground.echo_floor(b.size.echo_s, up, down))
    b.figures.set("checkin.with_receipt_cpu_us", receipts["server_cpu_s"] / receipts["accepted"] * 1e6)
    check_in_figures(b, runs, up, down)


def check_in_figures(b, runs, up, down):
    f, answered = b.figures, sum(r["accepted"] for r in runs)
    f.samples["checkin"] = runs
    f.samples["floor.echo"] = b.echoes
    f.median("floor.echo_us", [e["processor_us"] for e in b.echoes])
    f.median("floor.echo_per_second", [e["per_second"] for e in b.echoes])
    f.median("checkin.cpu_us", [r["server_cpu_s"] / r["accepted"] * 1e6 for r in runs])
    f.median("checkin.per_second", [r["rate"] for r in runs])
    f.median("checkin.cpu_ratio_to_udp_floor", [floor / own for floor, own in
                                                beside([e["processor_us"] for e in b.echoes], f.samples["checkin.cpu_us"])])
    f.set("checkin.store_round_trips_per_device", sum(r["counted"]["store_round_trips"] for r in runs) / answered)
    f.set("checkin.bytes_up", up)
    f.set("checkin.bytes_down", down)


# ---- curves ----

def batch_sizes(b):
    """Rate against how many datagrams samarad takes at a time."""
    curve = []
    for batch in b.size.batches:
        with b.server(b.ro, listen__batch=batch) as server:
            run = b.closed(server, b.size.batch_count, BATCHES * batch)
        curve.append([batch, run["rate"], run["server_cpu_s"] / run["accepted"] * 1e6])
    b.figures.curves["rate_by_batch"] = curve


def offered_load(b):
    """Latency against offered load, in an open loop: it counts from the moment at which a request was due."""
    curve = []
    with b.server(b.ro) as server:
        for percent in b.size.loads:
            rate = max(1.0, b.peak * percent / 100)
            b.ro.warm()
            run = tail(b, server) if percent == 70 else open_loop(b, server, rate, b.size.load_s)
            curve.append([percent, rate, run["rate"], run["latency_ms"]])
    b.figures.curves["latency_by_load"] = curve


def open_loop(b, server, rate, seconds):
    return b.provision(server, max(20, round(rate * seconds)), "--rate", round(rate, 1))


def tail(b, server):
    """The slowest at 70 % of the peak, in rounds between those of the disk alone, the store in memory at the start of each. Each round is 70 % of
    what the machine gave in a closed loop just before: minutes ago others may have left more of it. The bound is for the median of the rounds, as
    elsewhere; the worst one stands beside it, and the median of those in which a hypervisor kept next to nothing of the processor from samarad."""
    runs, disk = [], []
    for _ in range(b.size.tails):
        disk.append(b.ground.log_floor(b.size.sync_s))
        b.ro.warm()
        b.ground.wait_for_core(b.size.quiet_s)
        peak_now = b.closed(server, b.size.tail_count)["rate"]
        before = stolen_seconds(b.ground.server_cpu)
        run = open_loop(b, server, 0.7 * peak_now, b.size.tail_s)
        run["stolen"] = (stolen_seconds(b.ground.server_cpu) - before) / run["seconds"]
        runs.append(run)
    b.figures.samples["provision.at_70_percent"] = runs
    b.figures.samples["floor.log"] = disk
    b.figures.median("floor.log_p99_ms", [d["p99"] for d in disk])
    b.figures.median("provision.stolen_at_70_percent", [r["stolen"] for r in runs])
    undisturbed = [r["latency_ms"]["p99"] for r in runs if r["stolen"] <= QUIET]
    if undisturbed:
        b.figures.median("provision.p99_ms_at_70_percent_undisturbed", undisturbed)
    b.figures.set("provision.p99_ms_at_70_percent_worst", max(r["latency_ms"]["p99"] for r in runs))
    b.figures.median("provision.p99_ms_at_70_percent", [r["latency_ms"]["p99"] for r in runs])
    return sorted(runs, key=lambda r: r["latency_ms"]["p99"])[len(runs) // 2]


def overload(b):
    """Three times what it can do, in an open loop, in rounds between closed ones that show its peak; each with a samarad that was not loaded before."""
    peaks, runs = [peak(b)], []
    for _ in range(b.size.overloads):
        b.ground.wait_for_core(b.size.quiet_s)
        rate = 3 * peaks[-1]
        with Server(b.ro) as server:
            runs.append(b.provision(server, round(rate * b.size.overload_s), "--rate", round(rate, 1), "--patience", PATIENCE_S))
        peaks.append(peak(b))
    b.figures.samples["overload"] = runs
    b.figures.median("overload.peak_per_second", peaks)
    b.figures.median("overload.goodput_per_second", [run["rate"] for run in runs])
    b.figures.median("overload.goodput_ratio", [own / floor for floor, own in beside(peaks, [run["rate"] for run in runs])])


def peak(b):
    b.ground.wait_for_core(b.size.quiet_s)
    with b.server(b.ro) as server:
        return b.closed(server, b.size.peak_count)["rate"]


# ---- PostgreSQL ----

def postgresql(b):
    """Short rounds with the store in a PostgreSQL of this bench's own, on the same two cores and the same disk, in turns with SQLite; as many
    devices in both."""
    devices = b.size.small[-1]
    count = min(devices // (b.size.pg_rounds + 1), b.size.pair_count)
    server = Postgres("/var/tmp", **PG_SETTINGS)  # a disk that PostgreSQL's own user reaches
    stores = {"sqlite": Ro(b.ground, "ro-sqlite"), "pg": Ro(b.ground, "ro-pg", server.address())}
    rates = {name: [] for name in stores}
    for ro in stores.values():
        ro.stock(devices, count * (b.size.pg_rounds + 1))
    for _ in range(b.size.pg_rounds + 1):  # the first does not count
        for name, ro in stores.items():
            with b.server(ro) as samarad:
                rates[name].append(b.closed(samarad, count)["rate"])
    server.remove()
    b.figures.median("pg.devices_per_second", rates["pg"][1:])
    b.figures.median("pg.sqlite_devices_per_second", rates["sqlite"][1:])
    b.figures.set("pg.ratio_to_sqlite", ratio(b.figures.values["pg.devices_per_second"], b.figures.values["pg.sqlite_devices_per_second"]))


# ---- attack ----

def coap(path, payload, number):
    return b"\x42\x02" + struct.pack(">HH", number & 0xffff, number & 0xffff) + b"\xb1" + path + b"\xff" + payload


def forgeries(b):
    """{name: datagrams}: nothing that parses; first contacts for the present flight key that do not open; check-ins with tickets nobody gave."""
    status = json.loads(b.ground.run(b.ground.tool("samara"), "ro", "status", "--dir", b.ro.dir, "--json"))
    number = next(k["number"] for k in status["flight_keys"] if k["in_use"])
    points = b.ground.run(b.ground.tool("seal_bare"), "points", 128).replace("\n", ",").split(",")[:256]
    head = b"\x84\x01" + cbor_uint(number) + b"\x58\x21"
    flights = [coap(b"f", head + bytes.fromhex(p) + b"\x58" + bytes([M1_OCTETS]) + os.urandom(M1_OCTETS), i) for i, p in enumerate(points)]
    check_ins = [coap(b"c", b"\x83\x58\x62" + os.urandom(98) + b"\x44" + os.urandom(4) + b"\x53" + os.urandom(19), i) for i in range(256)]
    return {"malformed": [os.urandom(140) for _ in range(256)], "forged_flights": flights, "forged_check_ins": check_ins}


def cbor_uint(n):
    return bytes([n]) if n < 24 else b"\x18" + bytes([n]) if n < 256 else b"\x19" + struct.pack(">H", n) if n < 65536 else b"\x1a" + struct.pack(">I", n)


class Attack:
    """An attacker on the fleet's core, as a context."""

    def __init__(self, b, server, datagrams, seconds):
        path = os.path.join(b.ground.base, "datagrams")
        with open(path, "wb") as f:
            f.writelines(struct.pack(">H", len(d)) + d for d in datagrams)
        self.argv = ["taskset", "-c", str(b.ground.load_cpu), b.ground.tool("flood"), str(seconds), "0", "127.0.0.1",
                     str(server.port), path, "64"]

    def __enter__(self):
        self.child = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        return self

    def stop(self):
        self.child.terminate()

    def __exit__(self, kind, value, trace):
        if kind is not None:
            self.child.kill()
        self.result = json.loads(self.child.communicate()[0] or "{}")


def attack(b):
    """Honest devices at the rate of the peak, undisturbed and while somebody floods the server at line rate. `share` is the part of the core that
    the flood costs when it goes on alone, all precautions being taken: by so much, and no more, it may lower the goodput."""
    for name, datagrams in forgeries(b).items():
        with Server(b.ro) as server:
            calm = honest(b, server)
            with Attack(b, server, datagrams, FLOOD_S) as flood:
                under = honest(b, server)
                flood.stop()
            alone = flood_alone(b, server, datagrams)
        if not alone["taken"]:
            raise Failed(f"nothing of the flood was measured: {alone}")
        b.figures.samples["attack." + name] = [alone, calm, flood.result, under]
        b.figures.set(f"attack.{name}.per_second", alone["rate"])
        b.figures.set(f"attack.{name}.us_per_datagram", alone["us_per_datagram"])
        b.figures.set(f"attack.{name}.share", alone["share"])
        goodput = ratio(under["rate"], calm["rate"])
        b.figures.set(f"attack.{name}.goodput_ratio", goodput)
        b.figures.set(f"attack.{name}.loss_over_share", (1 - goodput) / alone["share"])


def ratio(a, b):
    return a / b if b else 0.0


def flood_alone(b, server, datagrams):
    """With the processor time of those datagrams that reached the server: the rest found its socket's buffer full."""
    cpu, taken, start = server.cpu(), server.counters()["datagrams_in"], time.monotonic()
    with Attack(b, server, datagrams, b.size.attack_s) as flood:
        pass
    server.settle()
    cpu, taken = server.cpu() - cpu, server.counters()["datagrams_in"] - taken
    return {**flood.result, "taken": taken, "us_per_datagram": ratio(cpu, taken) * 1e6, "share": cpu / (time.monotonic() - start)}


def honest(b, server):
    return b.provision(server, max(20, round(b.peak * b.size.attack_s)), "--rate", round(b.peak, 1), "--patience", PATIENCE_S)


# ---- ten million ----

def large(b):
    """Rate on a large store over that on one of 100,000 devices, in turns, devices in random order; warm, and from a cold start."""
    f = b.figures
    small, big = (stocked(b, devices) for devices in (min(100_000, b.size.devices // 2), b.size.devices))
    runs = {ro: [] for ro in (small, big)}
    for _ in range(b.size.rounds + 1):
        for ro, of in runs.items():
            ro.warm()
            of.append(one_round(b, ro))
    f.set("large.devices", big.devices)
    # The first round does not count.
    large_figures(f, "_small", runs[small][1:])
    large_figures(f, "", runs[big][1:])
    f.set("large.rate_ratio", f.values["large.rate"] / f.values["large.rate_small"])
    cold = []
    for _ in range(b.size.rounds):
        big.chill()
        cold.append(one_round(b, big))
    large_figures(f, "_cold", cold)
    f.set("large.rate_ratio_cold", f.values["large.rate_cold"] / f.values["large.rate_small"])


def large_figures(f, which, runs):
    """The rate, and what a flight costs: processor time of samarad's core, which has nothing else to do, and octets of the disk."""
    f.median(f"large.rate{which}", [r["rate"] for r in runs])
    f.median(f"large.cpu_us{which}", [r["server_cpu_s"] / r["accepted"] * 1e6 for r in runs])
    for name in ("disk_read", "disk_written"):
        f.median(f"large.{name}{which}", [r[name] / r["accepted"] for r in runs])


def stocked(b, devices):
    ro = Ro(b.ground, f"ro-{devices}")
    b.figures.set(f"large.stock_{devices}_s", ro.stock(devices, min(devices, b.size.count * (2 * b.size.rounds + 1))))
    ro.checkpoint()
    b.figures.set(f"large.store_bytes_per_device_{devices}", ro.octets() / devices)
    return ro


def one_round(b, ro):
    with b.server(ro) as server:
        return b.closed(server, b.size.count)
