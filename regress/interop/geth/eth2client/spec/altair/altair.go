// SPDX-License-Identifier: ISC

// Package altair is imported by tests of geth: go mod tidy asks for it.
package altair
