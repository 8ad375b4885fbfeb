// SPDX-License-Identifier: ISC

// Command gethpeer runs go-ethereum's p2p.Server with test protocols. It takes
// commands and prints events, both as JSON lines.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ethereum/go-ethereum/log"
	"github.com/ethereum/go-ethereum/p2p"
	"github.com/ethereum/go-ethereum/p2p/enode"

	"p2pd/regress/interop/peerio"
)

var echo atomic.Bool

// A route leads to one capability of one peer.
type route struct{ id, name string }

var routes struct {
	sync.Mutex
	rw   map[route]p2p.MsgReadWriter
	peer map[string]*p2p.Peer
}

func peerID(p *p2p.Peer) string {
	return peerio.NodeID(p.Node().Pubkey())
}

// protocol makes a test protocol out of a capability.
func protocol(c peerio.Cap) p2p.Protocol {
	return p2p.Protocol{
		Name:    c.Name,
		Version: c.Version,
		Length:  c.Codes,
		Run: func(p *p2p.Peer, rw p2p.MsgReadWriter) error {
			return talk(c, p, rw)
		},
	}
}

func talk(c peerio.Cap, p *p2p.Peer, rw p2p.MsgReadWriter) error {
	id := peerID(p)
	key := route{id, c.Name}

	routes.Lock()
	routes.rw[key] = rw
	routes.peer[id] = p
	routes.Unlock()
	defer func() {
		routes.Lock()
		delete(routes.rw, key)
		delete(routes.peer, id)
		routes.Unlock()
	}()
	peerio.Emit(peerio.Event{"event": "peer-up", "id": id, "capability": c.Name,
		"version": c.Version, "client": p.Fullname(), "inbound": p.Inbound(),
		"caps": fmt.Sprint(p.Caps())})

	for {
		msg, err := rw.ReadMsg()
		if err != nil {
			return err
		}
		data, err := io.ReadAll(msg.Payload)
		if err != nil {
			return err
		}
		peerio.Emit(peerio.Event{"event": "message", "id": id, "capability": c.Name,
			"version": c.Version, "code": msg.Code, "size": len(data),
			"sha256": peerio.Digest(data)})
		if echo.Load() {
			if err := write(rw, msg.Code, data); err != nil {
				return err
			}
		}
	}
}

func write(rw p2p.MsgWriter, code uint64, data []byte) error {
	return rw.WriteMsg(p2p.Msg{Code: code, Size: uint32(len(data)), Payload: bytes.NewReader(data)})
}

// logEvents turns the server's log into events: it is the only place where
// p2p.Server tells why a connection did not become a peer, and which side
// ended one that did.
type logEvents struct{ attrs []slog.Attr }

func (h logEvents) Enabled(_ context.Context, _ slog.Level) bool { return true }
func (h logEvents) WithGroup(string) slog.Handler                { return h }
func (h logEvents) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logEvents{append(append([]slog.Attr{}, h.attrs...), attrs...)}
}

func (h logEvents) Handle(_ context.Context, r slog.Record) error {
	var e peerio.Event
	switch r.Message {
	case "Rejected peer", "Wrong devp2p handshake identity":
		e = peerio.Event{"event": "refused", "side": "local"}
	case "Failed p2p handshake":
		e = peerio.Event{"event": "refused", "side": "remote"}
	case "Failed RLPx handshake", "Dial error":
		e = peerio.Event{"event": "setup-failed"}
	case "Removing p2p peer":
		e = peerio.Event{"event": "peer-down", "side": "local"}
	default:
		return nil
	}
	add := func(a slog.Attr) bool {
		v := a.Value.Any()
		switch err, isErr := v.(error); {
		case a.Key == "err" && isErr:
			e["error"] = err.Error()
			e["reason"] = peerio.Reason(err)
		case a.Key == "req" && v == true:
			e["side"] = "remote"
		case a.Key == "id":
			e["node"] = fmt.Sprint(v)
		}
		return true
	}
	for _, a := range h.attrs {
		add(a)
	}
	r.Attrs(add)
	peerio.Emit(e)
	return nil
}

