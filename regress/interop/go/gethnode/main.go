// SPDX-License-Identifier: ISC

// Command gethnode is go-ethereum's node with its eth service, as cmd/geth puts
// them together, on a private chain. Without cmd/geth's command line, so that
// it needs no beacon light client; what peers meet is the same.
//
//	gethnode -make FILE -blocks N
//	gethnode -datadir DIR -import FILE [-blocks N] [-static ENODE] ...
//
// The first writes a chain, as geth export would. The second imports as many of
// its blocks as are asked for and runs; commands and events are JSON lines.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"os"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/consensus/beacon"
	"github.com/ethereum/go-ethereum/consensus/ethash"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/forkid"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/eth"
	"github.com/ethereum/go-ethereum/eth/ethconfig"
	"github.com/ethereum/go-ethereum/log"
	"github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/p2p"
	"github.com/ethereum/go-ethereum/p2p/enode"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/version"

	"p2pd/regress/interop/peerio"
)

const batch = 1000 // blocks generated or imported at once

// The faucet of the private chain: anybody's key, of no value.
var faucet, _ = crypto.ToECDSA(common.LeftPadBytes([]byte("p2pd"), 32))

// A chain of proof of stake from its first block on, with every fork that the
// release has scheduled. Nobody has to finalise it for it to be served.
func genesis() *core.Genesis {
	addr := crypto.PubkeyToAddress(faucet.PublicKey)
	return core.DeveloperGenesisBlock(30_000_000, &addr)
}

// generate writes n blocks; now and then one has a transaction.
func generate(file string, n int) error {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(out, 1<<20)
	g := genesis()
	_, blocks, _ := core.GenerateChainWithGenesis(g, beacon.New(ethash.NewFaker()), n,
		func(i int, b *core.BlockGen) {
			b.SetPoS()
			b.SetParentBeaconRoot(common.BigToHash(b.Number()))
			if i%100 == 99 {
				b.AddTx(transfer(g.Config, b))
			}
		})
	for _, block := range blocks {
		if err := block.EncodeRLP(w); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	last := blocks[len(blocks)-1]
	peerio.Emit(peerio.Event{"event": "made", "blocks": n, "hash": last.Hash()})
	return out.Close()
}

func transfer(config *params.ChainConfig, b *core.BlockGen) *types.Transaction {
	from := crypto.PubkeyToAddress(faucet.PublicKey)
	to := common.BigToAddress(b.Number())
	return types.MustSignNewTx(faucet, types.LatestSigner(config), &types.DynamicFeeTx{
		ChainID: config.ChainID, Nonce: b.TxNonce(from), To: &to, Gas: params.TxGas,
		GasFeeCap: new(big.Int).Mul(b.BaseFee(), big.NewInt(2)), GasTipCap: common.Big1,
		Value: common.Big1,
	})
}

// load imports what is not there yet of the first n blocks of a file.
func load(chain *core.BlockChain, file string, n uint64) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	stream := rlp.NewStream(bufio.NewReaderSize(in, 1<<20), 0)
	have := chain.CurrentBlock().Number.Uint64()
	var blocks types.Blocks
	insert := func() error {
		_, err := chain.InsertChain(blocks)
		blocks = blocks[:0]
		return err
	}
	for {
		block := new(types.Block)
		if err := stream.Decode(block); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		if block.NumberU64() > n {
			break
		}
		if block.NumberU64() <= have {
			continue
		}
		if blocks = append(blocks, block); len(blocks) == batch {
			if err := insert(); err != nil {
				return err
			}
		}
	}
	return insert()
}

// A modest machine is enough for a chain of empty blocks.
func ethConfig(network uint64) *ethconfig.Config {
	c := ethconfig.Defaults
	c.Genesis = genesis()
	c.NetworkId = network
	c.SyncMode = ethconfig.FullSync
	c.DatabaseCache, c.DatabaseHandles = 64, 128
	c.TrieCleanCache, c.TrieDirtyCache, c.SnapshotCache = 32, 32, 0
	c.LogNoHistory, c.NoPrefetch, c.StateScheme = true, true, "hash"
	return &c
}

