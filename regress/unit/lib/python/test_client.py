# SPDX-License-Identifier: ISC
"""The client in Python against a daemon that does as it is told."""

import asyncio
import unittest

import p2papp
from p2papp import wire
from fake import T, TOKEN, WAIT, Daemon


async def some(client, *kinds):
    """The next events, which must be of these kinds."""
    got = []
    for kind in kinds:
        event = await asyncio.wait_for(client.__anext__(), WAIT)
        assert isinstance(event, kind), f"{event} and not {kind}"
        got.append(event)
    return got


async def kept_busy(seconds, future):
    """As if something kept the loop from its work: its clock goes on, and what
    is due then is done. Whether the future is."""
    loop = asyncio.get_running_loop()
    clock = loop.time
    loop.time = lambda: clock() + seconds
    for _ in range(20):
        await asyncio.sleep(0)  # a turn of the loop
    return future.done()


async def both(*work):
    return await asyncio.wait_for(asyncio.gather(*work), WAIT)


class Case(unittest.TestCase):
    sessions = 1

    def run_with(self, work, **options):
        """Runs work(daemon, client, connections), with tst/1:8 attached as 7."""
        async def go():
            async with Daemon(self.sessions) as daemon:
                options.setdefault("retry_min", 0.01)
                client = p2papp.Client(daemon.path, name="test", **options)
                _, first = await both(client.open(), daemon.connection())
                rest = [await daemon.connection() for _ in range(self.sessions - 1)]
                every = sorted([first, *rest], key=lambda c: c.session)
                self.tst, *_ = await both(client.attach("tst", {1: 8}),
                                          *(c.attached(7) for c in every))
                await some(client, *[p2papp.SessionUp] * self.sessions)
                try:
                    await asyncio.wait_for(work(daemon, client, *every), WAIT)
                finally:
                    await client.close(keep=True)
        asyncio.run(go())

    async def peer(self, client, c, handle, **more):
        c.up(7, handle, **more)
        (up,) = await some(client, p2papp.PeerUp)
        return up.peer


