// SPDX-License-Identifier: ISC

package capella

import (
	"github.com/attestantio/go-eth2-client/spec/bellatrix"
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
	Payload
	BaseFeePerGas [32]byte
}

// Payload is what this fork's and later execution payloads share.
type Payload struct {
	ParentHash, BlockHash, StateRoot, ReceiptsRoot, PrevRandao [32]byte

	FeeRecipient [20]byte
	LogsBloom    [256]byte
	ExtraData    []byte

	BlockNumber, GasLimit, GasUsed, Timestamp uint64

	Transactions []bellatrix.Transaction
	Withdrawals  []*Withdrawal
}

type Withdrawal struct {
	Index, ValidatorIndex, Amount uint64
	Address                       [20]byte
}
