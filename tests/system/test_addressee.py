# SPDX-License-Identifier: Apache-2.0
"""Answers leave from the address that was asked: a client that has connected its socket takes none from another one."""
import os
import socket
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from world import World  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")
# A first contact under flight key 0, which nobody has: the hint needs no device.
REQUEST = bytes.fromhex("52021234aabbb166ff" "840100" "5821" + "02" + "00" * 32 + "50" + "00" * 16)
NOT_FOUND = 0x84


class Addressee(unittest.TestCase):
    def ask(self, listening, asked):
        world = World(BUILD)
        self.addCleanup(world.close)
        ro = world.player("ro", "ro", 1)
        ro.init()
        world.start_samarad(ro, listen__address=listening, listen__threads=1)
        family = socket.AF_INET6 if ":" in asked else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as s:
            s.settimeout(20)
            s.connect((asked, world.port))
            s.send(REQUEST)
            return s.recv(2000)

    def test_answer_of_a_server_on_all_addresses_leaves_from_the_one_that_was_asked(self):
        self.assertEqual(self.ask("0.0.0.0", "127.0.0.9")[1], NOT_FOUND)

    def test_answer_of_a_server_on_one_address_leaves_from_that(self):
        self.assertEqual(self.ask("127.0.0.9", "127.0.0.9")[1], NOT_FOUND)


if __name__ == "__main__":
    unittest.main()
