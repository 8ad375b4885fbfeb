#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Children die; established peers stay, and those who go, go with a reason."""

import json
import os
import signal
import time

from p2ptest import LOAD, Lines, Node, Peer, check, equal, main, until

PEERS = 100
SLOW = os.environ.get("P2PD_TEST_SLOW")


def load(n, count, *options):
    p = Lines("load", [LOAD, "-n", str(count), *options, n.enode])
    p.expect(r"^up=")
    until(lambda: n.status()["peers"] == count)
    return p


def restarted(n, name, old, instance=0):
    def again():
        now = n.pids().get((name, instance), 0)
        return now if now not in (0, old) else None
    return until(again)


def any_child_but_the_session():
    n = Node("max-peers 200", "dial-ratio 10")
    app = n.attach("bench/1:5")
    swarm = load(n, PEERS)
    before = {p["handle"] for p in n.peers()}
    equal(len(before), PEERS, "peers")
    for name in ("listener", "dialer", "resolver", "control"):
        old = n.pids()[(name, 0)]
        os.kill(old, signal.SIGKILL)
        killed = time.monotonic()
        extra = Peer(n, "-c", "bench/1", actions=["wait hello", "hold"])
        extra.expect(r"^hello ")
        took = time.monotonic() - killed
        check(took < (1.0 if not SLOW else 30.0),
              f"new connections {took:.2f} s after the {name} died")
        if name == "control":
            until(lambda: n.run_ctl("show", "processes").returncode == 0)
        restarted(n, name, old)
        process = [p for p in n.ctl("show", "processes")
                   if p["process"] == name][0]
        equal(process["restarts"], 1, f"restarts of the {name}")
        check("signal 9" in process["last_cause"], f"cause: {process}")
        until(lambda: n.status()["peers"] == PEERS + 1)
        extra.kill()
        until(lambda: n.status()["peers"] == PEERS)
        equal({p["handle"] for p in n.peers()}, before,
              f"peers after the {name} died")
    check(swarm.open, "the swarm is there")
    app.kill()
    n.stop()
    n.clean()


def one_of_two_sessions():
    n = Node("max-peers 200", "dial-ratio 10", "sessions 2")
    app = n.attach("bench/1:5")
    load(n, 20)
    pids = n.pids()
    by_session = {}
    for p in n.peers():
        by_session.setdefault(p["session"], set()).add(p["handle"])
    equal(sorted(len(s) for s in by_session.values()), [10, 10],
          "peers of the two sessions")
    monitor = n.monitor()
    os.kill(pids[("session", 1)], signal.SIGKILL)
    gone = set()
    for _ in by_session[1]:
        e = json.loads(monitor.expect(r'.*"peer-down".*').group(0))
        equal(e["reason"], "session-died", "reason of the event")
        gone.add(e["handle"])
    equal(gone, by_session[1], "peers that went")
    told = {app.expect(event="peer-down", reason="session-died")["peer"]
            for _ in by_session[1]}
    equal(told, by_session[1], "peers that the application was told of")
    equal({p["handle"] for p in n.peers()} & by_session[0], by_session[0],
          "peers that stay")
    restarted(n, "session", pids[("session", 1)], 1)
    history = n.ctl("show", "history")
    equal(len([h for h in history if h["reason"] == "session-died"]), 10,
          "ends in the history")
    # The application is back in the new session: both take peers again.
    fresh = Peer(n, "-c", "bench/1", actions=["wait hello", "hold"])
    fresh.expect(r"^hello ")
    until(lambda: n.status()["peers"] >= 11)
    app.kill()
    n.stop()
    n.clean()


def told_to_come_again():
    """The only session was lost, and its application is not back yet: a peer
    is not useless then."""
    n = Node()
    app = n.attach("tst/1:8")
    app.process.send_signal(signal.SIGSTOP)
    old = n.pids()[("session", 0)]
    os.kill(old, signal.SIGKILL)
    restarted(n, "session", old)
    p = Peer(n, "-c", "tst/1", actions=["wait disconnect"])
    p.expect("^disconnect 0x04")
    p.wait()
    until(lambda: n.ctl("show", "history"))
    equal([h["reason"] for h in n.ctl("show", "history")], ["session-busy"],
          "reasons")
    check(any("0x04" in w for w in n.status()["warnings"]), "p2pctl does not say")
    app.process.send_signal(signal.SIGCONT)
    until(lambda: n.status()["capabilities"])
    p = Peer(n, "-c", "tst/1")
    p.expect("^hello ")
    until(lambda: n.status()["peers"] == 1)
    n.stop()
    n.clean()


def ended_parent_ends_all():
    n = Node()
    pids = [p for p in n.pids().values()]
    n.process.kill()
    until(lambda: not any(os.path.exists(f"/proc/{p}") for p in pids))
    n.process = None
    n.start()
    n.stop()
    n.clean()


main([any_child_but_the_session, one_of_two_sessions, told_to_come_again,
      ended_parent_ends_all])
