# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL of a test's own: Debian's programs, a cluster in a temporary directory, reached through a unix socket there and nowhere else,
as an unprivileged user when the test is root's. Nothing is left behind, and no other cluster of the machine is touched.

usage: postgres.py PROGRAM ...    run programs, one after the other, while SAMARA_TEST_STORE is the address of such a PostgreSQL
"""
import atexit
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BIN = "/usr/lib/postgresql/15/bin"
USER = "nobody"
# Small, so that many can run at once. Durable as by default: fsync stays on.
SETTINGS = {
    "listen_addresses": "''",
    "unix_socket_permissions": "0777",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "autovacuum": "off",
    "logging_collector": "off",
    "log_min_messages": "warning",
}


def available():
    return os.path.exists(os.path.join(BIN, "postgres"))


class Postgres:
    """Started when made. @settings: lines of postgresql.conf beside those above. @disk: a directory for the data, else they are in memory, if
    there is such a place: flushes cost nothing there."""

    def __init__(self, disk=None, **settings):
        # A socket's path has 107 octets at most.
        self.root = tempfile.mkdtemp(prefix="samara-pg-", dir=next((d for d in ("/dev/shm", "/tmp") if os.access(d, os.W_OK)), None))
        self.disk = tempfile.mkdtemp(prefix="pg-", dir=disk) if disk else self.root
        self.data = os.path.join(self.disk, "data")
        self.log = os.path.join(self.root, "log")
        self.child = None
        self.demote = {}
        if os.getuid() == 0:
            user = pwd.getpwnam(USER)
            for directory in (self.root, self.disk):
                os.chown(directory, user.pw_uid, user.pw_gid)
            self.demote = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        os.chmod(self.root, 0o755)
        atexit.register(self.remove)
        subprocess.run([os.path.join(BIN, "initdb"), "-D", self.data, "-U", "samara", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"],
                       check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=self.root, **self.demote)
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as f:
            for key, value in {**SETTINGS, "unix_socket_directories": f"'{self.root}'", **settings}.items():
                f.write(f"{key} = {value}\n")
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen([os.path.join(BIN, "postgres"), "-D", self.data], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          cwd=self.root, start_new_session=True, **self.demote)
        end = time.monotonic() + 60
        while not self.is_ready():
            if self.child.poll() is not None or time.monotonic() > end:
                with open(self.log, encoding="utf-8", errors="replace") as f:
                    sys.exit("PostgreSQL does not start:\n" + f.read())
            time.sleep(0.02)

    def is_ready(self):
        return subprocess.run([os.path.join(BIN, "pg_isready"), "-q", "-h", self.root], check=False).returncode == 0

    def address(self, name="postgres"):
        return f"postgresql://samara@/{name}?host={self.root}"

    def sql(self, text, name="postgres"):
        """What the statements say, lines of fields with tabs."""
        done = subprocess.run([os.path.join(BIN, "psql"), "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", self.address(name)],
                              input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{text}\n{done.stderr}")
        return done.stdout.rstrip("\n")

    @contextlib.contextmanager
    def session(self, name="postgres"):
        """One that stays: a function that runs statements in it, and returns when they are done."""
        with subprocess.Popen([os.path.join(BIN, "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.address(name)], text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as psql:
            def run(text):
                psql.stdin.write(text + ";\n\\echo done\n")
                psql.stdin.flush()
                for line in psql.stdout:
                    if line == "done\n":
                        return
                raise RuntimeError(text)
            try:
                yield run
            finally:
                psql.stdin.close()

    def end(self, sig):
        if self.child is not None and self.child.poll() is None:
            self.child.send_signal(sig)
            self.child.wait(60)

    def stop(self):
        """At once, but orderly."""
        self.end(signal.SIGINT)

    def kill(self):
        """As in a power cut: no process says goodbye. The backends are the postmaster's children; they end when it is gone."""
        backends = self.backends()
        self.end(signal.SIGKILL)
        for pid in backends:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def backends(self):
        with open(f"/proc/{self.child.pid}/task/{self.child.pid}/children", encoding="ascii") as f:
            return [int(word) for word in f.read().split()]

    def remove(self):
        self.stop()
        for directory in (self.root, self.disk):
            shutil.rmtree(directory, ignore_errors=True)


def main():
    if not available():
        sys.exit(f"{BIN} is missing: run tools/setup")
    postgres = Postgres()
    env = {**os.environ, "SAMARA_TEST_STORE": postgres.address()}
    failed = [program for program in sys.argv[1:] if subprocess.run([program], env=env, check=False).returncode != 0]
    postgres.remove()
    sys.exit(f"failed: {' '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
