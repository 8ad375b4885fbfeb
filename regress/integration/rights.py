#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""What applications may do, and what the parent does for them: coming back,
rules, penalties, hints, shares."""

import json
import os
import re
import signal
import socket
import sys
import time

from p2ptest import (WAIT, App, Failure, Node, Peer, check, equal, main, until)

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path.insert(0, os.path.join(TOP, "lib/python"))

from p2papp import wire  # noqa: E402
from p2papp.wire import Type  # noqa: E402

CAP = "tst/1"
BUSY, INVALID, DENIED, RECORD, QUEUE = 4, 6, 3, 12, 11
OPT_WANTED = 5


class Client:
    """An application, frame by frame."""

    def __init__(self, node, name="test", token=bytes(16), session=0):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(WAIT)
        self.s.connect(node.app)
        self.request = 0
        self.say(Type.HELLO, wire.hello(name, session=session, token=token))
        self.welcome = self.error = None
        h, body = self.hear()
        if h.type == Type.ERROR:
            self.error = wire.decode_error(body)
        else:
            equal(h.type, Type.WELCOME, "answer to hello")
            self.welcome = wire.decode_welcome(body)

    def say(self, type, body=b"", peer=0):
        self.request += 1
        self.s.sendall(wire.frame(type, body, request=self.request, peer=peer))

    def read(self, n):
        data = b""
        while len(data) < n:
            more = self.s.recv(n - len(data))
            if not more:
                raise Failure("the daemon closed")
            data += more
        return data

    def hear(self):
        h = wire.head(self.read(16))
        return h, self.read(h.length)

    def expect(self, *types):
        """The next of these types; what comes before is passed over."""
        while True:
            h, body = self.hear()
            if h.type in types:
                return h, body

    def attach(self, name="tst", versions=((1, 8),), **more):
        """The capability's number, or the error's number, room and text."""
        self.say(Type.ATTACH, wire.attach(name, versions, **more))
        h, body = self.expect(Type.ATTACHED, Type.ERROR)
        equal(h.request, self.request, "answer to attach")
        if h.type == Type.ERROR:
            return wire.decode_error(body)
        return wire.decode_capid(body)

    def close(self):
        self.s.close()


def advertised(n):
    return n.status()["capabilities"]


def stopped(n):
    equal(n.stop(), 0, "exit of p2pd")
    n.clean()


def comes_back():
    """The peers stay, and so does the name; what was missed is counted."""
    n = Node("application grace 1h")
    monitor = n.monitor()
    c = Client(n, "first")
    check(not c.welcome.flags & wire.RESUMED, "nothing to resume")
    equal(c.welcome.grace_ms, 3600 * 1000, "grace")
    capid = c.attach()
    peer = Peer(n, "-c", CAP)
    up = c.expect(Type.PEER_UP)[0]
    c.close()
    until(lambda: n.ctl("show", "apps")[0]["capabilities"][0]["away"])
    equal(advertised(n), [CAP], "capabilities of one who is away")
    monitor.expect('"app-away"')
    peer.do("send 0x12 100")
    peer.do("send 0x13 50")
    # nobody else may have it, and is told why; this process lives
    number, _, text = Client(n, "second").attach()
    equal(number, BUSY, "second owner")
    equal(text, f"tst is attached by uid {os.getuid()}, pid {os.getpid()}, "
          '"first", which is away but may come back', "why")
    equal(Client(n, token=bytes(range(16))).welcome.flags, 0, "another token")
    until(lambda: n.peers()[0]["msgs_in"] == 2)
    again = Client(n, "first", c.welcome.token)
    equal(again.welcome.flags, wire.RESUMED, "token is known")
    equal(again.welcome.token, c.welcome.token, "token")
    equal(again.attach(), capid, "the same capability")
    h, _ = again.expect(Type.PEER_UP)
    equal((h.peer, h.flags), (up.peer, wire.SNAPSHOT), "the same peer")
    _, body = again.expect(Type.SNAPSHOT_END)
    equal(wire.decode_counts(body), (capid, 2, 150), "what was missed")
    monitor.expect('"app-resumed"')
    peer.do("send 0x14 7")
    _, body = again.expect(Type.MESSAGE)
    equal(wire.decode_message(body)[1], 4, "the next message's code")
    # in order: no grace
    again.say(Type.DETACH, wire.capid(capid))
    again.expect(Type.DETACHED)
    peer.expect("^disconnect 0x03")
    equal(advertised(n), [], "after detach")
    stopped(n)


def comes_too_late():
    n = Node("application grace 1s")
    c = Client(n)
    capid = c.attach()
    peer = Peer(n, "-c", CAP)
    c.expect(Type.PEER_UP)
    c.close()
    peer.expect("^disconnect 0x03")
    until(lambda: not advertised(n))
    again = Client(n, token=c.welcome.token)
    equal(again.welcome.flags, 0, "a token of the past")
    check(again.attach() != capid, "another capability")
    stopped(n)


def without_token():
    """A killed program's next start need not wait for the grace time."""
    n = Node("application grace 1h")
    app = n.attach(CAP + ":8")
    peer = Peer(n, "-c", CAP)
    app.expect(event="peer-up")
    app.kill(signal.SIGKILL)
    app.wait()
    until(lambda: n.ctl("show", "apps")[0]["capabilities"][0]["away"])
    equal(advertised(n), [CAP], "capabilities of one who is away")
    n.attach(CAP + ":8")
    peer.expect("^disconnect 0x03")
    stopped(n)


