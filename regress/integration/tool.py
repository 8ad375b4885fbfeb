#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""p2pctl against a daemon: every view, and what the manual pages promise."""

import json
import os
import re
import shlex
import signal
import socket
import struct
import subprocess
import tempfile

from p2ptest import (P2PCTL, P2PD, WAIT, Failure, Lines, Node, Peer, check, equal,
                     main, until)

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
PAGES = ("p2pctl.8.in", "p2pd.8.in")
CAP = "tst/1"
KEY = ("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
       "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8")


class App:
    """The least that is an application: hello, attach, and no more."""

    def __init__(self, node):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(WAIT)
        self.s.connect(node.app)
        name = b"manual"
        self.send(1, struct.pack(">IHHQHH16sH", 0x70327064, 1, 0, 0, 0, 0, b"",
                                 len(name)) + name)
        equal(self.recv()[0], 0x8001, "answer to hello")
        self.send(2, struct.pack(">8sBBHII", b"tst", 0, 0, 1, 1, 8))
        equal(self.recv()[0], 0x8002, "answer to attach")

    def send(self, kind, body):
        self.s.sendall(struct.pack(">IHHII", len(body), kind, 0, 1, 0) + body)

    def recv(self):
        size, kind = struct.unpack(">IH", self.take(16)[:6])
        return kind, self.take(size)

    def take(self, n):
        got = b""
        while len(got) < n:
            more = self.s.recv(n - len(got))
            if not more:
                raise Failure("the app socket was closed")
            got += more
        return got

    def close(self):
        self.s.close()


def page(name):
    with open(os.path.join(TOP, "man", name)) as f:
        return f.read()


def section(text, name):
    return re.search(rf"^\.Sh {name}\n(.*?)(?=^\.Sh |\Z)", text,
                     re.M | re.S).group(1)


