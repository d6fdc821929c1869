//go:build race

package sqlite

// scaled is how often a random test is repeated: SQLite is ten times slower under
// the race detector, which needs few rounds to see what it can see.
func scaled(n int) int { return max(n/10, 3) }
