package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
)

func TestNormalise(t *testing.T) {
	for input, want := range map[string]string{
		`{"title":"Up","release_date":"May 29 2009","us_gross":0}`: `{"title":"Up","released":"2009-05-29","us_gross":0}`,
		`{"title":"Secret, The"}`:                                  `{"title":"The Secret"}`,
		`{"title":"Halloween:  The Curse "}`:                       `{"title":"Halloween: The Curse"}`,
		`{"title":"Wings","release_date":"Aug 12 2027"}`:           `{"title":"Wings","released":"2027-08-12"}`,
		`{"imdb_rating":6.6,"imdb_votes":9}`:                       `{"imdb_rating":6.6,"imdb_votes":9}`,
	} {
		if got := normalised(t, `{"films":[`+input+`]}`); got != `{"films":[`+want+`]}` {
			t.Errorf("%s: got %s", input, got)
		}
	}
}

func TestSharedRatingsAreMarked(t *testing.T) {
	got := normalised(t, `{"films":[
		{"title":"Crash","imdb_rating":6.1,"imdb_votes":20886},
		{"title":"Up","imdb_rating":6.1,"imdb_votes":20886},
		{"title":"Crash","imdb_rating":6.1,"imdb_votes":20886},
		{"title":"Crash","imdb_rating":6.1,"imdb_votes":20887},
		{"title":"Crash"}, {"title":"Crash"}, {"imdb_rating":1,"imdb_votes":1}, {"imdb_rating":1,"imdb_votes":1}]}`)
	var out catalogue
	if err := json.Unmarshal([]byte(got), &out); err != nil {
		t.Fatal(err)
	}
	for i, f := range out.Films {
		if want := i == 0 || i == 2; f.IMDBShared != want {
			t.Errorf("film %d: shared is %v", i, f.IMDBShared)
		}
	}
}

func TestADateThatIsNone(t *testing.T) {
	var in parsed
	if err := json.Unmarshal([]byte(`{"films":[{"title":"Up","release_date":"Feb 30 2009"}]}`), &in); err != nil {
		t.Fatal(err)
	}
	if _, err := normalise(context.Background(), in); err == nil || !strings.Contains(err.Error(), `film 0 ("Up")`) {
		t.Errorf("got %v", err)
	}
}

func normalised(t *testing.T, input string) string {
	t.Helper()
	var in parsed
	if err := json.Unmarshal([]byte(input), &in); err != nil {
		t.Fatal(err)
	}
	out, err := normalise(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(doc)
}
