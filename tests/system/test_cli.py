# SPDX-License-Identifier: Apache-2.0
"""samara as a black box: the whole way of the files between the players, what it refuses, and what a kill leaves behind.

Devices are rows of a CSV file with keys made here, but for one test that enrols a real samara-tre. Everything happens in one temporary
directory per test class. Shipment numbers ascend, so where it matters the names of tests say their order.
"""
import base64
import fcntl
import glob
import json
import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
import unittest

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

sys.path.insert(0, os.path.join(os.environ.get("SAMARA_SOURCE", "."), "tests", "lib"))
from place import AUC, BUILD, SAMARA, Place, point, run, wrong  # noqa: E402
from world import eid, imei, luhn  # noqa: E402

TRE = os.path.join(BUILD, "tre", "linux", "samara-tre")
ROOT = os.geteuid() == 0
TRE_UID = 61060

COMMANDS = ["supplier init", "supplier trust", "supplier shipment", "supplier enrol", "supplier ship", "supplier publish", "supplier release", "supplier status",
            "subscriber init", "subscriber trust", "subscriber order", "sho init", "sho trust", "sho make", "sho import", "sho seal", "sho suspend",
            "sho resume", "sho withdraw", "sho status", "ro init", "ro trust", "ro load", "ro status", "ro rotate", "ro tickets", "ro revoke"]


class Help(unittest.TestCase):
    def test_help_of_every_command_explains_it(self):
        for command in COMMANDS:
            done = run(SAMARA, *command.split(), "--help")
            self.assertEqual(done.returncode, 0, command)
            self.assertIn(f"Usage: samara {command}", done.stdout)
            self.assertIn("--dir DIR", done.stdout)

    def test_help_of_the_program_names_every_command(self):
        listed = re.findall(r"^  (\w+ \w+) ", run(SAMARA, "--help").stdout, re.M)
        self.assertEqual(listed, COMMANDS)

    def test_usage_wrong_is_code_2(self):
        for words in ([], ["ro"], ["ro", "fly"], ["ro", "load"], ["sho", "make", "--dir", "x"], ["ro", "status", "--dir"]):
            done = run(SAMARA, *words)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn("--help", done.stderr)


class Parties(Place):
    def test_init_twice_is_refused(self):
        for role in ("supplier", "subscriber", "sho", "ro"):
            self.refused(1, "holds a player already", SAMARA, role, "init", "--dir", self.path(role), "--name", "x")

    def test_init_name_empty_is_wrong_usage(self):
        self.refused(2, "name has 1 to 64", SAMARA, "sho", "init", "--dir", self.path("nobody"), "--name", "")

    def test_directory_of_another_role_is_refused(self):
        self.refused(1, "not the directory of a player of role sho", SAMARA, "sho", "status", "--dir", self.path("ro"))

    def test_trust_goes_by_the_fingerprint(self):
        other = json.loads(self.good(SAMARA, "sho", "init", "--dir", self.path("sho2"), "--name", "Other «x» \"y\"", "--json"))
        self.assertEqual(other["name"], "Other «x» \"y\"")
        card = other["card"]
        words = [SAMARA, "ro", "trust", "--dir", self.path("ro"), card]
        self.refused(2, "give --fingerprint HEX or --yes", *words)
        self.refused(3, "is not the one given", *words, "--fingerprint", "00" * 32)
        self.refused(3, "is not the one given", *words, "--fingerprint", other["fingerprint"][:-1])
        before = sorted(os.listdir(self.path("ro", "trust")))
        self.refused(1, "it is not a card", SAMARA, "ro", "trust", "--dir", self.path("ro"), "--yes", card, __file__)
        self.assertEqual(sorted(os.listdir(self.path("ro", "trust"))), before)
        self.assertIn(other["fingerprint"], self.good(*words, "--fingerprint", other["fingerprint"].upper()))
        self.good(*words, "--yes")  # once more changes nothing
        self.assertEqual(len(os.listdir(self.path("ro", "trust"))), len(before) + 1)

    def test_modes_of_files_keep_others_out(self):
        for role in ("supplier", "sho"):  # these make their databases when they first need them
            self.good(SAMARA, role, "status", "--dir", self.path(role))
        for role in ("supplier", "subscriber", "sho", "ro", "auc"):
            self.assertEqual(stat.S_IMODE(os.stat(self.path(role)).st_mode), 0o700)
        private = glob.glob(self.path("*", "keys", "*"))
        for role in ("supplier", "sho", "ro"):
            private += glob.glob(self.path(role, "*.db*"))
        self.assertGreater(len(private), 8)
        for path in private:
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600, path)

    def test_init_of_ro_interrupted_is_taken_up_again(self):
        directory = self.path("ro-again")
        self.good(SAMARA, "ro", "init", "--dir", directory, "--name", "again")
        root = self.read(directory, "keys", "root.key")
        for name in ("flight-keys.smr", "samarad.ini", "samara.db"):
            os.remove(os.path.join(directory, name))
        self.good(SAMARA, "ro", "init", "--dir", directory, "--name", "again")
        self.assertEqual(self.read(directory, "keys", "root.key"), root)
        self.refused(1, "holds a player already", SAMARA, "ro", "init", "--dir", directory, "--name", "again")


