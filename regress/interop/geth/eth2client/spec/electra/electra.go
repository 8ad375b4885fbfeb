// SPDX-License-Identifier: ISC

package electra

import (
	"github.com/attestantio/go-eth2-client/spec/deneb"
	"github.com/attestantio/go-eth2-client/spec/phase0"
)

type BeaconBlock struct {
	phase0.Block
	Body *BeaconBlockBody
}

type BeaconBlockBody struct {
	phase0.Object
	ExecutionPayload  *deneb.ExecutionPayload
	ExecutionRequests *ExecutionRequests
}

type ExecutionRequests struct {
	Deposits, Withdrawals, Consolidations []*phase0.Object
}
