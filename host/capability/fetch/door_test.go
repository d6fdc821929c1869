package fetch

import (
	"errors"
	"net"
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
