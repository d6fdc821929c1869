package database

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chainrun/chainrun/host/capability"
)

// postgresReasons name the codes of PostgreSQL that are tried again.
var postgresReasons = map[string]string{
	"40001": "serialization_failure",
	"40P01": "deadlock",
	"53300": "too_many_connections",
	"55P03": "busy",                // a lock was not to be had
	"57P01": "connection_lost",     // the server ends the session
	"57P02": "connection_lost",     // another session crashed
	"57P03": "database_not_ready",  // it starts or stops
	"57P05": "connection_lost",     // an idle session
	"53000": "database_overloaded", // resources, and those below
	"53100": "database_overloaded",
	"53200": "database_overloaded",
}

// postgresError classifies what went wrong on a connection; nil stays nil. Neither
// the URL nor a part of it stands in the text.
func postgresError(doing string, err error) error {
	if err == nil {
		return nil
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return serverError(doing, pg)
	}
	if tooLong(err) {
		return &capability.Error{Reason: "result_too_large", Message: fmt.Sprintf("%s: one row has more than %d bytes", doing, postgresMessage)}
	}
	return &capability.Error{Reason: "connection_lost", Retryable: true, Message: doing + ": the connection to the database was lost: " + cause(err)}
}

// connectError classifies why there is no connection.
func connectError(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return &capability.Error{Reason: "no_connection", Retryable: true, Message: "no connection to the database was to be had in time: all are in use, or it does not answer"}
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return serverError("connecting to the database", pg)
	}
	return &capability.Error{Reason: "connection_failed", Retryable: true, Message: "connecting to the database: " + cause(err)}
}

// cause is why a connection failed, without addresses and names.
func cause(err error) string {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return "looking up the host's name: " + dns.Err
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return "it did not answer in time"
	}
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the other side closed it"
	case strings.Contains(err.Error(), "tls"), strings.Contains(err.Error(), "x509"), strings.Contains(err.Error(), "TLS"):
		return "TLS was refused, or the certificate is not trusted"
	default:
		return "it broke"
	}
}

// serverError is what the server itself said.
func serverError(doing string, pg *pgconn.PgError) error {
	e := &capability.Error{Reason: "sql_" + strings.ToLower(pg.Code)}
	switch {
	case postgresReasons[pg.Code] != "":
		e.Reason, e.Retryable = postgresReasons[pg.Code], true
	case pg.Code == "25006":
		e.Reason, e.Denied = "read_only", true
	case pg.Code == "57014":
		e.Reason = "canceled"
	case pg.Code == "42601" && pg.Routine == "exec_parse_message":
		return errSeveral
	case strings.HasPrefix(pg.Code, "08"):
		e.Reason, e.Retryable = "connection_lost", true
	}
	e.Message = doing + ": " + pg.Message
	if pg.Position > 0 {
		e.Message += fmt.Sprintf(", at character %d", pg.Position)
	}
	if pg.Hint != "" {
		e.Message += " (" + pg.Hint + ")"
	}
	e.Message = strings.ToValidUTF8(e.Message, "\uFFFD")
	return e
}
