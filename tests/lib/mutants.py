# SPDX-License-Identifier: Apache-2.0
"""Mutants: the real programs with one check taken out, to show that the attack on that check bites.

A mutant is a list of exact edits of the source. The edited file is compiled with the command that the build itself uses for it, and the program is
linked as the build links it, with that one object in front of the libraries: so a mutant differs from the real program by what the edits say, and
costs one compilation and one link. The source tree is not touched. An edit whose text is not there exactly once ends the test.

The tables are tests/attack/mutants_*.py: a list MUTANTS each.

usage: mutants.py BUILD [NAME ...]      build all mutants, or these
"""
import concurrent.futures
import dataclasses
import fcntl
import glob
import hashlib
import importlib.util
import json
import os
import shlex
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.environ.get("SAMARA_SOURCE", os.path.join(HERE, "..", ".."))
BUILD = os.environ.get("SAMARA_BUILD", "build")
WANTED = os.environ.get("SAMARA_MUTANTS") != "no"  # that an attack bites is shown once: a sanitizer has nothing to find in a mutant
ACROSS_FILES = ("-flto=auto", "-flto", "-ffat-lto-objects")  # seconds for each link, and what a mutant does is the same without
PROGRAMS = {"samara": "cli/samara", "samarad": "server/samarad", "samara-auc": "auc/samara-auc", "samara-tre": "tre/linux/samara-tre",
            "samara-launch": "tre/linux/samara-launch", "samara-m2me": "m2me/samara-m2me", "samara-boot": "boot/samara-boot",
            **{f"fault-{name}": f"tests/crash/fault-{name}" for name in ("samara-auc", "samara-tre", "samarad")}}


class NoMutant(Exception):
    """A mutant that cannot be made: the source has changed, or it does not compile."""


@dataclasses.dataclass(frozen=True)
class Mutant:
    """@name: the row of proofs/README.md. @without: what is taken out. @programs: which are built. @edits: (file, old text, new text), .c files
    only, since one object has to hold all of an edit. @control: no row; an edit that takes no check away, for the other side of a comparison."""
    name: str
    without: str
    programs: tuple = ()
    edits: tuple = ()
    control: bool = False


def tables():
    """All mutants of all tables, by name."""
    found = {}
    sys.modules.setdefault("mutants", sys.modules[__name__])  # as the tables import it
    for path in sorted(glob.glob(os.path.join(HERE, "..", "attack", "mutants_*.py"))):
        spec = importlib.util.spec_from_file_location(os.path.basename(path)[:-3], path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for mutant in module.MUTANTS:
            if mutant.name in found:
                raise NoMutant(f"two mutants are called {mutant.name}")
            found[mutant.name] = mutant
    return found


def edited(mutant):
    """The files of a mutant: {name in the tree: new text}."""
    texts = {}
    for name, old, new in mutant.edits:
        if not name.endswith(".c"):
            raise NoMutant(f"{mutant.name}: {name} is no .c file")
        if name not in texts:
            with open(os.path.join(SOURCE, name), encoding="utf-8") as f:
                texts[name] = f.read()
        if texts[name].count(old) != 1:
            raise NoMutant(f"{mutant.name}: this text is {texts[name].count(old)} times in {name}, not once:\n{old}")
        texts[name] = texts[name].replace(old, new)
    return texts


# ---- building ----

def run(argv, build, what):
    done = subprocess.run(argv, cwd=build, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise NoMutant(f"{what}: {' '.join(argv)}\n{done.stdout}{done.stderr}")
    return done.stdout


def compile_command(build, name):
    """(arguments, object) of the build's own compilation of a file."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as f:
        entries = json.load(f)
    wanted = os.path.realpath(os.path.join(SOURCE, name))
    for entry in entries:
        if os.path.realpath(os.path.join(entry["directory"], entry["file"])) == wanted:
            return shlex.split(entry["command"]), entry["output"], entry["file"]
    raise NoMutant(f"{name} is not compiled in {build}")


def compile_file(build, name, text, directory):
    """Returns (object of the build, object of the mutant)."""
    argv, original, source = compile_command(build, name)
    stem = os.path.join(directory, name.replace("/", "-"))
    with open(stem, "w", encoding="utf-8") as f:
        f.write(text)
    new = {original: stem + ".o", original + ".d": stem + ".d", source: stem}
    argv = [new.get(a, a) for a in argv if a not in ("-Werror", *ACROSS_FILES)]
    # What an edit leaves unused is no news; an include by bare name is found where the file came from.
    run([*argv, "-w", "-iquote", os.path.dirname(os.path.realpath(os.path.join(SOURCE, name)))], build, f"cannot compile {stem}")
    return original, stem + ".o"


def link(build, program, objects, directory):
    """The build's own link, with the mutant's objects in front of the libraries: the linker then takes nothing from the ones they replace."""
    target = PROGRAMS[program]
    argv = shlex.split(run(["ninja", "-t", "commands", "-s", target], build, "no link command").splitlines()[-1])
    argv = [a for a in (argv[:argv.index("&&")] if "&&" in argv else argv) if a not in ACROSS_FILES]
    output = os.path.join(directory, program)
    replaced = dict(objects)
    first = next(i for i, a in enumerate(argv) if a.endswith(".o"))
    front = [new for old, new in objects if old not in argv]
    argv = argv[:first] + front + [output if a == target else replaced.get(a, a) for a in argv[first:]]
    argv[argv.index("-o") + 1] = output
    run(argv, build, f"cannot link {output}")
    return output


def stamp(build, mutant, texts):
    """What a mutant was made of. The real programs stand for everything that was not edited."""
    parts = [repr(sorted(texts.items())), repr(mutant.programs)]
    for program in mutant.programs:
        status = os.stat(os.path.join(build, PROGRAMS[program]))
        parts.append(f"{status.st_mtime_ns} {status.st_size}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def written(path):
    try:
        with open(path, encoding="ascii") as f:
            return f.read()
    except FileNotFoundError:
        return None


def make(build, mutant):
    """{program: path} of one mutant, built unless it is there already."""
    build = os.path.abspath(build)
    texts = edited(mutant)
    directory = os.path.join(build, "mutants", mutant.name)
    os.makedirs(directory, exist_ok=True)
    made, wanted = os.path.join(directory, "stamp"), stamp(build, mutant, texts)
    with open(os.path.join(directory, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run side by side
        if written(made) != wanted:
            objects = [compile_file(build, name, text, directory) for name, text in texts.items()]
            for program in mutant.programs:
                link(build, program, objects, directory)
            with open(made, "w", encoding="ascii") as f:
                f.write(wanted)
    return {program: os.path.join(directory, program) for program in mutant.programs}


def programs(name, build=BUILD):
    """The programs of the mutant of this name: {program: path}, as World(…, replace=…) takes them."""
    return make(build, tables()[name])


def prepare(names, build=BUILD):
    """Build several at once, as many as there are cores. Returns {name: {program: path}}."""
    every = tables()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(names, pool.map(lambda name: make(build, every[name]), names)))


def main(argv):
    every = tables()
    names = argv[2:] or [name for name, mutant in every.items() if mutant.programs]
    for name, made in prepare(names, argv[1]).items():
        print(f"{name}: {', '.join(made.values())}")


if __name__ == "__main__":
    main(sys.argv)
