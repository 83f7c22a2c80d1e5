package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/client"
	"golang.org/x/mod/sumdb/tlog"
)

// pair is (index, size) of an inclusion proof or (from, to) of a consistency proof.
type pair struct{ a, b int64 }

func inclusionPath(p pair) string   { return fmt.Sprintf("proof/inclusion?index=%d&size=%d", p.a, p.b) }
func consistencyPath(p pair) string { return fmt.Sprintf("proof/consistency?from=%d&to=%d", p.a, p.b) }

// getProof reads one proof and insists on exactly the documented JSON: the two numbers asked for and the hashes.
func (c *checker) getProof(ctx context.Context, path, nameA, nameB string, want pair) ([][]byte, error) {
	a, err := c.getOK(ctx, path, "")
	if err != nil {
		return nil, err
	}
	if wrong := a.wrongType(typeJSON); wrong != "" {
		return nil, errors.New(wrong)
	}
	var doc map[string]json.RawMessage
	dec := json.NewDecoder(bytes.NewReader(a.body))
	if err := dec.Decode(&doc); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something follows the JSON object")
	}
	if len(doc) != 3 || doc["hashes"] == nil {
		return nil, fmt.Errorf("the object does not have exactly %s, %s and hashes", nameA, nameB)
	}
	for name, value := range map[string]int64{nameA: want.a, nameB: want.b} {
		if got := string(doc[name]); got != fmt.Sprint(value) {
			return nil, fmt.Errorf("%s is %s instead of %d", name, got, value)
		}
	}
	var texts []string
	if err := json.Unmarshal(doc["hashes"], &texts); err != nil || texts == nil {
		return nil, fmt.Errorf("hashes is not an array of strings: %.40s", doc["hashes"])
	}
	hashes := make([][]byte, len(texts))
	for i, text := range texts {
		hash, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(hash) != hashSize || base64.StdEncoding.EncodeToString(hash) != text {
			return nil, fmt.Errorf("hash %d is not 32 bytes of padded standard base64: %.60q", i, text)
		}
		hashes[i] = hash
	}
	return hashes, nil
}

func toTlog(hashes [][]byte) []tlog.Hash {
	list := make([]tlog.Hash, len(hashes))
	for i, hash := range hashes {
		list[i] = tlog.Hash(hash)
	}
	return list
}

// fetcher is Tessera's own HTTP client.
func (c *checker) fetcher(token string) (*client.HTTPFetcher, error) {
	base := *c.opts.base
	f, err := client.NewHTTPFetcher(&base, c.http)
	if err == nil && token != "" {
		f.SetAuthorizationHeader("Bearer " + token)
	}
	return f, err
}

// proofBuilder is Tessera's client building proofs from tiles at the checkpoint's size, without a credential.
func (c *checker) proofBuilder(ctx context.Context) (*client.ProofBuilder, error) {
	f, err := c.fetcher("")
	if err != nil {
		return nil, err
	}
	return client.NewProofBuilder(ctx, uint64(c.cp.tree.N), f.ReadTile)
}

// edges are the sizes around which tiles, levels and perfect trees begin, below the given size and including it.
func edges(size int64) []int64 {
	list := []int64{1, 2, 3, size - 1, size, size / 2}
	for _, power := range []int64{1 << 7, 1 << 8, 1 << 9, 1 << 16} {
		list = append(list, power-1, power, power+1)
	}
	for power := int64(1); power > 0 && power <= size; power *= 2 {
		if power*2 > size {
			list = append(list, power)
		}
	}
	list = append(list, size/tileWidth*tileWidth)
	slices.Sort(list)
	list = slices.Compact(list)
	return slices.DeleteFunc(list, func(n int64) bool { return n < 1 || n > size })
}

// inclusionSample: edge cases of the checkpoint's size and of smaller ones, then random ones.
func inclusionSample(size int64, random int) []pair {
	var list []pair
	for _, n := range edges(size) {
		list = append(list, pair{n - 1, size}, pair{0, n}, pair{n - 1, n})
	}
	for range random {
		n := 1 + rand.Int64N(size)
		list = append(list, pair{rand.Int64N(n), n}, pair{rand.Int64N(size), size})
	}
	return uniquePairs(list)
}

