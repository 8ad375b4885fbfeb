#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""eth-headers among peers of every kind: honest ones, liars, such that fall
silent, vanish, or give little. They are clients in Python on nodes of their own,
with a chain made for the occasion."""

import asyncio
import os
import sys

from p2ptest import BUILD, WAIT, Failure, Lines, Node, check, main, until

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
ETH_HEADERS = os.path.join(BUILD, "lib/examples/eth-headers/eth-headers")

if sys.version_info < (3, 9):
    print("1..0 # SKIP needs Python 3.9 or later")
    sys.exit(77)
sys.path[:0] = [os.path.join(TOP, "lib/python"), os.path.join(TOP, "lib/python/examples")]

import p2papp  # noqa: E402
from eth_headers import (GET_HEADERS, HEADERS, STATUS, VERSIONS, content,  # noqa: E402
                         encode, integer, items, keccak256, number)

LENGTH = 600
FORK = 100          # where the liars' chain parts from the honest one
BATCH = 16
NETWORK, FORK_ID = 7, bytes.fromhex("00112233")


def make(fork=None, of=None):
    """Headers with nothing in them but what is looked at, and their last hash."""
    headers = list(of[:fork]) if of else []
    tip = keccak256(headers[-1]) if headers else bytes(32)
    for n in range(len(headers), LENGTH + 1):
        headers.append(encode([tip, b"", b"", b"", b"", b"", b"", b"", number(n),
                               b"" if of is None else b"lie"]))
        tip = keccak256(headers[-1])
    return headers, tip


HONEST, TIP = make()
LIES, _ = make(FORK, HONEST)
GENESIS = keccak256(HONEST[0])


class Peer:
    """One that serves headers, in its own way, on a node of its own."""

    def __init__(self, kind):
        self.kind = kind
        self.node = Node()
        self.answers = 0
        self.client = None
        self.up = asyncio.Event()
        self.met = asyncio.Event()
        self.company = [self]

    async def serve(self):
        """Until it is cancelled."""
        async with p2papp.Client(self.node.app, name=self.kind) as self.client:
            await self.client.attach("eth", {69: VERSIONS[69]})
            until(lambda: self.node.status()["capabilities"])
            self.up.set()
            async for event in self.client:
                try:
                    if isinstance(event, p2papp.PeerUp):
                        # All begin at once: liars are few among many from the start.
                        self.met.set()
                        await asyncio.gather(*(p.met.wait() for p in self.company))
                        await self.client.send(event.peer, STATUS, encode([
                            number(69), number(NETWORK), GENESIS, [FORK_ID, b""],
                            b"", number(LENGTH), keccak256(HONEST[-1])]))
                    elif isinstance(event, p2papp.Message) and event.code == GET_HEADERS:
                        await self.answer(event)
                except p2papp.Gone:
                    pass

    async def answer(self, event):
        self.answers += 1
        request, query = items(event.data)
        first, count = (integer(f) for f in items(query)[:2])
        if self.kind == "vanishes" and self.answers > 3:
            self.client.disconnect(event.peer)
            return
        if self.kind == "silent" and self.answers > 3:
            return
        if self.kind == "short":
            count = min(count, 5)
        chain = LIES if self.kind == "lies" else HONEST
        found = chain[first:first + count]
        if self.kind == "broken" and len(found) > 2:
            del found[1]
        body = b"".join(found)
        size = b"\xf9" + len(body).to_bytes(2, "big")
        body = request + size + body if len(body) > 255 else \
            encode([content(request), []])
        await self.client.send(event.peer, HEADERS,
                               b"\xf9" + len(body).to_bytes(2, "big") + body)


def eth_headers(node, *options):
    return Lines("eth-headers", [ETH_HEADERS, "-s", node.app, "-b", str(BATCH),
                                 "-t", "2", *options])


async def expect(client, pattern, **more):
    """Lines.expect() beside the loop in which the peers live."""
    return await asyncio.get_running_loop().run_in_executor(
        None, lambda: client.expect(pattern, **more))


async def whole(client):
    found = await expect(client, "done: ([0-9]+) headers.* last 0x(.*)", timeout=2 * WAIT)
    check(found.groups() == (str(LENGTH), TIP.hex()), found.group(0))


def among(*kinds):
    """Runs the coroutine with a node and with these peers."""
    def wrap(work):
        async def go(here, peers):
            for p in peers:
                p.company = peers
            serving = [asyncio.ensure_future(p.serve()) for p in peers]
            ups = asyncio.gather(*(p.up.wait() for p in peers))
            done, _ = await asyncio.wait({ups, *serving}, timeout=WAIT,
                                         return_when=asyncio.FIRST_COMPLETED)
            if ups not in done:
                raise Failure(f"a peer does not serve: {done}")
            await work(here, *peers)
            for task in serving:
                task.cancel()
            await asyncio.gather(*serving, return_exceptions=True)

        def test():
            here = Node()

            async def start():
                peers = [Peer(kind) for kind in kinds]
                await go(here, peers)
                return peers

            for node in [here] + [p.node for p in asyncio.run(start())]:
                node.stop()
                node.clean()
        test.__name__ = work.__name__
        return test
    return wrap


@among("honest", "short", "lies", "silent", "vanishes", "broken")
async def all_kinds(here, *peers):
    """p2pd says our status for us; what they owe is had from the honest ones."""
    client = eth_headers(here, "-N", str(NETWORK), "-g", GENESIS.hex(), "-f",
                         FORK_ID.hex(), "-r", "2000", "-n", str(LENGTH))
    await expect(client, "attached eth")
    for p in peers:
        here.ctl("peer", "add", p.node.enode)
    await whole(client)
    text = "\n".join(client.lines)
    for why in ("its headers are not of the chain", "headers that do not link",
                "does not answer", "down: remote"):
        check(why in text, f"{why} was not said:\n{text}")
    banned = {b["what"] for b in here.ctl("show", "bans")}
    for p in peers:
        check(p.kind not in ("honest", "short") or p.node.id not in banned,
              f"{p.kind} is banned")
        check(p.answers > 0, f"{p.kind} was not asked")


@among("honest")
async def peers_return(here, peer):
    """It goes on where it was, after the peer and after the session were lost."""
    client = eth_headers(here, "-l", "-r", "200")
    await expect(client, "attached eth")
    here.ctl("peer", "add", peer.node.enode)
    await expect(client, "^[1-9][0-9]* of 600 headers")
    here.ctl("peer", "disconnect", peer.node.id)
    await expect(client, "down: operator")
    peer.node.ctl("peer", "add", here.enode)
    await expect(client, "peer [0-9]+ up")
    await expect(client, "of 600 headers, [1-9]")
    os.kill(here.pids()["session", 0], 9)
    await expect(client, "down: session-died")
    until(lambda: here.status()["capabilities"])
    peer.node.ctl("peer", "add", here.enode)
    await whole(client)


if __name__ == "__main__":
    main([all_kinds, peers_return])
