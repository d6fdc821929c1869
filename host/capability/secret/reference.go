package secret

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/chainrun/chainrun/host/document"
)

// Reference says where a secret is. Exactly one of Env and File is set.
type Reference struct {
	Name string
	Env  string // a variable of the environment
	File string // a file's path, already joined with the graph's folder
}

const (
	opening = "${secret:"
	closing = "}"
)

var name = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]{0,127}$`) })

// Found is a reference ${secret:NAME} that stands in a document.
type Found struct {
	Pointer string // RFC 6901, of the string
	Name    string // "": it is malformed
}

// References finds every reference in the string values of d, in order. Keys of
// objects are no place for them: a reference there is found too, as malformed.
func References(d document.Document) []Found {
	if !strings.Contains(d.String(), "secret:") && !strings.Contains(d.String(), `\u`) {
		return nil
	}
	var found []Found
	walk(d, "", &found)
	return found
}

func walk(d document.Document, pointer string, found *[]Found) {
	switch d.Kind() {
	case document.KindString:
		text := text(d)
		for {
			at := strings.Index(text, opening)
			if at < 0 {
				return
			}
			one, rest, err := cutName(text[at+len(opening):])
			if err != nil {
				one = ""
			}
			*found = append(*found, Found{Pointer: pointer, Name: one})
			text = rest
		}
	case document.KindArray:
		i := 0
		for item := range d.All() {
			walk(item, pointer+"/"+strconv.Itoa(i), found)
			i++
		}
	case document.KindObject:
		for _, f := range d.Fields() {
			inside := pointer + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(f.Key)
			if strings.Contains(f.Key, opening) {
				*found = append(*found, Found{Pointer: inside})
			}
			walk(f.Value, inside, found)
		}
	default:
	}
}

// text is the decoded text of a string.
func text(d document.Document) string {
	v, err := d.Value()
	if err != nil {
		return ""
	}
	s, _ := v.(string)
	return s
}

var errOpen = errors.New("a reference to a secret is written ${secret:NAME}; NAME has 1 to 128 of A-Z, a-z, 0-9, _ and -")

// cutName reads what follows the opening of a reference.
func cutName(text string) (one, rest string, err error) {
	one, rest, closed := strings.Cut(text, closing)
	if !closed {
		return "", "", errOpen
	}
	if !name().MatchString(one) {
		return "", rest, errOpen
	}
	return one, rest, nil
}

// maxExpanded bounds what a text may become.
const maxExpanded = document.DefaultBytes

// expand replaces the references in a text by what value gives.
func expand(text string, value func(name string) (string, bool)) (string, error) {
	at := strings.Index(text, opening)
	if at < 0 {
		return text, nil
	}
	var out strings.Builder
	for ; at >= 0; at = strings.Index(text, opening) {
		out.WriteString(text[:at])
		one, rest, err := cutName(text[at+len(opening):])
		if err != nil {
			return "", err
		}
		v, ok := value(one)
		if !ok {
			return "", fmt.Errorf("${secret:%s}: there is no such secret; write [secrets.%s] with env or file", one, one)
		}
		if out.Len()+len(v)+len(rest) > maxExpanded {
			return "", fmt.Errorf("${secret:%s}: the text becomes larger than %d bytes with its secrets", one, maxExpanded)
		}
		out.WriteString(v)
		text = rest
	}
	out.WriteString(text)
	return out.String(), nil
}
