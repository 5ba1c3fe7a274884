# SPDX-License-Identifier: Apache-2.0
"""samara-launch with the real samara-tre and a stand-in for the agent: what is measured, what the programs are given, what happens when
one of them ends. Separate users need root; without it both programs run as the present user."""
import json
import os
import queue
import resource
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

BUILD = os.environ.get("SAMARA_BUILD", "build")
ROOT = os.geteuid() == 0
TRE_UID, TRE_GID, AGENT_UID, AGENT_GID = (61060, 61061, 61062, 61063) if ROOT else (0, 0, 0, 0)
COVERAGE = "__LLVM_PROFILE_RT_INIT_ONCE="  # what the runtime of a coverage build sets in its own process


class Device:
    """A directory with programs of its own, so that they can be altered, and a configuration."""

    def __init__(self, parent, name):
        self.dir = os.path.join(parent, name)
        self.bin = os.path.join(self.dir, "bin")
        os.makedirs(self.bin)
        for source, program in (("tre/linux/samara-launch", "samara-launch"), ("tre/linux/samara-tre", "samara-tre"),
                                ("tests/system/stub-agent", "samara-m2me")):
            shutil.copy(os.path.join(BUILD, source), os.path.join(self.bin, program))
        self.launch = os.path.join(self.bin, "samara-launch")
        self.config = os.path.join(self.dir, "m2me.ini")
        self.configure()

    def configure(self, launch="", address="coap://192.0.2.1:5683", agent="interval = 2h"):
        with open(self.config, "w", encoding="ascii") as f:
            f.write(f"[launch]\ntre-user = {TRE_UID}\ntre-group = {TRE_GID}\nagent-user = {AGENT_UID}\nagent-group = {AGENT_GID}\n"
                    f"tre-dir = d/tre\ntre-socket = r/tre.sock\n{launch}\n[server]\naddress = {address}\n[agent]\nstate = d/agent\n{agent}\n")

    def measure(self, *options):
        result = subprocess.run([self.launch, "--config", self.config, "--measure", *options], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, check=False, text=True)
        return result.returncode, result.stdout.strip(), result.stderr.strip()


class Case(unittest.TestCase):
    def setUp(self):
        self.base = tempfile.mkdtemp(prefix="samara-launch-test-")
        os.chmod(self.base, 0o755)
        self.addCleanup(shutil.rmtree, self.base)
        self.device = Device(self.base, "one")


class Measurement(Case):
    def value(self, device=None):
        code, text, words = (device or self.device).measure()
        self.assertEqual(code, 0, words)
        self.assertRegex(text, "^[0-9a-f]{64}$")
        return text

    def test_is_the_same_on_two_devices_of_a_model(self):
        first = self.value()
        other = Device(self.base, "two")
        other.configure(agent="interval = 7200s\nattach-timeout = 1m\ncertificate = auto")
        with open(other.config, encoding="ascii") as f:
            text = f.read()
        with open(other.config, "w", encoding="ascii") as f:
            f.write(text.replace("d/tre", "elsewhere/tre").replace("r/tre.sock", "s").replace("d/agent", "a") + "[sim]\ncontrol = /run/x\n")
        self.assertEqual(self.value(other), first)
        self.assertEqual(self.value(), first)

    def test_of_a_device_with_a_tpm_is_not_asked_here(self):
        with open(self.device.config, encoding="ascii") as f:
            text = f.read()
        with open(self.device.config, "w", encoding="ascii") as f:
            f.write(text + "[tre]\ntpm = device:/dev/tpmrm0\n")
        code, text, words = self.device.measure()
        self.assertEqual((code, text), (1, ""))
        self.assertIn("samara-boot --measure", words)

    def test_changes_with_every_security_relevant_value(self):
        seen = {self.value()}
        for options in ({"address": "coap://192.0.2.2:5683"}, {"agent": "interval = 3h"}, {"agent": "interval = 2h\ncertificate = never"},
                        {"agent": "interval = 2h\nattach-timeout = 10s"}):
            self.device.configure(**options)
            seen.add(self.value())
        self.assertEqual(len(seen), 5)

    def test_changes_with_any_octet_of_either_program(self):
        before = self.value()
        for program in ("samara-tre", "samara-m2me"):
            path = os.path.join(self.device.bin, program)
            with open(path, "rb") as f:
                good = f.read()
            for at in (len(good) - 1, len(good) // 2):
                with open(path, "wb") as f:
                    f.write(good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])
                self.assertNotEqual(self.value(), before)
            with open(path, "wb") as f:
                f.write(good)
            self.assertEqual(self.value(), before)

    def test_programs_exchanged_measure_otherwise(self):
        before = self.value()
        self.device.configure(launch="tre-binary = bin/samara-m2me\nagent-binary = bin/samara-tre")
        self.assertNotEqual(self.value(), before)

    def test_changes_with_content_name_and_order_of_further_files(self):
        for name, content in (("one.so", b"1"), ("two.so", b"2"), ("three.so", b"1")):
            with open(os.path.join(self.device.dir, name), "wb") as f:
                f.write(content)
        seen = {self.value()}
        for names in (["one.so"], ["two.so"], ["three.so"], ["one.so", "two.so"], ["two.so", "one.so"], ["one.so", "one.so"]):
            self.device.configure(launch="\n".join(f"measure = {name}" for name in names))
            seen.add(self.value())
        self.assertEqual(len(seen), 7)

    def test_missing_file_is_named(self):
        self.device.configure(launch="measure = absent.so")
        code, text, words = self.device.measure()
        self.assertEqual((code, text), (1, ""))
        self.assertIn("absent.so", words)

    def test_json_has_the_parts(self):
        code, text, _ = self.device.measure("--json")
        self.assertEqual(code, 0)
        parts = json.loads(text)
        self.assertEqual(parts["measurement"], self.value())
        for part, program in (("tre", "samara-tre"), ("agent", "samara-m2me")):
            digest = subprocess.run(["sha256sum", os.path.join(self.device.bin, program)], stdout=subprocess.PIPE, check=True, text=True)
            self.assertEqual(parts[part], digest.stdout.split()[0])

    def test_starts_nothing(self):
        self.value()
        self.assertEqual(sorted(os.listdir(self.device.dir)), ["bin", "m2me.ini"])

    def test_bad_configuration_is_named_with_its_line(self):
        self.device.configure(agent="intervall = 2h")
        code, _, words = self.device.measure()
        self.assertEqual(code, 1)
        self.assertRegex(words, r"m2me\.ini:\d+: unknown key intervall in section \[agent\]")


