// SPDX-License-Identifier: ISC

// Command gethchain makes a private chain with go-ethereum's core, for geth:
// genesis.json for geth init, chain.rlp for geth import.
//
//	gethchain -blocks N -dir DIR
//
// One event of JSON says which chain it is.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"math/big"
	"os"
	"path/filepath"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/consensus/beacon"
	"github.com/ethereum/go-ethereum/consensus/ethash"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/forkid"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"

	"p2pd/regress/interop/peerio"
)

// The faucet of the private chain: anybody's key, of no value.
var faucet, _ = crypto.ToECDSA(common.LeftPadBytes([]byte("p2pd"), 32))

// A chain of proof of stake from its first block on, with every fork that the
// release has scheduled. Nobody has to finalise it for it to be served.
func genesis() *core.Genesis {
	addr := crypto.PubkeyToAddress(faucet.PublicKey)
	return core.DeveloperGenesisBlock(30_000_000, &addr)
}

// generate makes n blocks; now and then one has a transaction.
func generate(g *core.Genesis, n int) []*types.Block {
	_, blocks, _ := core.GenerateChainWithGenesis(g, beacon.New(ethash.NewFaker()), n,
		func(i int, b *core.BlockGen) {
			b.SetPoS()
			b.SetParentBeaconRoot(common.BigToHash(b.Number()))
			if i%100 == 99 {
				b.AddTx(transfer(g.Config, b))
			}
		})
	return blocks
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

// export writes blocks as geth export does: one after the other.
func export(file string, blocks []*types.Block) error {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(out, 1<<20)
	for _, block := range blocks {
		if err := block.EncodeRLP(w); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return out.Close()
}

func run(dir string, n int) error {
	g := genesis()
	text, err := json.MarshalIndent(g, "", "\t")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "genesis.json"), text, 0o644); err != nil {
		return err
	}
	blocks := generate(g, n)
	if err := export(filepath.Join(dir, "chain.rlp"), blocks); err != nil {
		return err
	}
	first, head := g.ToBlock(), blocks[n-1]
	id := forkid.NewID(g.Config, first, head.NumberU64(), head.Time())
	peerio.Emit(peerio.Event{"event": "made", "genesis": first.Hash(),
		"fork": fmt.Sprintf("%x", id.Hash), "fork_next": id.Next,
		"head": head.NumberU64(), "hash": head.Hash()})
	return nil
}

func main() {
	blocks := flag.Uint("blocks", 20_000, "blocks of the chain")
	dir := flag.String("dir", ".", "directory to write to")
	flag.Parse()
	if *blocks == 0 {
		peerio.Fatal(fmt.Errorf("a chain has blocks"))
	}
	if err := run(*dir, int(*blocks)); err != nil {
		peerio.Fatal(err)
	}
}