class Flow(Place):
    """Everything that happens without a device, from the list of devices to the commands."""

    def test_files_go_all_the_way(self):
        shipment = self.ship(1, range(1, 7), "--owner", self.cards["subscriber"])
        orders = self.path("orders.smr")
        self.good(SAMARA, "subscriber", "order", "--dir", self.path("subscriber"), "--operator", self.cards["sho"], "--shipment", shipment,
                  "--out", orders)
        subs = self.make("subs-1.csv", 6, 1, "tuak")
        self.good(*self.seal_words(shipment, subs, 1, "--orders", orders, "--orders", orders, "--jobs", 3))  # twice is no harm
        approved = self.write("approved.csv", f"measurement,version\n{'ab' * 32},1.0\n{'cd' * 32},\"1, second\"\n")
        references = self.path("references.smr")
        self.good(SAMARA, "supplier", "publish", "--dir", self.path("supplier"), "--csv", approved, "--out", references)
        ro = [SAMARA, "ro", "load", "--dir", self.path("ro")]
        self.good(*ro, shipment, self.path("batch-1.smr"), references)
        self.good(AUC, "load", "--dir", self.path("auc"), self.path("auc-1.smr"), references)
        self.assertEqual(self.good(*ro, shipment, references).count("loaded before, nothing to do"), 2)

        status = self.ro()
        self.assertEqual((status["devices"], status["states"]["sealed"], status["references"]), (6, 6, 2))
        self.assertIsNone(status["server"])
        lines = json.loads(self.good(AUC, "status", "--dir", self.path("auc"), "--json"))["subscriptions"]
        self.assertEqual({(s["eid"], s["iccid"], s["imsi"], s["serial"]) for s in lines},
                         {(s["eid"], s["iccid"], s["imsi"], s["serial"]) for s in self.sealed()})
        self.assertEqual([s["eid"] for s in self.sealed()], [eid(n) for n in range(1, 7)])
        self.assertEqual([s["serial"] for s in self.sealed()], list(range(1, 7)))
        self.assertTrue(all(s["order"] for s in self.sealed()))
        self.commands(ro)
        self.reseal(ro, shipment, orders)

    def commands(self, ro):
        iccid = self.sealed()[0]["iccid"]
        for i, (action, state) in enumerate((("suspend", "suspended"), ("resume", "inactive")), 1):
            self.good(SAMARA, "sho", action, "--dir", self.path("sho"), "--iccid", iccid, "--auc", self.cards["auc"], "--out",
                      self.path(f"commands-{i}.smr"), "--auc-out", self.path(f"auc-c{i}.smr"))
            self.good(*ro, self.path(f"commands-{i}.smr"))
            self.good(AUC, "load", "--dir", self.path("auc"), self.path(f"auc-c{i}.smr"))
            one = json.loads(self.good(SAMARA, "sho", "status", "--dir", self.path("sho"), "--iccid", iccid, "--json"))
            self.assertEqual(one["subscriptions"][0]["command"], action)
            self.assertEqual(self.ro("--eid", eid(1))["commands_pending"], 1)  # the later one replaces the earlier one
        # An older command comes too late: the file is refused whole.
        self.good(SAMARA, "sho", "suspend", "--dir", self.path("sho"), "--iccid", iccid, "--auc", self.cards["auc"], "--out",
                  self.path("commands-3.smr"), "--auc-out", self.path("auc-c3.smr"))
        self.refused(1, "exists already", SAMARA, "sho", "suspend", "--dir", self.path("sho"), "--iccid", iccid, "--auc",
                     self.cards["auc"], "--out", self.path("commands-3.smr"), "--auc-out", self.path("auc-c4.smr"))
        self.refused(1, "was not sealed for any device", SAMARA, "sho", "suspend", "--dir", self.path("sho"), "--iccid",
                     luhn("898820999999999999"), "--auc", self.cards["auc"], "--out", self.path("c"), "--auc-out", self.path("a"))

    def reseal(self, ro, shipment, orders):
        fresh = self.make("subs-2.csv", 2, 100, "milenage")
        words = self.seal_words(shipment, fresh, 2, "--orders", orders)
        self.assertIn("nothing to seal: 6 devices", self.good(*words))
        self.assertFalse(os.path.exists(self.path("batch-2.smr")))
        self.assertIn("1 subscriptions sealed", self.good(*words, "--reseal", eid(2)))
        live = [s for s in self.sealed() if s["eid"] == eid(2)]
        self.assertEqual([(s["live"], s["serial"]) for s in live], [(False, 2), (True, 7)])
        self.good(*ro, self.path("batch-2.smr"))
        self.assertEqual(self.ro("--eid", eid(2))["package"]["serial"], 7)

    def test_rotate_makes_the_next_keys(self):
        before = self.ro()["flight_keys"]
        self.good(SAMARA, "ro", "rotate", "--dir", self.path("ro"), "flight", "--count", "2", "--epoch-length", "2h")
        self.good(SAMARA, "ro", "rotate", "--dir", self.path("ro"), "flight", "--now")
        self.good(SAMARA, "ro", "rotate", "--dir", self.path("ro"), "shelf")
        keys = self.ro()["flight_keys"]
        self.assertEqual([k["kind"] for k in keys], ["shelf", "epoch", "epoch", "epoch", "epoch", "shelf"])
        self.assertEqual(keys[:2], before)
        self.assertEqual(keys[2]["from"], keys[1]["until"])
        self.assertEqual(keys[3]["from"], keys[2]["until"])
        self.assertTrue(keys[4]["in_use"] and keys[5]["in_use"] and not keys[2]["in_use"])
        numbers = [k["number"] for k in keys]
        self.assertEqual(numbers, sorted(set(numbers)))
        self.refused(2, "what rotates", SAMARA, "ro", "rotate", "--dir", self.path("ro"), "ticket")
        shutil.copy(self.path("sho", "keys", "sign.key"), self.path("other-root.key"))
        self.refused(3, "not the root", SAMARA, "ro", "rotate", "--dir", self.path("ro"), "flight", "--root", self.path("other-root.key"))

    def test_ticket_classes_are_shown_and_replaced(self):
        words = (SAMARA, "ro", "tickets", "--dir", self.path("ro"))
        before = json.loads(self.good(*words, "--json"))
        self.assertEqual([(c["number"], c["up_to_s"], c["retired"]) for c in before],
                         [(0, 86400, False), (1, 3600, False), (2, 604800, False), (3, 4294967295, False)])
        self.assertIn("class 1, for intervals up to 1h: epochs of 6h, a flight after 28 of them (7d)", self.good(*words))
        for _ in range(2):  # the second time nothing is left to do
            text = self.good(*words, "--up-to", "1h", "--epoch", "2h", "--lifetime", "90")
        self.assertIn("class 4, for intervals up to 1h: epochs of 2h, a flight after 90 of them (180h)", text)
        self.assertIn("28 of them (7d); replaced", text)
        self.assertIn("for all longer intervals: epochs of 10d", self.good(*words, "--epoch", "10d", "--lifetime", "9"))
        self.refused(2, "needs --epoch and --lifetime", *words, "--up-to", "2h")
        self.refused(2, "lifetime", *words, "--epoch", "2h", "--lifetime", "121")

    def test_revoke_and_undo(self):
        self.refused(1, "is not known", SAMARA, "ro", "revoke", "--dir", self.path("ro"), "--eid", eid(999))
        shipment = self.ship(50, [900], "--anchor", self.cards["sho"])
        self.good(SAMARA, "ro", "load", "--dir", self.path("ro"), shipment)
        self.good(SAMARA, "ro", "revoke", "--dir", self.path("ro"), "--eid", eid(900))
        self.assertTrue(self.ro("--eid", eid(900))["revoked"])
        self.good(SAMARA, "ro", "revoke", "--dir", self.path("ro"), "--eid", eid(900), "--undo")
        self.assertFalse(self.ro("--eid", eid(900))["revoked"])