class Running(Case):
    def setUp(self):
        super().setUp()
        self.lines = queue.Queue()
        self.seen = []
        self.process = subprocess.Popen([self.device.launch, "--config", self.device.config], stdout=subprocess.PIPE, text=True,
                                        stderr=subprocess.STDOUT, env={**os.environ, "SAMARA_TEST_SECRET": "leaks"}, cwd=self.base)
        threading.Thread(target=self.read_lines, daemon=True).start()
        self.addCleanup(self.end)
        self.wait_for("agent ready")
        self.wait_for("event=launch.ready")

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=30)
        self.process.stdout.close()

    def read_lines(self):
        try:
            for line in self.process.stdout:
                self.lines.put(line.rstrip("\n"))
        except ValueError:
            pass

    def wait_for(self, pattern, timeout=10):
        """The match in the next line that has one."""
        end = time.monotonic() + timeout
        for line in self.seen:
            found = re.search(pattern, line)
            if found:
                self.seen.remove(line)
                return found
        while True:
            try:
                line = self.lines.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                self.fail(f"no line «{pattern}» in {timeout} s; seen: {self.seen}")
            found = re.search(pattern, line)
            if found:
                return found
            self.seen.append(line)

    def pid_of(self, name):
        return int(self.wait_for(rf"event=child.started name={name} pid=(\d+)").group(1))

    def gone(self, pid):
        end = time.monotonic() + 10
        while os.path.exists(f"/proc/{pid}") and time.monotonic() < end:
            time.sleep(0.01)
        return not os.path.exists(f"/proc/{pid}")

    def test_agent_gets_its_user_its_configuration_and_nothing_else(self):
        uid, gid = (AGENT_UID, AGENT_GID) if ROOT else (os.geteuid(), os.getegid())
        self.wait_for(rf"agent user {uid} group {gid} ")
        config = self.wait_for(r"agent config address=(\S+) state=(\S+) interval=(\d+)")
        self.assertEqual(config.groups(), ("coap://192.0.2.1:5683", os.path.join(self.device.dir, "d/agent"), "7200"))
        given = sorted(line for line in self.seen if line.startswith("agent fd "))
        self.assertEqual(given, [f"agent fd {fd}" for fd in range(4)])
        environment = [line for line in self.seen if line.startswith("agent env ")]
        self.assertEqual([line for line in environment if not any(name in line for name in ("PATH=", "JOURNAL_STREAM=", COVERAGE))], [])

    def test_tre_knows_the_measurement_that_suppliers_publish(self):
        told = self.wait_for(r"agent measurement (\w+)").group(1)
        self.assertEqual(told, self.device.measure()[1])

    @unittest.skipUnless(ROOT, "needs root")
    def test_tre_has_its_user_and_a_network_of_its_own(self):
        pid = self.pid_of("samara-tre")
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
        self.assertEqual(status["Uid"].split(), [str(TRE_UID)] * 4)
        self.assertEqual(status["Gid"].split(), [str(TRE_GID)] * 4)
        self.assertEqual(status["Groups"].split(), [str(AGENT_GID)])
        self.assertEqual(status["Seccomp"], "2")
        self.assertNotEqual(os.readlink(f"/proc/{pid}/ns/net"), os.readlink("/proc/self/ns/net"))
        socket_status = os.stat(os.path.join(self.device.dir, "r/tre.sock"))
        self.assertEqual((socket_status.st_uid, socket_status.st_gid, socket_status.st_mode & 0o777), (TRE_UID, AGENT_GID, 0o660))

    @unittest.skipUnless(ROOT, "needs root")
    def test_agent_cannot_read_the_state_of_the_tre(self):
        result = subprocess.run(["cat", os.path.join(self.device.dir, "d/tre/storage.key")], user=AGENT_UID, group=AGENT_GID,
                                extra_groups=[], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        self.assertEqual((result.returncode, result.stdout), (1, b""))

    def test_program_replaced_after_the_start_is_not_what_runs_again(self):
        told = self.wait_for(r"agent measurement (\w+)").group(1)
        agent = self.pid_of("samara-m2me")
        path = os.path.join(self.device.bin, "samara-m2me")
        shutil.copy("/bin/false", path)
        shutil.copy("/bin/false", os.path.join(self.device.bin, "samara-tre"))
        self.device.configure(address="coap://203.0.113.9:5683")
        os.kill(agent, signal.SIGKILL)
        self.wait_for(r"event=child.ended name=samara-m2me how=signal status=9")
        self.assertEqual(self.wait_for(r"agent config address=(\S+)").group(1), "coap://192.0.2.1:5683")
        self.seen = [line for line in self.seen if "agent config" not in line]
        self.assertEqual(self.wait_for(r"agent config address=(\S+)").group(1), "coap://192.0.2.1:5683")
        self.assertEqual(self.wait_for(r"agent measurement (\w+)").group(1), told)

    def test_agent_that_dies_is_started_again_ever_later(self):
        waits = []
        for _ in range(3):
            os.kill(self.pid_of("samara-m2me"), signal.SIGKILL)
            waits.append(int(self.wait_for(r"name=samara-m2me how=signal status=9 restart-in-ms=(\d+)").group(1)))
        self.assertEqual(waits, [500, 1000, 2000])

    def test_tre_that_dies_is_started_again_and_the_agent_stays(self):
        agent = self.pid_of("samara-m2me")
        os.kill(self.pid_of("samara-tre"), signal.SIGKILL)
        self.wait_for(r"event=child.ended name=samara-tre how=signal status=9")
        self.pid_of("samara-tre")
        self.wait_for(r"program=samara-tre event=tre.started")
        os.kill(agent, 0)

    def test_sighup_changes_nothing(self):
        agent = self.pid_of("samara-m2me")
        self.process.send_signal(signal.SIGHUP)
        os.kill(self.pid_of("samara-tre"), signal.SIGKILL)  # it still sees what happens
        self.wait_for(r"event=child.ended name=samara-tre how=signal status=9")
        os.kill(agent, 0)

    def test_sigterm_ends_the_agent_first_then_the_tre(self):
        tre, agent = self.pid_of("samara-tre"), self.pid_of("samara-m2me")
        self.process.terminate()
        self.wait_for("agent ended by signal 15")
        self.wait_for("event=child.stopped name=samara-m2me how=exit status=0")
        self.seen = [line for line in self.seen if "child.stopped" not in line]
        self.wait_for("event=child.stopped name=samara-tre how=exit status=0")
        self.assertEqual(self.process.wait(timeout=10), 0)
        self.assertTrue(self.gone(tre) and self.gone(agent))

    def test_killed_supervisor_takes_its_children_along(self):
        tre, agent = self.pid_of("samara-tre"), self.pid_of("samara-m2me")
        self.process.kill()
        self.process.wait()
        self.assertTrue(self.gone(tre) and self.gone(agent))

    def test_directories_are_made_for_their_users(self):
        for name, uid, gid, mode in (("d/tre", TRE_UID, TRE_GID, 0o700), ("d/agent", AGENT_UID, AGENT_GID, 0o700), ("r", TRE_UID, AGENT_GID, 0o750)):
            status = os.stat(os.path.join(self.device.dir, name))
            self.assertEqual(status.st_mode & 0o777, mode, name)
            if ROOT:
                self.assertEqual((status.st_uid, status.st_gid), (uid, gid), name)


class Refusing(Case):
    def run_launch(self, **options):
        return subprocess.run([self.device.launch, "--config", self.device.config], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              check=False, text=True, timeout=30, **options)

    def test_json_without_measure_is_wrong_usage(self):
        result = subprocess.run([self.device.launch, "--config", self.device.config, "--json"], stderr=subprocess.PIPE, check=False)
        self.assertEqual(result.returncode, 2)

    def test_missing_program_is_named(self):
        self.device.configure(launch="agent-binary = bin/absent")
        result = self.run_launch()
        self.assertEqual(result.returncode, 1)
        self.assertIn("bin/absent", result.stderr)

    @unittest.skipUnless(ROOT, "needs root to become somebody else")
    def test_agent_that_would_be_the_tre_or_either_that_would_be_root_is_refused(self):
        with open(self.device.config, encoding="ascii") as f:
            good = f.read()
        for key, own, other, words in (("agent-user", AGENT_UID, TRE_UID, "tre-user and agent-user are both"),
                                       ("agent-group", AGENT_GID, TRE_GID, "tre-group and agent-group are both"),
                                       ("tre-user", TRE_UID, 0, "tre-user is root's"), ("tre-group", TRE_GID, 0, "tre-group is root's"),
                                       ("agent-user", AGENT_UID, 0, "agent-user is root's"), ("agent-group", AGENT_GID, 0, "agent-group is root's")):
            with open(self.device.config, "w", encoding="ascii") as f:
                f.write(good.replace(f"{key} = {own}", f"{key} = {other}"))
            result = self.run_launch()
            self.assertEqual(result.returncode, 3, result.stderr)
            self.assertIn(words, result.stderr)
            self.assertNotIn("child.started", result.stderr)
            self.assertEqual(sorted(os.listdir(self.device.dir)), ["bin", "m2me.ini"])

    @unittest.skipUnless(ROOT, "needs root to become somebody else")
    def test_somebody_who_is_not_root_runs_both_as_himself_and_is_told_and_not_with_a_tpm(self):
        os.chown(self.device.dir, TRE_UID, TRE_GID)
        with open(self.device.config, encoding="ascii") as f:
            own = re.sub(r"(?m)^(tre|agent)-(user|group) = .*\n", "", f.read())
        with open(self.device.config, "w", encoding="ascii") as f:
            f.write(own)
        with open(os.path.join(self.device.dir, "d"), "wb"):
            pass  # where a directory has to be made, so that it goes no further
        result = self.run_launch(user=TRE_UID, group=TRE_GID, extra_groups=[])
        self.assertEqual(result.returncode, 1)
        self.assertIn("event=users.shared", result.stderr)
        self.assertIn("cannot be made", result.stderr)
        with open(self.device.config, "a", encoding="ascii") as f:
            f.write("[tre]\ntpm = device:/dev/tpmrm0\n")
        result = self.run_launch(user=TRE_UID, group=TRE_GID, extra_groups=[])
        self.assertEqual(result.returncode, 3)
        self.assertIn("tre-user and agent-user are both", result.stderr)

    def test_too_few_descriptors_are_told_and_it_ends_in_order(self):
        """From where it cannot start to where it can start the TRE alone: it says what failed, and heeds SIGTERM."""
        seen = set()
        for limit in range(6, 14):
            with open(os.path.join(self.base, "log"), "w+", encoding="utf-8") as log:
                process = subprocess.Popen([self.device.launch, "--config", self.device.config], stdout=log, stderr=log,
                                           preexec_fn=lambda limit=limit: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
                seen.add(self.outcome(process, log))
            if "launch.ready" in seen:
                break
        self.assertTrue({"exit", "child.failed", "launch.ready"} <= seen, seen)

    def outcome(self, process, log):
        end = time.monotonic() + 60
        while process.poll() is None:
            log.seek(0)
            words = log.read()
            found = [event for event in ("child.failed", "child.ended", "launch.ready") if "event=" + event in words]
            if found:
                process.terminate()
                self.assertEqual(process.wait(timeout=60), 0)
                return found[0]
            self.assertLess(time.monotonic(), end, words)
            time.sleep(0.02)
        self.assertGreater(process.returncode, 0, "an exit status, no signal")
        return "exit"

    def test_help_on_the_configuration_starts_nothing(self):
        result = subprocess.run([self.device.launch, "--help-config"], stdout=subprocess.PIPE, check=True, text=True, timeout=30)
        self.assertIn("[launch]", result.stdout)
        self.assertIn("tre-socket", result.stdout)
        self.assertEqual(sorted(os.listdir(self.device.dir)), ["bin", "m2me.ini"])

    @unittest.skipUnless(ROOT, "needs root to become somebody else")
    def test_other_users_need_root(self):
        result = self.run_launch(user=TRE_UID, group=TRE_GID, extra_groups=[])
        self.assertEqual(result.returncode, 3)
        self.assertIn("start it as root", result.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
