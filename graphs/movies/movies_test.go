// Package movies tests the graph's nodes in a row, natively: each is built for
// this machine and run from stdin to stdout, as `go run` would. That the graph
// file wires them the same way is tested with chainrun itself.
package movies

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"
)

type object = map[string]any

func TestTheNodesMakeTheExpectedReport(t *testing.T) {
	// Reading them here tells `go test` that its cached result depends on them.
	for _, pattern := range []string{"nodes/*/*.go", "../../sdk/go/node/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no sources at %s: %v", pattern, err)
		}
		for _, file := range files {
			if _, err := os.ReadFile(file); err != nil {
				t.Fatal(err)
			}
		}
	}
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin, "./nodes/...")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the nodes: %v\n%s", err, out)
	}
	run := func(name string, input any, env ...string) object {
		t.Helper()
		doc, err := json.Marshal(input)
		if err != nil {
			t.Fatal(err)
		}
		var stderr bytes.Buffer
		node := exec.Command(filepath.Join(bin, name))
		node.Stdin, node.Stderr = bytes.NewReader(doc), &stderr
		node.Env = append(os.Environ(), env...)
		out, err := node.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, &stderr)
		}
		return decode[object](t, out)
	}

	records, err := os.ReadFile("data/movies.json")
	if err != nil {
		t.Fatal(err)
	}
	raw := decode[[]any](t, records)

	films := run("parse", raw)["films"].([]any)
	complaints := numberTitles(films)
	if len(complaints) != 9 {
		t.Fatalf("parse's first attempt has %d titles that are numbers, want 9", len(complaints))
	}
	feedback, err := json.Marshal(complaints)
	if err != nil {
		t.Fatal(err)
	}
	films = run("parse", raw, "CHAINRUN_FEEDBACK="+string(feedback))["films"].([]any)
	if left := numberTitles(films); len(left) != 0 {
		t.Fatalf("after the feedback: %v", left)
	}

	normalised := run("normalise", object{"films": films})
	if refused := run("check", normalised); !reflect.DeepEqual(refused, normalised) {
		t.Error("check changed what it passes on")
	}
	repaired := run("repair", object{"films": normalised["films"], "violations": []any{}, "repairs": object{}},
		`CHAINRUN_CONFIG={"latest":"2011-12-31"}`)
	report := run("report", object{"films": repaired["films"], "records": len(raw), "repairs": repaired["repairs"]},
		`CHAINRUN_CONFIG={"top":10}`)

	expected, err := os.ReadFile("expected.json")
	if err != nil {
		t.Fatal(err)
	}
	if want := decode[object](t, expected); !reflect.DeepEqual(report, want) {
		got, _ := json.MarshalIndent(report, "", "  ")
		t.Errorf("the report is not expected.json:\n%s", got)
	}

	// What is clean stays as it is: repair says so instead of going round again.
	again := exec.Command(filepath.Join(bin, "repair"))
	doc, _ := json.Marshal(repaired)
	again.Stdin = bytes.NewReader(doc)
	if out, err := again.CombinedOutput(); err == nil || string(out) != "unrepairable: no rule applies\n" {
		t.Errorf("repairing what is clean: %v, %.200s", err, out)
	}
}

// numberTitles complains as the schema of parse does.
func numberTitles(films []any) (complaints []object) {
	for i, f := range films {
		if n, ok := f.(object)["title"].(json.Number); ok {
			complaints = append(complaints, object{
				"pointer": fmt.Sprintf("/films/%d/title", i), "keyword": "type", "message": "want string", "found": n,
			})
		}
	}
	return complaints
}

func decode[T any](t *testing.T, doc []byte) T {
	t.Helper()
	var v T
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %.200s", err, doc)
	}
	return v
}
