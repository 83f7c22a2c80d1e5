package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/tlog"
)

func TestMain(m *testing.M) {
	silenceKlog()
	os.Exit(m.Run())
}

type outcome struct {
	code   int
	checks map[string]result
	stderr string
}

func (o outcome) with(verdict string) []string {
	var names []string
	for name, res := range o.checks {
		if res.Verdict == verdict {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// check runs the whole program with -json against an address.
func check(t *testing.T, l *testLog, address string, more ...string) outcome {
	t.Helper()
	args := append([]string{"-url", address, "-key", l.vkey, "-json", "-sample", "4", "-stall", "1s"}, more...)
	var stdout, stderr bytes.Buffer
	env := func(name string) string {
		if name == tokenVariable {
			return testToken
		}
		return ""
	}
	o := outcome{checks: map[string]result{}}
	o.code = run(t.Context(), args, env, &stdout, &stderr)
	o.stderr = stderr.String()
	if o.code == exitUsage {
		return o
	}
	var doc struct {
		Passed bool
		Checks []result
	}
	if err := json.Unmarshal(stdout.Bytes(), &doc); err != nil {
		t.Fatalf("no JSON: %v\n%s%s", err, stdout.String(), o.stderr)
	}
	for _, res := range doc.Checks {
		if _, again := o.checks[res.Check]; again {
			t.Errorf("%s is reported twice", res.Check)
		}
		o.checks[res.Check] = res
	}
	if doc.Passed != (o.code == exitPassed) {
		t.Errorf("passed is %v, the exit code %d", doc.Passed, o.code)
	}
	return o
}

func holdFile(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "old-checkpoint")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPasses(t *testing.T) {
	for _, size := range []int{0, 1, 2, 3, 255, 256, 257, 511, 512, 700, 65_536, 65_836} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			if testing.Short() && size > 1000 {
				t.Skip("large")
			}
			l := newTestLog(t, size)
			old := holdFile(t, l.noteAt(int64(size)*2/3))
			o := check(t, l, l.serve(t), "-old-checkpoint", old)
			if o.code != exitPassed {
				t.Errorf("exit code %d, %+v", o.code, o.checks)
			}
			if skipped := o.with(verdictSkip); size > 0 && len(skipped) > 0 {
				t.Errorf("skipped %v", skipped)
			}
		})
	}
}

func TestPublicNeedsNoToken(t *testing.T) {
	t.Parallel()
	l := newTestLog(t, 300)
	l.alter = func(r *http.Request, res *response) *response {
		if r.Header.Get("Authorization") != "" || strings.Contains(r.URL.Path, "/entries/") {
			t.Errorf("%s asked, Authorization %q", r.URL.Path, r.Header.Get("Authorization"))
		}
		return res
	}
	o := check(t, l, l.serve(t), "-public")
	if o.code != exitPassed {
		t.Errorf("exit code %d, %+v", o.code, o.checks)
	}
	want := []string{"bundle-credential", "bundle-headers", "bundle-leaves", "bundle-lengths", "root-compact", "root-entries", "tessera-fsck"}
	if got := o.with(verdictSkip); !slices.Equal(got, want) {
		t.Errorf("skipped %v", got)
	}
}

// The log grows and collects its partial tiles while it is checked: none of it is a fault.
func TestPassesWhileTheLogGrows(t *testing.T) {
	t.Parallel()
	l := newTestLog(t, 700)
	var grown atomic.Bool
	l.alter = func(r *http.Request, res *response) *response {
		if grown.CompareAndSwap(false, true) {
			l.grow(t, 200)
		} else if strings.HasSuffix(r.URL.Path, "/002.p/188") && res.status == http.StatusOK {
			return absentResponse()
		}
		return res
	}
	if o := check(t, l, l.serve(t)); o.code != exitPassed {
		t.Errorf("%+v", o.checks)
	}
}

func TestPassesWithGzipUnasked(t *testing.T) {
	t.Parallel()
	l := newTestLog(t, 300)
	l.alter = func(r *http.Request, res *response) *response {
		if strings.Contains(r.URL.Path, "/entries/") && res.status == http.StatusOK {
			res.header.Set("Content-Encoding", "gzip")
			res.body = gzipped(res.body)
		}
		return res
	}
	if o := check(t, l, l.serve(t)); o.code != exitPassed {
		t.Errorf("%+v", o.checks)
	}
}

