#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""The whole attach interface as p2pctl attach has it, on real daemons: taps, sends
to many over several sessions, penalties, and programs that are started again."""

import json
import os
import signal
import sys
import tempfile

from p2ptest import App, Lines, Node, P2PCTL, check, equal, main, until

OTHERS = 6


def attach(node, *args):
    """An application with options and the like; attached when it returns."""
    app = App(node, *args)
    app.expect(event="attached")
    app.expect(event="snapshot-end")
    return app


def quit(app):
    app.process.stdin.close()
    equal(app.wait(), 0, "exit of p2pctl attach")


def clean(*nodes):
    for n in nodes:
        n.stop()
        n.clean()


def to_many():
    """One node with two sessions in the middle of many."""
    hub = Node("sessions 2")
    others = [Node() for _ in range(OTHERS)]
    ears = [n.attach("tst/1:4") for n in others]
    app = hub.attach("tst/1:4")
    peers = {}
    for n in others:
        hub.ctl("peer", "add", n.enode)
    for _ in others:
        up = app.expect(event="peer-up")
        peers[up["id"]] = up["peer"]
    sessions = {p["session"] for p in hub.peers()}
    equal(len(sessions), 2, "sessions that have peers")
    handles = [peers[n.id] for n in others]

    def many(expect_written, id, **how):
        app.say(json.dumps({"multisend": dict(
            capability="tst", code=1, data="0x" + bytes([id]).hex(), id=id,
            **how)}))
        done = app.expect(event="sent-many", id=id)
        equal((done["written"], done["dropped"]), (expect_written, 0),
              f"outcome of {how}")
        return done

    many(OTHERS, 1)
    for ear in ears:
        ear.expect(event="message", data="0x01")
    many(OTHERS - 2, 2, but=handles[:2])
    for ear in ears[2:]:
        ear.expect(event="message", data="0x02")
    equal(many(2, 3, peers=[handles[0], handles[5], 999])["gone"], 1, "gone")
    ears[0].expect(event="message", data="0x03")
    ears[5].expect(event="message", data="0x03")
    for i in range(10, 30):
        many(3, i, random=3, but=[handles[0]])
    many(OTHERS, 40, random=100, version=1)
    many(0, 41, version=1, peers=[])
    got = []
    for ear in ears:
        ear.expect(event="message", data="0x28")
        with ear.changed:
            texts = [json.loads(t) for t in ear.lines]
        got.append(sum(e["event"] == "message" and
                       10 <= int(e["data"], 16) < 30 for e in texts))
    equal((got[0], sum(got)), (0, 60), "random messages")
    check(all(2 <= n <= 22 for n in got[1:]), f"random is not even: {got}")
    for ear in ears:
        quit(ear)
    quit(app)
    clean(hub, *others)


def tap():
    """A tap waits for its owner, sees both directions, and may not speak."""
    here, there = Node(), Node()
    ear = App(here, "-t", "tst")
    equal(ear.expect(event="attached")["tap"], True, "tap")
    far = there.attach("tst/1:4")
    app = here.attach("tst/1:4")
    here.ctl("peer", "add", there.enode)
    peer = app.expect(event="peer-up")["peer"]
    far_peer = far.expect(event="peer-up")["peer"]
    equal(ear.expect(event="peer-up")["peer"], peer, "the tap's peer")
    app.send(peer, "tst", 1, b"there", id=1)
    far.expect(event="message", data="0x" + b"there".hex())
    far.send(far_peer, "tst", 2, b"back")
    out = ear.expect(event="message", out=True)
    equal((out["code"], out["data"]), (1, "0x" + b"there".hex()), "sent")
    equal(ear.expect(event="message", out=False)["code"], 2, "received")
    app.expect(event="message", code=2)
    ear.send(peer, "tst", 1, b"no")
    ear.expect(event="error", error="denied")
    # its end is the owner's business only
    quit(ear)
    app.send(peer, "tst", 1, b"on", id=2)
    equal(app.expect(event="sent", id=2)["outcome"], "written", "outcome")
    quit(app)
    quit(far)
    clean(here, there)


def penalise():
    here, there = Node(), Node()
    far = there.attach("tst/1:4")
    app = here.attach("tst/1:4")
    there.ctl("peer", "add", here.enode)
    peer = app.expect(event="peer-up")["peer"]
    app.say('{"penalise":{"peer":%d,"seconds":600,"reason":2}}' % peer)
    down = app.expect(event="peer-down", peer=peer)
    equal((down["disc_code"], down["remote"]), (2, False), "its end")
    far.expect(event="peer-up")
    far.expect(event="peer-down", disc_code=2, remote=True)
    check(there.id in json.dumps(here.ctl("ban", "show")), "it is not banned")
    quit(app)
    quit(far)
    clean(here, there)


PROGRAM = """
import json, os, sys
out = open(sys.argv[1], "a", buffering=1)
print("started", os.getpid(), file=out)
for line in sys.stdin:
    event = json.loads(line)
    if event["event"] in ("peer-up", "peer-down", "snapshot-end"):
        print(line, end="", file=out)
    if event["event"] == "message":
        print(json.dumps({"send": {"peer": event["peer"], "code": 3,
              "capability": "tst", "data": event["data"]}}), flush=True)
