// SPDX-License-Identifier: ISC

// Command gethdisc runs nodes of go-ethereum's discovery v4, each on a port of
// its own of the loopback address. It takes commands and prints events, both as
// JSON lines.
package main

import (
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/log"
	"github.com/ethereum/go-ethereum/p2p/discover"
	"github.com/ethereum/go-ethereum/p2p/discover/v4wire"
	"github.com/ethereum/go-ethereum/p2p/enode"
	"github.com/ethereum/go-ethereum/p2p/enr"

	"p2pd/regress/interop/peerio"
)

type node struct {
	key  *ecdsa.PrivateKey
	disc *discover.UDPv4
}

// start opens a node. tcp is what its record says of RLPx, 0 for the UDP port.
func start(file, ip string, boot []*enode.Node, tcp int, interval time.Duration) (*node, error) {
	key, err := peerio.Key(file)
	if err != nil {
		return nil, err
	}
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(ip)})
	if err != nil {
		return nil, err
	}
	db, err := enode.OpenDB("")
	if err != nil {
		return nil, err
	}
	port := conn.LocalAddr().(*net.UDPAddr).Port
	if tcp == 0 {
		tcp = port
	}
	ln := enode.NewLocalNode(db, key)
	ln.SetStaticIP(net.ParseIP(ip))
	ln.SetFallbackUDP(port)
	ln.Set(enr.TCP(tcp))
	disc, err := discover.ListenV4(conn, ln, discover.Config{
		PrivateKey: key, Bootnodes: boot, PingInterval: interval,
		Log: log.Root(),
	})
	if err != nil {
		return nil, err
	}
	return &node{key, disc}, nil
}

func (n *node) describe() peerio.Event {
	self := n.disc.Self()
	return peerio.Event{"id": peerio.NodeID(&n.key.PublicKey), "enode": self.URLv4(),
		"node_id": self.ID().String(), "record": self.String(), "seq": self.Seq()}
}

// report makes an event of an outcome.
func report(e peerio.Event, err error) {
	e["ok"] = err == nil
	if err != nil {
		e["error"] = err.Error()
	}
	peerio.Emit(e)
}

func describeAll(nodes []*enode.Node) []peerio.Event {
	out := []peerio.Event{}
	for _, n := range nodes {
		out = append(out, peerio.Event{"id": peerio.NodeID(n.Pubkey()), "node_id": n.ID().String(),
			"address": netip.AddrPortFrom(n.IPAddr(), uint16(n.UDP())).String(), "seq": n.Seq(),
			"tcp": n.TCP()})
	}
	return out
}

func (n *node) ping(e peerio.Event, to *enode.Node) {
	var pong *v4wire.Pong
	pong, err := n.disc.Ping(to)
	if err == nil {
		e["seq"] = pong.ENRSeq
		e["to"] = fmt.Sprintf("%v:%d", pong.To.IP, pong.To.UDP)
	}
	report(e, err)
}

func (n *node) record(e peerio.Event, to *enode.Node) {
	got, err := n.disc.RequestENR(to)
	if err == nil {
		e["record"] = got.String()
		e["seq"] = got.Seq()
	}
	report(e, err)
}

// lookup looks for a key, or without one for a random key.
func (n *node) lookup(e peerio.Event, id string) {
	key := make([]byte, 64)
	rand.Read(key)
	if id != "" {
		raw, err := hex.DecodeString(id)
		if err != nil || len(raw) != 64 {
			report(e, fmt.Errorf("bad id %q", id))
			return
		}
		key = raw
	}
	pub, err := v4wire.DecodePubkey(n.key.Curve, v4wire.Pubkey(key))
	if err != nil {
		pub = &n.key.PublicKey
	}
	e["nodes"] = describeAll(n.disc.LookupPubkey(pub))
	report(e, nil)
}

// table lists what the node's table holds, with what was checked.
func (n *node) table(e peerio.Event) {
	live, all := []string{}, []string{}
	for _, bucket := range n.disc.TableBuckets() {
		for _, b := range bucket {
			all = append(all, peerio.NodeID(b.Node.Pubkey()))
			if b.Live {
				live = append(live, peerio.NodeID(b.Node.Pubkey()))
			}
		}
	}
	e["nodes"], e["live"] = all, live
	report(e, nil)
}