// connect sets up one connection outside the dial scheduler, which would never
// dial a node that is a peer already.
func connect(srv *p2p.Server, node *enode.Node) {
	fd, err := net.DialTimeout("tcp", fmt.Sprintf("%v:%d", node.IPAddr(), node.TCP()), 5*time.Second)
	if err == nil {
		const staticDialed = 1 << 1
		err = srv.SetupConn(fd, staticDialed, node)
	}
	e := peerio.Event{"event": "connected"}
	if err != nil {
		e = peerio.Event{"event": "connect-failed", "error": err.Error(), "reason": peerio.Reason(err)}
	}
	peerio.Emit(e)
}

func send(c peerio.Command) {
	routes.Lock()
	rw := routes.rw[route{c.ID, c.Capability}]
	routes.Unlock()
	err := errors.New("no such peer and capability")
	if rw != nil {
		err = write(rw, c.Code, peerio.Content(c.Seed, c.Size))
	}
	if err != nil {
		peerio.Emit(peerio.Event{"event": "error", "error": err.Error()})
	}
}

func disconnect(c peerio.Command) {
	routes.Lock()
	p := routes.peer[c.ID]
	routes.Unlock()
	if p == nil {
		peerio.Emit(peerio.Event{"event": "error", "error": "no such peer"})
		return
	}
	p.Disconnect(p2p.DiscReason(c.Reason))
}

func command(srv *p2p.Server, c peerio.Command) {
	var node *enode.Node
	if c.Enode != "" {
		var err error
		if node, err = enode.ParseV4(c.Enode); err != nil {
			peerio.Fatal(err)
		}
	}
	switch c.Cmd {
	case "dial":
		srv.AddPeer(node)
	case "remove":
		srv.RemovePeer(node)
	case "connect":
		go connect(srv, node)
	case "send":
		send(c)
	case "disconnect":
		disconnect(c)
	case "echo":
		echo.Store(c.On)
		peerio.Emit(peerio.Event{"event": "echo", "on": c.On})
	case "stop":
		srv.Stop()
		peerio.Emit(peerio.Event{"event": "stopped"})
	default:
		peerio.Fatal(fmt.Errorf("unknown command %q", c.Cmd))
	}
}

func main() {
	var (
		keyFile  = flag.String("key", "", "node key file")
		listen   = flag.String("listen", "", "address to listen on")
		capList  = flag.String("caps", "tst/1:8,tst/2:8,oth/1:4", "capabilities")
		maxPeers = flag.Int("maxpeers", 10, "most peers")
		boot     = flag.String("boot", "", "bootnode: with one, discovery v4 finds the peers")
	)
	flag.Parse()

	key, err := peerio.Key(*keyFile)
	if err != nil {
		peerio.Fatal(err)
	}
	caps, err := peerio.Caps(*capList)
	if err != nil {
		peerio.Fatal(err)
	}
	routes.rw = make(map[route]p2p.MsgReadWriter)
	routes.peer = make(map[string]*p2p.Peer)
	srv := &p2p.Server{Config: p2p.Config{
		PrivateKey:  key,
		MaxPeers:    *maxPeers,
		DialRatio:   2,
		NoDiscovery: *boot == "",
		DiscoveryV4: *boot != "",
		Name:        "gethpeer",
		ListenAddr:  *listen,
		Logger:      log.NewLogger(logEvents{}),
	}}
	if *boot != "" {
		n, err := enode.Parse(enode.ValidSchemes, *boot)
		if err != nil {
			peerio.Fatal(err)
		}
		srv.BootstrapNodes = []*enode.Node{n}
	}
	for _, c := range caps {
		srv.Protocols = append(srv.Protocols, protocol(c))
	}
	if err := srv.Start(); err != nil {
		peerio.Fatal(err)
	}
	id := peerio.NodeID(&key.PublicKey)
	peerio.Emit(peerio.Event{"event": "ready", "id": id,
		"enode": fmt.Sprintf("enode://%s@%s", id, srv.ListenAddr)})
	peerio.Commands(func(c peerio.Command) { command(srv, c) })
}
