# SPDX-License-Identifier: Apache-2.0
"""samara-boot with the real samara-launch and samara-tre, a stand-in for the agent and a software TPM: what boots, what does not, each with its own
reason, and what the TPM shows afterwards."""
import itertools
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ.get("SAMARA_SOURCE", "."), "tests"))
sys.path.insert(0, os.path.join(os.environ.get("SAMARA_SOURCE", "."), "tests", "lib"))
from boot_rig import (AGENT_GID, AGENT_UID, ALTERED_SLOT, CODES, EVIL, EVIL_SAYS, PCR_EXTEND, SAMARA, TRE_GID, TRE_UID, ZERO, Case, Interposer,  # noqa: E402
                      extend, good, read, registers, without_lengths, write)
from oracle import objects  # noqa: E402
from oracle.cbor import decode, encode  # noqa: E402
from oracle.keys import Key, sha256  # noqa: E402
from swtpm import CLEAR, LOCKOUT, OWNER, PLATFORM, UNDEFINE, command, define_command  # noqa: E402
from world import eid  # noqa: E402

STATE, ENROL_BEGIN, MEASUREMENT, TPM_RESET, TPM_ABSENT = 1, 2, 0x308, 0x313, 0x405
HIERARCHY_CONTROL, HIERARCHY_CHANGE_AUTH, NV_WRITE_LOCK, DICTIONARY_ATTACK_PARAMETERS, NV_READ = 0x121, 0x129, 0x138, 0x13A, 0x14E
LOCKED_OUT, NO_INDEX = 0x921, 0x28B  # the latter: the second handle names nothing
OTHERS = 0x01810000  # an index of somebody else's, whose value may be guessed at


