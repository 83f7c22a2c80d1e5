package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/transparency-dev/tessera/client"
	"golang.org/x/mod/sumdb/tlog"
)

// currentCheckpoint fetches and opens the newest checkpoint.
func (c *checker) currentCheckpoint(ctx context.Context) (*checkpoint, error) {
	a, err := c.getOK(ctx, "checkpoint", "")
	if err != nil {
		return nil, err
	}
	return openCheckpoint(a.body, c.opts.verifier)
}

// checkOldCheckpoint: the log still holds everything the auditor's checkpoint covers.
func (c *checker) checkOldCheckpoint(ctx context.Context) {
	const name = "old-checkpoint"
	if c.opts.oldCheckpoint == nil {
		return
	}
	old, err := openCheckpoint(c.opts.oldCheckpoint, c.opts.verifier)
	if err != nil {
		c.rep.fail(name, "the given file: %v", err)
		return
	}
	if err := c.checkGrowth(ctx, old, c.cp); err != nil {
		c.rep.fail(name, "%v", err)
		return
	}
	if err := c.checkTracker(ctx, old); err != nil {
		c.rep.fail(name, "%v", err)
		return
	}
	var p problems
	c.checkOldTiles(ctx, old.tree.N, &p)
	c.rep.settle(name, &p, "the log of size %d extends the one of size %d the caller holds", c.cp.tree.N, old.tree.N)
}

// checkAgain reads the checkpoint a second time: a log that serves two histories in turn is caught here.
func (c *checker) checkAgain(ctx context.Context) {
	const name = "checkpoint-again"
	now, err := c.currentCheckpoint(ctx)
	if err == nil {
		err = c.checkGrowth(ctx, c.cp, now)
	}
	if err != nil {
		c.rep.fail(name, "%v", err)
		return
	}
	c.rep.ok(name, "the checkpoint at the end has size %d and extends the one at the start", now.tree.N)
}

// checkGrowth verifies that one checkpoint extends another, with both libraries.
func (c *checker) checkGrowth(ctx context.Context, from, to *checkpoint) error {
	switch {
	case from.tree.N > to.tree.N:
		return fmt.Errorf("the log shrank from size %d (root %s) to %d (root %s)", from.tree.N, from.tree.Hash, to.tree.N, to.tree.Hash)
	case from.tree.N == to.tree.N && from.tree.Hash != to.tree.Hash:
		return fmt.Errorf("two signed roots for size %d: %s and %s", from.tree.N, from.tree.Hash, to.tree.Hash)
	case from.tree.N == 0:
		empty, err := tlog.TreeHash(0, storedHashes{})
		if err == nil && from.tree.Hash != empty {
			err = fmt.Errorf("root %s for size 0", from.tree.Hash)
		}
		return err
	}
	p := pair{from.tree.N, to.tree.N}
	hashes, err := c.getProof(ctx, consistencyPath(p), "from", "to", p)
	if err != nil {
		return fmt.Errorf("no consistency proof from %d to %d: %w", p.a, p.b, err)
	}
	byMerkle, byTlog := verifyConsistency(hashes, from.tree, to.tree)
	if err := errors.Join(byMerkle, byTlog); err != nil {
		return fmt.Errorf("not consistent from %d (root %s) to %d (root %s): %w", p.a, from.tree.Hash, p.b, to.tree.Hash, err)
	}
	return nil
}

// checkTracker lets Tessera's client go from the old checkpoint to the current one with tiles alone.
func (c *checker) checkTracker(ctx context.Context, old *checkpoint) error {
	f, err := c.fetcher("")
	if err != nil {
		return err
	}
	v := c.opts.verifier
	tracker, err := client.NewLogStateTracker(ctx, f.ReadTile, old.raw, v, v.Name(), client.UnilateralConsensus(f.ReadCheckpoint))
	if err == nil {
		_, _, _, err = tracker.Update(ctx)
	}
	if err != nil {
		return fmt.Errorf("Tessera's LogStateTracker: %w", inShort(err))
	}
	return nil
}

// checkOldTiles: the partial tiles of the old size, at every level, or the full ones in their place (S-3).
func (c *checker) checkOldTiles(ctx context.Context, size int64, p *problems) {
	for _, t := range tilesOf(size) {
		if t.W == tileWidth {
			continue
		}
		a, path, err := c.getPartial(ctx, tilePath(t), fullTilePath(t), "")
		if err != nil {
			p.add("%v", err)
			continue
		}
		want := t.W * hashSize
		if path != tilePath(t) {
			want = tileWidth * hashSize
		}
		if len(a.body) != want {
			p.add("%s: %d bytes instead of %d", path, len(a.body), want)
			continue
		}
		if c.truth == nil {
			continue
		}
		expected, err := tlog.ReadTileData(t, c.truth)
		if err != nil {
			p.add("%s: %v", path, err)
		} else if string(a.body[:t.W*hashSize]) != string(expected) {
			p.add("%s: not the hashes recomputed below it", path)
		}
	}
}
