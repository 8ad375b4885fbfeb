#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Applications on real daemons: p2pctl attach on one node, libp2papp's example
and the client of p2pd-app(5) on another."""

import os
import signal
import sys
import tempfile

from p2ptest import BUILD, Lines, Node, check, equal, main, until

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path.insert(0, os.path.join(TOP, "regress/unit/lib"))

import pages  # noqa: E402  (the client of the page)

ECHO = os.path.join(BUILD, "lib/examples/echo")
SIZES = (0, 1, 1024, 65536, 1 << 20, 15 << 20)


def there_and_back(app, peer, version, code, size):
    data = (bytes(range(251)) * (size // 251 + 1))[:size]
    app.send(peer, "tst", code, data, id=[size])
    sent = app.expect(event="sent", id=[size])
    equal((sent["outcome"], sent["peer"]), ("written", peer), "outcome")
    back = app.expect(event="message", code=code)
    equal((back["peer"], back["version"]), (peer, version), "who echoed")
    check(back["data"] == "0x" + data.hex(), f"{size} bytes came back changed")


def bye(app, nodes):
    app.process.stdin.close()
    equal(app.wait(), 0, "exit of p2pctl attach")
    for n in nodes:
        n.stop()
        n.clean()


def echo_over_sessions():
    """Two sessions on either side; the session of the peer dies, and it all
    comes back by itself."""
    here, there = Node("sessions 2"), Node("sessions 2")
    echo = Lines("echo", [ECHO, "-s", there.app, "tst/2:12"])
    echo.expect("attached tst")
    until(lambda: there.status()["capabilities"])
    app = here.attach("tst/1:8", "aux/1:3", "tst/2:12")
    here.ctl("peer", "add", there.enode, "--wait")
    up = app.expect(event="peer-up")
    equal((up["capability"], up["version"], up["codes"], up["id"],
           up["static"], up["inbound"]),
          ("tst", 2, 12, there.id, True, False), "the peer")
    for size in SIZES:
        there_and_back(app, up["peer"], 2, 11, size)
    victims = [pid for (name, _), pid in there.pids().items()
               if name == "session"]
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    echo.expect("down: session-died")
    app.expect(event="peer-down", peer=up["peer"])
    # the other side dials: ours would wait for its dial history
    until(lambda: there.status()["capabilities"])
    there.ctl("peer", "add", here.enode)
    again = app.expect(event="peer-up")
    check(again["peer"] != up["peer"], "a handle was used again")
    there_and_back(app, again["peer"], 2, 0, 1000)
    app.say('{"disconnect":{"peer":%d,"reason":"useless-peer"}}' % again["peer"])
    down = app.expect(event="peer-down", peer=again["peer"])
    equal((down["reason"], down["disc_code"], down["remote"],
           down["msgs_in"], down["bytes_out"]),
          ("application", 3, False, 1, 1000), "the end")
    echo.kill()
    bye(app, (here, there))


def echo_of_who_has_left():
    """A peer that leaves before it is answered is no end of the program."""
    here, there = Node(), Node()
    echo = Lines("echo", [ECHO, "-s", there.app, "tst/1:8"])
    until(lambda: there.status()["capabilities"])
    app = here.attach("tst/1:8")
    here.ctl("peer", "add", there.enode, "--wait")
    up = app.expect(event="peer-up")
    echo.expect("peer [0-9]+ up")
    echo.process.send_signal(signal.SIGSTOP)
    app.send(up["peer"], "tst", 0, b"too late", id=1)
    app.expect(event="sent", id=1)
    app.say('{"disconnect":{"peer":%d}}' % up["peer"])
    until(lambda: not there.peers())
    echo.process.send_signal(signal.SIGCONT)
    echo.expect("down: ")
    there.ctl("peer", "add", here.enode)
    again = app.expect(event="peer-up")
    there_and_back(app, again["peer"], 1, 0, 1000)
    echo.kill()
    bye(app, (here, there))


def client_of_the_page():
    here, there = Node(), Node("application grace 1s")
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        script.write(pages.example(pages.read("man/p2pd-app.5.in")))
        script.flush()
        client = Lines("client", [sys.executable, "-u", script.name, there.app])
        app = here.attach("tst/1:8")
        until(lambda: there.status()["capabilities"])
        here.ctl("peer", "add", there.enode)
        up = app.expect(event="peer-up")
        client.expect(f"peer [0-9]+ {here.id}")
        for size in SIZES[:5]:
            there_and_back(app, up["peer"], 1, 7, size)
        client.kill()
    down = app.expect(event="peer-down")
    equal((down["reason"], down["disc_code"]), ("remote", 3), "its end")
    bye(app, (here, there))


def one_owner():
    n = Node()
    app = n.attach("tst/1:8")
    other = Lines("second", [os.path.join(BUILD, "p2pctl/p2pctl"), "-s", n.app,
                             "attach", "tst/1:8"])
    other.expect('"error":"busy"')
    equal(other.wait(), 6, "exit of a second owner")
    bye(app, (n,))


def options_of_the_command():
    n = Node()
    app = n.attach("tst/1:8", options=(
        "-n", "demo", "-p", "drop", "-o", '{"wanted":3}', "-o",
        '{"wanted":7,"enr":[{"key":"tst","value":"0xc101"}]}'))
    shown, = n.ctl("show", "apps")
    cap, = shown["capabilities"]
    equal((shown["name"], cap["wanted"]), ("demo", 7),
          "what was asked for")
    until(lambda: "tst" in n.ctl("show", "enr")["keys"])
    app.say('{"update":{"capability":"tst","wanted":2,"id":5}}')
    app.expect(event="updated", capability="tst", id=5)
    equal(n.ctl("show", "apps")[0]["capabilities"][0]["wanted"], 2, "the update")
    app.say('{"update":{"capability":"none","wanted":2,"id":6}}')
    app.expect(event="error", id=6)
    bye(app, ())
    for words, why in ((("-p", "never"), '-p: unknown "never"'),
                       (("-o", "{"), "-o: "), (("-o", '{"speed":1}'), "speed"),
                       (("-n", "x" * 64), "-n: longer than 63 bytes"),
                       (("--restart", "maybe"), 'unknown "maybe"')):
        run = n.run_ctl("attach", *words, "tst/1:8", sock=n.app)
        equal(run.returncode, 2, f"exit of {words}")
        check(why in run.stderr and "usage: " in run.stderr, run.stderr)
    n.stop()
    n.clean()


if __name__ == "__main__":
    main([echo_over_sessions, echo_of_who_has_left, client_of_the_page, one_owner,
          options_of_the_command])
