package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/fsck"
)

// checkFsck runs Tessera's fsck over its own HTTP client. As a library it may return an error, panic (short bundle) or
// never return (wrong tile): each becomes a failure.
func (c *checker) checkFsck(ctx context.Context) {
	const name = "tessera-fsck"
	if c.opts.public {
		c.rep.skip(name, "left out by -public: it reads entries")
		return
	}
	fetcher, err := c.fetcher(c.opts.token)
	if err != nil {
		c.rep.fail(name, "%v", err)
		return
	}
	if err := runFsck(ctx, c, fetcher); err != nil {
		// For a wrong partial tile fsck quotes both tiles whole.
		c.rep.fail(name, "%.200s", err.Error())
		return
	}
	c.rep.ok(name, "Tessera's fsck reads the whole log with its own client and agrees")
}

func runFsck(ctx context.Context, c *checker, source fsck.Fetcher) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watch := &watchedFetcher{source: source, last: time.Now()}
	f := fsck.New(c.opts.verifier.Name(), c.opts.verifier, watch, hashBundle, fsck.Opts{N: 1})
	done := make(chan error, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				done <- fmt.Errorf("Tessera's fsck panicked after %s: %v", watch.lastPath(), r)
			}
		}()
		done <- f.Check(ctx)
	}()
	tick := time.NewTicker(max(c.opts.stall/10, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
			return errors.Join(errors.New("Tessera's fsck did not end in time"), ctx.Err())
		case <-tick.C:
			if idle := watch.idle(); idle > c.opts.stall {
				return fmt.Errorf("Tessera's fsck hangs: nothing asked for %v after %s; it does so when a tile is missing or wrong",
					c.opts.stall, watch.lastPath())
			}
		}
	}
}

// hashBundle is the leaf hasher of Tessera's fsck program.
func hashBundle(raw []byte) ([][]byte, error) {
	var bundle api.EntryBundle
	if err := bundle.UnmarshalText(raw); err != nil {
		return nil, err
	}
	hashes := make([][]byte, len(bundle.Entries))
	for i, entry := range bundle.Entries {
		hashes[i] = rfc6962.DefaultHasher.HashLeaf(entry)
	}
	return hashes, nil
}

// watchedFetcher notes when fsck last asked for something, so that a hang can be told from slow work.
type watchedFetcher struct {
	source fsck.Fetcher

	mu      sync.Mutex
	running int
	last    time.Time
	path    string
}

func (w *watchedFetcher) begin(path string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running++
	w.path = path
}

func (w *watchedFetcher) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running--
	w.last = time.Now()
}

// idle is how long nothing has been asked for; 0 while a request runs, which has a limit of its own.
func (w *watchedFetcher) idle() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running > 0 {
		return 0
	}
	return time.Since(w.last)
}

func (w *watchedFetcher) lastPath() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.path
}

func (w *watchedFetcher) ReadCheckpoint(ctx context.Context) ([]byte, error) {
	w.begin("checkpoint")
	defer w.end()
	return w.source.ReadCheckpoint(ctx)
}

func (w *watchedFetcher) ReadTile(ctx context.Context, level, index uint64, p uint8) ([]byte, error) {
	w.begin(layout.TilePath(level, index, p))
	defer w.end()
	return w.source.ReadTile(ctx, level, index, p)
}

func (w *watchedFetcher) ReadEntryBundle(ctx context.Context, index uint64, p uint8) ([]byte, error) {
	w.begin(layout.EntriesPath(index, p))
	defer w.end()
	return w.source.ReadEntryBundle(ctx, index, p)
}
