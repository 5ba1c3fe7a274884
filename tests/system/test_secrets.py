# SPDX-License-Identifier: Apache-2.0
"""Nobody but the TRE and the operator's AuC ever has a subscriber key: real devices are provisioned, check in and authenticate, and everything that
anybody else wrote, sent, said or kept in memory is searched for K, OPc and TOPc."""
import base64
import os
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from capture import Capture  # noqa: E402
from live import Live  # noqa: E402
from secrets_search import Search, forms, memory_of, pieces  # noqa: E402
from world import finish_eap, free_udp_port, wait_until  # noqa: E402

BUILD = os.environ.get("SAMARA_BUILD", "build")


class Watcher(threading.Thread):
    """What is there for a moment only: arguments and environments in /proc (the latter as root sees them), files in the spool."""

    def __init__(self):
        super().__init__(daemon=True)
        self.seen, self.files, self.directory, self.over, self.rounds = set(), {}, None, False, 0

    def run(self):
        while not self.over:
            for pid in filter(str.isdigit, os.listdir("/proc")):
                for name in ("cmdline", "environ"):
                    self.seen.add(content(f"/proc/{pid}/{name}"))
            for directory, _, names in os.walk(self.directory) if self.directory else ():
                for name in names:
                    self.files[name, content(os.path.join(directory, name))] = True
            self.rounds += 1
            time.sleep(0.002)

    def stop(self):
        self.over = True
        self.join()


