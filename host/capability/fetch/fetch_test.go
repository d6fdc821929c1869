package fetch_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/host/document"
)

// echo answers with what it was asked.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{
		"method": r.Method, "uri": r.RequestURI, "host": r.Host, "headers": r.Header, "body": string(body), "proto": r.Proto,
	})
}

const grantAll = `{"hosts": ["api.example.com"], "methods": ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]}`

func TestRequest(t *testing.T) {
	w := newWorld(t)
	w.serve(http.HandlerFunc(echo))
	c := w.fetch()
	for _, test := range []struct {
		name, request string
		want          map[string]any // members of what echo says; of headers, one of them
	}{
		{"get", `{"url": "https://api.example.com/a?b=c"}`, map[string]any{"method": "GET", "uri": "/a?b=c", "host": "api.example.com", "proto": "HTTP/2.0", "User-Agent": `"chainrun"`, "Idempotency-Key": nil}},
		{"query", `{"url": "https://api.example.com", "query": {"z": [1, true, "ä b"], "a": 1.50}}`, map[string]any{"uri": "/?a=1.50&z=1&z=true&z=%C3%A4+b"}},
		{"query joined", `{"url": "https://api.example.com/?x=1#part", "query": {"a&b": "="}}`, map[string]any{"uri": "/?x=1&a%26b=%3D"}},
		{"unicode", `{"url": "https://API.example.COM./wiki/Zürich?q=\"ß\""}`, map[string]any{"uri": "/wiki/Z%C3%BCrich?q=%22%C3%9F%22", "host": "api.example.com"}},
		{"path as written", `{"url": "https://api.example.com:443//a%2Fb/%41;x=1/"}`, map[string]any{"uri": "//a%2Fb/%41;x=1/", "host": "api.example.com"}},
		{"json", `{"method": "post", "url": "https://api.example.com/", "json": {"n": 1.50}}`, map[string]any{"method": "POST", "body": `{"n": 1.50}`, "Content-Type": `"application/json"`, "Idempotency-Key": `"` + strings.Repeat("ab", 32) + `"`}},
		{"json null", `{"method": "POST", "url": "https://api.example.com/", "json": null}`, map[string]any{"body": `null`}},
		{"text", `{"method": "PUT", "url": "https://api.example.com/", "body": "ä"}`, map[string]any{"body": `ä`, "Content-Type": `"text/plain; charset=utf-8"`}},
		{"bytes", `{"method": "POST", "url": "https://api.example.com/", "body_base64": "aGk="}`, map[string]any{"body": `hi`, "Content-Type": `"application/octet-stream"`}},
		{"empty body", `{"method": "POST", "url": "https://api.example.com/", "body": ""}`, map[string]any{"body": ``, "Content-Length": `"0"`}},
		{"headers", `{"method": "DELETE", "url": "https://api.example.com/", "headers": {"x-a": ["1", "2"], "content-type": "text/csv", "idempotency-key": "own", "user-agent": "me"}, "body": "x"}`, map[string]any{"X-A": `"1" "2"`, "Content-Type": `"text/csv"`, "Idempotency-Key": `"own"`, "User-Agent": `"me"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, err := ask(t, c, grantAll, test.request)
			if err != nil {
				t.Fatal(err)
			}
			said := a["json"].(map[string]any)
			for key, want := range test.want {
				have, ok := said[key]
				if !ok {
					have = nil
					if values, ok := said["headers"].(map[string]any)[key].([]any); ok {
						have = strings.Trim(fmt.Sprintf("%q", values), "[]")
					}
				}
				if have != want {
					t.Errorf("%s is %#v, want %#v", key, have, want)
				}
			}
		})
	}
}

func TestAnswer(t *testing.T) {
	w := newWorld(t)
	w.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind, body, status := r.URL.Query().Get("kind"), r.URL.Query().Get("body"), 200
		if s := r.URL.Query().Get("status"); s != "" {
			fmt.Sscan(s, &status)
		}
		w.Header()["Date"] = nil
		w.Header().Set("Content-Type", kind)
		w.Header()["X-Two"] = []string{"b", "a"}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	c := w.fetch()
	for _, test := range []struct{ query, as, want string }{
		{"kind=application/json&body={%22a%22:1.50}", "auto", `{"json": {"a": 1.50}}`},
		{"kind=application/problem%2Bjson;charset=utf-8&body=null&status=404", "auto", `{"json": null, "status": 404}`},
		{"kind=application/json&body={oops", "auto", `{"body": "{oops"}`},
		{"kind=application/json&body={%22a%22:1,%22a%22:2}", "auto", `{"body": "{\"a\":1,\"a\":2}"}`},
		{"kind=application/json&body={oops", "json", `invalid_json`},
		{"kind=text/html&body={oops&status=404", "json", `{"body": "{oops", "status": 404}`},
		{"kind=text/html&body=[1]", "json", `{"json": [1]}`},
		{"kind=application/json&body=[1]", "text", `{"body": "[1]"}`},
		{"kind=text/plain&body=hi", "auto", `{"body": "hi"}`},
		{"kind=text/plain&body=hi", "base64", `{"body_base64": "aGk="}`},
		{"kind=text/plain&body=%ff", "auto", `{"body_base64": "/w=="}`},
		{"kind=text/plain&body=%ff", "text", `invalid_text`},
		{"kind=application/json&body=", "auto", `{"body": ""}`},
		{"kind=application/json&body=", "json", `invalid_json`},
		{"status=204", "auto", `{"body": "", "status": 204}`},
		{"status=304", "auto", `{"body": "", "status": 304}`},
	} {
		t.Run(test.query+" "+test.as, func(t *testing.T) {
			a, err := ask(t, c, grantAll, fmt.Sprintf(`{"url": "https://api.example.com/?%s", "as": %q}`, test.query, test.as))
			if !strings.HasPrefix(test.want, "{") {
				if e := reason(t, err); e.Reason != test.want || e.Retryable || e.Denied {
					t.Errorf("the error is %#v, want %s", e, test.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want, err := document.MustParse(test.want).Value()
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := want.(map[string]any)["status"]; !ok {
				want.(map[string]any)["status"] = json.Number("200")
			}
			for key, value := range want.(map[string]any) {
				if fmt.Sprint(a[key]) != fmt.Sprint(value) {
					t.Errorf("%s is %v, want %v in %v", key, a[key], value, a)
				}
			}
			if two := a["headers"].(map[string]any)["x-two"]; fmt.Sprint(two) != "[b a]" {
				t.Errorf("x-two is %v", two)
			}
		})
	}
}
