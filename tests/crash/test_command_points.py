# SPDX-License-Identifier: Apache-2.0
"""The commands that move subscriptions and keys die before and after every file and transaction, and are repeated: sealing, loading at RO and AuC,
suspending, new flight keys. No subscription is assigned twice or to nobody, and no key is published that the RO does not hold."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import faults  # noqa: E402
import wire  # noqa: E402
from offline import Offline  # noqa: E402
from world import eid, imei  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")
OF_SQLITE = 1000 if os.environ.get("SAMARA_LONG") else 2  # of its writes of each kind, in make test


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.o = Offline(BUILD, devices=1, by_certificate=0, replace=faults.programs(BUILD))
        cls.addClassCleanup(cls.o.stop)
        cls.places, cls.deaths = {}, 0

    def mortal(self, name, number, player, *words, again=None, made=()):
        """Run a command that dies at the place of this number, where it has so many; then again, which has to succeed. The first time only find out
        which places there are. @again: the words of the repetition, where they are others. @made: files that are whole when the repetition says that
        they exist, since all was done at the death."""
        places = self.places.get(name)
        fault = faults.Fault(places[number] if places and number < len(places) else None)
        done = player.run(*words, ok=False, **fault.popen())
        names = fault.passed()
        fault.close()
        if places is None:
            self.places[name] = faults.thinned(faults.places(names), OF_SQLITE)
        if fault.place is not None:
            self.assertEqual(done.returncode, -9, f"{name} did not die at {fault.place}: {done.stderr}")
            type(self).deaths += 1
            done = player.run(*(again or words), ok=False)
            if made and all(map(os.path.exists, made)) and "exists already" in done.stderr:
                return
        self.assertEqual(done.returncode, 0, f"{name}, killed at {fault.place} and repeated: {done.stdout}{done.stderr}")

    def left(self, number):
        """Is there a command with a place that is still to be taken?"""
        return not self.places or number < max(map(len, self.places.values()))


class Subscriptions(Case):
    def ship(self, number):
        """A shipment of one device."""
        o, d, t = self.o, wire.Key(), wire.Key()
        rows = o.write("devices.csv", f"eid,imei,d,t\n{eid(number)},{imei(number)},{d.point.hex()},{t.point.hex()}\n")
        o.supplier.run("shipment", "--number", str(number), "--csv", o.supplier.take(rows), "--anchor", o.supplier.take(o.op.card))
        shipment = o.supplier.path(f"shipment-{number}.smr")
        o.supplier.run("ship", "--number", str(number), "--out", shipment)
        return shipment

    def life(self, number, place):
        o, shipment = self.o, self.ship(number)
        csv, batch, subscription = (o.op.path(f"{kind}-{number}") for kind in ("csv", "batch", "subscription"))
        o.op.run("make", "--count", "1", "--imsi", f"001010{number:09d}", "--iccid", f"898821000{number:09d}", "--algorithm", "milenage", "--out", csv)
        cards = ("--ro", o.op.take(o.ro.card), "--auc", o.op.take(o.auc.card))
        self.mortal("seal", place, o.op, "seal", "--shipment", o.op.take(shipment), "--subscriptions", csv, *cards, "--out", batch,
                    "--auc-out", subscription, made=(batch, subscription))
        self.mortal("load a shipment", place, o.ro, "load", o.ro.take(shipment))
        self.mortal("load a batch", place, o.ro, "load", o.ro.take(batch))
        self.mortal("load subscriptions", place, o.auc, "load", o.auc.take(subscription))
        return self.agree(number)

    def agree(self, number):
        rows = [s for s in self.o.auc.json("status")["subscriptions"] if s["eid"] == eid(number)]
        self.assertEqual(len(rows), 1)
        row = self.o.ro.json("status", "--eid", eid(number))
        self.assertEqual((row["state"], row["package"]["iccid"], row["package"]["serial"]), ("sealed", rows[0]["iccid"], rows[0]["serial"]))
        return rows[0]["iccid"]

    def suspend(self, number, place, iccid):
        """Killed between its files it has used their names up; under others it is simply repeated."""
        o = self.o
        words = ("suspend", "--iccid", iccid, "--auc", o.op.take(o.auc.card))
        files = [("--out", o.op.path(f"c{n}-{number}"), "--auc-out", o.op.path(f"a{n}-{number}")) for n in (1, 2)]
        self.mortal("suspend", place, o.op, *words, *files[0], again=(*words, *files[1]))
        used = files[1] if os.path.exists(files[1][1]) else files[0]
        o.auc.run("load", o.auc.take(used[3]))
        o.ro.run("load", o.ro.take(used[1]))
        self.assertEqual(o.ro.json("status", "--eid", eid(number))["commands_pending"], 1)

    def test_commands_killed_at_every_point_and_repeated_give_each_device_its_own_subscription(self):
        place = -1
        while self.left(place):
            number = 100 + place + 1
            self.suspend(number, place, self.life(number, place))
            place += 1
        iccids = [s["iccid"] for s in self.o.auc.json("status")["subscriptions"]]
        self.assertEqual(len(iccids), len(set(iccids)))
        self.assertTrue(all(self.places.values()), self.places)
        print(f"\n{self.deaths} deaths: {({name: len(places) for name, places in self.places.items()})}", file=sys.stderr)


class Keys(Case):
    def published(self, ro):
        self.o.ro, kept = ro, self.o.ro
        try:
            return {number for number, _ in self.o.flight_keys()}
        finally:
            self.o.ro = kept

    def test_rotation_killed_at_every_point_publishes_no_key_that_the_ro_does_not_hold(self):
        place = -1
        while self.left(place):
            ro = self.o.world.player(f"ro{place}", "ro", 4)
            ro.init()
            fault = faults.Fault(self.places["rotate"][place] if self.places else None)
            done = ro.run("rotate", "flight", "--now", ok=False, **fault.popen())
            self.places.setdefault("rotate", faults.thinned(faults.places(fault.passed()), OF_SQLITE))
            self.assertEqual(done.returncode, 0 if fault.place is None else -9, f"{fault.place}: {done.stderr}")
            held = {k["number"] for k in ro.json("status")["flight_keys"]}
            self.assertLessEqual(self.published(ro), held, "a key is published that nobody has")
            ro.run("rotate", "flight", "--now")
            self.assertEqual(self.published(ro), {k["number"] for k in ro.json("status")["flight_keys"]})
            place += 1
            fault.close()
        print(f"\n{place} deaths", file=sys.stderr)


if __name__ == "__main__":
    unittest.main()
