# SPDX-License-Identifier: Apache-2.0
"""Line counts from clang's coverage, for tools/coverage and tools/fuzz. Builds build-cov, where everything counts."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build-cov")
VERSION = "-14"


def run(command, failure, **options):
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          errors="replace", check=False, **options)
    if done.returncode != 0:
        print((done.stdout + done.stderr)[-8000:])
        print(f"0 passed, 1 failed ({failure})")
        sys.exit(1)
    return done.stdout


def build(*targets):
    if not os.path.exists(os.path.join(BUILD, "build.ninja")):
        run(["meson", "setup", BUILD, ROOT, "-Dcoverage=true", "-Db_lundef=false"], "the coverage build cannot be set up",
            env={**os.environ, "CC": "clang", "CC_LD": "gold"})
    run(["ninja", "-C", BUILD, *targets], "the coverage build fails")


def environment(directory):
    """Each process maps a file of its own there; %c: counters are in it from the first instruction on."""
    return {**os.environ, "LLVM_PROFILE_FILE": os.path.join(directory, "%p%c.profraw")}


def merge(directory, profile):
    raw = [os.path.join(directory, name) for name in sorted(os.listdir(directory)) if name.endswith(".profraw")]
    # A process that was killed while it made its file leaves none that can be read.
    run(["llvm-profdata" + VERSION, "merge", "-sparse", "--failure-mode=all", "-o", profile, *raw], "no counts")


def code_lines(path):
    """Numbers of the lines with something to run: no comments, macros, lone braces."""
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        text = f.read()
    for unwanted, flags in ((r"/\*.*?\*/", re.S), (r"^#(.*\\\n)*.*", re.M)):
        text = re.sub(unwanted, lambda match: "\n" * match[0].count("\n"), text, flags=flags)
    return {number for number, line in enumerate(text.split("\n"), 1) if re.search(r"\w", line) and line.strip() not in ("else", "do")}


def lines(profile, objects, wanted):
    """{path: {line: count}} of the sources for which wanted(path) holds."""
    command = ["llvm-cov" + VERSION, "export", "-format=lcov", "-instr-profile", profile, objects[0]]
    for other in objects[1:]:
        command += ["-object", other]
    counts = {}
    for line in run(command, "counts and code do not fit").split("\n"):
        if line.startswith("SF:"):
            path = os.path.relpath(line[3:], ROOT)
            current = counts.setdefault(path, {}) if wanted(path) else None
        elif line.startswith("DA:") and current is not None:
            number, count = line[3:].split(",")[:2]
            current[int(number)] = current.get(int(number), 0) + int(count)
    return {path: {n: c for n, c in found.items() if n in code_lines(path)} for path, found in counts.items()}


def archives():
    """All static libraries and programs below build-cov that hold product code; pages and completions bear the programs' names."""
    found = []
    for directory, inner, names in os.walk(BUILD):
        inner[:] = [d for d in inner if not d.endswith(".p") and d not in ("meson-logs", "meson-info", "meson-private")]
        found += [os.path.join(directory, name) for name in names if name.endswith(".a") or re.fullmatch("samara[a-z0-9-]*", name)]
    return sorted(found)
