package nodes

// std:http: a web server is asked, through the capability fetch: where to is the
// graph's config, what about comes from the input.

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/chainrun/chainrun/sdk/go/node"
)

type httpConfig struct {
	Capability fetchName          `json:"capability,omitzero" jsonschema_description:"the name of the grant."`
	URL        string             `json:"url" jsonschema:"minLength=1" jsonschema_description:"a template; what comes from the input is escaped, but at its very beginning."`
	Method     string             `json:"method,omitempty" jsonschema:"default=GET"`
	Query      map[string]exactly `json:"query,omitempty" jsonschema_description:"added to the URL; strings are templates."`
	Headers    map[string]string  `json:"headers,omitempty" jsonschema_description:"templates."`
	JSON       *exactly           `json:"json,omitempty" jsonschema_description:"the body, as JSON; strings in there are templates."`
	Body       *string            `json:"body,omitempty" jsonschema_description:"the body, a template; of POST, PUT and PATCH it is the input as JSON where neither is given."`
	As         string             `json:"as,omitempty" jsonschema:"enum=auto,enum=json,enum=text,enum=base64,default=auto" jsonschema_description:"how the answer gives its body."`
	Output     string             `json:"output,omitempty" jsonschema:"enum=answer,enum=body,default=answer" jsonschema_description:"the output is the whole answer, or its body."`
	AnyStatus  bool               `json:"any_status,omitempty" jsonschema_description:"every status is an answer; else one beyond 200 to 299 is a failure."`
	Follow     *bool              `json:"follow,omitempty" jsonschema:"default=true" jsonschema_description:"redirects are followed; false: a redirect is the answer."`
	TimeoutMS  int                `json:"timeout_ms,omitempty" jsonschema:"minimum=1"`
	Missing    string             `json:"missing,omitempty" jsonschema:"enum=error,enum=empty,default=error" jsonschema_description:"what a key that is not there gives in a template."`
}

// fetchRequest is one of fetch.request.
type fetchRequest struct {
	URL       string            `json:"url"`
	Method    string            `json:"method,omitempty"`
	Query     any               `json:"query,omitempty"`
	Headers   map[string]string `json:"headers,omitempty"`
	Body      *string           `json:"body,omitempty"`
	JSON      any               `json:"json,omitempty"`
	As        string            `json:"as,omitempty"`
	TimeoutMS int               `json:"timeout_ms,omitempty"`
	Follow    *bool             `json:"follow,omitempty"`
	AnyStatus bool              `json:"any_status,omitempty"`
}

// fetchAnswer is what of an answer is looked at.
type fetchAnswer struct {
	Status     int             `json:"status"`
	URL        string          `json:"url"`
	JSON       json.RawMessage `json:"json"`
	Body       *string         `json:"body"`
	BodyBase64 *string         `json:"body_base64"`
}

func httpNode(ctx context.Context, input json.RawMessage) (json.RawMessage, error) {
	conf, err := node.Config[httpConfig](ctx)
	if err != nil {
		return nil, err
	}
	request, err := conf.request(input)
	if err != nil {
		return nil, err
	}
	var whole json.RawMessage
	if err := node.Call(ctx, cmp.Or(string(conf.Capability), "fetch"), "request", request, &whole); err != nil {
		return nil, err
	}
	var answer fetchAnswer
	if err := json.Unmarshal(whole, &answer); err != nil {
		return nil, node.Errorf("bad_answer", "the answer does not decode: %w", err)
	}
	redirect := conf.Follow != nil && !*conf.Follow && answer.Status/100 == 3
	if !conf.AnyStatus && answer.Status/100 != 2 && !redirect {
		return nil, node.Errorf(fmt.Sprintf("http_%d", answer.Status), "%s answered %d: %s", answer.URL, answer.Status, answer.beginning())
	}
	if conf.Output == "body" {
		return answer.body()
	}
	return whole, nil
}

func (c httpConfig) request(input json.RawMessage) (fetchRequest, error) {
	r := fetchRequest{Method: c.Method, As: c.As, TimeoutMS: c.TimeoutMS, Follow: c.Follow, AnyStatus: c.AnyStatus}
	data, err := templateData(input)
	if err != nil {
		return r, err
	}
	plain := rendering{missing: c.Missing}
	if r.URL, err = render("url", c.URL, data, rendering{missing: c.Missing, url: true}); err != nil {
		return r, err
	}
	if len(c.Query) > 0 {
		query := make(map[string]any, len(c.Query))
		for name, v := range c.Query {
			query[name] = v.v
		}
		if r.Query, err = rendered("query", query, data, plain); err != nil {
			return r, err
		}
	}
	for _, name := range sorted(c.Headers) {
		value, err := render("headers."+name, c.Headers[name], data, plain)
		if err != nil {
			return r, err
		}
		if r.Headers == nil {
			r.Headers = map[string]string{}
		}
		r.Headers[name] = value
	}
	switch method := strings.ToUpper(c.Method); {
	case c.JSON != nil && c.Body != nil:
		return r, node.Errorf("bad_config", "json and body cannot both be given")
	case c.JSON != nil:
		r.JSON, err = rendered("json", c.JSON.v, data, plain)
	case c.Body != nil:
		var body string
		body, err = render("body", *c.Body, data, plain)
		r.Body = &body
	case method == "POST" || method == "PUT" || method == "PATCH":
		r.JSON = input
	}
	return r, err
}

// beginning is how a body begins, for people.
func (a fetchAnswer) beginning() string {
	text := string(a.JSON)
	if a.Body != nil {
		text = *a.Body
	}
	if len(text) > 200 {
		text = strings.ToValidUTF8(text[:200], "") + "…"
	}
	return cmp.Or(text, "nothing")
}

func (a fetchAnswer) body() (json.RawMessage, error) {
	switch {
	case len(a.JSON) > 0:
		return a.JSON, nil
	case a.Body != nil:
		return encode(*a.Body)
	case a.BodyBase64 != nil:
		return encode(*a.BodyBase64)
	}
	return json.RawMessage(`""`), nil
}
