// Package fetch is the capability through which nodes ask web servers.
//
// A [Capability] has one method, request. What a node may ask for is in its
// grant: hosts, methods, paths, schemes, headers, sizes. Where a connection goes
// is decided by the address that is dialed, after names were resolved: addresses
// of the own machine and the own network are refused unless the grant has them.
//
// The files follow a request: request.go reads it, target.go its URL, grant.go
// and pattern.go the grant, permit.go holds one against the other, exchange.go
// sends it and follows redirects, dial.go and address.go say where connections
// go, answer.go reads what comes back, failure.go says why nothing did.
package fetch

import (
	"context"
	"crypto/x509"
	_ "embed" // the schemas
	"net"
	"net/netip"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

// Resolver finds the addresses of names. *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Options are what an embedder can set. The zero value is good.
type Options struct {
	// Resolver finds addresses. nil: net.DefaultResolver.
	Resolver Resolver
	// DialContext connects to an address ("93.184.215.14:443") that was resolved and
	// checked before. nil: a net.Dialer. Proxies are never used: it would be they
	// who resolve names, and nobody would check the addresses.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// RootCAs are the certificates that are trusted. nil: the system's.
	RootCAs *x509.CertPool
	// UserAgent is sent where neither the graph nor the node says something else.
	// Default: "chainrun".
	UserAgent string
	// Never are networks that no grant opens.
	Never []netip.Prefix
}

// Capability asks web servers. Safe for concurrent use.
type Capability struct {
	name     string
	pool     *pool
	settings settings
}

// settings are what [capabilities.NAME] may have.
type settings struct {
	userAgent string
	ca        string // PEM, references to secrets as written
}

// New makes the capability. Close frees its connections.
//
// net/http writes to the standard logger (package log) what a server sends
// without being asked, which may be a secret that it was sent: an embedder whose
// log is public points that one elsewhere.
func New(o Options) *Capability {
	if o.UserAgent == "" {
		o.UserAgent = "chainrun"
	}
	return &Capability{name: "fetch", pool: newPool(o), settings: settings{userAgent: o.UserAgent}}
}

//go:embed schemas/request.json
var requestSchema []byte

//go:embed schemas/response.json
var responseSchema []byte

//go:embed schemas/grant.json
var grantSchema []byte

//go:embed schemas/settings.json
var settingsSchema []byte

// SchemasProven implements [capability.Proven].
func (*Capability) SchemasProven() {}

// Describe implements [capability.Capability].
func (c *Capability) Describe() capability.Description {
	return capability.Description{
		Text: "asks web servers",
		Methods: []capability.Method{{
			Name: "request", Text: "sends a request of HTTP and gives the answer",
			Request: requestSchema, Response: responseSchema,
		}},
		Grant:  grantSchema,
		Config: settingsSchema,
	}
}

// Configure implements [capability.Configurable]. What it makes shares the
// receiver's connections.
func (c *Capability) Configure(name string, table document.Document) (capability.Capability, error) {
	own := &Capability{name: name, pool: c.pool, settings: c.settings}
	for _, f := range table.Fields() {
		switch f.Key {
		case "user_agent":
			own.settings.userAgent = text(f.Value)
			if problem := headerValue(own.settings.userAgent); problem != "" {
				return nil, capability.Problems{{Pointer: "/user_agent", Text: problem}}
			}
		case "ca":
			own.settings.ca = text(f.Value)
			if !hasReference(own.settings.ca) && !x509.NewCertPool().AppendCertsFromPEM([]byte(own.settings.ca)) {
				return nil, capability.Problems{{
					Pointer: "/ca", Text: "there is no certificate in it",
					Hint: `write certificates in PEM, or "${secret:NAME}" and the file's name under [secrets.NAME]`,
				}}
			}
		}
	}
	return own, nil
}

// CheckGrant implements [capability.GrantChecker].
func (c *Capability) CheckGrant(table document.Document) capability.Problems {
	_, problems := readGrant(table)
	return problems
}

// Call implements [capability.Capability].
func (c *Capability) Call(ctx context.Context, asked capability.Call) (capability.Answer, error) {
	g, problems := readGrant(asked.Grant)
	if len(problems) > 0 {
		return capability.Answer{}, denied("invalid_grant", "the grant of %s is wrong: %v", c.name, problems)
	}
	x := &exchange{c: c, g: g, call: asked}
	d, err := x.run(ctx)
	if err != nil {
		return capability.Answer{}, err
	}
	return capability.Answer{Document: d}, nil
}

// Close frees the connections that nobody uses. Calls that are under way go on.
func (c *Capability) Close() error {
	c.pool.close()
	return nil
}