// A log that Tessera itself wrote passes: the checks demand nothing of their own making below checkpoint and tiles.
func TestPassesForTesseraPOSIX(t *testing.T) {
	t.Parallel()
	l := newTestLog(t, 600)
	l.dir = t.TempDir()
	ctx := t.Context()
	driver, err := posix.New(ctx, posix.Config{Path: l.dir})
	if err != nil {
		t.Fatal(err)
	}
	opts := tessera.NewAppendOptions().WithCheckpointSigner(l.signer).
		WithBatching(uint(len(l.entries)), 100*time.Millisecond).WithCheckpointInterval(100 * time.Millisecond)
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, opts)
	if err != nil {
		t.Fatal(err)
	}
	var last tessera.IndexFuture
	for _, entry := range l.entries {
		last = appender.Add(ctx, tessera.NewEntry(entry))
	}
	if _, _, err := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 50*time.Millisecond).Await(ctx, last); err != nil {
		t.Fatal(err)
	}
	if err := shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if o := check(t, l, l.serve(t)); o.code != exitPassed {
		t.Errorf("%+v", o.checks)
	}
}

// broken is a fault and the checks that must fail for it, all of them and no other.
type broken struct {
	name string
	size int
	old  func(l *testLog) []byte
	// alter changes an answer; path is below the log's address, with the query.
	alter func(l *testLog, r *http.Request, path string, res *response) *response
	// text makes another checkpoint text, properly signed.
	text func(origin string, size int64, root tlog.Hash) string
	want []string
	says string
}

var (
	inclusionVerified   = []string{"inclusion-merkle", "inclusion-tessera", "inclusion-tlog"}
	consistencyVerified = []string{"consistency-merkle", "consistency-tessera", "consistency-tlog"}
)

func join(lists ...[]string) []string { return slices.Concat(lists...) }

// at breaks the answers to one path, whatever the query.
func at(path string, change func(res *response)) func(*testLog, *http.Request, string, *response) *response {
	return func(_ *testLog, r *http.Request, asked string, res *response) *response {
		if asked == path || strings.HasPrefix(asked, path+"?") {
			change(res)
		}
		return res
	}
}

func atOK(path string, change func(res *response)) func(*testLog, *http.Request, string, *response) *response {
	return at(path, func(res *response) {
		if res.status == http.StatusOK {
			change(res)
		}
	})
}

func setHeader(name, value string) func(*response) {
	return func(res *response) { res.header.Set(name, value) }
}

func proofEdit(path string, edit func(doc proofDoc)) func(*testLog, *http.Request, string, *response) *response {
	return at(path, func(res *response) { res.editProof(edit) })
}

func breakFirstHash(doc proofDoc) {
	if hashes := doc.hashes(); len(hashes) > 0 {
		hashes[0] = flipped(hashes[0].(string))
	}
}

func dropLastHash(doc proofDoc) {
	if hashes := doc.hashes(); len(hashes) > 0 {
		doc["hashes"] = hashes[:len(hashes)-1]
	}
}

func reverseHashes(doc proofDoc) { slices.Reverse(doc.hashes()) }

