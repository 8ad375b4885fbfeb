# SPDX-License-Identifier: ISC
"""What the interop driver is made of: children that speak JSON lines, a p2pd
in a directory of its own, and the score."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

WAIT = 30.0         # seconds for anything that should happen at once


class Failure(Exception):
    """A check did not hold."""


def content(seed, size):
    """The payload that (seed, size) names; the foreign programs make the same."""
    out = bytearray()
    n = 0
    while len(out) < size:
        out += hashlib.sha256(seed.encode() + n.to_bytes(8, "big")).digest()
        n += 1
    return bytes(out[:size])


def short(event):
    text = json.dumps(event)
    return text if len(text) < 300 else text[:300] + "..."


class Child:
    """A process whose output is JSON, an object a line."""

    alive = []

    def __init__(self, name, argv, **kw):
        self.name = name
        self.events = []
        self.seen = []
        self.open = True
        self.changed = threading.Condition()
        self.writing = threading.Lock()
        self.log = tempfile.TemporaryFile("w+", errors="replace")
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self.log, text=True, start_new_session=True, **kw)
        Child.alive.append(self)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            try:
                event = json.loads(line)
            except ValueError:
                event = {"event": "rubbish", "line": line[:200]}
            with self.changed:
                self.events.append(event)
                self.seen.append(short(event))
                self.changed.notify_all()
        with self.changed:
            self.open = False
            self.changed.notify_all()

    def say(self, **command):
        try:
            with self.writing:
                self.process.stdin.write(json.dumps(command) + "\n")
                self.process.stdin.flush()
        except OSError:
            raise Failure(f"{self.name} is gone{self.story()}")

    def expect(self, *names, timeout=WAIT, **match):
        """Awaits and takes the first event so named that has these values."""
        def fits(e):
            return e.get("event") in names and all(
                e.get(k) == v for k, v in match.items())

        deadline = time.monotonic() + timeout
        with self.changed:
            while True:
                for i, e in enumerate(self.events):
                    if fits(e):
                        return self.events.pop(i)
                left = deadline - time.monotonic()
                if not self.open or left <= 0:
                    break
                self.changed.wait(left)
        raise Failure(f"{self.name}: no {' or '.join(names)} {match or ''}{self.story()}")

    def story(self):
        """The last that it said, for whoever has to find out why."""
        self.log.seek(0)
        tail = self.log.read().splitlines()[-25:]
        with self.changed:
            return "".join("\n  " + line for line in self.seen[-10:] + tail)

    def stop(self, sig=signal.SIGTERM, timeout=10):
        """Ends it and its children; returns its exit status."""
        if self in Child.alive:
            Child.alive.remove(self)
        if self.process.poll() is None:
            self.process.send_signal(sig)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            return None

    @classmethod
    def stop_all(cls):
        for child in list(cls.alive):
            child.stop(signal.SIGKILL)


class Tools:
    """Where the programs are; builds the foreign ones."""

    def __init__(self, source, work):
        build = os.environ.get("P2PD_BUILD", os.getcwd())
        self.p2pd = os.environ.get("P2PD", os.path.join(build, "p2pd/p2pd"))
        self.p2pctl = os.environ.get("P2PCTL", os.path.join(build, "p2pctl/p2pctl"))
        self.source = source
        self.work = work
        os.makedirs(work, exist_ok=True)
        self.missing = []

    def _call(self, argv, **kw):
        run = subprocess.run(argv, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                             stderr=subprocess.STDOUT, text=True, timeout=900, **kw)
        if run.returncode != 0:
            raise Failure(f"{' '.join(argv)} failed\n{run.stdout[-3000:]}")

    @staticmethod
    def version(argv):
        if shutil.which(argv[0]) is None:
            return ()
        text = subprocess.run(argv, stdout=subprocess.PIPE, text=True).stdout
        found = re.search(r"(\d+)\.(\d+)", text)
        return tuple(map(int, found.groups())) if found else ()

    def build_go(self):
        """True when gethpeer and rlpxpeer are there."""
        have = self.version(["go", "version"])
        with open(os.path.join(self.source, "go/go.mod")) as f:
            need = tuple(map(int, re.search(r"^go (\d+)\.(\d+)", f.read(), re.M).groups()))
        if have < need:
            self.missing.append("Go %d.%d or later" % need)
            return False
        self._call(["go", "build", "-mod=readonly", "-buildvcs=false", "-o", self.work + "/",
                    "./gethpeer", "./rlpxpeer"], cwd=os.path.join(self.source, "go"),
                   env=dict(os.environ, CGO_ENABLED="0"))
        return True

    def build_node(self):
        """True when ethjspeer and its library are there."""
        if self.version(["node", "--version"]) < (20, 0) or not shutil.which("npm"):
            self.missing.append("Node 20 or later, and npm")
            return False
        there = os.path.join(self.work, "node")
        os.makedirs(there, exist_ok=True)
        lock = os.path.join(there, "package-lock.json")
        fresh = os.path.exists(os.path.join(there, "node_modules/.package-lock.json")) and \
            open(lock).read() == open(os.path.join(self.source, "node/package-lock.json")).read()
        for name in ("package.json", "package-lock.json", "ethjspeer.mjs"):
            shutil.copy(os.path.join(self.source, "node", name), there)
        if not fresh:
            self._call(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=there)
        return True

    def gethpeer(self, *options):
        return Foreign("gethpeer", [os.path.join(self.work, "gethpeer"), *options])

    def ethjspeer(self, *options):
        return Foreign("ethjspeer", ["node", os.path.join(self.work, "node/ethjspeer.mjs"), *options])

    def rlpxpeer(self, *options):
        return Child("rlpxpeer", [os.path.join(self.work, "rlpxpeer"), *options])


class Foreign(Child):
    """gethpeer or ethjspeer: ready when it returns."""

    def __init__(self, name, argv):
        super().__init__(name, argv)
        ready = self.expect("ready")
        self.id, self.enode = ready["id"], ready["enode"]

    def echo(self, on):
        self.say(cmd="echo", on=on)
        self.expect("echo", on=on)

    def quit(self):
        """Stops in order; the process is there until the last socket closed."""
        self.say(cmd="stop")
        self.expect("stopped")
        self.stop()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Node:
    """A p2pd with its own data directory, on a free port of loopback."""

    def __init__(self, tools, *settings):
        self.tools = tools
        self.dir = tempfile.mkdtemp(prefix="p2pd-interop-")
        self.port = free_port()
        self.key = os.path.join(self.dir, "nodekey")
        self.socket = os.path.join(self.dir, "ctl.sock")
        self.app_socket = os.path.join(self.dir, "app.sock")
        conf = os.path.join(self.dir, "p2pd.conf")
        with open(conf, "w") as f:
            f.write("\n".join([
                f'listen on 127.0.0.1 port {self.port}',
                f'data directory "{self.dir}"',
                f'control socket "{self.socket}"',
                f'application socket "{self.app_socket}"',
                *settings, ""]))
        self.process = Child("p2pd", [tools.p2pd, "-d", "-f", conf])

    def ctl(self, *words, name="p2pctl"):
        """A p2pctl that goes on: monitor, attach."""
        return Child(name, [self.tools.p2pctl, "-s", self.socket, *words])


class GroupOver(Exception):
    """A check failed on which the others of its group stand."""


class Score:
    """TAP: one line a check."""

    def __init__(self):
        self.n = self.failed = 0
        self.prefix = ""
        self.start = time.monotonic()

    def group(self, name, function, *args):
        """Runs a function of checks; the first that fails ends it."""
        self.prefix = name
        print(f"# {name}", flush=True)
        try:
            function(self, *args)
        except GroupOver:
            print("# the rest of this group is left out", flush=True)
        finally:
            Child.stop_all()

    @contextlib.contextmanager
    def check(self, name):
        self.n += 1
        name = f"{self.n} - {self.prefix}: {name}"
        try:
            yield
        except Failure as e:
            self.failed += 1
            print(f"not ok {name}")
            print("\n".join("# " + line for line in str(e).splitlines()), flush=True)
            raise GroupOver from e
        print(f"ok {name} [{time.monotonic() - self.start:.1f}s]", flush=True)

    def end(self):
        print(f"1..{self.n}", flush=True)
        return 1 if self.failed else 0


def skip(why):
    print(f"1..0 # SKIP {why}", flush=True)
    sys.exit(1 if os.environ.get("P2PD_INTEROP") == "require" else 77)
