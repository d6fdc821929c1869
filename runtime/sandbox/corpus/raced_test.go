//go:build race

package corpus

// raced: engines written in Go compile many times slower under the race detector.
const raced = true
