// Report sums the catalogue up in one object. Its figures are the same in every
// language and order of adding: ratings are counted in tenths, money in whole
// dollars, and a quotient is rounded once, at the end, half up to three decimals
// (the correlation to four).
package main

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/chainrun/chainrun/sdk/go/node"
)

type film struct {
	Title            string   `json:"title"`
	Released         string   `json:"released"` // YYYY-MM-DD or ""
	USGross          *int64   `json:"us_gross"`
	WorldwideGross   *int64   `json:"worldwide_gross"`
	ProductionBudget *int64   `json:"production_budget"`
	MajorGenre       string   `json:"major_genre"`
	RottenTomatoes   *int64   `json:"rotten_tomatoes_rating"`
	IMDBRating       *float64 `json:"imdb_rating"`
}

type input struct {
	Films   []film         `json:"films"`
	Records int            `json:"records"` // that the run began with
	Repairs map[string]int `json:"repairs"` // by rule
}

type config struct {
	Top int `json:"top"` // how many films the list of the top has; default 10
}

type report struct {
	Records      int            `json:"records"`
	Films        int            `json:"films"`
	Dropped      int            `json:"dropped"`
	Repairs      map[string]int `json:"repairs"`
	Released     span           `json:"released"`
	Totals       totals         `json:"totals"`
	Decades      []decade       `json:"decades"`
	TopWorldwide []entry        `json:"top_worldwide"`
	Genres       []genre        `json:"genres"`
	Critics      correlation    `json:"imdb_against_rotten_tomatoes"`
}

// span is the first and last release, and how many films have a date.
type span struct {
	First string `json:"first"`
	Last  string `json:"last"`
	Known int    `json:"known"`
}

// totals are sums over the films where the value is known.
type totals struct {
	WorldwideGross   int64 `json:"worldwide_gross"`
	USGross          int64 `json:"us_gross"`
	ProductionBudget int64 `json:"production_budget"`
	GrossKnown       int   `json:"gross_known"`
	BudgetKnown      int   `json:"budget_known"`
}

type decade struct {
	Decade         int   `json:"decade"` // 1990 is 1990 to 1999
	Films          int   `json:"films"`
	WorldwideGross int64 `json:"worldwide_gross"`
}

type entry struct {
	Title          string `json:"title"`
	Released       string `json:"released"`
	WorldwideGross int64  `json:"worldwide_gross"`
}

type genre struct {
	Genre        string   `json:"genre"` // "Unknown" where the film has none
	Films        int      `json:"films"`
	Rated        int      `json:"rated"`
	RatingMean   *float64 `json:"rating_mean"` // null where none is rated
	RatingMedian *float64 `json:"rating_median"`
}

type correlation struct {
	Films   int      `json:"films"`   // that have both ratings
	Pearson *float64 `json:"pearson"` // null where it is not defined
}

func summarise(ctx context.Context, in input) (report, error) {
	conf, err := node.Config[config](ctx)
	if err != nil {
		return report{}, err
	}
	return report{
		Records:      in.Records,
		Films:        len(in.Films),
		Dropped:      in.Records - len(in.Films),
		Repairs:      in.Repairs,
		Released:     releases(in.Films),
		Totals:       sums(in.Films),
		Decades:      decades(in.Films),
		TopWorldwide: topWorldwide(in.Films, cmp.Or(conf.Top, 10)),
		Genres:       genres(in.Films),
		Critics:      critics(in.Films),
	}, nil
}

func releases(films []film) span {
	var s span
	for _, f := range films {
		if f.Released == "" {
			continue
		}
		s.Known++
		s.Last = max(s.Last, f.Released)
		if s.First == "" || f.Released < s.First {
			s.First = f.Released
		}
	}
	return s
}

