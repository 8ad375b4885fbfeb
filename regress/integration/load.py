#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Many peers at once, and many one after the other."""

import os
import signal

from p2ptest import LOAD, WAIT, Lines, Node, check, equal, main, until

SLOW = os.environ.get("P2PD_TEST_SLOW")
PEERS = 100 if SLOW else 1000
TURNOVER = int(os.environ.get("P2PD_TEST_TURNOVER", 1000 if SLOW else 100_000))


def kb(pid, what="VmRSS"):
    with open(f"/proc/{pid}/status") as f:
        for line in f:
            if line.startswith(what):
                return int(line.split()[1])
    return 0


def memory(pids):
    return {name: kb(pid) for name, pid in pids.items()}


def thousand_peers():
    n = Node(f"max-peers {PEERS + 100}", "dial-ratio 100")
    n.attach("bench/1:5")
    pids = n.pids()
    idle = memory(pids)
    p = Lines("load", [LOAD, "-n", str(PEERS), n.enode])
    p.expect(rf"^up={PEERS} failed=0", timeout=max(120, WAIT))
    until(lambda: n.status()["peers"] == PEERS)
    now = memory(pids)
    session = now[("session", 0)] - idle[("session", 0)]
    all_of = sum(now.values()) - sum(idle.values())
    print(f"# {PEERS} peers: session {session / PEERS:.2f} kB a peer, all "
          f"processes {all_of / PEERS:.2f} kB a peer")

    def pinged():
        p.process.send_signal(signal.SIGUSR1)
        m = p.expect(r"^alive=(\d+) lost=(\d+) pings=(\d+)")
        equal((m.group(1), m.group(2)), (str(PEERS), "0"), "alive and lost")
        return int(m.group(3)) >= PEERS
    until(pinged, timeout=max(60, WAIT), step=0.5)
    equal(n.status()["peers"], PEERS, "peers after their pings")
    p.kill(signal.SIGTERM)
    until(lambda: n.status()["peers"] == 0)
    n.stop()
    n.clean()


def turnover():
    n = Node("max-peers 500", "dial-ratio 100", "max-pending-inbound 200")
    n.attach("bench/1:5")
    pids = n.pids()

    def run(count):
        p = Lines("load", [LOAD, "-t", str(count), "-K", "64", "-w", "900",
                           n.enode])
        m = p.expect(r"^done=(\d+) failed=(\d+).*", timeout=900)
        print(f"# {m.group(0)}")
        equal((m.group(1), m.group(2)), (str(count), "0"), "done and failed")
        p.wait()
        until(lambda: n.status()["peers"] == 0)
        until(lambda: n.status()["pending_in"] == 0)

    def fds():
        if any(not os.access(f"/proc/{p}/fd", os.R_OK) for p in pids.values()):
            return {}
        return {k: len(os.listdir(f"/proc/{p}/fd")) for k, p in pids.items()}

    run(max(TURNOVER // 10, 100))
    warm, open_warm = memory(pids), until(lambda: fds() or {0: 0})
    run(TURNOVER)
    equal(n.pids(), pids, "processes")
    # Those that still say goodbye have 2 s for it.
    until(lambda: all(n <= open_warm.get(k, n) for k, n in fds().items()),
          timeout=WAIT if SLOW else 15)
    for name, kilo in memory(pids).items():
        check(kilo - warm[name] < (64 * 1024 if SLOW else 2 * 1024),
              f"{name}: from {warm[name]} to {kilo} kB")
    n.stop()
    n.clean()


main([thousand_peers, turnover])
