package plugins_test

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

type film struct {
	Title    any
	Released string `json:"Release Date"`
	Director *string
	Rating   *json.Number `json:"IMDB Rating"`
	Votes    *int         `json:"IMDB Votes"`
}

// graphs/charts, which is made of standard nodes alone, gives what a short program
// makes of the same 3,201 records.
func TestCharts(t *testing.T) {
	h := standardHost(t)
	records, err := os.ReadFile("../graphs/movies/data/movies.json")
	if err != nil {
		t.Fatal(err)
	}
	g, err := h.Load("../graphs/charts/graph.toml")
	if err != nil {
		t.Fatal(err)
	}
	r, err := h.Run(t.Context(), g, json.RawMessage(records))
	if err != nil || r.Failure() != nil {
		t.Fatalf("%v, %+v", err, r.Failure())
	}
	var output struct{ Page, Sheet string }
	if err := json.Unmarshal(r.Output().Bytes(), &output); err != nil {
		t.Fatal(err)
	}
	want := chart(t, records)
	got, err := csv.NewReader(strings.NewReader(output.Sheet)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(want) < 500 || !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("%d rows, expected %d; the first are %q, expected %q", len(got), len(want), got[:3], want[:3])
	}
	lines := strings.Split(output.Page, "\n")
	for _, row := range want[1:] {
		rating := row[4]
		if !strings.Contains(rating, ".") {
			rating += ".0"
		}
		line := fmt.Sprintf("| %s | %s (%s) | %s | %s |", row[0], row[1], row[2], cmp.Or(row[3], "–"), rating)
		at := slices.Index(lines, line)
		if at < 0 {
			t.Fatalf("the page lacks %q", line)
		}
		lines = lines[at:]
	}
}

// chart is the spreadsheet as this test makes it.
func chart(t *testing.T, records []byte) [][]string {
	t.Helper()
	var films []film
	if err := json.Unmarshal(records, &films); err != nil {
		t.Fatal(err)
	}
	films = slices.DeleteFunc(films, func(f film) bool { return f.Votes == nil || *f.Votes < 50_000 || f.Rating == nil })
	slices.SortStableFunc(films, func(a, b film) int {
		x, _ := a.Rating.Float64()
		y, _ := b.Rating.Float64()
		return cmp.Or(cmp.Compare(y, x), cmp.Compare(*b.Votes, *a.Votes))
	})
	rows := [][]string{{"rank", "title", "year", "director", "rating", "votes"}}
	for i, f := range films {
		director := ""
		if f.Director != nil {
			director = *f.Director
		}
		rows = append(rows, []string{
			strconv.Itoa(i + 1), fmt.Sprint(f.Title), f.Released[strings.LastIndexByte(f.Released, ' ')+1:], director, f.Rating.String(), strconv.Itoa(*f.Votes),
		})
	}
	return rows
}
