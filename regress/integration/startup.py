#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A start that fails leaves nothing behind; the background; hard stops."""

import os
import signal
import subprocess
import time

from p2ptest import Lines, Node, P2PD, check, equal, main, until

STOP_MAX = 5.0
LAG = 0.5           # of a busy machine, and of the test itself


def refuses(n, pattern):
    p = Lines("p2pd", [P2PD, "-d", "-f", n.conf])
    p.expect(pattern)
    equal(p.wait(), 1, "exit status")


def nothing_left_behind():
    n = Node(start=False)
    # The last socket cannot be bound: the ones before it must go.
    with open(n.conf, "a") as f:
        f.write(f'application socket "{n.dir}/none/such/app.sock"\n')
    text = open(n.conf).read().replace(
        f'application socket "{n.app}"\n', "")
    open(n.conf, "w").write(text)
    refuses(n, r"none/such")
    for path in (n.sock, n.ro):
        check(not os.path.exists(path), f"{path} is left behind")
    n.clean()


def walls_that_cannot_go_up():
    """Children that never come up end the start, which says why."""
    if os.geteuid() != 0:
        return
    n = Node(start=False)
    os.mkdir(f"{n.dir}/empty")
    open(f"{n.dir}/empty/file", "w").close()
    p = Lines("p2pd", [P2PD, "-d", "-f", n.conf])
    p.expect(r"empty: is not empty")
    p.expect(r"control\[0\] died 5 times before it was ready: given up")
    equal(p.wait(), 1, "exit status")
    for path in (n.sock, n.ro, n.app):
        check(not os.path.exists(path), f"{path} is left behind")
    n.clean()


def live_sockets_are_not_taken():
    n = Node()
    m = Node(start=False)
    text = open(m.conf).read().replace(m.sock, n.sock)
    open(m.conf, "w").write(text)
    refuses(m, rf"{n.sock}: Address already in use")
    equal(n.status()["id"], n.id, "the first still answers")
    n.stop()
    # One that nobody answers at is taken over.
    m.sock = n.sock
    m.start()
    m.process.process.kill()
    m.process.wait()
    check(os.path.exists(m.sock), "a killed daemon leaves its socket")
    m.process = None
    m.start()
    equal(m.stop(), 0, "exit status")
    for x in (n, m):
        x.clean()


def daemon_pid(n):
    with open(os.path.join(n.data, "lock")) as f:
        return int(f.read())


def gone(pid):
    """Ended, though who adopted it may not have reaped it."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def in_the_background():
    for _ in range(10):
        n = Node(start=False)
        run = subprocess.run([P2PD, "-f", n.conf], timeout=20,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        equal(run.returncode, 0, f"exit status: {run.stdout}")
        until(lambda: n.run_ctl("show", "processes").returncode == 0)
        pid = daemon_pid(n)
        equal([p["pid"] for p in n.ctl("show", "processes")
               if p["process"] == "parent"], [pid], "pid in the lock file")
        second = Lines("second", [P2PD, "-d", "-f", n.conf])
        second.expect(rf"already in use by p2pd, pid {pid}\b")
        equal(second.wait(), 1, "exit status of the second")
        equal(n.run_ctl("stop").returncode, 0, "p2pctl stop")
        until(lambda: gone(pid))
        check(not os.path.exists(n.sock), "control socket is left behind")
        n.clean()


def stopped_while_it_starts():
    for ms in range(0, 60, 4):
        n = Node(start=False)
        p = Lines("p2pd", [P2PD, "-d", "-f", n.conf])
        time.sleep(ms / 1000)
        p.process.send_signal(signal.SIGTERM)
        status = p.wait()
        check(status in (0, -signal.SIGTERM), f"exit status {status}")
        for path in (n.sock, n.ro, n.app):
            check(not os.path.exists(path), f"{path} is left after {ms} ms")
        n.clean()


def hung_children():
    for names in (("session",), ("control", "listener", "dialer", "resolver"),
                  ("control", "session", "listener", "dialer", "resolver")):
        n = Node()
        pids = n.pids()
        for name in names:
            os.kill(pids[(name, 0)], signal.SIGSTOP)
        began = time.monotonic()
        equal(n.stop(), 0, f"exit status with {names} hung")
        took = time.monotonic() - began
        check(took < STOP_MAX + LAG, f"stop took {took:.2f} s with {names} hung")
        for pid in pids.values():
            check(gone(pid), "a process is left")
        n.clean()


def second_signal_hurries():
    n = Node()
    os.kill(n.pids()[("session", 0)], signal.SIGSTOP)
    began = time.monotonic()
    n.process.process.send_signal(signal.SIGTERM)
    n.process.expect(r"stopping: ")
    n.process.process.send_signal(signal.SIGINT)
    equal(n.process.wait(), 0, "exit status")
    check(time.monotonic() - began < 2.5, "the second signal did not hurry it")
    n.clean()


main([nothing_left_behind, walls_that_cannot_go_up,
      live_sockets_are_not_taken, in_the_background, stopped_while_it_starts,
      hung_children, second_signal_hurries])
