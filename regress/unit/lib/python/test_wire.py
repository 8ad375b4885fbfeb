# SPDX-License-Identifier: ISC
"""The golden vectors of p2pd-app(5), by the codec in Python."""

import os
import random
import unittest

from p2papp import wire
from p2papp.types import First, Options, Policy

VECTORS = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                       "../../../vectors/app.txt")
TOKEN = bytes(range(16))
# The public keys of the secrets 1 and 2.
ID1 = bytes.fromhex(
    "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
    "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8")
ID2 = bytes.fromhex(
    "c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5"
    "1ae168fea63dc339a3c58419466ceaeef7f632653266d0e1236431a950cfe52a")
T = wire.Type


def vectors():
    found = {}
    with open(VECTORS) as f:
        for line in f:
            if line.strip() and line[0] != "#":
                name, digits = line.split()
                found[name] = bytes.fromhex(digits)
    return found


# name: type, flags, request, peer, body
ENCODED = {
    "hello": (T.HELLO, 0, 1, 0, wire.hello("echo")),
    "hello-session": (T.HELLO, 0, 2, 0, wire.hello("echo", session=1, token=TOKEN)),
    "attach": (T.ATTACH, 0, 3, 0, wire.attach("tst", [(1, 8), (2, 12)])),
    "attach-options": (T.ATTACH, 0, 10, 0, wire.attach(
        "tst", [(2, 12)], policy=Policy.DROP, options=Options(
            queue_peer=1 << 20, queue_app=8 << 20, handshake_ms=5000,
            first=[First(0, bytes.fromhex("c20102"), 2)], wanted=25,
            enr={"tst": bytes.fromhex("c3820102")},
            condition={"tst": [bytes.fromhex("c38201"), bytes.fromhex("c3820203")]},
        ).encode())),
    "attach-tap": (T.ATTACH, 0, 11, 0, wire.attach("tst", [], tap=True, policy=1)),
    "attach-option-to-come": (T.ATTACH, 0, 12, 0, wire.attach(
        "tst", [(2, 12)], options=wire.option(0xFF01, b"\xaa\xbb\xcc") +
        wire.option_u32(wire.Option.WANTED, 25))),
    "update": (T.UPDATE, 0, 13, 0, wire.capid(7) +
               wire.option_u32(wire.Option.WANTED, 50) +
               Options(first=[]).encode(update=True)),
    "detach": (T.DETACH, 0, 9, 0, wire.capid(7)),
    "send": (T.SEND, wire.COMPLETE, 4, 42, wire.send(7, 2, b"\xc2\x01\x80")),
    "send-empty": (T.SEND, 0, 5, 43, wire.send(7, 0, b"")),
    "send-priority": (T.SEND, wire.PRIORITY, 14, 43, wire.send(7, 2, b"\xc0")),
    "multisend": (T.MULTISEND, wire.COMPLETE | wire.PRIORITY, 15, 0, wire.multisend(
        7, 2, b"\xc2\x01\x80", select=wire.Select.LIST, handles=[42, 43])),
    "multisend-all": (T.MULTISEND, 0, 16, 0, wire.multisend(
        7, 1, b"\xc1\x80", select=wire.Select.ALL, version=2)),
    "multisend-but": (T.MULTISEND, 0, 17, 0, wire.multisend(
        7, 1, b"\xc1\x80", select=wire.Select.BUT, handles=[42])),
    "multisend-random": (T.MULTISEND, wire.COMPLETE, 18, 0, wire.multisend(
        7, 1, b"", select=wire.Select.RANDOM, handles=[42], k=5)),
    "disconnect": (T.DISCONNECT, 0, 8, 42, wire.disconnect(3)),
    "accept": (T.ACCEPT, 0, 19, 42, wire.capid(7)),
    "penalise": (T.PENALISE, 0, 20, 43, wire.penalise(2, 3600)),
    "hint": (T.HINT, 0, 21, 0, wire.hint(ID2, "192.0.2.1", 30303, 30301)),
}

