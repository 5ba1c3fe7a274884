# SPDX-License-Identifier: Apache-2.0
"""Two samarad on one store, and devices that ask the one or the other."""
import copy
import json
import os
import shutil

import wire
from offline import Offline
from world import free_udp_port, wait_until

BUILD = os.environ.get("SAMARA_BUILD", "build")


class FrontEnds:
    """Two front ends, «samarad» and «second»; to be mixed into a TestCase."""
    DEVICES = 14
    PROGRAMS = None  # in the place of others, as World(replace=…) takes them
    FAULTS = (None, None)  # what is special about each, as Process takes it
    OPTIONS = {}

    @classmethod
    def make_store(cls):
        """The address of the store, or None: a SQLite file."""

    @classmethod
    def address_of_store(cls, address):
        """As the front ends are told."""
        return address

    @classmethod
    def setUpClass(cls):
        cls.o = Offline(BUILD, devices=cls.DEVICES, by_certificate=0, store=cls.make_store(), replace=cls.PROGRAMS)
        cls.addClassCleanup(cls.o.stop)
        cls.o.store = {key: cls.address_of_store(address) for key, address in cls.o.store.items()}
        cls.o.start(cls.FAULTS[0], **cls.OPTIONS)
        cls.port = free_udp_port()
        cls.second = cls.o.world.start_samarad(cls.second_directory(), cls.FAULTS[1], "second", listen__port=cls.port,
                                               store__path=cls.o.store.get("store__path", cls.o.ro.path("samara.db")), **cls.OPTIONS)
        cls.fresh = iter(cls.o.devices)

    @classmethod
    def second_directory(cls, name="second"):
        """The second front end, or a further one, has a directory of its own, with copies of the RO's card and keys."""
        second = copy.copy(cls.o.ro)
        second.dir = os.path.join(cls.o.world.root, "ro-" + name)
        shutil.copytree(cls.o.ro.dir, second.dir, ignore=shutil.ignore_patterns("*.sock", "samara.db*", "lock"))
        for folder, _, files in os.walk(second.dir):
            for path in [folder, *(os.path.join(folder, file) for file in files)]:
                cls.o.world.give(path, second.uid)
        return second

    def new(self):
        device = next(self.fresh)
        device.have = None
        return device

    def ask(self, which, path, payload, timeout=5.0):
        """@which: 0 or 1, the front end."""
        udp = wire.Udp([self.o.world.port, self.port][which], timeout)
        try:
            return udp.ask(path, payload)
        except ConnectionRefusedError:
            return None
        finally:
            udp.close()

    def fly(self, device, which=0, timeout=5.0, m1=None, **kwargs):
        answer = self.ask(which, "f", m1 or self.o.m1(device, **kwargs), timeout)
        return device.open_m2(answer[1]) if answer and answer[0] == "2.04" else None

    def subscribe(self, device, which=0):
        """The same request until it is served: a test before may have left connections behind that are still to come back."""
        m1 = self.o.m1(device)
        return wait_until("a subscription", lambda: (lambda m2: m2 if m2 and 1 in m2 else None)(self.fly(device, which, 0.5, m1)), timeout=60)

    def report(self, device, which, receipt):
        c1 = device.c1(report={1: [receipt], 2: 1})

        def ask():
            answer = self.ask(which, "c", c1, timeout=0.5)
            c2 = copy.copy(device).open_c2(answer[1]) if answer and answer[0] == "2.04" else {0: None}
            return answer if 0 not in c2 else None
        device.open_c2(wait_until("a report taken", ask, timeout=60)[1])

    def check_in(self, device, which=0, report=None, timeout=5.0):
        answer = self.ask(which, "c", device.c1(report=report), timeout)
        return device.open_c2(answer[1]) if answer and answer[0] == "2.04" else None

    def status(self, device):
        return json.loads(self.o.ro.run("status", "--eid", device.eid.hex(), "--json").stdout)
