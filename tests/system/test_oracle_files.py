# SPDX-License-Identifier: Apache-2.0
"""The files between the parties, each kind written and read by the second implementation: it plays one party, the real programs the others. What they
write is validated against docs/protocol.md; what it writes, they have to take, and with one rule broken, under a good signature, to refuse."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import judged  # noqa: E402
import lone_tre  # noqa: E402
import wire  # noqa: E402
from boot_rig import without_lengths  # noqa: E402
from world import eid, imei  # noqa: E402
from oracle import files, objects  # noqa: E402
from oracle.cbor import decode, encode  # noqa: E402
from oracle.keys import sha256, verify_signed  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")
SAMARA, AUC = os.path.join(BUILD, "cli", "samara"), os.path.join(BUILD, "auc", "samara-auc")
ROLES = ("supplier", "subscriber", "sho", "ro", "auc")
INTERVAL = 86400


class Device:
    """A row of a shipment, with both private keys."""

    def __init__(self, number):
        self.number, self.eid, self.d, self.t = number, bytes.fromhex(eid(number)), wire.Key(), wire.Key()

    def record(self, with_imei=True):
        return [self.eid, objects.packed(imei(self.number), 8) if with_imei else None, self.d.point, self.t.point]


class Case(unittest.TestCase):
    """All parties twice: real ones in directories, and ours; everybody trusts everybody."""

    @classmethod
    def setUpClass(cls):
        cls.base = tempfile.mkdtemp(prefix="samara-files-")
        cls.numbers = iter(range(1, 10**6))
        cls.ours = {role: files.Party(role, f"our {role}", kem=role in ("ro", "auc")) for role in ROLES}
        cls.said = {role: json.loads(cls.good(role, "init", "--name", f"the {role}", "--json")) for role in ROLES}
        cards = [cls.put(f"our-{role}.card", files.armoured(party.card).encode()) for role, party in cls.ours.items()]
        for role in ROLES:
            known = ("sho", "ro", "supplier") if role == "auc" else ROLES
            cls.good(role, "trust", "--yes", *(cls.real_card(other) for other in known if other != role),
                     *(card for card, other in zip(cards, ROLES) if other in known))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.base)

    @classmethod
    def path(cls, *names):
        return os.path.join(cls.base, *names)

    @classmethod
    def real_card(cls, role):
        return cls.path(role, role + ".card")

    @classmethod
    def put(cls, name, octets):
        with open(cls.path(name), "wb") as f:
            f.write(octets)
        os.chmod(cls.path(name), 0o600)
        return cls.path(name)

    @classmethod
    def run_as(cls, role, word, *words):
        head = [AUC] if role == "auc" else [SAMARA, role]
        argv = [*head, word, "--dir", cls.path(role), *map(str, words)]
        return subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)

    @classmethod
    def good(cls, role, *words):
        done = cls.run_as(role, *words)
        if done.returncode != 0:
            raise AssertionError(f"{role} {words} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def refuses(self, role, octets):
        done = self.run_as(role, "load", self.put("refused.smr", octets))
        self.assertIn(done.returncode, (1, 3), done.stdout + done.stderr)

    def read(self, path, kem=None):
        """A file of the real programs, valid in all its parts."""
        with open(path, "rb") as f:
            octets = f.read()
        judged.DOC.check("file", [item for item, _ in files.sequence(octets)])
        content = files.File(octets, kem)
        judged.DOC.check("header", content.header)
        judged.DOC.check(f"about-{content.kind}", content.about)
        for record in content.records:
            judged.DOC.check_encoded(f"record-{content.kind}", record)
        return content

    def real(self, role):
        """[role, name, sign, kem] of a real party."""
        with open(self.real_card(role), encoding="utf-8") as f:
            card = files.unarmoured(f.read())
        judged.DOC.check_encoded("card", card)
        self.assertEqual(sha256(card).hex(), self.said[role]["fingerprint"])
        return files.open_card(card)

    # ---- what our parties write ----

    def shipment(self, number, devices, owner=None, gate=None, records=None):
        supplier = self.ours["supplier"]
        about = [objects.shipment_id(supplier.sign.point, number), owner and owner.sign.point, gate]
        return files.write(files.SHIPMENT, number, supplier.sign, about, records or [encode(d.record(d.number % 2 == 0)) for d in devices])

    def subscriptions_csv(self, name, count, first, algorithm="milenage"):
        out = self.path(name)
        self.good("sho", "make", "--count", count, "--imsi", f"00101{first:010d}", "--iccid", f"898820{first:012d}", "--algorithm", algorithm,
                  "--interval", f"{INTERVAL}s", "--out", out)
        return out

    def seal(self, name, shipment, rows, ro, auc, *more):
        """The real operator seals for devices of ours. Its two files."""
        batch, subscriptions = self.path(name + "-batch.smr"), self.path(name + "-auc.smr")
        self.good("sho", "seal", "--shipment", shipment, "--subscriptions", rows, "--ro", ro, "--auc", auc, "--out", batch, "--auc-out",
                  subscriptions, *more)
        return batch, subscriptions

    def load(self, role, octets):
        self.good(role, "load", self.put(f"load-{next(self.numbers)}.smr", octets))

    def status(self, role, *words):
        return json.loads(self.good(role, "status", *words, "--json"))

    def sealed(self, devices, first):
        """Our operator's batch to the real RO and subscriptions to the real AuC for these devices."""
        op, supplier = self.ours["sho"], self.ours["supplier"]
        packages, lines = [], []
        for i, device in enumerate(devices):
            iccid = objects.packed(objects.with_luhn(f"898820{first + i:012d}"), 10)
            content = objects.mcim(f"00101{first + i:010d}", os.urandom(16), os.urandom(16), interval=INTERVAL)
            package = objects.package(op.sign, device.t.point, device.eid, iccid, 100 + i, content)
            packages.append(encode([device.eid, package, *([None, INTERVAL] if i % 2 else [])]))
            lines.append(encode([files.ADD, device.eid, iccid, 100 + i, *content[:6], b"\x80\0", 32 * i, device.d.point, sha256(package[3]),
                                 supplier.sign.point]))
        batch = op.write(files.BATCH, [self.ours["auc"].card], packages, self.real("ro")[3])
        return batch, op.write(files.SUBSCRIPTIONS, [], lines, self.real("auc")[3])


