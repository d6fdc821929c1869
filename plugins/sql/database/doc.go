// Package database is the capability of databases: PostgreSQL and SQLite.
//
// A node asks with method query, which only reads, or exec, which writes where
// its grant says read_only = false. A call is one statement in a transaction of
// its own. What a statement may do is held by several fences, because none is
// enough alone:
//
//  1. the grant's list of statements, where it has one;
//  2. the statement's first word, which must be that of a reading or writing
//     statement, never one that controls transactions, sessions or the server;
//  3. one statement only, as the database itself parses it;
//  4. the database's own refusal: a transaction that is READ ONLY, and has been
//     used, so that it stays so (PostgreSQL); a connection that was opened for
//     reading, with query_only and an authorizer (SQLite);
//  5. query never commits: what a function did nevertheless is rolled back, and
//     what it left in the session is discarded.
//
// Rows are taken from the database as they come, in small lots, up to the limits
// of the grant; values are written exactly, see the table in README.md. database/sql
// is the pool of connections; below it statements are sent through the drivers' own
// API, which says more of values than database/sql's.
package database
