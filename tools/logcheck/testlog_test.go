package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/transparency-dev/tessera/api/layout"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	testOrigin = "log.example.test/countersign"
	testToken  = "reader-token"
)

// response is an answer before it is sent, so that a test can break it.
type response struct {
	status int
	header http.Header
	body   []byte
}

func respond(status int, contentType, cache string, body []byte) *response {
	header := http.Header{}
	header.Set("Content-Type", contentType)
	header.Set("Cache-Control", cache)
	return &response{status, header, body}
}

func absentResponse() *response {
	return respond(http.StatusNotFound, "application/problem+json", "no-store", []byte(`{"status":404}`))
}

// testLog is a log built by hand with tlog, served as log-tools.md says.
type testLog struct {
	mu      sync.Mutex
	entries [][]byte
	stored  storedHashes
	// size is the published one; entries may already hold more.
	size   int64
	signer note.Signer
	vkey   string
	// text makes the checkpoint's text; the three lines unless a test replaces it.
	text func(origin string, size int64, root tlog.Hash) string
	// dir, if set, holds checkpoint, tiles and bundles as Tessera's POSIX driver wrote them.
	dir string
	// alter may change or replace any answer.
	alter func(r *http.Request, res *response) *response
}

func testKeys(t *testing.T, name string) (note.Signer, string) {
	t.Helper()
	skey, vkey, err := note.GenerateKey(nil, name)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return signer, vkey
}

func newTestLog(t *testing.T, size int) *testLog {
	t.Helper()
	l := &testLog{}
	l.signer, l.vkey = testKeys(t, testOrigin)
	l.text = func(origin string, size int64, root tlog.Hash) string {
		return fmt.Sprintf("%s\n%d\n%s\n", origin, size, root)
	}
	l.grow(t, size)
	return l
}

// grow appends entries and publishes them.
func (l *testLog) grow(t *testing.T, n int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for range n {
		index := int64(len(l.entries))
		entry := fmt.Appendf(nil, `{"seq":%d,"v":0}`, index)
		more, err := tlog.StoredHashes(index, entry, l.stored)
		if err != nil {
			t.Fatal(err)
		}
		l.entries = append(l.entries, entry)
		l.stored = append(l.stored, more...)
	}
	l.size = int64(len(l.entries))
}

func (l *testLog) rootAt(size int64) tlog.Hash {
	root, err := tlog.TreeHash(size, l.stored)
	if err != nil {
		panic(err)
	}
	return root
}

func (l *testLog) sign(text string) []byte {
	signed, err := note.Sign(&note.Note{Text: text}, l.signer)
	if err != nil {
		panic(err)
	}
	return signed
}

// noteAt is the signed checkpoint of a size.
func (l *testLog) noteAt(size int64) []byte {
	return l.sign(l.text(testOrigin, size, l.rootAt(size)))
}

// serve starts the log below /v1/log and returns its address.
func (l *testLog) serve(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		res := l.answer(r)
		alter := l.alter
		l.mu.Unlock()
		if alter != nil {
			res = alter(r, res)
		}
		for name, values := range res.header {
			w.Header()[name] = values
		}
		w.WriteHeader(res.status)
		_, _ = w.Write(res.body)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/v1/log"
}

func (l *testLog) answer(r *http.Request) *response {
	path, found := strings.CutPrefix(r.URL.Path, "/v1/log/")
	switch {
	case !found:
		return absentResponse()
	case path == "checkpoint":
		body := l.fromDisk(path)
		if body == nil {
			body = l.noteAt(l.size)
		}
		return respond(http.StatusOK, typeText, cacheCheckpoint, body)
	case path == "key":
		return respond(http.StatusOK, typeText, cacheCheckpoint, []byte(l.vkey+"\n"))
	case path == "proof/inclusion":
		return l.proof(r.URL.Query(), "index", "size", func(index, size int64) ([]tlog.Hash, bool) {
			if index >= size || size > l.size {
				return nil, false
			}
			proof, err := tlog.ProveRecord(size, index, l.stored)
			return proof, err == nil
		})
	case path == "proof/consistency":
		return l.proof(r.URL.Query(), "from", "to", func(from, to int64) ([]tlog.Hash, bool) {
			if from < 1 || from > to || to > l.size {
				return nil, false
			}
			proof, err := tlog.ProveTree(to, from, l.stored)
			return proof, err == nil
		})
	case strings.HasPrefix(path, "tile/entries/"):
		if r.Header.Get("Authorization") != "Bearer "+testToken {
			return respond(http.StatusUnauthorized, "application/problem+json", "no-store", []byte(`{"status":401}`))
		}
		return l.resource(path, strings.TrimPrefix(path, "tile/entries/"), -1)
	case strings.HasPrefix(path, "tile/"):
		level, rest, _ := strings.Cut(strings.TrimPrefix(path, "tile/"), "/")
		n, err := strconv.Atoi(level)
		if err != nil || strconv.Itoa(n) != level || n < 0 || n > 63 {
			return respond(http.StatusBadRequest, "application/problem+json", "no-store", nil)
		}
		return l.resource(path, rest, n)
	}
	return absentResponse()
}

