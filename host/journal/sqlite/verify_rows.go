package sqlite

// What no reader needs, or looks at: Verify does.

import (
	"context"
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"
)

// verifyChains looks whether each event says where the one before it stands, and each
// run where its last one does. Where one does not, a reader finds the events another
// way. A run that has too many or too few events is named already.
func (s *Store) verifyChains(ctx context.Context, report func(*CorruptError)) error {
	return s.read(ctx, func(c *connection) error {
		return c.query(`
			SELECT id, seq, 'the place of the event before it'
			FROM (SELECT run, seq, previous, lag(place, 1, 0) OVER (PARTITION BY run ORDER BY seq) AS before,
					count(*) OVER (PARTITION BY run) AS size FROM records) AS r
				JOIN runs ON runs.number = r.run AND runs.events = r.size
			WHERE previous IS NOT before
			UNION ALL
			SELECT id, events, 'its place' FROM runs
			WHERE NOT EXISTS (SELECT 1 FROM records WHERE place = runs.last AND run = runs.number AND seq = runs.events)
			LIMIT 100`, nil, func(st *sqlite3.Stmt) (bool, error) {
			report(&CorruptError{Run: st.ColumnText(0), Seq: uint64(max(st.ColumnInt64(1), 0)), What: st.ColumnText(2), Err: errors.New("nothing that belongs there is there")})
			return true, nil
		})
	})
}

// verifyKept looks at what stands beside the values that are kept.
func (s *Store) verifyKept(ctx context.Context, report func(*CorruptError)) error {
	return s.read(ctx, func(c *connection) error {
		return c.query(`
			SELECT space, key, bytes FROM kept LEFT JOIN documents USING (digest) LEFT JOIN contents USING (number)
			WHERE (value IS NULL) = (digest IS NULL) OR bytes IS NOT octet_length(coalesce(value, document))
			LIMIT 100`, nil, func(st *sqlite3.Stmt) (bool, error) {
			report(&CorruptError{
				What: fmt.Sprintf("value %q of %q", st.ColumnText(1), st.ColumnText(0)),
				Err:  fmt.Errorf("it does not have the %d bytes that it counts, or it is there twice", st.ColumnInt64(2)),
			})
			return true, nil
		})
	})
}