def rules():
    uid = os.getuid()
    n = Node(f'allow application user {uid} capability "fast/2" rate 1M',
             f'allow application user {uid} capability "fast" as owner',
             f'allow application user {uid} capability "seen" as tap',
             f'allow application user {uid} capability "some/1"',
             'deny application any capability "[fs]*"')
    c = Client(n)
    check(isinstance(c.attach("fast", ((1, 8), (2, 8))), int), "fast")
    number, _, text = c.attach("seen")
    equal((number, text), (DENIED, "the configuration does not let "
                           f"uid {uid} attach seen/1"), "owner of seen")
    check(isinstance(c.attach("seen", (), tap=True), int), "tap of seen")
    equal(c.attach("some", ((1, 8), (2, 8)))[0], DENIED, "one version of two")
    equal(c.attach("some", (), tap=True)[0], DENIED, "tap of all versions")
    check(isinstance(c.attach("some", tap=True), int), "tap of one")
    check(isinstance(c.attach("other"), int), "no rule for it")
    app = n.ctl("show", "apps")[0]
    equal([(a["name"], a["tap"]) for a in app["capabilities"]],
          [("fast", False), ("other", False), ("seen", True), ("some", True)],
          "show apps")
    check("rate 1M" in "".join(n.ctl("show", "config")["lines"]), "the rule")
    stopped(n)
    n = Node("deny application any")
    equal(Client(n).error[0], DENIED, "hello of one who may nothing")
    stopped(n)


def loud():
    """One that attaches all the time does not fill the log."""
    n = Node()
    c = Client(n)

    def again():
        c.say(Type.DETACH, wire.capid(c.attach()))
        c.expect(Type.DETACHED)

    for _ in range(1000):
        again()
    dropped = "[1-9][0-9]* log lines of applications dropped"

    def told():
        """Once there is room it says how many were lost, and goes on."""
        again()
        return re.search(dropped + ".*attached tst in session 0",
                         "\n".join(n.process.lines), re.S)

    until(told)
    stopped(n)


