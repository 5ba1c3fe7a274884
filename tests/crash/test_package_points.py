# SPDX-License-Identifier: Apache-2.0
"""The rotation of package keys dies before and after every transaction and file, and is repeated: in its course, at the beginning of a store that has X
in clear, and when keys are lost. At no moment is there a package that waits and that a front end cannot read, its own directory or another one. Whoever
repeats it ends the walk that was begun, before he begins another."""
import os
import shutil
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import faults  # noqa: E402
import package_keys  # noqa: E402
from offline import Offline  # noqa: E402
from postgres import Postgres  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")
DEVICES = 3
RESEAL = "4"
BUCKETS = (5, 50, 500)  # where the walk comes by in its first six steps, in three of them; in all that follow it finds nothing
FIRST, LAST = 8, 3  # commits that are tried; SAMARA_LONG: all


def tried(places):
    if os.environ.get("SAMARA_LONG"):
        return places
    last = {name: times for name, times in places}
    return [(name, times) for name, times in places if times <= FIRST or times > last[name] - LAST]


class EveryPoint(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.postgres = Postgres()
        cls.addClassCleanup(cls.postgres.remove)
        cls.o = Offline(BUILD, devices=DEVICES, by_certificate=0, store=cls.postgres.address(), replace=faults.programs(BUILD))
        cls.addClassCleanup(cls.o.stop)
        cls.another = os.path.join(cls.o.world.root, "another")
        os.makedirs(os.path.join(cls.another, "keys"))
        cls.x = {eid: package_keys.opened([cls.o.ro.dir], eid, sealed) for eid, sealed, _ in cls.rows()}
        assert len(cls.x) == DEVICES and None not in cls.x.values()
        cls.postgres.sql("ALTER TABLE package ADD COLUMN times int4 NOT NULL DEFAULT 0; CREATE FUNCTION one_more() RETURNS trigger LANGUAGE plpgsql AS "
                         "'BEGIN NEW.times := OLD.times + (NEW.epoch > OLD.epoch)::int4; RETURN NEW; END'; "
                         "CREATE TRIGGER one_more BEFORE UPDATE ON package FOR EACH ROW EXECUTE FUNCTION one_more()")

    @classmethod
    def rows(cls):
        """(EID, what is stored for X, epoch) of every package."""
        lines = cls.postgres.sql("SELECT encode(eid, 'hex'), encode(sealed_x, 'hex'), epoch FROM package").splitlines()
        return [(bytes.fromhex(eid), bytes.fromhex(x), int(epoch)) for eid, x, epoch in (line.split("\t") for line in lines)]

    def spread(self):
        """Over buckets that the walk is known to find early. The walk does not ask what their devices' are."""
        for eid, bucket in zip(sorted(self.x), BUCKETS):
            self.postgres.sql(f"UPDATE package SET bucket = {bucket} WHERE eid = '\\x{eid.hex()}'")
        self.addCleanup(self.postgres.sql, "UPDATE package p SET bucket = d.bucket FROM device d WHERE d.eid = p.eid")

    def take_copy(self):
        """Another front end's keys are what the first one's are now, and stay so."""
        for path in package_keys.files(self.another):
            os.remove(path)
        for path in package_keys.files(self.o.ro.dir):
            shutil.copy(path, os.path.join(self.another, "keys"))

    def drop_keys(self):
        for path in package_keys.files(self.o.ro.dir):
            os.remove(path)

    def readable(self, *directories):
        rows = self.rows()
        self.assertEqual({eid for eid, _, _ in rows}, set(self.x))
        for directory in directories:
            for eid, stored, epoch in rows:
                self.assertEqual(stored if epoch == 0 else package_keys.opened([directory], eid, stored), self.x[eid], f"{directory}, epoch {epoch}")

    def run_to_place(self, place, *words):
        fault = faults.Fault(place)
        done = self.o.ro.run("rotate", "packages", *words, ok=False, **fault.popen())
        passed = fault.passed()
        fault.close()
        self.assertEqual(done.returncode, 0 if place is None else -9, f"{place}: {done.stderr}")
        return passed

    def at_every_place(self, prepare, after_death, after_all, *words):
        prepare()
        places = tried(faults.places(self.run_to_place(None, *words)))
        after_all()
        for place in places:
            with self.subTest(place=place):
                prepare()
                self.run_to_place(place, *words)
                after_death()
                self.o.ro.run("rotate", "packages", *words)
                after_all()
        return {name for name, _ in places}

    def moved_on(self):
        """All is under the newest epoch, and the directory has no key but that of the one before. All was written equally often: each walk that was
        begun has been ended."""
        epochs = [int(n) for n in self.postgres.sql("SELECT epoch FROM package_key ORDER BY epoch").split()]
        self.assertEqual({epoch for _, _, epoch in self.rows()}, {epochs[-1]})
        self.assertEqual(self.postgres.sql("SELECT count(DISTINCT times) FROM package"), "1", "a walk was begun and not ended")
        self.assertLessEqual(len(epochs), 2)
        self.assertEqual([epoch for epoch, _ in package_keys.files(self.o.ro.dir).values()], [epochs[0]])
        self.readable(self.o.ro.dir)

    def test_rotation_killed_at_every_point_leaves_all_packages_readable(self):
        self.spread()
        self.o.ro.run("rotate", "packages")
        names = self.at_every_place(self.take_copy, lambda: self.readable(self.o.ro.dir, self.another), self.moved_on)
        self.assertTrue({"before-commit store", "after-commit store", "before-rename package-.key", "before-remove package-.key"} <= names, names)

    def test_first_keys_of_a_store_in_clear_killed_at_every_point(self):
        self.spread()

        def prepare():
            self.drop_keys()
            self.postgres.sql("TRUNCATE package_key; " + "".join(
                f"UPDATE package SET epoch = 0, sealed_x = '\\x{x.hex()}' WHERE eid = '\\x{eid.hex()}'; " for eid, x in self.x.items()))
        self.at_every_place(prepare, lambda: self.readable(self.o.ro.dir), self.moved_on)

    def test_lost_keys_given_up_killed_at_every_point(self):
        saved = [(eid, stored) for eid, stored, _ in self.rows()]

        def prepare():
            self.drop_keys()
            self.postgres.sql("UPDATE device SET state = 1, has_x = 1; INSERT INTO package (bucket, eid, sealed_x, w, epoch, waits) SELECT bucket, eid, "
                              "decode(repeat('00', 99), 'hex'), decode(repeat('00', 64), 'hex'), (SELECT min(epoch) FROM package_key), 0 FROM device "
                              "ON CONFLICT (bucket, eid) DO UPDATE SET sealed_x = excluded.sealed_x, epoch = excluded.epoch")

        def given_up():
            self.assertEqual(self.rows(), [])
            self.assertEqual(self.postgres.sql("SELECT DISTINCT state FROM device"), RESEAL)
            self.o.ro.run("rotate", "packages")
        self.at_every_place(prepare, lambda: None, given_up, "--lost")
        # What the other tests begin with.
        self.drop_keys()
        self.postgres.sql("TRUNCATE package_key; UPDATE device SET state = 1, has_x = 1; " + "".join(
            f"INSERT INTO package SELECT bucket, eid, '\\x{self.x[eid].hex()}', decode(repeat('00', 64), 'hex'), NULL, 0, 0 FROM device "
            f"WHERE eid = '\\x{eid.hex()}'; " for eid, _ in saved))
        self.o.ro.run("rotate", "packages")


if __name__ == "__main__":
    unittest.main()
