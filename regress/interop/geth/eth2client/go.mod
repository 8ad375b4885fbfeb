// What geth's beacon light client compiles against, in the place of the module
// of this name: the version that geth asks for is not to be had from the module
// proxy. Nothing of it works, and nothing has to: geth starts its light client
// with --beacon.api only, which no test gives.
module github.com/attestantio/go-eth2-client

go 1.25.0
