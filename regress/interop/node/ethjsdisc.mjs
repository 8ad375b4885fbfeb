// SPDX-License-Identifier: ISC
//
// ethjsdisc: nodes of @ethereumjs/devp2p's DPT, which is discovery v4 without
// node records, each on a port of its own of the loopback address. Takes commands
// and prints events, both as JSON lines, in the same terms as gethdisc.
//
// What that library does its own way, and p2pd has to live with:
//  - it believes the endpoint that a ping says it is from;
//  - it answers a findnode without any proof, and 16 nodes are one packet, which
//    is longer than a packet may be;
//  - it asks for nodes without waiting for the other's ping.

import { randomBytes } from "node:crypto";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { DPT } from "@ethereumjs/devp2p";

const { values: opt } = parseArgs({
  options: {
    n: { type: "string", default: "1" },
    boot: { type: "string", default: "" },
  },
});

const ADDRESS = "127.0.0.1";
const emit = (e) => process.stdout.write(JSON.stringify(e) + "\n");
const hex = (bytes) => Buffer.from(bytes).toString("hex");

function parse(enode) {
  const url = new URL(enode.replace(/^enode:/, "http:"));
  const tcpPort = Number(url.port);
  return {
    id: Buffer.from(url.username, "hex"),
    address: url.hostname,
    tcpPort,
    udpPort: Number(url.searchParams.get("discport") ?? tcpPort),
  };
}

// The socket is bound before its port is known to the DPT, which says it in pings.
async function start() {
  const endpoint = { address: ADDRESS, udpPort: null, tcpPort: null };
  const dpt = new DPT(randomBytes(32), { endpoint, timeout: 1000, refreshInterval: 5000 });
  const node = { dpt, id: hex(dpt.id), waiting: [] };
  // Told of a key or address that is no good: not ours to judge.
  dpt.events.on("error", () => {});
  dpt._server.events.on("peers", (peers) => {
    for (const done of node.waiting.splice(0)) done(peers);
  });
  await new Promise((done) => {
    dpt.events.once("listening", done);
    dpt.bind(0, ADDRESS);
  });
  endpoint.udpPort = endpoint.tcpPort = dpt._server._socket.address().port;
  node.enode = `enode://${node.id}@${ADDRESS}:${endpoint.udpPort}`;
  return node;
}

async function command(nodes, c) {
  const node = nodes[c.node ?? 0];
  const event = { event: c.cmd, node: c.node ?? 0 };
  try {
    if (c.cmd === "table") {
      event.nodes = node.dpt.getPeers().map((p) => hex(p.id));
    } else if (c.cmd === "ping") {
      event.id = hex((await node.dpt._server.ping(parse(c.enode))).id);
    } else if (c.cmd === "findnode") {
      const got = new Promise((done, fail) => {
        node.waiting.push(done);
        setTimeout(() => fail(new Error("no neighbours")), 1000);
      });
      node.dpt._server.findneighbours(parse(c.enode), randomBytes(64));
      event.nodes = (await got).map((p) => `${p.address}:${p.udpPort}`);
    } else if (c.cmd === "bootstrap") {
      await node.dpt.bootstrap(parse(c.enode));
    } else if (c.cmd === "stop") {
      for (const n of nodes) n.dpt.destroy();
      emit({ event: "stopped" });
      process.exit(0);
    } else throw new Error(`unknown command ${c.cmd}`);
    emit({ ...event, ok: true });
  } catch (e) {
    emit({ ...event, ok: false, error: e.message });
  }
}

const nodes = [];
for (let i = 0; i < Number(opt.n); i++) nodes.push(await start());
if (opt.boot !== "") for (const n of nodes) n.dpt.bootstrap(parse(opt.boot));
emit({
  event: "ready", id: nodes[0].id, enode: nodes[0].enode,
  nodes: nodes.map(({ id, enode }) => ({ id, enode })),
});
createInterface({ input: process.stdin }).on("line", (line) => command(nodes, JSON.parse(line)));
