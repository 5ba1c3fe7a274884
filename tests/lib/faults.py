# SPDX-License-Identifier: Apache-2.0
"""Programs that die where they are told to: at fault points (sys/fault.h), right before and right after every durable write and every send.

A place is (name, n): the n-th time that a process passes the point of this name. Which there are a run without a death tells.
"""
import collections
import os
import tempfile
import threading

import capture
import wire

NAMES = ("samara", "samarad", "samara-auc", "samara-tre", "samara-m2me")

SQLITE = ("log", "database", "journal")
OPERATOR = threading.Lock()  # whose commands come one at a time


def programs(build):
    """{program: path}, as World(…, replace=…) takes them."""
    return {name: os.path.join(os.path.abspath(build), "tests", "crash", "fault-" + name) for name in NAMES}


class Fault:
    """One process: where it is to die (None: nowhere; a number: at the n-th point of any name), and the points that it passed."""

    def __init__(self, place=None):
        self.place = place
        self.file = tempfile.TemporaryFile()

    def popen(self, pass_fds=()):
        """What subprocess.Popen needs for it."""
        fd = self.file.fileno()
        at = "" if self.place is None else str(self.place) if isinstance(self.place, int) else f"{self.place[1]}:{self.place[0]}"
        return {"env": {**os.environ, "SAMARA_FAULT_LOG": str(fd), "SAMARA_FAULT_AT": at}, "pass_fds": (fd, *pass_fds)}

    def passed(self):
        """Names, in order."""
        return os.pread(self.file.fileno(), os.fstat(self.file.fileno()).st_size, 0).decode().splitlines()

    def close(self):
        self.file.close()


def places(names):
    """The places of a run that passed these names."""
    count, found = collections.Counter(), []
    for name in names:
        count[name] += 1
        found.append((name, count[name]))
    return found


def thinned(found, most):
    """The places without all but some, spread evenly, of what SQLite does over and over: its files are its own business, and well tested."""
    total = collections.Counter(name for name, _ in found)

    def is_kept(name, n):
        step = total[name] / most
        return name.split()[-1] not in SQLITE or total[name] <= most or n in {round(i * step) + 1 for i in range(most)}
    return [place for place in found if is_kept(*place)]


class Broken(AssertionError):
    """Something that no crash may bring about."""


def hold(condition, what):
    if not condition:
        raise Broken(what)


def command(players, what, iccid, name):
    """The SHO suspends or resumes; its files are carried to AuC and RO. @name: of the files, used once."""
    out, auc_out = (players.op.path(f"{kind}-{name}.smr") for kind in ("commands", "auc-commands"))
    with OPERATOR:
        players.op.run(what, "--iccid", iccid, "--auc", players.op.take(players.auc.card), "--out", out, "--auc-out", auc_out)
    players.auc.run("load", players.auc.take(auc_out))
    players.ro.run("load", players.ro.take(out))


# ---- what was on the wire ----

def requests(datagrams, port):
    """What the requests that were sent to @port were sealed with, each with all messages under it: a flight's key comes from its E; a check-in's from
    its ticket's rk, and its nonce is its counter, which the mask hides but does not change."""
    under = collections.defaultdict(set)
    for _, _, _, _, target, payload in datagrams:
        path = capture.path_of(payload) if target == port else None
        if path is None:
            continue
        message = wire.coap_answer(payload)[1]
        items = wire.loads(message)
        under[path, items[2] if path == "f" else (items[0], items[1])].add(message)
    return under


def twice_used(datagrams, port):
    """Request keys, of check-ins with their nonce, under which there were two plaintexts."""
    return [key for key, messages in requests(datagrams, port).items() if len(messages) > 1]
