# SPDX-License-Identifier: ISC
"""What the integration tests stand on: a p2pd in a directory of its own, its
tool, scripted peers, and waiting for what is said instead of sleeping."""

import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

BUILD = os.environ.get("P2PD_BUILD", os.getcwd())
P2PD = os.environ.get("P2PD", os.path.join(BUILD, "p2pd/p2pd"))
P2PCTL = os.environ.get("P2PCTL", os.path.join(BUILD, "p2pctl/p2pctl"))
RAWPEER = os.path.join(BUILD, "regress/tools/rawpeer")
LOAD = os.path.join(BUILD, "regress/bench/load")

# Slow builds (sanitizers, valgrind) and busy machines wait longer, not looser.
WAIT = float(os.environ.get("P2PD_TEST_WAIT", "30"))
PATIENCE = ("-t", str(int(WAIT)))       # of p2pctl


class Failure(Exception):
    pass


class Lines:
    """A process whose lines can be awaited."""

    alive = []
    every = []

    def __init__(self, name, argv, **kw):
        Lines.every.append(self)
        self.name = name
        self.lines = []
        self.taken = 0
        self.open = True
        self.changed = threading.Condition()
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", **kw)
        Lines.alive.append(self)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.open = False
            self.changed.notify_all()

    def expect(self, pattern, timeout=WAIT, again=False):
        """The match of the next line that has pattern; lines before it are passed
        over. again: also looks at what was passed over already."""
        end = time.monotonic() + timeout
        at = 0 if again else self.taken
        with self.changed:
            while True:
                while at < len(self.lines):
                    found = re.search(pattern, self.lines[at])
                    at += 1
                    if found:
                        self.taken = max(self.taken, at)
                        return found
                left = end - time.monotonic()
                if not self.open or left <= 0:
                    break
                self.changed.wait(left)
        raise Failure(f"{self.name}: no /{pattern}/ in\n  " +
                      "\n  ".join(self.lines[-40:]))

    def say(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def wait(self, timeout=WAIT):
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name}: does not end:\n  " +
                          "\n  ".join(self.lines[-40:]))
        if self in Lines.alive:
            Lines.alive.remove(self)
        return status

    def kill(self, sig=signal.SIGKILL):
        if self.process.poll() is None:
            self.process.send_signal(sig)
        return self.wait()