// consistencySample: edge cases to the checkpoint's size and among smaller ones, then random ones.
func consistencySample(size int64, random int) []pair {
	var list []pair
	steps := edges(size)
	for i, n := range steps {
		list = append(list, pair{n, size}, pair{n, n}, pair{steps[max(i-1, 0)], n})
	}
	for range random {
		to := 1 + rand.Int64N(size)
		list = append(list, pair{1 + rand.Int64N(to), to})
	}
	return uniquePairs(list)
}

func uniquePairs(list []pair) []pair {
	seen := map[pair]bool{}
	return slices.DeleteFunc(list, func(p pair) bool {
		again := seen[p]
		seen[p] = true
		return again
	})
}

// checkInclusion verifies sampled inclusion proofs with both libraries and compares them with Tessera's.
func (c *checker) checkInclusion(ctx context.Context) {
	names := []string{"inclusion-served", "inclusion-merkle", "inclusion-tlog", "inclusion-tessera"}
	if !c.proofsPossible(names) {
		return
	}
	var served, byMerkle, byTlog, byTessera problems
	sample := inclusionSample(c.cp.tree.N, c.opts.sample)
	builder, err := c.proofBuilder(ctx)
	byTessera.addError("proof builder", err)
	for _, p := range sample {
		path := inclusionPath(p)
		hashes, err := c.getProof(ctx, path, "index", "size", p)
		if err != nil {
			served.add("index %d, size %d: %v", p.a, p.b, err)
			continue
		}
		root, err := c.rootAt(p.b)
		if err != nil {
			byTlog.add("%v", err)
			continue
		}
		leaf := c.leafAt(p.a)
		if err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(p.a), uint64(p.b), leaf[:], hashes, root[:]); err != nil {
			byMerkle.add("index %d, size %d: %v", p.a, p.b, inShort(err))
		}
		if err := tlog.CheckRecord(toTlog(hashes), p.b, root, p.a, leaf); err != nil {
			byTlog.add("index %d, size %d: %v", p.a, p.b, err)
		}
		if builder != nil && p.b == c.cp.tree.N {
			built, err := builder.InclusionProof(ctx, uint64(p.a))
			byTessera.compare(fmt.Sprintf("index %d, size %d", p.a, p.b), built, hashes, err)
		}
	}
	c.rep.settle(names[0], &served, "%d proofs without a credential, %s, exactly index, size and hashes", len(sample), typeJSON)
	c.rep.settle(names[1], &byMerkle, "merkle/proof verifies them")
	c.rep.settle(names[2], &byTlog, "tlog.CheckRecord verifies them")
	c.rep.settle(names[3], &byTessera, "those of size %d are the ones Tessera's client builds from the tiles", c.cp.tree.N)
}

// checkConsistency does the same for consistency proofs.
func (c *checker) checkConsistency(ctx context.Context) {
	names := []string{"consistency-served", "consistency-merkle", "consistency-tlog", "consistency-tessera"}
	if !c.proofsPossible(names) {
		return
	}
	var served, byMerkle, byTlog, byTessera problems
	sample := consistencySample(c.cp.tree.N, c.opts.sample)
	builder, err := c.proofBuilder(ctx)
	byTessera.addError("proof builder", err)
	for _, p := range sample {
		hashes, err := c.getProof(ctx, consistencyPath(p), "from", "to", p)
		if err != nil {
			served.add("from %d to %d: %v", p.a, p.b, err)
			continue
		}
		from, err := c.rootAt(p.a)
		if err != nil {
			byTlog.add("%v", err)
			continue
		}
		to, err := c.rootAt(p.b)
		if err != nil {
			byTlog.add("%v", err)
			continue
		}
		what := fmt.Sprintf("from %d to %d", p.a, p.b)
		inMerkle, inTlog := verifyConsistency(hashes, tlog.Tree{N: p.a, Hash: from}, tlog.Tree{N: p.b, Hash: to})
		byMerkle.addError(what, inMerkle)
		byTlog.addError(what, inTlog)
		if builder != nil {
			built, err := builder.ConsistencyProof(ctx, uint64(p.a), uint64(p.b))
			byTessera.compare(what, built, hashes, err)
		}
	}
	c.rep.settle(names[0], &served, "%d proofs without a credential, %s, exactly from, to and hashes", len(sample), typeJSON)
	c.rep.settle(names[1], &byMerkle, "merkle/proof verifies them")
	c.rep.settle(names[2], &byTlog, "tlog.CheckTree verifies them")
	c.rep.settle(names[3], &byTessera, "they are the ones Tessera's client builds from the tiles")
}

