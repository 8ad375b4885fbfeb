// SPDX-License-Identifier: ISC

package deneb

import (
	"math/big"

	"github.com/attestantio/go-eth2-client/spec/capella"
	"github.com/attestantio/go-eth2-client/spec/phase0"
)

type BeaconBlock struct {
	phase0.Block
	Body *BeaconBlockBody
}

type BeaconBlockBody struct {
	phase0.Object
	ExecutionPayload *ExecutionPayload
}

type ExecutionPayloadHeader struct {
	phase0.Object
	BlockHash [32]byte
}

type ExecutionPayload struct {
	capella.Payload
	BaseFeePerGas              *Wei
	BlobGasUsed, ExcessBlobGas uint64
}

// Wei is an amount that knows its form as a big integer.
type Wei struct{ big.Int }

func (w *Wei) ToBig() *big.Int { return &w.Int }
