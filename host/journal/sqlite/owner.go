package sqlite

type owners struct{}

func (*owners) close() error { return nil }
