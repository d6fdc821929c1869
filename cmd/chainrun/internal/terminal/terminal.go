// Package terminal keeps the terminal libraries quiet. It is imported for that
// alone.
//
// Bubble Tea asks the terminal for its background colour as soon as a program
// that contains it starts, whatever the program is asked to do, and waits up to
// five seconds for the answer. Terminals that never answer are not rare (serial
// lines, CI, anything that only pretends), and no colour of chainrun's depends
// on it. A background that was decided is not asked for.
//
// This works because packages are initialised in the order of their import
// paths as far as their imports allow (Go specification, "Program
// initialization"), and this one's stands before Bubble Tea's. A test of the
// command line holds it.
package terminal

import "github.com/charmbracelet/lipgloss"

func init() { lipgloss.SetHasDarkBackground(true) }