func sums(films []film) totals {
	var t totals
	for _, f := range films {
		if f.WorldwideGross != nil {
			t.GrossKnown++
			t.WorldwideGross += *f.WorldwideGross
		}
		if f.USGross != nil {
			t.USGross += *f.USGross
		}
		if f.ProductionBudget != nil {
			t.BudgetKnown++
			t.ProductionBudget += *f.ProductionBudget
		}
	}
	return t
}

// decades are in order of time; a film without a date is in none.
func decades(films []film) []decade {
	byYear := map[int]*decade{}
	for _, f := range films {
		if len(f.Released) < 4 {
			continue
		}
		year := 0
		for _, digit := range f.Released[:3] {
			year = year*10 + int(digit-'0')
		}
		year *= 10
		if byYear[year] == nil {
			byYear[year] = &decade{Decade: year}
		}
		byYear[year].Films++
		if f.WorldwideGross != nil {
			byYear[year].WorldwideGross += *f.WorldwideGross
		}
	}
	list := []decade{}
	for _, d := range byYear {
		list = append(list, *d)
	}
	slices.SortFunc(list, func(a, b decade) int { return cmp.Compare(a.Decade, b.Decade) })
	return list
}

// topWorldwide has the n films that took in most, by title where two took the same.
func topWorldwide(films []film, n int) []entry {
	list := []entry{}
	for _, f := range films {
		if f.WorldwideGross != nil {
			list = append(list, entry{f.Title, f.Released, *f.WorldwideGross})
		}
	}
	slices.SortStableFunc(list, func(a, b entry) int {
		return cmp.Or(cmp.Compare(b.WorldwideGross, a.WorldwideGross), cmp.Compare(a.Title, b.Title))
	})
	return list[:min(n, len(list))]
}

// genres are in alphabetical order.
func genres(films []film) []genre {
	count := map[string]int{}
	tenths := map[string][]int64{}
	for _, f := range films {
		name := cmp.Or(f.MajorGenre, "Unknown")
		count[name]++
		if f.IMDBRating != nil {
			tenths[name] = append(tenths[name], inTenths(*f.IMDBRating))
		}
	}
	list := []genre{}
	for name, n := range count {
		g := genre{Genre: name, Films: n, Rated: len(tenths[name])}
		if g.Rated > 0 {
			g.RatingMean, g.RatingMedian = meanAndMedian(tenths[name])
		}
		list = append(list, g)
	}
	slices.SortFunc(list, func(a, b genre) int { return cmp.Compare(a.Genre, b.Genre) })
	return list
}

// meanAndMedian takes ratings in tenths, at least one, and sorts them.
func meanAndMedian(tenths []int64) (mean, median *float64) {
	slices.Sort(tenths)
	var sum int64
	for _, t := range tenths {
		sum += t
	}
	n := len(tenths)
	middle := tenths[(n-1)/2] + tenths[n/2] // the two in the middle, or one twice
	return quotient(sum, int64(10*n)), quotient(middle, 20)
}

// critics is Pearson's r between the two ratings, from sums of integers.
func critics(films []film) correlation {
	var n, x, y, xx, yy, xy int64
	for _, f := range films {
		if f.IMDBRating == nil || f.RottenTomatoes == nil {
			continue
		}
		a, b := inTenths(*f.IMDBRating), *f.RottenTomatoes
		n, x, y, xx, yy, xy = n+1, x+a, y+b, xx+a*a, yy+b*b, xy+a*b
	}
	spread := float64(n*xx-x*x) * float64(n*yy-y*y)
	if spread <= 0 {
		return correlation{Films: int(n)}
	}
	r := math.Round(float64(n*xy-x*y)/math.Sqrt(spread)*1e4) / 1e4
	return correlation{Films: int(n), Pearson: &r}
}

func inTenths(rating float64) int64 { return int64(math.Round(rating * 10)) }

// quotient is a/b to three decimals, half up, without a float before the end. Both
// are positive.
func quotient(a, b int64) *float64 {
	q := float64((2000*a+b)/(2*b)) / 1000
	return &q
}

func init() { node.Handle(summarise) }

func main() { node.Main() }
