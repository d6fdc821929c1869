package main

import (
	"os"
	"strings"
	"testing"
)

// The committed report says what the raw records say.
func TestExpectedReport(t *testing.T) {
	records, report := read(t, "../data/movies.json"), read(t, "../expected.json")
	found, err := verify([]byte(records), []byte(report))
	if err != nil {
		t.Fatal(err)
	}
	for _, difference := range found {
		t.Error(difference)
	}
}

// A figure that is off by one is found, wherever it is.
func TestAWrongReportIsFound(t *testing.T) {
	records, report := read(t, "../data/movies.json"), read(t, "../expected.json")
	for _, figure := range []string{
		`"films": 3200`, `"date_century": 22`, `"worldwide_gross": 272583739559`, `"decade": 1940`,
		`"1997-12-19"`, `"rating_mean": 6.108`, `"pearson": 0.7515`, `"Toy Story 3"`,
	} {
		last := figure[len(figure)-1:]
		wrong := strings.TrimSuffix(figure, last) + "7" + last
		if strings.Count(report, figure) != 1 {
			t.Fatalf("%s is in the report %d times", figure, strings.Count(report, figure))
		}
		found, err := verify([]byte(records), []byte(strings.Replace(report, figure, wrong, 1)))
		if err != nil || len(found) != 1 {
			t.Errorf("%s for %s: found %q, %v", wrong, figure, found, err)
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
