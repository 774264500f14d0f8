// Package connectivity finds out who reaches whom in a cluster, with fresh connections from inside pods, and compares it
// with what is expected.
//
// The pods must run the image of cmd/portal-backend, whose program makes the connections: an image from scratch has no
// other tools, and only from inside a pod a connection meets what the pod's own traffic would.
package connectivity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
)

const (
	program = "/portal-backend"
	// concurrency is how many programs run in pods at once; more only wait for the node's processors.
	concurrency = 12
	// DefaultTimeout is how long an attempt may take. On one node an answer comes within milliseconds, and below a
	// second the kernel does not send the first packet again, so an attempt tells of the moment when it began.
	DefaultTimeout = 900 * time.Millisecond
	pause          = 100 * time.Millisecond
	// roundLimit bounds the probes of all pods together, so that a pod that hangs does not hang its test.
	roundLimit = 30 * time.Second
)

// Pod is where a connection comes from.
type Pod struct {
	Namespace, Name string
	// Container may be empty when the pod has only one.
	Container string
}

// Kind says what an attempt is.
type Kind int

const (
	// HTTP is a connection and an answer to a request, whatever its status.
	HTTP Kind = iota
	// TCP is a connection only.
	TCP
	// DNS is an answer to the question for a name, as the pod is set up to ask.
	DNS
)

// Target is where a connection goes.
type Target struct {
	// Name stands in tables.
	Name string
	Kind Kind
	// Address is HOST:PORT, or the name to look up.
	Address string
}

// Attempt is the outcome of one fresh connection.
type Attempt struct {
	Time         time.Time `json:"time"`
	Target       string    `json:"target"`
	Open         bool      `json:"open"`
	Milliseconds float64   `json:"ms"`
	Error        string    `json:"error"`
}

// End is when the outcome was known. What an attempt says is true of some moment before it, and not always of the one when
// it began: on a busy machine a first packet can wait.
func (a Attempt) End() time.Time {
	return a.Time.Add(time.Duration(a.Milliseconds * float64(time.Millisecond)))
}

// Prober makes connections from inside pods.
type Prober struct {
	config  *rest.Config
	client  *kubernetes.Clientset
	timeout time.Duration
	slots   chan struct{}
}

// NewProber returns a prober that acts with the rights of config, which must allow to exec in pods.
func NewProber(config *rest.Config) (*Prober, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return &Prober{config: config, client: client, timeout: DefaultTimeout, slots: make(chan struct{}, concurrency)}, nil
}

// Exec runs a command in the pod and returns what it printed and its exit code. An error means that the command could
// not be run to its end. Output goes to out as it comes if that is set.
func (p *Prober) Exec(ctx context.Context, pod Pod, out io.Writer, command ...string) (stdout []byte, code int, err error) {
	request := p.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(pod.Namespace).Name(pod.Name).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Container: pod.Container, Command: command, Stdout: true, Stderr: true}, scheme.ParameterCodec)
	executor, err := remotecommand.NewWebSocketExecutor(p.config, "GET", request.URL().String())
	if err != nil {
		return nil, 0, err
	}
	var printed, complaints bytes.Buffer
	var writer io.Writer = &printed
	if out != nil {
		writer = io.MultiWriter(&printed, out)
	}
	err = executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: writer, Stderr: &complaints})
	var exit exec.CodeExitError
	switch {
	case errors.As(err, &exit) && exit.Code == 1:
		return printed.Bytes(), 1, nil
	case err != nil:
		return printed.Bytes(), 0, fmt.Errorf("%s in pod %s/%s: %w %s", strings.Join(command, " "), pod.Namespace, pod.Name, err, bytes.TrimSpace(complaints.Bytes()))
	}
	return printed.Bytes(), 0, nil
}

// Connect tries all targets at once from one pod, in one run of its program, and returns the outcomes in their order.
func (p *Prober) Connect(ctx context.Context, from Pod, targets []Target) ([]Attempt, error) {
	attempts := make([]Attempt, len(targets))
	for _, kind := range []Kind{HTTP, TCP, DNS} {
		var indexes []int
		var addresses []string
		for i, target := range targets {
			if target.Kind == kind {
				indexes = append(indexes, i)
				addresses = append(addresses, target.Address)
			}
		}
		if len(indexes) == 0 {
			continue
		}
		results, err := p.connectKind(ctx, from, kind, addresses)
		if err != nil {
			return nil, err
		}
		for i, index := range indexes {
			attempts[index] = results[i]
		}
	}
	return attempts, nil
}

