// Command chainrun runs graphs of sandboxed WebAssembly modules.
package main

import (
	"io"
	"log"
	"os"

	"github.com/chainrun/chainrun/cmd/chainrun/internal/cli"
	_ "github.com/chainrun/chainrun/cmd/chainrun/internal/collection" // the first one later
)

// version is set when a release is built.
var version string

func main() {
	// net/http tells the standard logger what servers send unasked: secrets that a
	// server gives back, for one. What chainrun has to say goes elsewhere.
	log.SetOutput(io.Discard)
	os.Exit(cli.Main(cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, version, os.Args[1:]))
}
