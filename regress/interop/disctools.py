# SPDX-License-Identifier: ISC
"""p2pctl ping, resolve and crawl against go-ethereum's discovery v4."""

import contextlib
import json
import os
import signal
import subprocess
import tempfile

from judge import Failure, WAIT
from p2ptest import P2PCTL, until

COUNT = 10


def p2pctl(*args, status=0):
    run = subprocess.run([P2PCTL, "-j", *args], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, timeout=WAIT)
    if run.returncode != status:
        raise Failure(f"p2pctl {' '.join(args)}: exit status {run.returncode}\n"
                      f"{run.stdout}{run.stderr}")
    return json.loads(run.stdout)


def same(got, want, what):
    if got != want:
        raise Failure(f"{what}: {got}, not {want}")


def load(path):
    with open(path) as f:
        return json.load(f)


def meet(disc):
    """Returns when every node knows all others, and has checked them."""
    def know_all():
        return all(len(disc.ask("table", node=i)["live"]) >= COUNT - 1
                   for i in range(COUNT))
    until(know_all, timeout=60)


def ping(disc):
    for there in disc.nodes:
        got = p2pctl("ping", there["enode"], "--count", "1")
        same((got["id"], got["seq"], got["sent"], got["received"]),
             (there["id"], there["seq"], 1, 1), "ping")
        same(got["seen"].split(":")[0], "127.0.0.1", "the address it sees")


def not_there(disc):
    """Another node's key at the address, and nobody there."""
    a, b = disc.nodes[0]["enode"], disc.nodes[1]["enode"]
    wrong = a.split("@")[0] + "@" + b.split("@")[1]
    got = p2pctl("ping", wrong, "--count", "1", status=1)
    if disc.nodes[1]["id"] not in got["text"]:
        raise Failure(f"ping of a wrong key: {got}")
    nobody = a.split("@")[0] + "@127.0.0.1:9"
    for tool in (("ping", nobody, "--count", "1"), ("resolve", nobody)):
        got = p2pctl(*tool, "--timeout", "100", status=1)
        if "does not answer" not in got["text"]:
            raise Failure(f"{tool}: {got}")


def resolve(disc, key):
    for there in disc.nodes:
        for options in ((), ("--key", key), ("--key", key)):
            got = p2pctl("resolve", there["enode"], *options)
            same((got["id"], got["node_id"], got["record"], got["valid"]),
                 (there["id"], there["node_id"], there["record"], True), "resolve")
    # What names it may be a record, too.
    same(p2pctl("resolve", disc.nodes[2]["record"])["record"],
         disc.nodes[2]["record"], "resolve by record")
    same(p2pctl("enr", "decode", disc.nodes[2]["record"])["enode"],
         disc.nodes[2]["enode"], "enr decode")


def ids(disc):
    return {n["node_id"]: n["record"] for n in disc.nodes}


def crawl(disc, path):
    got = p2pctl("crawl", path, "--bootnode", disc.nodes[4]["enode"], "--for", "60s")
    same((got["complete"], got["added"], got["answered"]), (True, COUNT, COUNT),
         "crawl")
    same({k: v["record"] for k, v in load(path).items()}, ids(disc), "nodes.json")


def there_and_back(disc, path):
    """Go-ethereum reads what we wrote, and we what it wrote."""
    got = disc.ask("nodes.json", file=path)
    same((got["ok"], got.get("scores")), (True, {k: 1 for k in ids(disc)}),
         f"nodes.json there ({got.get('error')})")
    before = load(path)
    got = p2pctl("crawl", path, "--for", "60s")
    # Checked are but keys that the other tools had, and that are gone.
    same((got["complete"], got["answered"], got["nodes"]), (True, 0, COUNT),
         "a crawl that goes on")
    same(load(path), before, "nodes checked just now")


def checked_again(disc, path):
    """Scores go up with each check, and down for one that is gone."""
    nodes = load(path)
    for n in nodes.values():
        n["lastCheck"] = "2026-01-02T03:04:05Z"
        n["score"] = 5
    gone = p2pctl("enr", "show", os.path.join(os.path.dirname(path), "key"),
                  "--ip", "127.0.0.1", "--port", "9999", "--seq", "7")
    nodes[gone["node_id"]] = {"seq": 7, "record": gone["record"], "score": 2,
                              "firstResponse": "2026-01-02T03:04:05Z",
                              "lastCheck": "0001-01-01T00:00:00Z"}
    with open(path, "w") as f:
        json.dump(nodes, f)
    got = p2pctl("crawl", path, "--for", "60s", "--timeout", "300")
    same((got["complete"], got["answered"], got["nodes"]), (True, COUNT, COUNT + 1),
         "checks")
    scores = {k: v["score"] for k, v in load(path).items()}
    same(scores, {**{k: 6 for k in ids(disc)}, gone["node_id"]: 1}, "scores")


def interrupted(disc, path):
    """What was found until then is written."""
    run = subprocess.Popen([P2PCTL, "-j", "crawl", path, "--rate", "4", "--bootnode",
                            disc.nodes[0]["enode"]], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True)
    with contextlib.suppress(subprocess.TimeoutExpired):
        run.wait(3)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=WAIT)
    same(run.returncode, 0, f"exit status of an interrupted crawl: {err}")
    got = json.loads(out)
    if got["complete"] or not 1 <= got["checked"] <= 16:
        raise Failure(f"crawl of 3 seconds at 4 a second: {got}")
    same(len(load(path)), got["answered"], "nodes in the file")


def tools(score, tools):
    disc = tools.gethdisc("-n", str(COUNT))
    with tempfile.TemporaryDirectory() as d:
        path, key = os.path.join(d, "nodes.json"), os.path.join(d, "key")
        with score.check("ten nodes find each other"):
            p2pctl("key", "generate", key)
            meet(disc)
        with score.check("ping"):
            ping(disc)
        with score.check("ping and resolve of who is not there"):
            not_there(disc)
        with score.check("resolve, with a new key and a known one"):
            resolve(disc, key)
        with score.check("crawl finds all ten"):
            crawl(disc, path)
        with score.check("nodes.json there and back"):
            there_and_back(disc, path)
        with score.check("scores"):
            checked_again(disc, path)
        with score.check("an interrupted crawl writes its file"):
            interrupted(disc, os.path.join(d, "other.json"))
    disc.command(cmd="stop")
    disc.expect("stopped")
