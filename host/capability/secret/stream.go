package secret

import (
	"slices"
	"strings"
)

// Stream redacts a text that comes in pieces. It holds back what may be the
// beginning of a secret: mostly nothing or a few bytes, at most what the longest
// secret takes in its widest encoding. A nil Stream passes everything. For one
// goroutine at a time.
type Stream struct {
	redactor *Redactor
	scan     *scan
	held     []byte
	base     int64 // the place of held in the whole text
}

// Stream begins a text; nil where there is nothing to redact.
func (r *Redactor) Stream() *Stream {
	if r == nil {
		return nil
	}
	return &Stream{redactor: r, scan: newScan(r)}
}

// Write takes a piece and gives what can be shown by now. Pieces may be cut
// anywhere, also inside of a character.
func (s *Stream) Write(piece string) (safe string) {
	if s == nil {
		return piece
	}
	end := s.base + int64(len(s.held))
	s.scan.write([]byte(piece), end)
	s.held = append(s.held, piece...)
	return s.show(s.scan.settled(end + int64(len(piece))))
}

// Flush ends the text and gives what is left of it. Another one may follow.
func (s *Stream) Flush() string {
	if s == nil {
		return ""
	}
	s.scan.flush()
	safe := s.show(s.base + int64(len(s.held)))
	s.scan, s.held, s.base = newScan(s.redactor), nil, 0
	return safe
}

// show gives the text up to a place, or up to the secret that reaches beyond it.
func (s *Stream) show(until int64) string {
	regions := merge(s.scan.found)
	for _, r := range slices.Backward(regions) {
		if r.end <= until {
			break
		}
		until = min(until, r.start)
	}
	var out strings.Builder
	at := s.base
	shown := 0
	for _, r := range regions {
		if r.end > until {
			break
		}
		out.Write(s.held[at-s.base : r.start-s.base])
		out.WriteString(s.redactor.replacements[r.secret])
		at = r.end
		shown++
	}
	out.Write(s.held[at-s.base : until-s.base])
	s.held = s.held[:copy(s.held, s.held[until-s.base:])]
	s.base = until
	s.scan.found = regions[:copy(regions, regions[shown:])]
	return out.String()
}

// merge sorts regions and makes one of those that overlap; the longest one says
// which secret it is.
func merge(regions []region) []region {
	if len(regions) < 2 {
		return regions
	}
	slices.SortStableFunc(regions, func(a, b region) int {
		if a.start != b.start {
			return int(min(1, max(-1, a.start-b.start)))
		}
		return int(min(1, max(-1, b.end-a.end)))
	})
	out := regions[:1]
	for _, r := range regions[1:] {
		last := &out[len(out)-1]
		if r.start >= last.end {
			out = append(out, r)
			continue
		}
		if last.longest = last.size(); r.size() > last.longest {
			last.longest, last.secret = r.size(), r.secret
		}
		last.end = max(last.end, r.end)
	}
	return out
}