"""


def started_again():
    """A program that is killed is started again, and its peers have seen nothing of
    it but that one message was not answered."""
    here, there = Node(), Node()
    far = there.attach("tst/1:4")
    with tempfile.TemporaryDirectory() as tmp:
        script, log = os.path.join(tmp, "p.py"), os.path.join(tmp, "log")
        with open(script, "w") as f:
            f.write(PROGRAM)
        run = Lines("p2pctl attach --", [
            P2PCTL, "-s", here.app, "attach", "--restart", "on-failure",
            "tst/1:4", "--", sys.executable, "-u", script, log])

        def told(what, n=1):
            try:
                with open(log) as f:
                    found = [t for t in f if what in t]
            except FileNotFoundError:
                found = []
            return found[n - 1] if len(found) >= n else None

        until(lambda: told("snapshot-end"))
        there.ctl("peer", "add", here.enode)
        up = far.expect(event="peer-up")
        until(lambda: told("peer-up"))
        far.send(up["peer"], "tst", 1, b"one")
        far.expect(event="message", code=3, data="0x" + b"one".hex())
        os.kill(int(told("started").split()[1]), signal.SIGKILL)
        run.expect("ended with status 137; starting it again in 1 s")
        here.process.expect("left session 0")
        far.send(up["peer"], "tst", 1, b"two", id=2)
        far.expect(event="sent", id=2)
        until(lambda: told("snapshot-end", 2))
        again = json.loads(told("peer-up", 2))
        equal(again["snapshot"], True, "it was there before")
        missed = json.loads(told("snapshot-end", 2))
        equal((missed["messages"], missed["bytes"]), (1, 3), "missed")
        far.send(up["peer"], "tst", 1, b"three")
        far.expect(event="message", code=3, data="0x" + b"three".hex())
        run.process.send_signal(signal.SIGTERM)
        equal(run.wait(), 128 + signal.SIGTERM, "exit of p2pctl attach")
    down = far.expect(event="peer-down")
    equal(down["disc_code"], 3, "the reason when it has gone for good")
    quit(far)
    clean(here, there)


def daemon_restarts():
    """The daemon is stopped and started: who was attached is again, by itself."""
    here, there = Node(), Node()
    far = there.attach("tst/1:4")
    app = here.attach("tst/1:4")
    there.ctl("peer", "add", here.enode)
    app.expect(event="peer-up")
    here.stop()
    app.expect(event="peer-down")
    app.expect(event="session-down")
    here.start()
    equal(app.expect(event="session-up", resumed=False)["grace_ms"], 10000,
          "grace")
    app.expect(event="resumed", messages=0)
    until(lambda: here.status()["capabilities"])
    far.expect(event="peer-down")
    here.ctl("peer", "add", there.enode)
    peer = app.expect(event="peer-up")["peer"]
    app.send(peer, "tst", 1, b"again")
    far.expect(event="message", data="0x" + b"again".hex())
    quit(app)
    quit(far)
    clean(here, there)


if __name__ == "__main__":
    main([to_many, tap, penalise, started_again, daemon_restarts])
