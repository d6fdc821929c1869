package local

// Taken says how many places and how many turns at the gate are taken, and how many wait
// for one.
func (d *Driver) Taken() (places, gate, wait int) {
	d.places.mu.Lock()
	defer d.places.mu.Unlock()
	d.gate.mu.Lock()
	defer d.gate.mu.Unlock()
	return d.places.taken, d.gate.under, len(d.places.queue) + len(d.gate.queue)
}
