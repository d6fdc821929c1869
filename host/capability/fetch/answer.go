package fetch

// What came back, within bounds.

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/chainrun/chainrun/host/document"
)

// Bounds of what is read for an error's message, and shown.
const (
	errorBytes   = 256 << 10
	excerptBytes = 300
)

// errTooLarge is that a body exceeds what the grant allows.
var errTooLarge = errors.New("the body is too large")

// bounded reads at most left bytes; a byte more is errTooLarge.
type bounded struct {
	r    io.Reader
	left int64
}

// Read implements [io.Reader].
func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	if int64(n) > b.left {
		return int(b.left), errTooLarge
	}
	b.left -= int64(n)
	return n, err
}

// encodingError is that a body cannot be unpacked.
type encodingError string

// Error implements error.
func (e encodingError) Error() string { return string(e) }

// read makes the answer.
func (x *exchange) read(ctx context.Context, what string, r *http.Response, q request) (document.Document, error) {
	defer r.Body.Close() //nolint:errcheck // it was read
	if r.StatusCode < 200 {
		return document.Document{}, refused("not_http", "%s: the server said %d, which answers nothing that was asked", what, r.StatusCode)
	}
	if passing(r.StatusCode) && !q.any {
		return document.Document{}, statusError(what, r, x.excerptOf(r), time.Now())
	}
	limit := min(x.g.response, x.call.Left.Bytes)
	body, err := unpacked(r, limit)
	switch cause := err; {
	case errors.Is(cause, errTooLarge) && limit < x.g.response:
		return document.Document{}, denied("response_too_large", "%s: the answer exceeds the %d bytes that are left; bytes in [nodes.%s.grants.%s] says so",
			what, limit, x.call.Caller.Node, x.c.name)
	case errors.Is(cause, errTooLarge):
		return document.Document{}, refused("response_too_large", "%s: the answer has more than %d bytes, unpacked; max_response_bytes in [nodes.%s.grants.%s] says so",
			what, limit, x.call.Caller.Node, x.c.name)
	case err != nil:
		if e, ok := errors.AsType[encodingError](err); ok {
			return document.Document{}, refused("invalid_encoding", "%s: %v", what, e)
		}
		return document.Document{}, explain(ctx, what, err)
	}
	member, err := bodyMember(what, r, q.as, body)
	if err != nil {
		return document.Document{}, err
	}
	d := document.Object(
		document.Field{Key: "status", Value: document.Int(int64(r.StatusCode))},
		document.Field{Key: "url", Value: document.String(q.target.String())},
		document.Field{Key: "redirected", Value: document.Bool(x.redirected)},
		document.Field{Key: "headers", Value: headersDocument(r.Header)},
		member,
	)
	if err := d.Within(document.Limits{}); err != nil {
		return document.Document{}, refused("response_too_large", "%s: the answer has %d bytes, and makes a document that is none: %v", what, len(body), err)
	}
	return d, nil
}

// unpacked reads the body to its end and takes its encoding off, both bounded: a
// body of a few bytes may unpack to gigabytes, and gigabytes to nothing.
func unpacked(r *http.Response, limit int64) ([]byte, error) {
	if r.ContentLength > limit && r.Request.Method != http.MethodHead && r.Header.Get("Content-Encoding") == "" {
		return nil, errTooLarge
	}
	raw := bufio.NewReader(&bounded{r: r.Body, left: limit + 64<<10})
	if _, err := raw.Peek(1); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, err //nolint:wrapcheck // explain says it
	}
	var plain io.Reader
	switch encoding := strings.ToLower(strings.TrimSpace(strings.Join(r.Header.Values("Content-Encoding"), ","))); encoding {
	case "", "identity":
		plain = raw
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(raw)
		if err != nil {
			return nil, unpackError(encoding, err)
		}
		plain = z
	case "deflate":
		var err error
		if plain, err = inflate(raw); err != nil {
			return nil, unpackError(encoding, err)
		}
	default:
		return nil, encodingError(fmt.Sprintf("the body is encoded as %q, which was not asked for", shorten(encoding, 64)))
	}
	body, err := io.ReadAll(&bounded{r: plain, left: limit})
	if err != nil {
		return nil, unpackError("", err)
	}
	if plain != io.Reader(raw) {
		r.Header.Del("Content-Encoding")
		r.Header.Del("Content-Length")
	}
	return body, nil
}

// inflate reads "deflate", which means zlib, and to some servers bare deflate.
func inflate(raw *bufio.Reader) (io.Reader, error) {
	head, err := raw.Peek(2)
	if err == nil && head[0]&15 == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
		return zlib.NewReader(raw) //nolint:wrapcheck // unpackError does
	}
	return flate.NewReader(raw), nil
}

// unpackError tells what is wrong with an encoding from what is wrong with a
// connection.
func unpackError(encoding string, err error) error {
	corrupt, isCorrupt := errors.AsType[flate.CorruptInputError](err)
	switch {
	case isCorrupt:
		return encodingError("the body cannot be unpacked: " + corrupt.Error())
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.Is(err, zlib.ErrHeader),
		errors.Is(err, zlib.ErrChecksum), errors.Is(err, zlib.ErrDictionary):
		return encodingError("the body cannot be unpacked: " + err.Error())
	case encoding != "" && errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	}
	return err
}

// bodyMember is the member of the answer that holds the body.
func bodyMember(what string, r *http.Response, as string, body []byte) (document.Field, error) {
	good := r.StatusCode < 300
	if as == "json" || as == "auto" && len(body) > 0 && isJSON(r.Header.Get("Content-Type")) {
		d, err := document.Parse(body, document.Limits{})
		if err == nil {
			return document.Field{Key: "json", Value: d}, nil
		}
		// An error's page that is no JSON is still an answer with a status.
		if as == "json" && good {
			return document.Field{}, refused("invalid_json", "%s: the answer is no JSON document: %v", what, err)
		}
	}
	isText := utf8.Valid(body)
	switch {
	case as == "base64", !isText && as != "text":
		return document.Field{Key: "body_base64", Value: document.String(base64.StdEncoding.EncodeToString(body))}, nil
	case !isText:
		return document.Field{}, refused("invalid_text", "%s: the answer is no text in UTF-8; ask for it as base64", what)
	}
	return document.Field{Key: "body", Value: document.String(string(body))}, nil
}

// isJSON reports whether a media type says JSON.
func isJSON(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind, _, _ = strings.Cut(contentType, ";")
		kind = strings.ToLower(strings.TrimSpace(kind))
	}
	return kind == "application/json" || kind == "text/json" || strings.HasSuffix(kind, "+json")
}

// headersDocument gives the headers sorted, by name in lower case.
func headersDocument(h http.Header) document.Document {
	lower := map[string][]string{}
	for _, name := range slices.SortedFunc(maps.Keys(h), cmp.Compare[string]) {
		lower[strings.ToLower(name)] = append(lower[strings.ToLower(name)], h[name]...)
	}
	var fields []document.Field
	for _, name := range slices.Sorted(maps.Keys(lower)) {
		var values []document.Document
		for _, v := range lower[name] {
			values = append(values, document.String(v))
		}
		fields = append(fields, document.Field{Key: name, Value: document.Array(values...)})
	}
	return document.Object(fields...)
}

// excerptOf is the beginning of what the server said to its error; "" where it is
// no text, or an endless one.
func (x *exchange) excerptOf(r *http.Response) string {
	body, err := unpacked(r, errorBytes)
	if err != nil || !utf8.Valid(body) || bytes.IndexByte(body, 0) >= 0 {
		return ""
	}
	return excerpt(string(body), x.own, excerptBytes)
}
