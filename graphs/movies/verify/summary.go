// The figures, straight from the raw records.

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strings"
)

// misread are the titles whose Windows-1252 bytes were read as Mac Roman, found
// by eye.
var misread = map[string]string{
	"AstÈrix aux Jeux Olympiques":         "Astérix aux Jeux Olympiques",
	"De battre mon coeur s'est arrÍtÈ":    "De battre mon coeur s'est arrêté",
	"Les BronzÈs 3: amis pour la vie":     "Les Bronzés 3: amis pour la vie",
	"Per qualche dollaro in pi˘":          "Per qualche dollaro in più",
	"I Love You Ö Don't Touch Me!":        "I Love You … Don't Touch Me!",
	"The Naked Gun 2Ω: The Smell of Fear": "The Naked Gun 2½: The Smell of Fear",
	"LÈon":                                "Léon",
	"Le Fabuleux destin d'AmÈlie Poulain": "Le Fabuleux destin d'Amélie Poulain",
	"AimÈe & Jaguar":                      "Aimée & Jaguar",
	"La mala educaciÛn":                   "La mala educación",
	"CachÈ":                               "Caché",
	"Die F‰lscher":                        "Die Fälscher",
	"DÈj‡ Vu":                             "Déjà Vu",
	"IndigËnes":                           "Indigènes",
	"Obsluhoval jsem anglickÈho kr·le":    "Obsluhoval jsem anglického krále",
	"La MÙme":                             "La Môme",
	"Joyeux NoÎl":                         "Joyeux Noël",
	"MoliËre":                             "Molière",
}

// summary works on columns: each figure is taken from all records anew.
func summary(raw []object) object {
	ambiguous := forgetShared(raw)
	titled := slices.DeleteFunc(slices.Clone(raw), func(r object) bool { return r["Title"] == nil })

	var dates []string
	var century, missing int
	decade := map[string]int{}
	decadeGross := map[string]*big.Rat{}
	for _, r := range raw {
		switch day, year := dateOf(r), r["Release Date"].(string)[7:]; {
		case day == "":
			missing++
		case day[:4] != year:
			century++
		}
	}
	for _, r := range titled {
		day := dateOf(r)
		if day == "" {
			continue
		}
		dates = append(dates, day)
		key := day[:3] + "0"
		decade[key]++
		if decadeGross[key] == nil {
			decadeGross[key] = new(big.Rat)
		}
		decadeGross[key].Add(decadeGross[key], number(r, "Worldwide Gross"))
	}
	slices.Sort(dates)
	decades := []object{}
	for _, key := range sortedKeys(decade) {
		decades = append(decades, object{"decade": json.Number(key), "films": decade[key], "worldwide_gross": whole(decadeGross[key])})
	}

	grossing := slices.DeleteFunc(slices.Clone(titled), func(r object) bool { return number(r, "Worldwide Gross").Sign() == 0 })
	slices.SortStableFunc(grossing, func(a, b object) int { return number(b, "Worldwide Gross").Cmp(number(a, "Worldwide Gross")) })
	top := []object{}
	for _, r := range grossing[:10] {
		top = append(top, object{"title": titleOf(r), "released": dateOf(r), "worldwide_gross": r["Worldwide Gross"]})
	}
	zero, redecoded := 0, 0
	for _, r := range raw {
		if r["Worldwide Gross"] == json.Number("0") {
			zero++
		}
		if _, ok := misread[fmt.Sprint(r["Title"])]; ok {
			redecoded++
		}
	}

	return object{
		"records": len(raw),
		"films":   len(titled),
		"dropped": len(raw) - len(titled),
		"repairs": object{
			"dropped_untitled": len(raw) - len(titled), "title_redecoded": redecoded, "date_was_missing": missing,
			"date_century": century, "gross_unknown": zero, "rating_ambiguous": ambiguous,
		},
		"released": object{"first": dates[0], "last": dates[len(dates)-1], "known": len(dates)},
		"totals": object{
			"worldwide_gross":   whole(total(grossing, "Worldwide Gross")),
			"us_gross":          whole(total(grossing, "US Gross")),
			"production_budget": whole(total(titled, "Production Budget")),
			"gross_known":       len(grossing),
			"budget_known":      len(titled) - absent(titled, "Production Budget"),
		},
		"decades":                      decades,
		"top_worldwide":                top,
		"genres":                       genres(titled),
		"imdb_against_rotten_tomatoes": critics(titled),
	}
}

const months = "JanFebMarAprMayJunJulAugSepOctNovDec"

