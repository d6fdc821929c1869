// Verify checks a report of graphs/movies against the raw records, by a way of
// its own: exact fractions, sorting where the nodes count, no step in between.
//
//	go run ./movies/verify <report.json     (in graphs/; records in movies/data)
//
// Exit code 0 when every figure is the same, else 1 with the differences.
// verify.py does the same in Python.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
)

type object = map[string]any

func main() {
	report, err := io.ReadAll(os.Stdin)
	if err != nil {
		log.Fatalf("reading the report: %v", err)
	}
	records, err := os.ReadFile("movies/data/movies.json")
	if err != nil {
		log.Fatalf("reading the records: %v", err)
	}
	found, err := verify(records, report)
	if err != nil {
		log.Fatal(err)
	}
	for _, difference := range found {
		fmt.Println(difference)
	}
	if len(found) > 0 {
		os.Exit(1)
	}
	fmt.Println("every figure is the same")
}

// verify says where the report differs from what the records say.
func verify(records, report []byte) ([]string, error) {
	raw, err := decode[[]object](records)
	if err != nil {
		return nil, fmt.Errorf("reading the records: %w", err)
	}
	got, err := decode[any](report)
	if err != nil {
		return nil, fmt.Errorf("reading the report: %w", err)
	}
	own, err := json.Marshal(summary(raw))
	if err != nil {
		return nil, fmt.Errorf("encoding the summary: %w", err)
	}
	want, err := decode[any](own)
	if err != nil {
		return nil, err
	}
	return differences("", want, got), nil
}

func decode[T any](doc []byte) (T, error) {
	var v T
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber() // 1842879955 stays what it is
	return v, d.Decode(&v)
}

// differences walks both values side by side.
func differences(path string, want, got any) []string {
	switch want := want.(type) {
	case object:
		if got, ok := got.(object); ok {
			both := maps.Clone(want)
			maps.Copy(both, got)
			var found []string
			for _, key := range sortedKeys(both) {
				found = append(found, differences(path+"/"+key, want[key], got[key])...)
			}
			return found
		}
	case []any:
		if got, ok := got.([]any); ok && len(got) == len(want) {
			var found []string
			for i := range want {
				found = append(found, differences(fmt.Sprintf("%s/%d", path, i), want[i], got[i])...)
			}
			return found
		}
	case json.Number:
		if got, ok := got.(json.Number); ok && exact(want).Cmp(exact(got)) == 0 {
			return nil // 6 and 6.0 are one number
		}
	default:
		if want == got {
			return nil
		}
	}
	return []string{fmt.Sprintf("%s: the records say %v, the report %v", path, want, got)}
}
