// Package secret holds what no node may see: values that a graph names and the
// host alone reads, and their removal from whatever leaves the host.
//
// A graph says where a secret is ([Reference]), never what it is. [Resolve] asks
// a [Resolver] for the values, before a run begins, and gives a [Set]; capability
// calls put values in place of `${secret:NAME}` by [Set.Expand]. [Redact] makes
// the [Redactor] that takes the values of sets out of texts, documents and
// failures, wherever the world sends them back.
//
// # What is found
//
// Each value of at least [MinRedacted] bytes (space around it does not count),
// in these forms and mixtures of them, is replaced by `[secret:NAME]`:
//
//   - as it is; with any line breaks (LF or CRLF), and "+" in place of a space;
//   - escaped as in JSON, or as Go's %q does, once or twice, whichever of its
//     characters are escaped;
//   - percent-encoded, once or twice, whichever of its bytes, with either case of
//     the hexadecimal digits;
//   - in base64, of either alphabet, padded or not, wrapped into lines or not, at
//     any place inside of what was encoded, so in base64("user:" + secret); also
//     where the secret was escaped for a URL, or for JSON, before;
//   - cut: its first eight or more bytes, followed by "…";
//   - of a value of several lines, each line of [MinLine] bytes by itself, but for
//     the BEGIN and END lines of PEM: logs are cut at line breaks, and servers
//     wrap anew.
//
// What is not found: a secret that was hashed, encrypted, compressed, reversed,
// encoded in hexadecimal or in HTML entities, written with other letters' case,
// cut into pieces, or that is a JSON number in a document; and parts of a value
// that is itself structured, such as the fields of a service account's JSON file,
// where they stand alone. Redaction guards against echoes, not against a node
// that was granted a capability and wants to betray what it got back.
package secret