// dateOf is the day a film came out, "" when the record does not know.
func dateOf(r object) string {
	text := r["Release Date"].(string) // "Jun 12 1998"
	if text == "Dec 31 1969" {
		return ""
	}
	year := text[7:]
	if year > "2011" {
		year = "19" + year[2:]
	}
	return fmt.Sprintf("%s-%02d-%s", year, strings.Index(months, text[:3])/3+1, text[4:6])
}

func titleOf(r object) string {
	title := fmt.Sprint(r["Title"])
	if right, ok := misread[title]; ok {
		return right
	}
	return title
}

// forgetShared takes the rating from every film that has title, rating and votes
// in common with another, and says how many there were.
func forgetShared(films []object) int {
	key := func(r object) string { return fmt.Sprint(r["Title"], "|", r["IMDB Rating"], "|", r["IMDB Votes"]) }
	rated := slices.DeleteFunc(slices.Clone(films), func(r object) bool { return r["IMDB Rating"] == nil })
	slices.SortFunc(rated, func(a, b object) int { return strings.Compare(key(a), key(b)) })
	var shared []object
	for i, r := range rated {
		if i > 0 && key(rated[i-1]) == key(r) || i+1 < len(rated) && key(rated[i+1]) == key(r) {
			shared = append(shared, r)
		}
	}
	for _, r := range shared {
		r["IMDB Rating"] = nil
	}
	return len(shared)
}

func genres(films []object) []object {
	ratings := map[string][]*big.Rat{}
	count := map[string]int{}
	for _, r := range films {
		name, ok := r["Major Genre"].(string)
		if !ok {
			name = "Unknown"
		}
		count[name]++
		if r["IMDB Rating"] != nil {
			ratings[name] = append(ratings[name], number(r, "IMDB Rating"))
		}
	}
	list := []object{}
	for _, name := range sortedKeys(count) {
		rated := ratings[name]
		slices.SortFunc(rated, (*big.Rat).Cmp)
		sum := new(big.Rat)
		for _, v := range rated {
			sum.Add(sum, v)
		}
		n := len(rated)
		middle := new(big.Rat).Add(rated[(n-1)/2], rated[n/2])
		list = append(list, object{
			"genre": name, "films": count[name], "rated": n,
			"rating_mean":   rounded(sum.Quo(sum, big.NewRat(int64(n), 1)), 3),
			"rating_median": rounded(middle.Quo(middle, big.NewRat(2, 1)), 3),
		})
	}
	return list
}

// critics has Pearson's r by its definition, in two passes.
func critics(films []object) object {
	var xs, ys []float64
	for _, r := range films {
		if r["IMDB Rating"] != nil && r["Rotten Tomatoes Rating"] != nil {
			x, _ := number(r, "IMDB Rating").Float64()
			y, _ := number(r, "Rotten Tomatoes Rating").Float64()
			xs, ys = append(xs, x), append(ys, y)
		}
	}
	mean := func(vs []float64) (m float64) {
		for _, v := range vs {
			m += v / float64(len(vs))
		}
		return m
	}
	mx, my := mean(xs), mean(ys)
	var cov, vx, vy float64
	for i := range xs {
		cov += (xs[i] - mx) * (ys[i] - my)
		vx += (xs[i] - mx) * (xs[i] - mx)
		vy += (ys[i] - my) * (ys[i] - my)
	}
	r := new(big.Rat).SetFloat64(cov / math.Sqrt(vx*vy))
	return object{"films": len(xs), "pearson": rounded(r, 4)}
}

func number(r object, key string) *big.Rat {
	n, ok := r[key].(json.Number)
	if !ok {
		return new(big.Rat)
	}
	return exact(n)
}

func exact(n json.Number) *big.Rat {
	v, ok := new(big.Rat).SetString(n.String())
	if !ok {
		return new(big.Rat)
	}
	return v
}

func total(films []object, key string) *big.Rat {
	sum := new(big.Rat)
	for _, r := range films {
		sum.Add(sum, number(r, key))
	}
	return sum
}

func absent(films []object, key string) int {
	n := 0
	for _, r := range films {
		if r[key] == nil {
			n++
		}
	}
	return n
}

func whole(v *big.Rat) json.Number { return json.Number(v.FloatString(0)) }

// rounded is v with so many decimals, half away from zero, without zeros behind.
func rounded(v *big.Rat, decimals int) json.Number {
	return json.Number(strings.TrimSuffix(strings.TrimRight(v.FloatString(decimals), "0"), "."))
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