class Devices(Place):
    """Bad lists of devices: line and column are named, and nothing is made."""

    def take(self, text, *bound, number=7):
        path = self.write("bad.csv", text)
        return [SAMARA, "supplier", "shipment", "--dir", self.path("supplier"), "--number", number, "--csv", path,
                *(bound or ("--anchor", self.cards["sho"]))]

    def none_made(self):
        out = json.loads(self.good(SAMARA, "supplier", "status", "--dir", self.path("supplier"), "--json"))
        self.assertNotIn(7, [s["number"] for s in out["shipments"]])

    def test_lists_bad_name_line_and_column(self):
        p, q = point(), point()
        ok = f"{eid(1)},{imei(1)},{p},{q}\n"
        head = "eid,imei,d,t\n"
        cases = [
            (head + ok + f"{wrong(eid(2))},{imei(2)},,\n", r"bad.csv:3: column eid: the check digit is wrong"),
            (head + ok + f"{eid(2)},{wrong(imei(2))},,\n", r"bad.csv:3: column imei: the check digit is wrong"),
            (head + ok + f"{eid(2)[:-1]},,,\n", r"bad.csv:3: column eid: an EID has 32 digits"),
            (head + ok + f"{eid(2)},12345,,\n", r"bad.csv:3: column imei: an IMEI has 15"),
            (head + ok + f"{eid(1)},{imei(2)},,\n", r"bad.csv:3: column eid: the identity occurs twice"),
            (head + ok + f"{eid(2)},{imei(1)},,\n", r"bad.csv:3: column imei: the identity occurs twice"),
            (head + ok + f"{eid(2)},,{p},{point()}\n", r"bad.csv:3: column d: the identity occurs twice"),
            (head + ok + f"{eid(2)},,{point()},{q}\n", r"bad.csv:3: column t: the identity occurs twice"),
            (head + f"{eid(2)},,{p},{p}\n", r"bad.csv:2: column t: d and t are the same key"),
            (head + f"{eid(2)},,{p},\n", r"bad.csv:2: column t: d and t are given together"),
            (head + f"{eid(2)},,02{'ff' * 32},{q}\n", r"bad.csv:2: column d: the public key is not a valid point"),
            (head + f"{eid(2)},,zz,{q}\n", r"bad.csv:2: column d: a point is"),
            (head + f"{eid(2)},,,,\n", r"bad.csv:2: 5 columns instead of 4"),
            ("eid,colour\n", r"bad.csv:1: unknown column"),
            ("imei\n", r"bad.csv:1: column eid is missing"),
            (head, r"no device in the file"),
            ("", r"bad.csv:1: the header line is missing"),
        ]
        for text, pattern in cases:
            self.refused(1, pattern, *self.take(text))
            self.none_made()
        self.good(*self.take(head + ok))  # the number was not spent

    def test_trust_of_a_shipment_has_to_be_said(self):
        text = f"eid\n{eid(1)}\n"
        self.refused(2, "--owner CARD", *self.take(text, "--gate", "--re-enrol", number=8))
        self.refused(2, "not both", *self.take(text, "--owner", self.cards["subscriber"], "--anchor", self.cards["sho"], number=8))
        self.refused(1, "not the card of a party of role subscriber", *self.take(text, "--owner", self.cards["sho"], number=8))
        self.good(SAMARA, "sho", "init", "--dir", self.path("stranger"), "--name", "stranger")
        self.refused(3, "is not that of a trusted sho", *self.take(text, "--anchor", self.path("stranger", "sho.card"), number=8))

    def test_numbers_of_shipments_ascend(self):
        self.ship(20, [40], "--anchor", self.cards["sho"])
        text = f"eid\n{eid(41)}\n"
        self.refused(1, "there is a shipment 20 already", *self.take(text, number=20))
        self.refused(3, "numbers ascend", *self.take(text, number=19))

    def test_ship_refuses_devices_not_enrolled_and_names_one(self):
        self.good(*self.take(f"eid,d,t\n{eid(50)},{point()},{point()}\n{eid(51)},,\n", number=30))
        out = self.path("half.smr")
        self.refused(3, f"device {eid(51)} is not enrolled", SAMARA, "supplier", "ship", "--dir", self.path("supplier"), "--number", 30,
                     "--out", out)
        self.assertFalse(os.path.exists(out))
        self.refused(1, "there is no shipment 31", SAMARA, "supplier", "ship", "--dir", self.path("supplier"), "--number", 31, "--out", out)

    def test_measurements_bad_name_line_and_column(self):
        for text, pattern in [(f"measurement,version\n{'ab' * 31},1\n", r":2: column measurement"),
                              (f"measurement,version\n{'ab' * 32},\n", r":2: column version"),
                              ("measurement,version\n", "no measurement")]:
            path = self.write("measurements.csv", text)
            self.refused(1, pattern, SAMARA, "supplier", "publish", "--dir", self.path("supplier"), "--csv", path, "--out", self.path("r.smr"))
            self.assertFalse(os.path.exists(self.path("r.smr")))


