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
        if not os.path.exists(os.path.join(HERE, "mutants_server.py")):
            self.rows &= self.mutants  # that half of the rows is not there yet

    def test_rows_are_read(self):
        self.assertGreater(len(rows()), 40)
        self.assertEqual(len(rows()), len(set(rows())))
        self.assertLess(set(EXEMPT), set(rows()))
        self.assertGreater(len(self.rows), 30)

    def test_every_row_has_a_mutant(self):
        self.assertEqual(sorted(self.rows - self.mutants), [])

    def test_every_row_and_every_mutant_beyond_the_rows_has_an_attack_of_its_name(self):
        self.assertEqual(sorted((self.rows | self.mutants) - attacks()), [])

    def test_every_edit_fits_the_source(self):
        for mutant in mutants.tables().values():
            for name, text in mutants.edited(mutant).items():
                with open(os.path.join(mutants.SOURCE, name), encoding="utf-8") as f:
                    self.assertNotEqual(text, f.read(), mutant.name)


if __name__ == "__main__":
    unittest.main()
