package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// checkpoint is a note that opened under the caller's key.
type checkpoint struct {
	raw    []byte
	tree   tlog.Tree
	others int
}

// openCheckpoint opens a note with sumdb/note and reads its three lines with tlog.ParseTree.
func openCheckpoint(raw []byte, v note.Verifier) (*checkpoint, error) {
	n, err := note.Open(raw, note.VerifierList(v))
	if err != nil {
		return nil, fmt.Errorf("sumdb/note does not open it: %w", err)
	}
	origin, rest, found := strings.Cut(n.Text, "\n")
	if !found {
		return nil, errors.New("text has one line only")
	}
	if origin != v.Name() {
		return nil, fmt.Errorf("origin %q is not the key's name %q", origin, v.Name())
	}
	// ParseTree knows one origin, "go.sum database tree": it is given size and root under that line.
	tree, err := tlog.ParseTree([]byte("go.sum database tree\n" + rest))
	if err != nil {
		return nil, fmt.Errorf("tlog.ParseTree does not read size and root: %w", err)
	}
	// Equality with the canonical form leaves no room for a BOM, CR, tab, extension line or loose base64.
	if want := fmt.Sprintf("%s\n%d\n%s\n", origin, tree.N, tree.Hash); n.Text != want {
		return nil, fmt.Errorf("text %q is not the three lines %q", n.Text, want)
	}
	return &checkpoint{raw: raw, tree: tree, others: len(n.UnverifiedSigs)}, nil
}

// checkCheckpoint: status, headers, signature, form. Nothing else of the log means anything without it.
func (c *checker) checkCheckpoint(ctx context.Context) {
	a, err := c.getOK(ctx, "checkpoint", "")
	if err != nil {
		c.rep.fail("checkpoint-served", "%v", err)
		return
	}
	var p problems
	p.checkHeaders("checkpoint", a, typeText, cacheCheckpoint)
	c.rep.settle("checkpoint-served", &p, "200 without a credential, %s, %s", typeText, cacheCheckpoint)

	cp, err := openCheckpoint(a.body, c.opts.verifier)
	if err != nil {
		c.rep.fail("checkpoint-note", "%v", err)
		return
	}
	c.cp = cp
	c.rep.ok("checkpoint-note", "sumdb/note opens it with the given key; origin %s, size %d, root %s, %d other signatures",
		c.opts.verifier.Name(), cp.tree.N, cp.tree.Hash, cp.others)
}

// checkKey: the log names the key the caller holds. The caller's key is the one that counts.
func (c *checker) checkKey(ctx context.Context) {
	a, err := c.getOK(ctx, "key", "")
	if err != nil {
		c.rep.fail("key", "%v", err)
		return
	}
	var p problems
	p.checkHeaders("key", a, typeText, "")
	if served := bytes.TrimSuffix(a.body, []byte("\n")); !bytes.Equal(served, []byte(c.opts.key)) {
		p.add("the log names the key %q, the caller holds %q", served, c.opts.key)
	}
	c.rep.settle("key", &p, "the served key is the one given, %s", typeText)
}
