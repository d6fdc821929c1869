package llm

// This file finds the endpoint of a call and the values behind its references.

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/chainrun/chainrun/host/capability"
)

const (
	envOpenAIKey    = "OPENAI_API_KEY"
	envOpenAIURL    = "OPENAI_BASE_URL"
	envAnthropicKey = "ANTHROPIC_API_KEY"
	envAnthropicURL = "ANTHROPIC_BASE_URL"

	officialOpenAI    = "https://api.openai.com/v1"
	officialAnthropic = "https://api.anthropic.com"
)

// environment names what an API reads where the graph says nothing.
var environment = map[string]struct{ key, url, official string }{
	apiOpenAI:    {envOpenAIKey, envOpenAIURL, officialOpenAI},
	apiAnthropic: {envAnthropicKey, envAnthropicURL, officialAnthropic},
}

// target is an endpoint as one call uses it: secrets are in their places.
type target struct {
	*endpoint
	baseURL string
	key     string
	headers [][2]string // sorted by name
	model   string
}

// secrets are the texts that no error may show.
func (t *target) secrets() []string {
	list := []string{t.key}
	for _, h := range t.headers {
		list = append(list, h[1])
	}
	return slices.DeleteFunc(list, func(s string) bool { return len(s) < 4 })
}

// endpointNames are the endpoints that a grant may name.
func (c *Capability) endpointNames() []string {
	if c.settings == nil {
		return []string{apiOpenAI, apiAnthropic}
	}
	return names(c.settings.endpoints)
}

// endpoints are those that a request may be sent to, in the order in which they
// are asked.
func (c *Capability) endpoints(name string, g grant, secrets capability.Secrets) ([]*endpoint, error) {
	all := c.fromEnvironment(secrets)
	order := all
	if c.settings != nil {
		all, order = c.settings.endpoints, c.settings.fallback
	}
	if len(all) == 0 {
		return nil, &capability.Error{Reason: "no_endpoint", Message: noEndpoint(c.name)}
	}
	if name != "" {
		i := slices.IndexFunc(all, func(e *endpoint) bool { return e.name == name })
		if i < 0 {
			return nil, &capability.Error{
				Reason:  "unknown_endpoint",
				Message: fmt.Sprintf("there is no endpoint %q; there are %s", name, quoted(names(all))),
			}
		}
		order = all[i : i+1]
	}
	var granted []*endpoint
	for _, e := range order {
		if g.endpoint(e.name) {
			granted = append(granted, e)
		}
	}
	if len(granted) == 0 {
		wanted := names(order)
		return nil, &capability.Error{
			Reason: "endpoint_not_granted", Denied: true,
			Message: fmt.Sprintf("the grant allows the endpoints %s only, not %s; write `endpoints = [%s]` into the node's grant to allow it",
				quoted(g.Endpoints), quoted(wanted), quoted(append(slices.Clone(g.Endpoints), wanted[0]))),
		}
	}
	return granted, nil
}

func noEndpoint(name string) string {
	return fmt.Sprintf("no model can be asked: the graph has no [capabilities.%s] and the environment has no %s; "+
		"write [capabilities.%s] with `base_url = \"http://127.0.0.1:8080/v1\"` and `model = \"…\"`, or set %s",
		name, strings.Join([]string{envOpenAIKey, envOpenAIURL, envAnthropicKey, envAnthropicURL}, ", "), name, envOpenAIKey)
}

// fromEnvironment makes the endpoints of a graph that sets none.
func (c *Capability) fromEnvironment(secrets capability.Secrets) []*endpoint {
	if c.settings != nil {
		return nil
	}
	var list []*endpoint
	for _, api := range []string{apiOpenAI, apiAnthropic} {
		env := environment[api]
		key, hasKey := secrets.Env(env.key)
		url, hasURL := secrets.Env(env.url)
		if !hasKey && !hasURL {
			continue
		}
		e := &endpoint{name: api, literal: true, endpointTable: endpointTable{API: api, Key: key, BaseURL: url}}
		e.setDefaults()
		list = append(list, e)
	}
	return list
}

// resolve puts an endpoint's secrets into their places.
func (e *endpoint) resolve(model string, secrets capability.Secrets) (*target, error) {
	t := &target{endpoint: e, model: model, baseURL: e.BaseURL, key: e.Key}
	expand := func(where, text string) (string, error) {
		if e.literal {
			return text, nil
		}
		value, err := secrets.Expand(text)
		if err != nil {
			return "", &capability.Error{Reason: "no_secret", Message: fmt.Sprintf("endpoint %q: %s: %v", e.name, where, err)}
		}
		return value, nil
	}
	var err error
	if t.baseURL, err = expand("base_url", t.baseURL); err != nil {
		return nil, err
	}
	if t.key, err = expand("key", t.key); err != nil {
		return nil, err
	}
	authorized := t.key != ""
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		value, err := expand("headers", e.Headers[name])
		if err != nil {
			return nil, err
		}
		if err := checkHeader(name, value); err != nil {
			return nil, &capability.Error{Reason: "bad_settings", Message: fmt.Sprintf("endpoint %q: %v", e.name, err)}
		}
		authorized = authorized || strings.EqualFold(name, "Authorization") || strings.EqualFold(name, "X-Api-Key")
		t.headers = append(t.headers, [2]string{name, value})
	}
	env := environment[e.API]
	operators, _ := secrets.Env(env.url)
	if t.baseURL == "" {
		t.baseURL = cmp.Or(operators, env.official)
	}
	// The key of the environment goes to the address of the environment or to
	// the API's own, never to another one that a graph names.
	if t.key == "" && !authorized && (t.baseURL == operators || t.baseURL == env.official) {
		t.key, _ = secrets.Env(env.key)
		if t.key == "" && t.baseURL == env.official {
			return nil, &capability.Error{
				Reason: "no_key",
				Message: fmt.Sprintf("endpoint %q: there is no key for %s; write `key = \"${secret:NAME}\"` and [secrets.NAME] with `env = %q`, or set %s",
					e.name, env.official, env.key, env.key),
			}
		}
	}
	if err := checkURL(t.baseURL); err != nil {
		return nil, &capability.Error{Reason: "bad_settings", Message: fmt.Sprintf("endpoint %q: %v", e.name, err)}
	}
	if strings.ContainsAny(t.key, "\r\n\x00") {
		return nil, &capability.Error{Reason: "bad_settings", Message: fmt.Sprintf("endpoint %q: the key has a line break or a zero byte", e.name)}
	}
	t.baseURL = strings.TrimRight(t.baseURL, "/")
	if e.API == apiAnthropic {
		t.baseURL = strings.TrimSuffix(t.baseURL, "/v1") // the client adds it
	}
	return t, nil
}
