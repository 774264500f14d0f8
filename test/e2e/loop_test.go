package e2e

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/govplatform/govplatform/test/e2e/connectivity"
)

const (
	// loopLimit ends a loop that nobody stops.
	loopLimit = 3 * time.Minute
	// longestPause is how long a loop may not have measured on a busy machine.
	longestPause = 10 * time.Second
	// monitoring is the namespace that the shipped settings let scrape portals.
	monitoring = "monitoring"
	// stranger is a namespace that the platform has nothing to do with.
	stranger = "stranger"
)

// loop is a pod that connects to targets again and again, and to a control that is always open: a stretch in which the
// control is not reached is one in which nothing was measured.
type loop struct {
	client    *kubernetes.Clientset
	namespace string
	pod       string
	control   string
	interval  time.Duration
	attempts  []connectivity.Attempt
}

// permanent are namespaces that stay until the cluster ends, because several tests need one with this name, with the
// address of the control for loops in them.
var (
	permanentMu sync.Mutex
	permanent   = map[string]string{}
)

// withControl returns the address of what loops of a namespace take for a control. The namespace is made when it is not
// there, and nothing in it is closed by a policy.
func withControl(t *testing.T, client *kubernetes.Clientset, namespace string) string {
	t.Helper()
	permanentMu.Lock()
	defer permanentMu.Unlock()
	if address := permanent[namespace]; address != "" {
		return address
	}
	labels := map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}
	if namespace == monitoring {
		labels["metrics"] = "enabled" // What config/network-policy/allow-metrics-traffic.yaml asks for.
	}
	if _, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace, Labels: labels}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	startPod(t, client, namespace, "control", serving(t, 8080))
	pod, err := client.CoreV1().Pods(namespace).Get(t.Context(), "control", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	permanent[namespace] = pod.Status.PodIP + ":8080"
	return permanent[namespace]
}

// startLoop starts a loop and returns when it reaches the control. With keep it holds one connection to each target; those
// to the control are fresh all the same, since they tell whether anything was tried, and a connection that has ended does
// not come back.
func startLoop(t *testing.T, client *kubernetes.Clientset, namespace, name string, interval time.Duration, keep bool, targets ...string) *loop {
	t.Helper()
	control := withControl(t, client, namespace)
	containers := serving(t, 8080)
	containers[0].ReadinessProbe = nil
	containers[0].Args = []string{"connect-loop", "--interval=" + interval.String(), "--for=" + loopLimit.String()}
	if keep {
		// An answer that is late must not end the connection, however busy the machine may be.
		containers[0].Args = append(containers[0].Args, "--timeout="+longestPause.String())
	}
	containers[0].Args = append(containers[0].Args, control)
	for _, target := range targets {
		if keep {
			target = "--keep=" + target
		}
		containers[0].Args = append(containers[0].Args, target)
	}
	startPod(t, client, namespace, name, containers)
	l := &loop{client: client, namespace: namespace, pod: name, control: control, interval: interval}
	eventually(t, patience, func() error {
		if err := l.read(t.Context()); err != nil {
			return err
		}
		if len(l.windows(l.control, time.Time{}, time.Now())) == 0 {
			return fmt.Errorf("pod %s/%s does not reach its control", namespace, name)
		}
		return nil
	})
	return l
}

// read fetches what was tried so far.
func (l *loop) read(ctx context.Context) error {
	log, err := l.client.CoreV1().Pods(l.namespace).GetLogs(l.pod, &corev1.PodLogOptions{}).DoRaw(ctx)
	if err != nil {
		return err
	}
	l.attempts, err = connectivity.ReadLoop(bytes.NewReader(log))
	return err
}

// windows returns the stretches in which a target was open, by the attempts that ended within a time.
func (l *loop) windows(target string, from, to time.Time) []connectivity.Window {
	return connectivity.Windows(l.ended(target, from, to))
}

// count returns how many attempts at a target ended within a time.
func (l *loop) count(target string, from, to time.Time) int {
	return len(l.ended(target, from, to))
}

// ended returns the attempts at a target that ended within a time.
func (l *loop) ended(target string, from, to time.Time) []connectivity.Attempt {
	var of []connectivity.Attempt
	for _, a := range l.attempts {
		if a.Target == target && !a.End().Before(from) && a.End().Before(to) {
			of = append(of, a)
		}
	}
	return of
}

// openSince tells whether any of the last attempts at a target succeeded, as far as the log goes.
func (l *loop) openSince(target string, since time.Time) (tried, open int) {
	for _, a := range l.attempts {
		if a.Target == target && a.Time.After(since) {
			tried++
			if a.Open {
				open++
			}
		}
	}
	return tried, open
}