func start(datadir, listen string, static []*enode.Node, network uint64) (*node.Node, *eth.Ethereum, error) {
	c := node.DefaultConfig
	c.Name, c.DataDir = "geth", datadir
	c.Version = fmt.Sprintf("%d.%d.%d-%s", version.Major, version.Minor, version.Patch, version.Meta)
	c.HTTPHost, c.WSHost, c.AuthPort, c.IPCPath = "", "", 0, ""
	c.P2P = p2p.Config{ListenAddr: listen, MaxPeers: 25, NoDiscovery: true, StaticNodes: static}
	stack, err := node.New(&c)
	if err != nil {
		return nil, nil, err
	}
	service, err := eth.New(stack, ethConfig(network))
	return stack, service, err
}

// ready tells what a peer has to know, once the node listens.
func ready(stack *node.Node, chain *core.BlockChain, network uint64) {
	head := chain.CurrentHeader()
	id := forkid.NewID(chain.Config(), chain.Genesis(), head.Number.Uint64(), head.Time)
	self := stack.Server().Self()
	name := peerio.NodeID(self.Pubkey())
	peerio.Emit(peerio.Event{"event": "ready", "id": name,
		"enode":  fmt.Sprintf("enode://%s@%s", name, stack.Server().ListenAddr),
		"client": stack.Server().Name, "network": network,
		"genesis": chain.Genesis().Hash(), "fork": fmt.Sprintf("%x", id.Hash),
		"fork_next": id.Next, "head": head.Number, "hash": head.Hash()})
}

func hash(chain *core.BlockChain, number uint64) {
	e := peerio.Event{"event": "hash", "number": number}
	if h := chain.GetHeaderByNumber(number); h != nil {
		e["hash"] = h.Hash()
	}
	peerio.Emit(e)
}

func command(stack *node.Node, chain *core.BlockChain, c peerio.Command) {
	switch c.Cmd {
	case "dial":
		to, err := enode.ParseV4(c.Enode)
		if err != nil {
			peerio.Fatal(err)
		}
		stack.Server().AddPeer(to)
	case "hash":
		hash(chain, uint64(c.Size))
	case "stop":
		stack.Close()
		peerio.Emit(peerio.Event{"event": "stopped"})
		os.Exit(0)
	default:
		peerio.Fatal(fmt.Errorf("unknown command %q", c.Cmd))
	}
}

func main() {
	var (
		out     = flag.String("make", "", "write a chain to this file and exit")
		blocks  = flag.Uint64("blocks", 20_000, "blocks of the chain")
		in      = flag.String("import", "", "chain file")
		datadir = flag.String("datadir", "", "data directory")
		listen  = flag.String("listen", "127.0.0.1:0", "address to listen on")
		static  = flag.String("static", "", "node to be connected to always")
		network = flag.Uint64("networkid", 20220915, "network id")
		level   = flag.Int("v", int(slog.LevelWarn), "log level")
	)
	flag.Parse()
	log.SetDefault(log.NewLogger(log.NewTerminalHandlerWithLevel(os.Stderr, slog.Level(*level), false)))

	if *out != "" {
		if err := generate(*out, int(*blocks)); err != nil {
			peerio.Fatal(err)
		}
		return
	}
	var nodes []*enode.Node
	if *static != "" {
		n, err := enode.ParseV4(*static)
		if err != nil {
			peerio.Fatal(err)
		}
		nodes = append(nodes, n)
	}
	stack, service, err := start(*datadir, *listen, nodes, *network)
	if err != nil {
		peerio.Fatal(err)
	}
	chain := service.BlockChain()
	began := time.Now()
	if *in != "" {
		if err := load(chain, *in, *blocks); err != nil {
			peerio.Fatal(err)
		}
	}
	peerio.Emit(peerio.Event{"event": "imported", "seconds": time.Since(began).Seconds()})
	if err := stack.Start(); err != nil {
		peerio.Fatal(err)
	}
	ready(stack, chain, *network)
	peerio.Commands(func(c peerio.Command) { command(stack, chain, c) })
	stack.Close()
}
