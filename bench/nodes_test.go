// The nodes do what the tables say they do.
package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestNodes has the node in C and its stand-in count, in runs whose output is compared.
func TestNodes(t *testing.T) {
	n, err := buildNodes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, wasm := range map[string][]byte{"C": n.c, "stand-in": smallNode} {
		t.Run(name, func(t *testing.T) {
			if wasm == nil {
				t.Skip(n.missing)
			}
			for _, c := range []chained{{}, {checked: true}, {asks: true}} {
				chain, err := newChain(wasm, c)
				if err != nil {
					t.Fatal(err)
				}
				if err := chain.run(t.Context(), 2); err != nil { // from 0 to 10, so a digit more
					t.Errorf("%+v: %v", c, err)
				}
				chain.close()
			}
		})
	}
}

// TestSmallNode has the stand-in be what its source says.
func TestSmallNode(t *testing.T) {
	assembler, err := exec.LookPath("wat2wasm")
	if err != nil {
		t.Skip("there is no wat2wasm; on Debian: apt-get install wabt")
	}
	out := filepath.Join(t.TempDir(), "node.wasm")
	if err := command(t.Context(), nil, assembler, "-o", out, filepath.Join("programs", "smallnode", "node.wat")); err != nil {
		t.Fatal(err)
	}
	made, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(made, smallNode) {
		t.Error("programs/smallnode/node.wasm is not what wat2wasm makes of node.wat")
	}
}

// TestPeers has each LangGraph go every way that a table asks for, where it is installed.
func TestPeers(t *testing.T) {
	for _, p := range []peerProgram{langgraphJS, langgraphPython} {
		t.Run(p.command[0], func(t *testing.T) {
			peer, err := p.start(t.Context(), t.TempDir())
			var skipped missing
			if err := skipped.add(err); err != nil {
				t.Fatal(err)
			}
			if skipped != nil {
				t.Skip(skipped[0])
			}
			defer peer.close()
			for _, way := range []string{"memory", "checked", "sync", "async", "exit", "comes"} {
				for _, atOnce := range []int{1, 2} {
					did, err := peer.steps(way, 2, atOnce)()
					if err != nil {
						t.Fatalf("%s, %d at once: %v", way, atOnce, err)
					}
					if did.times != 2*chainNodes || did.cpu <= 0 {
						t.Errorf("%s: %+v", way, did)
					}
				}
			}
		})
	}
}