class Booting(Case):
    def test_device_runs_what_the_release_names(self):
        running = self.boot()
        self.assertTrue(running.wait_for("event=launch.ready"), running.lines)
        self.assertTrue(running.wait_for(rf"agent user {AGENT_UID} group"), running.lines)
        self.assertTrue(running.wait_for(r"agent config address=coap://192.0.2.1:5683 "), running.lines)
        self.assertEqual(sorted(line for line in running.lines if line.startswith("agent fd ")), [f"agent fd {fd}" for fd in range(4)])
        self.assertEqual(running.end(), 0, running.lines)

    def test_log_replays_to_the_registers_and_an_edited_one_does_not(self):
        running = self.boot()
        self.assertTrue(running.wait_for("agent ready"), running.lines)
        tre = running.wait_for(r"child.started name=samara-tre pid=(\d+)").group(1)
        self.assertIn(f"--boot-log\0{self.path('boot.log')}\0".encode(), read(f"/proc/{tre}/cmdline"))
        running.end()  # a TPM has one user at a time
        self.assertIsNone(running.wait_for("boot-log.unread"))  # it is for the TRE to show
        log, found = decode(read(self.path("boot.log"))), registers(self.tpm, 8, 9)
        self.assertEqual(os.stat(self.path("boot.log")).st_mode & 0o777, 0o644)
        self.assertEqual([(pcr, name) for pcr, _, name in log], [(8, "launch"), (8, "tre"), (8, "agent"), (9, "config"), (9, "slot.img")])
        self.assertEqual(objects.replay(log), found)
        for i, (pcr, digest, name) in enumerate(log):
            for other in ([17 - pcr, digest, name], [pcr, sha256(digest), name]):
                self.assertNotEqual(objects.replay(log[:i] + [other] + log[i + 1:]), found)
            self.assertNotEqual(objects.replay(log[:i] + log[i + 1:]), found)
        self.assertNotEqual(objects.replay([log[1], log[0], *log[2:]]), found)
        for name, program in (("launch", "samara-launch"), ("tre", "samara-tre"), ("agent", "samara-m2me")):
            self.assertIn([8, sha256(read(self.path("bin", program))), name], log)
        self.assertIn([9, sha256(read(self.path("slot.img"))), "slot.img"], log)

    def test_two_devices_of_a_model_boot_the_same_release(self):
        before = self.stages()
        text = read(self.path("m2me.ini")).decode()
        write(self.path("m2me.ini"), (text.replace("d/tre", "e/tre").replace("r/tre.sock", "q/s") + "[tre]\nboot-log = other.log\n").encode())
        self.assertEqual(self.stages(), before)
        self.boots()
        self.assertTrue(os.path.exists(self.path("other.log")))

    def test_verified_copy_of_a_slot_stays_open_for_who_loads_it(self):
        running = self.boot()
        fd = running.wait_for(r'event=boot.stage pcr=9 name="slot.img" digest=\w+ fd=(\d+)').group(1)
        running.wait_for("agent ready")
        slot = read(self.path("slot.img"))
        write(self.path("slot.img"), b"exchanged")
        copy = f"/proc/{running.process.pid}/fd/{fd}"
        self.assertEqual(read(copy), slot)
        with self.assertRaises(PermissionError):
            write(copy, b"exchanged")

    def test_program_exchanged_after_the_start_is_not_what_runs_again(self):
        running = self.boot()
        pid = int(running.wait_for(r"child.started name=samara-m2me pid=(\d+)").group(1))
        running.wait_for("agent ready")
        for program in ("samara-m2me", "samara-tre", "samara-launch"):
            os.remove(self.path("bin", program))
            shutil.copy("/bin/false", self.path("bin", program))
        self.configure(address="coap://203.0.113.9:5683")
        os.kill(pid, signal.SIGKILL)
        self.assertTrue(running.wait_for(r"agent config address=coap://192.0.2.1:5683 ", count=2), running.lines)
        self.assertTrue(running.wait_for("agent ready", count=2), running.lines)

    def test_stages_are_measured_with_their_lengths(self):
        head, *lines = (line.split(",") for line in self.stages().splitlines())
        self.assertEqual(head, ["pcr", "digest", "octets", "name"])
        lengths = {name.strip('"'): int(octets) for _, _, octets, name in lines}
        for name, program in (("launch", "samara-launch"), ("tre", "samara-tre"), ("agent", "samara-m2me")):
            self.assertEqual(lengths[name], os.path.getsize(self.path("bin", program)))
        self.assertEqual(lengths["slot.img"], os.path.getsize(self.path("slot.img")))
        self.assertEqual(list(lengths.values()), decode(decode(read(self.path("release.smr")))[2])[5])
        self.configure(address="coap://192.0.2.111:5683")
        self.assertIn(f',{lengths["config"] + 2},"config"', self.stages())  # of its canonical text

    def test_stages_are_named_with_any_name_a_file_may_have(self):
        odd = 'a "b", ä.img'
        os.rename(self.path("slot.img"), self.path(odd))
        self.configure(launch=f"measure = {odd}")
        self.sign(8)
        self.boots()

    def test_wrong_usage_is_code_2(self):
        for words in (self.argv() + ["--measure"], self.argv()[:-2], self.argv()[:3]):
            self.assertEqual(subprocess.run(words, capture_output=True, check=False).returncode, 2)


class Numbers(Case):
    def test_older_release_never_boots_again(self):
        self.boots()
        self.sign(6)
        running = self.refused("RELEASE_OLDER")
        self.assertTrue(running.wait_for("number 6, and 7 was booted"), running.lines)
        self.sign(7)
        self.boots()
        self.sign(9)
        self.boots()
        self.sign(8)
        self.refused("RELEASE_OLDER")

    def test_clearing_the_tpm_makes_no_older_release_boot(self):
        """Its owner, or who was given the lockout's empty value, clears all that is the owner's: the number is the platform's."""
        self.boots()
        self.sign(6)
        self.assertEqual(self.tpm.send(define_command(OTHERS, 8), command(CLEAR, [LOCKOUT]), command(UNDEFINE, [OWNER, OTHERS])), [0, 0, NO_INDEX])
        self.assertTrue(self.refused("RELEASE_OLDER").wait_for("number 6, and 7 was booted"), self.said.lines)
        self.sign(7)
        self.boots()

    def test_release_that_was_refused_raises_nothing(self):
        self.boots()
        self.sign(1000, stages=self.stages().replace("slot.img", "other.img"))
        self.refused("RELEASE_STAGES")
        self.sign(7)
        self.boots()


