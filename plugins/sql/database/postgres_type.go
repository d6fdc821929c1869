package database

// The types of PostgreSQL: those it has by itself, and those that a database adds.

import (
	"context"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// postgresType is what is known of a type.
type postgresType struct {
	name    string
	array   bool
	element uint32 // of an array; otherwise the type itself
}

// postgresTypes are the types of a database, by their numbers. Safe for concurrent
// use.
type postgresTypes struct {
	mu    sync.Mutex
	known map[uint32]postgresType
}

// maxTypes bounds what is remembered: a database where types come and go.
const maxTypes = 10_000

func newPostgresTypes() *postgresTypes { return &postgresTypes{known: map[uint32]postgresType{}} }

var builtIn = sync.OnceValue(pgtype.NewMap)

// builtInMu guards builtIn, which fills caches of its own.
var builtInMu sync.Mutex

func (p *postgresTypes) get(oid uint32) postgresType {
	p.mu.Lock()
	known, ok := p.known[oid]
	p.mu.Unlock()
	if ok {
		return known
	}
	if t, ok := builtInType(oid); ok {
		return t
	}
	return postgresType{name: "unknown", element: oid}
}

func builtInType(oid uint32) (postgresType, bool) {
	builtInMu.Lock()
	defer builtInMu.Unlock()
	t, ok := builtIn().TypeForOID(oid)
	if !ok {
		return postgresType{}, false
	}
	if a, ok := t.Codec.(*pgtype.ArrayCodec); ok && a.ElementType != nil && oid != pgtype.BoxArrayOID { // a box has commas
		return postgresType{name: a.ElementType.Name + "[]", array: true, element: a.ElementType.OID}, true
	}
	return postgresType{name: t.Name, element: oid}, true
}

// learn asks the catalog for the types that are not known, and says whether it had
// to.
func (p *postgresTypes) learn(pg *pgconn.PgConn, oids []uint32) (bool, error) {
	var missing []string
	p.mu.Lock()
	for _, oid := range oids {
		if _, ok := p.known[oid]; ok {
			continue
		}
		if _, ok := builtInType(oid); !ok {
			missing = append(missing, strconv.FormatUint(uint64(oid), 10))
		}
	}
	p.mu.Unlock()
	if len(missing) == 0 {
		return false, nil
	}
	r := pg.ExecParams(context.Background(),
		`SELECT t.oid, t.typname, t.typcategory = 'A' AND t.typelem <> 0 AND t.typdelim = ',', t.typelem, pg_catalog.format_type(t.typelem, NULL)
		 FROM pg_catalog.pg_type t WHERE t.oid = ANY ($1::pg_catalog.oid[])`,
		[][]byte{[]byte("{" + strings.Join(missing, ",") + "}")}, nil, nil, nil).Read()
	if r.Err != nil {
		return true, postgresError("looking up types", r.Err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.known) > maxTypes {
		clear(p.known)
	}
	for _, row := range r.Rows {
		oid := number(row[0])
		t := postgresType{name: strings.ToValidUTF8(string(row[1]), "\uFFFD"), element: oid}
		if string(row[2]) == "t" {
			t = postgresType{name: strings.ToValidUTF8(string(row[4]), "\uFFFD") + "[]", array: true, element: number(row[3])}
		}
		p.known[oid] = t
	}
	return true, nil
}

func number(text []byte) uint32 {
	n, _ := strconv.ParseUint(string(text), 10, 32) // an oid, written by the catalog
	return uint32(n)
}
