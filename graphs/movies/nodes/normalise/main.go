// Normalise gives every film one form: dates as YYYY-MM-DD, titles without stray
// spaces and with their article in front. It also marks ratings that two
// films share, which no schema can see in one film alone. It judges nothing: a
// date in the future is still a date.
package main

import (
	"context"
	"strings"
	"time"

	"github.com/chainrun/chainrun/sdk/go/node"
)

// film is one record. What is absent is not known; a gross of 0 is a value.
type film struct {
	Title            string   `json:"title,omitempty"`
	Released         string   `json:"released,omitempty"` // from release_date, YYYY-MM-DD
	USGross          *int64   `json:"us_gross,omitempty"` // money is in whole US dollars
	WorldwideGross   *int64   `json:"worldwide_gross,omitempty"`
	USDVDSales       *int64   `json:"us_dvd_sales,omitempty"`
	ProductionBudget *int64   `json:"production_budget,omitempty"`
	MPAARating       string   `json:"mpaa_rating,omitempty"`
	RunningTimeMin   *int     `json:"running_time_min,omitempty"`
	Distributor      string   `json:"distributor,omitempty"`
	Source           string   `json:"source,omitempty"`
	MajorGenre       string   `json:"major_genre,omitempty"`
	CreativeType     string   `json:"creative_type,omitempty"`
	Director         string   `json:"director,omitempty"`
	RottenTomatoes   *int     `json:"rotten_tomatoes_rating,omitempty"` // percent
	IMDBRating       *float64 `json:"imdb_rating,omitempty"`            // 0 to 10, one decimal
	IMDBVotes        *int64   `json:"imdb_votes,omitempty"`
	// IMDBShared: another film of this title has the same rating and number of
	// votes, so the rating was looked up by title and belongs to one of them.
	IMDBShared bool `json:"imdb_shared,omitempty"`
}

type parsed struct {
	Films []struct {
		film
		ReleaseDate string `json:"release_date"` // "Jun 12 1998"
	} `json:"films"`
}

type catalogue struct {
	Films []film `json:"films"`
}

func normalise(_ context.Context, in parsed) (catalogue, error) {
	films := make([]film, len(in.Films))
	for i, p := range in.Films {
		f := p.film
		f.Title = articleFirst(strings.Join(strings.Fields(f.Title), " "))
		if p.ReleaseDate != "" {
			date, err := time.Parse("Jan 02 2006", p.ReleaseDate)
			if err != nil {
				return catalogue{}, node.Errorf("bad_date", "film %d (%q): %w", i, f.Title, err)
			}
			f.Released = date.Format(time.DateOnly)
		}
		films[i] = f
	}
	markShared(films)
	return catalogue{Films: films}, nil
}

// articleFirst makes "The Secret" of "Secret, The".
func articleFirst(title string) string {
	for _, article := range []string{"The", "A", "An"} {
		if rest, ok := strings.CutSuffix(title, ", "+article); ok {
			return article + " " + rest
		}
	}
	return title
}

func markShared(films []film) {
	type key struct {
		title  string
		rating float64
		votes  int64
	}
	keyOf := func(f film) (key, bool) {
		if f.Title == "" || f.IMDBRating == nil || f.IMDBVotes == nil {
			return key{}, false
		}
		return key{f.Title, *f.IMDBRating, *f.IMDBVotes}, true
	}
	count := map[key]int{}
	for _, f := range films {
		if k, ok := keyOf(f); ok {
			count[k]++
		}
	}
	for i := range films {
		k, ok := keyOf(films[i])
		films[i].IMDBShared = ok && count[k] > 1
	}
}

func init() { node.Handle(normalise) }

func main() { node.Main() }