class Sealing(Place):
    """Bad subscriptions and orders: refused, named, and nothing is assigned or written."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.free = cls().ship(1, range(1, 4), "--anchor", cls.cards["sho"])
        cls.owned = cls().ship(2, range(11, 14), "--owner", cls.cards["subscriber"])

    def runTest(self):
        """Lets the class make its shipments before its tests."""

    def nothing(self, name, before):
        for path in (f"batch-{name}.smr", f"auc-{name}.smr"):
            self.assertFalse(os.path.exists(self.path(path)))
        self.assertEqual(self.sealed(), before)
        self.assertEqual(glob.glob(self.path(".*")), [])

    def test_subscriptions_bad_name_line_and_column(self):
        head = "iccid,imsi,algorithm,k,opc,amf,sqn,interval,profile\n"
        one, two = luhn("898820500000000001"), luhn("898820500000000002")
        k = "00112233445566778899aabbccddeeff"
        row = f"{one},001015000000001,milenage,{k},{k},8000,0,24h,0\n"
        before = self.sealed()

        def second(iccid=two, imsi="001015000000002", alg="milenage", key=k, opc=k, rest="8000,0,24h,0"):
            return head + row + f"{iccid},{imsi},{alg},{key},{opc},{rest}\n"
        cases = [
            (second(iccid=wrong(two)), r":3: column iccid: the check digit is wrong"),
            (second(iccid=one), r":3: column iccid: it occurs twice"),
            (second(iccid="89"), r":3: column iccid: an ICCID has 19 or 20"),
            (second(imsi="001015000000001"), r":3: column imsi: it occurs twice"),
            (second(imsi="00101x"), r":3: column imsi: an IMSI has"),
            (second(alg="comp128"), r":3: column algorithm: an algorithm is milenage or tuak"),
            (second(key=k[:-2]), r":3: column k: K of MILENAGE is 32 hex digits$"),
            (second(key=k + k), r":3: column k: K of MILENAGE is 32 hex digits$"),
            (second(alg="tuak"), r":3: column opc: TOPc is 64 hex digits$"),
            (second(opc="xy"), r":3: column opc: OPc is 32 hex digits$"),
            (second(rest="80,0,24h,0"), r":3: column amf"),
            (second(rest="8000,-1,24h,0"), r":3: column sqn"),
            (second(rest=f"8000,{2**33},24h,0"), r":3: column sqn: a new subscription begins with an SQN below 2\^33"),
            (second(rest="8000,0,59s,0"), r":3: column interval"),
            (second(rest="8000,0,24h,4294967296"), r":3: column profile"),
            (second(rest="8000,0,24h"), r":3: 8 columns instead of 9"),
            (head, r"there is no subscription in it"),
        ]
        for text, pattern in cases:
            done = run(*self.seal_words(self.free, self.write("subs-bad.csv", text), "bad"))
            self.assertEqual(done.returncode, 3 if "sqn: a new" in pattern else 1, done.stderr)
            self.assertRegex(done.stderr, re.compile(pattern, re.M))
            self.assertNotIn(k, done.stderr)
            self.nothing("bad", before)

    def test_subscriptions_that_others_may_read_are_refused(self):
        path = self.make("subs-open.csv", 3, 600)
        for mode in (0o640, 0o604, 0o620):
            os.chmod(path, mode)
            self.refused(3, "others may use it", *self.seal_words(self.free, path, "open"))
        self.nothing("open", self.sealed())

    def test_subscription_of_another_device_is_refused(self):
        shipment = self.ship(3, [21, 22], "--anchor", self.cards["sho"])
        subs = self.make("subs-twice.csv", 2, 700)
        self.good(*self.seal_words(shipment, subs, "twice-1"))
        before = self.sealed()
        self.refused(1, r":2: column iccid: it was sealed for another device before", *self.seal_words(self.free, subs, "twice-2"))
        self.nothing("twice-2", before)
        self.refused(1, "exists already and may not have been carried", *self.seal_words(self.free, subs, "twice-1"))

    def test_orders_missing_or_foreign_are_refused(self):
        subs = self.make("subs-order.csv", 3, 800)
        before = self.sealed()
        self.refused(3, "bound to an owner: give its orders", *self.seal_words(self.owned, subs, "o"))
        # By another owner, who is trusted too.
        self.good(SAMARA, "subscriber", "init", "--dir", self.path("owner2"), "--name", "owner2")
        self.good(SAMARA, "subscriber", "trust", "--dir", self.path("owner2"), "--yes", self.cards["sho"], self.cards["supplier"])
        self.good(SAMARA, "sho", "trust", "--dir", self.path("sho"), "--yes", self.path("owner2", "subscriber.card"))
        other = [SAMARA, "subscriber", "order", "--dir", self.path("owner2"), "--operator", self.cards["sho"]]
        self.refused(3, "not bound to you", *other, "--shipment", self.owned, "--out", self.path("o2.smr"))
        self.good(*other, "--eid", eid(11), "--out", self.path("o2.smr"))
        self.refused(3, "is not the owner of the shipment's devices", *self.seal_words(self.owned, subs, "o", "--orders", self.path("o2.smr")))
        # For another operator.
        self.good(SAMARA, "sho", "init", "--dir", self.path("sho3"), "--name", "sho3")
        self.good(SAMARA, "subscriber", "trust", "--dir", self.path("subscriber"), "--yes", self.path("sho3", "sho.card"))
        own = [SAMARA, "subscriber", "order", "--dir", self.path("subscriber")]
        self.good(*own, "--operator", self.path("sho3", "sho.card"), "--shipment", self.owned, "--out", self.path("o3.smr"))
        self.refused(3, "record 1: operator: the owner ordered another operator", *self.seal_words(self.owned, subs, "o", "--orders",
                                                                                                  self.path("o3.smr")))
        # For another device.
        self.good(*own, "--operator", self.cards["sho"], "--eid", eid(99), "--out", self.path("o4.smr"))
        self.refused(3, "no order of the owner covers", *self.seal_words(self.owned, subs, "o", "--orders", self.path("o4.smr")))
        self.nothing("o", before)
        # For one of the devices: that one alone is sealed for.
        self.good(*own, "--operator", self.cards["sho"], "--eid", eid(12), "--out", self.path("o5.smr"))
        self.refused(3, f"no order of its owner covers device {eid(11)}", *self.seal_words(self.owned, subs, "o", "--orders",
                                                                                           self.path("o5.smr"), "--eid", eid(11)))
        self.assertIn("2 devices are covered by no order", self.good(*self.seal_words(self.owned, subs, "o", "--orders", self.path("o5.smr"))))
        self.assertEqual([s["eid"] for s in self.sealed()[len(before):]], [eid(12)])

    def test_order_for_a_shipment_of_a_stranger_is_refused(self):
        self.good(SAMARA, "supplier", "init", "--dir", self.path("supplier2"), "--name", "supplier2")
        self.good(SAMARA, "supplier", "trust", "--dir", self.path("supplier2"), "--yes", self.cards["subscriber"])
        self.good(SAMARA, "supplier", "shipment", "--dir", self.path("supplier2"), "-n", 1, "--csv", self.devices("d-s.csv", [70]), "--owner",
                  self.cards["subscriber"])
        self.good(SAMARA, "supplier", "ship", "--dir", self.path("supplier2"), "-n", 1, "-o", self.path("s-s.smr"))
        self.refused(3, "not that of a trusted supplier", SAMARA, "subscriber", "order", "--dir", self.path("subscriber"), "--operator",
                     self.cards["sho"], "--shipment", self.path("s-s.smr"), "--out", self.path("o-s.smr"))
        self.refused(3, "not that of a trusted supplier", *self.seal_words(self.path("s-s.smr"), self.make("subs-s.csv", 1, 850), "s"))
        self.refused(3, "not that of a trusted supplier", SAMARA, "ro", "load", "--dir", self.path("ro"), self.path("s-s.smr"))

    def test_make_ranges_and_files(self):
        words = [SAMARA, "sho", "make", "--dir", self.path("sho"), "--algorithm", "milenage"]
        for count, imsi, iccid, pattern in [
                (2, "999999999999999", "898820000000000001", r"--imsi 999999999999999: 2 numbers from there on do not fit"),
                (11, "001010000000001", "999999999999999990", r"--iccid 999999999999999990: 11 numbers"),
                (1, "12345", "898820000000000001", r"an IMSI has 6 to 15"),
                (1, "001010000000001", wrong(luhn("898820000000000001")), r"the check digit is wrong"),
                (0, "001010000000001", "898820000000000001", r"--count needs a whole number from 1"),
                (1, "001010000000001", "8988", r"an ICCID has 19 or 20")]:
            self.refused(2, pattern, *words, "--count", count, "--imsi", imsi, "--iccid", iccid, self.path("no.csv"))
            self.assertFalse(os.path.exists(self.path("no.csv")))
        path = self.make("range.csv", 10, 991)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(path, encoding="ascii") as f:
            rows = [line.split(",") for line in f.read().splitlines()[1:]]
        self.assertEqual([r[0] for r in rows], [luhn(f"898820{991 + i:012d}") for i in range(10)])
        self.assertEqual([r[1] for r in rows], [f"00101{991 + i:010d}" for i in range(10)])
        self.assertEqual(len({r[3] for r in rows} | {r[4] for r in rows}), 20)
        self.refused(1, "keys are never overwritten", *words, "--count", 1, "--imsi", "001010000000001", "--iccid", "898820000000000001", path)
        # The same OP for all: OPc still differs with K, and is what TS 35.206 says.
        op = self.write("op.key", "samara-secret-key 1\nzcICpXhwT3hPXl3tYv/8hg==\n")
        self.make("op.csv", 2, 880, "milenage", "--op-file", op)
        os.chmod(op, 0o644)
        self.refused(3, "op.key", *words, "--count", 1, "--imsi", "001010000000001", "--iccid", "898820000000000001", "--op-file", op, self.path("no.csv"))
        # With 20 digits, with their check digit.
        iccid = luhn("8988205555555555555")
        self.good(*words, "--count", 1, "--imsi", "001010000000001", "--iccid", iccid, self.path("twenty.csv"))
        with open(self.path("twenty.csv"), encoding="ascii") as f:
            self.assertIn(iccid + ",", f.read())

    def vendor_file(self, cards, head="Quantity: {count}\nTransport_Key: 3\n", columns="VAR_OUT: IMSI/ICCID/PIN1/EKI/OPC\n", mode=0o600):
        """@cards: (iccid, imsi, k, opc), encrypted here for transport key 3."""
        key = bytes(range(16))
        self.write("k4.key", "samara-secret-key 1\n" + base64.b64encode(key).decode() + "\n")
        ecb = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
        lines = "".join(f"{imsi} {iccid} 1234 {ecb.update(bytes.fromhex(k)).hex()} {opc}\n" for iccid, imsi, k, opc in cards)
        return self.write("cards.out", "*HEADER\n" + head.format(count=len(cards)) + columns + lines, mode)

    def test_vendor_file_is_imported_and_sealed(self):
        cards = [(luhn(f"898820{n:012d}"), f"00101{n:010d}", os.urandom(16).hex(), os.urandom(16).hex()) for n in (961, 962)]
        words = [SAMARA, "sho", "import", "--dir", self.path("sho"), "--vendor-file", self.vendor_file(cards), "--transport-key",
                 "3=" + self.path("k4.key"), "--out", self.path("imported.csv")]
        self.assertIn("2 subscriptions", self.good(*words))
        self.assertEqual(stat.S_IMODE(os.stat(self.path("imported.csv")).st_mode), 0o600)
        self.assertEqual(self.read(self.path("imported.csv")).splitlines()[1:],
                         [f"{iccid},{imsi},milenage,{k},{opc},8000,0,86400s,0" for iccid, imsi, k, opc in cards])
        self.refused(1, "keys are never overwritten", *words)
        shipment = self.ship(4, [31, 32], "--anchor", self.cards["sho"])
        self.assertIn("2 subscriptions sealed", self.good(*self.seal_words(shipment, self.path("imported.csv"), "imported")))

    def test_vendor_file_bad_imports_nothing(self):
        one, two = [(luhn(f"898820{n:012d}"), f"00101{n:010d}", os.urandom(16).hex(), os.urandom(16).hex()) for n in (971, 972)]
        out = self.path("not-imported.csv")
        words = [SAMARA, "sho", "import", "--dir", self.path("sho"), "--vendor-file", self.path("cards.out"), "--transport-key",
                 "3=" + self.path("k4.key"), "--out", out]
        cases = [
            (1, r"cards.out:6: column ICCID: it occurs twice", lambda: self.vendor_file([one, (one[0], *two[1:])])),
            (1, r"cards.out:6: column IMSI: it occurs twice", lambda: self.vendor_file([one, (two[0], one[1], *two[2:])])),
            (1, r"cards.out:6: column ICCID: the check digit is wrong", lambda: self.vendor_file([one, (wrong(two[0]), *two[1:])])),
            (1, r"2 cards, but the header says 3", lambda: self.vendor_file([one, two], head="Quantity: 3\nTransport_Key: 3\n")),
            (3, r"cards.out:3: transport key index 0", lambda: self.vendor_file([one], head="Quantity: 1\nTransport_Key: 0\n")),
            (1, r"no transport key with index 9", lambda: self.vendor_file([one], head="Quantity: 1\nTransport_Key: 9\n")),
            (3, r"cards.out holds what only the operator may know", lambda: self.vendor_file([one], mode=0o644)),
        ]
        for code, pattern, make in cases:
            make()
            done = self.refused(code, pattern, *words)
            self.assertFalse([k for card in (one, two) for k in card[2:] if k in done.stdout + done.stderr])
            self.assertFalse(os.path.exists(out))
            self.assertEqual(glob.glob(self.path(".*")), [])
        self.vendor_file([one])
        os.chmod(self.path("k4.key"), 0o640)
        self.refused(3, "k4.key", *words)
        for bad in ("k4.key", "0=k4.key", "256=k4.key", "x=k4.key"):
            self.refused(2, "INDEX=FILE", *words[:-3], bad, "--out", out)

    def test_reseal_and_eid_name_devices_of_the_shipment(self):
        subs = self.make("subs-eid.csv", 3, 900)
        self.refused(1, f"device {eid(77)} is not in", *self.seal_words(self.free, subs, "eid", "--eid", eid(77)))
        self.refused(2, "named twice", *self.seal_words(self.free, subs, "eid", "--eid", eid(1), "--reseal", eid(1)))
        self.refused(2, "the check digit is wrong", *self.seal_words(self.free, subs, "eid", "--eid", wrong(eid(1))))
        self.good(*self.seal_words(self.free, subs, "eid", "--eid", eid(3)))
        self.assertEqual([s["iccid"] for s in self.sealed() if s["eid"] == eid(3)], [luhn("898820000000000900")])

    def test_cards_not_trusted_are_not_sealed_to(self):
        self.good(AUC, "init", "--dir", self.path("auc2"), "--name", "auc2")
        subs = self.make("subs-card.csv", 1, 950)
        words = self.seal_words(self.free, subs, "card")
        words[words.index(self.cards["auc"])] = self.path("auc2", "auc.card")
        self.refused(3, "is not that of a trusted auc", *words)
        words = self.seal_words(self.free, subs, "card")
        words[words.index(self.cards["ro"])] = self.cards["sho"]
        self.refused(1, "not the card of a party of role ro", *words)


class Loading(Place):
    """Files that an RO does not take: cut off, changed, of the wrong kind or hand. Each is followed by a look at the store."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        me = cls()
        cls.shipment = me.ship(1, range(1, 4), "--anchor", cls.cards["sho"])
        cls.good(*me.seal_words(cls.shipment, me.make("subs.csv", 3, 1), 1))

    def runTest(self):
        """As above."""

    def load(self, path):
        return [SAMARA, "ro", "load", "--dir", self.path("ro"), path]

    def copy(self, source, change):
        with open(source, "rb") as f:
            octets = change(bytearray(f.read()))
        path = self.path("changed.smr")
        with open(path, "wb") as f:
            f.write(octets)
        return path

    def empty(self):
        self.assertEqual((self.ro()["devices"], self.ro()["shipments"]), (0, 0))

    def test_1_files_cut_or_changed_load_nothing(self):
        for source in (self.shipment, self.path("batch-1.smr")):
            size = os.path.getsize(source)
            for keep in {0, 1, 10, size // 3, size // 2, size - 70, size - 1}:
                done = run(*self.load(self.copy(source, lambda o, keep=keep: o[:keep])))
                self.assertIn(done.returncode, (1, 3), (source, keep))
                self.assertIn("changed.smr", done.stderr)
            for at in range(1, size, max(1, size // 25)):
                def flip(octets, at=at):
                    octets[at] ^= 1
                    return octets
                done = run(*self.load(self.copy(source, flip)))
                self.assertIn(done.returncode, (1, 3), (source, at))
            self.assertIn(run(*self.load(self.copy(source, lambda o: o + b"\0"))).returncode, (1, 3))
        self.empty()

    def test_2_files_of_another_kind_are_refused(self):
        self.refused(1, "not a file of Samara", *self.load(self.cards["sho"]))
        self.refused(1, "holds subscriptions, which an RO does not load", *self.load(self.path("auc-1.smr")))
        self.refused(1, "No such file", *self.load(self.path("none.smr")))
        self.refused(1, re.escape(self.base), *self.load(self.base))
        self.empty()

    @unittest.skipUnless(ROOT, "needs another user")
    def test_2_file_unreadable_is_refused(self):
        path = self.path("unreadable.smr")
        shutil.copy(self.shipment, path)
        os.chmod(path, 0)
        os.chmod(self.base, 0o755)
        program = shutil.copy(SAMARA, self.path("samara"))
        directory = self.path("ro-other")
        os.mkdir(directory)
        os.chown(directory, TRE_UID, TRE_UID)
        who = {"user": TRE_UID, "group": TRE_UID, "extra_groups": []}
        self.assertEqual(run(program, "ro", "init", "--dir", directory, "--name", "other", **who).returncode, 0)
        done = run(program, "ro", "load", "--dir", directory, path, **who)
        self.assertEqual(done.returncode, 1)
        self.assertIn("Permission denied", done.stderr)

    def test_3_batch_with_one_bad_record_loads_nothing(self):
        """The second batch holds a device whose subscription of another operator is live at the RO."""
        self.good(*self.load(self.path("batch-1.smr")))
        self.good(*self.load(self.shipment))
        for role, name in (("sho", "sho2"), ("auc", "auc2")):
            self.good(*([AUC] if role == "auc" else [SAMARA, "sho"]), "init", "--dir", self.path(name), "--name", name)
        self.good(SAMARA, "sho", "trust", "--dir", self.path("sho2"), "--yes", self.cards["supplier"], self.cards["ro"],
                  self.path("auc2", "auc.card"))
        mixed = self.ship(2, [20, 1], "--re-enrol", "--anchor", self.cards["sho"])
        words = [SAMARA, "sho", "seal", "--dir", self.path("sho2"), "--shipment", mixed, "--subscriptions", self.make("subs-2.csv", 2, 50),
                 "--ro", self.cards["ro"], "--auc", self.path("auc2", "auc.card"), "--out", self.path("b2.smr"), "--auc-out", self.path("a2.smr")]
        self.good(*words)
        self.refused(3, "not that of a trusted sho", *self.load(self.path("b2.smr")))
        self.good(SAMARA, "ro", "trust", "--dir", self.path("ro"), "--yes", self.path("sho2", "sho.card"))
        before = self.ro()
        self.refused(3, r"b2.smr: record 2: package: .*nothing of the file was loaded", *self.load(self.path("b2.smr")))
        self.assertEqual(self.ro(), before)
        self.refused(1, f"device {eid(20)} is not known", SAMARA, "ro", "status", "--dir", self.path("ro"), "--eid", eid(20))
        # The same device with other keys in a later shipment: they wait for the operator that has sealed.
        self.assertIn("1 devices were enrolled anew", self.good(*self.load(mixed)))
        status = json.loads(self.good(SAMARA, "ro", "status", "--dir", self.path("ro"), "--eid", eid(1), "--json"))
        self.assertEqual(status["state"], "sealed")
        self.assertNotIn(status["enrolled_anew"], (None, status["shipment"]))


class Killed(Place):
    COUNT = 1500

    def test_1_seal_killed_anywhere_leaves_nothing_and_can_be_repeated(self):
        shipment = self.ship(1, range(1, self.COUNT + 1), "--anchor", self.cards["sho"])
        subs = self.make("subs.csv", self.COUNT, 1)
        words = self.seal_words(shipment, subs, 1, "--quiet")
        outputs = [self.path("batch-1.smr"), self.path("auc-1.smr")]
        secrets = set()
        with open(subs, encoding="ascii") as f:
            for line in f.read().splitlines()[1:]:
                secrets.update(line.split(",")[3:5])
        for delay in (0.01, 0.03, 0.06, 0.1, 0.15, 0.2):
            child = subprocess.Popen([str(w) for w in words], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
            time.sleep(delay)
            self.no_secret_in_arguments(secrets)
            child.send_signal(signal.SIGKILL)
            child.communicate()
            if self.sealed():  # it had committed: then it is complete
                break
        else:
            self.good(*words)
        serials = [s["serial"] for s in self.sealed()]
        self.assertEqual(len(serials), self.COUNT)
        self.assertEqual(serials, sorted(set(serials)))
        self.good(SAMARA, "ro", "load", "--dir", self.path("ro"), "-q", shipment, outputs[0])
        self.good(AUC, "load", "--dir", self.path("auc"), "-q", outputs[1])
        self.assertEqual(self.ro()["states"]["sealed"], self.COUNT)
        with sqlite3.connect(self.path("sho", "sho.db")) as db:
            dump = "\n".join(db.iterdump()).lower()
        self.assertFalse([s for s in secrets if s in dump])

    def test_2_file_left_by_a_killed_run_is_replaced(self):
        """A kill between the first file's name and the commit, as sho.db would show it."""
        shipment = self.ship(2, [9001], "--anchor", self.cards["sho"])
        subs = self.make("subs-left.csv", 1, 5000)
        words = self.seal_words(shipment, subs, "left")
        left = self.write("auc-left.smr", "left over")
        self.refused(1, "may not have been carried", *words)
        with sqlite3.connect(self.path("sho", "sho.db")) as db:
            db.execute("INSERT INTO unfinished VALUES (?)", (os.path.realpath(left),))
        self.good(*words)
        with open(left, "rb") as f:
            self.assertNotEqual(f.read(), b"left over")
        self.refused(1, "may not have been carried", *words)

    def no_secret_in_arguments(self, secrets):
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                with open(path, "rb") as f:
                    words = set(f.read().decode(errors="replace").split("\0"))
            except OSError:
                continue
            self.assertFalse(words & secrets)

    def test_3_two_at_a_time_are_refused(self):
        with open(self.path("sho", "lock"), "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.refused(4, "another process is at work", *self.seal_words(self.cards["sho"], self.cards["sho"], "lock"))


@unittest.skipUnless(os.path.exists(TRE), "needs samara-tre")
class Enrolment(Place):
    def start_tre(self, name):
        where = tempfile.mkdtemp(prefix="tre-", dir=self.base)
        os.chmod(self.base, 0o755)
        program = shutil.copy(TRE, os.path.join(where, "samara-tre"))
        os.chmod(where, 0o755)
        run_dir = os.path.join(where, name)
        os.mkdir(run_dir)
        if ROOT:
            os.chown(run_dir, TRE_UID, TRE_UID)
        reader, writer = os.pipe()
        os.write(writer, bytes(32))
        os.close(writer)
        sock = os.path.join(run_dir, "s")
        who = {"user": TRE_UID, "group": TRE_UID, "extra_groups": []} if ROOT else {}
        child = subprocess.Popen([program, "--dir", os.path.join(run_dir, "d"), "--socket", sock, "--measurement-fd", str(reader)],
                                 pass_fds=(reader,), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, **who)
        os.close(reader)
        self.addCleanup(self.end, child)
        limit = time.monotonic() + 10
        while not os.path.exists(sock):
            self.assertIsNone(child.poll())
            self.assertLess(time.monotonic(), limit)
            time.sleep(0.01)
        return sock

    @staticmethod
    def end(child):
        child.kill()
        child.communicate()

    def enrol(self, number, device, sock, *more):
        return [SAMARA, "supplier", "enrol", "--dir", self.path("supplier"), "--number", number, "--eid", eid(device), "--tre", sock,
                "--flight-keys", self.path("ro", "flight-keys.smr"), *more]

    def test_3_enrol_a_real_tre_of_an_owner_and_one_with_anchors(self):
        for number, bound in ((21, ("--owner", self.cards["subscriber"], "--gate")), (22, ("--anchor", self.cards["sho"]))):
            listed = self.write(f"d{number}.csv", f"eid,imei\n{eid(number)},{imei(number)}\n{eid(number + 20)},\n")
            self.good(SAMARA, "supplier", "shipment", "--dir", self.path("supplier"), "-n", number, "--csv", listed, *bound)
            sock = self.start_tre(f"a{number}")
            self.refused(1, "is not in shipment", *self.enrol(number, 99, sock))
            self.good(*self.enrol(number, number, sock, "--epoch-key"))
            self.refused(3, "this TRE is enrolled already", *self.enrol(number, number + 20, sock))
            ship = [SAMARA, "supplier", "ship", "--dir", self.path("supplier"), "-n", number, "--out", self.path(f"s{number}.smr")]
            self.refused(3, f"device {eid(number + 20)} is not enrolled", *ship)
            self.good(*self.enrol(number, number + 20, self.start_tre(f"b{number}")))
            self.good(*ship)
            self.refused(3, "has been shipped", *self.enrol(number, number, sock))
            self.good(SAMARA, "ro", "load", "--dir", self.path("ro"), self.path(f"s{number}.smr"))
        self.assertEqual(self.ro()["devices"], 4)

    def test_1_enrol_without_a_tre_is_for_later(self):
        listed = self.write("d5.csv", f"eid\n{eid(5)}\n")
        self.good(SAMARA, "supplier", "shipment", "--dir", self.path("supplier"), "-n", 5, "--csv", listed, "--anchor", self.cards["sho"])
        self.refused(4, "no TRE answers", *self.enrol(5, 5, self.path("none.sock")))

    def test_2_enrol_with_keys_of_a_stranger_is_refused(self):
        self.good(SAMARA, "ro", "init", "--dir", self.path("ro2"), "--name", "ro2")
        listed = self.write("d6.csv", f"eid\n{eid(6)}\n")
        self.good(SAMARA, "supplier", "shipment", "--dir", self.path("supplier"), "-n", 6, "--csv", listed, "--anchor", self.cards["sho"])
        words = self.enrol(6, 6, self.path("none.sock"))
        words[words.index(self.path("ro", "flight-keys.smr"))] = self.path("ro2", "flight-keys.smr")
        self.refused(3, "not that of a trusted ro", *words)


if __name__ == "__main__":
    unittest.main()
