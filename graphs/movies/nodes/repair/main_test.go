package main

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"testing"

	"github.com/chainrun/chainrun/sdk/go/node"
)

// One film for each rule, and for each thing that looks like it and is none.
func TestRules(t *testing.T) {
	for _, c := range []struct{ name, in, want, rule string }{
		{"null title", `{"imdb_rating":6.6}`, ``, "dropped_untitled"},
		{"misread é", `{"title":"LÈon"}`, `{"title":"Léon"}`, "title_redecoded"},
		{"misread ê and é", `{"title":"s'est arrÍtÈ"}`, `{"title":"s'est arrêté"}`, "title_redecoded"},
		{"misread ä", `{"title":"Die F‰lscher"}`, `{"title":"Die Fälscher"}`, "title_redecoded"},
		{"misread ù", `{"title":"in pi˘"}`, `{"title":"in più"}`, "title_redecoded"},
		{"misread ½", `{"title":"Gun 2Ω"}`, `{"title":"Gun 2½"}`, "title_redecoded"},
		{"misread …", `{"title":"You Ö Me"}`, `{"title":"You … Me"}`, "title_redecoded"},
		{"a film called Élan", `{"title":"Élan"}`, `{"title":"Élan"}`, ""},
		{"a cube", `{"title":"Alien³"}`, `{"title":"Alien³"}`, ""},
		{"cents", `{"title":"Ri¢hie Ri¢h"}`, `{"title":"Ri¢hie Ri¢h"}`, ""},
		{"Unix time 0", `{"title":"Drei","released":"1969-12-31"}`, `{"title":"Drei"}`, "date_was_missing"},
		{"the day before", `{"title":"Drei","released":"1969-12-30"}`, `{"released":"1969-12-30","title":"Drei"}`, ""},
		{"the 2039 of 1939", `{"title":"Gone","released":"2039-12-15"}`, `{"released":"1939-12-15","title":"Gone"}`, "date_century"},
		{"leap day", `{"title":"Gone","released":"2016-02-29"}`, `{"released":"1916-02-29","title":"Gone"}`, "date_century"},
		{"the newest", `{"title":"Tintin","released":"2011-12-31"}`, `{"released":"2011-12-31","title":"Tintin"}`, ""},
		{"gross 0", `{"title":"12","us_gross":0,"worldwide_gross":0}`, `{"title":"12"}`, "gross_unknown"},
		{"not shown in the US", `{"title":"I","us_gross":0,"worldwide_gross":5}`, `{"title":"I","us_gross":0,"worldwide_gross":5}`, ""},
		{"shared rating", `{"title":"C","imdb_rating":8,"imdb_votes":9,"imdb_shared":true}`, `{"title":"C"}`, "rating_ambiguous"},
	} {
		t.Run(c.name, func(t *testing.T) {
			// Beside it a film that always needs one repair, so that there is one.
			in := refused{Repairs: map[string]int{}}
			input := `{"films":[` + c.in + `,{"title":"Other","released":"1969-12-31"}]}`
			if err := json.Unmarshal([]byte(input), &in); err != nil {
				t.Fatal(err)
			}
			out, err := repair(context.Background(), in)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(out.Films)
			if err != nil {
				t.Fatal(err)
			}
			want := `[` + c.want + `,{"title":"Other"}]`
			if c.want == "" {
				want = `[{"title":"Other"}]`
			}
			if string(got) != want {
				t.Errorf("got %s, want %s", got, want)
			}
			counts := map[string]int{"date_was_missing": 1}
			if c.rule != "" {
				counts[c.rule]++
			}
			if !maps.Equal(out.Repairs, counts) {
				t.Errorf("counted %v, want %v", out.Repairs, counts)
			}
		})
	}
}

func TestACatalogueThatIsAllDroppedIsEmptyAndNotNull(t *testing.T) {
	out, err := repair(context.Background(), refused{Films: []film{{}}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(out)
	if want := `{"films":[],"repairs":{"dropped_untitled":1}}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestCountsGoOnFromTheTurnBefore(t *testing.T) {
	out, err := repair(context.Background(), refused{
		Films:   []film{{}, {"title": []byte(`"Up"`)}},
		Repairs: map[string]int{"dropped_untitled": 2, "date_century": 1},
	})
	if want := map[string]int{"dropped_untitled": 3, "date_century": 1}; err != nil || !maps.Equal(out.Repairs, want) {
		t.Errorf("got %v, %v", out.Repairs, err)
	}
}

func TestWhatNoRuleMends(t *testing.T) {
	_, err := repair(context.Background(), refused{
		Films:      []film{{"title": []byte(`"Up"`)}},
		Violations: []node.Violation{{Pointer: "/films/0/imdb_rating", Message: "must be at most 10, found 11"}},
	})
	var failure *node.Error
	if !errors.As(err, &failure) || failure.Code != "unrepairable" || failure.Message != "no rule mends /films/0/imdb_rating: must be at most 10, found 11" {
		t.Errorf("got %v", err)
	}
}
