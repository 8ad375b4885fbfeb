#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Throttles by address and subnet. Loopback and LAN are exempt, so this runs in
a network namespace of its own with public addresses in it."""

import os
import shutil
import subprocess
import sys

NET = ["198.51.100.1/32", "203.0.113.0/24", "192.0.2.0/24", "2001:db8:1::1/128"]
MARK = "P2PD_TEST_IN_NAMESPACE"

if MARK not in os.environ:
    if not (shutil.which("unshare") and shutil.which("ip")):
        print("1..0 # SKIP needs unshare(1) and ip(8)")
        sys.exit(77)
    flags = ["-n"] if os.geteuid() == 0 else ["-rn"]
    if subprocess.run(["unshare", *flags, "true"], stderr=subprocess.DEVNULL).returncode:
        print("1..0 # SKIP no network namespaces here")
        sys.exit(77)
    os.environ[MARK] = "1"
    os.execvp("unshare", ["unshare", *flags, sys.executable, *sys.argv])

from p2ptest import Node, Peer, check, equal, main, until  # noqa: E402

CAP = "tst/1"


def ip(*words):
    subprocess.run(["ip", *words], check=True, stdout=subprocess.DEVNULL)


ip("link", "set", "lo", "up")
ip("addr", "add", "198.51.100.1/32", "dev", "lo")
for subnet in ("203.0.113", "192.0.2"):
    ip("route", "add", "local", f"{subnet}.0/24", "dev", "lo")
HAVE_V6 = subprocess.run(["ip", "-6", "addr", "add", "2001:db8:1::1/128", "dev",
                          "lo", "nodad"], stderr=subprocess.DEVNULL).returncode == 0
if HAVE_V6:
    # Unlike IPv4's, an IPv6 bind asks for the address, not for a local route.
    with open("/proc/sys/net/ipv6/ip_nonlocal_bind", "w") as f:
        f.write("1")
    for prefix in ("2001:db8:2::/48", "2001:db8:3::/48"):
        ip("-6", "route", "add", "local", prefix, "dev", "lo")


def node(*settings):
    n = Node("max-peers 200", "dial-ratio 20", "max-pending-inbound 50",
             "listen on 198.51.100.1 port 30303",
             *(["listen on 2001:db8:1::1 port 30303"] if HAVE_V6 else []),
             *settings)
    n.attach(CAP + ":8")
    n.public = f"enode://{n.id}@198.51.100.1:30303"
    n.public6 = f"enode://{n.id}@[2001:db8:1::1]:30303"
    return n


def comes_in(n, source, url=None):
    p = Peer(n, "-c", CAP, "-b", source, to=url or n.public)
    return bool(p.expect(r"^(hello|closed|reset|error)").group(1) == "hello")


def reason_seen(n, reason):
    until(lambda: [h for h in n.ctl("show", "history") if h["reason"] == reason])


def one_address():
    n = node()
    check(comes_in(n, "203.0.113.1"), "first attempt refused")
    check(not comes_in(n, "203.0.113.1"), "second attempt was let in")
    reason_seen(n, "throttled-address")
    check(comes_in(n, "203.0.113.2"), "another address refused")
    # Loopback is LAN.
    for _ in range(5):
        check(comes_in(n, "127.0.0.1", n.enode), "LAN is throttled")
    n.stop()
    n.clean()


def one_subnet():
    n = node()
    got = [comes_in(n, f"203.0.113.{i}") for i in range(1, 13)]
    equal(got, [True] * 10 + [False] * 2, "attempts from one /24")
    reason_seen(n, "throttled-subnet")
    check(comes_in(n, "192.0.2.1"), "another /24 refused")
    n.stop()
    n.clean()


def prefixes_of_ipv6():
    if not HAVE_V6:
        print("# no IPv6 here")
        return
    n = node()
    check(comes_in(n, "2001:db8:2::1", n.public6), "first attempt refused")
    check(not comes_in(n, "2001:db8:2::2", n.public6), "same /64 was let in")
    got = [comes_in(n, f"2001:db8:2:{i:x}::1", n.public6) for i in range(1, 12)]
    equal(got, [True] * 9 + [False] * 2, "attempts from one /48")
    check(comes_in(n, "2001:db8:3::1", n.public6), "another /48 refused")
    n.stop()
    n.clean()


def by_configuration():
    n = node("throttle address off", "throttle subnet off")
    for _ in range(12):
        check(comes_in(n, "203.0.113.7"), "throttled, though it is off")
    n.stop()
    n.clean()


main([one_address, one_subnet, prefixes_of_ipv6, by_configuration])