def too_often():
    """A user's share of attaches and updates is used up, and comes back."""
    n = Node()
    clients = [Client(n), Client(n)]
    capids = [c.attach(name) for c, name in zip(clients, ("one", "two"))]
    taken = []
    for c, capid in zip(clients, capids):
        refused = None
        taken.append(0)
        while not refused:
            for _ in range(16):
                c.say(Type.UPDATE, wire.capid(capid) +
                      wire.option_u32(OPT_WANTED, 5))
            for _ in range(16):
                h, body = c.expect(Type.UPDATED, Type.ERROR)
                if h.type == Type.ERROR:
                    refused = wire.decode_error(body)
                else:
                    taken[-1] += 1
            check(taken[-1] < 20000, "20,000 updates were taken")
        equal(refused[0], QUEUE, "error")
        check(f"uid {os.getuid()} attaches and updates too often" in refused[2],
              refused[2])
    # The second connection has not a share of its own.
    check(taken[0] > 1000 and taken[1] < taken[0] / 2, f"taken: {taken}")
    until(lambda: isinstance(clients[0].attach("later"), int))
    stopped(n)


def makes_room():
    """With the table full and an application in want, who serves it nothing
    goes: not before its time, not who is trusted, and not for nothing."""
    n = Node("max-peers 3", "dial no", "throttle off", "retire after 2s every 1s")
    monitor = n.monitor()
    c, d = Client(n, "any"), Client(n, "want")
    c.attach("any")
    capid = d.attach("tst", options=wire.option_u32(OPT_WANTED, 1))
    ids = []

    def peer(*caps):
        p = Peer(n, "-t", "60", *(w for cap in caps for w in ("-c", cap)))
        ids.append(p.expect(r"^self ([0-9a-f]{128})").group(1))
        until(lambda: ids[-1] in {q["id"] for q in n.peers()})
        return p

    def want(number):
        d.say(Type.UPDATE, wire.capid(capid) +
              wire.option_u32(OPT_WANTED, number))
        d.expect(Type.UPDATED)

    peers = [peer("any/1"), peer("any/1"), peer("tst/1", "any/1")]
    n.ctl("peer", "trust", ids[0])
    equal({q["id"] for q in n.peers()}, set(ids), "peers of a full table")
    want(2)
    peers[1].expect("^disconnect 0x04")
    down = json.loads(monitor.expect(r'.*"peer-down".*').group(0))
    equal((down["id"], down["reason"], down["disc"]),
          (ids[1], "retired", "too many peers"), "peer-down")
    # its session counts from a little later than who retires it
    check(down["ms"] >= 1900, f"retired after {down['ms']} ms")
    peers.append(peer("tst/1"))     # the one that is wanted, in its place
    want(3)
    n.ctl("peer", "untrust", ids[0])
    peers[0].expect("^disconnect 0x04")
    until(lambda: len(n.peers()) == 2)
    equal({q["id"] for q in n.peers()}, set(ids[2:]), "who stays")
    stopped(n)


def rate():
    """A limit is for all sessions together, each of which has its part."""
    n = Node("sessions 2", f"allow application user {os.getuid()} rate 200K")
    first = Client(n)
    both = [first, Client(n, token=first.welcome.token, session=1)]
    capids = [c.attach() for c in both]
    peer = Peer(n, "-c", CAP)
    at = until(n.peers)[0]["session"]
    h, _ = both[at].expect(Type.PEER_UP)
    began = time.monotonic()
    for _ in range(25):
        both[at].say(Type.SEND, wire.send(capids[at], 1, bytes(10240)),
                     peer=h.peer)
    both[at].say(Type.DETACH, wire.capid(capids[at]))
    both[at].expect(Type.DETACHED)
    took = time.monotonic() - began
    # At most a second's worth was saved; of the whole limit 0.3 s would do.
    check(1.4 < took < 60, f"250 KiB took {took:.2f} s")
    del peer
    stopped(n)


def shares():
    n = Node()
    clients = [Client(n) for _ in range(32)]
    number, _, text = Client(n).error
    equal((number, text), (QUEUE, "too many applications"), "one too many")
    clients.pop().close()
    until(lambda: Client(n).error is None)
    equal(Client(n, session=7).error[0], 7, "a session that is none")
    stopped(n)