// Every fault is tried on 700 entries: tiles 0 and 1 full, 2 partial with 188, tile/1/000.p/2.
var faults = []broken{
	{name: "checkpoint 503", alter: at("checkpoint", func(res *response) { res.status = 503 }), want: []string{"checkpoint-served"}},
	{name: "checkpoint redirects", alter: at("checkpoint", func(res *response) {
		res.status = 302
		res.header.Set("Location", "/v1/log/key")
	}), want: []string{"checkpoint-served"}},
	{name: "checkpoint html", alter: at("checkpoint", setHeader("Content-Type", "text/html; charset=utf-8")), want: []string{"checkpoint-served"}},
	{name: "checkpoint without charset", alter: at("checkpoint", setHeader("Content-Type", "text/plain")), want: []string{"checkpoint-served"}},
	{name: "checkpoint cacheable", alter: at("checkpoint", setHeader("Cache-Control", "public, max-age=60")), want: []string{"checkpoint-served"}},
	{name: "checkpoint altered", alter: at("checkpoint", func(res *response) {
		res.body = bytes.Replace(res.body, []byte("\n700\n"), []byte("\n701\n"), 1)
	}), want: []string{"checkpoint-note"}, says: "sumdb/note"},
	{name: "checkpoint unsigned", alter: at("checkpoint", func(res *response) {
		res.body, _, _ = bytes.Cut(res.body, []byte("— "))
	}), want: []string{"checkpoint-note"}},
	{name: "checkpoint with CRLF", alter: at("checkpoint", func(res *response) {
		res.body = bytes.ReplaceAll(res.body, []byte("\n"), []byte("\r\n"))
	}), want: []string{"checkpoint-note"}},
	{name: "checkpoint with BOM", alter: at("checkpoint", func(res *response) {
		res.body = append([]byte("\xef\xbb\xbf"), res.body...)
	}), want: []string{"checkpoint-note"}},
	{name: "other origin", text: func(_ string, size int64, root tlog.Hash) string {
		return fmt.Sprintf("other.example\n%d\n%s\n", size, root)
	}, want: []string{"checkpoint-note"}, says: "origin"},
	{name: "extension line", text: func(origin string, size int64, root tlog.Hash) string {
		return fmt.Sprintf("%s\n%d\n%s\nmore\n", origin, size, root)
	}, want: []string{"checkpoint-note"}, says: "three lines"},
	{name: "size with a leading zero", text: func(origin string, size int64, root tlog.Hash) string {
		return fmt.Sprintf("%s\n0%d\n%s\n", origin, size, root)
	}, want: []string{"checkpoint-note"}, says: "ParseTree"},
	{name: "root in loose base64", text: func(origin string, size int64, root tlog.Hash) string {
		loose := root.String()
		return fmt.Sprintf("%s\n%d\n%s\n", origin, size, loose[:42]+string(looser(loose[42]))+"=")
	}, want: []string{"checkpoint-note"}, says: "three lines"},
	{name: "wrong root, signed", text: func(origin string, size int64, root tlog.Hash) string {
		root[31] ^= 1
		return fmt.Sprintf("%s\n%d\n%s\n", origin, size, root)
	}, want: []string{
		"root-entries", "root-compact", "root-tiles", "tile-tlog", "inclusion-merkle", "inclusion-tlog",
		"consistency-merkle", "consistency-tlog", "tessera-fsck", "old-checkpoint",
	}},
	{name: "wrong size, signed", text: func(origin string, size int64, root tlog.Hash) string {
		return fmt.Sprintf("%s\n%d\n%s\n", origin, size-1, root)
	}, want: []string{
		"root-entries", "root-compact", "root-tiles", "tile-tlog", "inclusion-merkle", "inclusion-tlog",
		"consistency-merkle", "consistency-tlog", "proof-refusals", "tessera-fsck", "old-checkpoint",
	}},

	{name: "other key", alter: at("key", func(res *response) { res.body[len(res.body)-3] ^= 1 }), want: []string{"key"}},
	{name: "key html", alter: at("key", setHeader("Content-Type", "text/html; charset=utf-8")), want: []string{"key"}},
	{name: "no key", alter: at("key", func(res *response) { res.status = 404 }), want: []string{"key"}},

	{name: "tile html", alter: atOK("tile/0/001", setHeader("Content-Type", "text/html")), want: []string{"tile-headers"}},
	{name: "tile not cacheable", alter: atOK("tile/0/002.p/188", setHeader("Cache-Control", "no-cache")), want: []string{"tile-headers"}},
	{name: "tile private", alter: atOK("tile/1/000.p/2", setHeader("Cache-Control", cacheBundle)), want: []string{"tile-headers"}},
	{name: "wrong byte in a full tile", alter: at("tile/0/001", func(res *response) { res.body[40] ^= 1 }), want: []string{
		"bundle-leaves", "root-tiles", "tile-contents", "tile-tlog", "inclusion-tessera", "consistency-tessera", "tessera-fsck",
	}, says: "hangs"},
	{name: "wrong byte in a partial tile", alter: at("tile/0/002.p/188", func(res *response) { res.body[0] ^= 1 }), want: []string{
		"bundle-leaves", "root-tiles", "tile-contents", "tile-tlog", "inclusion-tessera", "consistency-tessera", "tessera-fsck",
		"old-checkpoint",
	}},
	{name: "wrong byte in an upper tile", alter: at("tile/1/000.p/2", func(res *response) { res.body[33] ^= 1 }), want: []string{
		"tile-contents", "tile-tlog", "inclusion-tessera", "consistency-tessera", "tessera-fsck", "old-checkpoint",
	}},
	{name: "partial tile with more than it should", alter: at("tile/0/002.p/188", func(res *response) {
		res.body = append(res.body, make([]byte, hashSize)...)
	}), want: []string{"tile-lengths", "bundle-leaves", "tile-contents", "tile-tlog"}, says: "6048 bytes instead of 6016"},
	{name: "short tile", alter: at("tile/0/000", func(res *response) { res.body = res.body[:8000] }), want: []string{
		"tile-lengths", "bundle-leaves", "tile-contents", "tile-tlog", "inclusion-tessera", "tessera-fsck", "consistency-tessera",
	}},
	{name: "partial tile missing", alter: func(_ *testLog, _ *http.Request, path string, res *response) *response {
		if path == "tile/1/000.p/2" {
			return absentResponse()
		}
		return res
	}, want: []string{
		"tile-lengths", "tile-contents", "tile-tlog", "inclusion-tessera", "consistency-tessera", "tessera-fsck", "old-checkpoint",
	}},
	{name: "tiles need a credential", alter: func(_ *testLog, r *http.Request, path string, res *response) *response {
		if strings.HasPrefix(path, "tile/1/000.p/2") && r.Header.Get("Authorization") == "" {
			return respond(http.StatusUnauthorized, typeJSON, "no-store", nil)
		}
		return res
	}, want: []string{
		"tile-lengths", "tile-contents", "tile-tlog", "inclusion-tessera", "consistency-tessera", "old-checkpoint",
	}},

	{name: "404 cacheable", alter: func(_ *testLog, _ *http.Request, _ string, res *response) *response {
		if res.status == http.StatusNotFound {
			res.header.Set("Cache-Control", cacheTile)
		}
		return res
	}, want: []string{"absent"}},
	{name: "absent is 410", alter: func(_ *testLog, _ *http.Request, _ string, res *response) *response {
		if res.status == http.StatusNotFound {
			res.status = http.StatusGone
		}
		return res
	}, want: []string{"absent"}},
	{name: "absent is 400", alter: func(_ *testLog, _ *http.Request, _ string, res *response) *response {
		if res.status == http.StatusNotFound {
			res.status = http.StatusBadRequest
		}
		return res
	}, want: []string{"absent"}},
	{name: "empty tile .p/0", alter: func(_ *testLog, _ *http.Request, path string, res *response) *response {
		if path == "tile/0/000.p/0" {
			return respond(http.StatusOK, typeBytes, cacheTile, nil)
		}
		return res
	}, want: []string{"absent"}, says: ".p/0"},
	{name: "full tile as .p/256", alter: func(l *testLog, r *http.Request, path string, res *response) *response {
		if path == "tile/0/000.p/256" {
			return respond(http.StatusOK, typeBytes, cacheTile, make([]byte, 8192))
		}
		return res
	}, want: []string{"absent"}, says: ".p/256"},
	{name: "partial tile under the full name", alter: func(l *testLog, _ *http.Request, path string, res *response) *response {
		if path == "tile/0/002" {
			return l.resource(path, "002.p/188", 0)
		}
		return res
	}, want: []string{"absent"}, says: "6016 bytes"},
	{name: "full tile that does not begin with the partial one", alter: func(_ *testLog, _ *http.Request, path string, res *response) *response {
		if path == "tile/0/002" {
			return respond(http.StatusOK, typeBytes, cacheTile, make([]byte, tileWidth*hashSize))
		}
		return res
	}, want: []string{"absent"}, says: "does not begin"},
	{name: "tile invented beyond the log", alter: func(_ *testLog, _ *http.Request, path string, res *response) *response {
		if strings.HasPrefix(path, "tile/0/x001/x000/") {
			return respond(http.StatusOK, typeBytes, cacheTile, nil)
		}
		return res
	}, want: []string{"absent"}},

	{name: "bundles open to all", alter: func(l *testLog, r *http.Request, path string, res *response) *response {
		if strings.HasPrefix(path, "tile/entries/") && res.status == http.StatusUnauthorized {
			return respond(http.StatusOK, typeBytes, cacheBundle, nil)
		}
		return res
	}, want: []string{"bundle-credential"}},
	{name: "any token opens bundles", alter: func(l *testLog, r *http.Request, path string, res *response) *response {
		if r.Header.Get("Authorization") == "Bearer not-a-token" {
			return respond(http.StatusOK, typeBytes, cacheBundle, nil)
		}
		return res
	}, want: []string{"bundle-credential"}},
	{name: "bundle public", alter: atOK("tile/entries/000", setHeader("Cache-Control", cacheTile)), want: []string{"bundle-headers"}},
	{name: "bundle as text", alter: atOK("tile/entries/001", setHeader("Content-Type", typeText)), want: []string{"bundle-headers"}},
	{name: "bundle in a coding not asked for", alter: atOK("tile/entries/001", setHeader("Content-Encoding", "br")), want: []string{"bundle-headers"}},
	{name: "short bundle", alter: at("tile/entries/002.p/188", func(res *response) {
		if res.status == http.StatusOK {
			res.body = res.body[:len(res.body)-len(`..{"seq":699,"v":0}`)]
		}
	}), want: []string{"bundle-lengths", "tessera-fsck"}, says: "panicked"},
	{name: "long bundle", alter: atOK("tile/entries/002.p/188", func(res *response) {
		res.body = append(res.body, 0, 1, '{')
	}), want: []string{"bundle-lengths"}, says: "189 entries instead of 188"},
	{name: "byte after the last entry", alter: atOK("tile/entries/000", func(res *response) {
		res.body = append(res.body, 0)
	}), want: []string{"bundle-lengths", "tessera-fsck"}},
	{name: "bundle missing", alter: at("tile/entries/001", func(res *response) { res.status = 404 }),
		want: []string{"bundle-lengths", "tessera-fsck"}},
	{name: "bundle behind a rate limit", alter: atOK("tile/entries/001", func(res *response) { res.status = 429 }),
		want: []string{"bundle-lengths", "tessera-fsck"}, says: "429"},
	{name: "altered entry", alter: atOK("tile/entries/001", func(res *response) {
		res.body[10] ^= 1
	}), want: []string{"bundle-leaves", "root-entries", "root-compact", "tessera-fsck"}, says: "entry 256 hashes to"},
	{name: "entry re-serialised", alter: atOK("tile/entries/000", func(res *response) {
		res.body = bytes.Replace(res.body, []byte("\x00\x0f"+`{"seq":1,"v":0}`), []byte("\x00\x10"+`{"seq":1, "v":0}`), 1)
	}), want: []string{"bundle-leaves", "root-entries", "root-compact", "tessera-fsck"}},

	{name: "inclusion proofs with a wrong hash", alter: proofEdit("proof/inclusion", breakFirstHash), want: inclusionVerified},
	{name: "inclusion proofs too short", alter: proofEdit("proof/inclusion", dropLastHash), want: inclusionVerified},
	{name: "inclusion proofs from root to leaf", alter: proofEdit("proof/inclusion", reverseHashes), want: inclusionVerified},
	{name: "inclusion proofs of another leaf", alter: func(l *testLog, r *http.Request, path string, res *response) *response {
		return res.editProof(func(doc proofDoc) {
			if doc["index"] == 256.0 && doc["size"] == 700.0 {
				proof, _ := tlog.ProveRecord(700, 257, l.stored)
				for i := range proof {
					doc.hashes()[i] = proof[i].String()
				}
			}
		})
	}, want: inclusionVerified},
	{name: "inclusion as text", alter: atOK("proof/inclusion", setHeader("Content-Type", typeText)), want: []string{"inclusion-served"}},
	{name: "inclusion with strings for numbers", alter: proofEdit("proof/inclusion", func(doc proofDoc) { doc["index"] = fmt.Sprint(doc["index"]) }),
		want: []string{"inclusion-served"}},
	{name: "inclusion with more fields", alter: proofEdit("proof/inclusion", func(doc proofDoc) { doc["root"] = "" }), want: []string{"inclusion-served"}},
	{name: "inclusion with null for no hashes", alter: proofEdit("proof/inclusion", func(doc proofDoc) {
		if len(doc.hashes()) == 0 {
			doc["hashes"] = nil
		}
	}), want: []string{"inclusion-served"}},
	{name: "inclusion in base64 without padding", alter: proofEdit("proof/inclusion", func(doc proofDoc) {
		for i, hash := range doc.hashes() {
			doc.hashes()[i] = strings.TrimRight(hash.(string), "=")
		}
	}), want: []string{"inclusion-served"}},
	{name: "inclusion with line ends in base64", alter: proofEdit("proof/inclusion", func(doc proofDoc) {
		for i, hash := range doc.hashes() {
			doc.hashes()[i] = hash.(string) + "\n"
		}
	}), want: []string{"inclusion-served"}},
	{name: "inclusion needs a credential", alter: at("proof/inclusion", func(res *response) {
		if res.status == 200 {
			res.status = 401
		}
	}), want: []string{"inclusion-served"}},

	{name: "consistency proofs with a wrong hash", alter: proofEdit("proof/consistency", breakFirstHash), want: join(consistencyVerified, []string{"old-checkpoint"})},
	{name: "consistency proofs too short", alter: proofEdit("proof/consistency", dropLastHash), want: join(consistencyVerified, []string{"old-checkpoint"})},
	{name: "consistency proofs reversed", alter: proofEdit("proof/consistency", reverseHashes), want: join(consistencyVerified, []string{"old-checkpoint"})},
	{name: "consistency of another size", alter: proofEdit("proof/consistency", func(doc proofDoc) { doc["from"] = 1 }),
		want: []string{"consistency-served", "old-checkpoint", "checkpoint-again"}},
	{name: "consistency proof for equal sizes", alter: proofEdit("proof/consistency", func(doc proofDoc) {
		if doc["from"] == doc["to"] {
			doc["hashes"] = []string{tlog.Hash{}.String()}
		}
	}), want: join(consistencyVerified, []string{"checkpoint-again"})},

	{name: "from 0 answered", alter: func(_ *testLog, _ *http.Request, path string, res *response) *response {
		if strings.Contains(path, "from=0&") {
			return respond(http.StatusOK, typeJSON, "no-store", []byte(`{"from":0,"to":700,"hashes":[]}`))
		}
		return res
	}, want: []string{"proof-refusals"}, says: "from=0"},
	{name: "from after to answered", alter: func(_ *testLog, _ *http.Request, path string, res *response) *response {
		if strings.HasSuffix(path, "from=2&to=1") {
			res.status = 200
		}
		return res
	}, want: []string{"proof-refusals"}, says: "from=2&to=1"},
	{name: "index beyond size is 404", alter: func(_ *testLog, _ *http.Request, path string, res *response) *response {
		if strings.HasSuffix(path, "index=700&size=700") {
			res.status = 404
		}
		return res
	}, want: []string{"proof-refusals"}, says: "index=700"},
	{name: "size beyond the published one answered", alter: func(_ *testLog, _ *http.Request, path string, res *response) *response {
		if strings.HasSuffix(path, "index=0&size=701") {
			return respond(http.StatusOK, typeJSON, "no-store", []byte(`{}`))
		}
		return res
	}, want: []string{"proof-refusals"}, says: "the published size is 700"},
	{name: "loose numbers", alter: func(l *testLog, r *http.Request, path string, res *response) *response {
		if strings.HasSuffix(path, "from=1&to=1.0") {
			res.status = 200
		}
		return res
	}, want: []string{"proof-refusals"}, says: "to=1.0"},

	{name: "held checkpoint of another history", old: func(l *testLog) []byte {
		root := l.rootAt(500)
		root[0] ^= 1
		return l.sign(fmt.Sprintf("%s\n500\n%s\n", testOrigin, root))
	}, want: []string{"old-checkpoint"}, says: "not consistent"},
	{name: "held checkpoint of the same size, other root", old: func(l *testLog) []byte {
		root := l.rootAt(700)
		root[0] ^= 1
		return l.sign(fmt.Sprintf("%s\n700\n%s\n", testOrigin, root))
	}, want: []string{"old-checkpoint"}, says: "two signed roots for size 700"},
	{name: "log rolled back", old: func(l *testLog) []byte {
		return l.sign(fmt.Sprintf("%s\n900\n%s\n", testOrigin, l.rootAt(700)))
	}, want: []string{"old-checkpoint"}, says: "shrank"},
	{name: "held checkpoint not signed by the key", old: func(l *testLog) []byte {
		return bytes.Replace(l.noteAt(500), []byte("\n500\n"), []byte("\n501\n"), 1)
	}, want: []string{"old-checkpoint"}},
	{name: "partial tile of the held checkpoint gone", old: func(l *testLog) []byte { return l.noteAt(650) },
		alter: func(_ *testLog, _ *http.Request, path string, res *response) *response {
			if path == "tile/0/002.p/138" {
				return absentResponse()
			}
			return res
		}, want: []string{"old-checkpoint"}, says: "tile/0/002.p/138"},
	{name: "partial tile of the held checkpoint changed", old: func(l *testLog) []byte { return l.noteAt(650) },
		alter: at("tile/0/002.p/138", func(res *response) { res.body[0] ^= 1 }), want: []string{"old-checkpoint"}},
}

