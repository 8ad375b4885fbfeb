#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""lib/python on real daemons: its example, and all that a client can ask for,
between two nodes and two clients."""

import asyncio
import os
import sys

from p2ptest import WAIT, Lines, Node, check, equal, main, until

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
PACKAGE = os.path.join(TOP, "lib/python")

if sys.version_info < (3, 9):
    print("1..0 # SKIP needs Python 3.9 or later")
    sys.exit(77)
sys.path.insert(0, PACKAGE)

import p2papp  # noqa: E402

TST = {1: 8, 2: 12}


def example(name, *argv):
    path = os.pathsep.join(filter(None, (PACKAGE, os.environ.get("PYTHONPATH"))))
    return Lines(name, [sys.executable, "-u", os.path.join(PACKAGE, "examples", name),
                        *argv], env=dict(os.environ, PYTHONPATH=path))


async def wait_for(client, kind, **match):
    """The next event of a kind; others are passed over."""
    async def look():
        async for event in client:
            if isinstance(event, kind) and all(
                    getattr(event, k) == v for k, v in match.items()):
                return event
        raise AssertionError("the client ended")
    return await asyncio.wait_for(look(), WAIT)


def world(settings=(), there_settings=()):
    """Runs the coroutine with two nodes and a client for each."""
    def wrap(work):
        def test():
            here, there = Node(*settings), Node(*there_settings)

            async def go():
                async with p2papp.Client(here.app, name="here") as one, \
                        p2papp.Client(there.app, name="there") as two:
                    await asyncio.wait_for(work(here, there, one, two), 3 * WAIT)
            asyncio.run(go())
            for node in (here, there):
                node.stop()
                node.clean()
        test.__name__ = work.__name__
        return test
    return wrap


async def meet(here, there, one, two, **options):
    """Both have tst, and are peers."""
    tst = await one.attach("tst", TST, **options)
    await two.attach("tst", TST)
    await wait_for(one, p2papp.SnapshotEnd)
    until(lambda: here.status()["capabilities"] and there.status()["capabilities"])
    here.ctl("peer", "add", there.enode)
    up = await wait_for(one, p2papp.PeerUp)
    equal((up.peer.version, up.peer.codes, up.peer.id.hex(), up.peer.static,
           up.peer.inbound), (2, 12, there.id, True, False), "the peer")
    back = await wait_for(two, p2papp.PeerUp)
    equal((back.peer.id.hex(), back.peer.inbound), (here.id, True), "the other")
    return tst, up.peer, back.peer


def echo_over_sessions():
    here, there = Node("sessions 2"), Node("sessions 2")
    echo = example("echo.py", "-s", there.app, "tst/1:8", "tst/2:12")
    echo.expect("attached tst")
    app = here.attach("tst/2:12")
    here.ctl("peer", "add", there.enode, "--wait")
    up = app.expect(event="peer-up")
    for size in (0, 1, 1024, 65536, 1 << 20, 15 << 20):
        app.send(up["peer"], "tst", 3, b"\xa5" * size)
        equal(app.expect(event="message")["data"], "0x" + "a5" * size, "the echo")
    for (name, _), pid in there.pids().items():
        if name == "session":
            os.kill(pid, 9)
    echo.expect("down: session-died")
    until(lambda: there.status()["capabilities"])
    there.ctl("peer", "add", here.enode)
    echo.expect("peer .* up")
    echo.kill()
    for node in (here, there):
        node.stop()
        node.clean()


@world()
async def messages_and_outcomes(here, there, one, two):
    tst, peer, back = await meet(here, there, one, two)
    await one.send(peer, 3, b"plain")
    sent = await one.submit(peer, 3, b"urgent", priority=True)
    many = await one.multisubmit(tst, 4, b"all")
    none = await one.multisubmit(tst, 4, b"none", but=[peer])
    equal((await sent).outcome, p2papp.Outcome.WRITTEN, "outcome")
    equal(await many, p2papp.SentMany(1, 0, 0), "of many")
    equal(await none, p2papp.SentMany(0, 0, 0), "of none")
    got = [await wait_for(two, p2papp.Message) for _ in range(3)]
    equal([(m.peer, m.code, m.data) for m in got],
          [(back, 3, b"plain"), (back, 3, b"urgent"), (back, 4, b"all")], "messages")
    one.disconnect(peer, p2papp.Reason.USELESS)
    down = await wait_for(one, p2papp.PeerDown)
    equal((down.reason_name, down.disc, down.msgs_out), ("application", 3, 3), "the end")
    down = await wait_for(two, p2papp.PeerDown)
    equal((down.disc, down.remote, down.msgs_in), (3, True, 3), "the other end")


@world(there_settings=("sessions 2",))
async def comes_back_to_its_peers(here, there, one, two):
    tst, peer, back = await meet(here, there, one, two)
    await two.close(keep=True)
    for i in range(3):
        equal((await (await one.submit(peer, 0, bytes(100)))).outcome,
              p2papp.Outcome.WRITTEN, "sent meanwhile")
    other = p2papp.Client(there.app, name="other")
    async with other:
        try:
            await other.attach("tst", TST)
            check(False, "another one was let in")
        except p2papp.Refused as e:
            equal(e.name, "busy", "refusal")
    async with p2papp.Client(there.app, name="again", token=two.token) as again:
        await again.attach("tst", TST)
        check(again.resumed, "the token was not known")
        up = await wait_for(again, p2papp.PeerUp)
        equal((up.snapshot, up.peer.handle), (True, back.handle), "the peer of before")
        end = await wait_for(again, p2papp.SnapshotEnd, session=up.peer.session)
        equal((end.missed, end.missed_bytes), (3, 300), "missed")
        await again.send(up.peer, 1, b"here we are")
        equal((await wait_for(one, p2papp.Message)).data, b"here we are", "message")


@world()
async def a_tap_sees_both_directions(here, there, one, two):
    async with p2papp.Client(here.app, name="tap") as tap:
        await tap.attach("tst", tap=True)
        tst, peer, back = await meet(here, there, one, two)
        seen = await wait_for(tap, p2papp.PeerUp)
        equal(seen.peer.handle, peer.handle, "the tap's peer")
        await one.send(peer, 1, b"out")
        await wait_for(two, p2papp.Message)
        await two.send(back, 2, b"in")
        got = [await wait_for(tap, p2papp.Message) for _ in range(2)]
        equal([(m.code, m.data, m.out) for m in got],
              [(1, b"out", True), (2, b"in", False)], "what it saw")


@world()
async def a_handshake_by_the_daemon(here, there, one, two):
    """The first message is sent at once; who is not accepted goes."""
    first = p2papp.First(0, b"status", version=2)
    options = p2papp.Options(handshake_ms=1500, first=[first])
    tst, peer, back = await meet(here, there, one, two, options=options)
    got = await wait_for(two, p2papp.Message)
    equal((got.code, got.data), (0, b"status"), "first message")
    down = await wait_for(one, p2papp.PeerDown)
    equal((down.reason_name, down.disc), ("handshake-timeout", 11), "not accepted")
    await one.update(tst, p2papp.Options(first=[]))
    there.ctl("peer", "add", here.enode)
    up = await wait_for(one, p2papp.PeerUp)
    one.accept(up.peer)
    up = await wait_for(two, p2papp.PeerUp)
    await asyncio.sleep(2)      # that nothing happens can only be waited for
    await two.send(up.peer, 5, b"still here")
    equal((await wait_for(one, p2papp.Message)).data, b"still here", "message")


@world()
async def a_penalty(here, there, one, two):
    tst, peer, back = await meet(here, there, one, two)
    two.penalise(back, p2papp.Reason.BREACH, 3600)
    down = await wait_for(one, p2papp.PeerDown)
    equal((down.disc, down.remote), (2, True), "told")
    until(lambda: any(b["what"] == here.id for b in there.ctl("show", "bans")))


if __name__ == "__main__":
    main([echo_over_sessions, messages_and_outcomes, comes_back_to_its_peers,
          a_tap_sees_both_directions, a_handshake_by_the_daemon, a_penalty])
