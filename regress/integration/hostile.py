#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Hostile peers: each costs only itself. After every class of attack memory is
where it was, all processes are the same, and a good peer's messages go round."""

import os
import random
import socket
import time

from p2ptest import WAIT, Failure, Node, Peer, check, equal, main, until

CAP = "tst/1"
FLAT = 6 * 1024         # kB that may come and go
# The ASan allocator keeps what was freed, in quarantine.
if os.environ.get("P2PD_TEST_SANDBOX") or os.environ.get("P2PD_TEST_SLOW"):
    FLAT = 256 * 1024
LENGTHS = range(0, 2101, 25 if os.environ.get("P2PD_TEST_SLOW") else 1)


def rss(pid):
    with open(f"/proc/{pid}/status") as f:
        for line in f:
            if line.startswith("VmRSS"):
                return int(line.split()[1])
    return 0


def over(s):
    """Nothing more is sent; what comes back is returned, at most a byte."""
    try:
        s.shutdown(socket.SHUT_WR)
        return s.recv(1)
    except OSError as e:
        if isinstance(e, TimeoutError):
            raise
        return b""


class Victim:
    """A daemon with an echoing application and one good peer."""

    def __init__(self, *settings):
        self.node = n = Node("max-peers 100", "dial-ratio 4", *settings)
        self.app = n.attach(CAP + ":8")
        self.good = Peer(n, "-c", CAP)
        self.good.id = self.good.expect(r"^self ([0-9a-f]{128})").group(1)
        self.good.expect(r"^hello ")
        self.handle = self.app.expect(event="peer-up", id=self.good.id)["peer"]
        self.round_trip()
        self.pids = n.pids()

    def round_trip(self):
        size = random.randint(1, 5000)
        self.good.say(f"send 0x10 {size}")
        sent = self.good.expect(rf"^sent 0x10 {size} (\S+)").group(1)
        got = self.app.expect(event="message", peer=self.handle)
        self.app.send(self.handle, "tst", 3, bytes.fromhex(got["data"][2:]))
        self.good.say("wait msg")
        equal(self.good.expect(r"^msg 0x13 \d+ (\S+)").group(1), sent,
              "what went round")

    def memory(self):
        return sum(rss(p) for p in self.pids.values())

    def unharmed(self, before):
        self.round_trip()
        equal(self.node.pids(), self.pids, "processes")
        until(lambda: self.node.status()["pending_in"] == 0)
        until(lambda: self.node.status()["peers"] == 1)
        grown = self.memory() - before
        check(grown < FLAT, f"memory grew by {grown} kB")

    def end(self):
        equal(self.node.stop(), 0, "exit status")
        self.node.clean()


ATTACKS = []


def attack(function):
    ATTACKS.append(function)
    return function


def suffer(v, function):
    before = v.memory()
    function(v)
    v.unharmed(before)


def alone(function):
    def test():
        v = Victim()
        suffer(v, function)
        v.end()
    test.__name__ = function.__name__
    return test


def one_after_the_other():
    """All on one victim, where a start takes long."""
    v = Victim()
    for function in ATTACKS:
        began = time.monotonic()
        try:
            suffer(v, function)
        except Failure as e:
            raise Failure(f"{function.__name__}: {e}") from e
        print(f"# {function.__name__} [{time.monotonic() - began:.1f}s]", flush=True)
    v.end()


@attack
def hang_at_every_step(v):
    peers = [Peer(v.node, "-c", CAP, "-u", step, "-b", f"127.0.3.{i + 1}",
                  actions=[f"timeout {int(WAIT)}", "wait closed"])
             for i, step in enumerate(
                 ["connect", "half", "packet", "handshake"] * 3)]
    v.round_trip()
    for p in peers:
        p.expect(r"^(closed|reset)", timeout=WAIT + 5)
        p.wait()


@attack
def every_auth_length(v):
    where = ("127.0.0.1", v.node.port)
    for length in LENGTHS:
        with socket.create_connection(where) as s:
            s.settimeout(WAIT)
            s.sendall(length.to_bytes(2, "big") + random.randbytes(length))
            equal(over(s), b"", f"answer to an auth of {length} bytes")


@attack
def real_auth_cut_and_padded(v):
    for length in (100, 300, 305, 500, 1000, 2046):
        p = Peer(v.node, "-u", "packet", "-x", f"hs-len={length}", "-x",
                 "hs-fill=real", actions=["shutdown", "wait closed"])
        p.expect(r"^(closed|reset)")
        p.wait()


@attack
def every_ack_length(v):
    n = v.node
    victim_of = Peer(None, "-l", "127.0.0.1:0")
    ident = victim_of.expect(r"^self ([0-9a-f]{128})").group(1)
    victim_of.kill()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(WAIT)
        url = f"enode://{ident}@127.0.0.1:{server.getsockname()[1]}"
        for length in LENGTHS:
            n.ctl("peer", "add", url)
            c, _ = server.accept()
            with c:
                c.settimeout(WAIT)
                size = int.from_bytes(c.recv(2, socket.MSG_WAITALL), "big")
                c.recv(size, socket.MSG_WAITALL)
                c.sendall(length.to_bytes(2, "big") + random.randbytes(length))
                equal(over(c), b"", f"answer to an ack of {length} bytes")
            n.ctl("peer", "remove", ident)