class OneSession(Case):
    def test_peers_and_messages(self):
        async def work(daemon, client, c):
            peer = await self.peer(client, c, 42, flags=wire.SNAPSHOT)
            self.assertEqual((peer.handle, peer.version, peer.codes, peer.client),
                             (42, 1, 8, "client"))
            c.event(T.SNAPSHOT_END, bytes.fromhex("00000007" + "0" * 8 + "0" * 16 * 2))
            c.message(7, 42, 3, b"hello")
            c.message(7, 42, 3, b"own", flags=wire.OUT)
            end, one, two = await some(client, p2papp.SnapshotEnd, p2papp.Message,
                                       p2papp.Message)
            self.assertEqual((end.capability, end.missed), (self.tst, 0))
            self.assertEqual((one.peer, one.code, one.data, one.out),
                             (peer, 3, b"hello", False))
            self.assertTrue(two.out)
            await client.send(peer, 5, b"back")
            head, body = await c.read(T.SEND)
            self.assertEqual((head.peer, head.flags, body), (42, 0, wire.send(7, 5, b"back")))
            c.down(7, 42)
            (down,) = await some(client, p2papp.PeerDown)
            self.assertEqual((down.peer, down.reason_name, down.disc, down.remote,
                              down.bytes_out), (peer, "remote", 8, True, 5))
            with self.assertRaises(p2papp.Gone):
                await client.send(peer, 5, b"late")
            self.assertEqual(client.peers(), [])
        self.run_with(work)

    def test_outcomes(self):
        async def work(daemon, client, c):
            peer = await self.peer(client, c, 42)
            one = await client.submit(peer, 0, b"a", priority=True)
            two = await client.submit(peer, 0, b"b")
            many = await client.multisubmit(self.tst, 1, b"c", but=[peer], random=3)
            first, _ = await c.read(T.SEND)
            second, _ = await c.read(T.SEND)
            third, body = await c.read(T.MULTISEND)
            self.assertEqual((first.flags, second.flags), (5, 1))
            self.assertEqual(body, wire.multisend(7, 1, b"c", select=3, handles=[42], k=3))
            c.write(T.SENT_MANY, wire._MANY.pack(1, 2, 3), request=third.request)
            c.write(T.SENT, wire._SENT.pack(1, 99), request=second.request)
            c.error(first, 8, "too long")
            self.assertEqual(await two, p2papp.Sent(p2papp.Outcome.DROPPED, 99))
            self.assertEqual(await many, p2papp.SentMany(1, 2, 3))
            with self.assertRaises(p2papp.Refused) as e:
                await one
            self.assertEqual((e.exception.name, str(e.exception)), ("too-big", "too long"))
        self.run_with(work)

    def test_an_outcome_nobody_will_hear(self):
        async def work(daemon, client, c):
            peer = await self.peer(client, c, 42)
            sent = await client.submit(peer, 0)
            many = await client.multisubmit(self.tst, 0)
            c.close()
            self.assertEqual((await sent).outcome, p2papp.Outcome.GONE)
            with self.assertRaises(p2papp.Gone):
                await many
        self.run_with(work)

    def test_requests_about_peers(self):
        async def work(daemon, client, c):
            peer = await self.peer(client, c, 42)
            client.accept(peer)
            client.penalise(peer, p2papp.Reason.BREACH, 60)
            client.disconnect(peer, p2papp.Reason.USELESS)
            client.hint(bytes(64), "::1", 30303)
            for type, body in ((T.ACCEPT, wire.capid(7)), (T.PENALISE, wire.penalise(2, 60)),
                               (T.DISCONNECT, b"\3"),
                               (T.HINT, wire.hint(bytes(64), "::1", 30303, 0))):
                head, got = await c.read(type)
                self.assertEqual(got, body)
            c.error(head, 11, "too many hints")
            (failed,) = await some(client, p2papp.Failed)
            self.assertEqual(failed.error.name, "queue-full")
        self.run_with(work)

    def test_update_and_detach(self):
        async def work(daemon, client, c):
            async def answer(type):
                head, body = await c.read(T.UPDATE)
                c.write(type, wire.capid(7), request=head.request)
                return body

            _, body = await both(client.update(self.tst, p2papp.Options(wanted=3)),
                                 answer(T.UPDATED))
            self.assertEqual(body, wire.capid(7) + wire.option_u32(5, 3))
            self.assertEqual(self.tst.options.wanted, 3)
            peer = await self.peer(client, c, 42)
            c.message(7, 42, 0, b"not seen any more")
            await both(client.detach(self.tst), c.detached())
            self.assertFalse(peer.alive)
            with self.assertRaises(ValueError):
                await client.detach(self.tst)
        self.run_with(work)

    def test_an_attach_is_refused(self):
        async def work(daemon, client, c):
            async def refuse():
                head, _ = await c.read(T.ATTACH)
                c.error(head, 4, "owned by uid 0, pid 1")

            with self.assertRaises(p2papp.Refused) as e:
                await both(client.attach("aux", {1: 1}), refuse())
            self.assertEqual(e.exception.name, "busy")
            # and may be tried again
            await both(client.attach("aux", {1: 1}), c.attached(8))
        self.run_with(work)

    def test_a_hello_is_refused(self):
        async def go():
            async def refuse(daemon):
                c = await daemon.raw()
                c.error(wire.Head(0, 0, 0, 1, 0), 3, "not you")

            async with Daemon() as daemon:
                with self.assertRaises(p2papp.Refused):
                    await both(p2papp.Client(daemon.path).open(), refuse(daemon))
            with self.assertRaises(OSError):
                await p2papp.Client(daemon.path).open()
        asyncio.run(go())

    def test_losses_and_levels_are_told(self):
        async def work(daemon, client, c):
            peer = await self.peer(client, c, 42)
            c.event(T.DROPPED, wire._COUNTS.pack(7, 0, 2, 300), peer=42)
            c.event(T.DROPPED, wire._COUNTS.pack(7, 0, 9, 900))
            c.event(T.STALLED, wire._PAIR.pack(7, 1000), peer=42)
            c.event(T.WRITABLE, wire._PAIR.pack(7, 10), peer=42)
            one, all, stalled, writable = await some(
                client, p2papp.Dropped, p2papp.Dropped, p2papp.Stalled, p2papp.Writable)
            self.assertEqual((one.peer, one.messages, one.bytes), (peer, 2, 300))
            self.assertEqual((all.peer, all.messages), (None, 9))
            self.assertEqual((stalled.depth, writable.depth), (1000, 10))
        self.run_with(work)

    def test_what_is_to_come_is_skipped(self):
        async def work(daemon, client, c):
            c.write(0xFF01, bytes(100000))
            peer = await self.peer(client, c, 42)
            self.assertEqual(peer.handle, 42)
        self.run_with(work)

    def test_frames_come_in_any_pieces(self):
        async def work(daemon, client, c):
            peer = await self.peer(client, c, 42)
            frames = b"".join(
                wire.frame(0xFF01, bytes(n)) +
                wire.frame(T.MESSAGE, wire.send(7, n % 8, bytes(n)), request=n, peer=42)
                for n in range(30))
            for at in range(0, len(frames), 7):
                c.writer.write(frames[at:at + 7])
                await asyncio.sleep(0)
            for n in range(30):
                (got,) = await some(client, p2papp.Message)
                self.assertEqual((got.code, len(got.data)), (n % 8, n))
            self.assertTrue(peer.alive)
        self.run_with(work)

    def test_rubbish_costs_the_connection_only(self):
        async def work(daemon, client, c):
            c.write(T.PEER_UP, b"short", request=1, peer=42)
            (down,) = await some(client, p2papp.SessionDown)
            self.assertIn("too short", down.text)
            again = await daemon.connection()
            await again.attached(7)
            again.up(7, 43)
            await some(client, p2papp.SessionUp, p2papp.PeerUp)
        self.run_with(work)

    def test_the_daemon_takes_a_capability_away(self):
        async def work(daemon, client, c):
            peer = await self.peer(client, c, 42)
            c.write(T.DETACHED, wire.capid(7))
            (lost,) = await some(client, p2papp.Detached)
            self.assertEqual((lost.capability, peer.alive), (self.tst, False))
            self.assertEqual(client.capabilities, [])
        self.run_with(work)

    def test_a_frame_that_is_too_long_ends_the_connection(self):
        async def work(daemon, client, c):
            c.writer.write(wire.HEADER.pack(1 << 24 | 0x100, T.MESSAGE, 0, 1, 42))
            (down,) = await some(client, p2papp.SessionDown)
            self.assertIn("too long", down.text)
        self.run_with(work)

    def test_comes_back_with_its_token(self):
        async def work(daemon, client, c):
            old = await self.peer(client, c, 42)
            c.close()
            daemon.flags = wire.RESUMED
            again = await daemon.connection()
            self.assertEqual(again.token, TOKEN)
            await again.attached(9)
            again.up(9, 42, flags=wire.SNAPSHOT)
            down, _, up, new = await some(client, p2papp.PeerDown, p2papp.SessionDown,
                                          p2papp.SessionUp, p2papp.PeerUp)
            self.assertEqual((down.peer, down.reason_name), (old, "session-died"))
            self.assertTrue(up.resumed and new.snapshot)
            self.assertFalse(old.alive)
            self.assertEqual(new.peer.capability, self.tst)
            await client.send(new.peer, 0, b"x")
            _, body = await again.read(T.SEND)
            self.assertEqual(body, wire.send(9, 0, b"x"))
        self.run_with(work)

    def test_a_mute_daemon_is_not_waited_for(self):
        async def work(daemon, client, c):
            with self.assertRaises(asyncio.TimeoutError):
                await client.attach("new", {1: 8})
            (down,) = await some(client, p2papp.SessionDown)
            self.assertEqual(down.text, "no answer from the daemon")
            again = await daemon.connection()
            await again.attached(7)
            await some(client, p2papp.SessionUp)
            update = asyncio.ensure_future(
                client.update(self.tst, p2papp.Options(wanted=60)))
            await some(client, p2papp.SessionDown)
            again = await daemon.connection()
            self.assertTrue((await again.attached(7)).endswith(wire.option_u32(5, 60)))
            await update
        self.run_with(work, timeout=2.0)

    def test_an_answer_read_late_is_there(self):
        async def work(daemon, client, c):
            for answered in (True, False):
                update = asyncio.ensure_future(
                    client.update(self.tst, p2papp.Options(wanted=60)))
                head, _ = await c.read(T.UPDATE)
                if answered:
                    c.write(T.UPDATED, wire.capid(7), request=head.request)
                late = await kept_busy(1.5, update)
                self.assertEqual(late, answered)
                if not answered:
                    c.write(T.UPDATED, wire.capid(7), request=head.request)
                await update
                await self.peer(client, c, 42 + answered)
        self.run_with(work, timeout=1.0)

    def test_loses_its_capability_while_it_was_away(self):
        async def work(daemon, client, c):
            c.close()
            again = await daemon.connection()
            head, _ = await again.read(T.ATTACH)
            again.error(head, 4, "another")
            *_, lost = await some(client, p2papp.SessionDown, p2papp.SessionUp,
                                  p2papp.Detached)
            self.assertEqual((lost.capability, lost.error.name), (self.tst, "busy"))
        self.run_with(work)

    def test_a_slow_taker_stops_the_reading(self):
        async def work(daemon, client, c):
            peer = await self.peer(client, c, 42)
            written = 0

            async def flood():
                nonlocal written
                while True:
                    c.message(7, 42, 0, bytes(100000))
                    await c.writer.drain()
                    written += 100000

            task = asyncio.ensure_future(flood())
            seen = -1
            while seen != written:  # until it stands
                seen = written
                await asyncio.sleep(0.1)
            self.assertLess(client._waiting, (1 << 20) + (1 << 19))
            # An answer is read all the same, and sending goes on.
            await client.send(peer, 0, b"x")
            await c.read(T.SEND)
            task.cancel()
            await both(client.detach(self.tst), c.detached())
            taken = 0
            while client._events:
                (event,) = await some(client, p2papp.Message)
                taken += len(event.data)
            self.assertGreater(taken, 1 << 20)
        self.run_with(work, buffer=1 << 20)

    def test_leaving_detaches(self):
        async def go():
            async with Daemon() as daemon:
                async def use():
                    async with p2papp.Client(daemon.path) as client:
                        await client.attach("tst", {1: 8})
                    with self.assertRaises(StopAsyncIteration):
                        while True:
                            await client.__anext__()

                async def serve():
                    c = await daemon.connection()
                    await c.attached(7)
                    await c.detached()
                    self.assertEqual(await c.reader.read(), b"")

                await both(use(), serve())
        asyncio.run(go())