def record():
    """Entries for the node's record, theirs and ours, and its room."""
    def enr(key, n):
        return wire.option_enr(key, bytes([0x80 + n]) + b"x" * n)

    n = Node()
    c = Client(n)
    equal(c.attach(options=enr("ip6", 16))[0], INVALID, "our key")
    equal(c.attach(options=wire.option_enr("x", b"\x01\x02"))[0], INVALID,
          "no RLP")
    check(isinstance(c.attach(options=enr("fork", 50)), int), "an entry")
    other = Client(n)
    number, _, text = other.attach("two", options=enr("fork", 2))
    equal(number, BUSY, "another's key")
    check(f"for tst by uid {os.getuid()}, pid {os.getpid()}" in text, text)
    number, room, _ = other.attach("two", options=enr("key", 55))
    equal((number, room), (RECORD, 115 - 5 - 51), "room")
    equal(n.ctl("show", "apps")[0]["capabilities"][0]["record"], ["fork"],
          "keys")
    stopped(n)


def penalties():
    n = Node()
    monitor = n.monitor()
    c = Client(n, "judge")
    c.attach()
    peer = Peer(n, "-c", CAP)
    ident = peer.expect(r"^self ([0-9a-f]{128})").group(1)
    handle = c.expect(Type.PEER_UP)[0].peer
    c.say(Type.PENALISE, wire.penalise(2, 3600), peer=handle)
    peer.expect("^disconnect 0x02")
    _, body = c.expect(Type.PEER_DOWN)
    equal(wire.decode_down(body).disc, 2, "reason on the wire")
    ban = n.ctl("ban", "show")[0]
    equal((ban["what"], ban["note"]), (ident, 'application "judge", uid '
                                       f"{os.getuid()}, pid {os.getpid()}"),
          "the ban")
    monitor.expect('"peer-penalised".*' + ident)
    # the operator's are spared
    peer = Peer(n, "-c", CAP)
    ident = peer.expect(r"^self ([0-9a-f]{128})").group(1)
    handle = c.expect(Type.PEER_UP)[0].peer
    n.ctl("peer", "trust", ident)
    c.say(Type.PENALISE, wire.penalise(3, 3600), peer=handle)
    peer.expect("^disconnect 0x03")
    equal(len(n.ctl("ban", "show")), 1, "bans")
    monitor.expect('"banned":false.*"spared":"trusted"')
    until(lambda: not n.peers())
    n.stop()
    n.start()
    equal([b["what"] for b in n.ctl("ban", "show")], [ban["what"]],
          "bans after a restart")
    stopped(n)


def hints():
    here, there = Node("dial-ratio 10", "max-peers 10"), Node()
    there.attach(CAP + ":8")
    c = Client(here)
    c.attach()
    ident = bytes.fromhex(there.id)
    c.say(Type.HINT, wire.hint(ident, "127.0.0.1", there.port, 0))
    h, body = c.expect(Type.PEER_UP)
    up = wire.decode_up(body)
    equal((up.id, up.flags), (ident, 0), "dialed, and not static")
    until(lambda: (here.status()["candidates_taken"],
                   here.status()["candidates"]) == (1, 0))
    # one is all that it dials: the next waits
    c.say(Type.HINT, wire.hint(bytes.fromhex(here.id), "127.0.0.1", 1, 0))
    until(lambda: here.status()["candidates_refused"] == 1)
    c.say(Type.HINT, wire.hint(bytes.fromhex(
        "c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5"
        "1ae168fea63dc339a3c58419466ceaeef7f632653266d0e1236431a950cfe52a"),
        "127.0.0.1", there.port, 0))
    until(lambda: here.status()["candidates"] == 1)
    c.say(Type.DISCONNECT, wire.disconnect(3), peer=h.peer)
    until(lambda: here.status()["candidates"] == 0)
    until(lambda: [a for a in here.ctl("show", "history")
                   if a["reason"] == "handshake-eof" and not a["static"]])
    stopped(here)
    stopped(there)


if __name__ == "__main__":
    main([comes_back, comes_too_late, without_token, rules, rate, loud,
          too_often, makes_room, shares, record, penalties, hints])