# name: type, flags, request, peer, decoder, what it says
DECODED = {
    "welcome": (T.WELCOME, 0, 1, 0, wire.decode_welcome, wire.Welcome(
        1, 0, 0, 2, 0, TOKEN, ID1, 0xFFFFFF, 10000, 0, "p2pd/0.1.0")),
    "welcome-resumed": (T.WELCOME, 0, 1, 0, wire.decode_welcome, wire.Welcome(
        1, 0, 0, 1, 0, TOKEN, ID1, 0xFFFFFF, 10000, wire.RESUMED, "p2pd")),
    "attached": (T.ATTACHED, 0, 3, 0, wire.decode_capid, 7),
    "attached-longer": (T.ATTACHED, 0, 3, 0, wire.decode_capid, 7),
    "detached": (T.DETACHED, 0, 9, 0, wire.decode_capid, 7),
    "updated": (T.UPDATED, 0, 13, 0, wire.decode_capid, 7),
    "peer-up": (T.PEER_UP, wire.SNAPSHOT, 1, 42, wire.decode_up, wire.Up(
        7, 2, 12, wire.INBOUND, ID2, "192.0.2.1:51234", "198.51.100.7:30303",
        "Geth/v1.16.0")),
    "peer-up-v6": (T.PEER_UP, 0, 3, 43, wire.decode_up, wire.Up(
        7, 1, 8, wire.STATIC | wire.TRUSTED, ID2, "[2001:db8::1]:30303",
        "[2001:db8::7]:40404", "")),
    "peer-down": (T.PEER_DOWN, 0, 5, 42, wire.decode_down, wire.Down(
        7, 61, 3, False, 61000, 1, 1, 2, 3)),
    "peer-down-remote": (T.PEER_DOWN, 0, 6, 43, wire.decode_down, wire.Down(
        7, 50, 4, True, 1 << 40, 0, 1, 0, 5 << 32)),
    "message": (T.MESSAGE, 0, 4, 42, wire.decode_message, (7, 1, b"\xc1\x80")),
    "message-out": (T.MESSAGE, wire.OUT, 11, 42, wire.decode_message,
                    (7, 2, b"\xc2\x01\x80")),
    "snapshot-end": (T.SNAPSHOT_END, 0, 2, 0, wire.decode_counts, (7, 3, 700)),
    "dropped": (T.DROPPED, 0, 7, 42, wire.decode_counts, (7, 2, 300)),
    "dropped-all": (T.DROPPED, 0, 8, 0, wire.decode_counts, (7, 1000, 1 << 20)),
    "stalled": (T.STALLED, 0, 9, 42, wire.decode_level, (7, 4 << 20)),
    "writable": (T.WRITABLE, 0, 10, 42, wire.decode_level, (7, 4096)),
    "sent": (T.SENT, 0, 4, 42, wire.decode_sent, (0, 100)),
    "sent-many": (T.SENT_MANY, 0, 18, 0, wire.decode_sent_many, (3, 1, 1)),
    "error": (T.ERROR, 0, 6, 99, wire.decode_error, (7, 0, "no such peer")),
    "error-room": (T.ERROR, 0, 7, 0, wire.decode_error, (5, 17, "Hello is full")),
    "error-record": (T.ERROR, 0, 10, 0, wire.decode_error,
                     (12, 9, "the record is full")),
}


class Vectors(unittest.TestCase):
    def test_encoders(self):
        golden = vectors()
        for name, (type, flags, request, peer, body) in ENCODED.items():
            with self.subTest(name):
                made = wire.frame(type, body, flags=flags, request=request, peer=peer)
                self.assertEqual(made.hex(), golden[name].hex())

    def test_decoders(self):
        golden = vectors()
        for name, (type, flags, request, peer, decode, what) in DECODED.items():
            with self.subTest(name):
                data = golden[name]
                head = wire.head(data)
                self.assertEqual(head, wire.Head(len(data) - wire.HEADER.size, type,
                                                 flags, request, peer))
                self.assertEqual(decode(data[wire.HEADER.size:]), what)

    def test_every_type_has_a_vector(self):
        used = {row[0] for row in (*ENCODED.values(), *DECODED.values())}
        self.assertEqual(used, set(T))

    def test_every_truncation_is_refused(self):
        golden = vectors()
        for name, (*_, decode, what) in DECODED.items():
            if name.startswith(("message", "attached-longer")):
                continue
            body = golden[name][wire.HEADER.size:]
            for n in range(len(body)):
                with self.subTest(name, length=n):
                    self.assertRaises(wire.Malformed, decode, body[:n])

    def test_rubbish_is_refused_or_decoded(self):
        golden = vectors()
        chance = random.Random(1)
        for name, (*_, decode, what) in DECODED.items():
            for _ in range(300):
                body = bytearray(golden[name][wire.HEADER.size:])
                for _ in range(chance.randrange(1, 8)):
                    body[chance.randrange(len(body))] = chance.randrange(256)
                del body[chance.choice((len(body), chance.randrange(len(body)))):]
                try:
                    decode(bytes(body))
                except wire.Malformed:
                    pass

    def test_another_major_version(self):
        body = vectors()["welcome"][wire.HEADER.size:]
        other = wire.decode_welcome(body[:4] + b"\0\2\0\3")
        self.assertEqual((other.major, other.minor), (2, 3))
        self.assertRaises(wire.Malformed, wire.decode_welcome, b"\0" * 200)


class Arguments(unittest.TestCase):
    def test_what_cannot_be_said(self):
        self.assertRaises(ValueError, wire.attach, "", [(1, 1)])
        self.assertRaises(ValueError, wire.attach, "ninebytes", [(1, 1)])
        self.assertRaises(ValueError, wire.hint, b"short", "192.0.2.1", 1, 1)
        self.assertRaises(ValueError, wire.hint, ID1, "host.example", 1, 1)

    def test_options_of_an_attach_leave_out_what_is_empty(self):
        self.assertEqual(Options(first=[], enr={}).encode(), b"")

    def test_options_replace_their_kind(self):
        before = Options(wanted=5, first=[First(0, b"a")])
        after = before.merged(Options(wanted=0, condition={}))
        self.assertEqual((after.wanted, after.first, after.condition),
                         (0, before.first, {}))


if __name__ == "__main__":
    unittest.main()
