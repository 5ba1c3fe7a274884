# SPDX-License-Identifier: Apache-2.0
"""Who has the supplier's key and the RO's against the real «samara sho seal» (S1), for a device with a TPM: he certifies a T whose private half he has,
names the endorsement of a TPM whose main system he has, and reads the batch. In vain, and against the mutant not. A test is called as its row in
proofs/README.md. The TPM is played by the test; that a real one gives out nothing more: tests/system/test_credential_by_tpm2_tools.py."""
import datetime
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.serialization import Encoding

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mutants  # noqa: E402
import wire  # noqa: E402
from endorse import Vendor  # noqa: E402
from oracle import files, objects, tpm  # noqa: E402
from oracle.cbor import decode, encode  # noqa: E402
from world import eid  # noqa: E402

SAMARA = os.path.join(mutants.BUILD, mutants.PROGRAMS["samara"])
AUC = os.path.join(mutants.BUILD, mutants.PROGRAMS["samara-auc"])
REFUSED = 3
OVER, NEVER = datetime.datetime(2024, 6, 1), datetime.datetime(9999, 12, 31, 23, 59, 59)


class Machine:
    """A TPM and its main system."""

    def __init__(self, ek=None, t=None):
        self.ek, self.d, self.t = ek or wire.Key(), wire.Key(), t or wire.Key()

    def activates(self, credential):
        """What its main system gets given out: for the keys that this TPM made."""
        found = (tpm.activate(self.ek, name, credential) for name in (tpm.name(self.d.point), tpm.name_t(self.t.point)))
        return [secret for secret in found if secret is not None]


