# SPDX-License-Identifier: Apache-2.0
"""tools/stack against functions whose stack is known, and against all that it must not let pass."""
import glob
import os
import runpy
import subprocess
import tempfile
import unittest

ROOT = os.environ.get("SAMARA_SOURCE", ".")
MEASURE = runpy.run_path(os.path.join(ROOT, "tools", "stack"))["measure"]
USE = "void outside(void *);\n"
SHALLOW = "__attribute__((noinline)) static void shallow(void) { char a[64]; outside(a); }\n"
DEEP = "__attribute__((noinline)) static void deep(void) { char a[512]; outside(a); }\n"
PING_PONG = ("__attribute__((noinline)) static void pong(int n);\nvoid ping(int n) { char a[96]; outside(a); pong(n); outside(a); }\n"
             "__attribute__((noinline)) static void pong(int n) { char a[256]; outside(a); if (n) ping(n - 1); outside(a); }\n")


class Stack(unittest.TestCase):
    def measure(self, text, bounds=None):
        """{entry point: (octets, path)}, problems"""
        with tempfile.TemporaryDirectory() as directory:
            source = os.path.join(directory, "entry.c")
            with open(source, "w", encoding="utf-8") as f:
                f.write(USE + text)
            subprocess.run(["arm-none-eabi-gcc", "-mcpu=cortex-m33", "-mthumb", "-Os", "-ffreestanding", "-fcallgraph-info=su,da", "-c", source, "-o",
                            os.path.join(directory, "entry.o")], check=True)
            listed = os.path.join(directory, "bounds")
            with open(listed, "w", encoding="utf-8") as f:
                f.write(bounds or "")
            table, problems = MEASURE(glob.glob(os.path.join(directory, "*.ci")), ["entry.c"], listed)
        return {name: (octets, path) for octets, name, path in table}, problems

    def test_deepest_of_two_paths_counts(self):
        table, problems = self.measure(SHALLOW + DEEP + "void entry(void) { shallow(); deep(); shallow(); }\n")
        octets, path = table["entry"]
        self.assertEqual((path, problems), (["entry", "deep"], []))
        self.assertTrue(512 < octets < 640, octets)
        self.assertNotIn("deep", table)

    def test_what_is_only_declared_ends_a_path(self):
        table, problems = self.measure("void entry(void) { char a[128]; outside(a); outside(a); }\n")
        self.assertTrue(128 < table["entry"][0] < 200)
        self.assertEqual(problems, [])

    def test_pointer_is_an_error_unless_its_callees_are_named(self):
        text = (DEEP + "typedef void call(void);\nvoid take(call **);\nvoid entry(call *f) { f(); outside(0); }\n"
                "void other(void) { call *f = deep; take(&f); }\n")
        table, problems = self.measure(text)
        self.assertEqual(problems, ["entry calls through a pointer: nobody says what"])
        self.assertLess(table["entry"][0], 64)
        table, problems = self.measure(text, "entry: deep\n")
        self.assertEqual(problems, [])
        self.assertGreater(table["entry"][0], 512)

    def test_named_callee_that_is_not_there_is_an_error(self):
        _, problems = self.measure("void entry(void (*f)(void)) { f(); outside(0); }\n", "entry: gone\n")
        self.assertEqual(problems, ["entry may call gone, which is not here"])

    def test_name_without_a_pointer_is_an_error(self):
        _, problems = self.measure(DEEP + "void entry(void) { deep(); outside(0); }\n", "entry: port\n")
        self.assertEqual(problems, ["entry is said to call through pointers and does not"])

    def test_recursion_is_an_error_unless_bounded(self):
        text = "void again(int n) { char a[96]; outside(a); if (n) again(n - 1); outside(a); }\nvoid entry(int n) { again(n); outside(0); }\n"
        table, problems = self.measure(text)
        self.assertEqual(problems, ["recursion: again > again"])
        once = table["again"][0]
        table, problems = self.measure(text, "again: recursion=5\n")
        self.assertEqual((table["again"][0], problems), (5 * once, []))

    def test_recursion_through_two_functions_costs_both(self):
        table, problems = self.measure(PING_PONG, "ping: recursion=3\n")
        self.assertEqual(problems, [])
        self.assertGreater(table["ping"][0], 3 * (96 + 256))

    def test_cycle_entered_elsewhere_than_where_it_is_bounded_is_an_error(self):
        _, problems = self.measure(PING_PONG + "void side(int n) { pong(n); outside(0); }\n", "ping: recursion=3\n")
        self.assertEqual(problems, ["side enters a cycle through pong"])
        _, problems = self.measure(PING_PONG.replace("static ", ""), "ping: recursion=3\n")
        self.assertEqual(problems, ["pong is an entry point inside a cycle"])

    def test_stack_of_a_size_that_depends_on_data_is_an_error(self):
        _, problems = self.measure("void entry(int n) { char a[n]; outside(a); }\n")
        self.assertEqual(problems, ["entry takes stack of a size that depends on data"])

    def test_nothing_to_measure_is_an_error(self):
        _, problems = self.measure("static int unused;\n")
        self.assertEqual(problems, ["no entry point found: nothing was measured"])


if __name__ == "__main__":
    unittest.main()
