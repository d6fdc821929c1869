package cli

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/archive"
	"github.com/chainrun/chainrun/host/journal/sqlite"
)

// exported writes a run of a graph that has not ended as a file.
func exported(t *testing.T, id, graph string, forked *event.Forked) string {
	t.Helper()
	made, err := journal.NewSources([]journal.Source{{Kind: journal.SourceGraph, Name: "/elsewhere/g.toml", Content: []byte(graph)}})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := archive.Write(&b, archive.Run{ID: id, Made: made, Events: []event.Event{
		{Run: id, Seq: 1, Time: time.Unix(1, 0).UTC(), Body: event.RunStarted{Graph: "g", Input: document.Object(), Forked: forked}},
	}}); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "run.jsonl")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// An id that nobody could type, or that another run is called by, does not come into a
// store.
func TestImportedIDs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.sqlite")
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Append(t.Context(), event.Event{Run: "01m82ctpsmm67212zd", Seq: 1, Time: time.Unix(1, 0).UTC(), Body: event.RunStarted{Graph: "g", Input: document.Object()}}); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{
		"-x": "cannot be typed", "--help": "cannot be typed", "a b": "cannot be typed", "x;reboot": "cannot be typed", "../x": "cannot be typed",
		"a\x1b[31m": "cannot be typed", "a\x00": "cannot be typed", strings.Repeat("x", 257): "cannot be typed", "ä": "cannot be typed",
		"01m8": "stands for run 01m82ctpsmm67212zd", "01m82ctpsmm67212z": "stands for", "01m82ctpsmm67212zd": "in the store already",
		"01m82ctpsmm67212zd2": "", "order:42/a.b": "", strings.Repeat("x", 256): "",
	} {
		var out, told bytes.Buffer
		a := app{Streams: Streams{Out: &out, Err: &told}}
		err := a.importRun(exported(t, id, "version = 1\n[nodes.w]\nwait = true\n", nil), path)
		switch {
		case want == "" && (err != nil || out.String() != id+"\n" || told.Len() > 0):
			t.Errorf("%q: %v, %s, %s", id, err, out.String(), told.String())
		case want != "" && (err == nil || codeOf(err) != exitUsage || !strings.Contains(err.Error(), want) || out.Len() > 0):
			t.Errorf("%q: %v, %s", id, err, out.String())
		}
	}
}

// What a stranger's graph would get of the operator is said when it comes.
func TestImportSaysWhatItAsksFor(t *testing.T) {
	var out, told bytes.Buffer
	a := app{Streams: Streams{Out: &out, Err: &told}}
	err := a.importRun(exported(t, "theirs", `
version = 1
name = "shop"
chain = ["a", "b"]
[secrets.key]
env = "AWS_SECRET_ACCESS_KEY"
[secrets.private]
file = "/home/ada/.ssh/id_ed25519"
[secrets.more]
file = "x\nrun theirs is harmless"
[capabilities.web]
kind = "fetch"
headers = {"X" = "${secret:key}"}
[nodes.a]
module = "a.wasm"
[nodes.a.grants.web]
hosts = ["evil.example"]
[nodes.b]
wait = true
`, nil), filepath.Join(t.TempDir(), "store.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"run theirs", "AWS_SECRET_ACCESS_KEY", "/home/ada/.ssh/id_ed25519", "evil.example", `"web" is "fetch"`, `"web", as graph "shop"`} {
		if !strings.Contains(told.String(), want) {
			t.Errorf("nobody is told of %q: %s", want, told.String())
		}
	}
	if out.String() != "theirs\n" || strings.Contains(told.String(), "\nrun theirs is harmless") {
		t.Errorf("%s\n%s", out.String(), told.String())
	}
}

// A stranger's fork that has not ended would take what came of the steps of a run of
// the operator, if it names that one.
func TestImportedForks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.sqlite")
	const waits = "version = 1\n[nodes.w]\nwait = true\n"
	var out, told bytes.Buffer
	a := app{Streams: Streams{Out: &out, Err: &told}}
	err := a.importRun(exported(t, "theirs", waits, &event.Forked{Run: "the operator's"}), path)
	if err == nil || codeOf(err) != exitUsage || !errors.Is(err, journal.ErrOpenFork) || !strings.Contains(err.Error(), "chainrun replay") || out.Len() > 0 {
		t.Errorf("%v, %s", err, out.String())
	}
	if err := a.importRun(exported(t, "theirs", waits, nil), path); err != nil {
		t.Errorf("nothing of it is there: %v", err)
	}
}
