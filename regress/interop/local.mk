# SPDX-License-Identifier: ISC
# Against other implementations: needs Go and Node, so not part of check.
EXTRA_DIST += regress/interop/run regress/interop/chain.py \
	regress/interop/judge.py \
	regress/interop/go/go.mod regress/interop/go/go.sum \
	regress/interop/go/gethchain/main.go \
	regress/interop/go/gethpeer/main.go regress/interop/go/peerio/peerio.go \
	regress/interop/go/gethdisc/main.go \
	regress/interop/go/rlpxpeer/main.go regress/interop/go/benchpeer/main.go \
	regress/interop/geth/go.mod regress/interop/geth/go.sum \
	regress/interop/geth/eth2client/go.mod \
	regress/interop/geth/eth2client/spec/altair/altair.go \
	regress/interop/geth/eth2client/spec/bellatrix/bellatrix.go \
	regress/interop/geth/eth2client/spec/capella/capella.go \
	regress/interop/geth/eth2client/spec/deneb/deneb.go \
	regress/interop/geth/eth2client/spec/electra/electra.go \
	regress/interop/geth/eth2client/spec/gloas/gloas.go \
	regress/interop/geth/eth2client/spec/phase0/phase0.go \
	regress/interop/disc.py regress/interop/disctools.py \
	regress/interop/node/ethjspeer.mjs regress/interop/node/ethjsdisc.mjs \
	regress/interop/node/package.json \
	regress/interop/node/package-lock.json

check-interop: all
	$(srcdir)/regress/interop/run
.PHONY: check-interop