def free_port(host="127.0.0.1"):
    """Of TCP and of UDP."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        with socket.socket(family) as s, \
                socket.socket(family, socket.SOCK_DGRAM) as u:
            s.bind((host, 0))
            port = s.getsockname()[1]
            try:
                u.bind((host, port))
            except OSError:
                continue
            return port


class Node:
    """A p2pd with a data directory of its own on a free port of loopback."""

    def __init__(self, *settings, listen=True, start=True, wrap=(), dir=None,
                 sandbox=None):
        self.dir = dir or tempfile.mkdtemp(prefix="p2pd-test-")
        os.chmod(self.dir, 0o755)
        self.port = free_port()
        self.sock = os.path.join(self.dir, "ctl.sock")
        self.ro = os.path.join(self.dir, "ro.sock")
        self.app = os.path.join(self.dir, "app.sock")
        self.data = os.path.join(self.dir, "data")
        self.conf = os.path.join(self.dir, "p2pd.conf")
        self.wrap = list(wrap)
        lines = [
            f'data directory "{self.data}"',
            f'control socket "{self.sock}"',
            f'control restricted socket "{self.ro}"',
            f'application socket "{self.app}"',
            f'chroot "{self.dir}/empty"',
            # nothing leaves loopback
            "network none",
        ]
        if os.geteuid() == 0:
            lines.append('user "nobody"')
        if sandbox or os.environ.get("P2PD_TEST_SANDBOX"):
            lines.append(f'sandbox {sandbox or os.environ["P2PD_TEST_SANDBOX"]}')
        lines.append(f"listen on 127.0.0.1 port {self.port}" if listen
                     else "listen none")
        with open(self.conf, "w") as f:
            f.write("\n".join([*lines, *settings, ""]))
        # processes that this configuration has beside the usual
        self.more = ["discovery"] if listen and not any(
            s in ("discovery v4 no", "listen none") for s in settings) else []
        self.process = None
        if start:
            self.start()

    def start(self, *options, ready=True):
        wrap = self.wrap or os.environ.get("P2PD_TEST_WRAP", "").split()
        self.process = Lines("p2pd", [*wrap, P2PD, "-d", "-v", *options,
                                      "-f", self.conf])
        if ready:
            for name in ("control", "listener", "dialer", "resolver",
                         *self.more):
                self.process.expect(rf"{name}\[0\] running", again=True)
            self.process.expect(r"session\[0\] running", again=True)
            self.id = self.status()["id"]
            self.enode = f"enode://{self.id}@127.0.0.1:{self.port}"
        return self

    def run_ctl(self, *words, sock=None, input=None, timeout=WAIT):
        return subprocess.run([P2PCTL, *PATIENCE, "-s", sock or self.sock, *words],
                              text=True, input=input, timeout=timeout,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def ctl(self, *words, **kw):
        """JSON of a command that must succeed."""
        run = self.run_ctl("-j", *words, **kw)
        if run.returncode != 0:
            raise Failure(f"p2pctl {' '.join(words)}: {run.stderr or run.stdout}")
        return json.loads(run.stdout) if run.stdout.strip() else None

    def status(self):
        return self.ctl()

    def peers(self):
        return self.ctl("show", "peers")

    def pids(self):
        """Process name and instance to its pid."""
        return {(p["process"], p["instance"]): p["pid"]
                for p in self.ctl("show", "processes")}

    def monitor(self, *words):
        """p2pctl monitor; it is in force when this returns."""
        m = Lines("p2pctl monitor", [P2PCTL, *PATIENCE, "-s", self.sock, "-j",
                                     "monitor", *words])
        until(lambda: self.status().get("monitors", 0) > 0 or not m.open)
        return m

    def attach(self, *caps, options=()):
        """An attached application; its capabilities are in Hello when it returns."""
        a = App(self, *options, *caps)
        for name in sorted({c.split("/")[0] for c in caps}):
            a.expect(event="attached", capability=name)
            # attached is one session's word, this is that of all
            a.expect(event="snapshot-end", capability=name)
        return a

    def stop(self, sig=signal.SIGTERM):
        if self.process is None:
            return None
        if self.process.process.poll() is None:
            self.process.process.send_signal(sig)
        status = self.process.wait()
        self.process = None
        return status

    def clean(self):
        shutil.rmtree(self.dir, ignore_errors=True)


class App(Lines):
    """p2pctl attach: JSON lines in and out."""

    def __init__(self, node, *caps):
        super().__init__("p2pctl attach", [P2PCTL, "-s", node.app, "attach", *caps])
        self.events = []
        self.at = 0

    def expect(self, timeout=WAIT, **match):
        """Takes the first event that has these values."""
        end = time.monotonic() + timeout
        with self.changed:
            while True:
                while self.at < len(self.lines):
                    try:
                        self.events.append(json.loads(self.lines[self.at]))
                    except ValueError:
                        self.events.append({"event": "rubbish",
                                            "text": self.lines[self.at]})
                    self.at += 1
                for i, e in enumerate(self.events):
                    if all(e.get(k) == v for k, v in match.items()):
                        return self.events.pop(i)
                left = end - time.monotonic()
                if not self.open or left <= 0:
                    break
                self.changed.wait(left)
        raise Failure(f"p2pctl attach: no {match} in\n  " +
                      "\n  ".join(line[:300] for line in self.lines[-20:]))

    def send(self, peer, capability, code, data, **more):
        self.say(json.dumps({"send": dict(
            peer=peer, capability=capability, code=code,
            data="0x" + data.hex(), **more)}))


class Peer(Lines):
    """rawpeer: actions go in by lines, events come out by lines."""

    def __init__(self, node, *options, actions=None, to=None):
        argv = [RAWPEER, *options]
        if node is not None:
            argv.append(to or node.enode)
        super().__init__("rawpeer", [*argv, *(actions or [])])

    def do(self, action, pattern=None):
        self.say(action)
        return self.expect(pattern) if pattern else None


# No test sends these: the process was at fault itself.
CRASHES = "|".join(str(int(s)) for s in (
    signal.SIGILL, signal.SIGABRT, signal.SIGFPE, signal.SIGSEGV, signal.SIGSYS))
FINDING = re.compile(r"ERROR: (Address|Leak)Sanitizer|: runtime error: |"
                     rf"ERROR SUMMARY: [1-9]|died: signal ({CRASHES}) ")


def findings():
    """What sanitizers or valgrind said of any process, in their own words, and
    crashes, from which the daemon recovers."""
    said = []
    for p in Lines.every:
        for i, line in enumerate(p.lines):
            if FINDING.search(line):
                said += p.lines[i:i + 20]
    Lines.every.clear()
    if said:
        raise Failure("a finding:\n  " + "\n  ".join(said[:60]))


def until(what, timeout=WAIT, step=0.05):
    """Awaits a condition that nothing announces."""
    end = time.monotonic() + timeout
    while True:
        got = what()
        if got:
            return got
        if time.monotonic() > end:
            raise Failure(f"still not so after {timeout:.0f} s: {what.__doc__ or what}")
        select.select([], [], [], step)


def check(condition, what):
    if not condition:
        raise Failure(what)


def equal(a, b, what):
    if a != b:
        raise Failure(f"{what}: {a!r}, not {b!r}")


def main(tests):
    """Runs the functions in order, each a TAP line. Exit status for make."""
    wanted = sys.argv[1:]
    tests = [t for t in tests if not wanted or t.__name__ in wanted]
    failed = 0
    print(f"1..{len(tests)}", flush=True)
    for n, test in enumerate(tests, 1):
        start = time.monotonic()
        try:
            test()
            findings()
            print(f"ok {n} - {test.__name__} [{time.monotonic() - start:.1f}s]",
                  flush=True)
        except (Failure, subprocess.TimeoutExpired, OSError, KeyError,
                IndexError, TypeError, ValueError) as e:
            failed += 1
            print(f"not ok {n} - {test.__name__}", flush=True)
            for line in f"{type(e).__name__}: {e}".splitlines():
                print(f"# {line}", flush=True)
            for p in Lines.alive:
                if p.name == "p2pd":
                    for line in p.lines[-30:]:
                        print(f"# p2pd: {line}", flush=True)
        finally:
            for p in list(Lines.alive):
                if p.name == "p2pd" and p.process.poll() is None:
                    p.process.terminate()
                else:
                    p.kill()
            for p in list(Lines.alive):
                try:
                    p.wait(10)
                except Failure:
                    p.kill()
    sys.exit(1 if failed else 0)
