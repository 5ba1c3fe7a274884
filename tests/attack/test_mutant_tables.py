# SPDX-License-Identifier: Apache-2.0
"""Does every row of the mutant table in proofs/README.md have its mutant and its attack, and every mutant its attack? And do all edits still fit the
source?"""
import glob
import os
import re
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import mutants  # noqa: E402

# Rows without an attack, and why.
EXEMPT = {
    "flight_without_beacon": "version 1 sends no beacon: there is nothing to take out",
    "checkin_without_beacon": "version 1 sends no beacon: there is nothing to take out",
}


def rows():
    """Names in the first column of the table under «## Mutants»; a row may name several."""
    with open(os.path.join(mutants.SOURCE, "proofs", "README.md"), encoding="utf-8") as f:
        section = f.read().split("\n## Mutants")[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]


def properties():
    """{property: names of its attacks} from docs/requirements.md, files left out. The last one is no property of the design's: what holds under attack."""
    with open(os.path.join(mutants.SOURCE, "docs", "requirements.md"), encoding="utf-8") as f:
        section = f.read().split("\n## Security properties")[1]
    cells = [line.split("|") for line in section.splitlines() if line.startswith(("| S", "| under attack"))]
    return {cell[1].strip(): re.findall(r"`(\w+)`", cell[3]) for cell in cells}


def files_named_in(path):
    with open(os.path.join(mutants.SOURCE, path), encoding="utf-8") as f:
        return re.findall(r"`((?:unit|system|attack)/[\w*.]+)`", f.read())


def attacks():
    """Names of all tests of tests/attack/, without «test_»."""
    found = set()
    for path in glob.glob(os.path.join(HERE, "test_*.py")):
        with open(path, encoding="utf-8") as f:
            found.update(re.findall(r"^    def test_(\w+)\(", f.read(), re.MULTILINE))
    return found


class Tables(unittest.TestCase):
    def setUp(self):
        self.rows = set(rows()) - set(EXEMPT)
        self.mutants = {name for name, mutant in mutants.tables().items() if not mutant.control}

    def test_rows_are_read(self):
        self.assertGreater(len(rows()), 40)
        self.assertEqual(len(rows()), len(set(rows())))
        self.assertLess(set(EXEMPT), set(rows()))

    def test_every_row_has_a_mutant(self):
        self.assertEqual(sorted(self.rows - self.mutants), [])

    def test_every_row_and_every_mutant_beyond_the_rows_has_an_attack_of_its_name(self):
        self.assertEqual(sorted((self.rows | self.mutants) - attacks()), [])

    def test_every_property_has_attacks_that_exist(self):
        found = properties()
        self.assertEqual(list(found), [*(f"S{i}" for i in range(1, 12)), "under attack"])
        for name, named in found.items():
            self.assertEqual(bool(named), name != "S8", name)  # needs a beacon
            self.assertEqual(sorted(set(named) - attacks()), [], name)
        self.assertEqual(sorted(set(rows()) - set(EXEMPT) - set(sum(found.values(), []))), [])

    def test_every_test_named_by_the_requirements_exists(self):
        named = files_named_in("docs/requirements.md")
        self.assertGreater(len(named), 30)
        self.assertEqual([name for name in named if not glob.glob(os.path.join(HERE, "..", name))], [])

    def test_every_edit_fits_the_source(self):
        for mutant in mutants.tables().values():
            for name, text in mutants.edited(mutant).items():
                with open(os.path.join(mutants.SOURCE, name), encoding="utf-8") as f:
                    self.assertNotEqual(text, f.read(), mutant.name)


if __name__ == "__main__":
    unittest.main()
