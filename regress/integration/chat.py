#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Two nodes on which people talk, by lib/examples/chat."""

import os
import signal

from p2ptest import BUILD, Lines, Node, check, equal, main, until

CHAT = os.path.join(BUILD, "lib/examples/chat")


def chat(node, name):
    c = Lines(name, [CHAT, "-s", node.app, "-n", name])
    c.expect("^\\* ready$")
    until(lambda: any("chat" in str(cap)
                      for cap in node.status()["capabilities"]))
    return c


def talk():
    here, there = Node("sessions 2"), Node()
    ann, ben = chat(here, "ann"), chat(there, "ben")
    here.ctl("peer", "add", there.enode, "--wait")
    ann.expect("^\\* ben is here$")
    ben.expect("^\\* ann is here$")
    ann.say("good morning")
    ben.expect("^<ann> good morning$")
    ben.say("gruess\u00e9 und \x1b[31mrot")
    check("gruess\u00e9 und ?[31mrot" in ann.expect("^<ben> (.*)$")[1],
          "what is no text was not taken out")
    ben.say("\u009b31mrot \u00a7")
    equal(ann.expect("^<ben> (.*)$")[1], "??31mrot \u00a7", "a C1 control")
    ann.say("x" * 700)
    ben.expect("^<ann> x{512}$")
    ben.expect("^<ann> x{188}$")
    # a good bye is heard at once
    ben.process.stdin.close()
    equal(ben.wait(), 0, "exit of chat")
    ann.expect("^\\* ben has left")
    for n in (here, there):
        n.stop()
        n.clean()


def no_name():
    """Who does not say its name is let go in time; who says too much, too."""
    here, there = Node(), Node()
    ann = chat(here, "ann")
    app = there.attach("chat/1:2")
    there.ctl("peer", "add", here.enode)
    up = app.expect(event="peer-up")
    name = app.expect(event="message", code=0)
    equal(name["data"], "0x" + b"ann".hex(), "the name")
    down = app.expect(event="peer-down", peer=up["peer"])
    equal((down["reason"], down["disc_code"]), ("remote", 11), "its end")
    check(4000 < down["ms"] < 20000, f"after {down['ms']} ms")
    ann.expect("has left: handshake-timeout")
    app.process.send_signal(signal.SIGKILL)
    app.wait()
    ann.process.stdin.close()
    equal(ann.wait(), 0, "exit of chat")
    for n in (here, there):
        n.stop()
        n.clean()


if __name__ == "__main__":
    main([talk, no_name])