// finish reads the last attempts and ends the loop. It fails the test when the loop was blind for a while.
func (l *loop) finish(t *testing.T) {
	t.Helper()
	// Attempts that have begun are given the time to end.
	time.Sleep(600 * time.Millisecond)
	if err := l.read(t.Context()); err != nil {
		t.Fatal(err)
	}
	grace := int64(0)
	if err := l.client.CoreV1().Pods(l.namespace).Delete(t.Context(), l.pod, metav1.DeleteOptions{GracePeriodSeconds: &grace}); err != nil {
		t.Fatal(err)
	}
	var previous time.Time
	gap := time.Duration(0)
	for _, a := range l.attempts {
		if a.Target != l.control || !a.Open {
			continue
		}
		if !previous.IsZero() {
			gap = max(gap, a.Time.Sub(previous))
		}
		previous = a.Time
	}
	gap = max(gap, time.Since(previous))
	t.Logf("%s/%s made %d attempts, never with a pause of more than %d ms", l.namespace, l.pod, len(l.attempts), gap.Milliseconds())
	if gap > longestPause {
		t.Errorf("%s/%s did not reach its control for %s: what was open meanwhile is not known", l.namespace, l.pod, gap)
	}
}

// waitClosed returns when no connection to a target opened for a while.
func (l *loop) waitClosed(t *testing.T, target string, quiet time.Duration) {
	t.Helper()
	eventually(t, settled, func() error {
		if err := l.read(t.Context()); err != nil {
			return err
		}
		var last, opened time.Time
		for _, a := range l.attempts {
			if a.Target == target {
				last = a.Time
				if a.Open {
					opened = a.Time
				}
			}
		}
		if time.Since(last) > time.Second || last.Sub(opened) < quiet {
			return fmt.Errorf("%s was open at %s, and tried last at %s", target, opened, last)
		}
		return nil
	})
}

// neverOpen fails the test for every target that was ever open, or that nobody tried.
func (l *loop) neverOpen(t *testing.T, targets ...string) {
	t.Helper()
	for _, target := range targets {
		l.closedFrom(t, target, time.Time{}, time.Now())
	}
}

// neverReached fails the test for every port of a pod that was open at any moment of the pod's life, or that nobody tried
// then. Before and after, the address may be somebody else's.
func (l *loop) neverReached(t *testing.T, lives []life, ports ...string) {
	t.Helper()
	if len(lives) == 0 {
		t.Error("there was no pod: the test does not reach what it is for")
	}
	for _, life := range lives {
		for _, port := range ports {
			l.closedFrom(t, life.address+":"+port, life.from, life.to)
		}
	}
}

func (l *loop) closedFrom(t *testing.T, target string, from, to time.Time) {
	t.Helper()
	if l.count(target, from, to) == 0 {
		t.Errorf("%s/%s never tried %s", l.namespace, l.pod, target)
	}
	for _, w := range l.windows(target, from, to) {
		t.Errorf("%s/%s reached %s for %s", l.namespace, l.pod, target, w)
	}
}

// streamInterval is how often a client connects from a pod of a portal.
const streamInterval = 50 * time.Millisecond

// stream is a loop inside a pod that runs something else, such as a portal's. It ends with the pod.
type stream struct {
	mu  sync.Mutex
	out bytes.Buffer
}

// startStream begins to connect from a pod, until the test ends.
func startStream(t *testing.T, prober *connectivity.Prober, from connectivity.Pod, targets ...string) *stream {
	t.Helper()
	s := &stream{}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// How it ends says nothing: the pod may be stopped on purpose. Who looks at attempts asks for new ones.
		_ = prober.Loop(ctx, from, s, streamInterval, loopLimit, targets...)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	eventually(t, patience, func() error {
		if tried, _ := s.since(targets[0], time.Time{}); len(tried) == 0 {
			return fmt.Errorf("pod %s/%s tries nothing", from.Namespace, from.Name)
		}
		return nil
	})
	return s
}

// Write takes what the loop prints.
func (s *stream) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(b)
}

// since returns the attempts at a target that began after a moment and have ended, and those of them that opened.
func (s *stream) since(target string, from time.Time) (tried, open []connectivity.Attempt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	attempts, err := connectivity.ReadLoop(bytes.NewReader(s.out.Bytes()))
	if err != nil {
		return nil, nil // Nothing was seen, which no test takes for closed.
	}
	for _, a := range attempts {
		if a.Target != target || a.Time.Before(from) {
			continue
		}
		tried = append(tried, a)
		if a.Open {
			open = append(open, a)
		}
	}
	return tried, open
}

// describe returns windows as text, "0 ms" for none.
func describe(windows []connectivity.Window, interval time.Duration) string {
	if len(windows) == 0 {
		return "0 ms"
	}
	parts := make([]string, len(windows))
	for i, w := range windows {
		parts[i] = fmt.Sprintf("%d ms (%d connections)", (w.Length() + interval).Milliseconds(), w.Attempts)
	}
	return strings.Join(slices.Compact(parts), ", ")
}
