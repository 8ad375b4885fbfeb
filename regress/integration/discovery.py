#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Daemons that find each other on loopback: through a bootnode, by what they
remember, and in spite of deaths, full disks and damaged files."""

import asyncio
import json
import os
import re
import shutil
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.environ.get("srcdir", "."), "lib/python"))
import p2papp                                               # noqa: E402
from p2ptest import (BUILD, WAIT, Failure, Lines, Node, check, equal, main,  # noqa: E402
                     until)

SLOW = os.environ.get("P2PD_TEST_SLOW")
COUNT = 4
# Who was not found, or was dialed in vain, comes up again after half a minute.
PATIENCE = 3 * WAIT
FLOOD = os.path.join(BUILD, "regress/tools/d4flood")


def boots(*nodes):
    return "bootnode { " + " ".join(f'"{n.enode}"' for n in nodes) + " }"


def table(n):
    return {e["id"]: e for e in n.ctl("show", "table")}


def connected(n):
    return {p["id"] for p in n.peers()}


def known(n):
    """How many nodes the database holds; 0 while discovery starts."""
    run = n.run_ctl("-j", "show", "db")
    return json.loads(run.stdout)["nodes"] if run.returncode == 0 else 0


def meet(n, *others):
    """Until they are in its table; without hunger somebody must ask."""
    ids = {m.id for m in others}

    def met():
        n.ctl("lookup")
        return set(table(n)) >= ids
    until(met, timeout=PATIENCE, step=0.2)


def done(*nodes):
    for n in nodes:
        equal(n.stop(), 0, "exit status")
        n.clean()


class Options:
    """An application that says more than p2pctl attach does, in a thread."""

    def __init__(self, node, name, **options):
        self.stopped = asyncio.Event()
        self.ready = threading.Event()
        self.error = None
        self.thread = threading.Thread(
            target=lambda: asyncio.run(self.run(node, name, options)))
        self.thread.start()
        self.ready.wait(WAIT)
        if self.error:
            raise Failure(f"attach: {self.error}")

    async def run(self, node, name, options):
        self.loop = asyncio.get_running_loop()
        try:
            async with p2papp.Client(node.app, name="options") as client:
                await client.attach(name, {1: 8},
                                    options=p2papp.Options(**options))
                self.ready.set()
                await self.stopped.wait()
        except Exception as e:          # told by the constructor
            self.error = e
            self.ready.set()

    def close(self):
        self.loop.call_soon_threadsafe(self.stopped.set)
        self.thread.join()


def find_each_other():
    """Through a bootnode that keeps no peers and has no application."""
    boot = Node("max-peers 0")
    nodes = [Node(boots(boot), "throttle off") for _ in range(COUNT)]
    for n in nodes:
        meet(n, *(m for m in nodes if m is not n))
    # With nothing attached nobody is dialed.
    equal([connected(n) for n in nodes], [set()] * COUNT, "peers")
    until(lambda: not any(n.status()["discovery"]["wanted"] for n in nodes))
    apps = [n.attach("tst/1:8") for n in nodes]
    for n in nodes:
        until(lambda: connected(n) >= {m.id for m in nodes if m is not n},
              timeout=PATIENCE)
    equal(boot.peers(), [], "peers of the bootnode")
    check(not any("useless" in w or "attached" in w
                  for w in boot.status()["warnings"]),
          "a bootnode is warned for want of applications")
    # What the tool says of it all.
    a, b = nodes[0], nodes[1]
    why = a.ctl("show", "why", b.id)
    equal((why["would_dial"], why["connected"]), (False, True), "why a peer")
    entry = a.ctl("show", "node", b.id[:16])
    equal((entry["id"], entry["address"]), (b.id, f"127.0.0.1:{b.port}"), "node")
    equal(entry["in_table"], True, "in_table")
    found = a.ctl("lookup", b.id)
    equal((found[0]["id"], found[0]["distance"]), (b.id, 0), "lookup")
    check(a.ctl("show", "why", a.id)["reasons"], "this node would dial itself")
    record = b.ctl("show", "enr")
    until(lambda: a.ctl("show", "node", b.id)["enr"] == record["enr"],
          timeout=PATIENCE)
    equal(record["endpoints"],
          [{"address": "127.0.0.1", "udp": b.port, "tcp": b.port}], "endpoints")
    # Hunger ends when there is enough.
    keys = {k["op"]: k for k in a.ctl("show", "keys")
            if k["process"] == "discovery"}
    for op in ("ping", "pong", "findnode", "neighbors", "record"):
        check(keys[op]["requests"] > 0, f"no {op} was signed")
    for app in apps:
        app.kill()
    done(boot, *nodes)


def own_record():
    n = Node('announce address 192.0.2.7', 'announce port 4000',
             'announce udp port 4001')
    first = n.ctl("show", "enr")
    equal(first["endpoints"],
          [{"address": "192.0.2.7", "udp": 4001, "tcp": 4000}], "endpoints")
    check(n.status()["enr"] == first["enr"], "status has another record")
    equal(n.status()["enode"],
          [f"enode://{n.id}@192.0.2.7:4000?discport=4001"], "enode")
    # An application's entry, for as long as it is attached.
    app = Options(n, "tst", enr={"tst": b"\xc3\x82\x01\x02"})
    until(lambda: "tst" in n.ctl("show", "enr")["keys"])
    second = n.ctl("show", "enr")
    check(second["seq"] > first["seq"], "the sequence does not rise")
    app.close()
    until(lambda: "tst" not in n.ctl("show", "enr")["keys"], timeout=WAIT + 15)
    third = n.ctl("show", "enr")
    check(third["seq"] > second["seq"], "the sequence does not rise")
    n.stop()
    # A clock that went back does not take the sequence with it.
    state = os.path.join(n.data, "state")
    text = open(state).read()
    check(f"record {third['seq']}" in text, f"state file: {text}")
    ahead = third["seq"] + 3600 * 1000
    with open(state, "w") as f:
        f.write(text.replace(str(third["seq"]), str(ahead)))
    n.start()
    equal(n.ctl("show", "enr")["seq"], ahead + 1, "sequence after the restart")
    done(n)


def conditions():
    """Only nodes whose record has what the application asks for are dialed."""
    boot = Node("max-peers 0")
    good, bad = (Node(boots(boot), "dial no", "throttle off") for _ in range(2))
    apps = [Options(good, "tst", enr={"tst": b"\xc3\x82\x01\x02"}),
            Options(bad, "tst", enr={"tst": b"\xc3\x82\x01\x03"})]
    for n in (good, bad):
        until(lambda: "tst" in n.ctl("show", "enr")["keys"])
    seeker = Node(boots(boot), "throttle off")
    meet(seeker, good, bad)
    apps.append(Options(seeker, "tst", condition={"tst": [b"\xc3\x82\x01\x02"]}))
    until(lambda: good.id in connected(seeker), timeout=PATIENCE)
    until(lambda: seeker.ctl("show", "node", bad.id)["enr"], timeout=PATIENCE)
    why = seeker.ctl("show", "why", bad.id)
    check(any("record" in r for r in why["reasons"]), f"why: {why}")
    time.sleep(1)
    equal(connected(seeker), {good.id}, "peers")
    for app in apps:
        app.close()
    done(boot, good, bad, seeker)


def in_db(n, *others):
    """All of them are remembered."""
    for m in others:
        run = n.run_ctl("-j", "show", "node", m.id)
        if run.returncode != 0 or not json.loads(run.stdout)["in_db"]:
            return False
    return True


def without_bootnodes(n):
    with open(n.conf) as f:
        lines = f.read().splitlines()
    with open(n.conf, "w") as f:
        f.write("\n".join(line for line in lines
                          if not line.startswith("bootnode")) + "\n")


def warm_restart():
    """Without a bootnode, from what is remembered: when it comes back nobody
    knows of it, and nobody else is named to it."""
    first = Node("throttle off", "dial no")
    others = [first] + [Node(boots(first), "throttle off", "dial no")
                        for _ in range(COUNT - 2)]
    n = Node(boots(first), "throttle off")
    ids = {m.id for m in others}
    meet(n, *others)
    until(lambda: in_db(n, *others), timeout=PATIENCE)
    for m in (n, *others):
        equal(m.stop(), 0, "exit status")
        without_bootnodes(m)
    for m in others:
        shutil.rmtree(os.path.join(m.data, "nodes"))
        m.start()
        equal(table(m), {}, "who is known to one that forgot all")
    n.start()
    until(lambda: set(table(n)) & ids, timeout=PATIENCE)
    apps = [m.attach("tst/1:8") for m in (*others, n)]
    until(lambda: connected(n), timeout=PATIENCE)
    equal({p["direction"] for p in n.peers()}, {"out"}, "who dialed")
    check(connected(n) <= ids, "others than those remembered")
    for app in apps:
        app.kill()
    done(n, *others)


def anew(n, old):
    """Another process has come in the old one's place and answers."""
    # In this order: the old one may answer while it is being killed.
    return n.pids().get(("discovery", 0)) not in (old, 0, None) and \
        n.run_ctl("-j", "show", "table").returncode == 0


