# SPDX-License-Identifier: ISC
"""Headers of a real chain: geth's node with 20,000 blocks that go-ethereum made,
and the clients of p2pd that fetch and verify them."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import threading

from judge import BUILD, Child, Failure, Lines, Node, until

BLOCKS = 20000
FIRST = 1000            # by Python
LONG = 120              # seconds for what takes the machine's time, not a peer's
RATE = 8000             # headers a second, for runs that are to be interrupted

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
ETH_HEADERS = os.path.join(BUILD, "lib/examples/eth-headers/eth-headers")
PYTHON = os.path.join(TOP, "lib/python")


class Geth:
    """A node of go-ethereum that is started and stopped. It is built, and its
    chain made and imported, in the background while others are tested."""

    def __init__(self, tools, dir):
        self.tools = tools
        self.program = os.path.join(tools.work, "gethnode")
        self.dir = dir
        self.data = os.path.join(dir, "data")
        self.listen = "127.0.0.1:0"
        self.process = None
        self.error = None
        self.maker = threading.Thread(target=self._make, daemon=True)

    def prepare(self):
        if self.maker.ident is None:
            self.maker.start()

    def _call(self, *options):
        run = subprocess.run(["nice", self.program, *options], text=True,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, timeout=10 * LONG)
        if run.returncode != 0:
            raise Failure(f"gethnode: {run.stdout[-1000:]}{run.stderr[-1000:]}")

    def _source(self):
        """What the chain is made by."""
        text = str(BLOCKS)
        for name in ("go.mod", "gethnode/main.go"):
            with open(os.path.join(self.tools.source, "go", name)) as f:
                text += f.read()
        return hashlib.sha256(text.encode()).hexdigest()

    def _make(self):
        """One that is there already from the same source will do."""
        file = os.path.join(self.dir, "chain.rlp")
        mark = os.path.join(self.dir, "made")
        try:
            self.tools.go_build("./gethnode", wrap=["nice"])
            if os.path.exists(mark):
                with open(mark) as f:
                    if f.read() == self._source():
                        return
            shutil.rmtree(self.dir, ignore_errors=True)
            os.makedirs(self.dir)
            self._call("-make", file, "-blocks", str(BLOCKS))
            self._call("-datadir", self.data, "-import", file, "-blocks", str(BLOCKS),
                       "-listen", "")
            with open(mark, "w") as f:
                f.write(self._source())
        except (Failure, OSError, subprocess.SubprocessError) as e:
            self.error = e

    def made(self):
        self.prepare()
        self.maker.join()
        if self.error is not None:
            raise Failure(str(self.error))

    def start(self, *options):
        """The same node again, at the same address. It outlives the nodes of
        ours that a with statement ends, and their clients."""
        self.kill()
        self.process = Child("geth", [self.program, "-datadir", self.data,
                                      "-listen", self.listen, *options])
        Lines.alive.remove(self.process)
        ready = self.process.expect("ready", timeout=LONG)
        self.id, self.enode = ready["id"], ready["enode"]
        self.listen = self.enode.split("@")[1]
        return ready

    def stop(self):
        self.process.command(cmd="stop")
        self.process.expect("stopped", timeout=LONG)
        self.kill()

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process = None

    def hash(self, number):
        self.process.command(cmd="hash", size=number)
        return self.process.expect("hash", number=number)["hash"]


def eth_headers(node, *options):
    client = Lines("eth-headers", [ETH_HEADERS, "-s", node.app, *options])
    client.expect("attached eth")
    until(lambda: node.status()["capabilities"])
    return client


def python(node):
    path = os.pathsep.join(filter(None, (PYTHON, os.environ.get("PYTHONPATH"))))
    client = Lines("eth_headers.py", [
        sys.executable, os.path.join(PYTHON, "examples/eth_headers.py"), "-s", node.app,
        "-n", str(FIRST)], env=dict(os.environ, PYTHONPATH=path))
    client.expect("attached eth")
    until(lambda: node.status()["capabilities"])
    return client


def done(client, count, hash):
    """All headers are there, linked, and end where geth's do."""
    found = client.expect(r"done: (\d+) headers in .* last 0x([0-9a-f]+)", timeout=LONG)
    if found.groups() != (str(count), hash[2:]):
        raise Failure(f"{found.group(0)}, not {count} and {hash}")
    status = client.wait()
    if status != 0:
        raise Failure(f"{client.name}: exit status {status}")
    print("# " + found.group(0).split(", last")[0])


def progress(client, least):
    """Awaits that so many headers are verified."""
    while True:
        found = client.expect(r"^(\d+) of \d+ headers", timeout=LONG)
        if int(found.group(1)) >= least:
            return


@contextlib.contextmanager
def beside():
    """A node for while another one stands, whose end is not to end that."""
    node = Node()
    try:
        yield node
    finally:
        node.events.kill()
        node.stop()
        node.clean()


def interrupt(score, client, geth, *options):
    """geth goes away in between, and comes back."""
    with score.check("geth stops: its peer is told"):
        progress(client, BLOCKS // 4)
        geth.stop()
        client.expect("peer [0-9]+ down: remote")
        if any(line.startswith("done") for line in client.lines):
            raise Failure("it was done before")
    with score.check("geth starts again"):
        geth.start(*options)


def recover(score, client, head):
    with score.check("its peer is back: all headers, verified"):
        client.expect("peer [0-9]+ up: eth/", timeout=LONG)
        done(client, BLOCKS, head["hash"])


def made(score, geth):
    with score.check(f"geth has a chain of {BLOCKS} blocks"):
        geth.made()
        head = geth.start()
        if head["head"] != BLOCKS:
            raise Failure(f"it has {head['head']} blocks")
    return head


def p2pd_dials(score, geth):
    head = made(score, geth)
    with Node() as node:
        with score.check("eth-headers learns from geth which chain it is"):
            client = eth_headers(node, "-l", "-r", str(RATE))
            node.add(geth.enode)
            client.expect(f"network {head['network']}, genesis {head['genesis']}, "
                          f"fork {head['fork']},{head['fork_next']}")
        interrupt(score, client, geth)
        # p2pd dials a static node again after 35 s; others need not wait.
        with score.check("all headers at full speed"), beside() as other:
            fast = eth_headers(other, "-l")
            other.add(geth.enode)
            done(fast, BLOCKS, head["hash"])
        with score.check(f"the first {FIRST} by Python"), beside() as other:
            slow = python(other)
            other.add(geth.enode)
            done(slow, FIRST, geth.hash(FIRST))
        recover(score, client, head)
    geth.stop()


def geth_dials(score, geth):
    head = made(score, geth)
    with Node() as node:
        with score.check("eth-headers knows which chain it is, and p2pd says so"):
            client = eth_headers(
                node, "-N", str(head["network"]), "-g", head["genesis"], "-f",
                f"{head['fork']},{head['fork_next']}", "-r", str(RATE))
            geth.process.command(cmd="dial", enode=node.enode)
            client.expect("peer [0-9]+ up: eth/")
        interrupt(score, client, geth, "-static", node.enode)
        recover(score, client, head)
    with Node() as node:
        with score.check(f"the first {FIRST} by Python"):
            client = python(node)
            geth.process.command(cmd="dial", enode=node.enode)
            done(client, FIRST, geth.hash(FIRST))
    geth.stop()


GROUPS = (("p2pd dials geth for headers", p2pd_dials),
          ("geth dials p2pd for headers", geth_dials))


def wanted(score):
    return any(score.wanted(name) for name, _ in GROUPS)


def run(score, geth):
    try:
        for name, function in GROUPS:
            score.group(name, function, geth)
    finally:
        geth.kill()
