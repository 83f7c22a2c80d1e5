package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// Verdicts of one check. A skip is no pass: it stands only for what -public leaves out, for what the empty log does
// not have, or for what could not run because an earlier check failed.
const (
	verdictOK   = "ok"
	verdictFail = "FAIL"
	verdictSkip = "skip"
)

type result struct {
	Check   string `json:"check"`
	Verdict string `json:"verdict"`
	Words   string `json:"words"`
}

// report collects results and, when out is set, prints each at once as one line.
type report struct {
	out     io.Writer
	results []result
}

func (r *report) add(check, verdict, format string, args ...any) {
	res := result{check, verdict, oneLine(fmt.Sprintf(format, args...))}
	r.results = append(r.results, res)
	if r.out != nil {
		fmt.Fprintf(r.out, "%-4s %s: %s\n", res.Verdict, res.Check, res.Words)
	}
}

func (r *report) ok(check, format string, args ...any)   { r.add(check, verdictOK, format, args...) }
func (r *report) fail(check, format string, args ...any) { r.add(check, verdictFail, format, args...) }
func (r *report) skip(check, format string, args ...any) { r.add(check, verdictSkip, format, args...) }

// settle reports a check that looked at many things: FAIL with the first problems, or ok with the given words.
func (r *report) settle(check string, p *problems, format string, args ...any) {
	if p.count > 0 {
		r.fail(check, "%s", p)
		return
	}
	r.ok(check, format, args...)
}

func (r *report) count(verdict string) int {
	n := 0
	for _, res := range r.results {
		if res.Verdict == verdict {
			n++
		}
	}
	return n
}

func (r *report) passed() bool { return r.count(verdictFail) == 0 && r.count(verdictOK) > 0 }

func (r *report) summary() string {
	return fmt.Sprintf("%d checks passed, %d failed, %d skipped", r.count(verdictOK), r.count(verdictFail), r.count(verdictSkip))
}

func (r *report) writeJSON(w io.Writer, c *checker) error {
	doc := struct {
		URL    string   `json:"url"`
		Origin string   `json:"origin"`
		Size   *int64   `json:"size"`
		Root   *string  `json:"root"`
		Passed bool     `json:"passed"`
		Checks []result `json:"checks"`
	}{URL: c.opts.base.Redacted(), Origin: c.opts.verifier.Name(), Passed: r.passed(), Checks: r.results}
	if c.cp != nil {
		root := c.cp.tree.Hash.String()
		doc.Size, doc.Root = &c.cp.tree.N, &root
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}

// problems counts what one check found wrong and keeps the first few.
type problems struct {
	count int
	first []string
}

func (p *problems) add(format string, args ...any) {
	p.count++
	if len(p.first) < 3 {
		p.first = append(p.first, fmt.Sprintf(format, args...))
	}
}

func (p *problems) addError(what string, err error) {
	if err != nil {
		p.add("%s: %v", what, err)
	}
}

func (p *problems) String() string {
	s := strings.Join(p.first, "; ")
	if more := p.count - len(p.first); more > 0 {
		s += fmt.Sprintf("; and %d more", more)
	}
	return s
}

// oneLine keeps text from the log (or from a library quoting it) from breaking the line format or the terminal.
func oneLine(s string) string {
	const limit = 600
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if runes := []rune(s); len(runes) > limit {
		s = string(runes[:limit]) + " …"
	}
	return s
}