def killed_in_use():
    """The process dies again and again; peers do not notice, nodes are kept."""
    boot = Node("max-peers 0")
    nodes = [Node(boots(boot), "throttle off") for _ in range(COUNT)]
    apps = [m.attach("tst/1:8") for m in nodes]
    n = nodes[0]
    others = {m.id for m in nodes[1:]}
    until(lambda: connected(n) >= others, timeout=PATIENCE)
    before = {p["handle"] for p in n.peers()}
    until(lambda: in_db(n, boot, *nodes[1:]), timeout=PATIENCE)
    commits = n.ctl("show", "db")["commits"]
    until(lambda: n.ctl("show", "db")["commits"] > commits)
    for i in range(1, 4):
        old = n.pids()[("discovery", 0)]
        os.kill(old, signal.SIGKILL)
        killed = time.monotonic()
        until(lambda: anew(n, old), step=0.01)
        took = time.monotonic() - killed
        check(took < (1.0 if not SLOW else 30.0), f"back after {took:.2f} s")
        until(lambda: set(table(n)) & others)
        process = [p for p in n.ctl("show", "processes")
                   if p["process"] == "discovery"][0]
        equal(process["restarts"], i, "restarts")
        check("signal 9" in process["last_cause"], f"cause: {process}")
        equal({p["handle"] for p in n.peers()}, before, "peers")
        check(known(n) >= COUNT, "the database is empty")
    for app in apps:
        app.kill()
    done(boot, *nodes)