class Read(Case):
    """What the programs write."""

    def test_cards_name_role_keys_and_fingerprint(self):
        for role in ROLES:
            card = self.real(role)
            self.assertEqual(card[:2], [role, f"the {role}"])
            self.assertEqual(card[3] is not None, role in ("ro", "auc"))

    def test_shipment_with_gate_and_owner(self):
        rows = self.put("devices.csv", ("eid,imei,d,t\n" + "".join(
            f"{eid(n)},{imei(n) if n % 2 else ''},{wire.Key().point.hex()},{wire.Key().point.hex()}\n" for n in range(1, 4))).encode())
        self.good("supplier", "shipment", "--number", 70, "--csv", rows, "--owner", self.real_card("subscriber"), "--gate")
        self.good("supplier", "ship", "--number", 70, "--out", self.path("shipment-70.smr"))
        content, supplier = self.read(self.path("shipment-70.smr")), self.real("supplier")[2]
        self.assertEqual((content.kind, content.sender, content.sealed), (files.SHIPMENT, supplier, False))
        self.assertEqual(content.about[:2], [objects.shipment_id(supplier, 70), self.real("subscriber")[2]])
        self.assertEqual(len(content.about[2]), 16)
        self.assertEqual([(r[0].hex(), r[1] and objects.unpacked(r[1])) for r in content.values()],
                         [(eid(n), imei(n) if n % 2 else None) for n in range(1, 4)])

    def test_shipment_of_devices_with_a_tpm(self):
        rows = self.put("tpms.csv", f"eid,imei,d,t\n{eid(9)},,{wire.Key().point.hex()},{wire.Key().point.hex()}\n".encode())
        words = ("--csv", rows, "--owner", self.real_card("subscriber"), "--platform")
        self.assertNotEqual(self.run_as("supplier", "shipment", "--number", 69, *words, "tpm2").returncode, 0)
        self.good("supplier", "shipment", "--number", 69, *words, "tpm")
        self.good("supplier", "ship", "--number", 69, "--out", self.path("shipment-69.smr"))
        self.assertEqual(self.read(self.path("shipment-69.smr")).about[2:], [None, 1])

    def test_shipment_endorsements_that_the_line_collected(self):
        def take(number, endorsement, platform="tpm", keys=True):
            d, t = ("", "") if not keys else (wire.Key().point.hex(), wire.Key().point.hex())
            rows = self.put("endorsed.csv", f"eid,d,t,endorsement\n{eid(number)},{d},{t},{endorsement}\n".encode())
            return self.run_as("supplier", "shipment", "--number", number, "--csv", rows, "--owner", self.real_card("subscriber"), "--platform", platform)

        for endorsement, words, more in (("30" * 1025, "at most 1024 octets", {}), ("3", "in hex digits", {}),
                                         ("30", "of a device with a TPM", {"platform": "software"}), ("30", "of a device with a TPM", {"keys": False})):
            done = take(67, endorsement, **more)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(words, done.stderr)
        for number, length in ((67, 1024), (68, 0)):
            self.assertEqual(take(number, "30" * length).returncode, 0)
            self.good("supplier", "ship", "--number", number, "--out", self.path(f"shipment-{number}.smr"))
            self.assertEqual(self.read(self.path(f"shipment-{number}.smr")).values()[0][4:], [b"\x30" * length] if length else [])

    def test_references(self):
        rows = self.put("measurements.csv", f"measurement,version\n{'4d' * 32},1.0\n{'4e' * 32},ä 2\n".encode())
        self.good("supplier", "publish", "--csv", rows, "--out", self.path("references.smr"))
        self.assertEqual(self.read(self.path("references.smr")).values(), [[b"\x4d" * 32, "1.0"], [b"\x4e" * 32, "ä 2"]])

    def test_references_of_releases(self):
        logs, words = [], []
        for content in (b"\x33", b"\x44"):
            logs.append([[8, b"\x11" * 32, "launch"], [9, content * 32, "config"]])
            csv = "pcr,digest,octets,name\n" + "".join(f"{pcr},{digest.hex()},7,{name}\n" for pcr, digest, name in logs[-1])
            if content == b"\x44":
                csv = without_lengths(csv)
            words += ["--release", self.path(f"release-{content.hex()}.smr")]
            self.assertEqual(self.sign_release(csv, "--out", words[-1]).returncode, 0)
        rows = self.put("measurements.csv", f"measurement,version\n{'4d' * 32},1.0\n".encode())
        for more, software in ((("--csv", rows), [[b"\x4d" * 32, "1.0"]]), ((), [])):
            self.good("supplier", "publish", *more, *words, "--out", self.path("releases.smr"))
            self.assertEqual(self.read(self.path("releases.smr")).values(), software + [[log, "1.4.2"] for log in logs])
        for role in ("ro", "auc"):
            self.good(role, "load", self.path("releases.smr"))

    def test_references_of_nothing_or_of_another_suppliers_release_are_not_written(self):
        out = ("--out", self.path("no-references.smr"))
        self.assertEqual(self.run_as("supplier", "publish", *out).returncode, 2)
        for lengths in (None, [512]):
            theirs = objects.release(self.ours["supplier"].sign, "p", 1, "1", [[8, bytes(32), "launch"]], lengths)
            done = self.run_as("supplier", "publish", "--release", self.put("theirs.smr", theirs), *out)
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertIn("theirs.smr: the signature is not valid", done.stderr)
        self.assertFalse(os.path.exists(self.path("no-references.smr")))

    def sign_release(self, csv, *more):
        words = ("--product", "m2me-1", "--release", "1.4.2", "--number", 7, "--csv", self.put("stages.csv", csv.encode()))
        return self.run_as("supplier", "release", *words, *(more or ("--out", self.path("release.smr"))))

    def test_release_is_signed_by_the_supplier(self):
        stages, lengths = [[8, b"\x11" * 32, "launch"], [8, b"\x22" * 32, "tre"], [9, b"\x33" * 32, "slot, ä.img"]], [2**32 - 1, 81920, 0]
        lines = "".join(f'{pcr},{digest.hex()},{octets},"{name}"\n' for (pcr, digest, name), octets in zip(stages, lengths, strict=True))
        csv = "pcr,digest,octets,name\n" + lines
        for text, rest, words in ((csv, [lengths], "number 7, 3 stages\n"), (without_lengths(csv), [], "number 7, 3 stages, without their lengths\n")):
            done = self.sign_release(text)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertTrue(done.stdout.endswith(words), done.stdout)
            with open(self.path("release.smr"), "rb") as f:
                signed = judged.DOC.check_encoded("release", f.read())
            self.assertTrue(verify_signed(self.real("supplier")[2], "samara1 release", b"", signed))
            self.assertEqual(decode(signed[2]), [sha256(self.real("supplier")[2])[:8], "m2me-1", 7, "1.4.2", stages, *rest])

    def test_release_of_bad_stages_is_not_written(self):
        line = f"8,{'11' * 32},512,launch\n"
        for lines, words in (("", "no stage"), (line * 7, "at most 6"), (line.replace("8,", "16,"), "column pcr"), (line.replace("11,", "1,"), "column digest"),
                             *((line.replace("512", octets), "stages.csv:2: column octets: each line has a length") for octets in ("", "-1", "1.5", "4294967296")),
                             (line + line.replace("512", ""), "stages.csv:3: column octets: each line has a length"),
                             (line.replace("launch", ""), "column name"), (line.replace("launch", "x" * 32) * 6, "shorter names")):
            self.not_released("pcr,digest,octets,name\n" + lines, words)

    def not_released(self, csv, words):
        done = self.sign_release(csv, "--out", self.path("none.smr"))
        self.assertEqual(done.returncode, 1, csv)
        self.assertIn(words, done.stderr)
        self.assertFalse(os.path.exists(self.path("none.smr")))

    def test_flight_keys_are_signed_by_the_root(self):
        content = self.read(self.path("ro", "flight-keys.smr"))
        self.assertEqual(content.sender, self.real("ro")[2])
        for record in content.values():
            self.assertTrue(verify_signed(content.about[0], "samara1 flight-key", b"", record))
        self.assertEqual([decode(record[2])[:2] for record in content.values()], [[0, 1], [1, 2]])

    def test_orders(self):
        self.good("subscriber", "order", "--operator", self.real_card("sho"), "--eid", eid(5), "--shipment-id", "11" * 8, "--out",
                  self.path("orders.smr"))
        content = self.read(self.path("orders.smr"))
        for record, target in zip(content.values(), (bytes.fromhex(eid(5)), b"\x11" * 8), strict=True):
            self.assertTrue(verify_signed(content.sender, "samara1 order", b"", record))
            self.assertEqual(decode(record[2])[1:], [self.real("sho")[2], target])

    def check_sealed(self, name, number, algorithm, owner=None, *orders):
        """Batch and subscriptions of the real operator for two devices of ours: the same keys in both, and only for who should have them."""
        devices = [Device(number * 10 + i) for i in range(2)]
        ro, auc = self.ours["ro"], self.ours["auc"]
        batch, subscriptions = self.seal(name, self.put(name + ".smr", self.shipment(number, devices, owner)),
                                         self.subscriptions_csv(name + ".csv", 2, number * 10, algorithm), self.path("our-ro.card"),
                                         self.path("our-auc.card"), *orders)
        batch, subscriptions = self.read(batch, ro.kem), self.read(subscriptions, auc.kem)
        self.assertEqual((batch.about, batch.sealed, subscriptions.sealed), ([auc.card], True, True))
        operator = self.real("sho")[2]
        for device, (who, package, shipment, interval), line in zip(devices, batch.values(), subscriptions.values(), strict=True):
            content = objects.open_package(package, device.t, operator, device.eid)
            judged.DOC.check("mcim", content)
            self.assertEqual((who, shipment), (device.eid, objects.shipment_id(self.ours["supplier"].sign.point, number)))
            self.assertEqual((content[8], interval), (INTERVAL, INTERVAL))
            self.assertEqual(line[:4], [files.ADD, device.eid, package[1], package[2]])
            self.assertEqual(line[4:10], content[:6])
            self.assertEqual(line[12:], [device.d.point, sha256(package[3]), self.ours["supplier"].sign.point])
            yield package

    def test_batch_and_subscriptions_hold_the_same_keys(self):
        for number, algorithm in ((71, "milenage"), (72, "tuak")):
            for package in self.check_sealed(f"sealed-{algorithm}", number, algorithm):
                self.assertIsNone(package[5])

    def test_batch_carries_the_order_of_our_owner(self):
        owner, shipment = self.ours["subscriber"], objects.shipment_id(self.ours["supplier"].sign.point, 73)
        orders = owner.write(files.ORDERS, [], [wire.order(owner.sign, 1, self.real("sho")[2], shipment)])
        for package in self.check_sealed("ordered", 73, "milenage", owner, "--orders", self.put("our-orders.smr", orders)):
            self.assertTrue(verify_signed(owner.sign.point, "samara1 order", b"", decode(package[5])))

    def test_commands_for_both(self):
        list(self.check_sealed("commanded", 74, "milenage"))
        iccid = objects.with_luhn(f"898820{740:012d}")
        for word, serial, action, state in (("suspend", 1, files.SUSPEND, 2), ("resume", 2, files.RESUME, 1)):
            out, auc_out = self.path(word + ".smr"), self.path(word + "-auc.smr")
            self.good("sho", word, "--iccid", iccid, "--auc", self.path("our-auc.card"), "--out", out, "--auc-out", auc_out)
            (who, which, number, command), = self.read(out).values()
            command = decode(command)
            self.assertTrue(verify_signed(self.real("sho")[2], "samara1 cmd", b"", command))
            self.assertEqual(decode(command[2])[1:], [who, which, number, state])
            self.assertEqual(self.read(auc_out, self.ours["auc"].kem).values(), [[action, who, which, number]])
            self.assertEqual(number, serial)
        self.withdrawal(iccid)

    def withdrawal(self, iccid):
        """No command: a record without one, with the serial of the MCIM."""
        out, auc_out = self.path("withdraw.smr"), self.path("withdraw-auc.smr")
        self.good("sho", "withdraw", "--iccid", iccid, "--auc", self.path("our-auc.card"), "--out", out, "--auc-out", auc_out)
        (who, which, number, command), = self.read(out).values()
        self.assertEqual((objects.unpacked(which), command), (iccid, None))
        self.assertEqual(self.read(auc_out, self.ours["auc"].kem).values(), [[files.WITHDRAW, who, which, number]])


