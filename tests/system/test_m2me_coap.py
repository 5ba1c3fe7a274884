#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""samara-m2me on the wire: a peer that looks at every octet and misbehaves, and a TRE made of nothing but its socket's protocol."""
import hashlib
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

AGENT = os.path.join(os.environ.get("SAMARA_BUILD", "build"), "m2me", "samara-m2me")
OK, UNOPENED, SIGNATURE, SQN, MAC, STATE, NOTHING = 0, 0x0103, 0x0301, 0x030C, 0x0302, 0x030A, 0x0404
RAND, AUTN = bytes(range(16)), bytes(range(100, 116))
RES, CK, IK, AUTS = b"\xa1" * 8, b"\xc1" * 16, b"\xd1" * 16, b"\xe1" * 14


# ---- CBOR, as much as the TRE's socket needs ----

def head(major, value):
    if value < 24:
        return bytes([major << 5 | value])
    for extra, form in ((24, ">B"), (25, ">H"), (26, ">I"), (27, ">Q")):
        if value < 1 << 8 * struct.calcsize(form):
            return bytes([major << 5 | extra]) + struct.pack(form, value)
    raise ValueError(value)


def encode(item):
    if item is None:
        return b"\xf6"
    if isinstance(item, bool):
        return b"\xf5" if item else b"\xf4"
    if isinstance(item, int):
        return head(0, item)
    if isinstance(item, bytes):
        return head(2, len(item)) + item
    return head(4, len(item)) + b"".join(encode(i) for i in item)


def decode(data, pos=0):
    first, pos = data[pos], pos + 1
    major, value = first >> 5, first & 31
    if major == 7:
        return {20: False, 21: True, 22: None}[value], pos
    if value >= 24:
        form = {24: ">B", 25: ">H", 26: ">I", 27: ">Q"}[value]
        value, pos = struct.unpack_from(form, data, pos)[0], pos + struct.calcsize(form)
    if major == 0:
        return value, pos
    if major == 2:
        return data[pos:pos + value], pos + value
    items = []
    for _ in range(value):
        item, pos = decode(data, pos)
        items.append(item)
    return items, pos


