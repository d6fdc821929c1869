package invoke

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"

	"github.com/chainrun/chainrun/host/event"
)

// key is the idempotency key: a hash of run, step, the number of answers that
// were rejected, capability, method, request, and how many equal requests the
// attempt has made before.
func (c *calls) key(fact event.CapabilityAnswered) string {
	h := sha256.New()
	text := func(s string) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	request := ""
	if !fact.Request.IsZero() {
		request = fact.Request.Digest()
	}
	same := fact.Capability + "\x00" + fact.Method + "\x00" + request
	if c.equal == nil {
		c.equal = map[string]int{}
	}
	c.equal[same]++
	text("chainrun key 1")
	text(c.r.Scope.Run)
	text(c.r.Step)
	text(strconv.Itoa(c.r.Rejected))
	text(same)
	text(strconv.Itoa(c.equal[same]))
	return hex.EncodeToString(h.Sum(nil))
}
