#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Fetches the first headers of an Ethereum chain from a peer of p2pd, and checks
that each links to its parent by hash. Network, genesis and fork id are taken
from the peer's own status, as for a private chain.

    eth_headers.py [-s socket] [-n count]

lib/examples/eth-headers is the same in C, with many peers and for long chains:
a hash in Python takes a millisecond.
"""

import argparse
import asyncio
import time
from typing import List, Optional, Tuple, Union

import p2papp

VERSIONS = {68: 17, 69: 18, 70: 18, 71: 20, 72: 22}
STATUS, GET_HEADERS, HEADERS = 0x00, 0x03, 0x04
# What peers may ask for: we have nothing of it, and say so.
QUESTIONS = (GET_HEADERS, 0x05, 0x09, 0x0F)
BATCH = 192

Item = Union[bytes, List["Item"]]


class Bad(Exception):
    """A peer does not keep to the protocol, or its headers do not link."""


# Keccak-256, as Ethereum uses it: hashlib has SHA-3, which pads otherwise.

_MASK = (1 << 64) - 1


def _tables() -> Tuple[List[int], List[Tuple[int, int]]]:
    rounds, bits = [], 1
    for _ in range(24):
        constant = 0
        for j in range(7):
            if bits & 1:
                constant |= 1 << ((1 << j) - 1)
            bits = bits << 1 ^ (0x171 if bits & 0x80 else 0)
        rounds.append(constant)
    moves, x, y = [], 1, 0
    for t in range(24):
        moves.append((x + 5 * y, (t + 1) * (t + 2) // 2 % 64))
        x, y = y, (2 * x + 3 * y) % 5
    return rounds, moves


_ROUNDS, _MOVES = _tables()


def _permute(a: List[int]) -> None:
    for constant in _ROUNDS:
        c = [a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20] for x in range(5)]
        for x in range(5):
            n = c[(x + 1) % 5]
            d = c[x - 1] ^ (n << 1 & _MASK | n >> 63)
            for y in range(x, 25, 5):
                a[y] ^= d
        # rho and pi: each lane goes, turned, to where the next one was
        (first, _), lane = _MOVES[0], a[1]
        for (_, turn), (to, _) in zip(_MOVES, _MOVES[1:] + [(first, 0)]):
            lane, a[to] = a[to], lane << turn & _MASK | lane >> (64 - turn)
        for y in range(0, 25, 5):
            row = a[y:y + 5]
            for x in range(5):
                a[y + x] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5])
        a[0] ^= constant


def keccak256(data: bytes) -> bytes:
    """Keccak-256 of data."""
    rate = 136
    padded = bytearray(data) + bytes(rate - len(data) % rate)
    padded[len(data)] ^= 0x01
    padded[-1] ^= 0x80
    a = [0] * 25
    for at in range(0, len(padded), rate):
        for i in range(rate // 8):
            a[i] ^= int.from_bytes(padded[at + 8 * i:at + 8 * i + 8], "little")
        _permute(a)
    return b"".join(lane.to_bytes(8, "little") for lane in a[:4])


# RLP

def number(value: int) -> bytes:
    """A number as RLP has it."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def encode(item: Item) -> bytes:
    """RLP of bytes or a list."""
    if isinstance(item, list):
        return _length(b"".join(map(encode, item)), 0xC0)
    if len(item) == 1 and item[0] < 0x80:
        return item
    return _length(item, 0x80)


def _length(body: bytes, offset: int) -> bytes:
    if len(body) < 56:
        return bytes([offset + len(body)]) + body
    size = number(len(body))
    return bytes([offset + 55 + len(size)]) + size + body


def split(data: bytes, at: int) -> Tuple[bool, int, int]:
    """Of the item at this place: whether it is a list, and where its content
    begins and ends."""
    if at >= len(data):
        raise Bad("RLP ends early")
    first = data[at]
    if first < 0x80:
        return False, at, at + 1
    is_list = first >= 0xC0
    n = first - (0xC0 if is_list else 0x80)
    at += 1
    if n > 55:
        size = n - 55
        n = int.from_bytes(data[at:at + size], "big")
        at += size
    if at + n > len(data):
        raise Bad("RLP is longer than its data")
    return is_list, at, at + n


def items(data: bytes) -> List[bytes]:
    """The items of a list, each as it stands."""
    is_list, at, end = split(data, 0)
    if not is_list or end != len(data):
        raise Bad("not a list")
    out = []
    while at < end:
        _, _, after = split(data, at)
        if after > end:
            raise Bad("an item leaves its list")
        out.append(data[at:after])
        at = after
    return out


def content(data: bytes) -> bytes:
    """The bytes of an item that is a string."""
    is_list, at, end = split(data, 0)
    if is_list:
        raise Bad("a list where bytes should be")
    return data[at:end]


