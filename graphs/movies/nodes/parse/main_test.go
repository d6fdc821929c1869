package main

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/chainrun/chainrun/sdk/go/node"
)

// told is a host that has nothing but feedback.
type told string

func (f told) Call(_, method string, _ []byte) ([]byte, error) {
	if method == "feedback" {
		return []byte(f), nil
	}
	return nil, nil
}

func TestParse(t *testing.T) {
	const records = `[
		{"Title": 1776, "US Gross": 0, "IMDB Rating": 7, "Director": null},
		{"Title": "Up", "US Gross": 293004164, "IMDB Rating": 8.40, "Director": "Pete Docter"},
		{"Title": null, "US Gross": 26403, "IMDB Rating": 6.6, "Director": null}]`
	for name, c := range map[string]struct{ feedback, want string }{
		"a first attempt passes values as they are": {
			``,
			`{"films":[{"imdb_rating":7,"title":1776,"us_gross":0},{"director":"Pete Docter","imdb_rating":8.40,"title":"Up","us_gross":293004164},{"imdb_rating":6.6,"us_gross":26403}]}`,
		},
		"a second makes strings of what was refused": {
			`[{"pointer":"/films/0/title","keyword":"type"}]`,
			`{"films":[{"imdb_rating":7,"title":"1776","us_gross":0},{"director":"Pete Docter","imdb_rating":8.40,"title":"Up","us_gross":293004164},{"imdb_rating":6.6,"us_gross":26403}]}`,
		},
		"feedback that points nowhere changes nothing": {
			`[{"pointer":"/films/9/title","keyword":"type"},{"pointer":"/films/x/title","keyword":"type"},
			{"pointer":"","keyword":"type"},{"pointer":"/films/1/title","keyword":"type"},{"pointer":"/films/0/title","keyword":"minLength"}]`,
			`{"films":[{"imdb_rating":7,"title":1776,"us_gross":0},{"director":"Pete Docter","imdb_rating":8.40,"title":"Up","us_gross":293004164},{"imdb_rating":6.6,"us_gross":26403}]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var raw []record
			if err := json.Unmarshal([]byte(records), &raw); err != nil {
				t.Fatal(err)
			}
			out, err := parse(node.WithHost(context.Background(), told(c.feedback)), raw)
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
