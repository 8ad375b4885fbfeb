// SPDX-License-Identifier: ISC

// Package phase0 has what the types of every fork share. No object has a root
// here, so no block that a beacon node sends is ever accepted as one.
package phase0

import "errors"

var errAbsent = errors.New("built without go-eth2-client")

type Root [32]byte

type Object struct{}

func (Object) HashTreeRoot() ([32]byte, error) { return [32]byte{}, errAbsent }
func (Object) MarshalSSZ() ([]byte, error)     { return nil, errAbsent }

// Block is a beacon block without its body.
type Block struct {
	Object
	Slot, ProposerIndex   uint64
	ParentRoot, StateRoot Root
}
