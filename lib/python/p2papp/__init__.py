# SPDX-License-Identifier: ISC
"""Applications for p2pd(8), the devp2p daemon.

    import asyncio, p2papp

    async def main() -> None:
        async with p2papp.Client(name="echo") as client:
            await client.attach("tst", {1: 8})
            async for event in client:
                if isinstance(event, p2papp.Message):
                    await client.send(event.peer, event.code, event.data)

    asyncio.run(main())

The standard library is all that is needed. The protocol is p2pd-app(5).
"""

from .client import DEFAULT_PATH, Client
from .types import (Capability, Closed, Detached, Dropped, Error, Event, Failed, First,
                    Gone, Message, Options, Outcome, Peer, PeerDown, PeerUp, Policy,
                    Reason, Refused, Sent, SentMany, SessionDown, SessionUp,
                    SnapshotEnd, Stalled, Writable)

__all__ = [
    "DEFAULT_PATH", "Capability", "Client", "Closed", "Detached", "Dropped", "Error",
    "Event", "Failed", "First", "Gone", "Message", "Options", "Outcome", "Peer",
    "PeerDown", "PeerUp", "Policy", "Reason", "Refused", "Sent", "SentMany",
    "SessionDown", "SessionUp", "SnapshotEnd", "Stalled", "Writable",
]
