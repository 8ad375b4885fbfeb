# SPDX-License-Identifier: ISC
"""Headers of a real chain: geth with 20,000 blocks that its own core made,
and the clients of p2pd that fetch and verify them."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading

from judge import BUILD, Failure, Lines, Node, WAIT, until
from p2ptest import check, equal

BLOCKS = 20000
FIRST = 1000            # by Python
LONG = 120              # seconds for what takes the machine's time, not a peer's
RATE = 8000             # headers a second, for runs that are to be interrupted
NETWORK = 20220915

GETH = "github.com/ethereum/go-ethereum/cmd/geth"
CACHE = ("--cache", "128")      # MiB: a chain of empty blocks asks for little

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
ETH_HEADERS = os.path.join(BUILD, "lib/examples/eth-headers/eth-headers")
PYTHON = os.path.join(TOP, "lib/python")


class Geth:
    """geth on a private chain, started and stopped as its user would. It is built,
    and its chain made and imported, in the background while others are tested."""

    def __init__(self, tools, dir):
        self.tools = tools
        self.program = os.path.join(tools.work, "geth")
        self.dir = dir
        self.data = os.path.join(dir, "data")
        self.tmp = tempfile.TemporaryDirectory(prefix="p2pd-geth-")
        self.ipc = os.path.join(self.tmp.name, "ipc")   # unix sockets like it short
        # Any, and that one for good: held, so that nobody is given it while geth is
        # away; geth may have it beside us, as long as we do not listen.
        self.held = socket.socket()
        self.held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.held.bind(("127.0.0.1", 0))
        self.port = self.held.getsockname()[1]
        self.process = None
        self.error = None
        self.maker = threading.Thread(target=self._make, daemon=True)

    def prepare(self):
        if self.maker.ident is None:
            self.maker.start()

    def _call(self, name, *options):
        run = subprocess.run(["nice", os.path.join(self.tools.work, name), *options],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, timeout=10 * LONG)
        if run.returncode != 0:
            raise Failure(f"{name}: {run.stdout[-1000:]}{run.stderr[-1000:]}")
        return run.stdout

    def _source(self):
        """What the chain is made by."""
        text = str(BLOCKS)
        for name in ("go/go.mod", "go/gethchain/main.go", "geth/go.mod"):
            with open(os.path.join(self.tools.source, name)) as f:
                text += f.read()
        return hashlib.sha256(text.encode()).hexdigest()

    def _make(self):
        """One that is there already from the same source will do."""
        mark = os.path.join(self.dir, "made.json")
        source = self._source()
        try:
            self.tools.go_build("./gethchain", wrap=["nice"])
            self.tools.go_build(GETH, module="geth", wrap=["nice"])
            if os.path.exists(mark):
                with open(mark) as f:
                    made = json.load(f)
                if made["source"] == source:
                    self.chain = made
                    return
            shutil.rmtree(self.dir, ignore_errors=True)
            os.makedirs(self.dir)
            made = json.loads(self._call("gethchain", "-dir", self.dir, "-blocks",
                                         str(BLOCKS)))
            self._call("geth", "init", "--datadir", self.data,
                       os.path.join(self.dir, "genesis.json"))
            self._call("geth", "import", "--datadir", self.data, *CACHE,
                       os.path.join(self.dir, "chain.rlp"))
            self.chain = dict(made, source=source)
            with open(mark, "w") as f:
                json.dump(self.chain, f)
        except (Failure, OSError, ValueError, subprocess.SubprocessError) as e:
            self.error = e

    def made(self):
        self.prepare()
        self.maker.join()
        if self.error is not None:
            raise Failure(str(self.error))

    def start(self, static=None):
        """The same node again, at the same address. It outlives the nodes of
        ours that a with statement ends, and their clients."""
        self.kill()
        more = []
        if static is not None:
            more = ["--config", os.path.join(self.dir, "config.toml")]
            with open(more[1], "w") as f:
                f.write(f'[Node.P2P]\nStaticNodes = ["{static}"]\n')
        self.process = Lines("geth", [
            self.program, "--datadir", self.data, "--networkid", str(NETWORK),
            "--syncmode", "full", "--nodiscover", "--nat", "none",
            "--netrestrict", "127.0.0.0/8", "--port", str(self.port),
            "--ipcpath", self.ipc, "--authrpc.port", "0", *CACHE, *more])
        Lines.alive.remove(self.process)
        self.process.expect("IPC endpoint opened", timeout=LONG)
        node = self.call("admin_nodeInfo")
        self.enode = node["enode"]
        return node

    def call(self, method, *params):
        """What geth answers at its IPC socket."""
        question = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(WAIT)
                s.connect(self.ipc)
                s.sendall(json.dumps(question).encode())
                answer = json.loads(s.makefile().readline())
        except (OSError, ValueError) as e:
            raise Failure(f"geth: {method}: {e}") from e
        if answer.get("result") is None:
            raise Failure(f"geth: {method}: {answer}")
        return answer["result"]

    def dial(self, enode):
        self.call("admin_addPeer", enode)

    def stop(self):
        """In order: it tells its peers and writes down what it has."""
        status = self.process.kill(signal.SIGTERM)
        if status != 0:
            raise Failure(f"geth: exit status {status}:\n  " +
                          "\n  ".join(self.process.lines[-20:]))
        self.process = None

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process = None

    def hash(self, number):
        return self.call("eth_getBlockByNumber", hex(number), False)["hash"]


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


def interrupt(score, client, geth, **options):
    """geth goes away in between, and comes back."""
    with score.check("geth stops: its peer is told"):
        progress(client, BLOCKS // 4)
        geth.stop()
        client.expect("peer [0-9]+ down: remote")
        if any(line.startswith("done") for line in client.lines):
            raise Failure("it was done before")
    with score.check("geth starts again"):
        geth.start(**options)


def recover(score, client, geth):
    with score.check("its peer is back: all headers, verified"):
        client.expect("peer [0-9]+ up: eth/", timeout=LONG)
        done(client, BLOCKS, geth.chain["hash"])


def made(score, geth):
    with score.check(f"geth has a chain of {BLOCKS} blocks"):
        geth.made()
        node = geth.start()
        print(f"# {node['name']}")
        eth = node["protocols"]["eth"]
        check(eth["head"] == geth.chain["hash"] == geth.hash(BLOCKS),
              f"its head is {eth['head']}, not {geth.chain}")
        equal(eth["genesis"], geth.chain["genesis"], "genesis")
    return geth.chain


def p2pd_dials(score, geth):
    chain = made(score, geth)
    with Node() as node:
        with score.check("eth-headers learns from geth which chain it is"):
            client = eth_headers(node, "-l", "-r", str(RATE))
            node.add(geth.enode)
            client.expect(f"network {NETWORK}, genesis {chain['genesis']}, "
                          f"fork {chain['fork']},{chain['fork_next']}")
        interrupt(score, client, geth)
        # p2pd dials a static node again after 35 s; others need not wait.
        with score.check("all headers at full speed"), beside() as other:
            fast = eth_headers(other, "-l")
            other.add(geth.enode)
            done(fast, BLOCKS, chain["hash"])
        with score.check(f"the first {FIRST} by Python"), beside() as other:
            slow = python(other)
            other.add(geth.enode)
            done(slow, FIRST, geth.hash(FIRST))
        recover(score, client, geth)
    geth.stop()


def geth_dials(score, geth):
    chain = made(score, geth)
    with Node() as node:
        with score.check("eth-headers knows which chain it is, and p2pd says so"):
            client = eth_headers(
                node, "-N", str(NETWORK), "-g", chain["genesis"], "-f",
                f"{chain['fork']},{chain['fork_next']}", "-r", str(RATE))
            geth.dial(node.enode)
            client.expect("peer [0-9]+ up: eth/")
        interrupt(score, client, geth, static=node.enode)
        recover(score, client, geth)
    with Node() as node:
        with score.check(f"the first {FIRST} by Python"):
            client = python(node)
            geth.dial(node.enode)
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
