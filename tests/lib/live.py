# SPDX-License-Identifier: Apache-2.0
"""A small world with real devices: supplier, one operator with its AuC, RO, and TREs that made their keys themselves."""
import csv
import os

from world import Device, World, wait_until


class Live:
    """@shipments: one per entry, (algorithm, devices in it, known to the RO from the shipment). @agent: keys of the devices' [agent].
    @replace: mutants, as for World. @gate: the shipments have gate keys."""
    PLATFORM = ()  # words of «supplier shipment»: how the devices attest
    ENDORSED = ()  # words of «supplier enrol» and «sho seal»: who vouches for their TPMs

    def __init__(self, build, shipments=(("milenage", 1, True),), certificate="never", references=True, replace=None, gate=False, **agent):
        self.world, self.gate = World(build, replace=replace), gate
        names = (("supplier", "supplier"), ("op", "sho"), ("auc", "auc"), ("ro", "ro"))
        for number, (name, role) in enumerate(names, 1):
            setattr(self, name, self.world.player(name, role, number))
            getattr(self, name).init()
        self.supplier.trust(self.ro, self.op)
        self.op.trust(self.supplier, self.ro, self.auc)
        self.auc.trust(self.op, self.supplier, self.ro)
        self.ro.trust(self.supplier, self.op)
        self.devices, self.secrets = [], []
        for number, (algorithm, count, known) in enumerate(shipments, 1):
            self.ship(number, algorithm, count, known, certificate, agent)
        if references:
            self.publish()

    def make_device(self, number, certificate, agent):
        return Device(self.world, number, certificate, **agent)

    def write(self, name, text):
        path = os.path.join(self.world.root, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def ship(self, number, algorithm, count, known, certificate, agent):
        new = [self.make_device(len(self.devices) + i, certificate, agent) for i in range(1, count + 1)]
        self.devices += new
        rows = self.write("devices.csv", "eid,imei\n" + "".join(f"{d.eid},{d.imei}\n" for d in new))
        self.supplier.run("shipment", "--number", str(number), "--csv", self.supplier.take(rows), "--anchor", self.supplier.take(self.op.card),
                          *(["--gate"] if self.gate else []), *self.PLATFORM)
        keys = self.supplier.take(self.ro.path("flight-keys.smr"))
        for device in new:
            tre = device.start_tre_alone()
            self.supplier.run("enrol", "--number", str(number), "--eid", device.eid, "--tre", device.socket, "--flight-keys", keys, *self.ENDORSED,
                              groups=(device.gid,))
            tre.stop()
        shipment = self.supplier.path(f"shipment-{number}.smr")
        self.supplier.run("ship", "--number", str(number), "--out", shipment)
        self.seal(number, shipment, algorithm, count)
        if known:
            self.ro.run("load", self.ro.take(shipment))
        self.ro.run("load", self.ro.take(self.op.path(f"batch-{number}.smr")))
        self.auc.run("load", self.auc.take(self.op.path(f"auc-{number}.smr")))

    def seal(self, number, shipment, algorithm, count):
        rows = self.op.path(f"subscriptions-{number}.csv")
        self.op.run("make", "--count", str(count), "--imsi", f"00101{number:03d}0000001", "--iccid", f"898821{number:03d}000000001",
                    "--algorithm", algorithm, "--out", rows)
        self.op.run("seal", "--shipment", self.op.take(shipment), "--subscriptions", rows, *self.ENDORSED, "--ro", self.op.take(self.ro.card),
                    "--auc", self.op.take(self.auc.card), "--out", self.op.path(f"batch-{number}.smr"),
                    "--auc-out", self.op.path(f"auc-{number}.smr"))
        with open(rows, encoding="utf-8", newline="") as f:
            self.secrets += [bytes.fromhex(row[name]) for row in csv.DictReader(f) for name in ("k", "opc")]
        os.remove(rows)  # as the operator is told to

    def publish(self, extra=()):
        measurements = sorted({d.measurement() for d in self.devices} | set(extra))
        rows = self.write("measurements.csv", "measurement,version\n" + "".join(f"{m},1.{i}\n" for i, m in enumerate(measurements)))
        references = self.supplier.path("references.smr")
        if os.path.exists(references):
            os.remove(references)
        self.supplier.run("publish", "--csv", self.supplier.take(rows), "--out", references)
        for player in (self.ro, self.auc):
            player.run("load", player.take(references))

    def start(self, fault=None, **options):
        self.server = self.world.start_samarad(self.ro, fault, **options)
        return self.server

    def stop(self):
        self.world.close()

    def subscription(self, device):
        return next(s for s in self.auc.json("status")["subscriptions"] if s["eid"] == device.eid)

    def wait_active(self, *devices, timeout=20):
        for device in devices or self.devices:
            wait_until(f"activation of m{device.number}", lambda d=device: self.subscription(d)["state"] == "active", timeout, every=0.1)
