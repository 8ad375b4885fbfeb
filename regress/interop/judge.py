# SPDX-License-Identifier: ISC
"""What the interop driver is made of, besides the harness of the integration
tests: foreign nodes that speak JSON lines, and the score."""

import contextlib
import ctypes
import hashlib
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "../integration"))
import p2ptest
from p2ptest import BUILD, Failure, Lines, WAIT, until

# Disconnect reasons on the wire, as p2pd names them.
REASONS = {0x00: "requested", 0x02: "breach of protocol", 0x03: "useless peer",
           0x04: "too many peers", 0x05: "already connected",
           0x06: "incompatible version", 0x07: "null identity", 0x08: "quitting",
           0x09: "unexpected identity", 0x0a: "self", 0x0b: "timeout",
           0x10: "subprotocol error"}

PR_SET_CHILD_SUBREAPER = 36     # of Linux' prctl(2)


def content(seed, size):
    """The payload that (seed, size) names; the foreign programs make the same."""
    out = bytearray()
    n = 0
    while len(out) < size:
        out += hashlib.sha256(seed.encode() + n.to_bytes(8, "big")).digest()
        n += 1
    return bytes(out[:size])


class Child(Lines):
    """A process whose lines are JSON objects."""

    def __init__(self, name, argv):
        super().__init__(name, argv)
        self.events = []
        self.at = 0

    def command(self, **fields):
        try:
            self.say(json.dumps(fields))
        except OSError as e:
            raise Failure(f"{self.name} is gone{self.story()}") from e

    def await_event(self, fits, what, timeout=WAIT):
        """Takes the first event that fits."""
        deadline = time.monotonic() + timeout
        with self.changed:
            while True:
                while self.at < len(self.lines):
                    with contextlib.suppress(ValueError):
                        self.events.append(json.loads(self.lines[self.at]))
                    self.at += 1
                for i, e in enumerate(self.events):
                    if fits(e):
                        return self.events.pop(i)
                left = deadline - time.monotonic()
                if not self.open or left <= 0:
                    break
                self.changed.wait(left)
        raise Failure(f"{self.name}: no {what}{self.story()}")

    def expect(self, *names, timeout=WAIT, **match):
        """Takes the first event so named that has these values."""
        return self.await_event(
            lambda e: e.get("event") in names and
            all(e.get(k) == v for k, v in match.items()),
            f"{' or '.join(names)} {match or ''}", timeout)

    def story(self):
        """The last that it said, for whoever has to find out why."""
        return "".join("\n  " + line[:300] for line in self.lines[-25:])


class Foreign(Child):
    """gethpeer or ethjspeer: ready when it returns."""

    def __init__(self, name, argv):
        super().__init__(name, argv)
        ready = self.expect("ready")
        self.id, self.enode = ready["id"], ready["enode"]

    def echo(self, on):
        self.command(cmd="echo", on=on)
        self.expect("echo", on=on)

    def quit(self):
        """Stops in order: returns when its last connection is closed."""
        self.command(cmd="stop")
        self.expect("stopped")
        self.kill()


class Disc(Child):
    """gethdisc or ethjsdisc: nodes of discovery v4, ready when it returns."""

    def __init__(self, name, argv):
        super().__init__(name, argv)
        ready = self.expect("ready")
        self.id, self.enode = ready["id"], ready["enode"]
        self.nodes = ready["nodes"]

    def ask(self, cmd, node=0, **fields):
        """One command's outcome; a node has one at a time."""
        self.command(cmd=cmd, node=node, **fields)
        return self.expect(cmd, node=node)


