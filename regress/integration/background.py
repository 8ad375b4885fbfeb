#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""In the background the log goes to syslog: what arrives there, of the parent and
of its children in their jails, and after syslogd was started again. /dev/log is
the system's, so this runs in a mount namespace with a /dev of its own."""

import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading

MARK = "P2PD_TEST_IN_NAMESPACE"
DEVICES = ("null", "zero", "full", "random", "urandom")


def skip(why):
    print(f"1..0 # SKIP {why}")
    sys.exit(77)


if MARK not in os.environ:
    if os.geteuid() != 0:
        skip("a /dev of one's own needs root")
    if not (shutil.which("unshare") and shutil.which("mount")):
        skip("needs unshare(1) and mount(8)")
    if subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL).returncode:
        skip("no mount namespaces here")
    os.environ[MARK] = "1"
    os.execvp("unshare", ["unshare", "-m", sys.executable, *sys.argv])

from p2ptest import (Failure, Node, P2PD, WAIT, check, equal, main,  # noqa: E402
                     until)

DAEMON, ERR, INFO, DEBUG = 3, 3, 6, 7
LINE = re.compile(r"<(\d+)>\w{3} [ \d]\d \d\d:\d\d:\d\d p2pd\[(\d+)\]: (\w+): (.*)",
                  re.DOTALL)


def private_dev(dir):
    """Devices as they are here, and no log."""
    def mount(*words):
        return subprocess.run(["mount", *words], stderr=subprocess.DEVNULL).returncode == 0

    os.mkdir(dir)
    done = mount("-t", "tmpfs", "-o", "mode=0755", "tmpfs", dir)
    for name in DEVICES:
        if done:
            open(f"{dir}/{name}", "w").close()
            done = mount("--bind", f"/dev/{name}", f"{dir}/{name}")
    if not done or not mount("--rbind", dir, "/dev"):
        skip("no file systems to be mounted here")


class Syslogd:
    """As syslogd(8) does: a socket, and lines as they come."""

    def __init__(self):
        self.lines = []
        self.changed = threading.Condition()
        self.sock = None
        self.start()

    def start(self):
        if os.path.exists("/dev/log"):
            os.unlink("/dev/log")
        old, self.sock = self.sock, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind("/dev/log")
        os.chmod("/dev/log", 0o666)
        threading.Thread(target=self.read, args=(self.sock,), daemon=True).start()
        if old is not None:
            old.shutdown(socket.SHUT_RDWR)
            old.close()

    def read(self, sock):
        while True:
            data = sock.recv(8192)
            if not data:
                return
            with self.changed:
                self.lines.append(data.rstrip(b"\0\n").decode(errors="replace"))
                self.changed.notify_all()

    def forget(self):
        with self.changed:
            self.lines.clear()

    def every(self):
        """(severity, pid, process, text) of each, all of facility daemon."""
        got = []
        for line in list(self.lines):
            found = LINE.fullmatch(line)
            check(found, f"not as syslog has it: {line!r}")
            facility, severity = divmod(int(found[1]), 8)
            equal(facility, DAEMON, f"facility of {line!r}")
            got.append((severity, int(found[2]), found[3], found[4]))
        return got

    def expect(self, severity, pid, process, pattern):
        with self.changed:
            there = self.changed.wait_for(lambda: any(
                line[2] == process and re.search(pattern, line[3])
                for line in self.every()), WAIT)
        if not there:
            raise Failure(f"no /{pattern}/ of {process} in\n  " +
                          "\n  ".join(self.lines))
        for line in self.every():
            if line[2] == process and re.search(pattern, line[3]):
                equal(line[:2], (severity, pid), f"severity and pid of {line[3]!r}")


def rude_application(n, name):
    """The session that it is passed to complains of it."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(WAIT)
        s.connect(n.app)
        s.sendall(struct.pack(">IHHIIIHHQHH16sH", 38 + len(name), 1, 0, 1, 0,
                              0x70327064, 1, 0, 0, 0, 0, bytes(16), len(name)) + name)
        check(s.recv(4096), "no answer to hello")
        s.sendall(struct.pack(">IHHII", 0xFFFFFFFF, 2, 0, 2, 0))
        while s.recv(4096):
            continue


def daemon_pid(n):
    with open(os.path.join(n.data, "lock")) as f:
        return int(f.read())


def lines_arrive():
    n = Node(f'static "enode://{"79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2"}'
             "815b16f81798483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d0"
             '8ffb10d4b8@localhost:1"', start=False)
    run = subprocess.run([P2PD, "-v", "-f", n.conf], timeout=WAIT, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    equal(run.returncode, 0, f"exit status: {run.stdout}")
    until(lambda: n.run_ctl("show", "processes").returncode == 0)
    pid = daemon_pid(n)
    try:
        syslogd.expect(INFO, pid, "parent", rf"parent running, pid {pid}:")
        for name in ("control", "session", "listener", "dialer", "resolver",
                     "discovery"):
            syslogd.expect(INFO, pid, "parent", rf"{name}\[0\] running")
        syslogd.expect(DEBUG, pid, "resolver", r"localhost: \d+ addresses")
        rude_application(n, b"rude")
        syslogd.expect(ERR, pid, "session", "application rude: ")
        syslogd.start()
        syslogd.forget()
        rude_application(n, b"ruder")
        syslogd.expect(ERR, pid, "session", "application ruder: ")
        equal(n.run_ctl("stop").returncode, 0, "p2pctl stop")
        syslogd.expect(INFO, pid, "parent", "stopping: ")
        until(lambda: not os.path.exists(n.sock))
    finally:
        if os.path.exists(n.sock):
            n.run_ctl("stop")
    n.clean()


place = Node(start=False, listen=False)
private_dev(os.path.join(place.dir, "dev"))
syslogd = Syslogd()
try:
    main([lines_arrive])
finally:
    subprocess.run(["umount", "-l", "/dev", f"{place.dir}/dev"])
    place.clean()
