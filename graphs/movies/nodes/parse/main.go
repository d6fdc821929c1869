// Parse turns the raw records into films: keys in snake_case, nothing where
// nothing is known. It does not know the schema that its output must meet. What
// the schema complains of in a first attempt, such as a film called 300, it
// learns from the feedback and puts right in the second.
package main

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/chainrun/chainrun/sdk/go/node"
)

type record = map[string]json.RawMessage

type catalogue struct {
	Films []record `json:"films"`
}

func parse(ctx context.Context, raw []record) (catalogue, error) {
	films := make([]record, len(raw))
	for i, r := range raw {
		films[i] = make(record, len(r))
		for key, value := range r {
			if string(value) != "null" {
				films[i][snakeCase(key)] = value
			}
		}
	}
	for _, v := range node.Feedback(ctx) {
		if v.Keyword == "type" {
			quoteNumber(films, v.Pointer)
		}
	}
	return catalogue{Films: films}, nil
}

func snakeCase(key string) string {
	return strings.ReplaceAll(strings.ToLower(key), " ", "_")
}

// quoteNumber makes a string of the number at pointer, which is /films/INDEX/KEY.
// It leaves alone what is no number, and what is not there.
func quoteNumber(films []record, pointer string) {
	parts := strings.Split(pointer, "/")
	if len(parts) != 4 || parts[1] != "films" {
		return
	}
	index, err := strconv.Atoi(parts[2])
	if err != nil || index < 0 || index >= len(films) {
		return
	}
	film, key := films[index], parts[3]
	if _, err := strconv.ParseFloat(string(film[key]), 64); err == nil {
		film[key] = json.RawMessage(strconv.Quote(string(film[key])))
	}
}

func init() { node.Handle(parse) }

func main() { node.Main() }
