#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Who becomes a peer and who does not, and what both sides are told."""

import os
import socket

from p2ptest import (Node, Peer, check, equal, free_port, main, until)

CAP = "tst/1"


def refused(node, code, reason, *options, cap=CAP):
    """A peer that is told code; the history has the local reason."""
    before = len(reasons(node, reason))
    p = Peer(node, "-c", cap, *options, actions=["wait disconnect"])
    p.expect(rf"^disconnect 0x{code:02x} ")
    p.wait()
    until(lambda: len(reasons(node, reason)) > before)


def reasons(node, reason):
    return [h for h in node.ctl("show", "history") if h["reason"] == reason]


def closed(node, reason, *options):
    """A peer that is not even answered."""
    p = Peer(node, "-c", CAP, *options, actions=["wait closed"])
    p.expect(r"^(closed|reset)")
    p.wait()
    until(lambda: reasons(node, reason))


def enter(node, *options, cap=CAP):
    """A peer that is in."""
    p = Peer(node, "-c", cap, *options)
    p.id = p.expect(r"^self ([0-9a-f]{128})").group(1)
    p.expect(r"^hello ")
    until(lambda: p.id in [q["id"] for q in node.peers()])
    return p


def key_of(number):
    return f"{number:064x}"


def useless():
    n = Node("application grace 1s")
    refused(n, 3, "no-applications")
    check(any("no application" in w for w in n.status()["warnings"]),
          "p2pctl does not say why")
    app = n.attach("oth/1:4")
    refused(n, 3, "useless")
    app.kill()
    until(lambda: not n.status()["capabilities"])
    refused(n, 3, "no-applications")
    n.stop()
    n.clean()


def inbound_share_and_trust():
    n = Node("max-peers 4", "dial-ratio 4")
    n.attach(CAP + ":8")
    peers = [enter(n) for _ in range(3)]
    refused(n, 4, "too-many-inbound")
    key = key_of(7)
    p = Peer(n, "-k", key, "-c", CAP, actions=["wait disconnect"])
    who = p.expect(r"^self ([0-9a-f]{128})").group(1)
    p.expect(r"^disconnect 0x04")
    p.wait()
    n.ctl("peer", "trust", who)
    vip = enter(n, "-k", key)
    check([q for q in n.peers() if q["id"] == who][0]["trusted"], "not trusted")
    n.ctl("peer", "untrust", who)
    until(lambda: not [q for q in n.peers() if q["id"] == who][0]["trusted"])
    equal(n.status()["peers_in"], 4, "inbound peers")
    for p in [*peers, vip]:
        p.kill()
    until(lambda: n.status()["peers"] == 0)
    enter(n)
    n.stop()
    n.clean()


def too_many_peers():
    n = Node("max-peers 1", "dial no")
    n.attach(CAP + ":8")
    enter(n)
    refused(n, 4, "too-many-peers")
    n.stop()
    n.clean()


def identities():
    n = Node()
    n.attach(CAP + ":8")
    enter(n, "-k", key_of(9))
    refused(n, 5, "already-connected", "-k", key_of(9))
    refused(n, 0x0a, "self", "-k", os.path.join(n.data, "nodekey"))
    refused(n, 9, "wrong-identity", "-x", "id=foreign")
    refused(n, 7, "null-identity", "-x", "id=null")
    equal(n.status()["peers"], 1, "peers")
    n.stop()
    n.clean()