class TwoSessions(Case):
    sessions = 2

    def test_one_stream(self):
        async def work(daemon, client, a, b):
            self.assertEqual((a.token, b.token), (bytes(16), TOKEN))
            first = await self.peer(client, a, 1)
            second = await self.peer(client, b, 2)
            await client.send(second, 0, b"to two")
            head, _ = await b.read(T.SEND)
            self.assertEqual(head.peer, 2)
            many = await client.multisubmit(self.tst, 0, b"x", to=[first, second])
            for c, handle in ((a, 1), (b, 2)):
                head, body = await c.read(T.MULTISEND)
                self.assertEqual(body, wire.multisend(7, 0, b"x", select=0, handles=[handle]))
                c.write(T.SENT_MANY, wire._MANY.pack(1, 0, 0), request=head.request)
            self.assertEqual(await many, p2papp.SentMany(2, 0, 0))
            await client.multisend(self.tst, 0, b"y", random=1)
            reads = [asyncio.ensure_future(c.read(T.MULTISEND)) for c in (a, b)]
            done, other = await asyncio.wait(reads, return_when=asyncio.FIRST_COMPLETED)
            for read in other:
                read.cancel()
            self.assertEqual(len(done), 1)
        self.run_with(work)

    def test_one_session_dies(self):
        async def work(daemon, client, a, b):
            stays = await self.peer(client, a, 1)
            goes = await self.peer(client, b, 2)
            b.close()
            down, lost = await some(client, p2papp.PeerDown, p2papp.SessionDown)
            self.assertEqual((down.peer, lost.session), (goes, 1))
            again = await daemon.connection()
            self.assertEqual((again.session, again.token), (1, TOKEN))
            await again.attached(7)
            self.assertEqual(client.peers(), [stays])
        self.run_with(work)

    async def updated(self, c, *, refuse=None, body=None):
        """Reads an update and answers it; checks its options."""
        head, got = await c.read(T.UPDATE)
        if body is not None:
            self.assertEqual(got[4:], body)
        if refuse is None:
            c.write(T.UPDATED, wire.capid(7), request=head.request)
        else:
            c.error(head, refuse, "no")

    def test_an_update_that_one_refuses_is_taken_back(self):
        async def work(daemon, client, *every):
            await both(client.update(self.tst, p2papp.Options(wanted=50)),
                       *(self.updated(c) for c in every))
            much = p2papp.Options(wanted=60, queue_app=1000, first=[], enr={})
            back = (wire.option_u32(2, 0) + wire.option(4, b"") +
                    wire.option_u32(5, 50) + wire.option(6, b""))
            for takes, other in (every, every[::-1]):
                async def twice():
                    await self.updated(takes)
                    await self.updated(takes, body=back)

                with self.assertRaises(p2papp.Refused) as e:
                    await both(client.update(self.tst, much), twice(),
                               self.updated(other, refuse=11))
                self.assertEqual(e.exception.name, "queue-full")
                self.assertEqual(self.tst.options, p2papp.Options(wanted=50))
            # who may not yet is asked again, who will not is attached to anew
            async def neither():
                await self.updated(every[0])
                await self.updated(every[0], refuse=11, body=back)
                await self.updated(every[0], refuse=7, body=back)
                again = await daemon.connection()
                self.assertTrue((await again.attached(7)).endswith(wire.option_u32(5, 50)))

            answers = asyncio.ensure_future(neither())
            with self.assertRaises(p2papp.Refused):
                await both(client.update(self.tst, much),
                           self.updated(every[1], refuse=6))
            await answers
        self.run_with(work)

    def test_a_session_that_comes_amid_an_update(self):
        async def work(daemon, client, a, b):
            b.close()
            await some(client, p2papp.SessionDown)
            update = asyncio.ensure_future(
                client.update(self.tst, p2papp.Options(wanted=60)))
            head, _ = await a.read(T.UPDATE)
            b = await daemon.connection()
            await some(client, p2papp.SessionUp)
            a.write(T.UPDATED, wire.capid(7), request=head.request)
            self.assertFalse((await b.attached(7)).endswith(wire.option_u32(5, 60)))
            await self.updated(b, body=wire.option_u32(5, 60))
            await update
            self.assertEqual(self.tst.options.wanted, 60)
        self.run_with(work)

    def test_an_update_outlives_its_caller(self):
        async def work(daemon, client, a, b):
            update = asyncio.ensure_future(
                client.update(self.tst, p2papp.Options(wanted=60)))
            head, _ = await a.read(T.UPDATE)
            update.cancel()
            a.write(T.UPDATED, wire.capid(7), request=head.request)
            await self.updated(b, refuse=11)
            await self.updated(a, body=wire.option_u32(5, 0))
            self.assertTrue(update.cancelled() or update.done())
        self.run_with(work)

    def test_another_daemon(self):
        async def work(daemon, client, a, b):
            daemon.token = bytes(15) + b"\1"
            a.close()
            again = await daemon.connection()
            self.assertEqual((again.session, again.token), (0, TOKEN))
            # the other knows the token of a daemon that is no more
            other = await daemon.connection()
            self.assertEqual((other.session, other.token), (1, daemon.token))
        self.run_with(work)


if __name__ == "__main__":
    unittest.main()
