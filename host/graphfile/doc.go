// Package graphfile reads and writes graphs as TOML, with the line and column
// of everything that was written.
//
// [Parse] turns a file into a [graph.Source] and complains about what is not a
// graph file: syntax, unknown keys, wrong types. [Load] goes on to
// [graph.Build], which complains about what is not a graph, so that an author
// sees everything at once. [Format] writes a source as TOML.
//
// BurntSushi/toml is the authority on what a file says. It tells positions only
// of its errors; where keys and values stand is found by a scanner of our own,
// which never decides what they are.
package graphfile
