package main

import "testing"

func TestOrder(t *testing.T) {
	if b := order(12, 9); !isOrder(b, 12, 9) || len(b) < 984 {
		t.Errorf("%s is none", b)
	}
	for _, b := range [][]byte{order(12, 8), order(11, 9), append(order(12, 9), ' '), order(12, 9)[:20], nil} {
		if isOrder(b, 12, 9) {
			t.Errorf("%s is one", b)
		}
	}
}
