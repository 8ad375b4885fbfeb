// SPDX-License-Identifier: ISC
//
// ethjspeer: @ethereumjs/devp2p with test protocols. Takes commands and prints
// events, both as JSON lines, in the same terms as gethpeer.
//
// What that library does its own way, and p2pd has to live with:
//  - a Disconnect is a bare integer, and not compressed even after the Hellos;
//  - it waits for 307 bytes of an auth before it reads the size in front;
//  - with its peers full it completes the Hellos and only then refuses.

import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { Peer, RLPx, SNAP } from "@ethereumjs/devp2p";
import * as snappy from "snappyjs";

const { values: opt } = parseArgs({
  options: {
    key: { type: "string" },
    listen: { type: "string", default: "" },
    caps: { type: "string", default: "tst/1:8,tst/2:8,oth/1:4" },
    maxpeers: { type: "string", default: "10" },
  },
});

const emit = (e) => process.stdout.write(JSON.stringify(e) + "\n");
const hex = (bytes) => Buffer.from(bytes).toString("hex");
const digest = (data) => createHash("sha256").update(data).digest("hex");
const routes = new Map(); // "id/capability" to its protocol object
let echo = false;

// The payload that (seed, size) names; the same as in the Go programs.
function content(seed, size) {
  const out = Buffer.alloc(size);
  if (seed === "") return out;
  const counter = Buffer.alloc(8);
  for (let at = 0, n = 0n; at < size; at += 32, n++) {
    counter.writeBigUInt64BE(n);
    createHash("sha256").update(seed).update(counter).digest().copy(out, at);
  }
  return out;
}

// The base class, Protocol, is not exported; of its two children SNAP is the one
// without a status message that has to come within five seconds.
class TestProtocol extends SNAP {
  constructor(name, version, peer, send) {
    super(version, peer, send);
    this.name = name;
    this.version = version;
    this.peer = peer;
    this.id = hex(peer.getId());
    routes.set(`${this.id}/${name}`, this);
  }

  event(event, more) {
    emit({ event, id: this.id, capability: this.name, version: this.version, ...more });
  }

  up() {
    this.event("peer-up", { client: this.peer.getHelloMessage().clientId });
  }

  // A view made of a Buffer's memory: snappyjs answers in the type it is given.
  write(code, data) {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.length);
    this._send(code, snappy.compress(bytes));
  }

  _handleMessage(code, data) {
    this.event("message", { code, size: data.length, sha256: digest(data) });
    if (echo) this.write(code, data);
  }
}

// The library instantiates a capability's constructor for each peer.
function capability(item) {
  const m = /^([^/]+)\/(\d+):(\d+)$/.exec(item);
  if (m === null) throw new Error(`capability ${item} is not NAME/VERSION:CODES`);
  const [name, version, length] = [m[1], Number(m[2]), Number(m[3])];
  const constructor = class extends TestProtocol {
    constructor(_version, peer, send) {
      super(name, version, peer, send);
    }
  };
  return { name, version, length, constructor };
}

function parseEnode(url) {
  const m = /^enode:\/\/([0-9a-f]{128})@(.+):(\d+)(\?.*)?$/.exec(url);
  if (m === null) throw new Error(`bad enode URL ${url}`);
  return {
    id: new Uint8Array(Buffer.from(m[1], "hex")),
    address: m[2].replace(/^\[(.*)\]$/, "$1"),
    tcpPort: Number(m[3]),
  };
}

function forget(peer) {
  for (const [key, protocol] of routes) if (protocol.peer === peer) routes.delete(key);
}

const up = new WeakSet(); // connections that became peers
const over = new WeakSet(); // connections whose end was told

// The library tells nobody of a connection that ends before both Hellos are
// through; the place to learn of it is the connection itself.
function tellEnd(peer, side) {
  if (over.has(peer)) return;
  over.add(peer);
  for (const [key, protocol] of routes) if (protocol.peer === peer) routes.delete(key);
  const id = peer.getId();
  emit({
    event: up.has(peer) ? "peer-down" : "refused",
    id: id === null ? null : hex(id),
    side,
    reason: peer._disconnectReason ?? -1,
  });
}

function watch(method, side) {
  const original = Peer.prototype[method];
  Peer.prototype[method] = function (...args) {
    original.apply(this, args);
    tellEnd(this, side);
  };
}
watch("_handleDisconnect", "remote");
watch("_sendDisconnect", "local");
watch("_onSocketClose", "none");

const key =
  opt.key === undefined
    ? randomBytes(32)
    : Buffer.from(readFileSync(opt.key, "utf8").trim(), "hex");

const rlpx = new RLPx(new Uint8Array(key), {
  clientId: new TextEncoder().encode("ethjspeer"),
  capabilities: opt.caps.split(",").map(capability),
  maxPeers: Number(opt.maxpeers),
});
rlpx.events.on("error", (err) => emit({ event: "fatal", error: String(err) }));
rlpx.events.on("peer:error", (_peer, err) => emit({ event: "error", error: String(err) }));
rlpx.events.on("peer:added", (peer) => {
  up.add(peer);
  for (const protocol of peer.getProtocols()) protocol.up();
});

const commands = {
  dial(c) {
    rlpx.connect(parseEnode(c.enode)).catch((err) => {
      emit({ event: "connect-failed", error: String(err) });
    });
  },
  send(c) {
    const protocol = routes.get(`${c.id}/${c.capability}`);
    if (protocol === undefined) emit({ event: "error", error: "no such peer and capability" });
    else protocol.write(c.code, content(c.seed, c.size));
  },
  disconnect(c) {
    for (const peer of rlpx.getPeers()) {
      if (hex(peer.getId()) === c.id) peer.disconnect(c.reason);
    }
  },
  echo(c) {
    echo = c.on;
    emit({ event: "echo", on: echo });
  },
  stop() {
    rlpx.destroy(() => emit({ event: "stopped" }));
  },
};

function ready(address) {
  const id = hex(rlpx.id);
  emit({ event: "ready", id, enode: `enode://${id}@${address}` });
  const input = createInterface({ input: process.stdin });
  input.on("line", (line) => {
    const c = JSON.parse(line);
    commands[c.cmd](c);
  });
  input.on("close", () => process.exit(0));
}

if (opt.listen === "") {
  ready("127.0.0.1:0");
} else {
  const [host, port] = opt.listen.split(":");
  rlpx.events.once("listening", () => {
    const at = rlpx._server.address();
    rlpx._listenPort = at.port; // what Hello says
    ready(`${at.address}:${at.port}`);
  });
  rlpx.listen(Number(port), host);
}
