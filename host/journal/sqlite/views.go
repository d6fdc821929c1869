package sqlite

// The views for people of version 3, from which docs/lineage.md asks. They use what
// the sqlite3 shell of 3.40 has.

// allBytes is every byte once, in hexadecimal digits. SQLite has no function that
// makes bytes of digits before 3.41.
const allBytes = "" +
	"000102030405060708090a0b0c0d0e0f" +
	"101112131415161718191a1b1c1d1e1f" +
	"202122232425262728292a2b2c2d2e2f" +
	"303132333435363738393a3b3c3d3e3f" +
	"404142434445464748494a4b4c4d4e4f" +
	"505152535455565758595a5b5c5d5e5f" +
	"606162636465666768696a6b6c6d6e6f" +
	"707172737475767778797a7b7c7d7e7f" +
	"808182838485868788898a8b8c8d8e8f" +
	"909192939495969798999a9b9c9d9e9f" +
	"a0a1a2a3a4a5a6a7a8a9aaabacadaeaf" +
	"b0b1b2b3b4b5b6b7b8b9babbbcbdbebf" +
	"c0c1c2c3c4c5c6c7c8c9cacbcccdcecf" +
	"d0d1d2d3d4d5d6d7d8d9dadbdcdddedf" +
	"e0e1e2e3e4e5e6e7e8e9eaebecedeeef" +
	"f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"