@attack
def bad_points(v):
    for fault in ("off-curve", "over-p", "zero"):
        for place in ("ecies-point", "key-point"):
            p = Peer(v.node, "-c", CAP, "-u", "packet", "-x", f"{place}={fault}",
                     actions=["wait closed"])
            p.expect(r"^(closed|reset)")
            p.wait()
            t = Peer(None, "-c", CAP, "-u", "packet", "-x", f"{place}={fault}",
                     "-l", "127.0.0.1:0", "wait closed")
            url = t.expect(r"^listening (\S+)").group(1)
            run = v.node.run_ctl("peer", "add", url, "--wait")
            check(run.returncode != 0, "a bad ack was taken")
            v.node.run_ctl("peer", "remove", url)
            t.kill()
    p = Peer(v.node, "-c", CAP, "-x", "id=short", actions=["wait closed"])
    p.expect(r"^(disconnect|closed|reset)")
    p.wait()


@attack
def pings_without_reading(v):
    count = 100_000 if os.environ.get("P2PD_TEST_SLOW") else 1_000_000
    p = Peer(v.node, "-c", CAP)
    p.expect(r"^hello ")
    for line in ("timeout 60", "read off", f"ping {count}"):
        p.say(line)
    # It is not read any more, or cut off: either way it gets no further.
    high = 0
    end = time.monotonic() + 5
    while time.monotonic() < end:
        v.round_trip()
        high = max(high, v.memory())
    check(high - v.memory() < 64 * 1024, "memory")
    p.kill()


@attack
def a_byte_at_a_time(v):
    peers = []
    for i in range(8):
        p = Peer(v.node, "-c", CAP, "-b", f"127.0.4.{i + 1}")
        p.expect(r"^hello ")
        p.say("timeout 60")
        p.say("drip 0x10 16000000 200 40")
        peers.append(p)
    before = v.memory()
    for _ in range(20):
        v.round_trip()
    check(v.memory() - before < FLAT, "memory is taken for what was announced")
    for p in peers:
        p.kill()


@attack
def snappy_lies(v):
    for size in (0, 5, 1 << 20, (1 << 24) - 1, 1 << 24, (1 << 32) - 1):
        p = Peer(v.node, "-c", CAP)
        p.expect(r"^hello ")
        p.say(f"lie 0x10 {size}")
        p.say("wait disconnect")
        p.expect(r"^disconnect 0x02 ")
        p.kill()


@attack
def odd_disconnects(v):
    for payload in ("c98901000000000000000000", "8180", "ffffffff", "c0", "",
                    "c20481", "89010000000000000000"):
        p = Peer(v.node, "-c", CAP)
        p.expect(r"^hello ")
        p.say(f"send 0x01 hex:{payload}")
        p.say("wait closed")
        p.expect(r"^(closed|reset)")
        p.kill()


@attack
def odd_hellos(v):
    for fault in ("caps=3000", "caps=100", "dup-caps=50", "odd-caps=1",
                  "caps=64"):
        p = Peer(v.node, "-c", CAP, "-x", fault, actions=["hold 1"])
        p.expect(r"^(hello|disconnect|closed|reset)")
        p.wait()
    p = Peer(v.node, "-c", CAP, "-n", "\x1b]0;x\x07" + "n" * 1500)
    p.expect(r"^hello ")
    until(lambda: len(v.node.peers()) == 2)
    text = v.node.run_ctl("show", "peers").stdout
    check("\x1b" not in text and "\x07" not in text, "control characters")
    p.kill()


@attack
def wrong_macs(v):
    spots = [("header", range(16)), ("header-mac", range(16)),
             ("body", range(0, 32)), ("body-mac", range(16))]
    for part, where in spots:
        for at in where:
            p = Peer(v.node, "-c", CAP)
            p.expect(r"^hello ")
            p.say(f"set flip={part}:{at}")
            p.say("send 0x10 20")
            p.say("wait closed")
            p.expect(r"^(disconnect|closed|reset)")
            p.kill()


@attack
def codes_out_of_range(v):
    for code in (0x18, 0x19, 0xffff, 1 << 40):
        p = Peer(v.node, "-c", CAP)
        p.expect(r"^hello ")
        p.say(f"send {code} 10")
        p.say("wait disconnect")
        p.expect(r"^disconnect 0x02 ")
        p.kill()
    for code in range(4, 0x10):
        v.good.say(f"send {code} 10")
    v.round_trip()


@attack
def rubbish_on_the_local_sockets(v):
    n = v.node
    for path in (n.sock, n.ro, n.app):
        for size in (1, 15, 16, 17, 4096, 1 << 20):
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(path)
                s.settimeout(WAIT)
                try:
                    s.sendall(random.randbytes(size))
                    s.shutdown(socket.SHUT_WR)
                    while s.recv(65536):
                        pass
                except (BrokenPipeError, ConnectionResetError):
                    pass
    hung = []
    for path in (n.sock, n.ro, n.app):
        for _ in range(10):
            s = socket.socket(socket.AF_UNIX)
            s.connect(path)
            hung.append(s)
    equal(n.status()["id"], n.id, "the tool beside clients that hang")
    for s in hung:
        s.close()


main([one_after_the_other] if os.environ.get("P2PD_TEST_WRAP") else
     [alone(function) for function in ATTACKS])
