// SPDX-License-Identifier: ISC

// Command rlpxpeer makes one connection on go-ethereum's p2p/rlpx, with no
// p2p.Server in between, so that it can do what a server never would: use
// another node's key, put a foreign key into its Hello, or refuse for any
// reason at any time. It prints events as JSON lines.
package main

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"time"

	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/p2p"
	"github.com/ethereum/go-ethereum/p2p/enode"
	"github.com/ethereum/go-ethereum/p2p/rlpx"
	"github.com/ethereum/go-ethereum/rlp"

	"p2pd/regress/interop/peerio"
)

// The base protocol's messages.
const (
	helloMsg = 0
	discMsg  = 1
	pingMsg  = 2
	pongMsg  = 3
)

type hello struct {
	Version    uint64
	Name       string
	Caps       []p2p.Cap
	ListenPort uint64
	ID         []byte
	Rest       []rlp.RawValue `rlp:"tail"`
}

type options struct {
	keyFile, helloKeyFile, helloID string
	caps                           []p2p.Cap
	refuse, quit                   int
	limit                          time.Duration
}

func write(conn *rlpx.Conn, code uint64, v any) error {
	data, err := rlp.EncodeToBytes(v)
	if err == nil {
		_, err = conn.Write(code, data)
	}
	return err
}

// readUntilDisconnect answers pings and prints what comes until the end.
func readUntilDisconnect(conn *rlpx.Conn, quit int) error {
	for {
		code, data, _, err := conn.Read()
		if err != nil {
			return err
		}
		switch code {
		case helloMsg:
			var h hello
			if err := rlp.DecodeBytes(data, &h); err != nil {
				return fmt.Errorf("their Hello: %w", err)
			}
			peerio.Emit(peerio.Event{"event": "hello", "client": h.Name,
				"version": h.Version, "caps": fmt.Sprint(h.Caps),
				"id": fmt.Sprintf("%x", h.ID), "port": h.ListenPort})
			conn.SetSnappy(h.Version >= 5)
			if quit >= 0 {
				if err := write(conn, discMsg, []uint{uint(quit)}); err != nil {
					return err
				}
			}
		case discMsg:
			var reason []uint
			if err := rlp.DecodeBytes(data, &reason); err != nil || len(reason) != 1 {
				return fmt.Errorf("Disconnect is not a list of one: %x", data)
			}
			peerio.Emit(peerio.Event{"event": "disconnect", "reason": reason[0]})
			return nil
		case pingMsg:
			if err := write(conn, pongMsg, []uint{}); err != nil {
				return err
			}
		default:
			peerio.Emit(peerio.Event{"event": "frame", "code": code, "size": len(data)})
		}
	}
}

// run does all that happens on a connection, which is closed at the end.
func run(conn *rlpx.Conn, o options) error {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(o.limit))
	key, err := peerio.Key(o.keyFile)
	if err != nil {
		return err
	}
	if _, err := conn.Handshake(key); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	peerio.Emit(peerio.Event{"event": "handshake"})
	if o.refuse >= 0 {
		if err := write(conn, discMsg, []uint{uint(o.refuse)}); err != nil {
			return err
		}
		return readUntilDisconnect(conn, -1)
	}

	helloKey := key
	if o.helloKeyFile != "" {
		if helloKey, err = peerio.Key(o.helloKeyFile); err != nil {
			return err
		}
	}
	id := crypto.FromECDSAPub(&helloKey.PublicKey)[1:]
	if o.helloID == "null" {
		id = make([]byte, 64)
	}
	if err := write(conn, helloMsg, &hello{Version: 5, Name: "rlpxpeer", Caps: o.caps, ID: id}); err != nil {
		return err
	}
	return readUntilDisconnect(conn, o.quit)
}

func dial(url string) (*rlpx.Conn, error) {
	node, err := enode.ParseV4(url)
	if err != nil {
		return nil, err
	}
	fd, err := net.DialTimeout("tcp", fmt.Sprintf("%v:%d", node.IPAddr(), node.TCP()), 5*time.Second)
	if err != nil {
		return nil, err
	}
	return rlpx.NewConn(fd, node.Pubkey()), nil
}

func accept(addr, keyFile string, limit time.Duration) (*rlpx.Conn, error) {
	key, err := peerio.Key(keyFile)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	id := peerio.NodeID(&key.PublicKey)
	peerio.Emit(peerio.Event{"event": "ready", "id": id,
		"enode": fmt.Sprintf("enode://%s@%s", id, l.Addr())})
	l.(*net.TCPListener).SetDeadline(time.Now().Add(limit))
	fd, err := l.Accept()
	if err != nil {
		return nil, err
	}
	return rlpx.NewConn(fd, nil), nil
}

func main() {
	var (
		o       options
		url     = flag.String("dial", "", "enode URL to connect to")
		listen  = flag.String("listen", "", "address to listen on, for one connection")
		capList = flag.String("caps", "tst/1:8,tst/2:8,oth/1:4", "capabilities")
		conn    *rlpx.Conn
	)
	flag.StringVar(&o.keyFile, "key", "", "key file of the handshake")
	flag.StringVar(&o.helloKeyFile, "hello-key", "", "key file of Hello, if another")
	flag.StringVar(&o.helloID, "hello-id", "", "null: a null key in Hello")
	flag.IntVar(&o.refuse, "refuse", -1, "send Disconnect with this reason instead of Hello")
	flag.IntVar(&o.quit, "quit", -1, "send Disconnect with this reason after the Hellos")
	flag.DurationVar(&o.limit, "limit", 20*time.Second, "give up after")
	flag.Parse()

	caps, err := peerio.Caps(*capList)
	for _, c := range caps {
		o.caps = append(o.caps, c.Cap)
	}
	switch {
	case err != nil:
	case *url != "":
		conn, err = dial(*url)
	case *listen != "" && o.keyFile != "":
		conn, err = accept(*listen, o.keyFile, o.limit)
	default:
		err = errors.New("-dial, or -listen and -key, is needed")
	}
	if err != nil {
		peerio.Fatal(err)
	}
	if err := run(conn, o); err != nil {
		peerio.Emit(peerio.Event{"event": "closed", "error": err.Error()})
	}
}
