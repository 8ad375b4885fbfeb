// SPDX-License-Identifier: ISC

// Command benchpeer is go-ethereum's p2p.Server with the program of the
// measurements, bench/1, in the same process: see regress/bench/payload.h for
// what it says. It prints its URL and runs until its standard input ends.
package main

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/log"
	"github.com/ethereum/go-ethereum/p2p"
	"github.com/ethereum/go-ethereum/p2p/enode"

	"p2pd/regress/interop/peerio"
)

const (
	codeData = iota
	codeEnd
	codeEcho
	codeEchoed
	codeSend
	codeCast
	codes
)

var peers struct {
	sync.Mutex
	rw map[p2p.MsgWriter]bool
}

// fill makes the payload of regress/bench/payload.c.
func fill(p []byte, kind byte) {
	s := uint64(0x9e3779b97f4a7c15)
	next := func() uint64 {
		s ^= s >> 12
		s ^= s << 25
		s ^= s >> 27
		return s * 0x2545f4914f6cdd1d
	}
	random := func(p []byte) {
		for i := 0; i < len(p); i += 8 {
			var w [8]byte
			binary.LittleEndian.PutUint64(w[:], next())
			copy(p[i:], w[:])
		}
	}
	if kind == 'r' {
		random(p)
		return
	}
	fixed := []byte{0x85, 0x04, 0xa8, 0x17, 0xc8, 0x00, 0x82, 0x52, 0x08, 0x94}
	for no := 0; no*128 < len(p); no++ {
		var r [128]byte
		r[0], r[1], r[2] = 0xf8, 126, 0x84
		binary.BigEndian.PutUint32(r[3:], uint32(no))
		copy(r[7:], fixed)
		to := byte(0x11 * (next() & 15))
		for i := 17; i < 37; i++ {
			r[i] = to
		}
		r[37] = 0x88
		binary.BigEndian.PutUint64(r[38:], 1000000000000000000)
		r[46] = 0xa0
		random(r[47:79])
		random(r[103:111])
		copy(p[no*128:], r[:])
	}
}

func write(rw p2p.MsgWriter, code uint64, data []byte) error {
	return rw.WriteMsg(p2p.Msg{Code: code, Size: uint32(len(data)), Payload: bytes.NewReader(data)})
}

func writeEnd(rw p2p.MsgWriter, messages, size uint64, since time.Time) error {
	var end [24]byte
	binary.BigEndian.PutUint64(end[:], messages)
	binary.BigEndian.PutUint64(end[8:], size)
	binary.BigEndian.PutUint64(end[16:], uint64(time.Since(since).Microseconds()))
	return write(rw, codeEnd, end[:])
}

// send does what SEND and CAST ask for.
func send(rw p2p.MsgWriter, code uint64, ask []byte) error {
	length := time.Duration(binary.BigEndian.Uint32(ask)) * time.Millisecond
	data := make([]byte, binary.BigEndian.Uint32(ask[4:]))
	fill(data, ask[8])
	to := []p2p.MsgWriter{rw}
	if code == codeCast {
		to = to[:0]
		peers.Lock()
		for w := range peers.rw {
			to = append(to, w)
		}
		peers.Unlock()
	}
	n := uint64(0)
	since := time.Now()
	for time.Since(since) < length {
		for _, w := range to {
			if err := write(w, codeData, data); err != nil {
				return err
			}
			n++
		}
	}
	return writeEnd(rw, n, n*uint64(len(data)), since)
}

func talk(_ *p2p.Peer, rw p2p.MsgReadWriter) error {
	var (
		messages, size uint64
		since          time.Time
		buf            []byte
	)
	peers.Lock()
	peers.rw[rw] = true
	peers.Unlock()
	defer func() {
		peers.Lock()
		delete(peers.rw, rw)
		peers.Unlock()
	}()
	for {
		msg, err := rw.ReadMsg()
		if err != nil {
			return err
		}
		if uint32(cap(buf)) < msg.Size {
			buf = make([]byte, msg.Size)
		}
		data := buf[:msg.Size]
		if _, err := io.ReadFull(msg.Payload, data); err != nil {
			return err
		}
		switch msg.Code {
		case codeData:
			if messages == 0 {
				since = time.Now()
			}
			messages++
			size += uint64(len(data))
		case codeEnd:
			err = writeEnd(rw, messages, size, since)
			messages, size = 0, 0
		case codeEcho:
			err = write(rw, codeEchoed, data)
		case codeSend, codeCast:
			if len(data) == 9 {
				err = send(rw, msg.Code, data)
			}
		}
		if err != nil {
			return err
		}
	}
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on")
	static := flag.String("static", "", "file of URLs to dial")
	dials := flag.Int("dials", 1000, "connections in set-up at once")
	keyFile := flag.String("key", "", "key file; without it a new key")
	flag.Parse()

	key, err := peerio.Key(*keyFile)
	if err != nil {
		peerio.Fatal(err)
	}
	peers.rw = make(map[p2p.MsgWriter]bool)
	srv := &p2p.Server{Config: p2p.Config{
		PrivateKey:      key,
		MaxPeers:        100000,
		MaxPendingPeers: *dials,
		NoDiscovery:     true,
		Name:            "benchpeer",
		ListenAddr:      *listen,
		Logger:          log.NewLogger(log.DiscardHandler()),
		Protocols:       []p2p.Protocol{{Name: "bench", Version: 1, Length: codes, Run: talk}},
	}}
	if *static != "" {
		text, err := os.ReadFile(*static)
		if err != nil {
			peerio.Fatal(err)
		}
		for _, url := range strings.Fields(string(text)) {
			srv.StaticNodes = append(srv.StaticNodes, enode.MustParse(url))
		}
	}
	if err := srv.Start(); err != nil {
		peerio.Fatal(err)
	}
	fmt.Printf("enode://%s@%s\n", peerio.NodeID(&key.PublicKey), srv.ListenAddr)
	io.Copy(io.Discard, os.Stdin)
	srv.Stop()
}
