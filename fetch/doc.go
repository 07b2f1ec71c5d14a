// Package fetch asks the Civitai orchestrator: which workflows a user has, which
// blobs hide in them, and for a blob's bytes. It knows the API's shapes, pages,
// limits and failures, and nothing of files, manifests or policies.
//
// # Which call for which need
//
//   - [Client.Pages] walks a listing page by page, with the cursor of each page, so
//     that a caller can note how far it came; [Client.Workflows] is the same walk,
//     one workflow at a time. Both hold one page in memory.
//   - [Client.UserPages] walks another user's listing, which takes a manager's token.
//   - [Client.Workflow] asks for one workflow by its id, with fresh addresses, and
//     [Client.Wait] until it has ended. [Client.Step] and [Client.Job] ask for a part.
//   - [Client.Describe] tells what may be known of a blob by its id alone.
//   - [Client.Check] says who answers at the API's address, and if the token is good.
//   - [Client.Resolve] turns a [Blob] into a [Location], or into a verdict:
//     [ErrWithheld], [ErrGone], or an error worth another try on another day.
//   - [Client.Open] streams a location's bytes, from an offset when asked.
//   - [Client.Renew] is for a location that stopped working while it was used: Open
//     answered [ErrForbidden] or [ErrGone], and the blob's own address is no longer
//     to be trusted.
//   - [PreviewOf] makes a blob of a result's preview, and [NamesMinors] says which of
//     the server's reasons mean that nothing more is asked.
//   - [Client.Pace] tells how fast the client may ask at the moment, and
//     [Client.Scrub] makes any text safe to show or to write down.
//
// A blob with Data needs no request at all: its bytes came inside the workflow.
//
// # Failures
//
// Every failure of a request is an [*Error]; errors.Is sorts it by kind. Calls
// repeat what is transient on their own, each try paying the rate limit, and give
// up with [ErrUnavailable] or [ErrRateLimited], which say nothing about the thing
// asked for. Only [ErrGone] and [ErrWithheld] are verdicts.
//
// # Secrets
//
// The token goes to the origin of Config.BaseURL and nowhere else. A [SignedURL]
// prints shortened wherever it is printed, and only a plain conversion to string
// reveals it: convert it where a request is made and nowhere else. Texts that came
// from the server (error words, reasons, [Workflow].JSON, text results) have the
// token and every signed query taken out before they leave this package.
//
// Comments name "the API page": the description of the orchestrator's behaviour that
// this package follows where documents and observation differ.
package fetch
