#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""What p2pd-app(5) and libp2papp(3) say is what the golden vectors and the
library say: the hex of every frame, the client in Python, the C of the example
and the names of the functions."""

import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../..")


def read(name):
    with open(os.path.join(TOP, name)) as f:
        return f.read()


def check(ok, text):
    if not ok:
        sys.exit("pages.py: " + text)


def vectors():
    found = {}
    for line in read("regress/vectors/app.txt").splitlines():
        if line and line[0] != "#":
            name, digits = line.split()
            found[name] = bytes.fromhex(digits)
    return found


def blocks(page):
    """Frames in the page: hex up to two blanks, a remark after them."""
    for name, text in re.findall(
            r'^\.\\" vector (\S+)\n\.Bd [^\n]*\n(.*?)^\.Ed$', page,
            re.M | re.S):
        digits = [re.split(r" {2,}", line)[0] for line in text.splitlines()]
        yield name, bytes.fromhex("".join(digits))


def check_frames(page, golden):
    shown = set()
    for name, frame in blocks(page):
        check(name in golden, f"no vector {name}")
        check(frame == golden[name], f"{name} is not its vector")
        shown.add(frame[4:6])
    missing = {f[4:6] for f in golden.values()} - shown
    check(not missing, f"types without an example: {missing}")


def check_numbers(page):
    """Reasons of a peer that was up, and errors, as the sources have them."""
    have = dict(re.findall(r"\w+, (\d+), \w+, \"([a-z-]+)\"",
                           read("common/wire/reason.h")))
    want = {n: name for n, name in have.items() if int(n) >= 50}
    names = re.findall(r'\[(APE_\w+)\] = "([a-z-]+)"', read("common/wire/app.c"))
    numbers = dict(re.findall(r"(APE_\w+) = (\d+)", read("common/wire/app.h")))
    errors = {numbers[n]: name for n, name in names if n != "APE_OK"}
    rows = r"^\.It (\d+) Ta ([a-z-]+) Ta \S"
    shown = dict(re.findall(rows, page[page.index("Those of a peer"):], re.M))
    check({n: s for n, s in shown.items() if int(n) >= 50} == want,
          "reasons differ")
    shown = re.findall(rows, page[page.index("\n.Sh ERROR FRAMES"):], re.M)
    check(dict(shown) == errors, "errors differ")


def example(page):
    text = page[page.index("\n.Sh EXAMPLES\n"):]
    return re.search(r"^\.Bd [^\n]*\n(.*?)^\.Ed$", text, re.M | re.S).group(1)


def take(sock, n):
    got = b""
    while len(got) < n:
        more = sock.recv(n - len(got))
        check(more, "the example in Python closed")
        got += more
    return got


def take_frame(sock):
    head = take(sock, 16)
    return head + take(sock, struct.unpack_from(">I", head)[0])


def check_client(page, golden):
    """The client of the page against a daemon of canned answers."""
    with tempfile.TemporaryDirectory() as tmp:
        script, path = os.path.join(tmp, "echo.py"), os.path.join(tmp, "app")
        with open(script, "w") as f:
            f.write(example(page))
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        server.listen()
        with subprocess.Popen([sys.executable, "-u", script, path],
                              stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True) as run:
            server.settimeout(20)
            app = server.accept()[0]
            app.settimeout(20)
            check(take_frame(app) == golden["hello"], "its hello")
            one = bytearray(golden["welcome"])
            one[33] = 1
            app.sendall(one)
            check(take_frame(app) == golden["attach"], "its attach")
            for name in ("attached", "peer-up", "snapshot-end", "unknown",
                         "error", "message"):
                app.sendall(golden[name])
            answer, message = take_frame(app), golden["message"]
            check(answer[4:6] == b"\0\4" and answer[12:] == message[12:],
                  "its echo")
            app.close()
            said = run.stdout.read().splitlines()
            run.kill()
        server.close()
    peer = golden["peer-up"][16 + 13:16 + 77].hex()
    check(said[:2] == [f"peer 42 {peer}", "no such peer"], f"it said {said}")


def sanitized():
    """The library needs a runtime then that the example does not bring."""
    with open("config.h") as f:
        return "#define P2PD_SANITIZERS" in f.read()


def check_c(page):
    cc = shutil.which(os.environ.get("CC", "cc").split()[0])
    if cc is None:
        return
    source = example(page).replace("\\e", "\\")
    flags = ["-x", "c", "-std=c11", "-D_DEFAULT_SOURCE", "-Wall", "-Wextra",
             "-Werror", "-I", os.path.join(TOP, "lib"), "-"]
    built = os.path.join(os.getcwd(), "lib/.libs")
    ways = [["-fsyntax-only"]]
    if os.path.exists(os.path.join(built, "libp2papp.so")) and not sanitized():
        ways.append(["-o", os.devnull, "-L", built, "-Wl,--as-needed"])
    for way in ways:
        link = ["-lp2papp"] if "-L" in way else []
        done = subprocess.run([cc, *way, *flags, *link], input=source,
                              text=True)
        check(done.returncode == 0,
              "the example of libp2papp(3) does not build")


def check_names(page):
    header = set(re.findall(r"(p2papp_\w+)\(", re.sub(
        r"/\*.*?\*/", "", read("lib/p2papp.h"), flags=re.S)))
    check(header == set(re.findall(r"^\.Nm (p2papp_\w+)", page, re.M)),
          "names in libp2papp(3) and p2papp.h differ")
    check(header == set(re.findall(r"(p2papp_\w+);", read("lib/p2papp.map"))),
          "names in p2papp.map and p2papp.h differ")


def main():
    protocol, library = read("man/p2pd-app.5.in"), read("man/libp2papp.3.in")
    golden = vectors()
    check_frames(protocol, golden)
    check_numbers(protocol)
    check_client(protocol, golden)
    check_names(library)
    check_c(library)


if __name__ == "__main__":
    main()