def examples():
    """What EXAMPLES tells an ordinary user to type works as it stands."""
    n = Node()
    with tempfile.TemporaryDirectory() as d:
        os.symlink(n.conf, os.path.join(d, "p2pd.conf"))
        bindir = os.path.join(d, "bin")
        os.mkdir(bindir)
        for name, command in (("p2pctl", [P2PCTL, "-s", n.sock]),
                              ("p2pd", [P2PD])):
            path = os.path.join(bindir, name)
            with open(path, "w") as f:
                f.write(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
            os.chmod(path, 0o755)
        env = dict(os.environ, PATH=bindir + ":" + os.environ["PATH"])
        count = 0
        for name in PAGES:
            for line in re.findall(r"^\$ (.*)$", section(page(name), "EXAMPLES"),
                                   re.M):
                run_example(n, line, d, env)
                count += 1
        check(count >= 8, f"only {count} examples found")
    n.stop()
    n.clean()


def run_example(node, line, cwd, env):
    # With exec, so that what runs for ever can be ended.
    p = subprocess.Popen(["sh", "-c", "exec " + line], cwd=cwd, env=env,
                         text=True, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT)
    if "monitor" in line:
        until(lambda: node.status()["monitors"] > 0)
        p.terminate()
        p.communicate(timeout=WAIT)
        until(lambda: node.status()["monitors"] == 0)
        return
    out, _ = p.communicate(timeout=WAIT)
    equal(p.returncode, 0, f"{line}: {out}")


def keys_of(value, into):
    if isinstance(value, dict):
        into.update(value)
        for v in value.values():
            keys_of(v, into)
    elif isinstance(value, list):
        for v in value:
            keys_of(v, into)
    return into


def listed_keys():
    """The keys that the manual has for each command."""
    listed = {}
    for item in re.split(r"^\.It ", section(page("p2pctl.8.in"), "JSON"),
                         flags=re.M)[1:]:
        head, body = item.split("\n", 1)
        for name in re.findall(r"[a-z][a-z -]+", head.removeprefix("Cm ")):
            listed[name.strip()] = set(re.findall(r"^\.Cm (\w+)", body, re.M))
    return listed


def json_keys():
    """Every key that -j prints is in the manual, under its command."""
    listed = listed_keys()
    n = Node("application grace 1")
    monitor = n.monitor("messages")
    app = App(n)
    peer = Peer(n, "-c", CAP)
    ident = peer.expect(r"^self ([0-9a-f]{128})").group(1)
    until(lambda: n.peers())
    n.ctl("ban", "add", "192.0.2.0/24", "--for", "1h")
    n.ctl("peer", "trust", ident)
    peer.kill()
    until(lambda: not n.peers())
    peer = Peer(n, "-c", CAP)
    other = peer.expect(r"^self ([0-9a-f]{128})").group(1)
    until(lambda: n.peers())
    for what in ("status", "peers", "apps", "processes", "keys", "memory", "queues", "history",
                 "bans", "nodes", "enr", "db"):
        value = n.ctl("show", what)
        check(value, f"show {what} is empty")
        compare(f"show {what}", keys_of(value, set()), listed[f"show {what}"])
    # Common to both, and what only one peer's own view has.
    compare("show peer", keys_of(n.ctl("show", "peer", other[:32]), set()),
            listed["show peers"] | listed["show peer"])
    compare("show config", set(n.ctl("show", "config")), listed["show config"])
    app.close()
    until(lambda: not n.status()["capabilities"])
    n.ctl("stop")
    monitor.wait()
    seen = set()
    for line in monitor.lines:
        if line.startswith("p2pctl: "):
            continue
        event = json.loads(line)
        if "event" not in event:
            continue
        seen.add(event["event"])
        allowed = {"event", "time", "lost"} | listed[event["event"]]
        if event["event"] == "attempt":
            allowed |= listed["show history"]
        compare(event["event"], set(event), allowed)
    check({"peer-up", "peer-down", "app-attached", "app-away", "app-detached",
           "stopping"} <= seen, f"events seen: {seen}")
    n.process.wait()
    n.clean()


def compare(what, printed, listed):
    check(printed <= listed, f"{what}: {sorted(printed - listed)} not in p2pctl(8)")


def discovery_tools():
    """ping, resolve and crawl, which speak discovery themselves, find our nodes."""
    listed = listed_keys()
    boot = Node()
    other = Node(f'bootnode "{boot.enode}"')
    patience = ("--timeout", "10000")
    got = boot.ctl("ping", boot.enode, "--count", "1", *patience)
    compare("ping", set(got), listed["ping"])
    equal((got["id"], got["received"]), (boot.id, 1), "ping")
    check(got["seq"] and got["seen"].startswith("127.0.0.1:"), f"ping: {got}")
    got = boot.ctl("resolve", other.enode, *patience)
    record = got.pop("record")
    entries = got.pop("entries")
    compare("resolve", set(got), listed["enr"] | listed["resolve"])
    equal((got["id"], got["enode"], got["valid"]), (other.id, other.enode, True),
          "resolve")
    check({"id", "ip", "secp256k1", "tcp", "udp"} <= set(entries), f"{entries}")
    equal(boot.ctl("enr", "decode", record)["enode"], other.enode, "enr decode")
    path = os.path.join(boot.dir, "nodes.json")

    def found():
        """A crawl from the bootnode finds the other, once that has come to it."""
        if os.path.exists(path):
            os.unlink(path)
        got = boot.ctl("crawl", path, "--bootnode", boot.enode, "--for", "5s",
                       *patience)
        compare("crawl", set(got), listed["crawl"])
        with open(path) as f:
            return record in [n["record"] for n in json.load(f).values()]
    until(lambda: other.id in [e["id"] for e in boot.ctl("show", "table")])
    until(found)
    equal(boot.run_ctl("ping", f"enode://{boot.id}@127.0.0.1:9", "--count", "1",
                       "--timeout", "50").returncode, 1, "ping of nobody")
    os.unlink(path)
    for n in (other, boot):
        n.stop()
        n.clean()


def ping_interrupted():
    """What was measured until then is shown."""
    n = Node()
    ping = subprocess.Popen([P2PCTL, "-j", "ping", n.enode, "--count", "1000",
                             "--timeout", "10000"], stdout=subprocess.PIPE,
                            text=True)
    until(lambda: n.status()["discovery"]["in"]["ping"] > 0)
    ping.send_signal(signal.SIGINT)
    out, _ = ping.communicate(timeout=WAIT)
    equal(ping.returncode, 0, "exit status")
    pings = json.loads(out)
    check(0 < pings["received"] <= pings["sent"] < 1000, pings)
    n.stop()
    n.clean()


def text_views():
    """The views for people: no control bytes, and the node by the digits of its id."""
    n = Node()
    app = App(n)
    peer = Peer(n, "-c", CAP, "-n", "odd\x1b[2J\u00e9")
    ident = peer.expect(r"^self ([0-9a-f]{128})").group(1)
    until(lambda: n.peers())
    for words in ((), ("show", "peers"), ("show", "peer", ident[:12]),
                  ("show", "apps"), ("show", "processes"), ("show", "keys"),
                  ("show", "history"), ("show", "config")):
        run = n.run_ctl(*words)
        equal(run.returncode, 0, f"{words}: {run.stderr}")
        bad = re.search(r"[^\n\x20-\x7e]", run.stdout)
        check(not bad, f"{words}: {bad}")
    check(ident[:16] in n.run_ctl("show", "peers").stdout, "id in show peers")
    check("manual" in n.run_ctl("show", "apps").stdout, "name in show apps")
    run = n.run_ctl("peer", "disconnect", ident[:12], "too-many-peers")
    equal(run.returncode, 0, run.stderr)
    peer.expect(r"^disconnect.*(4|too.many)")
    equal(n.run_ctl("show", "peer", "abcd" * 3).returncode, 5, "not found")
    equal(n.run_ctl("show", "peer", "xyz").returncode, 2, "usage")
    run = n.run_ctl("show", "peers", sock=n.app)
    equal(run.returncode, 3, "exit status at a wrong socket")
    check("is this its control socket" in run.stderr, run.stderr)
    run = n.run_ctl("attach", CAP + ":1", sock=n.sock + ".not", input="")
    equal(run.returncode, 3, "exit status without a daemon")
    check(f"no daemon at {n.sock}.not: No such file" in run.stderr, run.stderr)
    run = n.run_ctl("-h")
    equal(run.returncode, 2, "usage")
    check("show, peer, ban" in run.stderr and "lookup" in run.stderr, run.stderr)
    app.close()
    n.stop()
    n.clean()


def read_only():
    n = Node()
    for words in (("stop",), ("log", "verbose"), ("peer", "trust", "ab" * 4),
                  ("ban", "add", "192.0.2.1")):
        run = n.run_ctl(*words, sock=n.ro)
        check(run.returncode in (4, 5), f"{words}: {run}")
    equal(n.run_ctl("ban", "add", "192.0.2.1", sock=n.ro).returncode, 4, "ban")
    equal(n.ctl(sock=n.ro)["id"], n.id, "status on the read-only socket")
    check(not n.ctl("ban", "show"), "a ban came through")
    n.stop()
    n.clean()


def stopped_control():
    """A control process that says nothing, and then does not even accept."""
    n = Node()
    pid = n.pids()[("control", 0)]
    os.kill(pid, signal.SIGSTOP)
    run = n.run_ctl("-t", "1", "-j", "show", "peers")
    equal(run.returncode, 3, f"exit status: {run.stderr}")
    check("does not answer" in run.stderr, run.stderr)
    equal(json.loads(run.stdout)["error"], "no-daemon", "JSON")
    check("does not answer" in n.run_ctl("-t", "1", "monitor").stderr, "monitor")
    queue = []
    try:
        while len(queue) < 10000:
            queue.append(socket.socket(socket.AF_UNIX))
            queue[-1].setblocking(False)
            queue[-1].connect(n.sock)
    except BlockingIOError:
        run = n.run_ctl("-t", "1", "stop")
        equal(run.returncode, 3, f"exit status: {run.stderr}")
        check("takes no connection" in run.stderr, run.stderr)
    for s in queue:
        s.close()
    os.kill(pid, signal.SIGCONT)
    equal(n.status()["id"], n.id, "when it goes on")
    for bad in ("0", "-1", "x", "1s", "86401"):
        equal(n.run_ctl("-t", bad).returncode, 2, f"-t {bad}")
    n.stop()
    n.clean()


def closed_descriptors():
    """A number that is free is not that of a socket: nothing is read from the
    daemon, or printed to it, that is not meant for it."""
    n = Node()

    def run(words, closed, code):
        p = subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", P2PCTL, *words],
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, timeout=WAIT)
        equal(p.returncode, code, f"{words} {closed}: {p.stderr}")

    for closed, code in (("<&-", 0), (">&-", 1), ("2>&-", 0), ("<&- >&- 2>&-", 1)):
        run(["-s", n.app, "attach", "a/1:1"], closed, code)
        run(["-s", n.sock, "show", "processes"], closed, code)
    monitor = Lines("monitor", ["sh", "-c", 'exec "$@" >&-', "sh", P2PCTL, "-s",
                                n.sock, "monitor"])
    until(lambda: n.status()["monitors"] > 0)
    App(n).close()
    equal(monitor.wait(), 1, "exit status of a monitor that nobody reads")
    n.stop()
    n.clean()


def digits_of_static():
    """The first digits of a node's id do, whether it is a peer or not, and
    whether there is discovery or not."""
    for settings in (("discovery v4 no",), ()):
        n = Node(*settings)
        n.ctl("peer", "add", n.enode.replace(n.id, KEY))
        why = n.ctl("show", "why", KEY[:8])
        equal((why["id"], why["static"]), (KEY, True), "the node")
        equal(n.run_ctl("show", "why", "0" * 8).returncode, 5, "nobody")
        n.stop()
        n.clean()


def own_urls():
    """A URL that is shown is one to connect to, also when listening on all."""
    n = Node(start=False)
    with open(n.conf) as f:
        conf = f.read()
    with open(n.conf, "w") as f:
        f.write(conf.replace("listen on 127.0.0.1", "listen on *"))
    urls = n.start().status()["enode"]
    check(n.enode in urls, urls)
    check(not any("@0.0.0.0" in u or "@[::]" in u for u in urls), urls)
    n.stop()
    n.clean()


if __name__ == "__main__":
    main([examples, json_keys, discovery_tools, ping_interrupted, text_views, read_only,
          stopped_control, closed_descriptors, own_urls, digits_of_static])
