// Command std is chainrun's standard nodes: one module, an entry a node.
package main

import (
	"github.com/chainrun/chainrun/plugins/std/nodes"
	"github.com/chainrun/chainrun/sdk/go/node"
)

func init() { nodes.Register() }

func main() { node.Main() }
