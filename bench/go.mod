module github.com/chainrun/chainrun/bench

go 1.26.0

require (
	github.com/chainrun/chainrun v0.0.0
	github.com/tetratelabs/wazero v1.12.0
)

require (
	github.com/bytecodealliance/wasmtime-go/v39 v39.0.1
	golang.org/x/sys v0.49.0
)

replace github.com/chainrun/chainrun => ..
