# SPDX-License-Identifier: ISC
"""p2pd's discovery v4 against go-ethereum's, both ways."""

import json
import os
import random
import subprocess
import time

from judge import Failure, Node, WAIT
from p2ptest import P2PCTL, until

COUNT = 10
CAPS = ("tst/1:8", "tst/2:8", "oth/1:4")
FIND = 120          # seconds, for all to have found each other
PATIENCE = 20       # seconds, for them to do so by themselves


def same(got, want, what):
    if got != want:
        raise Failure(f"{what}: {got}, not {want}")


def crawl(enode, path):
    """The node ids that a crawl finds, beginning there."""
    run = subprocess.run([P2PCTL, "-j", "crawl", path, "--bootnode", enode, "--for", "30s"],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         timeout=WAIT + 30)
    if run.returncode != 0:
        raise Failure(f"crawl: {run.stderr}")
    with open(path) as f:
        found = json.load(f)
    os.unlink(path)
    return found


def asked_by_geth(node, disc):
    """Its pings, and its requests for our record, which is the one we publish."""
    ours = node.ctl("resolve", node.enode)
    for i in range(COUNT):
        got = disc.ask("ping", node=i, enode=node.enode)
        same((got["ok"], got.get("seq")), (True, ours["seq"]), f"ping by {i}: {got}")
        if not got["to"].startswith("127.0.0.1:"):
            raise Failure(f"ping by {i}: seen at {got['to']}")
        got = disc.ask("record", node=i, enode=node.enode)
        same((got["ok"], got.get("record")), (True, ours["record"]), f"record for {i}: {got}")


def all_meet(disc):
    """Every geth node holds all others as checked, whom only p2pd told of. One
    that was late with a pong is dropped, and geth's next refresh is in half an
    hour: who still lacks somebody after a time looks for him."""
    ids = {n["id"] for n in disc.nodes}
    patient = time.monotonic() + PATIENCE

    def met():
        lacking = [(i, ids - {n["id"]} - set(disc.ask("table", node=i)["live"]))
                   for i, n in enumerate(disc.nodes)]
        lacking = [(i, others) for i, others in lacking if others]
        if lacking and time.monotonic() > patient:
            i, others = random.choice(lacking)
            disc.ask("lookup", node=i, id=min(others))
        return not lacking
    until(met, timeout=FIND, step=0.5)


def holds_us(disc, node):
    """Every geth node holds p2pd as checked."""
    until(lambda: all(node.id in disc.ask("table", node=i)["live"] for i in range(COUNT)),
          timeout=FIND, step=0.5)


def lookups(disc, node):
    """A lookup through p2pd by a newcomer finds all there are."""
    ids = {n["id"] for n in disc.nodes}
    for target in (disc.nodes[0]["id"], disc.nodes[7]["id"], node.id, ""):
        got = {n["id"] for n in disc.ask("lookup", node=3, id=target)["nodes"]}
        if len(got & (ids | {node.id})) < COUNT:
            raise Failure(f"a lookup finds {len(got & ids)} of {COUNT} geth nodes")


def bootnode(score, tools):
    """p2pd knows nobody; ten geth nodes know nobody but p2pd."""
    with Node("max-peers 0") as node:
        disc = tools.gethdisc("-n", str(COUNT), "-boot", node.enode)
        with score.check("pings and requests for our record"):
            asked_by_geth(node, disc)
        with score.check("ten geth nodes find each other through p2pd"):
            all_meet(disc)
        with score.check("they hold p2pd as checked"):
            holds_us(disc, node)
        with score.check("lookups of theirs"):
            lookups(disc, node)
        with score.check("a crawl from p2pd finds them, with their records"):
            path = os.path.join(node.dir, "nodes.json")
            want = {n["node_id"]: n["record"] for n in disc.nodes}

            def found():
                got = {k: v["record"] for k, v in crawl(node.enode, path).items()}
                return want.items() <= got.items()
            until(found, timeout=FIND, step=1)
        disc.command(cmd="stop")
        disc.expect("stopped")


def finds_peers(score, tools):
    """p2pd knows one geth node and dials what it finds from there."""
    boot = tools.gethdisc()
    peers = []
    with Node(f'bootnode "{boot.enode}"', "max-peers 50") as node:
        with score.check("ten geth servers find a bootnode of their own kind"):
            for _ in range(COUNT):
                peers.append(tools.gethpeer("-listen", "127.0.0.1:0", "-boot", boot.enode,
                                            "-maxpeers", "30"))
            until(lambda: len(boot.ask("table")["live"]) >= COUNT, timeout=FIND, step=0.5)
        with score.check("p2pd learns of them, and is their peer"):
            node.attach(*CAPS)
            ids = {p.id for p in peers}
            until(lambda: ids <= {p["id"] for p in node.peers()}, timeout=FIND, step=0.5)


def is_found(score, tools):
    """geth servers find p2pd through a bootnode that is p2pd, and dial it."""
    with Node("max-peers 0") as boot, \
            Node(f'bootnode "{boot.enode}"', "max-peers 50", "dial no") as node:
        with score.check("a program attaches"):
            node.attach(*CAPS)
        with score.check("three geth servers find it and are its peers"):
            peers = [tools.gethpeer("-listen", "127.0.0.1:0", "-boot", boot.enode)
                     for _ in range(3)]
            ids = {p.id for p in peers}
            until(lambda: ids <= {p["id"] for p in node.peers()}, timeout=FIND, step=0.5)
            here = {p["direction"] for p in node.peers()}
            same(here, {"in"}, "directions")


def ethereumjs(score, tools):
    """DPT, which has no records, and proves nothing before it asks."""
    with Node("max-peers 0") as node:
        disc = tools.ethjsdisc("--n", "4", "--boot", node.enode)
        ids = {n["id"] for n in disc.nodes} | {node.id}
        with score.check("pings both ways"):
            for i, there in enumerate(disc.nodes):
                got = disc.ask("ping", node=i, enode=node.enode)
                same((got["ok"], got.get("id")), (True, node.id), f"ping by {i}: {got}")
                got = node.ctl("ping", there["enode"], "--count", "1")
                same((got["received"], got["seq"]), (1, None), f"ping of {i}")
        with score.check("no record: said so"):
            run = node.run_ctl("resolve", disc.enode, "--timeout", "200")
            same((run.returncode, "not requests for its record" in run.stderr), (1, True),
                 f"resolve: {run.stderr}")
        with score.check("its findnode is answered"):
            until(lambda: disc.ask("findnode", enode=node.enode).get("nodes"), timeout=FIND,
                  step=0.5)
        with score.check("four of them find each other through p2pd"):
            def met():
                return all(ids - {n["id"]} <= set(disc.ask("table", node=i)["nodes"])
                           for i, n in enumerate(disc.nodes))
            until(met, timeout=FIND, step=0.5)
        with score.check("p2pd's lookups through them: geth finds them all by p2pd"):
            geth = tools.gethdisc("-boot", node.enode)
            until(lambda: ids <= set(geth.ask("table")["live"]), timeout=FIND, step=0.5)