class Tre(threading.Thread):
    """Answers like a TRE; an answer «opens» when it names the request's hash."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.enrolled, self.ticket, self.receipts, self.mcims = True, False, 0, 0
        self.wanted, self.certificates, self.pending, self.resends, self.c1 = b"", [], b"", 0, []
        self.refusal = self.package = 0
        self.gate_mac = None
        self.keys, self.aka, self.challenges = [b"signed key 1", b"signed key 2", b"signed key 3", b"signed key 4"], OK, []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.bind(path)
        self.socket.listen(8)
        self.start()

    def run(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client:
            while packet := client.recv(4096):
                client.send(encode(self.answer(*decode(packet)[0])))

    def outcome(self, refusal, package):
        return [OK, refusal, package, 0, self.receipts > 0, not (self.ticket or self.pending), 3600]

    def answer(self, op, *arguments):
        return getattr(self, "op%d" % op)(*arguments)

    def op1(self):
        mcim = [b"\x89" + bytes(9), b"\x00\x10\x10" + b"\xff" * 5, 1, 1, 1, 3600]
        return [OK, OK, self.enrolled, bytes(16), bytes(32), 7, self.ticket, False, bool(self.pending), 1, self.receipts, 0,
                [mcim] * self.mcims]

    def op4(self, with_certificate):
        self.certificates.append(with_certificate)
        m1 = os.urandom(370 if with_certificate else 210)
        self.wanted = m2_for(m1)
        return [OK, m1]

    def op10(self):
        return [OK, self.gate_mac] if self.gate_mac else [NOTHING]

    def op5(self, m2):
        if not self.wanted:
            return [STATE]
        if m2 != self.wanted:
            return [UNOPENED]
        self.wanted = b""
        if self.refusal:
            return self.outcome(self.refusal, NOTHING)
        self.ticket, self.pending = True, b""
        if self.package == OK:
            self.mcims, self.receipts = 1, self.receipts + (0 if self.mcims else 1)
        return self.outcome(0, self.package)

    def op6(self, key):
        if not self.keys or key != self.keys[0]:
            return [SIGNATURE]
        self.keys.pop(0)
        return [OK]

    def op7(self):
        if self.pending and self.resends < 4:
            self.resends += 1
        elif self.ticket:
            self.pending, self.ticket, self.resends = os.urandom(150), False, 0
        else:
            self.pending = b""
            return [NOTHING]
        self.c1.append(self.pending)
        return [OK, self.pending]

    def op8(self, c2):
        if not self.pending:
            return [STATE]
        if c2 != m2_for(self.pending):
            return [UNOPENED]
        self.pending = b""
        if self.refusal:
            return self.outcome(self.refusal, NOTHING)
        self.ticket, self.receipts = True, 0
        return self.outcome(0, NOTHING)

    def op9(self, rand, autn):
        self.challenges.append((rand, autn))
        if self.aka == OK:
            return [OK, RES, CK, IK, b"\x80\x00", True]
        return [SQN, AUTS] if self.aka == SQN else [self.aka]


def m2_for(request):
    return b"sealed for " + hashlib.sha256(request).digest()


# ---- CoAP, written from RFC 7252 and not from ours ----

class Request:
    def __init__(self, octets, source):
        self.octets, self.source, self.when = octets, source, time.monotonic()
        self.id, self.token = octets[2:4], octets[4:4 + (octets[0] & 15)]
        self.options, pos, number = [], 4 + len(self.token), 0
        while pos < len(octets) and octets[pos] != 0xFF:
            delta, length, pos = octets[pos] >> 4, octets[pos] & 15, pos + 1
            if delta == 13:
                delta, pos = octets[pos] + 13, pos + 1
            number += delta
            self.options.append((number, octets[pos:pos + length]))
            pos += length
        self.payload = octets[pos + 1:]

    def reply(self, code, payload=b"", options=b"", token=None, kind=2):
        token = self.token if token is None else token
        return bytes([kind << 4 | 0x40 | len(token), code]) + self.id + token + options + (b"\xff" + payload if payload else b"")

    def good(self):
        return self.reply(0x44, m2_for(self.payload))


def echo(value):
    return bytes([0xD0 | len(value), 252 - 13]) + value


def max_age(seconds):
    value = seconds.to_bytes(4, "big").lstrip(b"\0")
    return bytes([0xD0 | len(value), 1]) + value


class Peer(threading.Thread):
    """One UDP port; `behave(request, number)` returns the datagrams to send back."""

    def __init__(self, family=socket.AF_INET, host="127.0.0.1", port=0):
        super().__init__(daemon=True)
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind((host, port))
        self.port = self.socket.getsockname()[1]
        self.seen, self.behave, self.sent = [], lambda request, number: [request.good()], 0
        self.start()

    def run(self):
        while True:
            try:
                octets, source = self.socket.recvfrom(4096)
            except OSError:
                return
            if not octets:
                return
            if octets[1] != 2:
                continue  # no request: a reset, or what else a CoAP library says to garbage
            request = Request(octets, source)
            self.seen.append(request)
            for datagram in self.behave(request, len(self.seen)):
                self.socket.sendto(datagram, source)
                self.sent += 1

    def stop(self):
        family, address = self.socket.family, self.socket.getsockname()[:2]
        with socket.socket(family, socket.SOCK_DGRAM) as poke:
            poke.sendto(b"", address)
        self.join()
        self.socket.close()


class Scene(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="m2me-")
        self.tre = Tre(os.path.join(self.dir, "tre.sock"))
        self.peer = Peer()
        self.children = []
        self.configure()

    def tearDown(self):
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.communicate()
        self.peer.stop()
        self.tre.socket.close()
        shutil.rmtree(self.dir)

    def configure(self, address=None, agent="", sim=""):
        address = address or "coap://127.0.0.1:%d" % self.peer.port
        self.config = os.path.join(self.dir, "m2me.ini")
        keys = {"state": "agent", "ack-timeout": "1s", "max-retransmit": "0", "attach-timeout": "1s", "pause-min-ms": "200"}
        keys.update(line.split(" = ") for line in agent.splitlines())
        with open(self.config, "w", encoding="ascii") as out:
            out.write("[launch]\ntre-socket = tre.sock\n[server]\naddress = %s\n[agent]\n" % address)
            out.writelines("%s = %s\n" % pair for pair in keys.items())
            out.write("[sim]\n%s" % sim)

    def run_agent(self, *arguments, code=0):
        done = subprocess.run([AGENT, "--config", self.config, *arguments], capture_output=True, timeout=30, check=False)
        self.errors = done.stderr.decode()
        self.assertEqual(done.returncode, code, self.errors + done.stdout.decode())
        return done.stdout.decode()

    def once(self, what, code=0):
        result = json.loads(self.run_agent("--once", what, "--json", code=code))
        self.assertEqual(result["exit_code"], code)
        return result

    def status(self):
        return json.loads(self.run_agent("--status", "--json"))

    def spawn(self, *arguments):
        child = subprocess.Popen([AGENT, "--config", self.config, *arguments], stderr=subprocess.PIPE, stdout=subprocess.PIPE)
        self.children.append(child)
        return child

    def wait_until(self, condition, seconds=8):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, "it did not happen in time")
            time.sleep(0.01)


class Wire(Scene):
    def test_flight_is_one_datagram_each_way_of_nine_octets_overhead(self):
        self.configure(agent="bind = 127.0.1.5")
        result = self.once("provision")
        request, = self.peer.seen
        self.assertEqual(request.octets[:2], b"\x42\x02")  # version 1, confirmable, two octets of token, POST
        self.assertEqual(request.octets[6:9], b"\xb1f\xff")
        self.assertEqual(len(request.octets), len(request.payload) + 9)
        self.assertEqual(request.options, [(11, b"f")])
        self.assertEqual(len(request.payload), 210)
        self.assertEqual(request.source[0], "127.0.1.5")
        self.assertEqual((result["datagrams_up"], result["datagrams_down"]), (1, 1))
        self.assertEqual((result["bytes_up"], result["bytes_down"]), (219, len(request.good())))
        self.assertEqual((result["result"], result["installed"], result["has_receipts"]), ("accepted", True, True))

    def test_check_in_goes_to_its_own_path(self):
        self.tre.ticket = True
        result = self.once("check-in")
        request, = self.peer.seen
        self.assertEqual(request.options, [(11, b"c")])
        self.assertEqual(request.payload, self.tre.c1[0])
        self.assertEqual((len(request.octets), result["request_bytes"]), (159, 150))

    def test_provision_with_a_subscription_sends_nothing(self):
        self.tre.ticket, self.tre.mcims = True, 1
        self.assertEqual(self.once("provision")["result"], "none")
        self.assertEqual(self.peer.seen, [])

    def test_silence_is_met_with_identical_octets_then_given_up(self):
        self.peer.behave = lambda request, number: []
        self.configure(agent=RETRANSMIT)
        result = self.once("flight", code=4)
        self.assertEqual(len(self.peer.seen), 3)
        self.assertEqual(len({request.octets for request in self.peer.seen}), 1)
        gaps = [b.when - a.when for a, b in zip(self.peer.seen, self.peer.seen[1:])]
        self.assertGreater(gaps[0], 0.99)
        self.assertAlmostEqual(gaps[1], 2 * gaps[0], delta=0.2)
        self.assertEqual((result["datagrams_up"], result["datagrams_down"], result["result"]), (3, 0, "unanswered"))
        self.assertEqual(result["bytes_up"], 3 * len(self.peer.seen[0].octets))

    def test_without_retransmissions_it_is_one_datagram_and_one_time_out(self):
        self.configure(agent="attach-timeout = 60s")
        self.peer.behave = lambda request, number: []
        self.assertEqual(self.once("flight", code=4)["datagrams_up"], 1)
        self.assertEqual(len(self.peer.seen), 1)

    def test_an_answer_to_the_last_retransmission_counts(self):
        self.configure(agent=RETRANSMIT)
        self.peer.behave = lambda request, number: [request.good()] if number == 3 else []
        self.assertEqual(self.once("flight")["datagrams_up"], 3)

    def test_tokens_and_ports_do_not_repeat_over_contacts(self):
        self.tre.ticket = True
        for _ in range(5):
            self.once("check-in")
        self.assertEqual(len({request.source[1] for request in self.peer.seen}), 5)
        self.assertGreater(len({request.token for request in self.peer.seen}), 3)

    def test_ipv6_and_host_names(self):
        if os.path.exists("/proc/net/if_inet6"):
            peer = Peer(socket.AF_INET6, "::1")
            self.configure(address="coap://[::1]:%d" % peer.port)
            self.once("flight")
            self.assertEqual(len(peer.seen), 1)
            peer.stop()
        try:
            socket.getaddrinfo("localhost", None, socket.AF_INET)
        except socket.gaierror:
            self.skipTest("this machine does not know localhost")
        self.configure(address="coap://localhost:%d" % self.peer.port, agent="bind = 127.0.0.1")
        self.once("flight")
        self.assertEqual(len(self.peer.seen), 1)

    def test_wrong_addresses_are_named(self):
        for address in ("http://127.0.0.1:1", "coap://:1", "coap://h:0", "coap://h:70000", "coap://h/x", "coap://[::1"):
            self.configure(address=address)
            self.run_agent("--once", "flight", code=1)
            self.assertIn("[server] address", self.errors)
        self.configure(address="coap://no-such-host.invalid:5683")
        self.once("flight", code=4)


class Hints(Scene):
    def test_unknown_flight_key_makes_a_new_request(self):
        self.peer.behave = lambda request, number: [request.reply(0x84, b"signed key 1") if number == 1 else request.good()]
        self.assertEqual(self.once("flight")["datagrams_up"], 2)
        first, second = self.peer.seen
        self.assertNotEqual(first.payload, second.payload)

    def test_unknown_flight_keys_are_followed_three_times(self):
        self.peer.behave = lambda request, number: [request.reply(0x84, b"signed key %d" % number)]
        self.assertEqual(self.once("flight", code=4)["result"], "new-flight-key")
        self.assertEqual(len(self.peer.seen), 4)

    def test_flight_keys_that_the_tre_refuses_do_not_end_the_exchange(self):
        self.configure(agent=RETRANSMIT)
        self.peer.behave = lambda request, number: [request.reply(0x84, b"forged" if number == 1 else b"")] if number < 3 else [request.good()]
        result = self.once("flight")
        self.assertEqual(result["replies_ignored"], 2)
        self.assertEqual(len({request.payload for request in self.peer.seen}), 1)

    def test_echo_is_repeated_with_the_same_request(self):
        self.peer.behave = lambda request, number: [request.reply(0x81, options=echo(b"12345678")) if number == 1 else request.good()]
        self.once("flight")
        first, second = self.peer.seen
        self.assertEqual(second.options, [(11, b"f"), (252, b"12345678")])
        self.assertEqual((first.payload, first.source), (second.payload, second.source))
        self.assertEqual(len(second.octets), len(second.payload) + 9 + 10)

    def test_echo_brings_the_gate_mac_of_the_tre_behind_the_same_request(self):
        """Asked for again, with another Echo, it is the same."""
        self.tre.gate_mac = b"twelve octet"
        self.peer.behave = lambda request, number: [request.reply(0x81, options=echo(b"%08d" % number)) if number < 3
                                                    else request.reply(0x44, self.tre.wanted)]
        self.once("flight")
        first, second, third = self.peer.seen
        self.assertEqual(second.payload, first.payload + b"\x4ctwelve octet")
        self.assertEqual((third.payload, third.options), (second.payload, [(11, b"f"), (252, b"00000002")]))

    def test_echo_for_a_check_in_brings_no_gate_mac(self):
        self.tre.gate_mac, self.tre.ticket, self.tre.mcims = b"twelve octet", True, 1
        self.peer.behave = lambda request, number: [request.reply(0x81, options=echo(b"12345678")) if number == 1 else request.good()]
        self.once("check-in")
        first, second = self.peer.seen
        self.assertEqual(second.payload, first.payload)

    def test_echo_without_end_is_not_followed(self):
        self.peer.behave = lambda request, number: [request.reply(0x81, options=echo(b"%08d" % number))]
        self.once("flight", code=4)
        self.assertEqual(len({request.octets for request in self.peer.seen}), 3)

    def test_echo_of_another_length_is_ignored(self):
        for value in (b"", b"1234567", b"123456789"):
            self.peer.seen.clear()
            self.peer.behave = lambda request, number: [request.reply(0x81, options=echo(value))]
            self.once("flight", code=4)
            self.assertEqual(len(self.peer.seen), 1)

    def test_come_back_later_is_capped_at_a_day(self):
        for seconds, least, most in ((100, 100, 111), (4000000000, 86400, 86401)):
            self.peer.behave = lambda request, number: [request.reply(0xA3, options=max_age(seconds))]
            self.assertEqual(self.once("flight", code=4)["result"], "later")
            wait = self.status()["next_due"] - time.time()
            self.assertGreater(wait, least - 5)
            self.assertLess(wait, most)

    def test_unknown_ticket_key_asks_for_a_flight_and_erases_nothing(self):
        self.tre.ticket = True
        self.peer.behave = lambda request, number: [request.reply(0x84)]
        self.assertEqual(self.once("check-in", code=4)["result"], "flight-needed")
        self.assertTrue(self.tre.pending)
        self.assertTrue(self.status()["flight_wanted"])


class Strangers(Scene):
    def test_garbage_does_not_cost_the_answer(self):
        def behave(request, number):
            # None of these is an acknowledgement, the last one is the answer.
            return [b"", b"\x00", os.urandom(3), bytes(40), request.reply(0x44, b"not for you", kind=1), request.reply(0x44, kind=1),
                    request.reply(0x44, m2_for(request.payload), token=b"", kind=1), request.reply(0x45, m2_for(request.payload), kind=1),
                    request.reply(0x80, kind=1), request.reply(0x44, bytes(1450), kind=1), request.octets,
                    bytes([0x60, 0]) + bytes(b ^ 1 for b in request.id), request.good()]
        self.peer.behave = behave
        self.assertEqual(self.once("flight")["result"], "accepted")
        self.assertEqual(len(self.peer.seen), 1)

    def test_after_a_forged_acknowledgement_the_request_is_sent_again(self):
        self.configure(agent=RETRANSMIT)
        for forged in (lambda r: r.reply(0x44, b"not for you"), lambda r: r.reply(0x44, m2_for(r.payload), token=b"zz"),
                       lambda r: r.reply(0xA0), lambda r: bytes([0x70, 0]) + r.id):  # the last one is a reset
            self.peer.seen.clear()
            self.peer.behave = lambda request, number: [forged(request)] if number == 1 else [request.good()]
            result = self.once("flight")
            self.assertEqual(len({(request.payload, request.token, request.source) for request in self.peer.seen}), 1)
            self.assertEqual((len(self.peer.seen), result["datagrams_up"]), (2, 2))

    def test_what_is_sent_again_in_its_place_leaves_libcoap_no_more_than_the_rest(self):
        self.configure(agent="max-retransmit = 1\nattach-timeout = 60s")
        self.peer.behave = lambda request, number: [request.reply(0x44, b"not for you")] if number == 1 else []
        self.assertEqual(self.once("flight", code=4)["datagrams_up"], 2)
        self.assertEqual(len(self.peer.seen), 2)

    def test_nothing_but_garbage_ends_like_silence(self):
        self.configure(agent=RETRANSMIT)
        self.peer.behave = lambda request, number: [request.reply(0x44, b"not for you")]
        self.assertEqual(self.once("flight", code=4)["result"], "unanswered")
        self.assertEqual(len(self.peer.seen), 3)

    def test_an_answer_from_another_source_does_not_count(self):
        other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        other.bind(("127.0.0.2", 0))
        self.peer.behave = lambda request, number: other.sendto(request.good(), request.source) and []
        self.assertEqual(self.once("flight", code=4)["datagrams_down"], 0)
        other.close()

    def test_a_server_that_comes_late_is_found(self):
        port = self.peer.port
        self.peer.stop()
        self.configure(address="coap://127.0.0.1:%d" % port, agent=RETRANSMIT)
        child = self.spawn("--once", "flight")
        time.sleep(0.3)
        self.peer = Peer(port=port)
        self.assertEqual(child.wait(10), 0)

    def test_an_answer_to_an_earlier_request_does_not_open(self):
        self.once("flight")
        old = self.peer.seen[0].payload
        self.peer.behave = lambda request, number: [request.reply(0x44, m2_for(old))]
        self.once("flight", code=4)


class Outcomes(Scene):
    def test_refusal_is_told_in_words(self):
        self.tre.refusal = 1
        result = self.once("flight", code=3)
        self.assertEqual((result["result"], result["refusal"]), ("refused", 1))
        self.assertIn("level=warn program=samara-m2me event=flight.refused", self.errors)
        self.assertIn("no operator has sealed a subscription", self.errors)

    def test_package_that_the_tre_refuses_is_a_refusal(self):
        self.tre.package = 0x0305
        self.once("provision", code=3)
        self.assertIn("event=package.refused", self.errors)

    def test_unanswered_check_in_is_repeated_as_it_was(self):
        self.tre.ticket = True
        self.peer.behave = lambda request, number: []
        self.once("check-in", code=4)
        self.peer.behave = lambda request, number: [request.good()]
        self.once("check-in")
        self.assertEqual(len({request.payload for request in self.peer.seen}), 1)
        self.assertGreater(len({request.token for request in self.peer.seen}), 1)

    def test_certificate_comes_after_silence_and_in_turn(self):
        self.peer.behave = lambda request, number: []
        for _ in range(4):
            self.once("flight", code=4)
        self.assertEqual(self.tre.certificates, [False, True, False, True])

    def test_provision_tries_both_forms(self):
        self.configure()
        self.peer.behave = lambda request, number: [request.good()] if len(request.payload) > 300 else []
        self.once("provision")
        self.assertEqual(self.tre.certificates, [False, True])

    def test_certificate_always_and_never(self):
        self.peer.behave = lambda request, number: []
        for choice, want in (("always", True), ("never", False)):
            self.tre.certificates.clear()
            self.configure(agent="certificate = %s" % choice)
            for _ in range(2):
                self.assertEqual(self.once("flight", code=4)["result"], "unanswered")
            self.assertEqual(self.tre.certificates, [want, want])

    def test_no_tre_is_a_case_for_later(self):
        os.unlink(os.path.join(self.dir, "tre.sock"))
        self.assertEqual(self.once("flight", code=4)["result"], "tre-lost")
        self.assertIn("samara-launch", self.errors)
        self.assertEqual(self.peer.seen, [])

    def test_device_that_is_not_enrolled_fails_with_advice(self):
        self.tre.enrolled = False
        self.once("flight", code=3)
        self.assertIn("samara supplier enrol", self.errors)

    def test_a_state_directory_that_cannot_be_written_sends_nothing(self):
        os.mkdir(os.path.join(self.dir, "agent"))
        os.mkdir(os.path.join(self.dir, "agent", "agent.memory"))
        self.run_agent("--once", "flight", "--json", code=1)
        self.assertEqual(self.peer.seen, [])

    def test_wrong_usage(self):
        for arguments in (["--once", "x"], ["--once", "flight", "--status"], ["--log-level", "x"]):
            self.run_agent(*arguments, code=2)


class Service(Scene):
    def test_provisions_checks_in_and_ends_cleanly(self):
        child = self.spawn()
        self.wait_until(lambda: len(self.peer.seen) == 2)
        self.assertEqual([request.options[0][1] for request in self.peer.seen], [b"f", b"c"])
        child.send_signal(signal.SIGUSR1)
        self.wait_until(lambda: len(self.peer.seen) == 3)
        time.sleep(0.3)
        self.assertEqual(len(self.peer.seen), 3)
        self.run_agent("--once", "check-in", code=4)
        self.assertIn("SIGUSR1", self.errors)
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(5), 0)
        status = self.status()
        with open(os.path.join(self.dir, "agent", "status.json"), encoding="ascii") as file:
            self.assertEqual(json.load(file), status)
        self.assertEqual((status["flights_accepted"], status["checkins_accepted"], status["datagrams_up"], status["datagrams_down"]),
                         (1, 2, 3, 3))
        self.assertEqual(status["bytes_up"], sum(len(request.octets) for request in self.peer.seen))
        self.assertAlmostEqual(status["next_due"], time.time() + 3600, delta=370)

    def test_receipts_are_reported_at_the_start(self):
        self.tre.ticket, self.tre.mcims = True, 1
        self.once("check-in")
        child = self.spawn()
        time.sleep(0.4)
        self.assertEqual(len(self.peer.seen), 1)  # nothing is due
        child.terminate()
        child.wait(5)
        self.tre.receipts = 1
        self.spawn()
        self.wait_until(lambda: len(self.peer.seen) == 2)

    def test_pauses_grow_and_survive_kill(self):
        self.peer.behave = lambda request, number: []
        self.configure(agent="pause-min-ms = 2000")
        child = self.spawn()
        self.wait_until(lambda: self.peer.seen)
        child.kill()
        child.wait()
        self.assertTrue(self.status()["paused"])
        count = len(self.peer.seen)
        for _ in range(5):
            child = self.spawn()
            time.sleep(0.15)
            child.kill()
            child.wait()
        self.assertEqual(len(self.peer.seen), count)

    def test_forged_hints_do_not_make_a_flood(self):
        self.tre.ticket, self.tre.mcims = True, 1
        self.configure(agent="pause-min-ms = 60000")
        def behave(request, number):
            return [request.reply(0x84)] if request.options[0][1] == b"c" else [request.good()]
        self.tre.receipts = 1
        self.peer.behave = behave
        self.spawn()
        time.sleep(1.5)
        paths = b"".join(request.options[0][1] for request in self.peer.seen)
        self.assertEqual(paths, b"cfcfcfc")

    def test_waits_for_a_tre_that_comes_late(self):
        path = os.path.join(self.dir, "tre.sock")
        self.tre.socket.close()
        os.unlink(path)
        self.spawn()
        time.sleep(0.5)
        self.tre = Tre(path)
        self.wait_until(lambda: len(self.peer.seen) >= 2)

    def test_reads_its_configuration_again(self):
        child = self.spawn()
        self.wait_until(lambda: len(self.peer.seen) == 2)
        second = Peer()
        self.configure(address="coap://127.0.0.1:%d" % second.port)
        child.send_signal(signal.SIGHUP)
        time.sleep(0.2)
        child.send_signal(signal.SIGUSR1)
        self.wait_until(lambda: len(second.seen) == 1)
        self.configure(address="coap://:1")
        child.send_signal(signal.SIGHUP)
        time.sleep(0.2)
        child.send_signal(signal.SIGUSR1)
        self.wait_until(lambda: len(second.seen) == 2)
        second.stop()

    def test_ends_in_the_middle_of_an_exchange(self):
        self.peer.behave = lambda request, number: []
        self.configure(agent="ack-timeout = 5s\nattach-timeout = 60s")
        child = self.spawn()
        self.wait_until(lambda: self.peer.seen)
        start = time.monotonic()
        child.terminate()
        self.assertEqual(child.wait(5), 0)
        self.assertLess(time.monotonic() - start, 1)


class Control:
    """The control interface of an EAP client."""

    def __init__(self, path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self.path, self.socket = path, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.settimeout(5)

    def attach(self):
        command, self.client = self.socket.recvfrom(1024)
        assert command == b"ATTACH", command
        self.say(b"OK\n")

    def say(self, text):
        self.socket.sendto(text, self.client)

    def ask(self, text):
        self.say(text)
        return self.socket.recv(1024)

    def close(self):
        self.socket.close()
        os.unlink(self.path)


RETRANSMIT = "max-retransmit = 2\nattach-timeout = 8s"
CHALLENGE = b"<3>CTRL-REQ-SIM-%d:UMTS-AUTH:" + RAND.hex().encode() + b":" + AUTN.hex().encode() + b" needed for SSID "


class Sim(Scene):
    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.dir, "ctrl", "test")

    def test_challenge_is_answered_and_success_ends(self):
        child = self.spawn("--sim", self.path, "--timeout", "10")
        time.sleep(0.3)
        control = Control(self.path)  # appears late
        control.attach()
        control.say(b"<3>CTRL-EVENT-EAP-STARTED EAP authentication started")
        answer = control.ask(CHALLENGE % 0)
        self.assertEqual(answer, b"CTRL-RSP-SIM-0:UMTS-AUTH:%s:%s:%s" % tuple(x.hex().encode() for x in (IK, CK, RES)))
        self.assertEqual(self.tre.challenges, [(RAND, AUTN)])
        control.say(b"OK\n")
        control.say(b"<3>CTRL-EVENT-EAP-SUCCESS EAP authentication completed successfully")
        out, err = child.communicate(timeout=5)
        self.assertEqual(child.returncode, 0, err)
        for secret in (RES, CK, IK):
            self.assertNotIn(secret.hex().encode(), out + err)
        self.assertEqual(os.listdir(os.path.join(self.dir, "agent", "sim")), [])
        control.close()

    def test_errors_of_the_tre_become_answers(self):
        control = Control(self.path)
        child = self.spawn("--sim", self.path)
        control.attach()
        self.tre.aka = SQN
        self.assertEqual(control.ask(CHALLENGE % 7), b"CTRL-RSP-SIM-7:UMTS-AUTS:" + AUTS.hex().encode())
        for error in (MAC, STATE):
            self.tre.aka = error
            self.assertEqual(control.ask(CHALLENGE % 7), b"CTRL-RSP-SIM-7:UMTS-FAIL")
        self.tre.aka, count = OK, len(self.tre.challenges)
        self.assertEqual(control.ask(b"<3>CTRL-REQ-SIM-1:GSM-AUTH:" + b"00" * 16 + b":" + b"11" * 16 + b" needed for SSID x"),
                         b"CTRL-RSP-SIM-1:GSM-FAIL")
        self.assertEqual(control.ask((CHALLENGE % 1)[:-25]), b"CTRL-RSP-SIM-1:UMTS-FAIL")
        self.assertEqual(len(self.tre.challenges), count)
        control.say(os.urandom(4000))
        control.say(b"")
        self.assertIn(b"UMTS-AUTH", control.ask(CHALLENGE % 0))
        control.say(b"<3>CTRL-EVENT-EAP-FAILURE EAP authentication failed")
        self.assertEqual(child.wait(5), 3)
        control.close()

    def test_nobody_there_ends_with_the_time(self):
        self.run_agent("--sim", self.path, "--timeout", "1", code=4)
        self.assertIn(self.path, self.errors)

    def test_strangers_cannot_send_to_it(self):
        control = Control(self.path)
        self.spawn("--sim", self.path)
        control.attach()
        stranger = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with self.assertRaises(PermissionError):
            stranger.sendto(CHALLENGE % 0, control.client)
        control.close()

    def test_service_follows_peers_that_restart(self):
        self.configure(sim="control = ctrl/test\ncontrol = ctrl/other\n")
        child = self.spawn()
        for turn in range(3):
            control = Control(self.path)
            control.attach()
            self.assertIn(b"UMTS-AUTH", control.ask(CHALLENGE % turn))
            if turn == 1:
                control.socket.close()  # killed: its socket file stays
                os.unlink(self.path)
            else:
                control.close()
        other = Control(os.path.join(self.dir, "ctrl", "other"))
        other.attach()
        self.assertIn(b"UMTS-AUTH", other.ask(CHALLENGE % 0))
        other.close()
        child.terminate()
        self.assertEqual(child.wait(5), 0)

    def test_authentication_does_not_wait_for_the_server(self):
        self.peer.behave = lambda request, number: []
        self.configure(agent="ack-timeout = 5s\nattach-timeout = 60s", sim="control = ctrl/test\n")
        control = Control(self.path)
        self.spawn()
        self.wait_until(lambda: self.peer.seen)
        control.attach()
        start = time.monotonic()
        self.assertIn(b"UMTS-AUTH", control.ask(CHALLENGE % 0))
        self.assertLess(time.monotonic() - start, 1)
        control.close()


def main():
    """Most of the time goes by in waiting: one process per class."""
    names = ["Wire", "Hints", "Strangers", "Outcomes", "Service", "Sim"]
    if len(sys.argv) > 1:
        unittest.main()
    children = [subprocess.Popen([sys.executable, __file__, name]) for name in names]
    sys.exit(max(child.wait() for child in children))


if __name__ == "__main__":
    main()