class Write(Case):
    """What the second implementation writes."""

    def test_real_operator_seals_for_our_shipment_what_the_real_ro_and_auc_load(self):
        devices = [Device(n) for n in range(21, 24)]
        shipment = self.shipment(21, devices)
        batch, subscriptions = self.seal("mixed", self.put("mixed.smr", shipment), self.subscriptions_csv("mixed.csv", 3, 21), self.real_card("ro"),
                                         self.real_card("auc"))
        self.load("ro", shipment)
        self.good("ro", "load", batch)
        self.good("auc", "load", subscriptions)
        self.assertTrue({eid(n) for n in range(21, 24)} <= {s["eid"] for s in self.status("auc")["subscriptions"]})

    def test_card_with_words_around_it_is_a_card_and_altered_is_none(self):
        party = files.Party("sho", "ä «new» one", kem=False)
        text = "mailed\n" + files.armoured(party.card) + "yours\n"
        self.assertNotIn(sha256(party.card).hex(), self.listing("ro"))
        self.good("ro", "trust", "--yes", self.put("new.card", text.encode()))
        self.assertIn(sha256(party.card).hex(), self.listing("ro"))
        for altered in (party.card[:-1] + bytes([party.card[-1] ^ 1]), party.card + b"\0", party.card[:-1]):
            done = self.run_as("ro", "trust", "--yes", self.put("bad.card", files.armoured(altered).encode()))
            self.assertNotEqual(done.returncode, 0, altered.hex())

    def listing(self, role):
        """Fingerprints of all cards in a real party's directory."""
        found = []
        for name in os.listdir(self.path(role, "trust")):
            with open(self.path(role, "trust", name), encoding="utf-8") as f:
                found.append(sha256(files.unarmoured(f.read())).hex())
        return " ".join(found)

    def test_what_has_to_be_sealed_is_refused_in_clear(self):
        """The same records are taken when they are sealed."""
        device, op, iccid = Device(31), self.ours["sho"], objects.packed(objects.with_luhn("898820000000999999"), 10)
        package = encode([device.eid, objects.package(op.sign, device.t.point, device.eid, iccid, 1, objects.mcim())])
        for role, kind, about, record in (("ro", files.BATCH, [self.ours["auc"].card], package),
                                          ("auc", files.SUBSCRIPTIONS, [], self.line(device, iccid))):
            self.refuses(role, op.write(kind, about, [record]))
            self.load(role, op.write(kind, about, [record], self.real(role)[3]))

    def line(self, device, iccid):
        return encode([files.ADD, device.eid, iccid, 1, *objects.mcim("001010000999999")[:6], b"\x80\0", 0, device.d.point, bytes(32),
                       self.ours["supplier"].sign.point])

    def test_file_sealed_to_another_or_of_a_stranger_is_refused(self):
        devices, stranger = [Device(32)], files.Party("supplier", "stranger", kem=False)
        batch = self.ours["sho"].write(files.BATCH, [self.ours["auc"].card], [], self.ours["ro"].kem.point)
        self.refuses("ro", batch)
        about = [objects.shipment_id(stranger.sign.point, 1), None, None]
        self.refuses("ro", files.write(files.SHIPMENT, 1, stranger.sign, about, [encode(devices[0].record())]))

    def test_record_that_breaks_a_rule_is_refused_under_a_good_signature(self):
        before = self.status("ro")["devices"]
        good = Device(40).record()
        whole = encode(good)
        records = {
            "not the shortest form": whole[:1] + b"\x59\x00\x10" + whole[2:], "after the end": whole + b"\0", "cut off": whole[:-1],
            "one too many": encode([*good, 1]), "one too few": encode(good[:3]), "indefinite": b"\x9f" + whole[1:] + b"\xff",
            "EID of 15": encode([good[0][:15], *good[1:]]),
            "check digit of the EID": encode([good[0][:15] + bytes([good[0][15] ^ 1]), *good[1:]]),
            "no point": encode([*good[:2], b"\5" + good[2][1:], good[3]]),
            "uncompressed point": encode([*good[:2], wire.Key().uncompressed, good[3]]), "text for octets": encode(["x" * 16, *good[1:]]), "empty": b"",
        }
        for number, (why, record) in enumerate(records.items(), 200):
            with self.subTest(why):
                self.refuses("ro", self.shipment(number, [], records=[encode(Device(41).record()), record]))
        self.assertEqual(self.status("ro")["devices"], before)
        self.load("ro", self.shipment(200, [], records=[encode(Device(41).record()), whole]))

    def test_end_or_header_that_breaks_a_rule_is_refused(self):
        supplier, device = self.ours["supplier"].sign, Device(50)
        about = [objects.shipment_id(supplier.point, 300), None, None]
        header, record, end = files.parts(files.SHIPMENT, 300, supplier, about, [encode(device.record())])
        count, sig = decode(end)
        other = decode(header)
        for octets in (header + record, header + end, header + record + record + end, header + record + encode([count + 1, sig]), record + end,
                       header + record + end + b"\0", header + record + end + end, encode([*other[:6]]) + record + end,
                       encode(["samarb", *other[1:]]) + record + end):
            self.refuses("ro", octets)
        self.good("ro", "load", self.put("good.smr", header + record + end))


