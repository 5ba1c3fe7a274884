# SPDX-License-Identifier: Apache-2.0
"""Subscriptions handed over to existing networks. Debian's osmo-hlr is started on what `samara-auc export` wrote and asked for vectors over
GSUP; a real TRE, provisioned as always, accepts them. Open5GS is not in Debian 12: its documents are looked at by structure alone."""
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import gsup  # noqa: E402
from live import Live  # noqa: E402
from world import Process, wait_until  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")
AUTHENTICATE = 9
QUICK = {"ack_timeout": "1s", "pause_min_ms": 100, "pause_max": "1s"}
HLR_CONFIG = """log stderr
 logging filter all 1
 logging color 0
 logging level set-all notice
line vty
 bind 127.0.0.1
ctrl
 bind 127.0.0.1
hlr
 gsup
  bind ip 127.0.0.1
"""


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("osmo-hlr"), "needs root (a network of its own) and osmo-hlr")
class Export(unittest.TestCase):
    """The order of names is the order of what happens: an export changes whose subscription it is."""

    @classmethod
    def setUpClass(cls):
        cls.live = Live(BUILD, shipments=(("milenage", 2, True), ("tuak", 1, True)))
        cls.addClassCleanup(cls.live.stop)
        cls.world, cls.auc = cls.live.world, cls.live.auc
        cls.live.start()
        cls.world.start_auc(cls.auc)
        cls.device, cls.idle, cls.tuak = cls.live.devices  # idle: never switched on, so inactive
        for device in (cls.device, cls.tuak):
            device.start_tre_alone()
            device.start_agent_alone(**QUICK)
        cls.live.wait_active(cls.device, cls.tuak, timeout=60)
        cls.imsi, cls.idle_imsi, cls.tuak_imsi = (cls.live.subscription(d)["imsi"] for d in cls.live.devices)

    def export(self, name, *words, ok=True, form="osmo-hlr"):
        return self.auc.run("export", "--format", form, "--out", self.auc.path(name), *words, ok=ok)

    def refused(self, code, pattern, *args, **kwargs):
        done = self.export(*args, ok=False, **kwargs)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertRegex(done.stderr, pattern)

    def accepts(self, rand, autn, res, ck, ik):
        answer = self.device.ask(AUTHENTICATE, rand, autn)
        self.assertEqual(answer[:4], [0, res, ck, ik])

    def test_1_refused_leaves_nothing(self):
        self.refused(1, f"IMSI {self.tuak_imsi} uses TUAK, which osmo-hlr does not have", "no.sql")
        self.refused(1, f"IMSI {self.tuak_imsi} uses TUAK", "no.sql", "--imsi", self.imsi, "--imsi", self.tuak_imsi)
        self.refused(3, f"IMSI {self.idle_imsi} is not active", "no.sql", "--imsi", self.imsi, "--imsi", self.idle_imsi)
        self.refused(1, "IMSI 999990000000000: it does not exist", "no.sql", "--imsi", "999990000000000")
        self.refused(2, "--format is osmo-hlr or open5gs", "no.sql", form="hss")
        self.assertFalse(os.path.exists(self.auc.path("no.sql")))
        self.assertEqual([n for n in os.listdir(self.auc.dir) if n.startswith(".") and n.endswith(".tmp")], [])
        self.assertEqual(self.live.subscription(self.device)["state"], "active")

    def test_2_own_vectors_until_it_is_exported(self):
        rand, autn, ik, ck, res = self.world.vector(self.auc, self.imsi)
        self.accepts(rand, autn, res, ck, ik)
        done = self.export("subs.sql", "--skip-unsupported")
        self.assertIn("1 subscriptions", done.stdout)
        self.assertIn("2 left out", done.stdout)
        self.assertIn("event=subscriptions.exported", done.stderr)
        self.assertEqual(stat.S_IMODE(os.stat(self.auc.path("subs.sql")).st_mode), 0o600)
        with open(self.auc.path("subs.sql"), encoding="ascii") as f:
            secrets = re.findall("[0-9a-f]{32}", f.read())
        self.assertEqual(len(secrets), 2)
        self.assertFalse([s for s in secrets if s in done.stdout + done.stderr])
        self.assertIsNone(self.world.vector(self.auc, self.imsi))
        self.assertEqual(self.live.subscription(self.device)["state"], "exported")
        self.assertIsNotNone(self.world.vector(self.auc, self.tuak_imsi))

    def test_3_osmo_hlr_gives_vectors_that_the_tre_accepts(self):
        database = self.make_database()
        self.start_hlr(database)
        client = gsup.Client()
        self.addCleanup(client.close)
        for _ in range(2):
            vectors = client.vectors(self.imsi)
            self.assertGreater(len(vectors), 1)
            for v in vectors:
                self.accepts(v["rand"], v["autn"], v["res"], v["ck"], v["ik"])
        self.assertNotEqual(self.device.ask(AUTHENTICATE, vectors[0]["rand"], vectors[0]["autn"])[0], 0)  # each once
        with self.assertRaises(gsup.Refused):
            client.vectors(self.idle_imsi)

    def make_database(self):
        database = self.auc.path("hlr.db")
        self.world.command(["osmo-hlr-db-tool", "-l", database, "create"], None)
        self.load(database, "subs.sql")
        before = self.sqn(database)
        with self.assertRaises(subprocess.CalledProcessError):
            self.load(database, "subs.sql")  # nothing is set back
        self.assertEqual(self.sqn(database), before)
        return database

    def load(self, database, name):
        with open(self.auc.path(name), encoding="ascii") as f:
            subprocess.run(["sqlite3", database], stdin=f, check=True, capture_output=True, timeout=30)

    @staticmethod
    def sqn(database):
        done = subprocess.run(["sqlite3", database, "SELECT imsi, sqn, ind_bitlen FROM subscriber JOIN auc_3g ON id = subscriber_id"], check=True,
                              capture_output=True, text=True, timeout=30)
        return done.stdout

    def start_hlr(self, database):
        config = os.path.join(self.world.root, "osmo-hlr.cfg")
        with open(config, "w", encoding="ascii") as f:
            f.write(HLR_CONFIG)
        hlr = Process(self.world, "osmo-hlr", ["osmo-hlr", "-c", config, "-l", database], os.path.join(self.world.logs, "osmo-hlr.log"),
                      cwd=self.world.root)
        self.addCleanup(hlr.stop)

        def listens():
            self.assertTrue(hlr.alive(), hlr.tail())
            try:
                gsup.Client().close()
            except ConnectionError:
                return False
            return True
        wait_until("osmo-hlr to listen", listens, timeout=60, every=0.1)

    def test_4_exported_again_only_when_it_is_asked_for(self):
        self.refused(3, f"IMSI {self.imsi} was exported before", "again.sql", "--imsi", self.imsi)
        self.refused(4, "no active subscription to export", "again.sql", "--skip-unsupported")
        self.assertFalse(os.path.exists(self.auc.path("again.sql")))
        self.export("again.sql", "--imsi", self.imsi, "--again")
        self.refused(1, "exists already; keys are never overwritten", "again.sql", "--imsi", self.imsi, "--again")
        with open(self.auc.path("again.sql"), encoding="ascii") as again, open(self.auc.path("subs.sql"), encoding="ascii") as first:
            self.assertEqual(again.read(), first.read())

    def test_5_open5gs_documents_have_their_documented_form(self):
        self.export("subs.json", "--imsi", self.imsi, "--again", form="open5gs")
        with open(self.auc.path("subs.json"), encoding="ascii") as f:
            (document,) = [json.loads(line) for line in f]
        with open(self.auc.path("subs.sql"), encoding="ascii") as f:
            k, opc, sqn = re.search("5, '([0-9a-f]{32})', '([0-9a-f]{32})', ([0-9]+), 5", f.read()).groups()
        self.assertEqual((document["imsi"], document["schema_version"]), (self.imsi, 1))
        security = document["security"]
        self.assertEqual((security["k"], security["opc"], security["op"], security["amf"]), (k, opc, None, "8000"))
        # Open5GS uses the SQN that it finds: above the last one given out here, in the USIM's next step.
        self.assertEqual(int(security["sqn"]["$numberLong"]) // 32, int(sqn) // 32 + 1)
        (piece,) = document["slice"]
        self.assertEqual((piece["sst"], piece["default_indicator"], piece["session"][0]["name"]), (1, True, "internet"))
        self.assertEqual(set(document["ambr"]), {"uplink", "downlink"})


if __name__ == "__main__":
    unittest.main()