def bans():
    n = Node()
    app = n.attach(CAP + ":8")
    app.expect(event="session-up")
    p = enter(n, "-k", key_of(11))
    n.ctl("ban", "add", p.id, "--note", "rude")
    p.expect(r"^disconnect 0x00 ")
    refused(n, 0, "banned-id", "-k", key_of(11))
    n.ctl("ban", "add", "127.0.9.0/24", "--for", "20000d")  # beyond 2038
    closed(n, "banned-address", "-b", "127.0.9.1")
    other = enter(n, "-b", "127.0.8.1")
    n.ctl("ban", "add", "127.0.8.1")
    other.expect(r"^(disconnect|closed)")
    # The configuration bans it, too, for as long as it says so.
    text = open(n.conf).read()
    open(n.conf, "w").write(text + "ban 127.0.9.0/24\n")
    n.stop()
    n.start()
    both = {b["what"]: b for b in n.ctl("ban", "show")}["127.0.9.0/24"]
    equal((both["from_config"], both["expires_in_ms"]), (True, None), "both")
    check("as by the configuration" in
          n.run_ctl("ban", "add", "127.0.9.0/24", "--for", "2h").stdout, "said")
    open(n.conf, "w").write(text)
    n.stop()
    n.start()
    app.expect(event="session-up")  # it comes back by itself
    until(lambda: n.status()["capabilities"])
    shown = {b["what"]: b for b in n.ctl("ban", "show")}
    equal(len(shown), 3, "bans after a restart")
    equal(shown[p.id]["note"], "rude", "note")
    left = shown["127.0.9.0/24"]["expires_in_ms"]
    check(3600_000 < left <= 7200_000, f"ends in {left} ms")
    refused(n, 0, "banned-id", "-k", key_of(11))
    n.ctl("ban", "del", p.id)
    enter(n, "-k", key_of(11))
    n.ctl("ban", "del", "127.0.9.0/24")
    enter(n, "-b", "127.0.9.1")
    equal(n.run_ctl("ban", "del", "127.0.9.0/24").returncode, 5, "not found")
    n.ctl("ban", "add", "127.0.7.0/24", "--for", "1s")
    closed(n, "banned-address", "-b", "127.0.7.1")
    until(lambda: len(n.ctl("ban", "show")) == 1)
    enter(n, "-b", "127.0.7.1")
    n.stop()
    n.clean()


def allowlist():
    probe = Peer(None, "-k", key_of(13), "-l", "127.0.0.1:0")
    good = probe.expect(r"^self ([0-9a-f]{128})").group(1)
    probe.kill()
    n = Node(f'allowlist {{ "{good}" }}')
    n.attach(CAP + ":8")
    refused(n, 0, "not-on-allowlist")
    enter(n, "-k", key_of(13))
    n.stop()
    n.clean()


def netrestrict():
    n = Node("netrestrict { 127.0.0.1/32 }")
    n.attach(CAP + ":8")
    enter(n)
    closed(n, "netrestrict", "-b", "127.0.0.2")
    target = Peer(None, "-k", key_of(15), "-c", CAP, "-l", "127.0.0.2:0")
    url = target.expect(r"^listening (enode://\S+)").group(1)
    run = n.run_ctl("peer", "add", url, "--wait")
    check(run.returncode != 0 and "netrestrict" in run.stderr + run.stdout,
          f"dial outside netrestrict: {run}")
    n.stop()
    n.clean()


def listening(*options, host="127.0.0.1"):
    target = Peer(None, "-c", CAP, "-l", f"{host}:0", *options)
    target.url = target.expect(r"^listening (enode://\S+)").group(1)
    target.id = target.url[8:136]
    return target


def add_wait_and_remove():
    n = Node()
    n.attach(CAP + ":8")
    t = listening()
    n.ctl("peer", "add", t.url, "--wait")
    p = n.ctl("show", "peer", t.id)
    p = p[0] if isinstance(p, list) else p
    equal((p["direction"], p["static"]), ("out", True), "peer")
    n.ctl("peer", "remove", t.id)
    t.expect(r"^disconnect 0x00 ")
    until(lambda: not n.peers())
    check(not n.ctl("show", "nodes"), "node is still there")
    equal(n.run_ctl("peer", "remove", t.id).returncode, 5, "removed twice")
    dead = f"enode://{t.id}@127.0.0.1:{free_port()}"
    run = n.run_ctl("peer", "add", dead, "--wait")
    equal(run.returncode, 1, "exit status of a failed add")
    check("TCP connection failed" in run.stdout + run.stderr, run.stderr)
    n.stop()
    n.clean()


def readded_elsewhere():
    n = Node()
    n.attach(CAP + ":8")
    dead = free_port()
    t = listening("-k", key_of(17))
    n.ctl("peer", "add", f"enode://{t.id}@127.0.0.1:{dead}")
    until(lambda: reasons(n, "connect-failed"))
    n.ctl("peer", "add", t.url, "--wait")
    equal([p["id"] for p in n.peers()], [t.id], "peers")
    # while a dial to the old address hangs: its end is not the answer
    silent = socket.create_server(("127.0.0.1", 0))
    u = listening("-k", key_of(18))
    n.ctl("peer", "add", f"enode://{u.id}@127.0.0.1:"
          f"{silent.getsockname()[1]}")
    silent.accept()
    n.ctl("peer", "add", u.url, "--wait")
    check(u.id in [p["id"] for p in n.peers()], "the one at the new address")
    n.stop()
    n.clean()


