package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// attempt is the outcome of one fresh connection, printed as one line of JSON.
type attempt struct {
	// Time is when the attempt began.
	Time   time.Time `json:"time"`
	Target string    `json:"target"`
	Open   bool      `json:"open"`
	// Milliseconds is how long it took until the answer or the failure.
	Milliseconds float64 `json:"ms"`
	Error        string  `json:"error,omitempty"`
}

// connect tries all targets at once.
func connect(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("connect", flag.ContinueOnError)
	timeout := flags.Duration("timeout", 2*time.Second, "")
	tcp := flags.Bool("tcp", false, "")
	targets, err := parse(flags, args)
	if err != nil {
		return err
	}
	if err := checkTargets(targets); err != nil {
		return err
	}

	attempts := make([]attempt, len(targets))
	var group sync.WaitGroup
	for i, target := range targets {
		group.Go(func() { attempts[i] = try(ctx, nil, target, *timeout, *tcp) })
	}
	group.Wait()
	encoder := json.NewEncoder(out)
	var result error
	for _, a := range attempts {
		if err := encoder.Encode(a); err != nil {
			return err
		}
		if !a.Open {
			result = errNegative
		}
	}
	return result
}

// loopOptions are the arguments of connect-loop.
type loopOptions struct {
	// targets get a fresh connection for each attempt; to each of kept there is one.
	targets, kept             []string
	interval, timeout, length time.Duration
	tcp                       bool
}

func parseLoop(args []string) (o loopOptions, err error) {
	flags := flag.NewFlagSet("connect-loop", flag.ContinueOnError)
	flags.DurationVar(&o.interval, "interval", 50*time.Millisecond, "")
	// Below a second, the kernel does not send the first packet again: an attempt tells of the moment when it began.
	flags.DurationVar(&o.timeout, "timeout", 500*time.Millisecond, "")
	flags.DurationVar(&o.length, "for", 0, "")
	flags.BoolVar(&o.tcp, "tcp", false, "")
	flags.Func("keep", "", func(target string) error {
		o.kept = append(o.kept, target)
		return nil
	})
	if o.targets, err = parse(flags, args); err != nil {
		return o, err
	}
	if o.interval <= 0 || len(o.kept) > 0 && o.tcp {
		return o, fmt.Errorf("connect-loop needs a positive interval, and --keep sends requests\n%s", usage)
	}
	return o, checkTargets(slices.Concat(o.targets, o.kept))
}

// connectLoop begins an attempt at every target in every interval, whether or not the ones before have ended, so that a
// closed stretch does not make the measurement coarser. The lines come in the order in which the attempts end. To a target
// of --keep one connection is opened, as soon as one can be, every attempt is a request on it, and none begins before the
// one before has ended.
func connectLoop(ctx context.Context, args []string, out io.Writer) error {
	o, err := parseLoop(args)
	if err != nil {
		return err
	}
	if o.length > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.length)
		defer cancel()
	}

	var (
		group   sync.WaitGroup
		mu      sync.Mutex
		encoder = json.NewEncoder(out)
		failed  = make(chan error, 1)
	)
	attempt := func(client *http.Client, target string) {
		// An attempt that has begun is finished, so that the end of the loop does not look closed.
		a := try(context.WithoutCancel(ctx), client, target, o.timeout, o.tcp)
		mu.Lock()
		defer mu.Unlock()
		if err := encoder.Encode(a); err != nil {
			select {
			case failed <- err:
			default: // One failure is enough to end.
			}
		}
	}
	var begin []func()
	for _, target := range o.targets {
		begin = append(begin, func() { group.Go(func() { attempt(nil, target) }) })
	}
	for _, target := range o.kept {
		client, busy := keptClient(o.timeout), &atomic.Bool{}
		begin = append(begin, func() {
			// On one connection, requests that wait for each other would look late; so a request waits for the one before.
			if busy.Swap(true) {
				return
			}
			group.Go(func() {
				defer busy.Store(false)
				attempt(client, target)
			})
		})
	}
	ticker := time.NewTicker(o.interval)
	defer ticker.Stop()
	defer group.Wait()
	for {
		for _, f := range begin {
			f()
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		case <-ticker.C:
		}
	}
}

// errSecond is why a kept client opens no other connection.
var errSecond = errors.New("the connection has ended")

// keptClient returns a client with one connection. It tries until one opens, as a client that waits for its server, and
// never opens a second one.
func keptClient(timeout time.Duration) *http.Client {
	var opened atomic.Bool
	dialer := &net.Dialer{Timeout: timeout}
	transport := &http.Transport{Proxy: nil, MaxConnsPerHost: 1, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if opened.Load() {
			return nil, errSecond
		}
		connection, err := dialer.DialContext(ctx, network, address)
		if err == nil {
			opened.Store(true)
		}
		return connection, err
	}}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func checkTargets(targets []string) error {
	if len(targets) == 0 {
		return fmt.Errorf("a HOST:PORT is missing\n%s", usage)
	}
	for _, target := range targets {
		if _, _, err := net.SplitHostPort(target); err != nil {
			return err
		}
	}
	return nil
}

// try opens a fresh connection and, unless only TCP is asked for, gets an answer to a request. Any HTTP status counts:
// whoever answered was reached. With a client the request goes over the client's connection.
func try(ctx context.Context, client *http.Client, target string, timeout time.Duration, tcp bool) attempt {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	a := attempt{Time: time.Now(), Target: target}
	var err error
	if tcp {
		err = dial(ctx, target)
	} else {
		err = get(ctx, client, target)
	}
	a.Milliseconds = float64(time.Since(a.Time).Microseconds()) / 1000
	a.Open = err == nil
	if err != nil {
		a.Error = err.Error()
	}
	return a
}

func dial(ctx context.Context, target string) error {
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", target)
	if err != nil {
		return err
	}
	return connection.Close()
}

func get(ctx context.Context, client *http.Client, target string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+target+"/", http.NoBody)
	if err != nil {
		return err
	}
	if client == nil {
		// A connection or an environment's proxy from before would answer for a network that is closed now.
		transport := &http.Transport{DisableKeepAlives: true, Proxy: nil}
		client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20))
	return errors.Join(err, response.Body.Close())
}

// lookup resolves a name as the pod's own configuration says.
func lookup(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("lookup", flag.ContinueOnError)
	timeout := flags.Duration("timeout", 2*time.Second, "")
	names, err := parse(flags, args)
	if err != nil {
		return err
	}
	if len(names) != 1 {
		return fmt.Errorf("lookup needs one name\n%s", usage)
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	answer := struct {
		Name      string   `json:"name"`
		Addresses []string `json:"addresses,omitempty"`
		Error     string   `json:"error,omitempty"`
	}{Name: names[0]}
	answer.Addresses, err = net.DefaultResolver.LookupHost(ctx, names[0])
	if err != nil {
		answer.Error = err.Error()
	}
	if encodeErr := json.NewEncoder(out).Encode(answer); encodeErr != nil {
		return encodeErr
	}
	if err != nil {
		return errNegative
	}
	return nil
}
