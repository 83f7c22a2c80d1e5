import type { Manifest } from './bundle-format.ts';

/** What lies in the bundle and how to check it, for a person with this file and no network. */
export function bundleReadme({
  origin,
  request,
  size,
  created,
}: Pick<Manifest, 'origin' | 'request' | 'size' | 'created'>): string {
  return `EVIDENCE BUNDLE

request     ${request}
log         ${origin}
log size    ${size}
made        ${created} (as the program that made it says)

This folder shows what was asked, who could decide, who decided what and when, and that nothing was
left out or changed since. Nothing here has to be believed: it is checked against ONE thing that you
must already hold and that did not come with this bundle, the verifier key of the log. It is one line:

    ${origin}+<8 hex digits>+<base64>

Get it from the operator through another channel, once, and keep it (the operator reads it at
/v1/log/key). COMPARE THE KEY THAT YOU USE WITH THE ONE THAT YOU HOLD. A bundle with a key of its own
proves nothing. Keep old checkpoints too: whoever holds one can be shown no rewritten log.

WITH COUNTERSIGN (no network, no database)

    npm run verify -- bundle.zip --key '<verifier key, or a file with it>'
    npm run verify -- bundle.zip --key key.txt --request <its id> --since old.checkpoint --json

    exit code 0 valid, 1 invalid (the first bad record and its code are named), 3 usage, 2 incomplete
    (nothing is wrong, but something is not disclosed or erased, or your checkpoint is newer than this)

IN A BROWSER

    Open index.html from the disk, paste the key, press "Verify". Then drop the ZIP on the page: that
    also checks the list of files and its seal. The page came with the bundle, so it is a help and
    not evidence: a liar could have changed the page, too. Who wants certainty uses a verifier of
    their own.

WITH STANDARD TOOLS

    1. Every file is the one that was listed:
       jq -r '.files[] | .sha256 + "  " + .path' bundle.json | sha256sum --check

    2. The list is the one that the log sealed ("sha256" in the body of seal/export.json):
       sha256sum bundle.json

    3. A record names the one before it ("prev" in records/0004.json):
       { printf '\\0'; cat records/0003.json; } | sha256sum

    4. A content is the one that a record names ("refs" in records/0000.json): its name is its digest:
       sha256sum blobs/*

    5. The signed log holds the records. proofs/*.tlog-proof is C2SP tlog-proof@v1: index, hashes up to
       the root, empty line, checkpoint (a C2SP signed note). With Go, unmodified:
       note.Open of golang.org/x/mod/sumdb/note opens the checkpoint with your key;
       tlog.CheckRecord of golang.org/x/mod/sumdb/tlog, or proof.VerifyInclusion of
       github.com/transparency-dev/merkle, checks the hash of step 3 at the index against the root.

    6. Nothing is cut off at the end: head.note is a signed note that says which record is the last of
       this request in that tree. Its key stands in keys/stream-head.vkey; keys/0000.json is the record
       of the log that vouches for it, with a proof beside it as in step 5. Its new_digest is
       tr -d '\\n' < keys/stream-head.vkey | sha256sum

    7. An opened text is the one that was sealed: SHA-256 over "countersign/commit/v1", a zero byte, the
       salt, the length of the path (2 bytes), the path, the length of the text (4 bytes), the text.

FILES

    bundle.json     what this is, and every file with its SHA-256
    records/        the exact bytes of each record        proofs/    their proofs, all in one tree
    head.note       the last record of this request       keys/      who signed head.note, and why
    openings/       texts and people behind commitments   blobs/     contents behind digests
    consistency/    that the log only grew since a checkpoint that the reader holds
    seal/           the record that seals bundle.json     index.html for people; not evidence

What is not here is marked: "not_disclosed" (this reader may not see it), "erased" (a sealed record says
when and on what ground), "not_kept" (a content of which only the digest is stored). It can be asked for.

Personal data may be in openings/ and blobs/: keep the bundle accordingly.
`;
}