class Release(Case):
    def test_missing(self):
        os.remove(self.path("release.smr"))
        self.refused("RELEASE_MISSING")

    def test_pipe_that_nobody_writes_into(self):
        """It would be waited at for good."""
        for name, reason in (("release.smr", "RELEASE_MISSING"), ("m2me.ini", "CONFIG")):
            os.rename(self.path(name), self.path("elsewhere"))
            os.mkfifo(self.path(name))
            self.assertTrue(self.refused(reason).wait_for(f"^samara-boot: .*{name}: it is no regular file"))
            os.remove(self.path(name))
            os.rename(self.path("elsewhere"), self.path(name))
        self.boots()

    def test_unsigned(self):
        signed = decode(read(self.path("release.smr")))
        own = self.supplier_key()
        _, *rest = decode(signed[2])
        *plain, lengths = rest  # releases had neither key nor lengths once, and then a key
        forms = (rest, plain, [Key().id, *rest], [Key().id, *plain], [own.id, *plain, lengths[:-1]], [own.id, *plain, [*lengths, 0]], [own.id, *plain, []],
                 [own.id, *plain, None], [own.id, *plain, lengths, lengths])
        others = [encode(own.signed("samara1 release", b"", items)) for items in forms]
        for octets in (signed[2], encode([*signed[:3], b""]), encode(signed[:3]), *others, b"", b"\0" * 400, b"\0" * 4000):
            write(self.path("release.smr"), octets)
            self.refused("RELEASE_UNSIGNED")

    def test_truncated(self):
        whole = read(self.path("release.smr"))
        for length in (len(whole) - 1, len(whole) - 64, len(whole) - 65):
            write(self.path("release.smr"), whole[:length])
            self.refused("RELEASE_TRUNCATED")

    def test_altered_anywhere(self):
        whole = read(self.path("release.smr"))
        seen = set()
        for at in range(0, len(whole), 23):
            write(self.path("release.smr"), whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])
            running = self.boot()
            code = running.ended()
            self.assertIn(code, [CODES[r] for r in ("RELEASE_UNSIGNED", "RELEASE_TRUNCATED", "RELEASE_ALTERED", "RELEASE_KEY")], running.lines)
            self.assertIsNone(running.wait_for("child.started"))
            self.reset()
            seen.add(code)
        self.assertIn(CODES["RELEASE_ALTERED"], seen)

    def test_of_another_supplier(self):
        good(SAMARA, "supplier", "init", "--dir", self.path("mallory"), "--name", "S")
        self.sign(7, supplier="mallory")
        own, theirs = (self.supplier_key(name).id for name in ("supplier", "mallory"))
        self.assertTrue(self.refused("RELEASE_KEY").wait_for(f"^samara-boot: .*names the key {theirs.hex()}, and this device's supplier has {own.hex()}: "))

    def test_key_that_a_release_names_proves_nothing(self):
        """Another's that names the supplier's key is one whose signature is wrong; the supplier's own with another name in it is no better."""
        write(self.path("release.smr"), self.named(Key(), self.supplier_key().id))
        self.assertTrue(self.refused("RELEASE_ALTERED").wait_for("^samara-boot: .*its signature does not fit it"))
        self.sign(7)
        whole = read(self.path("release.smr"))
        at = whole.index(self.supplier_key().id)
        write(self.path("release.smr"), whole[:at] + Key().id + whole[at + 8:])
        self.refused("RELEASE_KEY")

    def named(self, signer, name, label="samara1 release"):
        """What the release says, under another signature and name."""
        return encode(signer.signed(label, b"", [name, *decode(decode(read(self.path("release.smr")))[2])[1:]]))

    def test_signed_as_something_else(self):
        own = self.supplier_key()
        write(self.path("release.smr"), self.named(own, own.id, label="samara1 card"))
        self.refused("RELEASE_ALTERED")

    def test_for_another_product(self):
        self.sign(7, product="m2me-2")
        self.refused("RELEASE_PRODUCT")

    def test_for_other_stages(self):
        head, *lines = self.stages().splitlines()
        for other in (lines[:-1], lines[:1], [lines[1], lines[0], *lines[2:]],
                      [lines[0].replace("8,", "9,", 1), *lines[1:]], [*lines[:4], lines[4].replace("slot", "slut")]):
            self.sign(7, stages="\n".join([head, *other]) + "\n")
            self.refused("RELEASE_STAGES")

    def test_card_that_is_none(self):
        write(self.path("supplier", "supplier.card"), b"no card")
        self.refused("CARD")


