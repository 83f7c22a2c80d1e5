package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"golang.org/x/mod/sumdb/tlog"
)

// checkBundles reads every entry: credential, headers, number of entries, leaf hashes.
func (c *checker) checkBundles(ctx context.Context) {
	names := []string{"bundle-credential", "bundle-headers", "bundle-lengths", "bundle-leaves"}
	if c.opts.public || c.cp.tree.N == 0 {
		for _, name := range names {
			if c.opts.public {
				c.rep.skip(name, "left out by -public")
			} else {
				c.rep.skip(name, "the empty log has no entries")
			}
		}
		return
	}
	var bundles []tlog.Tile
	for _, t := range tilesOf(c.cp.tree.N) {
		if t.L == 0 {
			bundles = append(bundles, t)
		}
	}
	c.checkCredential(ctx, bundles)

	var headers, lengths, leaves problems
	complete := true
	c.fromEntries = make([]tlog.Hash, 0, c.cp.tree.N)
	ours := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	for _, t := range bundles {
		if ctx.Err() != nil {
			lengths.addError("not finished", ctx.Err())
			complete = false
			break
		}
		entries, err := c.readBundle(ctx, t, &headers)
		if err != nil {
			lengths.add("%v", err)
			complete = false
			continue
		}
		tile := c.tiles[t]
		for i, entry := range entries {
			leaf := tlog.RecordHash(entry)
			c.fromEntries = append(c.fromEntries, leaf)
			if complete {
				if err := ours.Append(rfc6962.DefaultHasher.HashLeaf(entry), nil); err != nil {
					lengths.addError("compact range", err)
					complete = false
				}
			}
			switch {
			case tile == nil:
				if i == 0 {
					leaves.add("%s: no tile to compare with", bundlePath(t))
				}
			case !bytes.Equal(leaf[:], tile[i*hashSize:(i+1)*hashSize]):
				leaves.add("entry %d hashes to %x, the tile says %x", t.N*tileWidth+int64(i), leaf[:], tile[i*hashSize:(i+1)*hashSize])
			}
		}
	}
	c.rep.settle("bundle-headers", &headers, "%d bundles, %s, %s", len(bundles), typeBytes, cacheBundle)
	c.rep.settle("bundle-lengths", &lengths, "%d bundles hold exactly %d entries, nothing before, between or after", len(bundles), c.cp.tree.N)
	if !complete {
		c.fromEntries = nil
		if leaves.count == 0 {
			c.rep.skip("bundle-leaves", "not all entries could be read; those read match their tiles")
			return
		}
	} else if root, err := ours.GetRootHash(nil); err == nil {
		c.compactRoot = root
	}
	c.rep.settle("bundle-leaves", &leaves, "%d entries hash to what the tiles say", c.cp.tree.N)
}

// readBundle reads one bundle and insists on exactly the number of entries its path promises.
func (c *checker) readBundle(ctx context.Context, t tlog.Tile, headers *problems) ([][]byte, error) {
	a, path, err := c.getPartial(ctx, bundlePath(t), fullBundlePath(t), c.opts.token)
	if err != nil {
		return nil, err
	}
	headers.checkHeaders(path, a, typeBytes, cacheBundle)
	want := t.W
	if path != bundlePath(t) {
		want = tileWidth
	}
	var bundle api.EntryBundle
	if err := bundle.UnmarshalText(a.body); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(bundle.Entries) != want {
		return nil, fmt.Errorf("%s: %d entries instead of %d", path, len(bundle.Entries), want)
	}
	return bundle.Entries[:t.W], nil
}

// checkCredential: without a valid Bearer token a bundle is 401, whatever else the request has.
func (c *checker) checkCredential(ctx context.Context, bundles []tlog.Tile) {
	var p problems
	paths := []string{bundlePath(bundles[0])}
	if last := bundlePath(bundles[len(bundles)-1]); last != paths[0] {
		paths = append(paths, last)
	}
	for _, path := range paths {
		for what, token := range map[string]string{"without a token": "", "with a wrong token": "not-a-token"} {
			a, err := c.get(ctx, path, token)
			switch {
			case err != nil:
				p.add("%v", err)
			case a.status != http.StatusUnauthorized:
				p.add("%s %s: status %d instead of 401", path, what, a.status)
			}
		}
	}
	c.rep.settle("bundle-credential", &p, "401 without a token and with a wrong one")
}

// checkRoots recomputes the root by both libraries and settles which leaf hashes later checks compare with: the source
// that leads to the signed root, entries first.
func (c *checker) checkRoots() {
	if c.cp.tree.N == 0 {
		c.rootOfEmpty()
		c.rep.skip("root-tiles", "the empty log has no tiles")
		return
	}
	entries := c.checkRoot("root-entries", "entries", c.fromEntries)
	c.checkCompactRoot()
	tiles := c.checkRoot("root-tiles", "level-0 tiles", c.fromTiles)
	switch {
	case entries.right:
		c.truth = entries.stored
	case tiles.right:
		c.truth = tiles.stored
	case entries.stored != nil:
		c.truth = entries.stored
	default:
		c.truth = tiles.stored
	}
}

type computed struct {
	stored storedHashes
	right  bool
}

func (c *checker) checkRoot(name, source string, leaves []tlog.Hash) computed {
	if leaves == nil {
		if c.opts.public && name == "root-entries" {
			c.rep.skip(name, "left out by -public")
		} else {
			c.rep.skip(name, "not run: the %s are incomplete", source)
		}
		return computed{}
	}
	stored, err := storeHashes(leaves)
	if err != nil {
		c.rep.fail(name, "%v", err)
		return computed{}
	}
	root, err := tlog.TreeHash(c.cp.tree.N, stored)
	switch {
	case err != nil:
		c.rep.fail(name, "%v", err)
		return computed{}
	case root != c.cp.tree.Hash:
		c.rep.fail(name, "tlog finds root %x for the %s, the checkpoint says %x", root[:], source, c.cp.tree.Hash[:])
		return computed{stored: stored}
	}
	c.rep.ok(name, "tlog finds the signed root for the %s", source)
	return computed{stored, true}
}

func (c *checker) checkCompactRoot() {
	const name = "root-compact"
	switch {
	case c.compactRoot == nil && c.opts.public:
		c.rep.skip(name, "left out by -public")
	case c.compactRoot == nil:
		c.rep.skip(name, "not run: the entries are incomplete")
	case !bytes.Equal(c.compactRoot, c.cp.tree.Hash[:]):
		c.rep.fail(name, "merkle/compact finds root %x for the entries, the checkpoint says %x", c.compactRoot, c.cp.tree.Hash[:])
	default:
		c.rep.ok(name, "merkle/compact finds the signed root for the entries")
	}
}

// rootOfEmpty: a log of size 0 has a fixed root (S-20).
func (c *checker) rootOfEmpty() {
	c.truth = storedHashes{}
	byTlog, err := tlog.TreeHash(0, c.truth)
	if err != nil || byTlog != c.cp.tree.Hash {
		c.rep.fail("root-entries", "tlog's root of the empty tree is %s, the checkpoint says %s", byTlog, c.cp.tree.Hash)
	} else {
		c.rep.ok("root-entries", "tlog's root of the empty tree")
	}
	if byMerkle := rfc6962.DefaultHasher.EmptyRoot(); !bytes.Equal(byMerkle, c.cp.tree.Hash[:]) {
		c.rep.fail("root-compact", "rfc6962's root of the empty tree is %x, the checkpoint says %x", byMerkle, c.cp.tree.Hash[:])
	} else {
		c.rep.ok("root-compact", "rfc6962's root of the empty tree")
	}
}