func verifyConsistency(hashes [][]byte, from, to tlog.Tree) (byMerkle, byTlog error) {
	byMerkle = proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(from.N), uint64(to.N), hashes, from.Hash[:], to.Hash[:])
	byMerkle = inShort(byMerkle)
	byTlog = tlog.CheckTree(toTlog(hashes), to.N, to.Hash, from.N, from.Hash)
	return byMerkle, byTlog
}

// inShort says a mismatch of roots in hexadecimal; merkle's own words list bytes in decimal.
func inShort(err error) error {
	var mismatch proof.RootMismatchError
	if errors.As(err, &mismatch) {
		return fmt.Errorf("leads to root %x instead of %x", mismatch.CalculatedRoot, mismatch.ExpectedRoot)
	}
	return err
}

func (p *problems) compare(what string, built, served [][]byte, err error) {
	switch {
	case err != nil:
		p.add("%s: %v", what, err)
	case !slices.EqualFunc(built, served, bytes.Equal):
		p.add("%s: Tessera's client builds another proof (%d hashes) than the one served (%d)", what, len(built), len(served))
	}
}

// proofsPossible: the empty log has no proofs, and without leaf hashes there is nothing to verify them with.
func (c *checker) proofsPossible(names []string) bool {
	why := ""
	switch {
	case c.cp.tree.N == 0:
		why = "the empty log has no proofs"
	case c.truth == nil:
		why = "not run: neither tiles nor entries give all leaf hashes"
	}
	if why == "" {
		return true
	}
	for _, name := range names {
		c.rep.skip(name, "%s", why)
	}
	return false
}

// oddNumbers are no canonical decimal numbers, or none the format can hold; all stand for "1" or for nothing.
var oddNumbers = []string{
	"", "01", "+1", "-1", "1.0", "1e0", "0x1", " 1", "1 ", "1_0", "one", "NaN", "Infinity", "٣",
	"9007199254740993", "9223372036854775808", "18446744073709551617",
}

// checkRefusals: what has no proof is 400, never a guess (S-27).
func (c *checker) checkRefusals(ctx context.Context) {
	size := c.cp.tree.N
	beyond := size + 1_000_000_000
	paths := []string{
		consistencyPath(pair{0, size}), consistencyPath(pair{0, 0}), consistencyPath(pair{0, 1}),
		consistencyPath(pair{2, 1}), consistencyPath(pair{size + 1, size}),
		consistencyPath(pair{1, beyond}), consistencyPath(pair{beyond, beyond}), consistencyPath(pair{beyond, 1}),
		"proof/consistency", "proof/consistency?from=1", "proof/consistency?to=1",
		inclusionPath(pair{size, size}), inclusionPath(pair{beyond, size}), inclusionPath(pair{0, 0}),
		inclusionPath(pair{1, 1}), inclusionPath(pair{0, beyond}), inclusionPath(pair{beyond - 1, beyond}),
		"proof/inclusion", "proof/inclusion?size=1",
	}
	for _, odd := range oddNumbers {
		odd = url.QueryEscape(odd)
		paths = append(paths,
			"proof/consistency?from=1&to="+odd, "proof/consistency?from="+odd+"&to=1",
			"proof/inclusion?index=0&size="+odd, "proof/inclusion?index="+odd+"&size=1")
	}
	var p problems
	for _, path := range paths {
		a, err := c.get(ctx, path, "")
		switch {
		case err != nil:
			p.add("%v", err)
		case a.status != http.StatusBadRequest:
			p.add("%s: status %d instead of 400", path, a.status)
		}
	}
	c.checkJustBeyond(ctx, &p)
	c.rep.settle("proof-refusals", &p, "%d requests for proofs that cannot exist are 400", len(paths)+2)
}

// checkJustBeyond asks for the size after the published one. It is 400, unless the log grew past it in the meantime.
func (c *checker) checkJustBeyond(ctx context.Context, p *problems) {
	next := c.cp.tree.N + 1
	for _, path := range []string{inclusionPath(pair{0, next}), consistencyPath(pair{1, next})} {
		a, err := c.get(ctx, path, "")
		switch {
		case err != nil:
			p.add("%v", err)
		case a.status == http.StatusBadRequest:
		case a.status != http.StatusOK:
			p.add("%s: status %d instead of 400", path, a.status)
		default:
			now, err := c.currentCheckpoint(ctx)
			if err != nil {
				p.add("%v", err)
			} else if now.tree.N < next {
				p.add("%s: status 200, but the published size is %d", path, now.tree.N)
			}
		}
	}
}