def rss(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"^VmRSS:\s+(\d+) kB", f.read(), re.M).group(1)) * 1024


def flooded():
    """Hostile datagrams of every kind: memory stays, good pings are answered,
    nothing goes to spoofed addresses; and the process dies in the middle."""
    count = 20_000 if SLOW else 1_000_000
    boot = Node("max-peers 0")
    n, other = (Node(boots(boot), "throttle off") for _ in range(2))
    apps = [m.attach("tst/1:8") for m in (n, other)]
    until(lambda: connected(n) == {other.id}, timeout=PATIENCE)
    before = {p["handle"] for p in n.peers()}
    Lines("d4flood", [FLOOD, "-n", str(count // 10), "-t", "1", n.enode]).wait(
        WAIT * 4)
    pid = n.pids()[("discovery", 0)]
    size = rss(pid)
    flood = Lines("d4flood", [FLOOD, "-n", str(count), n.enode])
    got = json.loads(flood.expect(r'^\{"sent.*', timeout=WAIT * 20).group(0))
    equal(n.pids()[("discovery", 0)], pid, "the process")
    grown = rss(pid) - size
    refused = n.status()["discovery"]["refused"]
    print(f"# {got['sent']} in {got['ms']} ms, {got['pongs']} of {got['pings']} "
          f"pings answered, the slowest in {got['worst_us']} us, none for "
          f"{got['silence_ms']} ms, grown by {grown // 1024} KiB; {refused}")
    equal(got["faults"], 0, f"to spoofed addresses: {got}")
    check(got["spoofed_back"] <= got["spoofed_pings"], f"{got}")
    check(SLOW or grown < 4 << 20, f"memory grew by {grown} bytes")
    # A full buffer loses a ping; whoever asks again is answered.
    check(got["pongs"] >= got["pings"] * (0.5 if SLOW else 0.95),
          f"{got['pongs']} of {got['pings']} pings answered")
    check(got["silence_ms"] < (30000 if SLOW else 3000),
          f"a good node unanswered for {got['silence_ms']} ms")
    check(all(n > 0 for n in got["kinds"].values()), f"{got['kinds']}")
    for why in ("size", "hash", "signature", "expired", "type", "unproven"):
        check(refused[why] > 0, f"no {why} in {refused}")
    # In mid-flood.
    flood = Lines("d4flood", [FLOOD, "-n", str(count), n.enode])
    flood.expect("^flooding")
    time.sleep(0.5)
    os.kill(pid, signal.SIGKILL)
    killed = time.monotonic()
    until(lambda: anew(n, pid), step=0.01)
    took = time.monotonic() - killed
    check(took < (1.0 if not SLOW else 30.0), f"back after {took:.2f} s")
    until(lambda: {boot.id, other.id} & set(table(n)))
    equal({p["handle"] for p in n.peers()}, before, "peers")
    flood.kill()
    for app in apps:
        app.kill()
    done(boot, n, other)


def damaged_database():
    """Set aside, said so, and begun anew: at the start and while it runs."""
    boot = Node("max-peers 0")
    n = Node(boots(boot))
    until(lambda: known(n) >= 1)
    n.stop()
    path = os.path.join(n.data, "nodes/data.mdb")
    n.start()
    # A sanitizer makes of SIGBUS an exit like any other.
    signals = not any("sanitizer" in p["layers"]
                      for p in n.ctl("show", "processes"))
    n.stop()
    for damage in (b"p2pd-state 1\n", os.urandom(40000),
                   *([None] if signals else [])):
        if damage is None:
            # The pages that the head tells of are not there.
            size = os.path.getsize(path)
            with open(path, "r+b") as f:
                f.truncate(8192)
            check(size > 8192, "a database of no pages")
        else:
            with open(path, "wb") as f:
                f.write(damage)
        n.start()
        n.process.expect(r"set aside as .*/nodes/data\.mdb\.bad", again=True)
        check(os.path.exists(path + ".bad"), "it is not there")
        until(lambda: known(n) >= 1)
        os.unlink(path + ".bad")
        n.stop()
    if not signals:
        done(boot)
        n.clean()
        return
    n.start()
    # Cut short while it is in use: the next that reads it is not there.
    os.truncate(path, 0)
    n.process.expect(r"discovery\[0\] died")
    n.process.expect(r"set aside as ")
    until(lambda: known(n) >= 1)
    done(boot, n)


def full_disk():
    """What does not fit is not kept, and nothing else comes of it."""
    boot = Node("max-peers 0")
    n = Node(boots(boot), start=False)
    nodes = os.path.join(n.data, "nodes")
    os.makedirs(nodes, mode=0o700)
    os.chmod(n.data, 0o700)
    # Room for an empty database, and for little else.
    n.wrap = ["unshare", "-m", "sh", "-c",
              f'mount -t tmpfs -o size=28k,mode=0700 tmpfs "{nodes}" && exec "$@"',
              "sh"]
    if os.geteuid() != 0 or Lines("unshare", ["unshare", "-m", "true"]).wait() != 0:
        print("# no namespace to be had: not tried")
        done(boot)
        n.clean()
        return
    n.start()
    others = [Node(boots(boot), "throttle off") for _ in range(COUNT)]
    meet(n, *others)
    n.process.expect(r"node database: No space left on device", again=True)
    st = n.ctl("show", "db")
    check(st["failures"] > 0 and "space" in st["last_error"], f"{st}")
    equal([p["restarts"] for p in n.ctl("show", "processes")
           if p["process"] == "discovery"], [0], "restarts")
    done(boot, n, *others)


def bans_and_netrestrict():
    boot = Node("max-peers 0")
    a, b = (Node(boots(boot)) for _ in range(2))
    meet(a, b)
    a.ctl("ban", "add", b.id)
    until(lambda: b.id not in table(a))
    check(a.ctl("show", "why", b.id)["reasons"], "a banned node would be dialed")
    a.ctl("ban", "del", b.id)
    meet(a, b)
    far = Node(boots(boot), "netrestrict { 10.0.0.0/8 }")
    far.process.expect(r"bootnode at 127\.0\.0\.1:\d+ is not taken", again=True)
    equal(far.ctl("show", "table"), [], "table of who may speak with nobody here")
    # Of static nodes discovery says nothing.
    far.ctl("peer", "add", f"enode://{b.id}@192.0.2.9:1")
    far.ctl("ban", "add", "192.0.2.0/24")
    reasons = far.ctl("show", "why", b.id)["reasons"]
    check(any("netrestrict" in r for r in reasons), f"outside: {reasons}")
    check(any("banned" in r for r in reasons), f"banned: {reasons}")
    done(boot, a, b, far)


def bootnode_by_name():
    boot = Node("max-peers 0")
    n = Node(f'bootnode "{boot.enode.replace("127.0.0.1", "localhost")}"')
    until(lambda: boot.id in table(n))
    m = Node(f'bootnode "{boot.enode.replace("127.0.0.1", "boot.invalid")}"')
    m.process.expect(r"bootnode boot\.invalid: \S", again=True)
    done(boot, n, m)


def last_resort():
    """Nobody to be found, and hungry: the bootnode itself is dialed, after a
    time. It speaks no discovery, so that nobody knows its record, and the walk
    can not name it to an application with a condition."""
    boot = Node("discovery v4 no")
    nodes = [Node(boots(boot)),
             Node(boots(boot).replace("127.0.0.1", "localhost"))]
    apps = [Options(n, "tst", condition={"tst": []}) for n in nodes]
    served = boot.attach("tst/1:8")
    for n in nodes:
        # Said while there is no peer, before the dialer is told.
        n.process.expect(rf"trying the bootnode at 127\.0\.0\.1:{boot.port}",
                         timeout=WAIT + 20)
    for n in nodes:
        until(lambda: connected(n) == {boot.id}, timeout=PATIENCE)
        equal(n.ctl("show", "table"), [], "table")
        status = n.status()
        equal((status["candidates_taken"], status["candidates_refused"]), (1, 0),
              "candidates of whatever source")
    for app in apps:
        app.close()
    served.kill()
    done(boot, *nodes)


def several_sockets():
    """Who is asked at the second address answers from there."""
    boot = Node("max-peers 0", "listen on 127.0.0.2 port 0",
                "listen on 127.0.0.3 port 0 udp port 0", "listen on ::1 port 0")
    port = {a.rsplit(":", 1)[0]: int(a.rsplit(":", 1)[1])
            for a in boot.status()["listening"]}
    ports = {e.split("@")[1].rsplit(":", 1)[0]: e for e in boot.status()["enode"]}
    check(set(ports) >= {"127.0.0.2", "[::1]"}, f"enodes: {ports}")
    boot.process.expect(rf"listening: {re.escape(ports['127.0.0.3'])}$",
                        again=True)
    check("discport" in ports["127.0.0.3"], f"enodes: {ports}")
    nodes = [Node(f'bootnode "{ports[host]}"', *more) for host, more in
             (("127.0.0.2", ()), ("127.0.0.3", ()),
              ("[::1]", ("listen on ::1 port 0",)))]
    for n in nodes:
        until(lambda: boot.id in table(n) and table(n)[boot.id]["live"])
    check(len(set(port.values())) == 4, f"ports: {port}")
    done(boot, *nodes)


def switched_off():
    for setting in ("discovery v4 no", "listen none"):
        n = Node(setting, listen=setting != "listen none")
        check(("discovery", 0) not in n.pids(), "a process is there")
        run = n.run_ctl("show", "table")
        equal(run.returncode, 1, "exit status")
        check("off by configuration" in run.stderr, run.stderr)
        equal(n.status()["enr"], None, "record")
        done(n)


main([find_each_other, own_record, conditions, warm_restart, killed_in_use, flooded,
      damaged_database, full_disk, bans_and_netrestrict, bootnode_by_name,
      last_resort, several_sockets, switched_off])