class Stages(Case):
    FILES = {"launch": ("bin", "samara-launch"), "tre": ("bin", "samara-tre"), "agent": ("bin", "samara-m2me"), "slot.img": ("slot.img",)}

    def replace(self, name, octets):
        """Under another inode: a program that still runs cannot be written to."""
        path = self.path(*self.FILES[name])
        os.remove(path)
        write(path, octets)
        os.chmod(path, 0o755)

    def test_altered_anywhere_or_cut(self):
        for name, parts in self.FILES.items():
            content = read(self.path(*parts))
            middle = len(content) // 2
            for reason, other in (("STAGE_ALTERED", bytes([content[0] ^ 1]) + content[1:]),
                                  ("STAGE_ALTERED", content[:middle] + bytes([content[middle] ^ 0x80]) + content[middle + 1:]),
                                  ("STAGE_ALTERED", content[:-1] + bytes([content[-1] ^ 1])), ("STAGE_ALTERED", content + b"\0"),
                                  ("STAGE_ALTERED", content * 2), ("STAGE_CUT", content[:-1]), ("STAGE_CUT", content[:middle]),
                                  ("STAGE_CUT", content[:40]), ("STAGE_CUT", content[1:]), ("STAGE_CUT", b"another"), ("STAGE_CUT", b"")):
                self.replace(name, other)
                words = "is not what the release says" if reason == "STAGE_ALTERED" else f"ends after {len(other)} octets, and the release has {len(content)}"
                self.assertTrue(self.refused(reason).wait_for(f"stage {name}: {words}: "), self.said.lines)
            self.replace(name, content)
        self.boots()

    def test_release_without_lengths_boots_and_calls_nothing_cut(self):
        """As a supplier signs it for devices whose TRE reads no other, and has signed all before there were lengths."""
        self.sign(7, stages=without_lengths(self.stages()))
        self.assertEqual(len(decode(decode(read(self.path("release.smr")))[2])), 5)
        self.boots()
        for name, parts in self.FILES.items():
            content = read(self.path(*parts))
            for other in (content[:-1], content[:len(content) // 2], b"", content + b"\0", bytes([content[0] ^ 1]) + content[1:]):
                self.replace(name, other)
                self.assertTrue(self.refused("STAGE_ALTERED").wait_for(f"stage {name}: is not what the release says: "), self.said.lines)
            self.replace(name, content)
        self.boots()

    def test_lengths_of_a_release_decide_nothing(self):
        """Also where the supplier has signed others: what has the digest runs, and what has not does not."""
        path, honest = self.path("slot.img"), read(self.path("slot.img"))
        own = self.supplier_key()
        *head, lengths = decode(decode(read(self.path("release.smr")))[2])
        self.assertEqual(lengths[4], len(honest))
        for other in (0, len(honest) - 1, len(honest) + 1, 2**32 - 1):
            write(self.path("release.smr"), encode(own.signed("samara1 release", b"", [*head, [*lengths[:4], other]])))
            self.boots()
            write(path, b"x" + honest[1:])
            self.refused("STAGE_CUT" if other > len(honest) else "STAGE_ALTERED")
            write(path, honest)

    def test_empty_file_is_a_stage_too(self):
        write(self.path("slot.img"), b"")
        self.sign(7)
        self.boots()
        write(self.path("slot.img"), b"x")
        self.refused("STAGE_ALTERED")
        write(self.path("slot.img"), b"")
        self.replace("tre", b"")  # it was cut, and is not the slot
        self.assertTrue(self.refused("STAGE_CUT").wait_for("stage tre: ends after 0 octets"), self.said.lines)

    def test_missing(self):
        for name, parts in self.FILES.items():
            content = read(self.path(*parts))
            os.remove(self.path(*parts))
            self.assertTrue(self.refused("STAGE_MISSING").wait_for(parts[-1]))
            write(self.path(*parts), content)

    def test_symbolic_link_directory_or_pipe(self):
        for name, parts in self.FILES.items():
            path, elsewhere = self.path(*parts), self.path("elsewhere")
            os.rename(path, elsewhere)
            os.symlink(elsewhere, path)
            self.assertTrue(self.refused("STAGE_NO_FILE").wait_for("symbolic link"))
            os.remove(path)
            os.rename(elsewhere, path)
        for make, remove in ((os.mkdir, os.rmdir), (os.mkfifo, os.remove)):
            os.rename(self.path("slot.img"), self.path("elsewhere"))
            make(self.path("slot.img"))
            self.refused("STAGE_NO_FILE")
            remove(self.path("slot.img"))
            os.rename(self.path("elsewhere"), self.path("slot.img"))
        self.boots()

    def test_programs_exchanged(self):
        tre, agent = self.path(*self.FILES["tre"]), self.path(*self.FILES["agent"])
        os.rename(tre, tre + "~")
        os.rename(agent, tre)
        os.rename(tre + "~", agent)
        for stages in (self.released(), without_lengths(self.released())):
            self.sign(7, stages=stages)
            self.assertTrue(self.refused("STAGE_ALTERED").wait_for("stage tre: is the file of stage agent: "), self.said.lines)

    def test_stage_that_is_another_stages_file_is_not_called_cut(self):
        """Of two that differ in length one is shorter than what belongs in its place."""
        contents = {name: read(self.path(*parts)) for name, parts in self.FILES.items()}
        for name, other in itertools.permutations(contents, 2):
            self.replace(name, contents[other])
            self.assertTrue(self.refused("STAGE_ALTERED").wait_for(f"stage {name}: is the file of stage {other}: "), self.said.lines)
            self.replace(name, contents[name])
        self.boots()

    def released(self):
        """The CSV that the release was signed from."""
        return read(self.path("stages.csv")).decode()

    def test_configuration_that_matters_is_another(self):
        """The shorter one is none that was cut."""
        for address in ("coap://203.0.113.9:5683", "coap://192.0.2.111:5683", "coap://192.0.2.9:83"):
            self.configure(address=address)
            self.assertTrue(self.refused("STAGE_ALTERED").wait_for("stage config: "))

    def test_configuration_that_cannot_be_read(self):
        write(self.path("m2me.ini"), b"[server]\n")
        self.refused("CONFIG")
        self.configure(launch="measure = slot.img\n" * 2)
        self.assertTrue(self.refused("CONFIG").wait_for("room for 1"))

    def test_agent_that_would_be_the_tre_or_either_that_would_be_root(self):
        """What the release does not cover, and would let the agent at the TRE's keys on a device that measures as approved."""
        good_text = read(self.path("m2me.ini")).decode()
        for key, own, other, words in (("agent-user", AGENT_UID, TRE_UID, "tre-user and agent-user are both"),
                                       ("agent-group", AGENT_GID, TRE_GID, "tre-group and agent-group are both"),
                                       ("agent-user", AGENT_UID, 0, "agent-user is root's"), ("tre-group", TRE_GID, 0, "tre-group is root's")):
            write(self.path("m2me.ini"), good_text.replace(f"{key} = {own}", f"{key} = {other}").encode())
            self.assertTrue(self.refused("CONFIG").wait_for(f"^samara-boot: .launch. {words}"), self.said.lines)
        write(self.path("m2me.ini"), good_text.encode())
        self.boots()

    def test_log_that_cannot_be_written(self):
        text = read(self.path("m2me.ini")) + b"[tre]\nboot-log = absent/boot.log\n"
        write(self.path("m2me.ini"), text)
        self.refused_after_extending("LOG")

    def test_log_replaces_nothing_but_a_former_one(self):
        """Root writes it where a file says that the release does not cover."""
        config, elsewhere = read(self.path("m2me.ini")), self.path("elsewhere")
        write(elsewhere, b"somebody's")
        write(self.path("m2me.ini"), config + b"[tre]\nboot-log = elsewhere\n")
        self.refused_after_extending("LOG")
        self.assertEqual(read(elsewhere), b"somebody's")
        write(self.path("m2me.ini"), config + b"[tre]\nboot-log = link\n")
        for target in (elsewhere, self.path("absent")):
            os.symlink(target, self.path("link"))
            self.refused_after_extending("LOG")
            self.assertEqual(os.readlink(self.path("link")), target)
            os.remove(self.path("link"))
        self.assertEqual((read(elsewhere), os.path.exists(self.path("absent"))), (b"somebody's", False))
        self.boots()
        self.boots()

    def refused_after_extending(self, reason):
        """Too late to leave the registers at one step from zero; but nobody has approved what they are."""
        running = self.boot()
        self.assertEqual(running.ended(), CODES[reason], running.lines)
        self.assertIsNone(running.wait_for("child.started"), running.lines)
        csv = [line.split(",") for line in self.stages().splitlines()[1:]]
        approved = objects.replay([[int(pcr), bytes.fromhex(digest), name] for pcr, digest, _, name in csv])
        self.spoilt(approved)
        self.reset()

    def test_launcher_that_does_not_run(self):
        """The supplier's own mistake: the release is right, the program is none."""
        self.replace("launch", b"no program")
        self.sign(7)
        self.refused_after_extending("START")

    def test_exchanged_while_it_is_read(self):
        """Written to, and another put at its path, at the very moment at which it is open."""
        for name in ("agent", "slot.img"):
            path = self.path(*self.FILES[name])
            content = read(path)

            def exchange(path=path, content=content):
                write(path, content[:-1] + b"x")
                self.put_beside(path, content)
            with self.subTest(name):
                self.assertTrue(self.refused("STAGE_SWAPPED", at_open=(path, exchange)).wait_for(f"stage {name}: changed while it was read"))
        self.boots()

    @staticmethod
    def put_beside(path, content):
        """Under its name in one step, as an update does."""
        write(path + ".new", content)
        os.chmod(path + ".new", 0o755)
        os.rename(path + ".new", path)

    def test_exchanged_all_the_time(self):
        """Another process exchanges the agent, by rename and in place, as fast as it can: whatever runs is what was verified."""
        evil, path = self.path("evil"), self.path(*self.FILES["agent"])
        shutil.copy(EVIL, evil)
        attack = ("import os, shutil, sys\n"
                  "evil, path, honest = sys.argv[1:]\n"
                  "while True:\n"
                  "    for source in (evil, honest):\n"
                  "        shutil.copy(source, path + '.new'); os.rename(path + '.new', path)\n"
                  "    with open(path, 'r+b') as f, open(evil, 'rb') as e, open(honest, 'rb') as h:\n"
                  "        f.write(e.read()); f.flush(); f.seek(0); f.write(h.read())\n")
        shutil.copy(path, self.path("honest"))
        attacker = subprocess.Popen([sys.executable, "-c", attack, evil, path, self.path("honest")])
        try:
            codes = [self.one_of_many() for _ in range(8)]
        finally:
            attacker.kill()
            attacker.wait()
        self.assertTrue(set(codes) <= {0} | {CODES["STAGE_" + why] for why in ("ALTERED", "CUT", "SWAPPED", "MISSING")}, codes)
        self.assertNotEqual(set(codes), {0}, "the attack came too late each time")

    def one_of_many(self):
        running = self.boot()
        running.wait_for(f"{EVIL_SAYS}|agent ready")
        code = running.end()
        self.assertIsNone(running.wait_for(EVIL_SAYS), running.lines)
        self.reset()
        return code


class Tpm(Case):
    def test_absent(self):
        self.tpm.stop()
        running = self.refused("TPM")
        self.assertTrue(running.wait_for("^samara-boot: tpm: swtpm:.*: the TPM does not answer: see that the TPM is there"), running.lines)
        self.assertTrue(running.wait_for("event=boot.not-spoilt "), running.lines)

    def test_owner_who_closes_the_storage_hierarchy_keeps_the_registers_no_cleaner(self):
        """Root on a running device gives the owner's hierarchy a value. The next boot says what to take away, and nobody can make good what it left."""
        good("tpm2_changeauth", "-T", self.tpm.tcti, "-c", "o", "value")
        running = self.refused("TPM")
        self.assertTrue(running.wait_for("^samara-boot: tpm: the storage .owner. hierarchy: .*tpm2_changeauth -c o -p VALUE"), running.lines)
        self.assertIsNone(running.wait_for("boot.not-spoilt"), running.lines)
        good("tpm2_changeauth", "-T", self.tpm.tcti, "-c", "o", "-p", "value", "")
        self.reset()
        self.boots()

    def test_what_the_tpm_does_not_do_keeps_it_from_nothing_else(self):
        """Each of the steps that spoil a boot fails once, as on a bus that somebody holds: the others are done all the same."""
        self.boots()  # there is a number, which is locked before the hierarchy goes
        write(self.path("slot.img"), ALTERED_SLOT)
        for command_code, turn, spoilt in ((PCR_EXTEND, 0, (9,)), (PCR_EXTEND, 1, (8,)), (NV_WRITE_LOCK, 0, (8, 9))):
            with Interposer(self.tpm, refuse=(command_code, turn)) as bus:
                running = self.boot(bus.tcti)
                self.assertEqual(running.ended(), CODES["STAGE_ALTERED"], running.lines)
            self.assertTrue(running.wait_for("event=boot.not-spoilt "), running.lines)
            self.spoilt({8: ZERO, 9: ZERO}, spoilt)
            self.reset()

    def test_platform_hierarchy_that_the_firmware_keeps_to_itself(self):
        """On a new device and on one that has booted: it is said which of the two it is, and nobody is told to give up what the device has."""
        give_value = command(HIERARCHY_CHANGE_AUTH, [PLATFORM], struct.pack(">H", 5) + b"value")
        disable = command(HIERARCHY_CONTROL, [PLATFORM], struct.pack(">IB", PLATFORM, 0))
        for _ in range(2):
            for firmware, words in ((give_value, "has an authorisation value"), (disable, "is disabled")):
                self.assertEqual(self.tpm.send(firmware), [0])
                running = self.refused("TPM_PLATFORM")
                self.assertTrue(running.wait_for(f"platform hierarchy {words}: the platform's firmware has to leave it.*nothing is lost"), running.lines)
                self.assertIsNone(running.wait_for("cleared|anew"), running.lines)
            self.boots()

    def test_locked_out_after_wrong_guesses_boots_all_the_same(self):
        never = struct.pack(">III", 0, 1000, 1000)  # no wrong guess is allowed
        self.assertEqual(self.tpm.send(define_command(OTHERS, 32), command(DICTIONARY_ATTACK_PARAMETERS, [LOCKOUT], never),
                                       command(NV_READ, [OTHERS, OTHERS], struct.pack(">HH", 1, 0))), [0, 0, LOCKED_OUT])
        self.boots()

    def test_full_is_said_at_the_first_boot_and_later_ones_need_no_room(self):
        others = self.tpm.fill_up()
        self.assertTrue(self.refused("TPM").wait_for("TPM: the number against roll-back: .*tpm2_nvundefine"))
        self.tpm.make_room(*others)
        self.boots()
        self.tpm.fill_up()
        self.boots()

    def test_reset_in_the_middle(self):
        with Interposer(self.tpm, self.tpm.reset) as between:
            running = self.boot(between.tcti)
            self.assertEqual(running.ended(), CODES["TPM"], running.lines)
        self.assertTrue(running.wait_for("restart the whole device"), running.lines)
        self.assertIsNone(running.wait_for("child.started"), running.lines)
        self.spoilt({8: ZERO, 9: ZERO})
        self.reset()
        self.boots()

    def test_registers_that_the_boot_loader_extends(self):
        for pcr in (8, 9):
            extend(self.tpm, pcr, sha256(b"by the boot loader"))
            running = self.boot()
            self.assertEqual(running.ended(), CODES["TPM_IN_USE"], running.lines)
            self.assertTrue(running.wait_for("after each reset, the boot loader or the firmware extends them"), running.lines)
            self.spoilt({8: ZERO, 9: ZERO, pcr: sha256(ZERO + sha256(b"by the boot loader"))})
            self.reset()

    def test_one_that_was_used_since_its_reset(self):
        running = self.boot()
        running.wait_for("agent ready")
        running.end()
        before = registers(self.tpm, 8, 9)
        again = self.boot()
        self.assertEqual(again.ended(), CODES["TPM_IN_USE"], again.lines)
        self.spoilt(before)

    def test_refused_boot_cannot_be_made_good_without_a_reset(self):
        content = read(self.path("slot.img"))
        write(self.path("slot.img"), ALTERED_SLOT)
        running = self.boot()
        self.assertEqual(running.ended(), CODES["STAGE_ALTERED"], running.lines)
        write(self.path("slot.img"), content)
        again = self.boot()
        self.assertEqual(again.ended(), CODES["TPM_IN_USE"], again.lines)
        self.reset()
        self.boots()

    def ask(self, op, *arguments):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.settimeout(60)
            s.connect(self.path("r", "tre.sock"))
            s.send(encode([op, *arguments]))
            return decode(s.recv(8192))

    def started_anew(self, running, answer, code, start):
        self.assertEqual(self.ask(ENROL_BEGIN, bytes.fromhex(eid(1)), bytes(32)), [answer])
        self.assertTrue(running.wait_for(f"child.ended name=samara-tre how=exit status={code}"), running.lines)
        self.assertTrue(running.wait_for("event=tre.started", start), running.lines)

    def test_lost_while_it_runs(self):
        """One that comes back as it was goes on with nobody's help; one that was reset does not know what booted, and the TRE says so and waits."""
        with Interposer(self.tpm, lambda: None) as between:
            running = self.boot(between.tcti)
            self.assertTrue(running.wait_for("event=tre.started"), running.lines)
            between.drop()
            self.started_anew(running, TPM_ABSENT, 4, 2)
            self.assertEqual(self.ask(STATE)[1], 0)
            self.tpm.reset()
            self.started_anew(running, TPM_RESET, 3, 3)
            self.assertTrue(running.wait_for("event=state.refused .*the TPM was reset since"), running.lines)
            self.assertEqual(self.ask(STATE)[1], MEASUREMENT)
            self.assertEqual(running.end(), 0, running.lines)


class Reasons(unittest.TestCase):
    def test_every_reason_has_its_exit_code_and_its_row_in_the_manual(self):
        with open(os.path.join(os.environ.get("SAMARA_SOURCE", "."), "boot", "refusal.h"), encoding="utf-8") as f:
            listed = {name: int(code) for name, code in re.findall(r"X\((\w+), (\d+),", f.read())}
        self.assertEqual(listed, CODES)
        with open(os.path.join(os.environ.get("SAMARA_SOURCE", "."), "docs", "boot.md"), encoding="utf-8") as f:
            documented = {name: int(code) for code, name in re.findall(r"^\| (\d+) \| `(\w+)` \|", f.read(), re.M)}
        self.assertEqual(documented, CODES)


if __name__ == "__main__":
    unittest.main()
