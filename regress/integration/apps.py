#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Applications that are slow, stopped, killed and started again, on whole
daemons: what their peers and the other applications see of it."""

import json
import os
import re
import signal
import sys

from p2ptest import LOAD, Lines, Node, Peer, check, equal, main, until

HERE = os.path.dirname(os.path.abspath(__file__))
SLOW = os.environ.get("P2PD_TEST_SLOW")
PEER_QUEUE = 1 << 20
APP_QUEUE = 4 << 20
BUDGET = 32 << 20


class Mini(Lines):
    def __init__(self, node, capability, policy="stop", *options, name=None):
        super().__init__(name or capability, [
            sys.executable, "-u", os.path.join(HERE, "miniapp.py"), node.app,
            name or capability, capability, "1:4", policy, *options])

    def up(self):
        return int(self.expect(r"^up (\d+) ").group(1))


def attach(node, capability, *args, **kw):
    a = Mini(node, capability, *args, **kw)
    a.expect("^snapshot-end")
    return a


def peer(node, *capabilities, actions=()):
    words = [w for c in capabilities for w in ("-c", c)]
    return Peer(node, "-t", "60", *words,
                actions=["wait hello", *actions] if actions else None)


def number(i, size=1024):
    return f"hex:{i:08x}" + "55" * (size - 4)


def story(app, handle, total):
    """Every message of 0 to total from this peer came, in order, or is counted
    where it is missing; the last came. How many were lost."""
    at = lost = 0
    while at < total:
        m = app.expect(rf"^(message|dropped) {handle} (\d+) (\S+) ?(\S*)")
        if m.group(1) == "dropped":
            lost += int(m.group(2))
            at += int(m.group(2))
            continue
        equal(int(m.group(4), 16), at, "number of a message")
        at += 1
    equal(at, total, "messages and losses")
    return lost


def queues(node, capability):
    return [q for a in node.ctl("show", "apps") for c in a["capabilities"]
            if c["name"] == capability for q in c["queues"]]


def session(node):
    return node.status()["sessions"][0]


def waiting(node, what):
    """Bytes and peers of a queue of the session."""
    return [(q["bytes"], q["waiting"]) for q in node.ctl("show", "queues")
            if q["process"] == "session" and q["queue"] == what][0]


def one_is_stopped():
    """Two applications on one peer, one of them stopped: the other's messages
    and the pings go on, and the stopped one is told what it lost."""
    n = Node(f"queue per-peer {PEER_QUEUE >> 20}M",
             f"queue application {APP_QUEUE >> 20}M")
    slow, quick = attach(n, "aaa"), attach(n, "bbb")
    p = peer(n, "aaa/1", "bbb/1")
    handle = slow.up()
    equal(quick.up(), handle, "handle")
    slow.process.send_signal(signal.SIGSTOP)
    total = 400 if SLOW else 4000
    size = 8192 if SLOW else 1024
    for i in range(total):
        p.say(f"send 0x10 {number(i, size)}")
        if i % 10 == 0:
            p.say(f"send 0x14 {number(i // 10, 16)}")
    p.say("ping")
    p.say("wait pong")
    p.say("pong off")
    for i in range(total // 10):
        m = quick.expect(r"^message \d+ 0 16 (\S+)")
        equal(int(m.group(1), 16), i, "number to the other")
    p.expect("^pong")
    shown = n.ctl("show", "peer", f"{n.peers()[0]['id']}")
    queued = {s["name"]: s["queued"] for s in shown["shared"]}
    check(0 < queued["aaa"] <= PEER_QUEUE + 2 * size, f"queued: {queued}")
    equal(queued["bbb"], 0, "queued for the other")
    queue = queues(n, "aaa")[0]
    check(0 < queue["queue"] <= APP_QUEUE, f"queue: {queue}")
    check(queue["dropped"] > 0, f"queue: {queue}")
    slow.process.send_signal(signal.SIGCONT)
    lost = story(slow, handle, total)
    check(lost > 0, "nothing was lost")
    shown = n.ctl("show", "peer", f"{n.peers()[0]['id']}")
    dropped = {s["name"]: s["dropped"] for s in shown["shared"]}
    equal(dropped, {"aaa": lost, "bbb": 0}, "what is counted as dropped")
    # as well as before
    p.say(f"send 0x10 {number(7, 16)}")
    slow.expect(r"^message \d+ 0 16 00000007")
    n.stop()
    n.clean()


def stalled():
    """A peer that serves only the stopped one feels it, and loses nothing when
    that goes on in time."""
    n = Node("queue per-peer 64K", "queue application 256K", "stall-limit 60s")
    slow = attach(n, "aaa")
    p = peer(n, "aaa/1")
    handle = slow.up()
    slow.process.send_signal(signal.SIGSTOP)
    total = 2000
    for i in range(total):
        p.say(f"send 0x10 {number(i)}")

    def full():
        """the peer is not read"""
        return n.ctl("show", "peer", n.peers()[0]["id"])["stalled"]
    until(full)
    held, peers = waiting(n, "from-peers")
    check(held > 0 and peers == 1, f"queued of peers: {held} of {peers}")
    check(waiting(n, "memory")[0] >= held, "what is queued is in no budget")
    slow.process.send_signal(signal.SIGCONT)
    equal(story(slow, handle, total), 0, "lost")
    until(lambda: waiting(n, "from-peers") == (0, 0))
    slow.process.send_signal(signal.SIGSTOP)
    n.stop()
    n.clean()


def many_peers():
    """A stopped application, many peers that send without end: the session stays
    within its budget, and each peer's losses are told."""
    count, each = (10, 40) if SLOW else (50, 100)
    n = Node(f"session memory {BUDGET >> 20}M", "queue per-peer 1M",
             f"queue application {3 if SLOW else 12}M", f"max-peers {count + 10}",
             "dial-ratio 100", f"max-pending-inbound {count}")
    slow, quick = attach(n, "aaa", "drop"), attach(n, "bbb")
    slow.process.send_signal(signal.SIGSTOP)
    peers = [peer(n, "aaa/1", "bbb/1") for _ in range(count)]
    handles = [quick.up() for _ in peers]
    for i in range(each):
        for p in peers:
            p.say(f"send 0x10 {number(i, 16384)}")
        check(session(n)["memory"] <= BUDGET // 8 * 9, "over the budget")
    for p in peers:
        p.say("send 0x14 hex:00")
    for _ in peers:
        quick.expect("^message")
    check(session(n)["memory"] <= BUDGET // 8 * 9, "over the budget")
    equal(n.status()["peers"], count, "peers")
    slow.process.send_signal(signal.SIGCONT)
    got = {h: 0 for h in handles}
    lost = 0
    while any(v < each for v in got.values()):
        m = slow.expect(r"^(message|dropped) (\d+) (\d+) (\S+) ?(\S*)")
        h = int(m.group(2))
        if m.group(1) == "dropped":
            got[h] += int(m.group(3))
            lost += int(m.group(3))
            continue
        equal(int(m.group(5), 16), got[h], f"number from {h}")
        got[h] += 1
    check(lost > 0, "nothing was lost")
    until(lambda: session(n)["memory"] < 1 << 20)
    n.stop()
    n.clean()


def thousand_peers():
    """A stopped application and a thousand peers, each with a message for it and
    half of another: queues and halves stay within the session's budget, nobody
    is lost, and what does not fit is told to the last message."""
    count, size = (100 if SLOW else 1000), 16384
    queue = count * size // 2
    n = Node(f"session memory {BUDGET >> 20}M", "queue per-peer 1M",
             f"queue application {queue >> 10}K", f"max-peers {count + 10}",
             "dial-ratio 100")
    slow = attach(n, "bench", "drop")
    load = Lines("load", [LOAD, "-n", str(count), "-m", str(size), "-p", n.enode])
    load.expect(rf"^up={count} failed=0", timeout=120)
    got = {slow.up(): 0 for _ in range(count)}
    slow.process.send_signal(signal.SIGSTOP)
    load.process.send_signal(signal.SIGUSR2)
    load.expect(rf"^sent={count}$")

    def all_read():
        """the queue is full, and the halves are there"""
        memory = session(n)["memory"]
        check(memory <= BUDGET, f"over the budget: {memory}")
        return memory > queue * 9 // 10 + count * size // 2
    until(all_read)
    equal(n.status()["peers"], count, "peers")
    load.process.send_signal(signal.SIGUSR2)
    load.expect(rf"^sent={count}$")
    until(lambda: session(n)["msgs_in"] == 2 * count)
    until(lambda: session(n)["memory"] <= queue * 11 // 10)
    slow.process.send_signal(signal.SIGCONT)
    lost = 0
    while any(v < 2 for v in got.values()):
        m = slow.expect(r"^(message|dropped) (\d+) (\d+)")
        dropped = int(m.group(3)) if m.group(1) == "dropped" else 0
        lost += dropped
        got[int(m.group(2))] += dropped or 1
    equal(set(got.values()), {2}, "messages and losses of each peer")
    check(lost > 0, "nothing was lost")
    equal(n.status()["peers"], count, "peers")
    load.kill(signal.SIGTERM)
    n.stop()
    n.clean()


def comes_back():
    """Killed and started again within the grace time: its peers are there, and
    it is told what it missed. Killed for good: peers that serve nobody else see
    the reason, the others stay."""
    n = Node("application grace 15s" if SLOW else "application grace 3s")
    token = os.path.join(n.dir, "token")
    other = attach(n, "bbb")
    app = attach(n, "aaa", "stop", "--token", token)
    alone, both = peer(n, "aaa/1"), peer(n, "aaa/1", "bbb/1")
    handles = {app.up(), app.up()}
    shared = other.up()
    app.kill()
    until(lambda: {"aaa": True, "bbb": False} == {
        c["name"]: c["away"] for a in n.ctl("show", "apps")
        for c in a["capabilities"]})
    for p in (alone, both):
        p.do("wait hello")
        p.do(f"send 0x10 {number(1, 100)}")
        p.do("ping")
        p.do("wait pong", "^pong")
    equal(queues(n, "aaa")[0]["missed"], 2, "missed so far")
    # advertised all the while
    late = peer(n, "aaa/1")
    late.expect(r"^hello .*")
    app = Mini(n, "aaa", "stop", "--token", token)
    app.expect("^welcome resumed=1")
    app.expect("^attached")
    found = {app.up(), app.up(), app.up()}
    check(handles < found, f"{handles} in {found}")
    m = app.expect(r"^snapshot-end missed=(\d+) bytes=(\d+)")
    equal((m.group(1), m.group(2)), ("2", "200"), "missed")
    equal(n.status()["peers"], 3, "peers")
    alone.say(f"send 0x10 {number(2, 100)}")
    app.expect("^message .* 00000002")
    app.kill()
    alone.expect("^disconnect 0x03|^disconnect .*useless")
    both.say("ping")
    both.say("wait pong")
    both.expect("^pong")
    until(lambda: [p["handle"] for p in n.peers()] == [shared])
    # a new owner inherits it
    app = attach(n, "aaa")
    app.expect(rf"^up {shared} snapshot=1", again=True)
    both.say(f"send 0x10 {number(3, 100)}")
    app.expect("^message .* 00000003")
    # by leave: at once
    app.say("detach")
    app.expect("^detached")
    equal([p["handle"] for p in n.peers()], [shared], "who is left")
    n.stop()
    n.clean()


def offloads():
    """First message, handshake timer, accept, penalise and a tap."""
    n = Node()
    app = attach(n, "aaa", "stop", "--first", "1:c20102", "--handshake", "1500")
    tap = attach(n, "aaa", "stop", "--tap", name="tap")
    for option in (("--wanted", "3"), ("--first", "1:c0"), ("--handshake", "5")):
        greedy = Mini(n, "aaa", "stop", "--tap", *option, name="greedy")
        greedy.expect("^error 6 a tap ")
        greedy.kill()
    p = peer(n, "aaa/1")
    p.expect("^msg 0x11 3 ")
    handle = app.up()
    equal(tap.up(), handle, "handle")
    tap.expect(rf"^message {handle} 1 3 c20102 out=1")
    app.say(f"accept {handle}")
    other = peer(n, "aaa/1")
    late = app.up()
    shared = n.ctl("show", "peer", n.peers()[0]["id"])["shared"][0]
    equal((shared["tapped"], shared["accepted"], shared["away"]),
          (True, True, False), "the peer's range")
    app.expect(rf"^down {late} reason=68 disc=11 remote=0")
    other.expect("^disconnect 0x0b|^disconnect .*timeout")
    p.say("send 0x12 hex:abcdef01")
    app.expect(rf"^message {handle} 2 4 abcdef01 out=0")
    tap.expect(rf"^message {handle} 2 4 abcdef01 out=0")
    app.say(f"send {handle} 3 00112233")
    tap.expect(rf"^message {handle} 3 4 00112233 out=1")
    p.expect("^msg 0x13 4 ")
    tap.say(f"send {handle} 3 00")
    tap.expect("^error 3 ")
    app.say(f"penalise {handle} 2 60")
    app.expect(rf"^down {handle} ")
    tap.expect(rf"^down {handle} ")
    p.expect("^disconnect")
    equal(len(n.ctl("show", "bans")), 1, "bans")
    n.stop()
    n.clean()


def session_dies():
    """One of two sessions is killed: its peers go down, the rest goes on."""
    n = Node("sessions 2", "max-peers 40", "dial-ratio 100")
    app = n.attach("aaa/1:4")
    peers = [peer(n, "aaa/1") for _ in range(8)]
    until(lambda: n.status()["peers"] == len(peers))
    where = {p["handle"]: p["session"] for p in n.peers()}
    ups = {app.expect(event="peer-up")["peer"] for _ in peers}
    equal(ups, set(where), "peers that are up")
    gone = {h for h, s in where.items() if s == 0}
    check(0 < len(gone) < len(peers), f"all in one session: {where}")
    os.kill(n.pids()[("session", 0)], signal.SIGKILL)
    while gone:
        e = app.expect(event="peer-down")
        equal(e["reason"], "session-died", "reason")
        check(e["peer"] in gone, f"{e} of another session")
        gone.discard(e["peer"])
    stay = {h for h, s in where.items() if s == 1}
    for h in stay:
        app.send(h, "aaa", 1, b"still", id=[h])
        equal(app.expect(event="sent", id=[h])["outcome"], "written", "sent")
    until(lambda: len(n.status()["capabilities"]) == 1)
    # the new one serves
    more = [peer(n, "aaa/1") for _ in range(4)]
    for _ in more:
        check(app.expect(event="peer-up")["peer"] not in where, "a new handle")
    equal({p["handle"] for p in n.peers()} & set(where), stay, "who stayed")
    n.stop()
    n.clean()


main([one_is_stopped, stalled, many_peers, thousand_peers, comes_back, offloads,
      session_dies])
