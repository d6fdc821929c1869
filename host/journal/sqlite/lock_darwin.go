package sqlite

// From bsd/sys/fcntl.h; golang.org/x/sys does not name them.
const (
	ofdSetLock = 90
	ofdGetLock = 92
)