// looser sets a bit that padded base64 of 32 bytes does not use.
func looser(c byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	return alphabet[strings.IndexByte(alphabet, c)|1]
}

func TestFails(t *testing.T) {
	for _, fault := range faults {
		t.Run(fault.name, func(t *testing.T) {
			t.Parallel()
			l := newTestLog(t, 700)
			old := l.noteAt(600)
			if fault.old != nil {
				old = fault.old(l)
			}
			if fault.text != nil {
				l.text = fault.text
			}
			if fault.alter != nil {
				l.alter = func(r *http.Request, res *response) *response {
					path := strings.TrimPrefix(r.URL.RequestURI(), "/v1/log/")
					return fault.alter(l, r, path, res)
				}
			}
			o := check(t, l, l.serve(t), "-old-checkpoint", holdFile(t, old))
			if o.code != exitFailed {
				t.Errorf("exit code %d", o.code)
			}
			want := slices.Sorted(slices.Values(fault.want))
			if got := o.with(verdictFail); !slices.Equal(got, want) {
				t.Errorf("failed %q\n  want %q", got, want)
			}
			var words []string
			for _, name := range o.with(verdictFail) {
				words = append(words, name+": "+o.checks[name].Words)
			}
			t.Log(strings.Join(words, "\n"))
			if !strings.Contains(strings.Join(words, "\n"), fault.says) {
				t.Errorf("nothing says %q", fault.says)
			}
		})
	}
}

