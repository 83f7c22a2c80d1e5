package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	"github.com/transparency-dev/tessera/api/layout"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight = layout.TileHeight
	tileWidth  = layout.TileWidth
	hashSize   = tlog.HashSize
)

// tilesOf lists every full and partial tile of a tree of the given size, at every level.
func tilesOf(size int64) []tlog.Tile { return tlog.NewTiles(tileHeight, 0, size) }

func tilePath(t tlog.Tile) string {
	return layout.TilePath(uint64(t.L), uint64(t.N), uint8(t.W%tileWidth))
}

func fullTilePath(t tlog.Tile) string { return layout.TilePath(uint64(t.L), uint64(t.N), 0) }

func bundlePath(t tlog.Tile) string {
	return layout.EntriesPath(uint64(t.N), uint8(t.W%tileWidth))
}

func fullBundlePath(t tlog.Tile) string { return layout.EntriesPath(uint64(t.N), 0) }

// getPartial asks for path and, where a partial resource is gone, for the full one that may stand in for it (S-3).
// It returns the path that answered.
func (c *checker) getPartial(ctx context.Context, path, full, token string) (*answer, string, error) {
	a, err := c.getOK(ctx, path, token)
	if err == nil || full == path || !isNotFound(err) {
		return a, path, err
	}
	if a, fullErr := c.getOK(ctx, full, token); fullErr == nil {
		return a, full, nil
	}
	return nil, path, fmt.Errorf("%w, and no full one in its place", err)
}

// checkTiles fetches every tile of the checkpoint's size: status, headers, exact length.
func (c *checker) checkTiles(ctx context.Context) {
	size := c.cp.tree.N
	if size == 0 {
		c.rep.skip("tile-headers", "the empty log has no tiles")
		c.rep.skip("tile-lengths", "the empty log has no tiles")
		return
	}
	var headers, lengths problems
	all := tilesOf(size)
	partial, levels := 0, 0
	for _, t := range all {
		if ctx.Err() != nil {
			lengths.addError("not finished", ctx.Err())
			break
		}
		levels = max(levels, t.L+1)
		if t.W < tileWidth {
			partial++
		}
		a, path, err := c.getPartial(ctx, tilePath(t), fullTilePath(t), "")
		if err != nil {
			lengths.add("%v", err)
			continue
		}
		headers.checkHeaders(path, a, typeBytes, cacheTile)
		want := t.W * hashSize
		if path != tilePath(t) {
			want = tileWidth * hashSize
		}
		if len(a.body) != want {
			lengths.add("%s: %d bytes instead of %d", path, len(a.body), want)
			continue
		}
		c.tiles[t] = a.body[:t.W*hashSize]
	}
	c.rep.settle("tile-headers", &headers, "%d tiles without a credential, %s, %s", len(all), typeBytes, cacheTile)
	c.rep.settle("tile-lengths", &lengths, "%d tiles on %d levels (%d partial), each of exactly 32 bytes per hash", len(all), levels, partial)

	if lengths.count == 0 {
		c.fromTiles = make([]tlog.Hash, 0, size)
		for _, t := range all {
			if t.L == 0 {
				c.fromTiles = append(c.fromTiles, splitHashes(c.tiles[t])...)
			}
		}
	}
}

func splitHashes(tile []byte) []tlog.Hash {
	hashes := make([]tlog.Hash, 0, len(tile)/hashSize)
	for ; len(tile) >= hashSize; tile = tile[hashSize:] {
		hashes = append(hashes, tlog.Hash(tile[:hashSize]))
	}
	return hashes
}

