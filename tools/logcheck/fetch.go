package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	typeText  = "text/plain; charset=utf-8"
	typeBytes = "application/octet-stream"
	typeJSON  = "application/json"

	cacheCheckpoint = "no-cache"
	cacheTile       = "public, max-age=31536000, immutable"
	cacheBundle     = "private, max-age=31536000, immutable"
	cacheAbsent     = "no-store"
)

// maxBody is above the largest bundle the format allows: 256 entries of 2 + 65,535 bytes.
const maxBody = 32 << 20

type answer struct {
	status int
	header http.Header
	body   []byte
}

// newClient makes the HTTP client of every request, Tessera's included. It follows no redirect: a redirect would carry
// the token elsewhere and is no answer the design knows.
func newClient() *http.Client {
	return &http.Client{
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// get asks for one path below the log's address; token is sent as a Bearer credential unless it is empty.
func (c *checker) get(ctx context.Context, path, token string) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.opts.base.String()+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(body) > maxBody {
		return nil, fmt.Errorf("%s: more than %d bytes", path, maxBody)
	}
	return &answer{res.StatusCode, res.Header, body}, nil
}

// getOK is get for what has to be there.
func (c *checker) getOK(ctx context.Context, path, token string) (*answer, error) {
	a, err := c.get(ctx, path, token)
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusOK {
		return nil, &statusError{path, a}
	}
	return a, nil
}

type statusError struct {
	path   string
	answer *answer
}

func (e *statusError) Error() string { return fmt.Sprintf("%s: status %d", e.path, e.answer.status) }

func isNotFound(err error) bool {
	var status *statusError
	return errors.As(err, &status) && status.answer.status == http.StatusNotFound
}

// wrongType says what is wrong with the content type and the content coding; "" if nothing is.
func (a *answer) wrongType(want string) string {
	got := a.header.Get("Content-Type")
	if !sameMediaType(got, want) {
		return fmt.Sprintf("content type %q instead of %q", got, want)
	}
	// Go's client asked for gzip only and has removed it; anything left was not asked for.
	if coding := a.header.Get("Content-Encoding"); coding != "" {
		return fmt.Sprintf("content coding %q that was not asked for", coding)
	}
	return ""
}

func sameMediaType(got, want string) bool {
	gotType, gotParams, err := mime.ParseMediaType(got)
	if err != nil {
		return false
	}
	wantType, wantParams, _ := mime.ParseMediaType(want)
	if gotType != wantType || (want != typeJSON && len(gotParams) != len(wantParams)) {
		return false
	}
	for name, value := range wantParams {
		if !strings.EqualFold(gotParams[name], value) {
			return false
		}
	}
	return true
}

// wrongCache compares Cache-Control as a set of directives; "" if they are exactly the wanted ones.
func (a *answer) wrongCache(want string) string {
	got := strings.Join(a.header.Values("Cache-Control"), ", ")
	if !slices.Equal(directives(got), directives(want)) {
		return fmt.Sprintf("cache-control %q instead of %q", got, want)
	}
	return ""
}

func directives(header string) []string {
	var list []string
	for part := range strings.SplitSeq(header, ",") {
		if part = strings.ToLower(strings.TrimSpace(part)); part != "" {
			list = append(list, part)
		}
	}
	slices.Sort(list)
	return list
}

// checkHeaders adds what is wrong with the headers of one answer.
func (p *problems) checkHeaders(path string, a *answer, contentType, cache string) {
	if wrong := a.wrongType(contentType); wrong != "" {
		p.add("%s: %s", path, wrong)
	}
	if cache == "" {
		return
	}
	if wrong := a.wrongCache(cache); wrong != "" {
		p.add("%s: %s", path, wrong)
	}
}
