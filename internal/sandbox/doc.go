// Package sandbox is a simulated orchestrator: an http.Handler that answers
// like the API page says the real one does, over an account that does not
// exist anywhere. It backs the --sandbox flag, the tests and the benchmarks.
//
// # How it works
//
// Nothing is stored. Workflow number i, its steps, its blobs and their bytes
// are computed from the seed and i each time somebody asks, and every id can
// be turned back into i. So an account of a million workflows costs no memory,
// and two servers with equal Options show the same account, also after a
// restart. What changes over time is small and explicit: Add puts newer
// workflows on top, FinishProcessing ends those still running, SetLevel,
// SetHidden, SetBlocked and Replace change single blobs. All of it is forgotten
// when the process ends.
//
// The oldest numbers walk through a catalogue in which every step type and
// every fate of a blob occurs once; later ones are drawn at random, mostly
// pictures. Some of the newest are still running. Truth tells what a complete
// archive of the account would hold, and why the rest would be missing.
// Beside the results it tells the previews that listings link, and the inputs:
// the server's own blobs that steps worked on, mostly uploads, which no
// workflow lists as a result.
//
// CatalogueLevels is another catalogue: every NSFW level of a workflow, with
// every level of a blob, with every fate, and blobs that are blocked for
// showing minors. Stats counts the requests for those, and there should be
// none for one of which the listing told it.
//
// # Faults
//
// Faults is a plain struct whose zero value means none. Give it in Options,
// change it with SetFaults at any time, or post it as JSON to
// /_sandbox/faults. "Every" fields strike each Nth request of their kind,
// counted over the whole server since the faults were set, but never the same
// request twice in a row: a client that tries again gets through.
//
// # What it is not
//
// It accepts no work: nothing can be submitted, changed or deleted through
// the API it simulates. It knows one user and two tokens, has no quota or
// rate limit other than the faults, and its pictures are made by arithmetic.
// The paths under /_sandbox/ are for tests in other processes: GET truth and
// stats; POST finish, add, faults, and for single blobs level, hidden and
// blocked, as in /_sandbox/level?id=<blob or workflow>&value=xxx. They are not
// part of the simulated API, need no token and are spared by all faults.
package sandbox
