# SPDX-License-Identifier: ISC
"""One connection to one session process of the daemon."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Callable, Dict, Optional, Tuple

from . import wire
from .types import Capability, Gone, Peer

WRITE_HIGH = 1 << 20  # bytes that wait in the socket's buffer before senders do


@dataclass
class Pending:
    """A request that has an answer."""

    type: int
    future: "asyncio.Future[Any]"
    capability: Optional[Capability] = None


class Link(asyncio.Protocol):
    """Cuts the stream into frames and hands them to the client; knows what is of
    this connection only: its peers, its numbers for capabilities, what is asked."""

    def __init__(self, index: int, input: Callable[["Link", wire.Head, bytes], None],
                 fed: Callable[["Link"], None]) -> None:
        loop = asyncio.get_running_loop()
        self.index = index
        self.welcomed: "asyncio.Future[wire.Welcome]" = loop.create_future()
        self.welcomed.add_done_callback(seen)
        self.lost: "asyncio.Future[str]" = loop.create_future()
        self.up = False
        self.capabilities: Dict[int, Capability] = {}
        self.peers: Dict[Tuple[int, int], Peer] = {}
        self.pending: Dict[int, Pending] = {}
        self._input = input
        self._fed = fed
        self._buf = bytearray()
        self._skip = 0
        self._transport: Optional[asyncio.Transport] = None
        self._writable = asyncio.Event()
        self._writable.set()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(WRITE_HIGH)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buf += data
        try:
            self._cut()
        except wire.Malformed as e:
            self.abort(f"bad frame: {e}")
        self._fed(self)

    def connection_lost(self, exc: Optional[Exception]) -> None:
        self._end(str(exc) if exc else "connection closed by the daemon")

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # for the client

    def write(self, type: int, body: bytes, *, flags: int = 0, request: int = 0,
              peer: int = 0) -> None:
        """Queues one frame."""
        if self._transport is None or self.lost.done():
            raise Gone("the connection to the daemon is lost")
        self._transport.write(wire.frame(type, body, flags=flags, request=request,
                                         peer=peer))

    async def room(self) -> None:
        """Awaits that the queue is under its mark."""
        await self._writable.wait()

    def pause(self, on: bool) -> None:
        """Stops or goes on reading."""
        if self._transport is not None and not self.lost.done():
            if on:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def close(self) -> None:
        """Closes when all is written."""
        if self._transport is not None:
            self._transport.close()

    def abort(self, why: str) -> None:
        """Closes at once."""
        if self._transport is not None:
            self._transport.abort()
        self._end(why)

    def _end(self, why: str) -> None:
        self._buf.clear()
        self._writable.set()
        if not self.lost.done():
            self.lost.set_result(why)
        if not self.welcomed.done():
            self.welcomed.set_exception(Gone(why))

    def _cut(self) -> None:
        at, size = 0, wire.HEADER.size
        while not self.lost.done():
            if self._skip:
                n = min(self._skip, len(self._buf) - at)
                self._skip -= n
                at += n
            if len(self._buf) - at < size:
                break
            head = wire.Head(*wire.HEADER.unpack_from(self._buf, at))
            if head.length > wire.BODY_MAX:
                raise wire.Malformed("too long")
            if head.type not in KNOWN:
                self._skip = head.length
                at += size
                continue
            if head.type != wire.Type.MESSAGE and head.length > wire.COLD_MAX:
                raise wire.Malformed("too long")
            end = at + size + head.length
            if len(self._buf) < end:
                break
            self._input(self, head, bytes(self._buf[at + size:end]))
            at = end
        del self._buf[:at]


KNOWN = frozenset(int(t) for t in wire.Type if t >= 0x8000)


def seen(future: "asyncio.Future[Any]") -> None:
    """An outcome that its caller does not look at is no fault."""
    if not future.cancelled():
        future.exception()