// The second answer for the checkpoint differs from the first.
func TestFailsForTwoHistories(t *testing.T) {
	second := map[string]func(l *testLog) []byte{
		"same size": func(l *testLog) []byte {
			root := l.rootAt(300)
			root[0] ^= 1
			return l.sign(fmt.Sprintf("%s\n300\n%s\n", testOrigin, root))
		},
		"smaller": func(l *testLog) []byte { return l.noteAt(299) },
		"larger": func(l *testLog) []byte {
			return l.sign(fmt.Sprintf("%s\n400\n%s\n", testOrigin, l.rootAt(300)))
		},
		"unsigned": func(l *testLog) []byte { return []byte("x") },
	}
	for name, other := range second {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newTestLog(t, 300)
			var asked atomic.Int32
			l.alter = func(r *http.Request, res *response) *response {
				// The first is the check's own, the second Tessera's.
				if strings.HasSuffix(r.URL.Path, "/checkpoint") && asked.Add(1) > 2 {
					res.body = other(l)
				}
				return res
			}
			o := check(t, l, l.serve(t))
			if got := o.with(verdictFail); !slices.Equal(got, []string{"checkpoint-again"}) {
				t.Errorf("failed %q", got)
			}
		})
	}
}

// No check may be one that never fails.
func TestEveryCheckHasAFault(t *testing.T) {
	t.Parallel()
	l := newTestLog(t, 300)
	o := check(t, l, l.serve(t), "-old-checkpoint", holdFile(t, l.noteAt(1)))
	covered := map[string]bool{"checkpoint-again": true}
	for _, fault := range faults {
		for _, name := range fault.want {
			covered[name] = true
		}
	}
	for name := range o.checks {
		if !covered[name] {
			t.Errorf("no fault makes %s fail", name)
		}
	}
	for name := range covered {
		if _, reported := o.checks[name]; !reported {
			t.Errorf("%s is not a check", name)
		}
	}
}

