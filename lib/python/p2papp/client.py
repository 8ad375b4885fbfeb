# SPDX-License-Identifier: ISC
"""The client: one stream of events from all sessions of the daemon."""

from __future__ import annotations

import asyncio
import os
import random
from collections import deque
from types import TracebackType
from typing import (Any, Callable, Deque, Dict, Iterable, List, Mapping, Optional,
                    Set, Tuple, Type)

from . import wire
from .link import Link, Pending, seen
from .types import (SESSION_DIED, Capability, Closed, Detached, Dropped, Event,
                    Failed, Gone, Message, Options, Outcome, Peer, PeerDown, PeerUp,
                    Policy, Refused, Sent, SentMany, SessionDown, SessionUp,
                    SnapshotEnd, Stalled, Writable)

DEFAULT_PATH = "/run/p2pd/app.sock"
DETACH_TIMEOUT = 5.0
LATE = 0.1  # seconds after its time that a loop is woken which was kept busy
STEADY = 5.0  # seconds of connection after which pauses begin small again
EVENT_COST = 256  # bytes that an event is reckoned at, besides its data
UNDO_PAUSES = [0.1] * 9  # between tries to put options back


class Client:
    """An application of p2pd.

    Connects to every session process, attaches its capabilities to all of them,
    also to those that are started again, and shows one stream of peers and
    messages: iterate over it with ``async for``. A lost connection is tried
    again, with growing pauses; its peers go down, and come back by PeerUp with
    ``snapshot`` set when the daemon still had them.

    Memory is bounded: when ``buffer`` bytes of events wait to be taken nothing
    more is read, and the daemon's policy for slow applications applies. So do
    not await the future of submit() or multisubmit() in the very task that takes
    the events: its answer may stand behind events that nobody takes. The answers
    to attach(), update() and detach() are read in any case.

    Use it from one event loop, and as a context manager: leaving it detaches.
    """

    def __init__(self, path: Optional[str] = None, *, name: str = "python",
                 token: Optional[bytes] = None, buffer: int = 4 << 20,
                 retry_min: float = 0.1, retry_max: float = 5.0,
                 timeout: Optional[float] = 10.0) -> None:
        """path: the daemon's application socket, by default that of the
        environment's P2PD_APP_SOCKET, or DEFAULT_PATH. name is shown to the
        operator. token: of an earlier client, to get its peers back. timeout:
        seconds that the daemon has to answer hello, attach, update and detach,
        or None; a connection whose answer does not come is lost."""
        if token is not None and len(token) != wire.TOKEN_BYTES:
            raise ValueError("a token has 16 bytes")
        self.path = path or os.environ.get("P2PD_APP_SOCKET") or DEFAULT_PATH
        self.name = name
        self.buffer = buffer
        self.token: Optional[bytes] = token
        self.resumed = False
        self.daemon: Optional[wire.Welcome] = None
        self._retry = (retry_min, retry_max)
        self._timeout = timeout
        self._links: Dict[int, Link] = {}
        self._keepers: Dict[int, "asyncio.Task[None]"] = {}
        self._hello: Optional[asyncio.Lock] = None
        self._updating: Optional[asyncio.Lock] = None
        self._capabilities: Dict[str, Capability] = {}
        self._attaching: Dict[str, "asyncio.Future[None]"] = {}
        self._request = 0
        self._events: Deque[Event] = deque()
        self._waiting = 0  # bytes of them
        self._paused = False
        self._asking = 0  # answers that are read in any case
        self._taker: Optional["asyncio.Future[None]"] = None
        self._failure: Optional[BaseException] = None
        self._closed = False

    # Life

    async def open(self) -> None:
        """Connects. Raises OSError, Refused or asyncio.TimeoutError when that
        fails."""
        if self._keepers or self._closed:
            raise RuntimeError("a client is opened once")
        self._hello = asyncio.Lock()
        self._updating = asyncio.Lock()
        first: "asyncio.Future[None]" = asyncio.get_running_loop().create_future()
        self._keep_session(0, first)
        try:
            await first
        except BaseException:
            await self.close(keep=True)
            raise

    async def close(self, keep: bool = False) -> None:
        """Detaches in order and closes. keep: closes only, so that the peers stay
        for the grace time; whoever has the token may go on with them."""
        if self._closed:
            return
        self._closed = True
        keepers = list(self._keepers.values())
        for task in keepers:
            task.cancel()
        if not keep:
            await self._detach_all()
        for link in list(self._links.values()):
            link.close()
            self._forget(link)
        for future in self._attaching.values():
            if not future.done():
                future.set_exception(Closed("the client was closed"))
        self._attaching.clear()
        self._wake()
        await asyncio.gather(*keepers, return_exceptions=True)

    async def __aenter__(self) -> Client:
        await self.open()
        return self

    async def __aexit__(self, kind: Optional[Type[BaseException]],
                        value: Optional[BaseException],
                        trace: Optional[TracebackType]) -> None:
        await self.close()

    # Capabilities

    async def attach(self, name: str, versions: Optional[Mapping[int, int]] = None, *,
                     tap: bool = False, policy: Policy = Policy.STOP,
                     options: Options = Options()) -> Capability:
        """Attaches a capability: versions to their numbers of message codes.
        A tap sees the messages of the owner's peers, both ways, and may lose
        some; it may leave the versions out. Raises Refused, or
        asyncio.TimeoutError when it is not attached in time."""
        self._check_open()
        if name in self._capabilities:
            raise ValueError(f"{name} is attached already")
        capability = Capability(name, dict(versions or {}), tap, policy, options)
        self._attach_body(capability)  # what cannot be encoded fails here
        done: "asyncio.Future[None]" = asyncio.get_running_loop().create_future()
        self._capabilities[name] = capability
        self._attaching[name] = done
        for link in self._up():
            self._attach_on(link, capability)
        try:
            if not await self._in_time(done):
                raise asyncio.TimeoutError(f"no answer to the attach of {name}")
            done.result()
        except BaseException:
            self._drop(capability)
            raise
        return capability

    async def update(self, capability: Capability, options: Options) -> None:
        """Changes options of an attached capability, on all sessions or, when
        one refuses them, on none. Raises Refused."""
        self._check_attached(capability)
        options.encode(update=True)  # what cannot be encoded fails here
        # Once begun it comes to its end, whatever becomes of the caller.
        work = asyncio.ensure_future(self._update_all(capability, options))
        work.add_done_callback(seen)
        await asyncio.shield(work)

    async def detach(self, capability: Capability) -> None:
        """Detaches in order: the daemon has read all that was sent before."""
        self._check_attached(capability)
        await _all(self._drop(capability))

    @property
    def capabilities(self) -> List[Capability]:
        """Those that are attached or being attached."""
        return list(self._capabilities.values())

    def peers(self, capability: Optional[Capability] = None) -> List[Peer]:
        """The peers that are up, of one capability or of all."""
        return [peer for link in self._links.values() for peer in link.peers.values()
                if capability in (None, peer.capability)]

    # Messages

    async def send(self, peer: Peer, code: int, data: bytes = b"", *,
                   priority: bool = False) -> None:
        """Sends a message; waits while the connection to the daemon is full, which
        it is when the queue to a peer is. Raises Gone."""
        link = await self._ready(peer, code, data)
        link.write(wire.Type.SEND, self._message(link, peer, code, data),
                   flags=wire.PRIORITY if priority else 0,
                   request=self._next(), peer=peer.handle)

    async def submit(self, peer: Peer, code: int, data: bytes = b"", *,
                     priority: bool = False) -> "asyncio.Future[Sent]":
        """Sends a message and returns the future of its outcome: a full queue to
        the peer drops the message instead of waiting."""
        link = await self._ready(peer, code, data)
        flags = wire.COMPLETE | (wire.PRIORITY if priority else 0)
        return self._expect(link, wire.Type.SEND,
                            self._message(link, peer, code, data),
                            flags=flags, peer=peer.handle)

    async def multisend(self, capability: Capability, code: int, data: bytes = b"", *,
                        to: Optional[Iterable[Peer]] = None,
                        but: Iterable[Peer] = (), random: Optional[int] = None,
                        version: int = 0, priority: bool = False) -> None:
        """Sends a message to many peers: those listed in to, or all that the
        capability has but some, or so many of these at random. It is framed once
        and never waits: a full queue drops it. With a version, only to peers
        that speak it."""
        flags = wire.PRIORITY if priority else 0
        for link, body in await self._multi(capability, code, data, to, but, random,
                                            version):
            link.write(wire.Type.MULTISEND, body, flags=flags, request=self._next())

    async def multisubmit(self, capability: Capability, code: int, data: bytes = b"", *,
                          to: Optional[Iterable[Peer]] = None,
                          but: Iterable[Peer] = (), random: Optional[int] = None,
                          version: int = 0, priority: bool = False
                          ) -> "asyncio.Future[SentMany]":
        """As multisend(); returns the future of the outcome."""
        flags = wire.COMPLETE | (wire.PRIORITY if priority else 0)
        parts = [self._expect(link, wire.Type.MULTISEND, body, flags=flags)
                 for link, body in await self._multi(capability, code, data, to, but,
                                                     random, version)]
        return asyncio.ensure_future(_sum(parts))

    # Peers

    def accept(self, peer: Peer) -> None:
        """The handshake of the capability's own with this peer is done."""
        link = self._link(peer)
        self._tell(peer, wire.Type.ACCEPT,
                   wire.capid(peer.capability.numbers[link.index]))

    def disconnect(self, peer: Peer, reason: int = 0) -> None:
        """Ends a peer, for all its capabilities, with a reason of Reason."""
        self._tell(peer, wire.Type.DISCONNECT, wire.disconnect(reason))

    def penalise(self, peer: Peer, reason: int, seconds: int) -> None:
        """Ends a peer and bans its node for so many seconds."""
        self._tell(peer, wire.Type.PENALISE, wire.penalise(reason, seconds))

    def hint(self, id: bytes, ip: str, tcp: int, udp: int = 0) -> None:
        """Names a node that is worth being dialed."""
        body = wire.hint(id, ip, tcp, udp)
        for link in self._up()[:1]:
            link.write(wire.Type.HINT, body, request=self._next())

    # Events

    def __aiter__(self) -> Client:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._failure is not None:
                raise self._failure
            if self._closed:
                raise StopAsyncIteration
            if self._taker is not None:
                raise RuntimeError("events are for one task")
            self._taker = asyncio.get_running_loop().create_future()
            try:
                await self._taker
            finally:
                self._taker = None
        event = self._events.popleft()
        self._waiting -= _cost(event)
        if self._paused and self._waiting <= self.buffer // 2:
            self._pause(False)
        return event

    def _emit(self, event: Event) -> None:
        if self._closed:
            return
        self._events.append(event)
        self._waiting += _cost(event)
        self._wake()

    def _wake(self) -> None:
        if self._taker is not None and not self._taker.done():
            self._taker.set_result(None)

    def _pause(self, on: bool) -> None:
        self._paused = on
        for link in self._links.values():
            link.pause(on)

    def _fed(self, link: Link) -> None:
        if self._waiting >= self.buffer and not self._asking and not self._closed:
            self._pause(True)

    # Sessions

    def _up(self) -> List[Link]:
        return [link for link in self._links.values()
                if link.up and not link.lost.done()]

    def _keep_session(self, index: int,
                      first: Optional["asyncio.Future[None]"] = None) -> None:
        task = asyncio.ensure_future(self._keep(index, first))
        task.add_done_callback(self._keeper_ended)
        self._keepers[index] = task

    def _keeper_ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()
            self._wake()

    async def _keep(self, index: int, first: Optional["asyncio.Future[None]"]) -> None:
        """Holds the connection to one session for as long as the client lives."""
        loop = asyncio.get_running_loop()
        pause = self._retry[0]
        while not self._closed and (self.daemon is None or index < self.daemon.sessions):
            since = loop.time()
            try:
                link = await self._connect(index)
            except (OSError, Gone, Refused, asyncio.TimeoutError) as e:
                if first is not None and not first.done():
                    first.set_exception(e)
                    return
            else:
                if first is not None and not first.done():
                    first.set_result(None)
                why = await asyncio.shield(link.lost)
                self._forget(link)
                self._emit(SessionDown(index, why))
                if loop.time() - since >= STEADY:
                    pause = self._retry[0]
            await asyncio.sleep(pause)
            pause = min(pause * 2, self._retry[1])
        self._keepers.pop(index, None)

    async def _connect(self, index: int) -> Link:
        # One at a time: after a restart of the daemon the first brings the token
        # that the others have to show.
        assert self._hello is not None
        async with self._hello:
            loop = asyncio.get_running_loop()
            link = Link(index, self._input, self._fed)
            await loop.create_unix_connection(lambda: link, self.path)
            self._links[index] = link
            link.write(wire.Type.HELLO, request=self._next(), body=wire.hello(
                self.name, session=index, token=self.token or bytes(wire.TOKEN_BYTES)))
            try:
                if not await self._in_time(link.welcomed):
                    raise asyncio.TimeoutError()
                link.welcomed.result()
            except BaseException:
                link.abort("no welcome")
                self._forget(link)
                raise
            return link

    def _forget(self, link: Link) -> None:
        """What a connection that is over leaves behind."""
        if self._links.get(link.index) is not link:
            return
        del self._links[link.index]
        for pending in link.pending.values():
            if not pending.future.done():
                _settle(pending)
        for capability in self._capabilities.values():
            capability.numbers.pop(link.index, None)
        for peer in link.peers.values():
            peer.alive = False
            self._emit(PeerDown(peer, SESSION_DIED, None, False))
        link.peers.clear()

    def _attach_body(self, capability: Capability) -> bytes:
        return wire.attach(capability.name, capability.versions.items(),
                           tap=capability.tap, policy=capability.policy,
                           options=capability.options.encode())

    def _attach_on(self, link: Link, capability: Capability) -> None:
        self._ask(link, wire.Type.ATTACH, self._attach_body(capability),
                  capability=capability)

    def _attached(self, capability: Capability) -> None:
        done = self._attaching.get(capability.name)
        if done is not None and self.daemon is not None and \
                all(i in capability.numbers for i in range(self.daemon.sessions)):
            del self._attaching[capability.name]
            if not done.done():
                done.set_result(None)

    def _refused(self, capability: Capability, error: Refused) -> None:
        """An attach failed, at first or when a session came back."""
        if self._capabilities.get(capability.name) is not capability:
            return
        done = self._attaching.pop(capability.name, None)
        self._drop(capability)
        if done is None:
            self._emit(Detached(capability, error))
        elif not done.done():
            done.set_exception(error)

    def _drop(self, capability: Capability) -> List["asyncio.Future[Any]"]:
        """Detaches wherever it is attached; none of its events follows."""
        answers: List["asyncio.Future[Any]"] = []
        if self._capabilities.get(capability.name) is capability:
            del self._capabilities[capability.name]
            self._attaching.pop(capability.name, None)
        for link in self._up():
            number = capability.numbers.pop(link.index, None)
            if number is None:
                continue
            link.capabilities.pop(number, None)
            for key in [k for k in link.peers if k[0] == number]:
                link.peers.pop(key).alive = False
            answers.append(self._ask(link, wire.Type.DETACH, wire.capid(number)))
        return answers

    async def _detach_all(self) -> None:
        answers = [a for c in list(self._capabilities.values()) for a in self._drop(c)]
        if answers:
            await asyncio.wait(answers, timeout=DETACH_TIMEOUT)

    # Requests

    def _next(self) -> int:
        self._request = self._request % 0xFFFFFFFF + 1
        return self._request

    def _expect(self, link: Link, type: int, body: bytes, *, flags: int = 0,
                peer: int = 0, capability: Optional[Capability] = None
                ) -> "asyncio.Future[Any]":
        """A request that has an answer."""
        future: "asyncio.Future[Any]" = asyncio.get_running_loop().create_future()
        request = self._next()
        link.write(type, body, flags=flags, request=request, peer=peer)
        link.pending[request] = Pending(type, future, capability)
        future.add_done_callback(seen)
        return future

    def _ask(self, link: Link, type: int, body: bytes, *,
             capability: Optional[Capability] = None) -> "asyncio.Future[Any]":
        """The same, for answers that are read however much waits."""
        future = self._expect(link, type, body, capability=capability)
        self._asking += 1
        future.add_done_callback(self._asked)
        self._pause(False)
        task = asyncio.ensure_future(self._demand(link, future))
        future.add_done_callback(lambda _: task.cancel())
        return future

    async def _demand(self, link: Link, answer: "asyncio.Future[Any]") -> None:
        """Ends a connection whose answer does not come."""
        if not await self._in_time(answer):
            link.abort("no answer from the daemon")

    async def _in_time(self, answer: "asyncio.Future[Any]") -> bool:
        """Whether it comes. A loop that was kept from reading gives that time
        again, once: who had filled the socket could not answer."""
        loop = asyncio.get_running_loop()
        for _ in range(2):
            begun = loop.time()
            # Not wait_for: before Python 3.12 it may swallow a cancellation.
            await asyncio.wait({answer}, timeout=self._timeout)
            if answer.done() or self._timeout is None or \
                    loop.time() - begun - self._timeout < LATE:
                break
        return answer.done()

    def _asked(self, _: "asyncio.Future[Any]") -> None:
        self._asking -= 1

    def _tell(self, peer: Peer, type: int, body: bytes) -> None:
        self._link(peer).write(type, body, request=self._next(), peer=peer.handle)

    def _check_open(self) -> None:
        if self._closed or self.daemon is None:
            raise Closed("the client is not open")

    def _check_attached(self, capability: Capability) -> None:
        self._check_open()
        if self._capabilities.get(capability.name) is not capability:
            raise ValueError(f"{capability} is not attached")

    def _link(self, peer: Peer) -> Link:
        link = self._links.get(peer.session)
        if not peer.alive or link is None or link.lost.done():
            raise Gone(f"peer {peer} is gone")
        return link

    async def _ready(self, peer: Peer, code: int, data: bytes) -> Link:
        self._check_message(data)
        if not 0 <= code < peer.codes:
            raise ValueError(f"code {code} is out of range")
        await self._link(peer).room()
        return self._link(peer)

    def _check_message(self, data: bytes) -> None:
        self._check_open()
        if self.daemon is not None and len(data) > self.daemon.max_payload:
            raise ValueError("the message is too long")

    def _message(self, link: Link, peer: Peer, code: int, data: bytes) -> bytes:
        return wire.send(peer.capability.numbers[link.index], code, data)

    async def _multi(self, capability: Capability, code: int, data: bytes,
                     to: Optional[Iterable[Peer]], but: Iterable[Peer],
                     k: Optional[int], version: int) -> List[Tuple[Link, bytes]]:
        """The frames of a multisend, by session."""
        self._check_attached(capability)
        self._check_message(data)
        excluded = list(but)
        links = [x for x in self._up() if x.index in capability.numbers]
        for link in links:
            await link.room()
        if to is None and k is not None and len(links) > 1:
            # k of all together, which no session can choose by itself
            choice = [p for p in self.peers(capability) if p not in excluded and
                      version in (0, p.version)]
            to = random.sample(choice, min(k, len(choice)))
        select = wire.Select.ALL
        if to is not None:
            select = wire.Select.LIST
        elif k is not None:
            select = wire.Select.RANDOM
        elif excluded:
            select = wire.Select.BUT
        named = excluded if to is None else list(to)
        frames: List[Tuple[Link, bytes]] = []
        for link in links:
            if link.lost.done() or link.index not in capability.numbers:
                continue
            handles = [p.handle for p in named if p.session == link.index]
            if select == wire.Select.LIST and not handles:
                continue
            if select != wire.Select.LIST and len(handles) > wire.LIST_MAX:
                raise ValueError("too many peers are excluded")
            for at in range(0, len(handles) or 1, wire.LIST_MAX):
                frames.append((link, wire.multisend(
                    capability.numbers[link.index], code, data, select=select,
                    handles=handles[at:at + wire.LIST_MAX], k=k or 0,
                    version=version)))
        return frames

    # Frames

    def _input(self, link: Link, head: wire.Head, body: bytes) -> None:
        if self._closed and head.type not in (wire.Type.DETACHED, wire.Type.ERROR):
            return
        handler = _HANDLERS.get(head.type)
        if handler is not None:
            handler(self, link, head, body)

    def _on_welcome(self, link: Link, head: wire.Head, body: bytes) -> None:
        welcome = wire.decode_welcome(body)
        if link.welcomed.done() or welcome.session != link.index or \
                welcome.sessions <= link.index:
            raise wire.Malformed("welcome")
        if welcome.major != wire.MAJOR:
            raise wire.Malformed(f"protocol version {welcome.major}")
        if self.daemon is not None and self.token != welcome.token:
            for other in self._up():
                other.abort("the daemon was started anew")
        self.daemon, self.token = welcome, welcome.token
        self.resumed = bool(welcome.flags & wire.RESUMED)
        link.up = True
        link.welcomed.set_result(welcome)
        self._emit(SessionUp(link.index, welcome.sessions, self.resumed))
        for index in range(welcome.sessions):
            if index not in self._keepers:
                self._keep_session(index)
        for capability in self._capabilities.values():
            self._attach_on(link, capability)

    def _on_answer(self, link: Link, head: wire.Head, body: bytes) -> None:
        pending = link.pending.pop(head.request, None)
        if pending is None:
            if head.type == wire.Type.DETACHED:
                self._taken_away(link, wire.decode_capid(body))
            return
        result: Any = None
        if head.type == wire.Type.ATTACHED:
            self._on_attached(link, pending, wire.decode_capid(body))
        elif head.type == wire.Type.SENT:
            outcome, depth = wire.decode_sent(body)
            # A value that is not known says no more than that it is another.
            result = Sent(Outcome(outcome) if outcome in tuple(Outcome) else
                          Outcome.DROPPED, depth)
        elif head.type == wire.Type.SENT_MANY:
            result = SentMany(*wire.decode_sent_many(body))
        if not pending.future.done():
            pending.future.set_result(result)

    def _on_attached(self, link: Link, pending: Pending, number: int) -> None:
        capability = pending.capability
        if capability is None:
            raise wire.Malformed("attached")
        if self._capabilities.get(capability.name) is not capability:
            self._ask(link, wire.Type.DETACH, wire.capid(number))
            return
        link.capabilities[number] = capability
        capability.numbers[link.index] = number
        self._attached(capability)

    async def _update_all(self, capability: Capability, options: Options) -> None:
        assert self._updating is not None
        async with self._updating:
            self._check_attached(capability)
            before = capability.options
            took: Set[Link] = set()
            # Also on those that come meanwhile: they attach with what was.
            while links := [link for link in self._up() if link not in took]:
                refused = await self._update_on(links, capability, options)
                took.update(link for link in links if link not in refused)
                if refused:
                    await self._put_back(took, capability, before.instead_of(options))
                    raise next(iter(refused.values()))
            capability.options = before.merged(options)

    async def _put_back(self, links: Iterable[Link], capability: Capability,
                        options: Options) -> None:
        """Whoever refuses even that is attached to anew, but asked again first
        when there were too many requests: that is why most differ."""
        for pause in (*UNDO_PAUSES, 0):
            refused = await self._update_on(links, capability, options)
            links = {link for link, error in refused.items()
                     if pause and error.name == "queue-full"}
            for link in refused.keys() - links:
                link.abort("options could not be put back")
            if not links:
                return
            await asyncio.sleep(pause)

    async def _update_on(self, links: Iterable[Link], capability: Capability,
                         options: Options) -> Dict[Link, Refused]:
        """Those that refuse it."""
        body = options.encode(update=True)
        every = list(links)
        answers = await asyncio.gather(*(self._update_one(link, capability, body)
                                         for link in every))
        return {link: error for link, error in zip(every, answers) if error is not None}

    async def _update_one(self, link: Link, capability: Capability,
                          body: bytes) -> Optional[Refused]:
        attaching = [p.future for p in link.pending.values()
                     if p.capability is capability]
        if attaching:
            await asyncio.wait(attaching)
        # One that is lost attaches anew, with what holds then.
        if link.lost.done() or link.capabilities.get(
                capability.numbers.get(link.index, 0)) is not capability:
            return None
        try:
            await self._ask(link, wire.Type.UPDATE,
                            wire.capid(capability.numbers[link.index]) + body)
        except Refused as error:
            return error
        return None

    def _taken_away(self, link: Link, number: int) -> None:
        """The daemon detached a capability by itself."""
        capability = link.capabilities.pop(number, None)
        if capability is not None:
            capability.numbers.pop(link.index, None)
            for key in [k for k in link.peers if k[0] == number]:
                link.peers.pop(key).alive = False
            self._refused(capability, Refused(0, text="detached by the daemon"))

    def _on_error(self, link: Link, head: wire.Head, body: bytes) -> None:
        error = Refused(*wire.decode_error(body))
        if not link.welcomed.done():
            link.welcomed.set_exception(error)
            return
        pending = link.pending.pop(head.request, None)
        if pending is None:
            self._emit(Failed(head.peer, error))
            return
        if pending.capability is not None:
            self._refused(pending.capability, error)
        if not pending.future.done():
            pending.future.set_exception(error)

    def _on_peer_up(self, link: Link, head: wire.Head, body: bytes) -> None:
        up = wire.decode_up(body)
        capability = link.capabilities.get(up.capid)
        if capability is None:
            return
        peer = Peer(head.peer, capability, up.version, up.codes, up.id,
                    bool(up.flags & wire.INBOUND), bool(up.flags & wire.STATIC),
                    bool(up.flags & wire.TRUSTED), up.remote, up.local, up.client,
                    link.index)
        link.peers[up.capid, head.peer] = peer
        self._emit(PeerUp(peer, bool(head.flags & wire.SNAPSHOT)))

    def _on_peer_down(self, link: Link, head: wire.Head, body: bytes) -> None:
        down = wire.decode_down(body)
        peer = link.peers.pop((down.capid, head.peer), None)
        if peer is not None:
            peer.alive = False
            self._emit(PeerDown(peer, down.reason, down.disc, down.remote, down.ms,
                                down.msgs_in, down.msgs_out, down.bytes_in,
                                down.bytes_out))

    def _on_message(self, link: Link, head: wire.Head, body: bytes) -> None:
        number, code, data = wire.decode_message(body)
        peer = link.peers.get((number, head.peer))
        if peer is not None:
            self._emit(Message(peer, code, data, bool(head.flags & wire.OUT)))

    def _on_snapshot_end(self, link: Link, head: wire.Head, body: bytes) -> None:
        number, messages, size = wire.decode_counts(body)
        capability = link.capabilities.get(number)
        if capability is not None:
            self._emit(SnapshotEnd(capability, link.index, messages, size))

    def _on_dropped(self, link: Link, head: wire.Head, body: bytes) -> None:
        number, messages, size = wire.decode_counts(body)
        capability = link.capabilities.get(number)
        if capability is not None:
            self._emit(Dropped(capability, link.peers.get((number, head.peer)),
                               messages, size))

    def _on_level(self, link: Link, head: wire.Head, body: bytes) -> None:
        number, depth = wire.decode_level(body)
        peer = link.peers.get((number, head.peer))
        if peer is not None:
            self._emit(Stalled(peer, depth) if head.type == wire.Type.STALLED
                       else Writable(peer, depth))


