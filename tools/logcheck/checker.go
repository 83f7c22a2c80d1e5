package main

import (
	"context"
	"fmt"
	"net/http"

	"golang.org/x/mod/sumdb/tlog"
)

// checker carries what one check learns to the next.
type checker struct {
	opts *options
	rep  *report
	http *http.Client

	// cp is the checkpoint under test; nil until it opened.
	cp *checkpoint
	// tiles holds every tile of the checkpoint's size that was served with the right length.
	tiles map[tlog.Tile][]byte
	// fromTiles and fromEntries are the leaf hashes by level-0 tiles and by entries; nil unless complete.
	fromTiles, fromEntries []tlog.Hash
	// compactRoot is the root transparency-dev/merkle finds for the entries; nil unless they are complete.
	compactRoot []byte
	// truth holds the stored hashes all later checks compare with; nil if no complete source exists.
	truth storedHashes
}

func newChecker(opts *options, rep *report) *checker {
	return &checker{opts: opts, rep: rep, http: newClient(), tiles: map[tlog.Tile][]byte{}}
}

func (c *checker) runAll(ctx context.Context) {
	c.checkCheckpoint(ctx)
	c.checkKey(ctx)
	if c.cp == nil {
		c.rep.skip("rest", "not run: no checkpoint that opens with the given key")
		return
	}
	c.checkTiles(ctx)
	c.checkAbsent(ctx)
	c.checkBundles(ctx)
	c.checkRoots()
	c.checkTileContents()
	c.checkInclusion(ctx)
	c.checkConsistency(ctx)
	c.checkRefusals(ctx)
	c.checkFsck(ctx)
	c.checkOldCheckpoint(ctx)
	c.checkAgain(ctx)
}

// storedHashes is a tlog.HashReader over the hashes of a whole log in memory.
type storedHashes []tlog.Hash

func (s storedHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x < 0 || x >= int64(len(s)) {
			return nil, fmt.Errorf("stored hash %d of %d", x, len(s))
		}
		hashes[i] = s[x]
	}
	return hashes, nil
}

func storeHashes(leaves []tlog.Hash) (storedHashes, error) {
	s := make(storedHashes, 0, tlog.StoredHashCount(int64(len(leaves))))
	for i, leaf := range leaves {
		more, err := tlog.StoredHashesForRecordHash(int64(i), leaf, s)
		if err != nil {
			return nil, err
		}
		s = append(s, more...)
	}
	return s, nil
}

// rootAt is the root of the tree of the first size leaves. For the checkpoint's size it is the signed one.
func (c *checker) rootAt(size int64) (tlog.Hash, error) {
	if size == c.cp.tree.N {
		return c.cp.tree.Hash, nil
	}
	return tlog.TreeHash(size, c.truth)
}

func (c *checker) leafAt(index int64) tlog.Hash {
	return c.truth[tlog.StoredHashIndex(0, index)]
}
