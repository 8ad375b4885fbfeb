# SPDX-License-Identifier: ISC
"""Frames of the application protocol, as p2pd-app(5) has them.

Encoders return the body of a frame, decoders take one. What is beyond the known
fields of a body is skipped; one that is too short raises Malformed.
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Iterable, Optional, Tuple

MAGIC = 0x70327064
MAJOR, MINOR = 1, 0
HEADER = struct.Struct(">IHHII")
BODY_MAX = 0xFFFFFF + 64  # of MESSAGE and SEND
COLD_MAX = 65536  # of all others
LIST_MAX = 4096  # handles in a MULTISEND
TOKEN_BYTES = 16
ID_BYTES = 64


class Type(IntEnum):
    """Types of frames. Those below 0x8000 go to the daemon."""

    HELLO = 0x0001
    ATTACH = 0x0002
    DETACH = 0x0003
    SEND = 0x0004
    DISCONNECT = 0x0005
    UPDATE = 0x0006
    MULTISEND = 0x0007
    ACCEPT = 0x0008
    PENALISE = 0x0009
    HINT = 0x000A
    WELCOME = 0x8001
    ATTACHED = 0x8002
    DETACHED = 0x8003
    ERROR = 0x8004
    PEER_UP = 0x8005
    PEER_DOWN = 0x8006
    MESSAGE = 0x8007
    SENT = 0x8008
    SNAPSHOT_END = 0x8009
    UPDATED = 0x800A
    DROPPED = 0x800B
    STALLED = 0x800C
    WRITABLE = 0x800D
    SENT_MANY = 0x800E


COMPLETE, SNAPSHOT, PRIORITY, OUT = 0x0001, 0x0002, 0x0004, 0x0008  # flags
RESUMED = 0x01  # in WELCOME
INBOUND, STATIC, TRUSTED = 0x01, 0x02, 0x04  # of a peer
NO_DISC = 255


class Option(IntEnum):
    """Options of ATTACH and UPDATE."""

    QUEUE_PEER = 1
    QUEUE_APP = 2
    HANDSHAKE = 3
    FIRST = 4
    WANTED = 5
    ENR = 6
    CONDITION = 7


class Select(IntEnum):
    """Whom a MULTISEND means."""

    LIST = 0
    ALL = 1
    BUT = 2
    RANDOM = 3


class Malformed(ValueError):
    """A frame that does not keep to p2pd-app(5)."""


@dataclass(frozen=True)
class Head:
    """The header of a frame."""

    length: int
    type: int
    flags: int
    request: int
    peer: int


@dataclass(frozen=True)
class Welcome:
    """The daemon's answer to HELLO."""

    major: int
    minor: int
    features: int = 0
    sessions: int = 0
    session: int = 0
    token: bytes = bytes(TOKEN_BYTES)
    id: bytes = bytes(ID_BYTES)
    max_payload: int = 0
    grace_ms: int = 0
    flags: int = 0
    name: str = ""


@dataclass(frozen=True)
class Up:
    """Body of PEER_UP."""

    capid: int
    version: int
    codes: int
    flags: int
    id: bytes
    remote: str
    local: str
    client: str


@dataclass(frozen=True)
class Down:
    """Body of PEER_DOWN."""

    capid: int
    reason: int
    disc: Optional[int]
    remote: bool
    ms: int
    msgs_in: int
    msgs_out: int
    bytes_in: int
    bytes_out: int


def frame(type: int, body: bytes = b"", *, flags: int = 0, request: int = 0,
          peer: int = 0) -> bytes:
    """A frame, header and body."""
    return HEADER.pack(len(body), type, flags, request, peer) + body


def head(data: bytes) -> Head:
    """The header at the beginning of data."""
    return Head(*_unpack(HEADER, data))


def text(value: str) -> bytes:
    """A text: its length, and so many bytes."""
    data = value.encode()
    return struct.pack(">H", len(data)) + data


def _text(body: bytes, at: int) -> str:
    (n,) = _unpack(_U16, body, at)
    data = bytes(body[at + 2:at + 2 + n])
    if len(data) < n or b"\0" in data:
        raise Malformed("text")
    return data.decode("utf-8", "backslashreplace")


_U16 = struct.Struct(">H")
_U32 = struct.Struct(">I")
_PAIR = struct.Struct(">II")
_HELLO = struct.Struct(">IHHQHH16s")
_VERSION = struct.Struct(">IHH")
_WELCOME = struct.Struct(">IHHQHH16s64sIII")
_UP = struct.Struct(">IIIB64s")
_DOWN = struct.Struct(">IHBBQQQQQ")
_COUNTS = struct.Struct(">IIQQ")
_SENT = struct.Struct(">B3xI")
_MANY = struct.Struct(">III")
_ERROR = struct.Struct(">HH")
_MULTI = struct.Struct(">IIIBBHI")
_ADDR = struct.Struct(">BH16s")


def _unpack(form: struct.Struct, body: bytes, at: int = 0) -> Tuple[Any, ...]:
    if len(body) < at + form.size:
        raise Malformed("too short")
    return form.unpack_from(body, at)


# To the daemon

def hello(name: str, *, session: int = 0, token: bytes = bytes(TOKEN_BYTES)) -> bytes:
    """Body of HELLO."""
    return _HELLO.pack(MAGIC, MAJOR, MINOR, 0, session, 0, token) + text(name)


