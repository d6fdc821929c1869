package sqlite

// The views for people of version 3: what docs/lineage.md asks.

// peoplesViews belongs to a migration: it is never changed once it was released.
//
// A document that was cut out of its event is put back where a reference stands at
// one of the event's cuts, right after the name of its member; a text that only
// looks like a reference stays what it is.
const peoplesViews = `
CREATE VIEW facts AS
	SELECT records.run AS number, runs.id AS run, seq, place,
		event ->> '$.time' AS time, event ->> '$.type' AS type,
		event ->> '$.step' AS step, event ->> '$.node' AS node, event ->> '$.attempt' AS attempt,
		coalesce((
			SELECT document FROM json_each(cuts) JOIN documents ON digest = unhex(substr(event ->> '$.failure', 8)) JOIN contents USING (number)
			WHERE substr(CAST(event AS BLOB), value - 9, 83) = CAST('"failure":' || (event -> '$.failure') AS BLOB)
		), event -> '$.failure') AS failure, event, cuts
	FROM records JOIN runs ON runs.number = records.run;

CREATE VIEW outputs AS
	SELECT run, seq, time, step, node, attempt, event ->> '$.from.run' AS from_run,
		coalesce((
			SELECT document FROM json_each(cuts) JOIN documents ON digest = unhex(substr(event ->> '$.output', 8)) JOIN contents USING (number)
			WHERE substr(CAST(event AS BLOB), value - 8, 82) = CAST('"output":' || (event -> '$.output') AS BLOB)
		), event -> '$.output', (
			SELECT document FROM json_each(cuts) JOIN documents ON digest = unhex(substr(event ->> '$.document', 8)) JOIN contents USING (number)
			WHERE substr(CAST(event AS BLOB), value - 10, 84) = CAST('"document":' || (event -> '$.document') AS BLOB)
		), event -> '$.document') AS output
	FROM facts WHERE type IN ('attempt_succeeded', 'signal_received');

CREATE VIEW calls AS
	SELECT run, seq, time, step, node, attempt, event ->> '$.ordinal' AS ordinal,
		event ->> '$.capability' AS capability, event ->> '$.method' AS method,
		failure ->> '$.code' AS code, failure ->> '$.reason' AS reason,
		coalesce(event ->> '$.usage.input_tokens', 0) + coalesce(event ->> '$.usage.output_tokens', 0) AS tokens,
		coalesce(event ->> '$.usage.cost', 0) AS cost, (event ->> '$.took_us') / 1e6 AS seconds,
		coalesce((
			SELECT document FROM json_each(cuts) JOIN documents ON digest = unhex(substr(event ->> '$.request', 8)) JOIN contents USING (number)
			WHERE substr(CAST(event AS BLOB), value - 9, 83) = CAST('"request":' || (event -> '$.request') AS BLOB)
		), event -> '$.request') AS request,
		coalesce((
			SELECT document FROM json_each(cuts) JOIN documents ON digest = unhex(substr(event ->> '$.answer', 8)) JOIN contents USING (number)
			WHERE substr(CAST(event AS BLOB), value - 8, 82) = CAST('"answer":' || (event -> '$.answer') AS BLOB)
		), event -> '$.answer') AS answer
	FROM facts WHERE type = 'capability_answered';

CREATE VIEW attempts AS
	SELECT run, step, node, attempt, started, ended,
		unixepoch(substr(ended, 1, 19)) - unixepoch(substr(started, 1, 19)) + (substr(ended, 21, 6) - substr(started, 21, 6)) / 1e6 AS seconds,
		status, failure ->> '$.code' AS code, failure ->> '$.reason' AS reason, failure ->> '$.message' AS message,
		fuel, from_run, from_step, CASE WHEN from_run IS NOT NULL THEN iif(cache_key IS NULL, 'fork', 'cache') END AS taken, cache_key
	FROM (
		SELECT run, number, step, node, attempt,
			min(time) FILTER (WHERE type = 'attempt_started') AS started,
			max(time) FILTER (WHERE type <> 'attempt_started') AS ended,
			max(CASE type WHEN 'attempt_succeeded' THEN 'done' WHEN 'attempt_failed' THEN 'failed' END) AS status,
			max(failure) AS failure, max(event ->> '$.fuel') AS fuel,
			max(event ->> '$.from.run') AS from_run, max(event ->> '$.from.step') AS from_step, max(event ->> '$.cache_key') AS cache_key
		FROM facts WHERE type IN ('attempt_started', 'attempt_succeeded', 'attempt_failed')
		GROUP BY run, step, attempt
	);

CREATE VIEW steps AS
	SELECT run, step, node, attempts, started, ended,
		unixepoch(substr(ended, 1, 19)) - unixepoch(substr(started, 1, 19)) + (substr(ended, 21, 6) - substr(started, 21, 6)) / 1e6 AS seconds,
		CASE substr(last, 13)
			WHEN 'attempt_started' THEN 'running' WHEN 'step_skipped' THEN 'skipped'
			WHEN 'attempt_failed' THEN 'failed' WHEN 'step_failed' THEN 'failed' ELSE 'done'
		END AS status,
		CASE WHEN substr(last, 13) IN ('attempt_failed', 'step_failed') THEN code END AS code, fuel, from_run
	FROM (
		SELECT run, step, max(node) AS node, count(DISTINCT attempt) AS attempts,
			min(time) FILTER (WHERE type = 'attempt_started') AS started,
			max(time) FILTER (WHERE type <> 'attempt_started') AS ended,
			max(printf('%012d', seq) || type) AS last,
			substr(max(printf('%012d', seq) || (failure ->> '$.code')), 13) AS code,
			sum(event ->> '$.fuel') AS fuel, max(event ->> '$.from.run') AS from_run
		FROM facts
		WHERE step IS NOT NULL AND type <> 'capability_answered'
		GROUP BY run, step
	);

CREATE VIEW made_of AS
	SELECT runs.id AS run, runs.graph, value ->> '$.kind' AS kind, value ->> '$.name' AS name, 'sha256:' || (value ->> '$.digest') AS digest
	FROM runs JOIN pinned ON pinned.run = runs.number JOIN lists ON lists.number = pinned.list, json_each(lists.files);
`
