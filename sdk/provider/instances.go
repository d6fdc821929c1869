package provider

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

// kept is how many configured capabilities a provider keeps that nobody uses.
const kept = 32

// instances are the capabilities that graphs have configured, by the table that
// each was configured with. Safe for concurrent use.
type instances struct {
	base capability.Capability

	mu     sync.Mutex
	byKey  map[string]*instance
	clock  uint64 // counts uses, to find the one that was least lately used
	closed bool
}

type instance struct {
	key   string
	ready chan struct{} // closed when the two below are set
	c     capability.Capability
	err   error
	calls int
	used  uint64
}

func newInstances(base capability.Capability) *instances {
	return &instances{base: base, byKey: map[string]*instance{}}
}

// get gives the capability for a config, and what to call when it is no longer
// used.
func (s *instances) get(name string, config []byte) (capability.Capability, func(), error) {
	configurable, ok := s.base.(capability.Configurable)
	if !ok {
		return s.base, func() {}, nil
	}
	key := name + "\x00" + string(config)
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, nil, errors.New("the provider is ending")
	}
	i := s.byKey[key]
	first := i == nil
	if first {
		i = &instance{key: key, ready: make(chan struct{})}
		s.byKey[key] = i
	}
	i.calls++
	s.clock++
	i.used = s.clock
	evicted := s.evict()
	s.mu.Unlock()
	for _, e := range evicted {
		if e.c != s.base {
			_ = closeOne(e.c) // nobody is left to tell
		}
	}

	if first {
		i.c, i.err = configure(configurable, name, config)
		close(i.ready)
	} else {
		<-i.ready
	}
	if i.err != nil {
		s.mu.Lock()
		if s.byKey[key] == i { // the next call tries again
			delete(s.byKey, key)
		}
		s.mu.Unlock()
		return nil, nil, i.err
	}
	return i.c, func() {
		s.mu.Lock()
		i.calls--
		s.mu.Unlock()
	}, nil
}

func configure(c capability.Configurable, name string, config []byte) (capability.Capability, error) {
	settings, err := document.Parse(config, document.Limits{})
	if err != nil {
		return nil, fmt.Errorf("the config: %w", err)
	}
	return c.Configure(name, settings)
}

// evict takes out what is too much, least lately used first. The lock is held.
func (s *instances) evict() []*instance {
	var out []*instance
	for len(s.byKey) > kept {
		var oldest *instance
		for _, i := range s.byKey {
			if i.calls == 0 && (oldest == nil || i.used < oldest.used) {
				oldest = i
			}
		}
		if oldest == nil { // all are in use
			break
		}
		delete(s.byKey, oldest.key)
		out = append(out, oldest)
	}
	return out
}

// close closes all, the base last.
func (s *instances) close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	all := s.byKey
	s.byKey = nil
	s.mu.Unlock()
	var errs []error
	for _, i := range all {
		<-i.ready
		if i.err == nil && i.c != s.base {
			errs = append(errs, closeOne(i.c))
		}
	}
	return errors.Join(append(errs, closeOne(s.base))...)
}

func closeOne(c capability.Capability) error {
	if closer, ok := c.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}