class Seal(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.base = tempfile.mkdtemp(prefix="samara-seal-")
        cls.addClassCleanup(shutil.rmtree, cls.base)
        cls.supplier, cls.ro = files.Party("supplier", "s", kem=False), files.Party("ro", "r")
        cls.vendor, cls.numbers = Vendor(), iter(range(1, 100))
        cls.roots = cls.vendor.write_roots(os.path.join(cls.base, "roots.pem"))
        cls.good([SAMARA, "sho", "init", "--dir", cls.path("sho"), "--name", "o"])
        cls.good([AUC, "init", "--dir", cls.path("auc"), "--name", "a"])
        cards = [cls.put(f"{party.role}.card", files.armoured(party.card).encode()) for party in (cls.supplier, cls.ro)]
        cls.good([SAMARA, "sho", "trust", "--dir", cls.path("sho"), "--yes", cls.path("auc", "auc.card"), *cards])
        with open(cls.path("sho", "sho.card"), encoding="utf-8") as f:
            cls.operator = files.open_card(files.unarmoured(f.read()))[2]

    @classmethod
    def path(cls, *names):
        return os.path.join(cls.base, *names)

    @classmethod
    def put(cls, name, octets):
        with open(cls.path(name), "wb") as f:
            f.write(octets)
        return cls.path(name)

    @staticmethod
    def run_one(argv):
        return subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)

    @classmethod
    def good(cls, argv):
        done = cls.run_one(argv)
        if done.returncode != 0:
            raise AssertionError(f"{argv} ended with {done.returncode}: {done.stdout}{done.stderr}")

    def certificate(self, ek, vendor=None, **validity):
        return (vendor or self.vendor).certificate(wire.load_point(ek.point), **validity)

    def shipment(self, number, *record, devices=(), platform=(1,)):
        return self.ship(number, {n: record for n in devices or (number,)}, platform)

    def ship(self, number, records, platform=(1,)):
        """@records: {number of a device: its keys and endorsement}."""
        about = [objects.shipment_id(self.supplier.sign.point, number), None, None, *platform]
        return self.put(f"shipment-{number}.smr", files.write(files.SHIPMENT, number, self.supplier.sign, about,
                                                              [encode([self.eid(n), None, *record]) for n, record in records.items()]))

    @staticmethod
    def eid(number):
        return bytes.fromhex(eid(number))

    def seal(self, program, number, shipment, *words, count=1):
        """(what the program did, the package in the batch or None)"""
        csv, batch = self.path(f"{number}.csv"), self.path(f"batch-{number}.smr")
        self.good([SAMARA, "sho", "make", "--dir", self.path("sho"), "--count", str(count), "--imsi", f"00101{number:09d}0", "--iccid", f"898821{number:011d}0",
                   "--algorithm", "milenage", "--out", csv])
        done = self.run_one([program, "sho", "seal", "--dir", self.path("sho"), "--shipment", shipment, "--subscriptions", csv, "--ro", self.path("ro.card"),
                             "--auc", self.path("auc", "auc.card"), "--out", batch, "--auc-out", self.path(f"auc-{number}.smr"), *words])
        if done.returncode != 0:
            return done, None
        with open(batch, "rb") as f:
            return done, files.File(f.read(), self.ro.kem).values()[0][1]

    def learns(self, number, package, t, machine):
        """K, from every way in that the attacker has; None: there is none."""
        x, aad = package[3], objects.x_aad(self.operator, self.eid(number), package[1], package[2])
        tries = [(objects.sealed_in(x), None)]
        if x[0] != 4:
            tries += [(objects.sealed_in(x), (secret, objects.TPM_PSK_ID)) for secret in machine.activates(objects.credential_of(x))]
        for sealed, psk in tries:
            try:
                return decode(wire.hpke_open(t, b"samara1 mcim", aad, sealed, psk))[2]
            except (InvalidTag, ValueError):
                continue
        return None

    def k_of(self, number):
        with open(self.path(f"{number}.csv"), encoding="utf-8") as f:
            return bytes.fromhex(dict(zip(*(line.split(",") for line in f.read().split("\n")[:2])))["k"])

    def bites(self, name, attack):
        """attack(program) -> the K that it learns, and the one there is."""
        learned, _ = attack(SAMARA)
        self.assertIsNone(learned, "the attack succeeds against the real program")
        if mutants.WANTED:
            learned, k = attack(mutants.programs(name)["samara"])
            self.assertEqual(learned, k, "the attack does not succeed against the mutant either: it proves nothing")

    def false_t(self, program):
        """T in software beside the true endorsement of a TPM whose d and main system the attacker has."""
        number, machine, t = next(self.numbers), Machine(), wire.Key()
        shipment = self.shipment(number, machine.d.point, t.point, self.certificate(machine.ek))
        done, package = self.seal(program, number, shipment, "--tpm-roots", self.roots)
        self.assertIsNotNone(package, done.stderr)
        return self.learns(number, package, t, machine), self.k_of(number)

    def test_x_without_credential(self):
        self.bites("x_without_credential", self.false_t)

    def test_x_credential_without_name(self):
        self.bites("x_credential_without_name", self.false_t)

    def test_x_without_endorsement(self):
        """The attacker's own EK, endorsed by somebody who calls himself as the vendor does."""
        def attack(program):
            number, machine, forger = next(self.numbers), Machine(), Vendor()
            shipment = self.shipment(number, machine.d.point, machine.t.point, self.certificate(machine.ek, forger))
            done, package = self.seal(program, number, shipment, "--tpm-roots", self.roots)
            if program == SAMARA:
                self.assertEqual(done.returncode, REFUSED)
                self.assertIn(f"device {eid(number)}: the endorsement certificate is forged", done.stderr)
            return package and self.learns(number, package, machine.t, machine), self.k_of(number)
        self.bites("x_without_endorsement", attack)

    def second_life(self, name, other, *believed):
        """A subscription is sealed for one machine, then for @other(machine), which is shipped under another name. Learned is the second one's K."""
        def attack(program):
            first, second = next(self.numbers), next(self.numbers)
            machine = Machine()
            for number, m in ((first, machine), (second, other(machine))):
                shipment = self.shipment(number, m.d.point, m.t.point, self.certificate(m.ek))
                done, package = self.seal(program, number, shipment, *believed)
                self.assertEqual(package is None, (program, number) == (SAMARA, second), done.stderr)
            return package and self.learns(second, package, m.t, m), self.k_of(second)
        self.bites(name, attack)

    def test_x_one_tpm_for_many(self):
        """The same TPM after it was cleared: another t."""
        self.second_life("x_one_tpm_for_many", lambda machine: Machine(ek=machine.ek), "--tpm-roots", self.roots)

    def test_x_one_key_for_many(self):
        """The same t, whose operator takes the supplier's word for TPMs."""
        self.second_life("x_one_key_for_many", lambda machine: Machine(t=machine.t), "--unendorsed")

    def test_one_tpm_for_many_devices_is_refused_by_name(self):
        """He buys one genuine TPM and ships it, with the one t that it made or with another, as many devices."""
        first, second, third = (next(self.numbers) for _ in range(3))
        machine, other_t = Machine(), wire.Key()
        endorsement = self.certificate(machine.ek)
        both = self.shipment(first, machine.d.point, machine.t.point, endorsement, devices=(first, second))
        done, package = self.seal(SAMARA, first, both, "--tpm-roots", self.roots, count=2)
        self.assertEqual((done.returncode, package), (REFUSED, None))
        self.assertIn(f"device {eid(second)}: its ", done.stderr)
        self.assertIn(f" is that of device {eid(first)}", done.stderr)
        self.sealed(next(self.numbers), both, "--eid", eid(first))
        for number, t, what in ((second, other_t, "TPM (by its endorsement key)"), (third, machine.t, "KEM key")):
            again = self.shipment(number, machine.d.point, t.point, endorsement if number == second else self.certificate(wire.Key()))
            done, package = self.seal(SAMARA, number, again, "--tpm-roots", self.roots)
            self.assertEqual((done.returncode, package), (REFUSED, None))
            self.assertIn(f"device {eid(number)}: its {what} is that of device {eid(first)}", done.stderr)
        self.sealed(next(self.numbers), both, "--reseal", eid(first))

    def sealed(self, number, shipment, *words, roots=None):
        """@number: of the lines of the CSV file."""
        done, package = self.seal(SAMARA, number, shipment, "--tpm-roots", roots or self.roots, *words)
        self.assertIsNotNone(package, done.stderr)

    # ---- what an honest supplier's device opens, and what an operator is asked ----

    def test_tpm_of_the_device_opens_and_another_does_not(self):
        number, machine = next(self.numbers), Machine()
        shipment = self.shipment(number, machine.d.point, machine.t.point, self.certificate(machine.ek))
        _, package = self.seal(SAMARA, number, shipment, "--tpm-roots", self.roots)
        self.assertEqual(objects.open_package(package, machine.t, self.operator, self.eid(number), machine.ek)[2], self.k_of(number))
        with self.assertRaises(ValueError):
            objects.open_package(package, machine.t, self.operator, self.eid(number), wire.Key())

    def test_operator_has_to_say_whom_it_believes(self):
        number, machine = next(self.numbers), Machine()
        shipment = self.shipment(number, machine.d.point, machine.t.point, self.certificate(machine.ek))
        for words in ((), ("--tpm-roots", self.roots, "--unendorsed")):
            done, _ = self.seal(SAMARA, number, shipment, *words)
            os.remove(self.path(f"{number}.csv"))
            self.assertEqual(done.returncode, 2)
            self.assertIn("--tpm-roots FILE", done.stderr)
        _, package = self.seal(SAMARA, number, shipment, "--unendorsed")
        self.assertEqual(objects.open_package(package, machine.t, self.operator, self.eid(number))[2], self.k_of(number))

    def test_operator_that_expects_tpms_is_told_not_to_seal_for_software(self):
        """Whether there are TPMs is the supplier's word: nothing talks the operator into leaving its roots out."""
        number, machine = next(self.numbers), Machine()
        done, _ = self.seal(SAMARA, number, self.shipment(number, machine.d.point, machine.t.point, platform=()), "--tpm-roots", self.roots)
        self.assertEqual(done.returncode, 2)
        self.assertIn("if you expect TPMs, do not seal", done.stderr)

    def test_device_without_endorsement_is_refused_by_name(self):
        number, machine = next(self.numbers), Machine()
        done, _ = self.seal(SAMARA, number, self.shipment(number, machine.d.point, machine.t.point), "--tpm-roots", self.roots)
        self.assertEqual(done.returncode, REFUSED)
        self.assertIn(f"device {eid(number)}: the shipment has no endorsement certificate of its TPM", done.stderr)

    # ---- one device of a shipment whose endorsement is not good enough ----

    def refused(self, words, roots, vendor=None, **validity):
        """The run that meets it ends without having sealed anything and names it; the other device gets its subscription as the words say. Returns what
        another try for the one that is left needs: its number and the shipment."""
        good, bad = next(self.numbers), next(self.numbers)
        records = {n: (m.d.point, m.t.point, endorsement) for n, m, endorsement in (
            (n, m, self.certificate(m.ek, **more)) for n, m, more in ((good, Machine(), {"end": NEVER}), (bad, Machine(), {"vendor": vendor, **validity})))}
        shipment = self.ship(good, records)
        done, package = self.seal(SAMARA, good, shipment, "--tpm-roots", roots, count=2)
        self.assertEqual((done.returncode, package), (REFUSED, None))
        self.assertIn(f"device {eid(bad)}: the endorsement certificate {words}. Nothing was sealed: ask the supplier, and seal for the others with --except",
                      done.stderr)
        self.assertFalse(os.path.exists(self.path(f"auc-{good}.smr")))
        self.sealed(next(self.numbers), shipment, "--except", eid(bad), roots=roots)
        return bad, shipment

    def test_endorsement_by_a_vendor_whom_the_operator_does_not_know(self):
        nobody = Vendor("Nobody")
        bad, shipment = self.refused(f"is by «CN=Nobody», for whom nobody in {self.roots} vouches: if that is a TPM vendor, add its certificate as the "
                                     "vendor publishes it", self.roots, vendor=nobody)
        both = self.vendor.write_roots(self.path("both.pem"), nobody)
        self.sealed(next(self.numbers), shipment, "--eid", eid(bad), roots=both)

    def test_endorsement_out_of_its_time(self):
        """One that ends with the year 9999, as the profile has it for TPMs without an end, goes through."""
        self.refused("is not valid before 2300-01-01 (is this machine's clock right?)", self.roots, begin=datetime.datetime(2300, 1, 1), end=NEVER)
        bad, shipment = self.refused("expired on 2024-06-01: take a newer one of the vendor's for this TPM, or do without its word (--unendorsed)",
                                     self.roots, end=OVER)
        done, package = self.seal(SAMARA, next(self.numbers), shipment, "--eid", eid(bad), "--unendorsed")
        self.assertIsNotNone(package, done.stderr)

    def test_all_but_some_and_some_are_not_named_at_once(self):
        machine, number = Machine(), next(self.numbers)
        shipment = self.shipment(number, machine.d.point, machine.t.point, self.certificate(machine.ek))
        done, _ = self.seal(SAMARA, number, shipment, "--tpm-roots", self.roots, "--eid", eid(number), "--except", eid(number))
        self.assertEqual(done.returncode, 2)
        self.assertIn("it does not go with --eid", done.stderr)

    def test_endorsement_by_an_authority_out_of_its_time(self):
        """A vendor goes on with the same key under a newer certificate: TPMs that it sold before are good again."""
        old = Vendor("Old", end=OVER)
        roots = self.vendor.write_roots(self.path("old.pem"), old)
        bad, shipment = self.refused(f"is by somebody whose certificate expired on 2024-06-01: add the vendor's newer one to {roots}, or do without its "
                                     "word (--unendorsed)", roots, vendor=old)
        with open(roots, "ab") as f:
            f.write(old.own_certificate().public_bytes(Encoding.PEM))
        self.sealed(next(self.numbers), shipment, "--eid", eid(bad), roots=roots)


if __name__ == "__main__":
    unittest.main()
