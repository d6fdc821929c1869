package fetch

// Where connections go. A name is resolved once, each of its addresses is
// checked, and the address that passed is the one that is dialed: a name that
// gives another address the second time is never asked a second time.

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Bounds of connections.
const (
	connectTimeout  = 15 * time.Second
	headStart       = 300 * time.Millisecond // of an address before the next one is tried as well
	maxAddresses    = 16                     // of a name, that are tried
	maxTransports   = 64
	maxHeaderAnswer = 256 << 10
)

// pool holds the connections. Each allowance has its own: a connection that one
// grant's `private` let through is of no use to a grant without it.
type pool struct {
	options Options

	mu         sync.Mutex
	transports map[string]*http.Transport
	order      []string // of use, the oldest first
}

func newPool(o Options) *pool {
	return &pool{options: o, transports: map[string]*http.Transport{}}
}

// transport gives the connections of an allowance, with further certificates
// (PEM) to trust.
func (p *pool) transport(w allowance, ca string) (*http.Transport, error) {
	key := w.key()
	if ca != "" {
		key += fmt.Sprintf(" %x", sha256.Sum256([]byte(ca)))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.transports[key]; t != nil {
		at := slices.Index(p.order, key)
		p.order = append(slices.Delete(p.order, at, at+1), key)
		return t, nil
	}
	roots := p.options.RootCAs
	if ca != "" {
		var err error
		if roots == nil {
			if roots, err = x509.SystemCertPool(); err != nil {
				return nil, fmt.Errorf("reading the system's certificates: %w", err)
			}
		}
		roots = roots.Clone()
		if !roots.AppendCertsFromPEM([]byte(ca)) {
			return nil, refused("invalid_ca", "the setting ca has no certificate in PEM")
		}
	}
	d := &dialer{options: p.options, allowance: w}
	t := &http.Transport{
		Proxy:                  nil, // see Options.DialContext
		DialContext:            d.dial,
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    connectTimeout,
		DisableCompression:     true, // answer.go unpacks, within bounds
		MaxIdleConns:           100,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: maxHeaderAnswer,
		ForceAttemptHTTP2:      true,
	}
	if len(p.order) >= maxTransports {
		p.transports[p.order[0]].CloseIdleConnections()
		delete(p.transports, p.order[0])
		p.order = p.order[1:]
	}
	p.transports[key] = t
	p.order = append(p.order, key)
	return t, nil
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.transports {
		t.CloseIdleConnections()
	}
}

// connectError is that no address of a host could be connected to.
type connectError struct{ err error }

// Error implements error.
func (e *connectError) Error() string { return e.err.Error() }

// Unwrap gives the cause.
func (e *connectError) Unwrap() error { return e.err }

// addressError is that every address of a host is refused.
type addressError struct {
	host string
	addr netip.Addr // the first
	why  string
	more int // addresses beside it
}

// Error implements error.
func (e *addressError) Error() string {
	s := fmt.Sprintf("%s is %s", e.addr, e.why)
	if e.host != e.addr.String() {
		s = fmt.Sprintf("%s has the address %s, which is %s", e.host, e.addr, e.why)
	}
	if e.more > 0 {
		s += fmt.Sprintf(" (and %d more like it)", e.more)
	}
	return s
}

// neverAllowed is why an address of [Options.Never] is refused.
const neverAllowed = "never allowed by this host"

// dialer connects to what an allowance lets through.
type dialer struct {
	options   Options
	allowance allowance
}

func (d *dialer) check(a netip.Addr) string {
	for _, p := range d.options.Never {
		if slices.ContainsFunc(append([]netip.Addr{a.Unmap().WithZone("")}, inside(a)...), p.Contains) {
			return neverAllowed
		}
	}
	return d.allowance.check(a)
}

// dial implements [http.Transport.DialContext].
func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	host, digits, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("reading the address %q: %w", address, err)
	}
	port, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("reading the port of %q: %w", address, err)
	}
	addrs, err := d.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	var open []string
	var no *addressError
	for _, a := range addrs {
		a = a.Unmap()
		if why := d.check(a); why == "" {
			open = append(open, netip.AddrPortFrom(a, uint16(port)).String())
		} else if no == nil {
			no = &addressError{host: host, addr: a, why: why}
		} else {
			no.more++
		}
	}
	if len(open) == 0 {
		return nil, no
	}
	return d.race(ctx, network, open)
}

func (d *dialer) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	var r Resolver = net.DefaultResolver
	if d.options.Resolver != nil {
		r = d.options.Resolver
	}
	addrs, err := r.LookupNetIP(ctx, "ip", host)
	if err != nil {
		if _, ok := errors.AsType[*net.DNSError](err); !ok {
			err = &net.DNSError{Err: err.Error(), Name: host, UnwrapErr: err}
		}
		return nil, err
	}
	if len(addrs) == 0 {
		return nil, &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
	}
	return addrs[:min(len(addrs), maxAddresses)], nil
}

// race connects to the first address that answers, with a head start for each
// before the next: a network that only seems to have IPv6 costs little.
func (d *dialer) race(ctx context.Context, network string, addresses []string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		conn net.Conn
		err  error
	}
	results := make(chan result)
	var all sync.WaitGroup
	begin := func(address string) {
		all.Go(func() {
			conn, err := d.connect(ctx, network, address)
			select {
			case results <- result{conn, err}:
			case <-ctx.Done():
				if conn != nil {
					conn.Close() //nolint:errcheck,gosec // it was not used
				}
			}
		})
	}
	defer all.Wait()
	defer cancel()
	var problems []string
	var last error
	for next, running := 0, 0; next < len(addresses) || running > 0; {
		var head <-chan time.Time
		if next < len(addresses) {
			begin(addresses[next])
			next, running = next+1, running+1
			timer := time.NewTimer(headStart)
			defer timer.Stop()
			head = timer.C
		}
		if next == len(addresses) {
			head = nil
		}
		select {
		case r := <-results:
			if r.err == nil {
				return r.conn, nil
			}
			running--
			last = r.err
			problems = append(problems, r.err.Error())
		case <-head:
		case <-ctx.Done():
			return nil, &connectError{context.Cause(ctx)}
		}
	}
	if len(problems) == 1 {
		return nil, &connectError{last}
	}
	return nil, &connectError{fmt.Errorf("%s: %w", strings.Join(problems[:len(problems)-1], "; "), last)}
}

func (d *dialer) connect(ctx context.Context, network, address string) (net.Conn, error) {
	if d.options.DialContext != nil {
		return d.options.DialContext(ctx, network, address)
	}
	plain := net.Dialer{
		KeepAlive: 30 * time.Second,
		// The address was checked before; this is the door itself, after all
		// that the operating system may have done to it.
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("reading the address %q: %w", address, err)
			}
			if why := d.check(at.Addr()); why != "" {
				return &addressError{host: at.Addr().String(), addr: at.Addr(), why: why}
			}
			return nil
		},
	}
	return plain.DialContext(ctx, network, address)
}
