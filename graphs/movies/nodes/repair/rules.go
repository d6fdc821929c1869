// The rules, each with the reason why it is honest.

package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

type rule struct {
	name  string
	drops bool                             // whether the film goes
	mends func(f film, latest string) bool // changes f, reports whether it had to
}

var rules = []rule{
	// A film without a title cannot be told from any other.
	{name: "dropped_untitled", drops: true, mends: func(f film, _ string) bool { return f.text("title") == "" }},
	// "LÈon" is "Léon": its Windows-1252 bytes were read as Mac Roman.
	{name: "title_redecoded", mends: redecodeTitle},
	// Wed Dec 31 1969 is what a missing date becomes when it passes through Unix
	// time, 0, west of Greenwich. The Molly Maguires came out in 1970, Barney's
	// Version in 2010.
	{name: "date_was_missing", mends: forgetEpoch},
	// Two-digit years were read as 20xx: Gone with the Wind of "2039".
	{name: "date_century", mends: centuryBack},
	// A film that the whole world paid nothing for is one whose gross nobody
	// looked up: 12 Angry Men. A US gross of 0 beside a worldwide one is kept,
	// it was not shown there.
	{name: "gross_unknown", mends: forgetZeroGross},
	// Two films of one title have one rating, to the last vote. It belongs to
	// one of them, and nothing here says to which.
	{name: "rating_ambiguous", mends: forgetSharedRating},
}

// misreadTitle finds an accented capital inside a word, or a sign that no title
// has. The schema of the check refuses the same.
var misreadTitle = regexp.MustCompile(`[A-Za-z][À-Þ]|[˘Ω‰‡·]| Ö `)

func redecodeTitle(f film, _ string) bool {
	title := f.text("title")
	if !misreadTitle.MatchString(title) {
		return false
	}
	f.set("title", strings.Map(redecode, title))
	return true
}

// macRoman has the characters of the bytes 0x80 to 0xFF.
var macRoman = []rune("ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü" +
	"†°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø" +
	"¿¡¬√ƒ≈∆«»…\u00a0ÀÃÕŒœ–—“”‘’÷◊ÿŸ⁄€‹›ﬁﬂ" +
	"‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ\uf8ffÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ")

// windows1252 has the characters of the bytes 0x80 to 0x9F; the others are those
// of Unicode. Where it has none the character stays.
var windows1252 = []rune("€\x00‚ƒ„…†‡ˆ‰Š‹Œ\x00Ž\x00\x00‘’“”•–—˜™š›œ\x00žŸ")

func redecode(r rune) rune {
	for i, c := range macRoman {
		if c != r {
			continue
		}
		if i >= len(windows1252) {
			return rune(0x80 + i)
		}
		if windows1252[i] != 0 {
			return windows1252[i]
		}
	}
	return r
}

func forgetEpoch(f film, _ string) bool {
	if f.text("released") != "1969-12-31" {
		return false
	}
	delete(f, "released")
	return true
}

func centuryBack(f film, latest string) bool {
	released := f.text("released")
	if released <= latest {
		return false
	}
	year, err := strconv.Atoi(released[:4])
	if err != nil {
		return false
	}
	f.set("released", fmt.Sprintf("%04d%s", year-100, released[4:]))
	return true
}

func forgetZeroGross(f film, _ string) bool {
	if string(f["worldwide_gross"]) != "0" {
		return false
	}
	delete(f, "worldwide_gross")
	delete(f, "us_gross")
	return true
}

func forgetSharedRating(f film, _ string) bool {
	if _, shared := f["imdb_shared"]; !shared {
		return false
	}
	delete(f, "imdb_shared")
	delete(f, "imdb_rating")
	delete(f, "imdb_votes")
	return true
}

// text is the string at key, "" where there is none.
func (f film) text(key string) string {
	var s string
	if json.Unmarshal(f[key], &s) != nil {
		return ""
	}
	return s
}

// set puts a string at key.
func (f film) set(key, value string) {
	quoted, err := json.Marshal(value)
	if err == nil { // a string always marshals
		f[key] = quoted
	}
}