class Way(Case):
    """All the way of the files into the RO's store and the AuC, in our writing."""

    def test_shipment_references_batch_subscriptions_and_commands_are_loaded(self):
        devices = [Device(n) for n in range(1, 4)]
        supplier, op = self.ours["supplier"], self.ours["sho"]
        references = supplier.write(files.REFERENCES, [], [encode([b"\x4d" * 32, "our 1.0"])])
        batch, subscriptions = self.sealed(devices, 1)
        for octets in (self.shipment(1, devices), references, batch):
            self.load("ro", octets)
        for octets in (references, subscriptions):
            self.load("auc", octets)
        status = self.status("ro")
        self.assertEqual((status["devices"], status["states"]["sealed"], status["references"]), (3, 3, 1))
        self.assertEqual({s["eid"]: s["state"] for s in self.status("auc")["subscriptions"]}, {eid(n): "inactive" for n in range(1, 4)})
        iccid = objects.packed(objects.with_luhn(f"898820{1:012d}"), 10)
        command = encode([devices[0].eid, iccid, 1, wire.command(op.sign, devices[0].eid, iccid, 1, objects.SUSPENDED)])
        self.load("ro", op.write(files.COMMANDS, [], [command]))
        self.assertEqual(self.status("ro")["commands_pending"], 1)
        self.withdraw(devices[1], 101, 2)

    def withdraw(self, device, serial, number):
        """Both sides take a subscription back."""
        iccid, op = objects.packed(objects.with_luhn(f"898820{number:012d}"), 10), self.ours["sho"]
        self.load("ro", op.write(files.COMMANDS, [], [encode([device.eid, iccid, serial, None])]))
        self.assertEqual(self.status("ro")["states"]["reseal"], 1)
        self.load("auc", op.write(files.SUBSCRIPTIONS, [], [encode([files.WITHDRAW, device.eid, iccid, serial])], self.real("auc")[3]))
        states = {s["eid"]: s["state"] for s in self.status("auc")["subscriptions"]}
        self.assertEqual(states[device.eid.hex()], "withdrawn")


