// Logcheck checks a running Countersign log with unmodified standard Go libraries: sumdb/note, sumdb/tlog,
// transparency-dev/merkle and Tessera's client and fsck. README.md says what each check means.
//
// Exit codes: 0 every check passed, 1 at least one failed, 3 usage.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"k8s.io/klog/v2"
)

const (
	exitPassed = 0
	exitFailed = 1
	exitUsage  = 3
)

// tokenVariable is read when -bearer is not given.
const tokenVariable = "COUNTERSIGN_TOKEN"

// options is what the caller asked for, already validated.
type options struct {
	base          *url.URL
	key           string
	verifier      note.Verifier
	token         string
	public        bool
	oldCheckpoint []byte
	sample        int
	json          bool
	timeout       time.Duration
	stall         time.Duration
}

func main() {
	silenceKlog()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the whole program without the process around it.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	opts, err := parse(args, getenv, stderr)
	if err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintf(stderr, "logcheck: %v\n", err)
		}
		return exitUsage
	}
	ctx, cancel := context.WithTimeout(ctx, opts.timeout)
	defer cancel()

	rep := &report{}
	if !opts.json {
		rep.out = stdout
	}
	c := newChecker(opts, rep)
	c.runAll(ctx)
	if err := ctx.Err(); err != nil {
		rep.fail("finished", "stopped before the end: %v (limit %v)", err, opts.timeout)
	}
	if opts.json {
		if err := rep.writeJSON(stdout, c); err != nil {
			fmt.Fprintf(stderr, "logcheck: %v\n", err)
			return exitFailed
		}
	}
	fmt.Fprintf(stderr, "logcheck: %s\n", rep.summary())
	if !rep.passed() {
		return exitFailed
	}
	return exitPassed
}

func parse(args []string, getenv func(string) string, stderr io.Writer) (*options, error) {
	flags := flag.NewFlagSet("logcheck", flag.ContinueOnError)
	flags.SetOutput(stderr)
	var (
		rawURL  = flags.String("url", "", "`address` of the log, such as http://127.0.0.1:3000/v1/log")
		key     = flags.String("key", "", "verifier `key` of the log as one line; never fetched from the log")
		keyFile = flags.String("key-file", "", "`file` that holds the verifier key")
		bearer  = flags.String("bearer", "", "`token` for entry bundles (default: $"+tokenVariable+")")
		public  = flags.Bool("public", false, "check only what needs no credential; entry bundles are skipped")
		oldFile = flags.String("old-checkpoint", "", "`file` with a checkpoint the auditor already holds")
		sample  = flags.Int("sample", 32, "`number` of random inclusion and of consistency proofs, besides the edge cases")
		asJSON  = flags.Bool("json", false, "print one JSON object instead of lines")
		timeout = flags.Duration("timeout", 10*time.Minute, "limit of the whole run")
		stall   = flags.Duration("stall", 10*time.Second, "idle time after which Tessera's fsck counts as hung")
	)
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	opts := &options{token: *bearer, public: *public, sample: *sample, json: *asJSON, timeout: *timeout, stall: *stall}

	base, err := url.Parse(strings.TrimRight(*rawURL, "/"))
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" || base.RawQuery != "" {
		return nil, fmt.Errorf("-url needs an absolute http or https address without a query, got %q", *rawURL)
	}
	opts.base = base

	if (*key == "") == (*keyFile == "") {
		return nil, errors.New("give exactly one of -key and -key-file")
	}
	opts.key = *key
	if *keyFile != "" {
		raw, err := os.ReadFile(*keyFile)
		if err != nil {
			return nil, err
		}
		opts.key = strings.TrimSpace(string(raw))
	}
	if opts.verifier, err = note.NewVerifier(opts.key); err != nil {
		return nil, fmt.Errorf("the verifier key is not one: %w", err)
	}

	if *oldFile != "" {
		if opts.oldCheckpoint, err = os.ReadFile(*oldFile); err != nil {
			return nil, err
		}
	}
	if opts.token == "" {
		opts.token = getenv(tokenVariable)
	}
	if opts.public {
		opts.token = ""
	} else if opts.token == "" {
		return nil, fmt.Errorf("entry bundles need a token: give -bearer or $%s, or -public to leave them out", tokenVariable)
	}
	if opts.sample < 0 || opts.timeout <= 0 || opts.stall <= 0 {
		return nil, errors.New("-sample, -timeout and -stall cannot be negative, the last two not zero")
	}
	return opts, nil
}

// silenceKlog keeps Tessera's log lines out of the output; what they say reaches the report as an error.
func silenceKlog() {
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	for name, value := range map[string]string{"logtostderr": "false", "stderrthreshold": "FATAL"} {
		if err := flags.Set(name, value); err != nil {
			panic(err)
		}
	}
	klog.SetOutput(io.Discard)
}
