# SPDX-License-Identifier: Apache-2.0
"""A live world (live.py) for the turns in a device's life: one contact at a time, looked at from all sides, and what each player then does."""
import base64
import json
import os
import sqlite3
import subprocess

from live import Live
from world import wait_until

STATE, FLIGHT_START, AUTHENTICATE = 1, 4, 9
OK, SQN, ROLLBACK = 0, 0x30C, 0x307
COUNTER, RESEAL, LINEAGE = 3, 4, 5


class Lives(Live):
    """With its server and its AuC running. Devices have their TRE alone; the test makes each contact."""

    def __init__(self, build, devices=1, **more):
        super().__init__(build, shipments=(("milenage", devices, more.pop("known", True)),), **more)
        self.sealed = 0
        self.commanded = 0
        self.start()
        self.authority = self.world.start_auc(self.auc)

    # ---- devices ----

    def contact(self, device, what):
        """One contact through the real agent; what it says of it."""
        return json.loads(device.agent("--once", what, "--json", ok=False).stdout)

    def fly(self, device):
        return self.contact(device, "flight")

    def install(self, device):
        """Flight and check-in, to the activation."""
        assert self.fly(device)["installed"]
        assert self.contact(device, "check-in")["result"] == "accepted"
        self.wait_active(device)

    def mcims(self, device):
        return device.ask(STATE)[-1]

    def vector(self, device):
        return self.world.vector(self.auc, self.subscription(device)["imsi"])

    # ---- what the players see ----

    def row(self, device):
        return self.ro.json("status", "--eid", device.eid)

    def subscriptions(self, device):
        """All of this device at the AuC, oldest first."""
        return sorted((s for s in self.auc.json("status")["subscriptions"] if s["eid"] == device.eid), key=lambda s: s["serial"])

    def subscription(self, device):
        return self.subscriptions(device)[-1]

    def wait_state(self, device, state, why=""):
        """Of the newest subscription at the AuC."""
        def there():
            s = self.subscription(device)
            return s["state"] == state and why in s["why"]
        wait_until(f"m{device.number} {state} {why}", there, 60, every=0.1)

    def wait_row(self, device, state):
        wait_until(f"the row of m{device.number}: {state}", lambda: self.row(device)["state"] == state, 60, every=0.1)

    def wait_reseal(self, device, why):
        """The operator sees that it has to seal anew, and why."""
        def there():
            return any(s["reseal"] and why in s["why"] for s in self.subscriptions(device))
        wait_until(f"«{why}» for m{device.number}", there, 60, every=0.1)

    # ---- what the players do ----

    def shipment(self, number=1):
        return self.supplier.path(f"shipment-{number}.smr")

    def seal_words(self, device, how, number):
        """Words of «sho seal» for one device with a fresh subscription."""
        self.sealed += 1
        n = self.sealed
        rows = self.op.path(f"more-{n}.csv")
        self.op.run("make", "--count", "1", "--imsi", f"00101990{n:07d}", "--iccid", f"898829{n:012d}", "--algorithm", "milenage", "--out", rows)
        return ["seal", "--shipment", self.op.take(self.shipment(number)), "--subscriptions", rows, how, device.eid,
                *self.ENDORSED, "--ro", self.op.take(self.ro.card), "--auc", self.op.take(self.auc.card), "--out", self.op.path(f"more-batch-{n}.smr"),
                "--auc-out", self.op.path(f"more-auc-{n}.smr")]

    def seal_anew(self, device, how="--reseal", number=1):
        """Sealed, carried and loaded."""
        self.op.run(*self.seal_words(device, how, number))
        self.auc.run("load", self.auc.take(self.op.path(f"more-auc-{self.sealed}.smr")))
        return self.ro.run("load", "--remove", self.ro.take(self.op.path(f"more-batch-{self.sealed}.smr")))

    def withdraw(self, *which):
        """The two files: for the RO, for the AuC."""
        self.commanded += 1
        files = [self.op.path(f"withdrawn-{self.commanded}-{to}.smr") for to in ("ro", "auc")]
        self.op.run("withdraw", *which, "--auc", self.op.take(self.auc.card), "--out", files[0], "--auc-out", files[1])
        return files

    def operator_key(self):
        """The operator's own signature key, for packages that its programs would not make."""
        import wire
        with open(self.op.path("keys/sign.key"), encoding="ascii") as f:
            return wire.Key.from_scalar(base64.b64decode(f.read().split("\n")[1]))

    def sql(self, player, database, statement, *values):
        """Straight into a player's database, as bit rot or a dishonest player would."""
        with sqlite3.connect(player.path(database), timeout=20) as db:
            rows = db.execute(statement, values).fetchall()
        db.close()
        return rows

    def package(self, device):
        """X as the RO has it."""
        return self.sql(self.ro, "samara.db", "SELECT p.x FROM package p JOIN device d ON d.package = p.slot WHERE d.eid = ?",
                        bytes.fromhex(device.eid))[0][0]

    def put_package(self, device, package):
        """Another package than the operator's batch brought: [operator, iccid, serial, x, w, order]."""
        self.sql(self.ro, "samara.db", "UPDATE package SET x = ?, w = ? WHERE slot = (SELECT package FROM device WHERE eid = ?)",
                 package[3], package[4], bytes.fromhex(device.eid))
        self.sql(self.ro, "samara.db", "UPDATE device SET revision = revision + 1, iccid = ?, serial = ?, state = 1, has_x = 1 WHERE eid = ?",
                 package[1], package[2], bytes.fromhex(device.eid))

    def kem_point(self, device):
        """T, as its supplier certified it."""
        return self.sql(self.supplier, "supplier.db", "SELECT t FROM device WHERE eid = ? ORDER BY number DESC", bytes.fromhex(device.eid))[0][0]

    # ---- images of a device ----

    def image(self, device, name):
        """A copy of the TRE's whole directory, as an imaging tool makes one."""
        path = os.path.join(device.dir, name)
        subprocess.run(["cp", "-a", device.tre_dir, path], check=True)
        return path

    def put_back(self, device, image, *names):
        """The image, or these files of it, into the place of what is there."""
        if names:
            for name in names:
                subprocess.run(["cp", "-a", os.path.join(image, name), os.path.join(device.tre_dir, name)], check=True)
            return
        subprocess.run(["rm", "-rf", device.tre_dir], check=True)
        subprocess.run(["cp", "-a", image, device.tre_dir], check=True)

    def reset(self, device):
        """A factory reset: the directory is moved away. Returns where it is now."""
        old = device.tre_dir + ".old"
        os.rename(device.tre_dir, old)
        os.mkdir(device.tre_dir, 0o700)
        self.world.give(device.tre_dir, device.tre_uid, device.gid)
        return old

    def enrol_anew(self, device, number):
        """At the supplier, after a reset: a later shipment, new keys. The TRE runs on."""
        rows = self.write("renewed.csv", f"eid,imei\n{device.eid},{device.imei}\n")
        self.supplier.run("shipment", "--number", str(number), "--csv", self.supplier.take(rows), "--anchor", self.supplier.take(self.op.card),
                          "--re-enrol", *self.PLATFORM)
        tre = device.start_tre_alone()
        self.supplier.run("enrol", "--number", str(number), "--eid", device.eid, "--tre", device.socket, "--flight-keys",
                          self.supplier.take(self.ro.path("flight-keys.smr")), *self.ENDORSED, groups=(device.gid,))
        self.supplier.run("ship", "--number", str(number), "--out", self.shipment(number))
        return tre
