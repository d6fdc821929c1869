package document

// Numbers whose normal form is seen at a glance.

import "testing"

// TestShortDecimal compares what is seen at a glance with what the digits give.
func TestShortDecimal(t *testing.T) {
	seen := 0
	for _, sign := range []string{"", "-"} {
		for _, whole := range []string{"0", "1", "10", "907", "12345678901234567"} {
			for _, rest := range []string{".0", ".5", ".05", ".50", ".005", ".000001", ".0000001", ".1e2", ".123456789012345", "e1", ""} {
				text := sign + whole + rest
				if !isShortDecimal([]byte(text)) {
					continue
				}
				seen++
				// With an exponent it is not at a glance.
				if got := string(appendNumber(nil, []byte(text+"e0"))); got != text {
					t.Errorf("%s is %s", text, got)
				}
			}
		}
	}
	if seen < 10 {
		t.Errorf("%d are seen at a glance", seen)
	}
	for _, text := range []string{"0.10", "1.0", "-0.0", "00.5", ".5", "5.", "-.5", "1.5e1", "1.2.3", "-", "1-2.5"} {
		if isShortDecimal([]byte(text)) {
			t.Errorf("%s is no normal form", text)
		}
	}
}
