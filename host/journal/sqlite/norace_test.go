//go:build !race

package sqlite

// scaled is how often a random test is repeated.
func scaled(n int) int { return n }
