#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Sends every message back to the peer it came from.

    echo.py [-s socket] name/version:codes ...
"""

import argparse
import asyncio
import re
from typing import Dict

import p2papp


async def echo(path: str, capabilities: Dict[str, Dict[int, int]]) -> None:
    async with p2papp.Client(path, name="echo.py") as client:
        for name, versions in capabilities.items():
            await client.attach(name, versions)
            print("attached", name, flush=True)
        async for event in client:
            if isinstance(event, p2papp.PeerUp):
                print(f"peer {event.peer} up: {event.peer.id.hex()} at "
                      f"{event.peer.remote}, {event.peer.client}", flush=True)
            elif isinstance(event, p2papp.PeerDown):
                print(f"peer {event.peer} down: {event.reason_name}", flush=True)
            elif isinstance(event, p2papp.Message):
                try:
                    await client.send(event.peer, event.code, event.data)
                except p2papp.Gone:
                    pass
            elif isinstance(event, p2papp.Detached):
                raise event.error


def main() -> None:
    parser = argparse.ArgumentParser(description="echo for devp2p")
    parser.add_argument("-s", metavar="socket", dest="path")
    parser.add_argument("capability", nargs="+", help="name/version:codes")
    args = parser.parse_args()
    capabilities: Dict[str, Dict[int, int]] = {}
    for text in args.capability:
        found = re.fullmatch(r"([^/]+)/(\d+):(\d+)", text)
        if not found:
            parser.error(f"{text} is not name/version:codes")
        name, version, codes = found.groups()
        capabilities.setdefault(name, {})[int(version)] = int(codes)
    try:
        asyncio.run(echo(args.path, capabilities))
    except KeyboardInterrupt:
        pass
    except (OSError, p2papp.Error) as e:
        raise SystemExit(f"echo.py: {e}")


if __name__ == "__main__":
    main()
