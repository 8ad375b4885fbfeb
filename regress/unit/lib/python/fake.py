# SPDX-License-Identifier: ISC
"""A daemon for tests of the client: says what the test tells it to."""

import asyncio
import os
import shutil
import struct
import tempfile

from p2papp import wire

T = wire.Type
WAIT = float(os.environ.get("P2PD_TEST_WAIT", "30"))
TOKEN = bytes(range(16))
ID = bytes(range(64))


class Connection:
    """One that the client made, after its hello."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.session = 0
        self.token = b""
        self.events = 0

    async def read(self, *types):
        """The next frame, which must be of one of these types."""
        head = wire.head(await asyncio.wait_for(
            self.reader.readexactly(wire.HEADER.size), WAIT))
        body = await asyncio.wait_for(self.reader.readexactly(head.length), WAIT)
        assert head.type in types, f"{head} and not {types}"
        return head, body

    def write(self, type, body=b"", **fields):
        self.writer.write(wire.frame(type, body, **fields))

    def event(self, type, body, **fields):
        self.events += 1
        self.write(type, body, request=self.events, **fields)

    def error(self, head, number, text=""):
        self.write(T.ERROR, struct.pack(">HH", number, 0) + wire.text(text),
                   request=head.request, peer=head.peer)

    def up(self, number, handle, *, version=1, codes=8, flags=0):
        none = bytes(19)
        self.event(T.PEER_UP, struct.pack(">IIIB", number, version, codes, 0) + ID +
                   none + none + wire.text("client"), peer=handle, flags=flags)

    def down(self, number, handle, reason=50, disc=8):
        self.event(T.PEER_DOWN, struct.pack(">IHBBQQQQQ", number, reason, disc, 1,
                                            1, 2, 3, 4, 5), peer=handle)

    def message(self, number, handle, code, data, **fields):
        self.event(T.MESSAGE, wire.send(number, code, data), peer=handle, **fields)

    async def attached(self, number):
        """Reads an attach and grants it."""
        head, body = await self.read(T.ATTACH)
        self.write(T.ATTACHED, wire.capid(number), request=head.request)
        return body

    async def detached(self):
        head, body = await self.read(T.DETACH)
        self.write(T.DETACHED, body, request=head.request)

    def close(self):
        self.writer.close()


class Daemon:
    """As an async context: listens, and hands out connections."""

    def __init__(self, sessions=1):
        self.sessions = sessions
        self.token = TOKEN
        self.flags = 0
        self.dir = tempfile.mkdtemp(prefix="p2papp-")
        self.path = os.path.join(self.dir, "app.sock")
        self.every = []

    async def __aenter__(self):
        self.fresh = asyncio.Queue()
        self.server = await asyncio.start_unix_server(self._connected, self.path)
        return self

    async def __aexit__(self, *_):
        self.server.close()
        for c in self.every:
            c.close()
        shutil.rmtree(self.dir)

    async def _connected(self, reader, writer):
        c = Connection(reader, writer)
        self.every.append(c)
        await self.fresh.put(c)

    async def raw(self):
        """A connection whose hello has been read, not answered."""
        c = await asyncio.wait_for(self.fresh.get(), WAIT)
        _, body = await c.read(T.HELLO)
        _, _, _, _, c.session, _, c.token = struct.unpack_from(">IHHQHH16s", body)
        return c

    async def connection(self):
        """A connection that has been welcomed."""
        c = await self.raw()
        c.write(T.WELCOME, struct.pack(">IHHQHH16s64sIII", wire.MAGIC, 1, 0, 0,
                                       self.sessions, c.session, self.token, ID,
                                       0xFFFFFF, 10000, self.flags) + wire.text("p2pd"))
        return c
