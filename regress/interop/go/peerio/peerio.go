// SPDX-License-Identifier: ISC

// Package peerio is what the interop programs share: JSON lines in and out,
// keys, capabilities and message content that both ends can compute.
package peerio

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/p2p"
)

// Event is one line of output.
type Event map[string]any

var outMu sync.Mutex

// Emit prints one event as a line of JSON.
func Emit(e Event) {
	line, err := json.Marshal(e)
	if err != nil {
		Fatal(err)
	}
	outMu.Lock()
	defer outMu.Unlock()
	os.Stdout.Write(append(line, '\n'))
}

// Fatal reports an error that leaves nothing to test and exits.
func Fatal(err error) {
	Emit(Event{"event": "fatal", "error": err.Error()})
	os.Exit(1)
}

// Command is one line of input; each program uses the fields it knows.
type Command struct {
	Cmd        string `json:"cmd"`
	Enode      string `json:"enode"`
	ID         string `json:"id"`
	Capability string `json:"capability"`
	Code       uint64 `json:"code"`
	Size       int    `json:"size"`
	Seed       string `json:"seed"`
	Reason     uint8  `json:"reason"`
	On         bool   `json:"on"`
	Node       int    `json:"node"`
	File       string `json:"file"`
}

// Commands calls f for each line of standard input, until its end.
func Commands(f func(Command)) {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var c Command
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			Fatal(fmt.Errorf("bad command: %w", err))
		}
		f(c)
	}
}

// Content is the payload that (seed, size) names: sha256(seed || be64(n)) for
// n = 0, 1, ... cut to size; with an empty seed, zeros.
func Content(seed string, size int) []byte {
	if seed == "" {
		return make([]byte, size)
	}
	in := append([]byte(seed), make([]byte, 8)...)
	out := make([]byte, 0, size+sha256.Size)
	for n := uint64(0); len(out) < size; n++ {
		binary.BigEndian.PutUint64(in[len(seed):], n)
		h := sha256.Sum256(in)
		out = append(out, h[:]...)
	}
	return out[:size]
}

// Digest is the hash that events carry instead of content.
func Digest(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}

// Key loads a key file, or makes a key when no file is named.
func Key(file string) (*ecdsa.PrivateKey, error) {
	if file == "" {
		return crypto.GenerateKey()
	}
	return crypto.LoadECDSA(file)
}

// NodeID is the 64-byte form of a public key, in hex: an enode URL's user.
func NodeID(key *ecdsa.PublicKey) string {
	return hex.EncodeToString(crypto.FromECDSAPub(key)[1:])
}

// Cap is a capability with its number of message codes.
type Cap struct {
	p2p.Cap
	Codes uint64
}

// Caps parses "tst/1:8,tst/2:8,oth/1:4".
func Caps(list string) ([]Cap, error) {
	var caps []Cap
	for _, item := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' }) {
		name, rest, ok1 := strings.Cut(item, "/")
		version, codes, ok2 := strings.Cut(rest, ":")
		v, err1 := strconv.ParseUint(version, 10, 32)
		n, err2 := strconv.ParseUint(codes, 10, 32)
		if !ok1 || !ok2 || err1 != nil || err2 != nil {
			return nil, fmt.Errorf("capability %q is not NAME/VERSION:CODES", item)
		}
		caps = append(caps, Cap{p2p.Cap{Name: name, Version: uint(v)}, n})
	}
	return caps, nil
}

// Reason is the number of a Disconnect reason within err, or -1.
func Reason(err error) int {
	var reason p2p.DiscReason
	if errors.As(err, &reason) {
		return int(reason)
	}
	return -1
}