// checkAbsent: what does not exist is 404 and not stored by caches; what cannot exist may be 400 (S-4, S-6).
func (c *checker) checkAbsent(ctx context.Context) {
	size := c.cp.tree.N
	far := uint64(size)/tileWidth + 1_000_000
	absent := []string{
		layout.TilePath(0, far, 0),
		layout.TilePath(0, far, 7),
		layout.TilePath(1, far, 0),
		layout.TilePath(7, 0, 0),
		layout.TilePath(7, 0, 1),
	}
	impossible := []string{
		"tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/257", "tile/0/000.p/01", "tile/0/000.p/-1", "tile/0/000.p/x",
		"tile/0/0", "tile/0/0000", "tile/0/x000", "tile/0/x000/000", "tile/0/001/000", "tile/00/000", "tile/64/000",
		"tile/-1/000", "tile/0", "tile",
	}
	var p problems
	asked := 0
	ask := func(path, token string, mayBe400 bool) {
		asked++
		a, err := c.get(ctx, path, token)
		switch {
		case err != nil:
			p.add("%v", err)
		case a.status == http.StatusNotFound:
			if wrong := a.wrongCache(cacheAbsent); wrong != "" {
				p.add("%s: 404 with %s", path, wrong)
			}
		case mayBe400 && a.status == http.StatusBadRequest:
		default:
			p.add("%s: status %d instead of 404", path, a.status)
		}
	}
	for _, path := range absent {
		ask(path, "", false)
	}
	for _, path := range impossible {
		ask(path, "", true)
	}
	if c.opts.token != "" {
		ask(layout.EntriesPath(far, 0), c.opts.token, false)
		ask(layout.EntriesPath(far, 7), c.opts.token, false)
		ask("tile/entries/000.p/0", c.opts.token, true)
		ask("tile/entries/000.p/256", c.opts.token, true)
	}
	c.checkNotYetFull(ctx, &p)
	c.rep.settle("absent", &p, "%d paths beyond the log or of no valid form are 404 with %s (or 400 where the form cannot exist)", asked, cacheAbsent)
}

// checkNotYetFull asks for the full tile where the log has a partial one. It must be absent, unless the log grew in the
// meantime: then it is a full tile that begins with the partial one.
func (c *checker) checkNotYetFull(ctx context.Context, p *problems) {
	for _, t := range tilesOf(c.cp.tree.N) {
		if t.W == tileWidth {
			continue
		}
		path := fullTilePath(t)
		a, err := c.get(ctx, path, "")
		switch {
		case err != nil:
			p.add("%v", err)
		case a.status == http.StatusNotFound:
		case a.status != http.StatusOK:
			p.add("%s: status %d instead of 404", path, a.status)
		case len(a.body) != tileWidth*hashSize:
			p.add("%s: served as a full tile with %d bytes", path, len(a.body))
		case !bytes.HasPrefix(a.body, c.tiles[t]):
			p.add("%s: does not begin with %s", path, tilePath(t))
		}
	}
}

// checkTileContents recomputes every tile from the leaf hashes, then lets tlog.TileHashReader authenticate them.
func (c *checker) checkTileContents() {
	if c.cp.tree.N == 0 {
		c.rep.skip("tile-contents", "the empty log has no tiles")
		c.rep.skip("tile-tlog", "the empty log has no tiles")
		return
	}
	if c.truth == nil {
		c.rep.skip("tile-contents", "not run: neither tiles nor entries give all leaf hashes")
		c.rep.skip("tile-tlog", "not run: neither tiles nor entries give all leaf hashes")
		return
	}
	var p problems
	for _, t := range tilesOf(c.cp.tree.N) {
		served, found := c.tiles[t]
		if !found {
			p.add("%s: not available", tilePath(t))
			continue
		}
		want, err := tlog.ReadTileData(t, c.truth)
		if err != nil {
			p.add("%s: %v", tilePath(t), err)
			continue
		}
		for i := 0; i < t.W; i++ {
			if at := i * hashSize; !bytes.Equal(served[at:at+hashSize], want[at:at+hashSize]) {
				p.add("%s: hash %d is %x instead of %x", tilePath(t), i, served[at:at+hashSize], want[at:at+hashSize])
				break
			}
		}
	}
	c.rep.settle("tile-contents", &p, "%d tiles hold the hashes recomputed below them", len(c.tiles))

	var indexes []int64
	for i := int64(0); i < c.cp.tree.N; i += tileWidth {
		indexes = append(indexes, tlog.StoredHashIndex(0, i))
	}
	if _, err := tlog.TileHashReader(c.cp.tree, tileReader{c}).ReadHashes(indexes); err != nil {
		c.rep.fail("tile-tlog", "tlog.TileHashReader: %v", err)
		return
	}
	c.rep.ok("tile-tlog", "tlog.TileHashReader authenticates every tile against the signed root")
}

// tileReader gives the tiles already fetched to tlog.
type tileReader struct{ c *checker }

func (r tileReader) Height() int { return tileHeight }

func (r tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, t := range tiles {
		tile, found := r.c.tiles[t]
		if !found {
			return nil, fmt.Errorf("%s: not available", tilePath(t))
		}
		data[i] = tile
	}
	return data, nil
}

func (r tileReader) SaveTiles([]tlog.Tile, [][]byte) {}
