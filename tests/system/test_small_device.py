# SPDX-License-Identifier: Apache-2.0
"""The small device: the engine as compiled for a Cortex-M33 (tools/small), emulated by qemu-arm, against the real samarad and samara-auc. It makes
its keys, is enrolled by the real supplier, and does all that a device does, octets on the wire included."""
import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from live import Live  # noqa: E402
from world import UID_BASE, eid, imei, wait_until  # noqa: E402

PROGRAM = os.path.join(os.environ.get("SAMARA_BUILD", "build"), "tests", "small", "small-device")
PATIENCE = 60  # emulated public-key operations on a loaded machine
STACK_MAX = 8192  # engine, adapter and Debian's Mbed TLS together, as measured; docs/small-device.md


class SmallDevice:
    """One emulated device. What Live asks of a device, and commands."""
    running = []

    def __init__(self, world, number):
        self.world, self.number, self.eid, self.imei, self.gid = world, number, eid(number), imei(number), UID_BASE + 1002 + 3 * number
        self.program = os.urandom(32).hex()  # the hash of what runs on it
        directory = os.path.join(world.root, f"m{number}")
        os.mkdir(directory, 0o755)
        self.socket = os.path.join(directory, "tre.sock")
        self.child = subprocess.Popen(["qemu-arm", PROGRAM, self.program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.running.append(self.child)
        self.stack, self.heap = {}, {}

    def measurement(self):
        return self.program

    def start_tre_alone(self):
        """The production line's cable is plugged in: the device serves one enrolment. Pulled out by stop."""
        self.write(f"enrol {self.socket}")
        wait_until("the device's socket", lambda: os.path.exists(self.socket) or self.child.poll() is not None, PATIENCE)
        return self

    def stop(self):
        self.read("enrol")

    def write(self, line):
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()

    def read(self, name):
        """The words of a success, as a dictionary, or the error's name."""
        line = self.child.stdout.readline().split()
        if not line:
            raise AssertionError(f"the device died, code {self.child.wait(PATIENCE)}")
        if line[0] != "ok":
            return line[1]
        words = dict(re.fullmatch(r"(\w+)=(.*)", word).groups() for word in line[1:])
        self.stack[name] = max(self.stack.get(name, 0), int(words.pop("stack")))
        self.heap[name] = max(self.heap.get(name, 0), int(words.pop("heap")))
        return words

    def ask(self, *words):
        self.write(" ".join(map(str, words)))
        return self.read(words[0])

    def power_off(self):
        self.child.stdin.close()
        return self.child.wait(PATIENCE)

    @classmethod
    def end_all(cls):
        for child in cls.running:
            child.kill()
            child.wait()
            for stream in (child.stdin, child.stdout):
                stream.close()
        cls.running.clear()


class SmallLive(Live):
    def make_device(self, number, certificate, agent):
        return SmallDevice(self.world, number)


class Case(unittest.TestCase):
    ALGORITHM = "milenage"

    def setUp(self):
        self.addCleanup(SmallDevice.end_all)
        self.live = SmallLive(os.environ.get("SAMARA_BUILD", "build"), shipments=((self.ALGORITHM, 1, True),))
        self.addCleanup(self.live.stop)
        self.device = self.live.devices[0]
        self.live.start()
        self.live.world.start_auc(self.live.auc)

    def contact(self, kind):
        answer = self.device.ask(kind, self.live.world.port)
        self.assertIsInstance(answer, dict, answer)
        self.assertEqual(answer["refusal"], "NONE")
        return answer

    def provision(self):
        """One datagram up, one down; the receipt with the next check-in; activation by the operator."""
        flight = self.contact("flight")
        self.assertEqual((flight["package"], flight["receipts"], flight["flight"]), ("OK", "1", "0"))
        checkin = self.contact("checkin")
        self.assertEqual(checkin["receipts"], "0")
        self.live.wait_active(self.device, timeout=PATIENCE)
        return flight, checkin

    def vector(self):
        return self.live.world.vector(self.live.auc, "001010010000001")

    def authenticate(self, vector):
        rand, autn, ik, ck, res = vector
        self.assertEqual(self.device.ask("authenticate", rand.hex(), autn.hex()), {"res": res.hex(), "ck": ck.hex(), "ik": ik.hex()})

    def test_flight_receipt_activation_and_authentication(self):
        self.assertIsNone(self.vector(), "a vector before activation")
        flight, checkin = self.provision()
        vector = self.vector()
        self.authenticate(vector)
        self.assertEqual(self.device.ask("authenticate", vector[0].hex(), vector[1].hex()), "SQN")
        self.assertEqual(self.device.ask("restart"), {})
        self.assertEqual(self.device.ask("authenticate", vector[0].hex(), vector[1].hex()), "SQN")
        self.authenticate(self.vector())
        self.contact("checkin")
        again = self.contact("flight")
        self.assertEqual(again["package"], "NOTHING")
        self.assertEqual(self.device.power_off(), 0)
        self.report(flight, checkin)

    def report(self, flight, checkin):
        print(f"flight: {flight['up']} octets up, {flight['down']} down; check-in: {checkin['up']} up, {checkin['down']} down")
        for name, stack in sorted(self.device.stack.items()):
            print(f"{name:13} stack {stack} octets with the crypto library, heap {self.device.heap[name]}")
            self.assertGreater(stack, 0)
            self.assertLessEqual(stack, STACK_MAX, name)


class Milenage(Case):
    def test_changed_program_is_refused_by_the_server(self):
        """The measurement that the engine states is the one that is judged."""
        self.live.supplier.run("publish", "--csv", self.live.supplier.take(self.live.write("other.csv", f"measurement,version\n{'ab' * 32},9\n")),
                               "--out", self.live.supplier.path("other.smr"))
        self.live.ro.run("load", self.live.ro.take(self.live.supplier.path("other.smr")))
        wait_until("the server's new references", lambda: self.device.ask("flight", self.live.world.port)["refusal"] == "MEASUREMENT", PATIENCE)


class Tuak(Case):
    ALGORITHM = "tuak"


del Case  # its tests are run by those who inherit them


if __name__ == "__main__":
    unittest.main()
