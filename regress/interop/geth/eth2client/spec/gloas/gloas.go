// SPDX-License-Identifier: ISC

package gloas

import "github.com/attestantio/go-eth2-client/spec/phase0"

type BeaconBlock struct {
	phase0.Block
	Body *BeaconBlockBody
}

type BeaconBlockBody struct {
	phase0.Object
	SignedExecutionPayloadBid *SignedExecutionPayloadBid
}

type SignedExecutionPayloadBid struct {
	Message *ExecutionPayloadBid
}

type ExecutionPayloadBid struct {
	BlockHash [32]byte
}