func TestFailsForNoServer(t *testing.T) {
	t.Parallel()
	l := newTestLog(t, 1)
	o := check(t, l, "http://127.0.0.1:1/v1/log")
	if got := o.with(verdictFail); o.code != exitFailed || !slices.Equal(got, []string{"checkpoint-served", "key"}) {
		t.Errorf("exit code %d, failed %q", o.code, got)
	}
}

func TestFailsForOtherKey(t *testing.T) {
	t.Parallel()
	l := newTestLog(t, 10)
	address := l.serve(t)
	_, other := testKeys(t, testOrigin)
	l2 := &testLog{vkey: other}
	o := check(t, l2, address)
	if got := o.with(verdictFail); o.code != exitFailed || !slices.Equal(got, []string{"checkpoint-note", "key"}) {
		t.Errorf("exit code %d, failed %q", o.code, got)
	}
}

func TestFailsForEmptyLogWithAnotherRoot(t *testing.T) {
	t.Parallel()
	l := newTestLog(t, 0)
	l.text = func(origin string, size int64, _ tlog.Hash) string {
		return fmt.Sprintf("%s\n%d\n%s\n", origin, size, tlog.Hash{})
	}
	o := check(t, l, l.serve(t))
	want := []string{"checkpoint-again", "root-compact", "root-entries", "tessera-fsck"}
	if got := o.with(verdictFail); !slices.Equal(got, want) {
		t.Errorf("failed %q", got)
	}
}

