# SPDX-License-Identifier: Apache-2.0
"""Looking for keys where they should not be: in files, in memory, in command lines; raw, in hex, in base64.

Found is any 12 octets of a key that stand together. It is enough to look for some pieces of 8: of any 12 octets of a key of 16, the
middle 8 of the key are a part; for longer keys every fifth piece of 8 is (start 4, 9, 14…).
"""
import base64
import os
import subprocess
import tempfile

WINDOW, PIECE = 12, 8
PAGE = 4096


def pieces(secret):
    starts = range(WINDOW - PIECE, len(secret) - PIECE + 1, WINDOW - PIECE + 1)
    return [secret[i:i + PIECE] for i in starts]


def forms(piece):
    """Every way in which these octets may be written inside a longer text."""
    found = {piece, piece.hex().encode(), piece.hex().upper().encode()}
    for before in range(3):
        bits = 8 * (before + len(piece))
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(bytes(before) + piece)
            found.add(text[(8 * before + 5) // 6:bits // 6])  # the characters that no neighbour has a bit in
    return found


class Search:
    def __init__(self, secrets):
        self.needles = {form: number for number, secret in enumerate(secrets) for piece in pieces(secret) for form in forms(piece)}

    def hits(self, data):
        return sorted({number for needle, number in self.needles.items() if needle in data})

    def files(self, *paths):
        """{path: numbers of the secrets in it}, for all files at or below the paths."""
        found = {}
        for path in walk(paths):
            try:
                with open(path, "rb") as f:
                    hit = self.hits(f.read())
            except FileNotFoundError:
                continue  # was removed meanwhile, as logs of databases are
            if hit:
                found[path] = hit
        return found

    def memory(self, pid):
        return self.hits(memory_of(pid))

    def core(self, pid):
        """In its core image, as a debugger writes it. Returns (hits, size)."""
        with tempfile.TemporaryDirectory(prefix="samara-core-") as directory:
            subprocess.run(["gcore", "-a", "-o", os.path.join(directory, "core"), str(pid)], check=True, timeout=60,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            path = os.path.join(directory, f"core.{pid}")
            with open(path, "rb") as f:
                return self.hits(without_empty_pages(f.read())), os.path.getsize(path)


def walk(paths):
    for path in paths:
        if not os.path.isdir(path):
            yield path
        for directory, _, names in os.walk(path):
            for name in names:
                full = os.path.join(directory, name)
                if os.path.isfile(full) and not os.path.islink(full):
                    yield full


def without_empty_pages(data):
    empty = bytes(PAGE)
    return b"".join(p for p in (data[i:i + PAGE] for i in range(0, len(data), PAGE)) if p != empty)


def memory_can_be_walked(program):
    """Not without root. Not with AddressSanitizer, either: its shadow memory has terabytes, and it keeps freed memory on purpose."""
    with open(program, "rb") as f:
        return os.geteuid() == 0 and b"__asan_init" not in f.read()


def memory_of(pid):
    """All that is mapped and readable, pages of zeroes left out."""
    parts = []
    with open(f"/proc/{pid}/maps", encoding="ascii", errors="replace") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for line in maps:
            span, mode = line.split()[:2]
            if "r" not in mode or "[v" in line:
                continue
            start, end = (int(x, 16) for x in span.split("-"))
            try:
                mem.seek(start)
                part = read_exactly(mem, end - start)
            except (OSError, ValueError, OverflowError):
                continue
            parts.append(without_empty_pages(part))
    return b"\0".join(parts)


def read_exactly(mem, size):
    parts = []
    while size > 0:
        part = mem.read(min(size, 1 << 20))
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
