# SPDX-License-Identifier: Apache-2.0
"""Whoever obtains a device's t later looks for its X at an RO whose store is in PostgreSQL: in every octet of the cluster's files, deleted rows and
write-ahead log and all, with every package key that any front end has. Two epochs after the purge there is nothing to find: the octets are there, and
no key for them. Meanwhile two front ends go on, packages that wait are delivered, and keys that are lost are spoken of."""
import copy
import os
import shutil
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import package_keys  # noqa: E402
import wire  # noqa: E402
from offline import Offline  # noqa: E402
from postgres import Postgres  # noqa: E402
from secrets_search import walk  # noqa: E402
from world import free_udp_port, wait_until  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")
PIECE = 32  # octets that stand together
INSTALLED = 1


class PurgedPackages(unittest.TestCase):
    def setUp(self):
        self.postgres = Postgres()
        self.addCleanup(self.postgres.remove)
        self.o = Offline(BUILD, devices=6, by_certificate=0, store=self.postgres.address())
        self.addCleanup(self.o.stop)
        self.second = self.second_directory()
        self.fresh = iter(self.o.devices)

    def second_directory(self):
        second = copy.copy(self.o.ro)
        second.dir = os.path.join(self.o.world.root, "ro-second")
        shutil.copytree(self.o.ro.dir, second.dir, ignore=shutil.ignore_patterns("*.sock", "lock"))
        for folder, _, files in os.walk(second.dir):
            for path in [folder, *(os.path.join(folder, file) for file in files)]:
                self.o.world.give(path, second.uid)
        return second

    def start_both(self):
        self.o.start()
        self.port = free_udp_port()
        self.server_two = self.o.world.start_samarad(self.second, name="second", listen__port=self.port, **self.o.store)

    # ---- what an attacker has ----

    def sealed(self, device):
        """X as the data base has it at the moment, and its epoch."""
        row = self.postgres.sql(f"SELECT encode(sealed_x, 'hex'), epoch FROM package WHERE eid = '\\x{device.eid.hex()}'")
        return (bytes.fromhex(row.split("\t")[0]), int(row.split("\t")[1])) if row else (None, None)

    def found(self, octets):
        """Is any stretch of these somewhere in the cluster's files?"""
        pieces = [octets[i:i + PIECE] for i in range(0, len(octets) - PIECE + 1, PIECE)]
        for path in walk([self.postgres.data]):
            try:
                with open(path, "rb") as f:
                    data = f.read()
            except FileNotFoundError:
                continue
            if any(piece in data for piece in pieces):
                return True
        return False

    def opens(self, device, sealed):
        return package_keys.opened([self.o.ro.dir, self.second.dir], device.eid, sealed)

    def epochs(self):
        return [int(line) for line in self.postgres.sql("SELECT epoch FROM package_key ORDER BY epoch").split()]

    def held(self):
        """Epochs of the key files of both directories."""
        return sorted(epoch for epoch, _ in package_keys.files(self.o.ro.dir, self.second.dir).values())

    # ---- what devices do ----

    def ask(self, which, path, payload):
        udp = wire.Udp([self.o.world.port, self.port][which], 5.0)
        try:
            answer = udp.ask(path, payload)
        finally:
            udp.close()
        return answer[1] if answer and answer[0] == "2.04" else None

    def subscribe(self, device, which=0):
        m2 = device.open_m2(self.ask(which, "f", self.o.m1(device)))
        self.assertIn(1, m2)
        return m2

    def install(self, device, which=0):
        """Returns X in clear."""
        m2 = self.subscribe(device, which)
        receipt = self.o.install(device, m2)
        self.assertNotIn(0, device.open_c2(self.ask(which, "c", device.c1(report={1: [receipt], 2: INSTALLED}))))
        wait_until("the purge", lambda: self.sealed(device) == (None, None))
        return m2[1][3]

    # ---- the attack ----

    def test_x_that_was_purged_two_epochs_ago_cannot_be_read_from_anything_that_is_left(self):
        self.start_both()
        device, waiting = next(self.fresh), next(self.fresh)
        sealed, epoch = self.sealed(device)
        x = self.install(device)
        self.postgres.sql("CHECKPOINT")
        self.assertEqual(epoch, 1)
        self.assertTrue(self.found(sealed), "the search does not find what is there")
        self.assertEqual(self.opens(device, sealed), x, "the attack does not read what can be read")
        before, _ = self.sealed(waiting)
        for turn in (2, 3):
            self.o.ro.run("rotate", "packages")
            wait_until("both front ends to have moved on", lambda t=turn: self.held() == [t - 1, t - 1], timeout=60)
        self.postgres.sql("CHECKPOINT")
        self.assertTrue(self.found(sealed), "PostgreSQL has overwritten it by itself: the test shows nothing")
        self.assertIsNone(self.opens(device, sealed))
        self.assertFalse(self.found(x), "X in clear")
        # What waits is under the new key; what it was under before is as unreadable.
        now, epoch = self.sealed(waiting)
        self.assertEqual(epoch, 3)
        self.assertIsNone(self.opens(waiting, before))
        x = self.install(waiting, 1)
        self.assertFalse(self.found(x), "X in clear")
        self.assertEqual(self.opens(waiting, now), x)

    def test_front_ends_move_on_by_themselves_once_a_day_and_deliver_meanwhile(self):
        self.start_both()
        for turn in (2, 3):
            # and each looks, as it would have done by then
            self.postgres.sql("UPDATE package_key SET since = since - 90000; UPDATE meta SET value = value + 1 WHERE name = 'sequence'")
            wait_until("the next epoch", lambda t=turn: self.epochs()[-1] == t, timeout=60)
            for which in (0, 1):
                self.install(next(self.fresh), which)
            wait_until("all that waits to be under it",
                       lambda t=turn: self.postgres.sql(f"SELECT count(*) FROM package WHERE epoch <> {t}") == "0", timeout=60)
        wait_until("the keys of before to be gone", lambda: self.held() == [2, 2], timeout=60)
        for which in (0, 1):
            self.install(next(self.fresh), which)

    def test_front_end_killed_amid_the_walk_goes_on_where_it_was(self):
        self.postgres.sql("INSERT INTO package (bucket, eid, sealed_x, w, epoch, waits) SELECT n % 5, decode(lpad(n::text, 32, '0'), 'hex'), '\\xcafe', "
                          "decode(repeat('00', 64), 'hex'), 0, 0 FROM generate_series(1, 10000) n; ALTER TABLE package ADD COLUMN times int4 NOT NULL DEFAULT 0; "
                          "CREATE FUNCTION one_more() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.times := OLD.times + 1; RETURN NEW; END'; "
                          "CREATE TRIGGER one_more BEFORE UPDATE ON package FOR EACH ROW EXECUTE FUNCTION one_more()")

        def moved():
            return int(self.postgres.sql("SELECT count(*) FROM package WHERE epoch = 1 AND sealed_x <> '\\xcafe'"))
        waiting = moved()  # sealed, they are under epoch 1 already
        self.o.start()
        wait_until("the walk to have begun", lambda: moved() > waiting, timeout=60)
        self.o.server.kill()
        self.o.start()
        self.port = None
        wait_until("the walk to have ended", lambda: moved() == waiting + 10000, timeout=60)
        self.assertEqual(self.postgres.sql("SELECT max(times) FROM package"), "1", "something was done twice")
        self.install(next(self.fresh))

    def test_front_end_that_was_off_for_epochs_catches_up(self):
        for _ in range(4):
            self.o.ro.run("rotate", "packages")
        self.assertEqual(self.held(), [1, 4])  # the one that was off has the key of before still: see the threat model
        self.start_both()
        wait_until("it to have moved on", lambda: self.held() == [4, 4], timeout=60)
        self.install(next(self.fresh), 1)

    # ---- keys that are lost ----

    def start_without_keys(self, directory):
        for path in package_keys.files(directory):
            os.remove(path)
        config = os.path.join(self.o.world.root, "samarad.ini")
        return self.o.world.command([self.o.world.bin("samarad"), "--dir", directory, "--config", config], self.o.ro.uid, ok=False)

    def test_lost_key_files_are_named_with_what_to_do_and_that_helps(self):
        self.o.start()
        device, other = next(self.fresh), next(self.fresh)
        self.assertEqual(self.o.server.stop(), 0)
        said = self.start_without_keys(self.o.ro.dir)
        self.assertEqual(said.returncode, 1, said.stderr)
        self.assertIn("holds no package key of epoch 1", said.stderr)
        self.assertIn("copy keys/package-*.key from a front end that works", said.stderr)
        self.assertIn("samara ro rotate packages --lost", said.stderr)
        # There is another front end: a copy helps.
        for path in package_keys.files(self.second.dir):
            shutil.copy(path, os.path.join(self.o.ro.dir, "keys"))
            self.o.world.give(os.path.join(self.o.ro.dir, "keys", os.path.basename(path)), self.o.ro.uid)
        self.o.start()
        self.port = None
        self.install(device)
        self.assertEqual(self.o.server.stop(), 0)
        # There is none.
        for path in package_keys.files(self.o.ro.dir, self.second.dir):
            os.remove(path)
        said = self.o.ro.run("rotate", "packages", ok=False)
        self.assertEqual(said.returncode, 1)
        self.assertIn("--lost", said.stderr)
        self.assertIn("5 packages cannot be read any more", self.o.ro.run("rotate", "packages", "--lost").stdout)
        self.assertEqual(self.o.ro.json("status", "--eid", other.eid.hex())["state"], "reseal")
        self.assertEqual(self.o.ro.json("status", "--eid", device.eid.hex())["state"], "installed")
        self.o.start()


if __name__ == "__main__":
    unittest.main()