func TestFailsAtTheTimeLimit(t *testing.T) {
	t.Parallel()
	l := newTestLog(t, 300)
	l.alter = func(r *http.Request, res *response) *response {
		if strings.HasSuffix(r.URL.Path, "/tile/1/000.p/1") {
			<-r.Context().Done()
		}
		return res
	}
	o := check(t, l, l.serve(t), "-timeout", "300ms")
	if o.code != exitFailed || o.checks["finished"].Verdict != verdictFail {
		t.Errorf("exit code %d, %+v", o.code, o.checks)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	_, key := testKeys(t, testOrigin)
	address := "http://127.0.0.1:1/v1/log"
	for name, args := range map[string][]string{
		"nothing":           {},
		"help":              {"-h"},
		"no key":            {"-url", address, "-bearer", "t"},
		"two keys":          {"-url", address, "-bearer", "t", "-key", key, "-key-file", "x"},
		"bad key":           {"-url", address, "-bearer", "t", "-key", "no key"},
		"no key file":       {"-url", address, "-bearer", "t", "-key-file", "/nonexistent/key"},
		"no token":          {"-url", address, "-key", key},
		"no url":            {"-key", key, "-bearer", "t"},
		"bad url":           {"-url", "ftp://x", "-key", key, "-bearer", "t"},
		"no old checkpoint": {"-url", address, "-key", key, "-bearer", "t", "-old-checkpoint", "/nonexistent/note"},
		"unknown flag":      {"-url", address, "-key", key, "-bearer", "t", "-frobnicate"},
		"argument":          {"-url", address, "-key", key, "-bearer", "t", "more"},
		"negative sample":   {"-url", address, "-key", key, "-bearer", "t", "-sample", "-1"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), args, func(string) string { return "" }, &stdout, &stderr)
			if code != exitUsage || stdout.Len() > 0 || stderr.Len() == 0 {
				t.Errorf("exit code %d, stdout %q, stderr %q", code, &stdout, &stderr)
			}
		})
	}
}

// The plain output: one line per check, the token and control characters nowhere.
func TestLines(t *testing.T) {
	t.Parallel()
	l := newTestLog(t, 300)
	l.alter = func(r *http.Request, res *response) *response {
		if strings.HasSuffix(r.URL.Path, "/key") {
			res.body = []byte("a\x1b[31m\nb")
		}
		return res
	}
	keyFile := holdFile(t, []byte(l.vkey+"\n"))
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"-url", l.serve(t) + "/", "-key-file", keyFile, "-bearer", testToken},
		func(string) string { return "" }, &stdout, &stderr)
	if code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	failed := 0
	for line := range strings.Lines(stdout.String()) {
		switch {
		case strings.HasPrefix(line, "FAIL key: "):
			failed++
		case !strings.HasPrefix(line, "ok   "):
			t.Errorf("line %q", line)
		}
	}
	if failed != 1 || strings.ContainsAny(stdout.String(), "\x1b") || strings.Contains(stdout.String()+stderr.String(), testToken) {
		t.Errorf("%s%s", &stdout, &stderr)
	}
	if !strings.HasSuffix(stderr.String(), "1 failed, 0 skipped\n") {
		t.Errorf("stderr %q", &stderr)
	}
}