def integer(data: bytes) -> int:
    """The number of an item."""
    return int.from_bytes(content(data), "big")


# eth

class Chain:
    """Headers from the genesis on, each checked against the one before."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.height = 0
        self.tip = b""
        self.began = time.monotonic()

    def question(self) -> bytes:
        n = min(BATCH, self.count - self.height)
        return encode([number(self.height + 1), [number(self.height + 1), number(n),
                                                 b"", b""]])

    def answer(self, data: bytes) -> None:
        headers = items(items(data)[1])
        if not headers:
            raise Bad("it has no more headers")
        for raw in headers:
            fields = items(raw)
            if integer(fields[8]) != self.height + 1 or content(fields[0]) != self.tip:
                raise Bad(f"header {self.height + 1} does not link")
            self.height += 1
            self.tip = keccak256(raw)


def status(version: int, theirs: List[bytes]) -> bytes:
    """Ours: of the same chain, with nothing but its genesis."""
    # eth/68: version, network, difficulty, head, genesis, fork
    # eth/69: version, network, genesis, fork, earliest, latest, latest hash
    genesis, fork = theirs[4:6] if version < 69 else theirs[2:4]
    zero = encode(b"")
    mine = [encode(number(version)), theirs[1]]
    mine += [zero, genesis, genesis, fork] if version < 69 else \
        [genesis, fork, zero, zero, genesis]
    return _length(b"".join(mine), 0xC0)


class Fetcher:
    """Asks one peer at a time; the next one goes on where it left off."""

    def __init__(self, client: p2papp.Client, chain: Chain) -> None:
        self.client = client
        self.chain = chain
        self.ready: List[p2papp.Peer] = []  # their status came; the first is asked

    async def ask(self) -> None:
        await self.client.send(self.ready[0], GET_HEADERS, self.chain.question())

    async def message(self, event: p2papp.Message) -> None:
        peer = event.peer
        if event.code == STATUS:
            theirs = items(event.data)
            genesis = content(theirs[4 if peer.version < 69 else 2])
            self.chain.tip = self.chain.tip or genesis
            await self.client.send(peer, STATUS, status(peer.version, theirs))
            self.ready.append(peer)
            if len(self.ready) == 1:
                await self.ask()
        elif event.code == HEADERS and peer in self.ready[:1]:
            self.chain.answer(event.data)
            if self.chain.height < self.chain.count:
                await self.ask()
        elif event.code in QUESTIONS:
            nothing: List[Item] = [content(items(event.data)[0])]
            if event.code == 0x0F and peer.version >= 70:
                nothing.append(b"")
            await self.client.send(peer, event.code + 1, encode(nothing + [[]]))

    async def heard(self, event: p2papp.Message) -> None:
        try:
            await self.message(event)
        except p2papp.Gone:
            pass
        except (Bad, IndexError) as e:
            print(f"peer {event.peer}: {e}", flush=True)
            self.client.disconnect(event.peer, p2papp.Reason.BREACH)

    async def gone(self, peer: p2papp.Peer) -> None:
        asked = peer in self.ready[:1]
        if peer in self.ready:
            self.ready.remove(peer)
        if asked and self.ready:
            try:
                await self.ask()
            except p2papp.Gone:
                pass  # it goes down next

    async def run(self) -> None:
        """Until all headers are there."""
        async for event in self.client:
            if isinstance(event, p2papp.PeerUp):
                print(f"peer {event.peer} up: {event.peer.client}", flush=True)
            elif isinstance(event, p2papp.PeerDown):
                print(f"peer {event.peer} down: {event.reason_name}", flush=True)
                await self.gone(event.peer)
            elif isinstance(event, p2papp.Message):
                await self.heard(event)
                if self.chain.height >= self.chain.count:
                    return
            elif isinstance(event, p2papp.Detached):
                raise event.error


async def fetch(path: Optional[str], count: int) -> None:
    chain = Chain(count)
    async with p2papp.Client(path, name="eth_headers.py") as client:
        await client.attach("eth", VERSIONS)
        print("attached eth", flush=True)
        await Fetcher(client, chain).run()
    seconds = time.monotonic() - chain.began
    print(f"done: {chain.height} headers in {seconds:.2f} s, last 0x{chain.tip.hex()}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Ethereum headers from p2pd")
    parser.add_argument("-s", metavar="socket", dest="path")
    parser.add_argument("-n", metavar="count", dest="count", type=int, default=1000)
    args = parser.parse_args()
    try:
        asyncio.run(fetch(args.path, args.count))
    except KeyboardInterrupt:
        pass
    except (OSError, p2papp.Error) as e:
        raise SystemExit(f"eth_headers.py: {e}")


if __name__ == "__main__":
    main()
