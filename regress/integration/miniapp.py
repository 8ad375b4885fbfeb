#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""The smallest application: attaches one capability of one version on session
0 and says what comes, a line each. It is stopped and killed by tests.

miniapp.py SOCKET NAME CAPABILITY VERSION:CODES POLICY [--token FILE] [--tap]
[--first CODE:HEX] [--handshake MS] [--queue BYTES] [--wanted PEERS]

Lines on its input are requests: send PEER CODE HEX, accept PEER, detach,
disconnect PEER REASON, penalise PEER REASON SECONDS."""

import argparse
import os
import socket
import struct
import sys
import threading

HEAD = struct.Struct(">IHHII")
POLICIES = {"stop": 0, "drop": 1, "disconnect": 2}


def option(kind, value):
    return struct.pack(">HH", kind, len(value)) + value


class Mini:
    def __init__(self, args):
        self.args = args
        self.capid = 0
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(args.socket)
        self.stream = self.sock.makefile("rb")

    def write(self, kind, body, peer=0, request=1):
        self.sock.sendall(HEAD.pack(len(body), kind, 0, request, peer) + body)

    def hello(self):
        token = bytes(16)
        if self.args.token and os.path.exists(self.args.token):
            with open(self.args.token, "rb") as f:
                token = f.read()
        name = self.args.name.encode()
        self.write(1, struct.pack(">IHHQHH16sH", 0x70327064, 1, 0, 0, 0, 0,
                                  token, len(name)) + name)

    def attach(self):
        version, codes = map(int, self.args.version.split(":"))
        body = struct.pack(">8sBBHII", self.args.capability.encode(),
                           1 if self.args.tap else 0,
                           POLICIES[self.args.policy], 1, version, codes)
        if self.args.queue:
            body += option(1, struct.pack(">I", self.args.queue))
        if self.args.handshake:
            body += option(3, struct.pack(">I", self.args.handshake))
        if self.args.wanted:
            body += option(5, struct.pack(">I", self.args.wanted))
        for first in self.args.first:
            code, data = first.split(":")
            body += option(4, struct.pack(">II", version, int(code)) +
                           bytes.fromhex(data))
        self.write(2, body)

    def welcome(self, flags, peer, body):
        if self.args.token:
            with open(self.args.token, "wb") as f:
                f.write(body[20:36])
        print("welcome resumed=%d" % struct.unpack_from(">I", body, 108),
              flush=True)
        self.attach()

    def attached(self, flags, peer, body):
        self.capid, = struct.unpack(">I", body[:4])
        print("attached", self.capid, flush=True)

    def error(self, flags, peer, body):
        print("error %d" % struct.unpack_from(">H", body), body[6:].decode(),
              flush=True)

    def peer_up(self, flags, peer, body):
        print(f"up {peer} snapshot={flags >> 1 & 1}", flush=True)

    def peer_down(self, flags, peer, body):
        print("down %d reason=%d disc=%d remote=%d" %
              (peer, *struct.unpack_from(">HBB", body, 4)), flush=True)

    def message(self, flags, peer, body):
        code, = struct.unpack_from(">I", body, 4)
        print(f"message {peer} {code} {len(body) - 8} {body[8:12].hex()} "
              f"out={flags >> 3 & 1}", flush=True)

    def snapshot_end(self, flags, peer, body):
        print("snapshot-end missed=%d bytes=%d" %
              struct.unpack_from(">QQ", body, 8), flush=True)

    def dropped(self, flags, peer, body):
        print("dropped %d %d bytes=%d" %
              (peer, *struct.unpack_from(">QQ", body, 8)), flush=True)

    def detached(self, flags, peer, body):
        print("detached", flush=True)

    FRAMES = {0x8001: welcome, 0x8002: attached, 0x8003: detached,
              0x8004: error, 0x8005: peer_up, 0x8006: peer_down,
              0x8007: message, 0x8009: snapshot_end, 0x800b: dropped}

    def run(self):
        self.hello()
        while True:
            head = self.stream.read(16)
            if len(head) < 16:
                print("closed", flush=True)
                return
            length, kind, flags, request, peer = HEAD.unpack(head)
            body = self.stream.read(length)
            if kind in self.FRAMES:
                self.FRAMES[kind](self, flags, peer, body)

    def requests(self):
        for line in sys.stdin:
            what, *words = line.split()
            capid = struct.pack(">I", self.capid)
            if what == "send":
                self.write(4, capid + struct.pack(">I", int(words[1])) +
                           bytes.fromhex("".join(words[2:])), int(words[0]))
            elif what == "accept":
                self.write(8, capid, int(words[0]))
            elif what == "detach":
                self.write(3, capid)
            elif what == "disconnect":
                self.write(5, bytes([int(words[1])]), int(words[0]))
            elif what == "penalise":
                self.write(9, struct.pack(">B3xI", int(words[1]),
                                          int(words[2])), int(words[0]))


def main():
    p = argparse.ArgumentParser()
    for word in ("socket", "name", "capability", "version"):
        p.add_argument(word)
    p.add_argument("policy", choices=POLICIES)
    p.add_argument("--token")
    p.add_argument("--tap", action="store_true")
    p.add_argument("--first", action="append", default=[])
    p.add_argument("--handshake", type=int)
    p.add_argument("--queue", type=int)
    p.add_argument("--wanted", type=int)
    mini = Mini(p.parse_args())
    threading.Thread(target=mini.requests, daemon=True).start()
    mini.run()


main()