def saved_and_by_name():
    n, m = Node(), Node()
    app = n.attach(CAP + ":8")
    app.expect(event="session-up")
    m.attach(CAP + ":8")
    url = f"enode://{m.id}@localhost:{m.port}"
    n.ctl("peer", "add", url, "--wait", "--save")
    n.stop()
    until(lambda: not m.peers())
    n.start()
    app.expect(event="session-up")
    # Not after a back-off: as soon as there is a program to talk to.
    until(lambda: [p["id"] for p in n.peers()] == [m.id], timeout=20)
    equal([(x["id"], x["static"], x["saved"]) for x in n.ctl("show", "nodes")],
          [(m.id, True, True)], "nodes")
    run = n.run_ctl("peer", "add", f"enode://{key_id(21)}@no.such.invalid:1",
                    "--wait")
    check("did not resolve" in run.stdout + run.stderr, f"{run}")
    for x in (n, m):
        x.stop()
        x.clean()


def trust_outlives():
    """Trust lasts over a restart where that was asked for, and ends so, too."""
    n = Node()
    kept, not_kept, static = (key_id(i) for i in (31, 32, 33))

    def again():
        n.stop()
        n.start()
        return {x["id"]: (x["static"], x["trusted"], x["saved"])
                for x in n.ctl("show", "nodes")}
    n.ctl("peer", "add", f"enode://{static}@127.0.0.1:9", "--save")
    n.ctl("peer", "trust", static, "--save")
    n.ctl("peer", "trust", kept, "--save")
    n.ctl("peer", "trust", not_kept)
    equal(again(), {static: (True, True, True), kept: (False, True, True)},
          "nodes after a restart")
    n.ctl("peer", "untrust", kept, "--save")
    n.ctl("peer", "remove", static)
    equal(again(), {static: (False, True, True)}, "nodes after another")
    n.ctl("peer", "untrust", static)
    equal(again(), {}, "nodes after the last")
    n.stop()
    n.clean()


def key_id(number):
    probe = Peer(None, "-k", key_of(number), "-l", "127.0.0.1:0")
    ident = probe.expect(r"^self ([0-9a-f]{128})").group(1)
    probe.kill()
    return ident


def cross_dial():
    """Two that dial each other end with one connection."""
    a, b = Node(), Node()
    for n in (a, b):
        n.attach(CAP + ":8")
    for _ in range(3):
        for n, m in ((a, b), (b, a)):
            n.run_ctl("peer", "add", m.enode)
        until(lambda: [p["id"] for p in a.peers()] == [b.id] and
              [p["id"] for p in b.peers()] == [a.id])
        first = {a.peers()[0]["direction"], b.peers()[0]["direction"]}
        equal(first, {"in", "out"}, "the two ends of one connection")
        for n, m in ((a, b), (b, a)):
            n.run_ctl("peer", "remove", m.id)
        until(lambda: not a.peers() and not b.peers())
    for n in (a, b):
        n.stop()
        n.clean()


def told_goodbye():
    n = Node()
    app = n.attach(CAP + ":8")
    p = enter(n)
    q = enter(n)
    n.ctl("peer", "disconnect", q.id, "too-many-peers")
    q.expect(r"^disconnect 0x04 ")
    down = app.expect(event="peer-down")
    equal(down["reason"], "operator", "reason for the application")
    n.process.process.terminate()
    p.expect(r"^disconnect 0x08 ")
    equal(n.process.wait(), 0, "exit status")
    n.clean()


def their_reasons():
    n = Node()
    app = n.attach(CAP + ":8")
    for code, name in ((4, "too-many-peers"), (8, "client-quitting"), (0, "")):
        p = enter(n)
        p.do(f"disconnect {code}")
        down = app.expect(event="peer-down")
        equal((down["reason"], down["disc_code"], down["remote"]),
              ("remote", code, True), "what the peer said")
    n.stop()
    n.clean()


if __name__ == "__main__":
    main([useless, inbound_share_and_trust, too_many_peers, identities, bans,
          allowlist, netrestrict, add_wait_and_remove, readded_elsewhere,
          saved_and_by_name, trust_outlives,
          cross_dial, told_goodbye, their_reasons])
