#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""The walls of a running daemon, as the kernel reports them."""

import os
import pwd
import sys

from p2ptest import Node, check, equal, main


def status(pid):
    with open(f"/proc/{pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def every_process():
    n = Node("sessions 2")
    n.attach("tst/1:8")
    root = os.geteuid() == 0
    for (name, instance), pid in n.pids().items():
        who = f"{name}[{instance}]"
        st = status(pid)
        equal(st["Seccomp"], "2", f"{who}: seccomp")
        equal(st["NoNewPrivs"], "1", f"{who}: no_new_privs")
        if not root:
            continue
        caps = int(st["CapEff"], 16)
        if name == "parent":
            # CHOWN 0, DAC_OVERRIDE 1, FOWNER 3, KILL 5, SETGID 6, SETUID 7,
            # NET_BIND_SERVICE 10, SYS_CHROOT 18
            allowed = sum(1 << b for b in (0, 1, 3, 5, 6, 7, 10, 18))
            equal(caps & ~allowed, 0, f"{who}: capabilities")
            continue
        equal(caps, 0, f"{who}: capabilities")
        nobody = str(pwd.getpwnam("nobody").pw_uid)
        equal(st["Uid"].split(), [nobody] * 4, f"{who}: uids")
        equal(st.get("Groups", "").strip(), "", f"{who}: groups")
        if name != "resolver":
            equal(os.readlink(f"/proc/{pid}/root"), f"{n.dir}/empty",
                  f"{who}: root directory")
    n.stop()
    n.clean()


def told_by_tool_and_log():
    n = Node()
    for p in n.ctl("show", "processes"):
        for layer in ("no_new_privs", "seccomp"):
            check(layer in p["layers"].split(";")[0],
                  f"{p['process']}: {layer} is not reported")
        n.process.expect(rf"{p['process']}(\[0\])? running, pid {p['pid']}: \S",
                         again=True)
    n.stop()
    n.clean()


def no_stray_descriptors():
    """A child has its channel, its loop and what it was given: no files."""
    n = Node()
    for (name, instance), pid in n.pids().items():
        if name == "parent":
            continue
        fds = {}
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                fds[int(fd)] = os.readlink(f"/proc/{pid}/fd/{fd}")
            except FileNotFoundError:
                pass
        files = [t for i, t in fds.items() if i > 2 and t.startswith("/")
                 and not (name == "discovery" and t.startswith(n.data))]
        equal(files, [], f"files open in the {name}")
    n.stop()
    n.clean()


def off_is_said():
    n = Node(sandbox="off")
    n.process.expect(r"sandbox is off", again=True)
    n.stop()
    n.clean()


if os.environ.get("P2PD_TEST_SANDBOX"):
    print("1..0 # SKIP the sandbox is off in this run")
    sys.exit(77)
with_walls = Node()
layers = " ".join(p["layers"] for p in with_walls.ctl("show", "processes"))
with_walls.stop()
with_walls.clean()
if "sanitizer" in layers:
    print("1..0 # SKIP a sanitizer build has no seccomp")
    sys.exit(77)
main([every_process, told_by_tool_and_log, no_stray_descriptors, off_is_said])
