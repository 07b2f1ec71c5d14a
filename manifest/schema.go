package manifest

// indexVersion changes with the schema; an index of another version is made anew.
const indexVersion = 5

// Paths are found as by a system that ignores case; they hold ASCII only. The indexes of them
// are in the order of the paths, so that what comes together is filed together: hashes of
// paths would be smaller, and every row would change a page of its own.
const schema = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE workflow (
	id TEXT PRIMARY KEY, created INTEGER NOT NULL, completed INTEGER NOT NULL,
	status TEXT NOT NULL, open INTEGER NOT NULL, scope TEXT NOT NULL, sidecar TEXT NOT NULL,
	print TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL, plain TEXT, run TEXT NOT NULL, time INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE blob (
	workflow TEXT NOT NULL, blob TEXT NOT NULL, created INTEGER NOT NULL, step TEXT NOT NULL, type TEXT NOT NULL,
	state TEXT NOT NULL, reason TEXT NOT NULL, asked INTEGER NOT NULL, path TEXT NOT NULL,
	size INTEGER NOT NULL, sha256 TEXT NOT NULL, media TEXT NOT NULL, nsfw TEXT NOT NULL, role TEXT NOT NULL,
	plain TEXT, beside TEXT, beside_path TEXT NOT NULL, time INTEGER NOT NULL,
	PRIMARY KEY (workflow, blob)
) WITHOUT ROWID;
CREATE TABLE coverage (scope TEXT PRIMARY KEY, line TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE filing (one INTEGER PRIMARY KEY CHECK (one = 1), line TEXT NOT NULL);
CREATE TABLE run (seq INTEGER PRIMARY KEY, line TEXT NOT NULL);

-- To count a million blobs takes seconds. Whoever puts rows adds what they count for
-- (count.go), and the triggers take off what is replaced.
CREATE TABLE total (what TEXT PRIMARY KEY, n INTEGER NOT NULL, bytes INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE reason (state TEXT NOT NULL, reason TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (state, reason)) WITHOUT ROWID;
CREATE TABLE alike (
	nsfw TEXT NOT NULL, type TEXT NOT NULL, media TEXT NOT NULL, month TEXT NOT NULL, apart INTEGER NOT NULL,
	n INTEGER NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (nsfw, type, media, month, apart)
) WITHOUT ROWID;
CREATE TRIGGER blob_replaced AFTER UPDATE ON blob BEGIN
	UPDATE total SET n = n - 1, bytes = bytes - old.size WHERE what = old.state;
	UPDATE reason SET n = n - 1 WHERE state = old.state AND reason = old.reason;
	DELETE FROM reason WHERE state = old.state AND reason = old.reason AND n = 0;
	UPDATE alike SET n = n - 1, bytes = bytes - old.size WHERE old.state = 'kept' AND nsfw = old.nsfw AND type = old.type AND media = old.media
		AND month = iif(old.created = 0, '', strftime('%Y-%m', old.created / 1000, 'unixepoch'))
		AND apart = (old.plain IS NOT NULL OR old.path LIKE 'mature/%');
END;
CREATE TRIGGER workflow_replaced AFTER UPDATE ON workflow BEGIN
	UPDATE total SET n = n - iif(what = 'open', old.open, 1) WHERE what IN ('workflows', 'open');
END;
`

// lookups are made when an index is complete: kept up meanwhile, they would take most of the time.
const lookups = `
CREATE INDEX workflow_open ON workflow (id) WHERE open;
CREATE INDEX workflow_sidecar ON workflow (sidecar COLLATE NOCASE) WHERE sidecar <> '';
CREATE INDEX blob_path ON blob (path COLLATE NOCASE) WHERE path <> '';
CREATE INDEX blob_beside ON blob (beside_path COLLATE NOCASE) WHERE beside_path <> '';
CREATE INDEX blob_again ON blob (workflow) WHERE state IN ('failed', 'pending');
`