class Node(p2ptest.Node):
    """A p2pd that is monitored, for as long as a with statement lasts."""

    def __init__(self, *settings):
        super().__init__(*settings)
        self.key = os.path.join(self.data, "nodekey")
        self.events = Child("p2pctl monitor", [
            p2ptest.P2PCTL, "-s", self.sock, "-j", "monitor"])
        until(lambda: self.status()["monitors"] > 0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in list(Lines.alive):
            if child is not self.process:
                child.kill()
        self.stop()
        self.clean()

    def make_key(self, name):
        path = os.path.join(self.dir, name)
        with open(path, "w") as f:
            f.write(secrets.token_hex(32))
        return path

    def add(self, enode):
        self.ctl("peer", "add", enode)

    def history_has(self, **match):
        entry = next((e for e in self.ctl("show", "history") if all(
            e.get(k) == v for k, v in match.items())), None)
        if entry is None:
            raise Failure(f"not in p2pctl show history: {match}")

    def expect_refused(self, id, local):
        """An inbound node was refused, for this local reason."""
        match = {"direction": "in", "reason": local}
        if id is not None:
            match["id"] = id
        self.events.expect("attempt", **match)
        self.history_has(**match)

    def expect_told(self, id, *reasons):
        """This node told us one of these reasons, in set-up or as a peer."""
        names = [REASONS[r] for r in reasons]

        def fits(e):
            if e.get("id") != id:
                return False
            if e["event"] == "peer-down":
                return e["remote"] and e["disc"] in names
            return e["event"] == "attempt" and e["disc_received"] in names

        e = self.events.await_event(fits, f"{' or '.join(names)} told by {id[:16]}")
        self.history_has(id=id, disc_received=e.get("disc_received") or e["disc"])

    def expect_useless(self, id):
        """Nothing in common with this node; either side may be first to say so."""
        self.events.await_event(
            lambda e: e.get("id") == id and (
                "useless" == e.get("reason") or
                REASONS[0x03] in (e.get("disc_received"), e.get("disc"))),
            f"useless {id[:16]}")

    def expect_dial_failed(self, id, local):
        self.events.expect("attempt", id=id, direction="out", reason=local)
        self.history_has(id=id, direction="out", reason=local)


class Tools:
    """The foreign programs: builds them, starts them."""

    def __init__(self, source, work):
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

    def _fetch(self, argv, **kw):
        """Of what is fetched first, which go does not try twice itself: a network
        that is away for a moment is no finding."""
        for pause in (5, 30):
            try:
                return self._call(argv, **kw)
            except Failure as e:
                if "https://" not in str(e):
                    raise
            time.sleep(pause)
        return self._call(argv, **kw)

    def go_build(self, *packages, module="go", wrap=()):
        self._fetch([*wrap, "go", "build", "-mod=readonly", "-buildvcs=false", "-o",
                     self.work + "/", *packages], cwd=os.path.join(self.source, module),
                    env=dict(os.environ, CGO_ENABLED="0"))

    def build_go(self):
        """True when gethpeer, rlpxpeer and gethdisc are there."""
        have = self.version(["go", "version"])
        with open(os.path.join(self.source, "go/go.mod")) as f:
            need = tuple(map(int, re.search(r"^go (\d+)\.(\d+)", f.read(), re.M).groups()))
        if have < need:
            self.missing.append("Go %d.%d or later" % need)
            return False
        self.go_build("./gethpeer", "./rlpxpeer", "./gethdisc")
        return True

    def build_node(self):
        """True when ethjspeer, ethjsdisc and their library are there."""
        if self.version(["node", "--version"]) < (20, 0) or not shutil.which("npm"):
            self.missing.append("Node 20 or later, and npm")
            return False
        there = os.path.join(self.work, "node")
        os.makedirs(there, exist_ok=True)
        lock = os.path.join(there, "package-lock.json")
        fresh = os.path.exists(os.path.join(there, "node_modules/.package-lock.json")) and \
            open(lock).read() == open(os.path.join(self.source, "node/package-lock.json")).read()
        for name in ("package.json", "package-lock.json", "ethjspeer.mjs",
                     "ethjsdisc.mjs"):
            shutil.copy(os.path.join(self.source, "node", name), there)
        if not fresh:
            self._call(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=there)
        return True

    def gethpeer(self, *options):
        return Foreign("gethpeer", [os.path.join(self.work, "gethpeer"), *options])

    def ethjspeer(self, *options):
        return Foreign("ethjspeer", ["node", os.path.join(self.work, "node/ethjspeer.mjs"), *options])

    def gethdisc(self, *options):
        return Disc("gethdisc", [os.path.join(self.work, "gethdisc"), *options])

    def ethjsdisc(self, *options):
        return Disc("ethjsdisc", ["node", os.path.join(self.work, "node/ethjsdisc.mjs"), *options])

    def rlpxpeer(self, *options):
        return Child("rlpxpeer", [os.path.join(self.work, "rlpxpeer"), *options])


class GroupOver(Exception):
    """A check failed on which the others of its group stand."""


class Score:
    """TAP: one line a check."""

    def __init__(self):
        self.n = self.failed = 0
        self.prefix = ""
        self.start = time.monotonic()

    @staticmethod
    def wanted(name):
        return not sys.argv[1:] or any(word in name for word in sys.argv[1:])

    def group(self, name, function, *args):
        """Runs a function of checks; the first that fails ends it."""
        if not self.wanted(name):
            return
        self.prefix = name
        print(f"# {name}", flush=True)
        try:
            function(self, *args)
        except GroupOver:
            print("# the rest of this group is left out", flush=True)
        finally:
            for child in list(Lines.alive):
                child.kill()

    @contextlib.contextmanager
    def check(self, name):
        self.n += 1
        name = f"{self.n} - {self.prefix}: {name}"
        try:
            yield
        except Failure as e:
            self.failed += 1
            print(f"not ok {name}")
            for line in str(e).splitlines():
                print("# " + line[:300])
            for child in Lines.alive:
                if child.name in ("p2pd", "p2pctl monitor"):
                    for line in child.lines[-15:]:
                        print(f"# {child.name}: {line[:300]}")
            sys.stdout.flush()
            raise GroupOver from e
        print(f"ok {name} [{time.monotonic() - self.start:.1f}s]", flush=True)

    def end(self):
        print(f"1..{self.n}", flush=True)
        return 1 if self.failed else 0


def skip(why):
    print(f"1..0 # SKIP {why}", flush=True)
    sys.exit(1 if os.environ.get("P2PD_INTEROP") == "require" else 77)


def adopt_orphans():
    """Whose end is then told to us. True where the system can do that."""
    try:
        return ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    except (AttributeError, OSError):
        return False


def sweep(group, told):
    """Ends what is left of a process group: go and geth clear up at an interrupt,
    others have had their time. told: SIGCHLD says when there is less of it."""
    for sig in (signal.SIGINT, signal.SIGKILL):
        end = time.monotonic() + 5
        try:
            os.killpg(group, sig)
            while time.monotonic() < end:
                with contextlib.suppress(ChildProcessError):
                    while os.waitpid(-group, os.WNOHANG)[0] != 0:
                        pass
                os.killpg(group, 0)
                if told:        # but not if its parent is in another group
                    signal.sigtimedwait({signal.SIGCHLD}, 1)
                else:
                    time.sleep(0.05)
        except ProcessLookupError:
            return


def contained(function, limit):
    """The exit status of a function in a process group of its own, of which
    nothing is left when this returns, whichever way it ends: by itself, by a
    signal to us or to it, or after limit seconds."""
    def leave(*_):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.exit(1)

    ends = {s for s in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
            if signal.getsignal(s) != signal.SIG_IGN}
    awaited = ends | {signal.SIGALRM, signal.SIGCHLD}
    signal.signal(signal.SIGCHLD, lambda *_: None)  # not ignored: some systems drop it
    signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    told = adopt_orphans()
    worker = os.fork()
    if worker == 0:
        os.setpgid(0, 0)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, leave)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, awaited)
        sys.exit(function())
    with contextlib.suppress(PermissionError):      # it has done so itself
        os.setpgid(worker, worker)
    signal.alarm(limit)
    gone, wish = 0, None
    while gone == 0:
        sig = signal.sigwait(awaited)
        gone, status = os.waitpid(worker, os.WNOHANG)
        if gone == 0 and sig != signal.SIGCHLD:
            # in order; but not if that takes long, or is asked for again
            os.kill(worker, signal.SIGTERM if wish is None else signal.SIGKILL)
            signal.alarm(int(WAIT))
            wish = wish or sig
    sweep(worker, told)
    status = os.waitstatus_to_exitcode(status)
    if wish is None and status >= 0:
        return status
    wish = wish or -status
    print("Bail out! " + (f"not through after {limit} s" if wish == signal.SIGALRM else
                          signal.strsignal(wish)), flush=True)
    return 128 + wish