// nodeJSON is an entry of nodes.json as cmd/devp2p has it.
type nodeJSON struct {
	Seq           uint64      `json:"seq"`
	N             *enode.Node `json:"record"`
	Score         int         `json:"score,omitempty"`
	FirstResponse time.Time   `json:"firstResponse,omitempty"`
	LastResponse  time.Time   `json:"lastResponse,omitempty"`
	LastCheck     time.Time   `json:"lastCheck,omitempty"`
}

// rewrite reads a nodes.json, checks it as cmd/devp2p does, and writes it again.
func rewrite(e peerio.Event, file string) error {
	nodes := map[enode.ID]nodeJSON{}
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &nodes); err != nil {
		return err
	}
	scores := peerio.Event{}
	for id, n := range nodes {
		if n.N.ID() != id || n.N.Seq() != n.Seq {
			return fmt.Errorf("node %v: id or seq is not the record's", id)
		}
		scores[id.String()] = n.Score
	}
	e["scores"] = scores
	data, err = json.MarshalIndent(nodes, "", "    ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o644)
}

func (n *node) command(c peerio.Command) {
	e := peerio.Event{"event": c.Cmd, "node": c.Node}
	switch c.Cmd {
	case "table":
		n.table(e)
		return
	case "lookup":
		n.lookup(e, c.ID)
		return
	case "nodes.json":
		report(e, rewrite(e, c.File))
		return
	case "describe":
		for k, v := range n.describe() {
			e[k] = v
		}
		report(e, nil)
		return
	}
	to, err := enode.Parse(enode.ValidSchemes, c.Enode)
	if err != nil {
		report(e, err)
		return
	}
	switch c.Cmd {
	case "ping":
		n.ping(e, to)
	case "record":
		n.record(e, to)
	default:
		peerio.Fatal(fmt.Errorf("unknown command %q", c.Cmd))
	}
}

func main() {
	count := flag.Int("n", 1, "number of nodes")
	ip := flag.String("ip", "127.0.0.1", "their address")
	keyFile := flag.String("key", "", "key file of the first")
	tcp := flag.Int("tcp", 0, "TCP port in the first one's record")
	boot := flag.String("boot", "", "bootnodes, with commas; the first node is one for the others")
	interval := flag.Duration("interval", 200*time.Millisecond, "between liveness checks")
	debug := flag.Bool("debug", false, "log to standard error")
	flag.Parse()

	level := log.LevelError
	if *debug {
		level = log.LevelTrace
	}
	log.SetDefault(log.NewLogger(log.NewTerminalHandlerWithLevel(os.Stderr, slog.Level(level), false)))
	var bootnodes []*enode.Node
	for _, s := range strings.FieldsFunc(*boot, func(r rune) bool { return r == ',' }) {
		b, err := enode.Parse(enode.ValidSchemes, s)
		if err != nil {
			peerio.Fatal(err)
		}
		bootnodes = append(bootnodes, b)
	}
	nodes := []*node{}
	for i := 0; i < *count; i++ {
		file, port := "", 0
		if i == 0 {
			file, port = *keyFile, *tcp
		}
		n, err := start(file, *ip, bootnodes, port, *interval)
		if err != nil {
			peerio.Fatal(err)
		}
		if i == 0 && *boot == "" {
			bootnodes = append(bootnodes, n.disc.Self())
		}
		nodes = append(nodes, n)
	}
	all := []peerio.Event{}
	for _, n := range nodes {
		all = append(all, n.describe())
	}
	peerio.Emit(peerio.Event{"event": "ready", "id": all[0]["id"], "enode": all[0]["enode"],
		"nodes": all})
	peerio.Commands(func(c peerio.Command) {
		if c.Cmd == "stop" {
			for _, n := range nodes {
				n.disc.Close()
			}
			peerio.Emit(peerio.Event{"event": "stopped"})
			os.Exit(0)
		}
		if c.Node < 0 || c.Node >= len(nodes) {
			peerio.Fatal(fmt.Errorf("no node %d", c.Node))
		}
		go nodes[c.Node].command(c)
	})
}