// peoplesViews belongs to a migration: it is never changed once it was released.
//
// parts are the documents that were cut out of events: of the event at a place, what
// its member is. A reference stands at a cut, right after the member's name; a text
// elsewhere that looks like one is none. Of digest, the first two bytes lead to its
// neighbourhood in documents.
const peoplesViews = `
CREATE VIEW parts AS
	SELECT records.place AS place, CAST(contents.document AS TEXT) AS document,
		CASE
			WHEN substr(CAST(event AS BLOB), cut.value - 8, 9) = CAST('"output":' AS BLOB) THEN 'output'
			WHEN substr(CAST(event AS BLOB), cut.value - 8, 9) = CAST('"answer":' AS BLOB) THEN 'answer'
			WHEN substr(CAST(event AS BLOB), cut.value - 9, 10) = CAST('"request":' AS BLOB) THEN 'request'
			WHEN substr(CAST(event AS BLOB), cut.value - 9, 10) = CAST('"failure":' AS BLOB) THEN 'failure'
			WHEN substr(CAST(event AS BLOB), cut.value - 7, 8) = CAST('"input":' AS BLOB) THEN 'input'
			WHEN substr(CAST(event AS BLOB), cut.value - 8, 9) = CAST('"forked":' AS BLOB) THEN 'forked'
			WHEN substr(CAST(event AS BLOB), cut.value - 10, 11) = CAST('"document":' AS BLOB) THEN 'document'
		END AS member
	FROM records, json_each(records.cuts) AS cut,
		(SELECT '0123456789abcdef' AS digits, x'` + allBytes + `' AS bytes) AS hexadecimal,
		documents JOIN contents USING (number)
	WHERE documents.digest >= CAST(
			substr(bytes, 16 * instr(digits, CAST(substr(CAST(event AS BLOB), cut.value + 9, 1) AS TEXT)) + instr(digits, CAST(substr(CAST(event AS BLOB), cut.value + 10, 1) AS TEXT)) - 16, 1) ||
			substr(bytes, 16 * instr(digits, CAST(substr(CAST(event AS BLOB), cut.value + 11, 1) AS TEXT)) + instr(digits, CAST(substr(CAST(event AS BLOB), cut.value + 12, 1) AS TEXT)) - 16, 1)
		AS BLOB)
		AND documents.digest <= CAST(
			substr(bytes, 16 * instr(digits, CAST(substr(CAST(event AS BLOB), cut.value + 9, 1) AS TEXT)) + instr(digits, CAST(substr(CAST(event AS BLOB), cut.value + 10, 1) AS TEXT)) - 16, 1) ||
			substr(bytes, 16 * instr(digits, CAST(substr(CAST(event AS BLOB), cut.value + 11, 1) AS TEXT)) + instr(digits, CAST(substr(CAST(event AS BLOB), cut.value + 12, 1) AS TEXT)) - 16, 1) ||
			x'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff'
		AS BLOB)
		AND CAST(substr(CAST(event AS BLOB), cut.value + 9, 64) AS TEXT) = lower(hex(documents.digest));

CREATE VIEW origins AS
	SELECT run, time, event ->> '$.graph' AS graph, event ->> '$.plan' AS plan, event ->> '$.engine' AS engine, event ->> '$.seed' AS seed,
		coalesce((SELECT document FROM parts WHERE parts.place = events.place AND member = 'input'), event -> '$.input') AS input,
		coalesce((SELECT document FROM parts WHERE parts.place = events.place AND member = 'forked'), event -> '$.forked') ->> '$.run' AS forked_run,
		coalesce((SELECT document FROM parts WHERE parts.place = events.place AND member = 'forked'), event -> '$.forked') ->> '$.step' AS forked_step
	FROM events WHERE type = 'run_started';

CREATE VIEW results AS
	SELECT run, time, status, output, failure ->> '$.step' AS step, failure ->> '$.code' AS code, failure ->> '$.reason' AS reason, failure ->> '$.message' AS message
	FROM (
		SELECT run, time, event ->> '$.status' AS status,
			coalesce((SELECT document FROM parts WHERE parts.place = events.place AND member = 'output'), event -> '$.output') AS output,
			coalesce((SELECT document FROM parts WHERE parts.place = events.place AND member = 'failure'), event -> '$.failure') AS failure
		FROM events WHERE type = 'run_finished'
	);

CREATE VIEW outputs AS
	SELECT run, seq, time, step, node, attempt, event ->> '$.from.run' AS from_run,
		coalesce(
			(SELECT document FROM parts WHERE parts.place = events.place AND member IN ('output', 'document')),
			event -> '$.output', event -> '$.document'
		) AS output
	FROM events WHERE type IN ('attempt_succeeded', 'signal_received');

CREATE VIEW calls AS
	SELECT run, seq, time, step, node, attempt, event ->> '$.ordinal' AS ordinal,
		event ->> '$.capability' AS capability, event ->> '$.method' AS method,
		coalesce((SELECT document FROM parts WHERE parts.place = events.place AND member = 'failure'), event -> '$.failure') ->> '$.code' AS code,
		coalesce((SELECT document FROM parts WHERE parts.place = events.place AND member = 'failure'), event -> '$.failure') ->> '$.reason' AS reason,
		coalesce(event ->> '$.usage.input_tokens', 0) + coalesce(event ->> '$.usage.output_tokens', 0) AS tokens,
		coalesce(event ->> '$.usage.cost', 0) AS cost, (event ->> '$.took_us') / 1e6 AS seconds,
		coalesce((SELECT document FROM parts WHERE parts.place = events.place AND member = 'request'), event -> '$.request') AS request,
		coalesce((SELECT document FROM parts WHERE parts.place = events.place AND member = 'answer'), event -> '$.answer') AS answer
	FROM events WHERE type = 'capability_answered';

CREATE VIEW attempts AS
	SELECT run, step, node, attempt, started, ended,
		unixepoch(substr(ended, 1, 19)) - unixepoch(substr(started, 1, 19)) + (substr(ended, 21, 6) - substr(started, 21, 6)) / 1e6 AS seconds,
		status, failure ->> '$.code' AS code, failure ->> '$.reason' AS reason, failure ->> '$.message' AS message, fuel,
		from_run, from_step, CASE WHEN from_run IS NOT NULL THEN iif(cache_key IS NULL, 'fork', 'cache') END AS taken_from, cache_key
	FROM (
		SELECT run, step, node, attempt,
			min(time) FILTER (WHERE type = 'attempt_started') AS started,
			max(time) FILTER (WHERE type <> 'attempt_started') AS ended,
			max(CASE type WHEN 'attempt_succeeded' THEN 'done' WHEN 'attempt_failed' THEN 'failed' END) AS status,
			max(coalesce((SELECT document FROM parts WHERE parts.place = events.place AND member = 'failure'), event -> '$.failure')) AS failure,
			max(event ->> '$.fuel') AS fuel, max(event ->> '$.cache_key') AS cache_key,
			max(event ->> '$.from.run') AS from_run, max(event ->> '$.from.step') AS from_step
		FROM events WHERE type IN ('attempt_started', 'attempt_succeeded', 'attempt_failed')
		GROUP BY run, step, node, attempt
	);

CREATE VIEW steps AS
	SELECT run, step, node, attempts, started, ended,
		unixepoch(substr(ended, 1, 19)) - unixepoch(substr(started, 1, 19)) + (substr(ended, 21, 6) - substr(started, 21, 6)) / 1e6 AS seconds,
		CASE substr(last, 13)
			WHEN 'attempt_started' THEN 'running' WHEN 'step_skipped' THEN 'skipped'
			WHEN 'attempt_failed' THEN 'failed' WHEN 'step_failed' THEN 'failed' ELSE 'done'
		END AS status,
		CASE WHEN substr(last, 13) IN ('attempt_failed', 'step_failed') THEN substr(failed, 13) END AS code, fuel, from_run
	FROM (
		SELECT run, step, max(node) AS node, count(DISTINCT attempt) AS attempts,
			min(time) FILTER (WHERE type = 'attempt_started') AS started,
			max(time) FILTER (WHERE type <> 'attempt_started') AS ended,
			max(printf('%012d', seq) || type) AS last,
			max(printf('%012d', seq) || (coalesce((SELECT document FROM parts WHERE parts.place = events.place AND member = 'failure'), event -> '$.failure') ->> '$.code')) AS failed,
			sum(event ->> '$.fuel') AS fuel, max(event ->> '$.from.run') AS from_run
		FROM events
		WHERE type IN ('attempt_started', 'attempt_succeeded', 'attempt_failed', 'step_skipped', 'step_failed', 'step_succeeded', 'signal_received')
		GROUP BY run, step
	);

CREATE VIEW violations AS
	SELECT run, seq, time, step, node, attempt, v.key AS number,
		v.value ->> '$.pointer' AS pointer, v.value ->> '$.keyword' AS keyword, v.value ->> '$.message' AS message, v.value ->> '$.found' AS found
	FROM events, json_each(coalesce((SELECT document FROM parts WHERE parts.place = events.place AND member = 'failure'), event -> '$.failure'), '$.violations') AS v
	WHERE events.type IN ('attempt_failed', 'step_failed');

CREATE VIEW made_of AS
	SELECT runs.id AS run, runs.graph AS graph, value ->> '$.kind' AS kind, value ->> '$.name' AS name, 'sha256:' || (value ->> '$.digest') AS digest
	FROM runs JOIN pinned ON pinned.run = runs.number JOIN lists ON lists.number = pinned.list, json_each(lists.files);
`
