package fetch

import (
	"errors"
	"net"
	"strings"
	"testing"
)

// The check at the door, alone: connect is given an address that nobody checked.
func TestDoor(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	d := &dialer{}
	conn, err := d.connect(t.Context(), "tcp", l.Addr().String())
	if conn != nil {
		t.Fatal("it is open")
	}
	if no, ok := errors.AsType[*addressError](err); !ok || no.why != "loopback" {
		t.Errorf("the error is %v", err)
	}
	d.allowance.inner = true
	if conn, err = d.connect(t.Context(), "tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

// A secret that the call did not send itself is not cut in half either.
func TestExcerpt(t *testing.T) {
	const word = "s3cret-0123456789-abcdefghij"
	for pad := range 400 {
		for _, fill := range []string{"x", "x "} {
			text := strings.Repeat(fill, pad/len(fill)) + " " + word + " end of it"
			s := excerpt(text, nil, 300)
			if len(s) > 310 || strings.Contains(s, "s3cret") && !strings.Contains(s, word) {
				t.Fatalf("%d: %q", pad, s)
			}
		}
	}
}
