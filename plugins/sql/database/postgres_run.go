package database

// The one statement of a call, over PostgreSQL's extended protocol, in which the
// server refuses several, and rows are asked for in lots.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/chainrun/chainrun/host/capability"
)

const (
	firstLot = 128
	maxLot   = 4096
)

// run carries out the statement, up to one row too many, and gives the rows and how
// many were changed.
func (e *postgresEngine) run(pg *pgconn.PgConn, s statement) (*table, int64, error) {
	described, err := pg.Prepare(context.Background(), "", s.sql, nil)
	if err != nil {
		return nil, 0, postgresError("reading the statement", err)
	}
	if n := len(described.ParamOIDs); n != len(s.args) {
		return nil, 0, wrongCount(n, len(s.args))
	}
	oids := slices.Clone(described.ParamOIDs)
	for _, f := range described.Fields {
		oids = append(oids, f.DataTypeOID)
	}
	again, err := e.types.learn(pg, oids)
	if err != nil {
		return nil, 0, err
	}
	if again { // the unnamed statement was another one since
		if _, err = pg.Prepare(context.Background(), "", s.sql, nil); err != nil {
			return nil, 0, postgresError("reading the statement", err)
		}
	}
	params := make([][]byte, len(s.args))
	for i, d := range s.args {
		if params[i], err = e.types.argument(d, described.ParamOIDs[i], i+1); err != nil {
			return nil, 0, err
		}
	}
	kinds := make([]postgresType, len(described.Fields))
	columns := make([]column, len(kinds))
	for i, f := range described.Fields {
		kinds[i] = e.types.get(f.DataTypeOID)
		columns[i] = column{name: strings.ToValidUTF8(f.Name, "\uFFFD"), kind: kinds[i].name}
	}
	t := newTable(s, columns)
	affected, err := fetch(pg, params, t, kinds)
	return t, affected, err
}

// fetch carries out the unnamed statement and takes its rows in lots, until there
// are no more or no more are wanted.
func fetch(pg *pgconn.PgConn, params [][]byte, t *table, kinds []postgresType) (int64, error) {
	out := pg.Frontend()
	out.SendBind(&pgproto3.Bind{Parameters: params})
	var failed error // the first error of a value: the lot is read to its end
	for lot := uint32(min(firstLot, t.maxRows+1)); ; lot = min(2*lot, maxLot) {
		out.SendExecute(&pgproto3.Execute{MaxRows: lot})
		out.SendSync(&pgproto3.Sync{})
		if err := out.Flush(); err != nil {
			return 0, postgresError("sending the statement", err)
		}
		end, err := readLot(pg, func(values [][]byte) {
			if failed != nil || t.full() {
				return
			}
			if len(values) != len(kinds) {
				failed = fmt.Errorf("a row of %d values and not of %d", len(values), len(kinds))
				return
			}
			failed = t.add(func(dst []byte, i int) ([]byte, error) { return kinds[i].append(dst, values[i]) })
		})
		switch {
		case err != nil:
			return 0, err
		case failed != nil:
			return 0, failed
		case !end.suspended || t.full():
			return end.affected, nil
		}
	}
}

// lot is how reading some rows ended.
type lot struct {
	suspended bool // there are more
	affected  int64
}

// readLot reads what the server says up to where it is ready for more.
func readLot(pg *pgconn.PgConn, row func([][]byte)) (end lot, err error) {
	for {
		message, e := pg.ReceiveMessage(context.Background())
		if e != nil {
			// An error of the server in the middle of a lot is more telling than
			// the end of the connection that follows it.
			if err == nil {
				err = postgresError("carrying out the statement", e)
			}
			return end, err
		}
		switch m := message.(type) {
		case *pgproto3.DataRow:
			row(m.Values)
		case *pgproto3.PortalSuspended:
			end.suspended = true
		case *pgproto3.CommandComplete:
			if tag := pgconn.NewCommandTag(string(m.CommandTag)); !tag.Select() {
				end.affected = tag.RowsAffected()
			}
		case *pgproto3.ErrorResponse:
			err = postgresError("carrying out the statement", pgconn.ErrorResponseToPgError(m))
		case *pgproto3.CopyInResponse, *pgproto3.CopyOutResponse, *pgproto3.CopyBothResponse:
			_ = pg.Conn().Close()
			return end, &capability.Error{Reason: "statement_not_allowed", Denied: true, Message: "COPY is no statement of this capability"}
		case *pgproto3.ReadyForQuery:
			return end, err
		}
	}
}

// tooLong says whether an error is a message that is longer than any may be.
func tooLong(err error) bool {
	_, ok := errors.AsType[*pgproto3.ExceededMaxBodyLenErr](err)
	return ok
}
