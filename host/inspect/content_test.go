package inspect

import (
	"testing"

	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/journal"
)

// Modules by name: one file may hold many.
func TestModuleContentByName(t *testing.T) {
	made, err := journal.NewSources([]journal.Source{
		{Kind: journal.SourceModule, Name: "std:jq", Content: []byte("one")},
		{Kind: journal.SourceModule, Name: "std:csv", Content: []byte("one")},
		{Kind: journal.SourceModule, Name: "inner/a.wasm", Content: []byte("one")},
		{Kind: journal.SourceModule, Name: "b.wasm", Content: []byte("one")},
	})
	if err != nil {
		t.Fatal(err)
	}
	of := func(module, folder string) string {
		return moduleContent(&graph.Node{Module: module}, folder, made).String()
	}
	if of("std:jq", ".") == of("std:csv", ".") {
		t.Error("two nodes of one file are taken for the same")
	}
	if of("std:jq", ".") != of("std:jq", "inner") || of("std:jq", "inner") == `"std:jq"` {
		t.Errorf("a name depends on the folder: %s, %s", of("std:jq", "."), of("std:jq", "inner"))
	}
	if of("a.wasm", "inner") != of("b.wasm", ".") {
		t.Error("a file's name counts")
	}
}
