# SPDX-License-Identifier: Apache-2.0
"""The PostgreSQL of the front ends has a name, and whoever resolves names does not answer any more (tests/system/resolver.c): unchanged check-ins go on,
a front end ends when it is told to, and all comes back by itself."""
import mmap
import os
import struct
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from front_ends import BUILD, FrontEnds  # noqa: E402
from postgres import Postgres  # noqa: E402
from world import free_udp_port, wait_until  # noqa: E402

STORE_UNAVAILABLE = 8
ADDRESS = "postgresql://samara@database.invalid/postgres"


class Resolver:
    """What a Process takes for a fault: that of one program."""
    place = None  # it dies nowhere

    def __init__(self, postgres):
        self.socket = os.path.join(postgres.root, ".s.PGSQL.5432")
        self.file = tempfile.TemporaryFile()
        self.file.truncate(8)
        self.map = mmap.mmap(self.file.fileno(), 8)

    def hang(self, hangs=True):
        self.map[:4] = struct.pack("=i", hangs)

    def hanging(self):
        """Calls that do."""
        return struct.unpack("=i", self.map[4:])[0]

    def popen(self, pass_fds=()):
        """What subprocess.Popen needs for it."""
        fd = self.file.fileno()
        return {"env": {**os.environ, "SAMARA_RESOLVER": str(fd), "SAMARA_RESOLVER_SOCKET": self.socket}, "pass_fds": (fd, *pass_fds)}


class ByName(FrontEnds, unittest.TestCase):
    PROGRAMS = {"samarad": os.path.join(os.path.abspath(BUILD), "tests", "system", "resolver-samarad")}
    OPTIONS = {"listen__threads": 1}  # which has to answer everything

    @classmethod
    def make_store(cls):
        cls.postgres = Postgres()
        cls.addClassCleanup(cls.postgres.remove)
        cls.FAULTS = (Resolver(cls.postgres), Resolver(cls.postgres))
        return cls.postgres.address()

    @classmethod
    def address_of_store(cls, address):
        return ADDRESS

    def lose(self, *resolvers):
        """All connections, and whoever could say where to connect to."""
        for resolver in resolvers:
            self.addCleanup(resolver.hang, False)
            resolver.hang()
        self.postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'samara'")

    def test_check_ins_go_on(self):
        settled, flier = self.new(), self.new()
        self.report(settled, 0, self.o.install(settled, self.subscribe(settled)))
        m1 = self.o.m1(flier)
        self.lose(*self.FAULTS)
        for which, resolver in enumerate(self.FAULTS):
            for _ in range(3):  # the first finds the connection lost, those that follow have it made anew
                self.assertIn(self.fly(flier, which, timeout=0.3, m1=m1), (None, {0: STORE_UNAVAILABLE}))
            wait_until("somebody to ask", resolver.hanging)
            for _ in range(3):
                c2 = self.check_in(settled, which)
                self.assertIsNotNone(c2)
                self.assertNotIn(0, c2)
            self.assertIn(self.fly(flier, which, timeout=0.3, m1=m1), (None, {0: STORE_UNAVAILABLE}))
            self.assertGreater(resolver.hanging(), 0)
            resolver.hang(False)
            wait_until("a subscription again", lambda w=which: 1 in (self.fly(flier, w, timeout=0.5, m1=m1) or {}), timeout=60)

    def test_an_orderly_end_does_not_wait_for_it(self):
        resolver = Resolver(self.postgres)
        third = self.o.world.start_samarad(self.second_directory("third"), resolver, "third", listen__port=free_udp_port(), **self.o.store)
        self.lose(resolver)
        wait_until("somebody to ask", resolver.hanging)
        self.assertEqual(third.stop(), 0)
        self.assertGreater(resolver.hanging(), 0)


if __name__ == "__main__":
    unittest.main()
