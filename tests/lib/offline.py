# SPDX-License-Identifier: Apache-2.0
"""A small world without device processes: the test holds the devices' keys. For attacks on the real samarad and samara-auc."""
import contextlib
import os
import sqlite3

import record_file
import wire
from oracle import tpm
from world import World, eid, imei


class Offline:
    """Supplier, one operator with its AuC, RO with its server; devices by reference and one by certificate."""
    DEVICE, UDP = wire.Device, wire.Udp

    def __init__(self, build, devices=8, by_certificate=2, ro_disk=None, replace=None, gate=False, store=None, boot_log=None):
        """@boot_log: the devices have a TPM each, and this boot log is what the supplier approves. @store: address of the PostgreSQL that the RO's store is in. @gate: the shipments have gate keys. @ro_disk: give the RO's directory a disk of its own with so many octets. @replace: mutants, as for World."""
        self.world, self.gate = World(build, replace=replace), gate
        self.store = {"store__path": store} if store else {}
        names = (("supplier", "supplier"), ("op", "sho"), ("auc", "auc"), ("ro", "ro"))
        for number, (name, role) in enumerate(names, 1):
            setattr(self, name, self.world.player(name, role, number))
            if name == "ro" and ro_disk:
                self.world.mount_disk(self.ro.dir, ro_disk, self.ro.uid)
            getattr(self, name).init(*(["--store", store] if name == "ro" and store else []))
        self.supplier.trust(self.ro, self.op)
        self.op.trust(self.supplier, self.ro, self.auc)
        self.auc.trust(self.op, self.supplier, self.ro)
        self.ro.trust(self.supplier, self.op)
        self.boot_log = boot_log
        self.pcrs, self.measurement = tpm.replay(boot_log) if boot_log else (None, os.urandom(32))
        self.devices, self.keys = [], {}
        self.ship(1, range(1, devices + 1), load=True)
        if by_certificate:
            self.ship(2, range(devices + 1, devices + 1 + by_certificate), load=False)
        if boot_log:
            self.publish_log(boot_log)
        else:
            self.publish(self.measurement)

    # ---- what the players do ----

    def ship(self, number, members, load):
        shipment = self.make(number, members)
        self.hand_over(number, shipment if load else None)

    def make(self, number, members):
        """Devices, their shipment, and subscriptions sealed for them, which nobody has loaded yet. Returns the shipment's path."""
        rows = ["eid,imei,d,t"]
        for member in members:
            d, t = wire.Key(), wire.Key()
            device = self.DEVICE(bytes.fromhex(eid(member)), d, self.measurement)
            device.t, device.number = t, member
            device.quote = [*tpm.PLAIN[:5], self.pcrs] if self.boot_log else None
            self.devices.append(device)
            rows.append(f"{eid(member)},{imei(member)},{d.point.hex()},{t.point.hex()}")
        csv = self.write("devices.csv", "\n".join(rows) + "\n")
        self.supplier.run("shipment", "--number", str(number), "--csv", self.supplier.take(csv), "--anchor", self.supplier.take(self.op.card),
                          *(["--gate"] if self.gate else []), *(["--platform", "tpm"] if self.boot_log else []))
        shipment = self.supplier.path(f"shipment-{number}.smr")
        self.supplier.run("ship", "--number", str(number), "--out", shipment)
        self.seal(number, shipment, len(members))
        return shipment

    def gate_key(self, number):
        """Of a shipment: its devices have it too."""
        with contextlib.closing(sqlite3.connect(self.supplier.path("supplier.db"))) as db:
            return db.execute("SELECT gate FROM shipment WHERE number = ?", (number,)).fetchone()[0]

    def hand_over(self, number, shipment):
        """From the operator to its AuC and to the RO. @shipment: None, and the RO knows these devices by their certificates."""
        if shipment:
            self.ro.run("load", self.ro.take(shipment))
        self.ro.run("load", self.ro.take(self.op.path(f"batch-{number}.smr")))
        self.auc.run("load", self.auc.take(self.op.path(f"auc-{number}.smr")))

    def seal(self, number, shipment, count):
        self.op.run("make", "--count", str(count), "--imsi", f"00101{number:03d}0000001", "--iccid", f"898821{number:03d}000000001",
                    "--algorithm", "milenage", "--out", self.op.path(f"subscriptions-{number}.csv"))
        self.op.run("seal", "--shipment", self.op.take(shipment), "--subscriptions", self.op.path(f"subscriptions-{number}.csv"), *self.believed(),
                    "--ro", self.op.take(self.ro.card), "--auc", self.op.take(self.auc.card), "--out", self.op.path(f"batch-{number}.smr"),
                    "--auc-out", self.op.path(f"auc-{number}.smr"))

    def believed(self):
        """Whom the operator believes that keys are in TPMs, which the test holds: the supplier."""
        return ["--unendorsed"] if self.boot_log else []

    def reseal(self, number, device):
        """A new subscription for a device that has one, in a batch of its own. Returns what the RO is to load; the AuC has it."""
        out = [self.op.path(f"{name}-{number}.smr") for name in ("batch", "auc")]
        csv = self.op.path(f"subscriptions-{number}.csv")
        self.op.run("make", "--count", "1", "--imsi", f"00101{number:03d}0000001", "--iccid", f"898821{number:03d}000000001", "--algorithm", "milenage",
                    "--out", csv)
        self.op.run("seal", "--shipment", self.op.take(self.supplier.path("shipment-1.smr")), "--subscriptions", csv, "--reseal", device.eid.hex(),
                    *self.believed(), "--ro", self.op.take(self.ro.card), "--auc", self.op.take(self.auc.card), "--out", out[0], "--auc-out", out[1])
        self.auc.run("load", self.auc.take(out[1]))
        return self.ro.take(out[0])

    def publish(self, *measurements):
        rows = "".join(f"{m.hex()},1.{i}\n" for i, m in enumerate(measurements))
        csv = self.write("measurements.csv", "measurement,version\n" + rows)
        references = self.supplier.path("references.smr")
        if os.path.exists(references):
            os.remove(references)
        self.supplier.run("publish", "--csv", self.supplier.take(csv), "--out", references)
        self.ro.run("load", self.ro.take(references))
        self.auc.run("load", self.auc.take(references))

    def publish_log(self, log):
        references = self.supplier.path("references.smr")
        with open(references, "wb") as f:
            f.write(record_file.write(record_file.REFERENCES, 1, record_file.private_key(self.supplier), [], [[log, "1.0"]]))
        os.chown(references, self.supplier.uid, self.supplier.uid)
        self.ro.run("load", self.ro.take(references))
        self.auc.run("load", self.auc.take(references))

    def write(self, name, text):
        path = os.path.join(self.world.root, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def start(self, fault=None, **options):
        self.server = self.world.start_samarad(self.ro, fault, **self.store, **options)
        self.q = {number: point for number, point in self.flight_keys()}
        self.number = max(self.q)

    def flight_keys(self):
        """What the RO's file for suppliers holds: (number, Q)."""
        with open(self.ro.path("flight-keys.smr"), "rb") as f:
            for signed in record_file.records(f.read()):
                payload = wire.loads(signed[2])
                yield payload[1], payload[2]

    def stop(self):
        self.world.close()

    # ---- what a device does ----

    def udp(self, timeout=2.0):
        return self.UDP(self.world.port, timeout)

    def m1(self, device, **kwargs):
        return device.m1(self.q[self.number], self.number, **kwargs)

    def fly(self, device, udp=None, **kwargs):
        """A flight of this device: the map in M2, or None."""
        own = udp or self.udp()
        answer = own.ask("f", self.m1(device, **kwargs))
        if udp is None:
            own.close()
        if answer is None or answer[0] != "2.04":
            return answer and answer[0]
        return device.open_m2(answer[1])

    def unpack(self, device, package):
        """What the holder of t learns from a package; the device then has the subscription's key."""
        _, iccid, serial, x, _, _ = package
        content = wire.loads(wire.hpke_open(device.t, b"samara1 mcim", wire.dumps([self.operator_point(), device.eid, iccid, serial]), x))
        device.k, device.opc, device.package = content[2], content[3], (iccid, serial, wire.sha256(x))

    def install(self, device, m2):
        """What an honest TRE does with the package: the subscription's keys, and its receipt."""
        self.unpack(device, m2[1])
        iccid, serial, hash_x = device.package
        return [1, iccid, serial, 0, wire.install_mac(device.k, device.eid, iccid, serial, hash_x, device.hash_ev)]

    def operator_point(self):
        return record_file.card(self.op)[2]

    def check_in(self, device, report=None, udp=None, **kwargs):
        own = udp or self.udp()
        answer = own.ask("c", device.c1(report=report, **kwargs))
        if udp is None:
            own.close()
        if answer is None or answer[0] != "2.04":
            return answer and answer[0]
        return device.open_c2(answer[1])

    def subscription(self, device):
        wanted = device.eid.hex()
        return next(s for s in self.auc.json("status")["subscriptions"] if s["eid"] == wanted)
