//go:build !race

package corpus

const raced = false