// Loop connects from one pod to all targets again and again, for a length of time or until the pod ends, and writes one
// line for each attempt as it ends; see ReadLoop. It does not count towards the probes that run at a time.
func (p *Prober) Loop(ctx context.Context, from Pod, out io.Writer, interval, length time.Duration, targets ...string) error {
	_, _, err := p.Exec(ctx, from, out, append([]string{program, "connect-loop", "--interval=" + interval.String(), "--for=" + length.String()}, targets...)...)
	return err
}

func (p *Prober) connectKind(ctx context.Context, from Pod, kind Kind, addresses []string) ([]Attempt, error) {
	var results []Attempt
	if kind == DNS {
		for _, name := range addresses {
			began := time.Now()
			answer, code, err := p.execInTurn(ctx, from, program, "lookup", name, "--timeout="+p.timeout.String())
			if err != nil {
				return nil, err
			}
			result := Attempt{Time: began, Target: name, Open: code == 0, Milliseconds: float64(time.Since(began).Milliseconds())}
			if code != 0 {
				result.Error = string(bytes.TrimSpace(answer))
			}
			results = append(results, result)
		}
		return results, nil
	}

	command := append([]string{program, "connect", "--timeout=" + p.timeout.String()}, addresses...)
	if kind == TCP {
		command = append(command, "--tcp")
	}
	out, code, err := p.execInTurn(ctx, from, command...)
	if err != nil {
		return nil, err
	}
	allOpen := true
	for decoder := json.NewDecoder(bytes.NewReader(out)); decoder.More(); {
		var result Attempt
		if err := decoder.Decode(&result); err != nil {
			return nil, fmt.Errorf("read the outcome in pod %s/%s: %w: %s", from.Namespace, from.Name, err, out)
		}
		allOpen = allOpen && result.Open
		results = append(results, result)
	}
	// The exit code is a second witness, in case a stream lost its end.
	if len(results) != len(addresses) || allOpen != (code == 0) {
		return nil, fmt.Errorf("pod %s/%s reports %d outcomes of %d and exit code %d: %s", from.Namespace, from.Name, len(results), len(addresses), code, out)
	}
	return results, nil
}

// execInTurn runs a command as soon as not too many others run.
func (p *Prober) execInTurn(ctx context.Context, from Pod, command ...string) ([]byte, int, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	defer func() { <-p.slots }()
	return p.Exec(ctx, from, nil, command...)
}

// Observe fills the table. It tries every cell that differs from what is expected again and again until none does, and
// then once more all of them, because one that was as expected by chance may not stay so. When ctx ends first, the table
// holds the last outcomes. The error is about probes that could not be made at all, not about differences; see
// Table.Differences.
func (p *Prober) Observe(ctx context.Context, t *Table) error {
	t.attempts = make([][]Attempt, len(t.Rows))
	t.tried = make([][]bool, len(t.Rows))
	for i := range t.Rows {
		t.attempts[i] = make([]Attempt, len(t.Columns))
		t.tried[i] = make([]bool, len(t.Columns))
	}
	everything := true
	for {
		err := p.round(ctx, t, everything)
		switch {
		case err == nil && len(t.Differences()) == 0 && everything:
			return nil
		case err == nil:
			everything = len(t.Differences()) == 0
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// round tries all cells that count, or only those that are not as expected, from all pods at the same time.
// It finishes even when ctx ends meanwhile: half a round says nothing.
func (p *Prober) round(ctx context.Context, t *Table, everything bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), roundLimit)
	defer cancel()
	var group sync.WaitGroup
	errs := make([]error, len(t.Rows))
	for i, row := range t.Rows {
		var columns []int
		var targets []Target
		for j, column := range t.Columns {
			if t.Expected[i][j] != Ignored && (everything || t.differs(i, j)) {
				columns = append(columns, j)
				targets = append(targets, column)
			}
		}
		if len(targets) == 0 {
			continue
		}
		group.Go(func() {
			attempts, err := p.Connect(ctx, row.Pod, targets)
			errs[i] = err
			for k, a := range attempts {
				t.attempts[i][columns[k]], t.tried[i][columns[k]] = a, true
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}
