package main

import (
	"context"
	"encoding/json"
	"testing"
)

func TestReport(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"no films": {
			`{"films":[],"records":0,"repairs":{}}`,
			`{"records":0,"films":0,"dropped":0,"repairs":{},"released":{"first":"","last":"","known":0},` +
				`"totals":{"worldwide_gross":0,"us_gross":0,"production_budget":0,"gross_known":0,"budget_known":0},` +
				`"decades":[],"top_worldwide":[],"genres":[],"imdb_against_rotten_tomatoes":{"films":0,"pearson":null}}`,
		},
		"three films": {
			`{"records":4,"repairs":{"dropped_untitled":1},"films":[
				{"title":"B","released":"2010-01-02","worldwide_gross":7,"us_gross":0,"major_genre":"Drama","imdb_rating":6.1,"rotten_tomatoes_rating":40},
				{"title":"A","released":"1999-12-31","worldwide_gross":7,"production_budget":3,"major_genre":"Drama","imdb_rating":6.2,"rotten_tomatoes_rating":60},
				{"title":"C"}]}`,
			`{"records":4,"films":3,"dropped":1,"repairs":{"dropped_untitled":1},"released":{"first":"1999-12-31","last":"2010-01-02","known":2},` +
				`"totals":{"worldwide_gross":14,"us_gross":0,"production_budget":3,"gross_known":2,"budget_known":1},` +
				`"decades":[{"decade":1990,"films":1,"worldwide_gross":7},{"decade":2010,"films":1,"worldwide_gross":7}],` +
				`"top_worldwide":[{"title":"A","released":"1999-12-31","worldwide_gross":7},{"title":"B","released":"2010-01-02","worldwide_gross":7}],` +
				`"genres":[{"genre":"Drama","films":2,"rated":2,"rating_mean":6.15,"rating_median":6.15},{"genre":"Unknown","films":1,"rated":0,"rating_mean":null,"rating_median":null}],` +
				`"imdb_against_rotten_tomatoes":{"films":2,"pearson":1}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var in input
			if err := json.Unmarshal([]byte(c.in), &in); err != nil {
				t.Fatal(err)
			}
			out, err := summarise(context.Background(), in)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(out)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestQuotientRoundsHalfUp(t *testing.T) {
	for _, c := range []struct {
		a, b int64
		want float64
	}{{1, 3, 0.333}, {2, 3, 0.667}, {1, 16, 0.063}, {12, 2, 6}, {61805, 10000, 6.181}} {
		if got := *quotient(c.a, c.b); got != c.want {
			t.Errorf("%d/%d: got %v, want %v", c.a, c.b, got, c.want)
		}
	}
}