func (l *testLog) proof(query url.Values, nameA, nameB string, prove func(a, b int64) ([]tlog.Hash, bool)) *response {
	a, okA := canonical(query.Get(nameA))
	b, okB := canonical(query.Get(nameB))
	if okA && okB {
		if proof, proved := prove(a, b); proved {
			hashes := []string{}
			for _, hash := range proof {
				hashes = append(hashes, hash.String())
			}
			body, _ := json.Marshal(map[string]any{nameA: a, nameB: b, "hashes": hashes})
			return respond(http.StatusOK, "application/json; charset=utf-8", "no-store", body)
		}
	}
	return respond(http.StatusBadRequest, "application/problem+json", "no-store", []byte(`{"status":400}`))
}

func canonical(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0 && n < 1<<53 && strconv.FormatInt(n, 10) == s
}

// resource answers for a tile, or for a bundle at level -1.
func (l *testLog) resource(path, index string, level int) *response {
	n, width, err := layout.ParseTileIndexPartial(index)
	// Tessera's parser takes .p/01 and x000/000 as well.
	if err != nil || layout.NWithSuffix(0, n, width) != index {
		return respond(http.StatusBadRequest, "application/problem+json", "no-store", nil)
	}
	cache := cacheTile
	if level < 0 {
		cache = cacheBundle
	}
	if l.dir != "" {
		body := l.fromDisk(path)
		if body == nil {
			return absentResponse()
		}
		return respond(http.StatusOK, typeBytes, cache, body)
	}
	w := int64(width)
	if w == 0 {
		w = tileWidth
	}
	have := l.size
	if level > 0 {
		have >>= uint(level * tileHeight)
	}
	start := int64(n) * tileWidth
	if int64(n) > have || start+w > have {
		return absentResponse()
	}
	if level < 0 {
		return respond(http.StatusOK, typeBytes, cache, bundleOf(l.entries[start:start+w]))
	}
	body, err := tlog.ReadTileData(tlog.Tile{H: tileHeight, L: level, N: int64(n), W: int(w)}, l.stored)
	if err != nil {
		panic(err)
	}
	return respond(http.StatusOK, typeBytes, cache, body)
}

func bundleOf(entries [][]byte) []byte {
	var b []byte
	for _, entry := range entries {
		b = append(b, byte(len(entry)>>8), byte(len(entry)))
		b = append(b, entry...)
	}
	return b
}

func (l *testLog) fromDisk(path string) []byte {
	if l.dir == "" {
		return nil
	}
	body, err := os.ReadFile(filepath.Join(l.dir, filepath.FromSlash(path)))
	if err != nil {
		return nil
	}
	return body
}

func gzipped(body []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(body)
	_ = w.Close()
	return b.Bytes()
}

// proofDoc is a proof as the log serves it, for tests that change it.
type proofDoc map[string]any

func (res *response) editProof(edit func(doc proofDoc)) *response {
	var doc proofDoc
	if json.Unmarshal(res.body, &doc) != nil || res.status != http.StatusOK {
		return res
	}
	edit(doc)
	res.body, _ = json.Marshal(doc)
	return res
}

func (d proofDoc) hashes() []any { return d["hashes"].([]any) }

func flipped(text string) string {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		panic(err)
	}
	raw[0] ^= 1
	return base64.StdEncoding.EncodeToString(raw)
}