def content(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return b""  # gone


class TheSearch(unittest.TestCase):
    """It has to find what it is used to exclude."""
    SECRETS = (os.urandom(16), os.urandom(32))

    def test_every_window_of_twelve_octets_is_found_in_every_form(self):
        search = Search(self.SECRETS)
        for number, secret in enumerate(self.SECRETS):
            for start in range(len(secret) - 11):
                window = secret[start:start + 12]
                texts = [window, window.hex().encode(), window.hex().upper().encode()]
                texts += [base64.b64encode(bytes(i) + window + bytes(3)) for i in range(3)]
                for text in texts:
                    self.assertEqual(search.hits(b"before " + text + b" after"), [number])

    def test_other_octets_are_not_found(self):
        self.assertEqual(Search(self.SECRETS).hits(os.urandom(1 << 20)), [])

    def test_key_in_the_memory_of_a_process_is_found(self):
        code = "import sys; k = bytes.fromhex(sys.stdin.readline()); sys.stdin.close(); print(len(k), flush=True); import time; time.sleep(30)"
        with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            child.stdin.write(self.SECRETS[0].hex().encode() + b"\n")
            child.stdin.close()
            child.stdout.readline()
            search = Search(self.SECRETS)
            self.assertEqual(search.memory(child.pid), [0])
            self.assertEqual(search.core(child.pid)[0], [0])
            child.kill()

    def test_pieces_and_forms_are_long_enough_to_mean_something(self):
        for secret in self.SECRETS:
            for piece in pieces(secret):
                self.assertTrue(all(len(form) >= 8 for form in forms(piece)))


class Keys(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.watcher = Watcher()
        cls.watcher.start()
        cls.live = Live(BUILD, shipments=(("milenage", 2, True), ("tuak", 1, True), ("tuak", 1, False)), certificate="auto",
                        interval="2s", attach_timeout="4s")
        cls.addClassCleanup(cls.live.stop)
        cls.search = Search(cls.live.secrets)
        cls.capture = Capture(os.path.join(cls.live.world.root, "wire.pcap"), cls.live.world.port)
        with cls.capture:
            cls.use()
        cls.watcher.stop()

    @classmethod
    def use(cls):
        """The whole life of a key, up to an idle network."""
        live = cls.live
        live.start()
        cls.watcher.directory = live.world.spool
        cls.auc = live.world.start_auc(live.auc)
        cls.hostapd = live.world.start_hostapd(live.auc, free_udp_port())
        for device in live.devices:
            device.power_on()
        live.wait_active(timeout=30)
        for method in ("AKA", "AKA'"):
            runs = [live.world.authenticate(d, method, live.subscription(d)["imsi"], cls.hostapd.radius_port) for d in live.devices]
            assert all([finish_eap(run) for run in runs]), method
        checkins = live.world.counters()["checkins_without_store"]
        wait_until("check-ins", lambda: live.world.counters()["checkins_without_store"] > checkins + 4)
        live.ro.run("status", "--json")

    def agents(self):
        """Processes that the devices' launchers started as agents (they run from sealed memory)."""
        launchers = {d.process.pid for d in self.live.devices}
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            fields = dict(line.split(":", 1) for line in content(f"/proc/{pid}/status").decode(errors="replace").splitlines() if ":" in line)
            if int(fields.get("PPid", 0)) in launchers and content(f"/proc/{pid}/cmdline").startswith(b"samara-m2me\0"):
                found.append(int(pid))
        return found

    def test_not_on_the_wire(self):
        datagrams = self.capture.datagrams()
        self.assertGreater(len(datagrams), 20)
        self.assertEqual(self.search.files(self.capture.path), {})
        self.assertEqual(self.search.hits(b"".join(d[-1] for d in datagrams)), [])

    def test_not_in_the_store(self):
        names = os.listdir(self.live.ro.dir)
        self.assertIn("samara.db", names)
        self.assertEqual(self.search.files(self.live.ro.dir, self.live.ro.inbox), {})

    def test_not_in_the_servers_memory_nor_core_image(self):
        pid = self.live.server.pid
        self.assertGreater(len(memory_of(pid)), 1 << 20)
        self.assertEqual(self.search.memory(pid), [])
        hits, size = self.search.core(pid)
        self.assertEqual(hits, [])
        self.assertGreater(size, 1 << 20)
        self.assertIsNotNone(self.live.world.counters())

    def test_not_in_any_log_nor_output(self):
        self.assertGreater(len(os.listdir(self.live.world.logs)), 5)
        self.assertEqual(self.search.files(self.live.world.logs), {})
        self.assertEqual(self.search.hits("\n".join(self.live.world.outputs).encode()), [])

    def test_not_in_the_spool(self):
        """Nor was it there: files go once they are acknowledged."""
        seen = [name for name, octets in self.watcher.files if octets]
        self.assertTrue(any(name.startswith("evidence-") for name in seen), seen)
        self.assertEqual(self.search.hits(b"\n".join(octets for _, octets in self.watcher.files)), [])
        self.assertEqual(self.search.files(self.live.world.spool), {})

    def test_not_in_any_command_line_nor_environment(self):
        self.assertGreater(self.watcher.rounds, 50)
        command_lines = b"\n".join(self.watcher.seen)
        for program in (b"samarad", b"samara-launch", b"sho\0make", b"sho\0seal", b"supplier\0enrol"):
            self.assertIn(program, command_lines)
        self.assertEqual(self.search.hits(command_lines), [])

    def test_not_in_the_agents_memory_nor_files(self):
        agents = self.agents()
        self.assertEqual(len(agents), len(self.live.devices))
        for pid in agents:
            self.assertGreater(len(memory_of(pid)), 1 << 18)
            self.assertEqual(self.search.memory(pid), [])
        self.assertEqual(self.search.files(*(d.agent_dir for d in self.live.devices)), {})

    def test_not_in_the_launchers_nor_hostapds_memory(self):
        for process in [d.process for d in self.live.devices] + [self.hostapd]:
            self.assertEqual(self.search.memory(process.pid), [])

    def test_not_in_clear_in_the_tres_directory(self):
        self.assertEqual(self.search.files(*(d.tre_dir for d in self.live.devices)), {})

    def test_not_with_the_supplier(self):
        self.assertEqual(self.search.files(self.live.supplier.dir, self.live.supplier.inbox), {})

    def test_operator_keeps_them_in_clear_nowhere_but_in_the_process_that_serves(self):
        """Its databases, the files it wrote and got; the CSV of «sho make» was removed after sealing, as its help says."""
        self.assertIn("auc.db", os.listdir(self.live.auc.dir))
        self.assertIn("sho.db", os.listdir(self.live.op.dir))
        self.assertEqual(self.search.files(self.live.op.dir, self.live.op.inbox, self.live.auc.dir, self.live.auc.inbox), {})

    def test_not_in_anything_that_the_world_left_on_disk(self):
        self.assertEqual(self.search.files(self.live.world.root), {})


def sanitized():
    """Is samarad built with AddressSanitizer? Its terabytes of shadow memory cannot be walked, and it keeps freed memory on purpose."""
    with open(os.path.join(BUILD, "server", "samarad"), "rb") as f:
        return b"__asan_init" in f.read()


if __name__ == "__main__":
    if sanitized():
        print("skipped: not with AddressSanitizer")
        sys.exit(77)
    unittest.main()