def attach(name: str, versions: Iterable[Tuple[int, int]], *, tap: bool = False,
           policy: int = 0, options: bytes = b"") -> bytes:
    """Body of ATTACH: versions are pairs of version and number of codes."""
    pairs = list(versions)
    raw = name.encode()
    if not 1 <= len(raw) <= 8:
        raise ValueError(f"capability name {name!r}")
    return (struct.pack(">8sBBH", raw, int(tap), policy, len(pairs)) +
            b"".join(_PAIR.pack(v, n) for v, n in pairs) + options)


def option(type: int, value: bytes) -> bytes:
    """One option, to stand at the end of ATTACH or UPDATE."""
    return struct.pack(">HH", type, len(value)) + value


def option_u32(type: int, value: int) -> bytes:
    """An option that is a number."""
    return option(type, _U32.pack(value))


def option_first(version: int, code: int, payload: bytes) -> bytes:
    """A first message; version 0 is any."""
    return option(Option.FIRST, _PAIR.pack(version, code) + payload)


def _short(data: bytes) -> bytes:
    return bytes([len(data)]) + data


def option_enr(key: str, value: bytes) -> bytes:
    """An entry of the node's record; value is one RLP item."""
    return option(Option.ENR, _short(key.encode()) + value)


def option_condition(key: str, prefixes: Iterable[bytes] = ()) -> bytes:
    """A condition on the records of nodes to dial."""
    return option(Option.CONDITION,
                  _short(key.encode()) + b"".join(_short(p) for p in prefixes))


def capid(number: int) -> bytes:
    """Body of DETACH, ACCEPT, and the beginning of UPDATE."""
    return _U32.pack(number)


def send(number: int, code: int, payload: bytes) -> bytes:
    """Body of SEND."""
    return _PAIR.pack(number, code) + payload


def multisend(number: int, code: int, payload: bytes, *, select: int,
              handles: Iterable[int] = (), k: int = 0, version: int = 0) -> bytes:
    """Body of MULTISEND."""
    peers = list(handles)
    return (_MULTI.pack(number, code, version, select, 0, len(peers), k) +
            struct.pack(f">{len(peers)}I", *peers) + payload)


def disconnect(reason: int) -> bytes:
    """Body of DISCONNECT."""
    return bytes([reason])


def penalise(reason: int, seconds: int) -> bytes:
    """Body of PENALISE."""
    return struct.pack(">B3xI", reason, seconds)


def hint(id: bytes, ip: str, tcp: int, udp: int) -> bytes:
    """Body of HINT."""
    if len(id) != ID_BYTES:
        raise ValueError("a node id has 64 bytes")
    parsed = ipaddress.ip_address(ip)
    return id + _ADDR.pack(parsed.version, tcp, parsed.packed) + _U16.pack(udp)


# To the application

def decode_welcome(body: bytes) -> Welcome:
    """Of another major version only the versions are decoded."""
    magic, major, minor = _unpack(_VERSION, body)
    if magic != MAGIC:
        raise Malformed("not p2pd")
    if major != MAJOR:
        return Welcome(major, minor)
    _, major, minor, features, sessions, session, token, id, payload, grace, flags = \
        _unpack(_WELCOME, body)
    return Welcome(major, minor, features, sessions, session, token, id, payload,
                   grace, flags, _text(body, _WELCOME.size))


def address(raw: bytes) -> str:
    """ "192.0.2.1:30303", "[2001:db8::1]:30303", or "" for none."""
    family, port, ip = _ADDR.unpack(raw)
    if family == 4:
        return f"{ipaddress.IPv4Address(ip[:4])}:{port}"
    if family == 6:
        return f"[{ipaddress.IPv6Address(ip)}]:{port}"
    return ""


def decode_up(body: bytes) -> Up:
    """PEER_UP."""
    number, version, codes, flags, id = _unpack(_UP, body)
    at = _UP.size
    if len(body) < at + 2 * _ADDR.size:
        raise Malformed("too short")
    remote = address(body[at:at + _ADDR.size])
    local = address(body[at + _ADDR.size:at + 2 * _ADDR.size])
    return Up(number, version, codes, flags, id, remote, local,
              _text(body, at + 2 * _ADDR.size))


def decode_down(body: bytes) -> Down:
    """PEER_DOWN."""
    number, reason, disc, remote, *counts = _unpack(_DOWN, body)
    return Down(number, reason, None if disc == NO_DISC else disc, remote != 0,
                *counts)


def decode_capid(body: bytes) -> int:
    """ATTACHED, DETACHED, UPDATED."""
    (number,) = _unpack(_U32, body)
    return int(number)


def decode_message(body: bytes) -> Tuple[int, int, bytes]:
    """Number of the capability, code and payload."""
    number, code = _unpack(_PAIR, body)
    return number, code, body[_PAIR.size:]


def decode_counts(body: bytes) -> Tuple[int, int, int]:
    """SNAPSHOT_END, DROPPED: number of the capability, messages, bytes."""
    number, _, messages, size = _unpack(_COUNTS, body)
    return number, messages, size


def decode_sent(body: bytes) -> Tuple[int, int]:
    """Outcome, and the bytes that wait for the peer."""
    outcome, depth = _unpack(_SENT, body)
    return outcome, depth


def decode_sent_many(body: bytes) -> Tuple[int, int, int]:
    """How many written, dropped, gone."""
    written, dropped, gone = _unpack(_MANY, body)
    return written, dropped, gone


def decode_level(body: bytes) -> Tuple[int, int]:
    """STALLED, WRITABLE: number of the capability, bytes that wait."""
    number, depth = _unpack(_PAIR, body)
    return number, depth


def decode_error(body: bytes) -> Tuple[int, int, str]:
    """Error, room, text."""
    error, room = _unpack(_ERROR, body)
    return error, room, _text(body, _ERROR.size)
