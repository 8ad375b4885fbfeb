# SPDX-License-Identifier: ISC
"""What a client hands out: capabilities, peers, events and errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Dict, Mapping, Optional, Sequence, Union

from . import wire


class Policy(IntEnum):
    """What the daemon does when its queue for this application is full."""

    STOP = 0  # stop reading its peers
    DROP = 1  # drop the oldest messages, counted
    DISCONNECT = 2  # disconnect the peer


class Outcome(IntEnum):
    """What became of a message."""

    WRITTEN = 0  # the system's socket has all of it
    DROPPED = 1  # the queue to the peer was full
    GONE = 2  # the peer is gone


class Reason(IntEnum):
    """Reasons of Disconnect, as devp2p has them."""

    REQUESTED = 0x00
    NETWORK_ERROR = 0x01
    BREACH = 0x02
    USELESS = 0x03
    TOO_MANY = 0x04
    ALREADY = 0x05
    VERSION = 0x06
    NULL_IDENTITY = 0x07
    QUITTING = 0x08
    UNEXPECTED_IDENTITY = 0x09
    SELF = 0x0A
    TIMEOUT = 0x0B
    SUBPROTOCOL = 0x10


ERRORS: Mapping[int, str] = {
    1: "malformed", 2: "version", 3: "denied", 4: "busy", 5: "no-room",
    6: "invalid", 7: "not-found", 8: "too-big", 9: "unsupported",
    10: "stopping", 11: "queue-full", 12: "record-full",
}

REASONS: Mapping[int, str] = {
    50: "remote", 51: "closed", 52: "network-error", 53: "read-timeout",
    54: "write-timeout", 55: "bad-frame", 56: "bad-mac", 57: "bad-snappy",
    58: "bad-code", 59: "queue-full", 60: "operator", 61: "application",
    62: "application-gone", 63: "application-stalled", 64: "quitting",
    65: "session-died", 66: "banned", 67: "memory", 68: "handshake-timeout",
    69: "retired",
}

SESSION_DIED = 65


class Error(Exception):
    """Whatever this package raises of its own."""


class Refused(Error):
    """The daemon answered with an error."""

    def __init__(self, error: int, room: int = 0, text: str = "") -> None:
        super().__init__(text or self.name_of(error))
        self.error = error
        self.room = room
        self.text = text

    @staticmethod
    def name_of(error: int) -> str:
        """ "busy", "no-room" and the like."""
        return ERRORS.get(error, "unknown")

    @property
    def name(self) -> str:
        return self.name_of(self.error)


class Gone(Error):
    """The peer, or the connection to the daemon, is gone."""


class Closed(Error):
    """The client was closed."""


@dataclass(frozen=True)
class First:
    """A message that the daemon sends by itself as soon as a peer is up.

    Version 0 is for peers of any version."""

    code: int
    payload: bytes
    version: int = 0


@dataclass(frozen=True)
class Options:
    """What an attach asks for; in an update, what it replaces.

    None leaves the default, or what was. An empty collection removes it."""

    queue_peer: Optional[int] = None  # bytes kept for a peer that we do not read
    queue_app: Optional[int] = None  # the same for all of the capability's
    handshake_ms: Optional[int] = None  # peers not accepted by then are dropped
    first: Optional[Sequence[First]] = None
    wanted: Optional[int] = None  # peers wanted
    enr: Optional[Mapping[str, bytes]] = None  # to be published; values are RLP
    condition: Optional[Mapping[str, Sequence[bytes]]] = None  # key to prefixes

    def encode(self, update: bool = False) -> bytes:
        """As they stand at the end of ATTACH, or of UPDATE."""
        def number(kind: int, value: Optional[int]) -> bytes:
            return b"" if value is None else wire.option_u32(kind, value)

        def several(kind: int, values: Optional[Sequence[bytes]]) -> bytes:
            if values == [] and update:
                return wire.option(kind, b"")
            return b"".join(values or ())

        kinds = wire.Option
        return b"".join((
            number(kinds.QUEUE_PEER, self.queue_peer),
            number(kinds.QUEUE_APP, self.queue_app),
            number(kinds.HANDSHAKE, self.handshake_ms),
            several(kinds.FIRST, None if self.first is None else [
                wire.option_first(f.version, f.code, f.payload) for f in self.first]),
            number(kinds.WANTED, self.wanted),
            several(kinds.ENR, None if self.enr is None else [
                wire.option_enr(k, v) for k, v in self.enr.items()]),
            several(kinds.CONDITION, None if self.condition is None else [
                wire.option_condition(k, v) for k, v in self.condition.items()])))

    def merged(self, newer: Options) -> Options:
        """These, with what newer replaces."""
        fields = dict(vars(self))
        fields.update((k, v) for k, v in vars(newer).items() if v is not None)
        return Options(**fields)

    def instead_of(self, newer: Options) -> Options:
        """What takes back newer: these, in what that replaces; 0 and empty
        collections are what there is without any."""
        none: Mapping[str, Any] = {"first": (), "enr": {}, "condition": {}}
        fields = {k: none.get(k, 0) if getattr(self, k) is None else getattr(self, k)
                  for k, v in vars(newer).items() if v is not None}
        return Options(**fields)


@dataclass(eq=False)
class Capability:
    """An attached capability. Do not change it."""

    name: str
    versions: Mapping[int, int]  # version to number of codes
    tap: bool = False
    policy: Policy = Policy.STOP
    options: Options = Options()
    numbers: Dict[int, int] = field(default_factory=dict, repr=False)  # by session

    def __str__(self) -> str:
        return self.name


@dataclass(eq=False)
class Peer:
    """A peer, for one capability. Do not change it."""

    handle: int  # never used again for another
    capability: Capability
    version: int  # that is spoken with it
    codes: int
    id: bytes  # its public key, 64 bytes
    inbound: bool
    static: bool
    trusted: bool
    remote: str
    local: str
    client: str  # as it calls itself, escaped
    session: int
    alive: bool = True

    def __str__(self) -> str:
        return f"{self.capability.name}/{self.version} {self.handle}"


@dataclass(frozen=True)
class Sent:
    """What became of a message to one peer."""

    outcome: Outcome
    depth: int = 0  # bytes that now wait for the peer


@dataclass(frozen=True)
class SentMany:
    """What became of a message to many."""

    written: int = 0
    dropped: int = 0
    gone: int = 0

    def __add__(self, other: SentMany) -> SentMany:
        return SentMany(self.written + other.written, self.dropped + other.dropped,
                        self.gone + other.gone)


@dataclass(frozen=True)
class SessionUp:
    """Connected to a session process of the daemon."""

    session: int
    sessions: int
    resumed: bool  # the daemon knew our token


@dataclass(frozen=True)
class SessionDown:
    """A session is lost, after its peers went down; it is tried again."""

    session: int
    text: str


@dataclass(frozen=True)
class PeerUp:
    """A peer came, or was there before."""

    peer: Peer
    snapshot: bool  # was up before the attach


@dataclass(frozen=True)
class PeerDown:
    """A peer is gone."""

    peer: Peer
    reason: int
    disc: Optional[int]  # the reason on the wire, if there was one
    remote: bool  # the peer ended it
    ms: int = 0  # that it was up
    msgs_in: int = 0
    msgs_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0

    @property
    def reason_name(self) -> str:
        return REASONS.get(self.reason, "unknown")


@dataclass(frozen=True)
class Message:
    """A message of a peer, or to it when a tap sees it."""

    peer: Peer
    code: int
    data: bytes
    out: bool = False


@dataclass(frozen=True)
class SnapshotEnd:
    """All peers that were up are told, on one session."""

    capability: Capability
    session: int
    missed: int  # messages while we were away
    missed_bytes: int


@dataclass(frozen=True)
class Dropped:
    """Messages that the daemon did not keep for us."""

    capability: Capability
    peer: Optional[Peer]  # None: of several
    messages: int
    bytes: int


@dataclass(frozen=True)
class Stalled:
    """The queue to a peer went over its high mark."""

    peer: Peer
    depth: int


@dataclass(frozen=True)
class Writable:
    """The queue to a peer is under its low mark again."""

    peer: Peer
    depth: int


@dataclass(frozen=True)
class Detached:
    """A capability was lost without our asking."""

    capability: Capability
    error: Refused


@dataclass(frozen=True)
class Failed:
    """A request that nobody awaits was refused."""

    handle: int
    error: Refused


Event = Union[SessionUp, SessionDown, PeerUp, PeerDown, Message, SnapshotEnd,
              Dropped, Stalled, Writable, Detached, Failed]
