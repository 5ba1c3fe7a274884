# SPDX-License-Identifier: Apache-2.0
"""Man pages and completion: made from the programs' own tables, complete, and fit for man and bash."""
import json
import os
import re
import subprocess
import unittest

BUILD = os.environ.get("SAMARA_BUILD", "build")
DOCS = os.path.join(BUILD, "docs")
PROGRAMS = {"samara": "cli/samara", "samarad": "server/samarad", "samara-auc": "auc/samara-auc", "samara-tre": "tre/linux/samara-tre",
            "samara-m2me": "m2me/samara-m2me", "samara-launch": "tre/linux/samara-launch",
            "samara-fleet": "fleet/samara-fleet", "samara-boot": "boot/samara-boot"}
PROGRAMS = {name: path for name, path in PROGRAMS.items() if os.path.exists(os.path.join(BUILD, path))}  # the last one: where there is tpm2-tss


def run(*argv, **more):
    return subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **more)


def table(program):
    return json.loads(run(os.path.join(BUILD, PROGRAMS[program]), "--help-json").stdout)


def pages():
    return sorted(name for name in os.listdir(DOCS) if re.search(r"\.[158]$", name))


def rendered(page):
    """The page as a terminal shows it, without line breaks."""
    done = run("groff", "-Kutf8", "-man", "-Tutf8", "-P-cbou", "-rLL=400n", os.path.join(DOCS, page))
    return re.sub(r"\s+", " ", done.stdout.decode())


class Pages(unittest.TestCase):
    def test_every_page_is_without_a_warning(self):
        self.assertGreaterEqual(len(pages()), 13)
        for page in pages():
            done = run("groff", "-Kutf8", "-man", "-Tutf8", "-ww", "-z", os.path.join(DOCS, page))
            self.assertEqual((done.returncode, done.stderr), (0, b""), page)

    def test_every_command_and_option_has_its_place(self):
        shown = {page.rsplit(".", 1)[0]: rendered(page) for page in pages()}
        for program in PROGRAMS:
            for command in table(program)["commands"]:
                page = f"samara-{command['path'].split()[0]}" if program == "samara" else program
                self.assertIn(command["path"], shown[page])
                for option in command["options"]:
                    self.assertIn("--" + option["name"], shown[page], command["path"])

    def test_every_configuration_key_has_its_place(self):
        for program, page in (("samarad", "samarad.ini.5"), ("samara-launch", "m2me.ini.5")):
            keys = re.findall(r"^#?([a-z-]+) =", run(os.path.join(BUILD, PROGRAMS[program]), "--help-config").stdout.decode(), re.M)
            self.assertGreater(len(keys), 8)
            text = rendered(page)
            for key in keys:
                self.assertIn(f"{key} =", text)

    def test_every_reference_is_to_a_page_that_exists(self):
        for page in pages():
            for name, section in re.findall(r"\b(samara[a-z.-]*|m2me\.ini)\(([158])\)", rendered(page)):
                self.assertIn(f"{name}.{section}", pages(), page)

    def test_every_program_says_what_it_is(self):
        for page in pages():
            self.assertRegex(rendered(page), rf"NAME {re.escape(page[:-2])} - \w")


class Completion(unittest.TestCase):
    def complete(self, *words):
        """What bash offers for these words, the last of which is being typed."""
        script = os.path.join(DOCS, words[0] + ".bash")
        quoted = " ".join(f"'{word}'" for word in words)
        done = run("bash", "--norc", "-c", f"source {script}; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; "
                                           f"_{words[0].replace('-', '_')}; printf '%s\\n' \"${{COMPREPLY[@]}}\"", cwd=DOCS)
        self.assertEqual(done.stderr, b"")
        return done.stdout.decode().split()

    def test_players_and_their_commands_are_offered(self):
        self.assertEqual(self.complete("samara", "s"), ["sho", "subscriber", "supplier"])
        self.assertEqual(self.complete("samara", "sho", "se"), ["seal"])
        self.assertEqual(sorted(self.complete("samara-auc", "")),
                         sorted({c["path"].split()[0] for c in table("samara-auc")["commands"]} | {"--help", "--version"}))

    def test_options_of_the_command_at_hand_are_offered(self):
        for program in PROGRAMS:
            for command in table(program)["commands"]:
                offered = self.complete(program, *command["path"].split(), "--")
                self.assertEqual(sorted(offered), sorted("--" + option["name"] for option in command["options"]), command["path"])

    def test_choices_and_files_are_offered(self):
        self.assertEqual(self.complete("samara", "sho", "make", "--algorithm", "t"), ["tuak"])
        self.assertEqual(self.complete("samara", "ro", "load", "--dir", "x", "samarad.i"), ["samarad.ini.5"])
        self.assertEqual(self.complete("samarad", "--config", "m2me"), ["m2me.ini.5"])


if __name__ == "__main__":
    unittest.main()
