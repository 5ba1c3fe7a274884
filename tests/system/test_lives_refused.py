# SPDX-License-Identifier: Apache-2.0
"""A device with a subscription waiting at a real RO, whose disk a thief has: what he makes of the release or of what it names does not boot, each with its
own reason, and the device gets no MCIM, not even with its TRE started by hand. As it was released it boots afterwards, and gets it."""
import contextlib
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from boot_rig import CODES, EVIL, EVIL_SAYS, Interposer, Traced, read, write  # noqa: E402
from oracle.cbor import decode  # noqa: E402
from releases import Booted, Releases  # noqa: E402
from world import Device, wait_until  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")
STATE, OK, MEASUREMENT, MEASUREMENT_REFUSED = 1, 0, 0x308, 2


def put(path, content):
    """Under its name in one step, and under another inode: a program that runs cannot be written to."""
    write(path + ".new", content)
    os.chmod(path + ".new", 0o755)
    os.rename(path + ".new", path)


@contextlib.contextmanager
def exchanged(path, content):
    honest = read(path)
    put(path, content)
    try:
        yield
    finally:
        put(path, honest)


class Slotted(Booted):
    """A firmware slot is one of its stages: no program, and nothing in it says where it ends."""

    def write_config(self, certificate, **more):
        super().write_config(certificate, **more)
        self.slot = os.path.join(self.dir, "slot.img")
        write(self.slot, b"firmware " * 5000)
        text = read(self.config)
        write(self.config, text.replace(b"[launch]\n", f"[launch]\nmeasure = {self.slot}\n".encode(), 1))


class Refused(Slotted):
    """On the production line its software is not its release's: samara-boot starts nothing, and somebody starts the TRE by hand."""

    def start_tre_alone(self, fault=None):
        agent = self.world.bin("samara-m2me")
        with exchanged(agent, read(agent) + b"another"):
            self.code = self.power_on().child.wait(30)
        return Device.start_tre_alone(self, fault)


class Shipped(Releases):
    """Two devices, both with release 2. The second was not booted by it."""
    NUMBER = 2

    def __init__(self, build, **more):
        self.kinds = iter((Slotted, Refused))
        super().__init__(build, shipments=(("milenage", 2, True),), **more)

    def make_device(self, *arguments):
        self.DEVICE = next(self.kinds)
        return super().make_device(*arguments)