_HANDLERS: Mapping[int, Callable[[Client, Link, wire.Head, bytes], None]] = {
    wire.Type.WELCOME: Client._on_welcome,
    wire.Type.ATTACHED: Client._on_answer,
    wire.Type.DETACHED: Client._on_answer,
    wire.Type.UPDATED: Client._on_answer,
    wire.Type.SENT: Client._on_answer,
    wire.Type.SENT_MANY: Client._on_answer,
    wire.Type.ERROR: Client._on_error,
    wire.Type.PEER_UP: Client._on_peer_up,
    wire.Type.PEER_DOWN: Client._on_peer_down,
    wire.Type.MESSAGE: Client._on_message,
    wire.Type.SNAPSHOT_END: Client._on_snapshot_end,
    wire.Type.DROPPED: Client._on_dropped,
    wire.Type.STALLED: Client._on_level,
    wire.Type.WRITABLE: Client._on_level,
}


def _cost(event: Event) -> int:
    return EVENT_COST + (len(event.data) if isinstance(event, Message) else 0)


def _settle(pending: Pending) -> None:
    """What is known of a request whose connection is lost."""
    if pending.type == wire.Type.SEND:
        pending.future.set_result(Sent(Outcome.GONE))
    elif pending.type == wire.Type.MULTISEND:
        pending.future.set_exception(Gone("the connection to the daemon is lost"))
    else:
        # Attached, updated or not again when the session is back.
        pending.future.set_result(None)


async def _all(futures: Iterable["asyncio.Future[Any]"]) -> None:
    answers: Set["asyncio.Future[Any]"] = set(futures)
    if answers:
        await asyncio.wait(answers)
    for answer in answers:
        answer.result()


async def _sum(parts: List["asyncio.Future[SentMany]"]) -> SentMany:
    total = SentMany()
    for part in parts:
        total += await part
    return total
