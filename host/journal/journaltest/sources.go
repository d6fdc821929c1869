package journaltest

import (
	"bytes"
	"errors"
	"testing"

	"github.com/chainrun/chainrun/host/journal"
)

// What a run was made of is there exactly if the run is.
func sourcesComeBack(t *testing.T, j journal.Pinner) {
	t.Helper()
	made, err := journal.NewSources([]journal.Source{
		{Kind: journal.SourceGraph, Name: "/a/graph.toml", Content: []byte("version = 1\n")},
		{Kind: journal.SourceFile, Name: "empty"},
		{Kind: journal.SourceModule, Name: "n.wasm", Content: []byte("\x00asm\x01\x00\xff\xfe")},
		{Kind: journal.SourceFile, Name: "n.wasm", Content: []byte("\x00asm\x01\x00\xff\xfe")},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range []string{"a", "b"} {
		if err := j.Begin(t.Context(), made, start(run), next(run, 2)); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Begin(t.Context(), nil, start("c")); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(t.Context(), start("d")); err != nil {
		t.Fatal(err)
	}
	var gap *journal.SequenceError
	if err := j.Begin(t.Context(), made, next("lost", 2)); !errors.As(err, &gap) {
		t.Errorf("a run that does not begin: %v", err)
	}
	for _, run := range []string{"a", "b"} {
		got, err := j.Sources(t.Context(), run)
		if err != nil || got == nil || got.Digest != made.Digest || !bytes.Equal(got.List, made.List) || len(got.Files) != len(made.Files) {
			t.Fatalf("run %s: %+v, %v", run, got, err)
		}
		for i, f := range got.Files {
			if want := made.Files[i]; f.Kind != want.Kind || f.Name != want.Name || f.Digest != want.Digest || !bytes.Equal(f.Content, want.Content) {
				t.Errorf("run %s: file %d is %+v, was %+v", run, i, f, want)
			}
		}
	}
	for _, run := range []string{"c", "d"} {
		if got, err := j.Sources(t.Context(), run); got != nil || err != nil {
			t.Errorf("run %s: %+v, %v", run, got, err)
		}
	}
	if _, err := j.Sources(t.Context(), "lost"); !errors.Is(err, journal.ErrUnknownRun) {
		t.Errorf("an unknown run: %v", err)
	}
}
