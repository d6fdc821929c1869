// Command chainrun runs graphs of sandboxed WebAssembly modules.
package main

import (
	"os"

	"github.com/chainrun/chainrun/cmd/chainrun/internal/cli"
)

// version is set when a release is built.
var version string

func main() {
	os.Exit(cli.Main(cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, version, os.Args[1:]))
}