class Stolen(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.live = Shipped(BUILD, interval="1s", pause_min_ms=100)
        cls.addClassCleanup(cls.live.stop)
        cls.live.start()
        cls.device, cls.unbooted = cls.live.devices
        cls.sealed = cls.live.row(cls.device)

    def path(self, program):
        return self.live.world.bin(program)

    def kept(self):
        """All that its TRE has on the disk."""
        return {name: read(os.path.join(self.device.tre_dir, name)) for name in os.listdir(self.device.tre_dir)}

    def flight(self, device):
        return json.loads(device.agent("--once", "flight", "--json", ok=False).stdout)

    def refused(self, reason, during=None):
        """It says why, and nothing comes to run. @during: done while samara-boot has the agent open."""
        device, before = self.device, self.kept()
        log = os.path.join(self.live.world.logs, "m1.log")
        since = os.path.getsize(log)
        running = device.power_on(**({"preexec_fn": Traced.begin} if during else {}))
        if during:
            Traced.go_on(running.pid, self.path("samara-m2me"), during)
        self.assertEqual(running.child.wait(30), CODES[reason], running.tail())
        self.assertTrue(running.logged(f"event=boot.refused why={reason} ", since), running.tail())
        self.assertFalse(running.logged("child.started", since) or running.logged("launch.ready", since), running.tail())
        self.assertFalse(device.is_answering())
        self.assertEqual(self.kept(), before)

    def gets_nothing(self):
        """The thief puts back what was released, tells the TPM all that the release says, and starts the TRE by hand."""
        for pcr, digest, _ in decode(decode(read(self.live.supplier.path("release-2.smr")))[2])[4]:
            self.device.tpm.extend(pcr, digest)
        with self.started_by_hand(self.device):
            state = self.device.ask(STATE)
            self.assertEqual((state[1], state[-1]), (MEASUREMENT, []))
            answer = self.flight(self.device)
            self.assertEqual((answer["result"], answer["datagrams_up"]), ("failed", 0), answer)  # it has nothing to ask with
        self.assertEqual(self.live.row(self.device), self.sealed)

    @contextlib.contextmanager
    def started_by_hand(self, device):
        tre = Device.start_tre_alone(device)
        try:
            yield
        finally:
            tre.stop()

    def other_releases(self):
        """What may lie in the place of the release, and the reason that it is refused with."""
        live, own = self.live, self.live.supplier.path("release-2.smr")
        mallory = live.world.player("mallory", "supplier", 9)
        mallory.init()
        content = read(own)
        yield "RELEASE_ALTERED", content.replace(b"1.2", b"1.3")
        yield "RELEASE_KEY", read(live.release(self.device, 2, player=mallory))
        yield "RELEASE_OLDER", read(live.release(self.device, 1))
        yield "RELEASE_TRUNCATED", content[:-40]

    def other_programs(self):
        content = read(self.path("samara-tre"))
        yield "STAGE_ALTERED", content + b"and more"
        yield "STAGE_CUT", content[:len(content) // 2]

    def other_slots(self):
        content = read(self.device.slot)
        yield "STAGE_ALTERED", b"x" + content[1:]
        yield "STAGE_CUT", content[:len(content) // 2]
        yield "STAGE_CUT", content[:-1]
        yield "STAGE_CUT", b""

    def test_what_the_supplier_did_not_release_gets_no_mcim_and_what_it_did_gets_it(self):
        self.assertEqual(self.sealed["state"], "sealed")
        for path, others in ((self.device.boot_words[1], self.other_releases()), (self.path("samara-tre"), self.other_programs()),
                             (self.device.slot, self.other_slots())):
            for reason, content in others:
                with self.subTest(reason, path=path):
                    with exchanged(path, content):
                        self.refused(reason)
                    self.gets_nothing()
        with self.subTest("STAGE_SWAPPED"):
            self.refused("STAGE_SWAPPED", during=self.exchange_agent)
            self.gets_nothing()
        self.swapped_after_the_check()

    def exchange_agent(self):
        """For a moment, and back by rename."""
        path = self.path("samara-m2me")
        honest = read(path)
        write(path, b"x" + honest[1:])
        put(path, honest)

    def swapped_after_the_check(self):
        """What was verified runs, and what is there now does not: the one case that is no refusal."""
        agent = self.path("samara-m2me")
        with Interposer(self.device.tpm, lambda: put(agent, read(EVIL))) as bus:
            running = self.device.power_on(bus.tcti)
            wait_until("the subscription", lambda: self.live.row(self.device)["state"] == "installed", 30, every=0.1)
            self.assertTrue(bus.acted)
            self.assertEqual(running.stop(), 0)
        self.assertFalse(running.logged(EVIL_SAYS.lstrip("^")))

    def test_device_enrolled_behind_a_boot_that_was_refused_gets_no_mcim(self):
        """Its own state is open to it; what the TPM says of the boot goes with it to the server."""
        device = self.unbooted
        self.assertEqual(device.code, CODES["STAGE_ALTERED"])
        with self.started_by_hand(device):
            self.assertEqual(device.ask(STATE)[1], OK)
            answer = self.flight(device)
            self.assertEqual((answer["result"], answer["refusal"]), ("refused", MEASUREMENT_REFUSED), answer)
            self.assertEqual(device.ask(STATE)[-1], [])
        self.assertEqual(self.live.row(device)["state"], "sealed")


if __name__ == "__main__":
    unittest.main()
