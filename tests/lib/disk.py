# SPDX-License-Identifier: Apache-2.0
"""What a thief with the RO's disk has: all files of its directory, as they lie there."""
import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

import record_file
import wire


class Disk:
    """A copy of a player's directory; use as a context."""

    def __init__(self, player):
        self.root = tempfile.mkdtemp(prefix="samara-disk-")
        shutil.copytree(player.dir, os.path.join(self.root, "copy"), ignore=lambda _, names: [n for n in names if n.endswith(".sock")])
        self.dir = os.path.join(self.root, "copy")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.root)

    def path(self, name):
        return os.path.join(self.dir, name)

    def query(self, text, *values):
        db = sqlite3.connect(self.path("samara.db"))
        rows = db.execute(text, values).fetchall()
        db.close()
        return rows

    def flight_keys(self):
        """{number: private key}"""
        return {number: wire.Key.from_scalar(scalar) for number, scalar in self.query("SELECT number, scalar FROM flight_key")}

    def ticket_keys(self):
        """{id: key}"""
        return dict(self.query("SELECT id, key FROM ticket_key"))

    def package(self, device):
        """The package that waits for a device, as an answer would carry it."""
        rows = self.query("SELECT o.id, d.iccid, d.serial, p.x, p.w, p.\"order\" FROM device d JOIN package p ON p.slot = d.package "
                          "JOIN operator o ON o.number = d.operator WHERE d.eid = ?", device.eid)
        return list(rows[0])

    def private_keys(self):
        """Every P-256 key that is there."""
        names = [name[:-4] for name in os.listdir(self.path("keys")) if name.endswith(".key")]
        return [record_file.private_key(self, name) for name in names] + list(self.flight_keys().values())


def echo_key(player):
    """The ticket key that the running server's Echoes come from: of the class for devices whose interval is not known, 0 by default, with epochs of a
    day. Read beside the server, not from a copy: one that is made while the log is truncated lacks the newest rows."""
    db = sqlite3.connect(f"file:{player.path('samara.db')}?mode=ro", uri=True, timeout=20)
    try:
        return db.execute("SELECT key FROM ticket_key WHERE id = ?", (int(time.time()) // 86400,)).fetchone()[0]
    finally:
        db.close()


def put(player, *statements):
    """Change the RO's store beside its server, which takes notice: (text, values) each."""
    db = sqlite3.connect(player.path("samara.db"), timeout=20)
    with db:
        for text, values in statements:
            db.execute(text, values)
        db.execute("UPDATE meta SET value = value + 1 WHERE name = 'sequence'")
    db.close()


@contextlib.contextmanager
def reading(db):
    """A reader within a transaction. In a process of its own: who opens and closes a file, as the search does, drops every POSIX lock that its
    process has on it, also those of the reader."""
    program = ("import sqlite3, sys\nc = sqlite3.connect(f'file:{sys.argv[1]}?mode=ro', uri=True)\nc.execute('BEGIN')\n"
               "c.execute('SELECT count(*) FROM device').fetchall()\nprint(flush=True)\nsys.stdin.read()\n")
    with subprocess.Popen([sys.executable, "-c", program, db], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        try:
            assert reader.stdout.readline() == b"\n", "the reader did not start"
            yield
        finally:
            reader.stdin.close()
