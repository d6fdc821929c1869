package llm

// These tests are about rates and places, in time that is not real.

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

// model is a transport to a model that takes its time.
type model struct {
	takes  time.Duration
	tokens int

	mu     sync.Mutex
	now    int
	most   int
	starts []time.Duration
	began  time.Time
}

func (m *model) RoundTrip(r *http.Request) (*http.Response, error) {
	m.mu.Lock()
	if m.began.IsZero() {
		m.began = time.Now()
	}
	m.starts = append(m.starts, time.Since(m.began))
	m.now++
	m.most = max(m.most, m.now)
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		m.now--
		m.mu.Unlock()
	}()
	if m.takes > 0 {
		timer := time.NewTimer(m.takes)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	body := strings.Replace(wholeChat, `"completion_tokens":3`, fmt.Sprintf(`"completion_tokens":%d`, m.tokens), 1)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func plainCall(request string) capability.Call {
	return capability.Call{
		Method: "chat", Request: document.MustParse(request), Grant: document.MustParse(`{}`), Key: testKey,
		Secrets: secrets{}, Partial: func(document.Document) {},
		Left: capability.Left{Bytes: capability.Unlimited, Tokens: capability.Unlimited, Cost: capability.Unlimited},
	}
}

const unstreamed = `{"messages":[{"role":"user","content":"x"}],"stream":false}`

func made(t *testing.T, root *Capability, table string) capability.Capability {
	t.Helper()
	c, err := root.Configure("llm", document.MustParse(table))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRequestsPerMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		root := New(Options{Transport: m})
		// Two graphs that write the same share the rate.
		const table = `{"base_url":"http://x/v1","model":"m","requests_per_minute":30}`
		graphs := []capability.Capability{made(t, root, table), made(t, root, table)}
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() {
				if _, err := graphs[i%2].Call(t.Context(), plainCall(unstreamed)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for i, at := range m.starts {
			if want := time.Duration(i) * 2 * time.Second; (at - want).Abs() > time.Millisecond {
				t.Errorf("request %d began at %v, want %v", i, at, want)
			}
		}
	})
}

func TestRateBeyondTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		root := New(Options{Transport: m})
		c := made(t, root, `{"base_url":"http://x/v1","model":"m","requests_per_minute":1}`)
		if _, err := c.Call(t.Context(), plainCall(unstreamed)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		began := time.Now()
		for range 3 { // what fails takes no place
			_, err := c.Call(ctx, plainCall(unstreamed))
			e := failure(t, err)
			if e.Reason != "rate_limited" || !e.Retryable || (e.RetryAfter-time.Minute).Abs() > time.Second || !strings.Contains(e.Message, "requests_per_minute") {
				t.Errorf("%+v", e)
			}
		}
		if time.Since(began) != 0 {
			t.Error("it waited")
		}
		// A fallback is asked instead.
		c = made(t, root, `{"endpoints":{"a":{"base_url":"http://x/v1","model":"m","requests_per_minute":1},"b":{"base_url":"http://y/v1","model":"m"}}}`)
		if a, err := c.Call(ctx, plainCall(unstreamed)); err != nil || member(t, a.Document, "endpoint") != "b" {
			t.Errorf("%v %v", a.Document, err)
		}
		// Another key is another account.
		c = made(t, root, `{"base_url":"http://x/v1","model":"m","key":"${secret:key}","requests_per_minute":1}`)
		call := plainCall(unstreamed)
		withKey(&call)
		if _, err := c.Call(ctx, call); err != nil {
			t.Error(err)
		}
	})
}

func TestTokensPerMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{tokens: 593} // and 7: 600 a call
		c := made(t, New(Options{Transport: m}), `{"base_url":"http://x/v1","model":"m","tokens_per_minute":1200}`)
		for range 5 {
			if _, err := c.Call(t.Context(), plainCall(unstreamed)); err != nil {
				t.Fatal(err)
			}
		}
		// A minute's tokens are there at once: two calls. Then 600 take half a
		// minute; a call begins with what it surely needs, 15, and the next waits
		// for the rest.
		for i, want := range []time.Duration{0, 0, 750 * time.Millisecond, 30750 * time.Millisecond, 60750 * time.Millisecond} {
			if (m.starts[i] - want).Abs() > 10*time.Millisecond {
				t.Errorf("call %d began at %v, want %v", i, m.starts[i], want)
			}
		}
	})
}

func TestConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{takes: time.Second}
		root := New(Options{Transport: m})
		const table = `{"base_url":"http://x/v1","model":"m","concurrency":3}`
		graphs := []capability.Capability{made(t, root, table), made(t, root, table)}
		var all sync.WaitGroup
		began := time.Now()
		for i := range 12 {
			all.Go(func() {
				if _, err := graphs[i%2].Call(t.Context(), plainCall(unstreamed)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if m.most != 3 || time.Since(began) != 4*time.Second {
			t.Errorf("%d at once, in %v", m.most, time.Since(began))
		}
		// Whoever waits for a place leaves when the call is over.
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		for range 6 {
			all.Go(func() { _, _ = graphs[0].Call(ctx, plainCall(unstreamed)) })
		}
		all.Wait()
		if time.Since(began) != 4500*time.Millisecond {
			t.Errorf("it ended after %v", time.Since(began))
		}
		for k, l := range root.pool.lanes.all {
			if l.users != 0 || len(l.slots) != 0 {
				t.Errorf("%v is still held: %d users, %d places", k, l.users, len(l.slots))
			}
		}
	})
}

func TestTimeout(t *testing.T) {
	for _, api := range []string{"openai", "anthropic"} {
		for _, stream := range []string{"true", "false"} {
			synctest.Test(t, func(t *testing.T) {
				for name, transport := range map[string]http.RoundTripper{"silent": silent{}, "slow": slow{"data: " + delta("Hel") + "\n\n"}} {
					c := made(t, New(Options{Transport: transport}), `{"api":"`+api+`","base_url":"http://x/v1","model":"m","timeout":"5s","stream":`+stream+`}`)
					began := time.Now()
					_, err := c.Call(t.Context(), plainCall(sayHello))
					e := failure(t, err)
					if name == "slow" && stream == "false" {
						continue // it is refused for being no JSON
					}
					if e.Reason != "timeout" || !e.Retryable || time.Since(began) != 5*time.Second {
						t.Errorf("%s %s %s: %+v after %v", api, stream, name, e, time.Since(began))
					}
				}
				synctest.Wait()
			})
		}
	}
}

// TestLanesAreDropped has a host with many keys.
func TestLanesAreDropped(t *testing.T) {
	var l lanes
	for i := range 5 * maxLanes {
		target := &target{endpoint: &endpoint{endpointTable: endpointTable{Concurrency: 1}}, key: fmt.Sprint(i)}
		leave, err := l.enter(t.Context(), target, 1)
		if err != nil {
			t.Fatal(err)
		}
		leave(0)
	}
	if len(l.all) > maxLanes {
		t.Errorf("%d lanes", len(l.all))
	}
}

// TestNothingIsLeftBehind makes thousands of calls, of which some fail, and counts
// goroutines.
func TestNothingIsLeftBehind(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of calls")
	}
	before := runtime.NumGoroutine()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch time.Now().UnixNano() / 1000 % 16 {
		case 0:
			whole(429, `{}`)(w, r)
		case 1:
			cut(delta("Hel"))(w, r)
		default:
			hello()(w, r)
		}
	})
	root := New(Options{})
	c := made(t, root, `{"base_url":"`+s.URL+`","model":"m","concurrency":16}`)
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for range 3200 / 32 {
				_, _ = c.Call(t.Context(), plainCall(sayHello))
			}
		})
	}
	all.Wait()
	if err := root.Close(); err != nil {
		t.Fatal(err)
	}
	s.Close()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); runtime.Gosched() {
		if runtime.NumGoroutine() <= before {
			return
		}
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	}
	stacks := make([]byte, 1<<16)
	t.Errorf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
}