class Enrol(Case):
    """Our RO's flight keys, the real supplier's station and a real TRE: what comes out serves a flight with our server."""

    class Tre(lone_tre.Tre):
        def enrol(self):
            """Left to samara."""

    def test_tre_flies_with_our_flight_key(self):
        tre = self.Tre()
        self.addCleanup(tre.close)
        ro, root, shelf = self.ours["ro"], wire.Key(), wire.Key()
        keys = ro.write(files.FLIGHT_KEYS, [root.point], [wire.flight_key(root, 0, 77, shelf.point)])
        rows = self.put("enrol.csv", f"eid,imei\n{tre.eid.hex()},\n".encode())
        self.good("supplier", "shipment", "--number", 80, "--csv", rows, "--anchor", self.path("our-sho.card"))
        self.good("supplier", "enrol", "--number", 80, "--eid", tre.eid.hex(), "--tre", tre.path, "--flight-keys", self.put("keys.smr", keys))
        server = judged.Server(shelf, 77)
        err, m1 = tre.ask(lone_tre.FLIGHT_START, True)
        self.assertEqual(err, lone_tre.OK)
        certificate = server.open_m1(m1)[1]
        supplier = self.real("supplier")[2]
        self.assertTrue(verify_signed(supplier, "samara1 certificate", b"", certificate))
        who, d, t, shipment = decode(certificate[2])
        self.assertTrue(server.evidence_holds(d))
        self.assertEqual((who, shipment), (tre.eid, objects.shipment_id(supplier, 80)))
        package = objects.package(self.ours["sho"].sign, t, tre.eid, lone_tre.ICCID, 1, objects.mcim())
        self.assertEqual(tre.ask(lone_tre.FLIGHT_COMPLETE, server.m2({1: package}))[1:3], [0, lone_tre.OK])
        self.good("supplier", "ship", "--number", 80, "--out", self.path("shipment-80.smr"))
        self.assertEqual(self.read(self.path("shipment-80.smr")).values(), [[tre.eid, None, d, t]])


if __name__ == "__main__":
    unittest.main()
