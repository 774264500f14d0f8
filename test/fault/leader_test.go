package fault

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/controllers"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/test/harness"
)

// operatorVariable makes the test's program an operator with a leader's lease.
const operatorVariable = "FAULT_OPERATOR_KUBECONFIG"

const (
	// written is what an operator process prints for each write that the server accepted, with the server's time.
	written = "written "
	// panicked is what it prints with the number of rounds that panicked, when it ends.
	panicked = "panicked "
)

// runOperator runs the operator as cmd/manager does, in a process that can be frozen.
func runOperator(kubeconfig string) int {
	ctrl.SetLogger(logr.Discard())
	cfg, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		fmt.Println(err)
		return 3
	}
	report := &harness.Faults{Answered: func(r *http.Request, res *http.Response) error {
		if harness.IsWrite(r) && res.StatusCode < 300 {
			fmt.Println(written + res.Header.Get("Date") + " " + r.Method + " " + r.URL.Path)
		}
		return nil
	}}
	cfg.Wrap(report.Wrap)
	ctx := ctrl.SetupSignalHandler()
	mgr, err := controllers.NewManager(ctx, cfg, ctrl.Options{
		Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0",
		LeaderElection: true, LeaderElectionID: leaseName, LeaderElectionNamespace: harness.OperatorNamespace, LeaderElectionReleaseOnCancel: true,
	}, 0)
	if err != nil {
		fmt.Println(err)
		return 3
	}
	if err := controllers.SetupAll(ctx, mgr, settings.Default(), time.Now); err != nil {
		fmt.Println(err)
		return 3
	}
	err = mgr.Start(ctx)
	n, gathered := countPanics()
	fmt.Println(panicked+strconv.Itoa(int(n)), gathered)
	if err != nil {
		fmt.Println("ended:", err)
		return 1
	}
	return 0
}

const leaseName = "operator.platform.gov.vn"

// process is an operator in a process of its own.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	mu   sync.Mutex
	said []string
}

func startProcess(t *testing.T, env *harness.Env) *process {
	t.Helper()
	cfg, err := env.ControlPlane.ServiceAccountConfig(t.Context(), harness.OperatorNamespace, harness.OperatorServiceAccount)
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := env.ControlPlane.WriteKubeconfig(kubeconfig, cfg); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command("/proc/self/exe"), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), operatorVariable+"="+kubeconfig)
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.mu.Lock()
			p.said = append(p.said, lines.Text())
			p.mu.Unlock()
		}
		_ = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Signal(syscall.SIGCONT)
		_ = p.cmd.Process.Kill()
		<-p.done
	})
	return p
}

// writesSince returns the writes of the process that the server accepted after a moment. What it had sent before it was
// frozen it reads, and prints, only when it goes on.
func (p *process) writesSince(t *testing.T, moment time.Time) []string {
	t.Helper()
	var out []string
	for _, line := range p.lines(written) {
		w := strings.TrimPrefix(line, written)
		at, err := http.ParseTime(w[:min(len(w), len(http.TimeFormat))])
		if err != nil {
			t.Fatal(err)
		}
		if at.After(moment) {
			out = append(out, w)
		}
	}
	return out
}

// quiet waits until the process has done no write for as long as -quiet (O3).
func (p *process) quiet(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(harness.Timeout + *quiet)
	for last, since := len(p.lines(written)), time.Now(); time.Since(since) < *quiet; time.Sleep(50 * time.Millisecond) {
		if n := len(p.lines(written)); n != last {
			last, since = n, time.Now()
		}
		if time.Now().After(deadline) {
			t.Fatal("the new leader keeps writing")
		}
	}
}

// sane ends the process, if it has not ended, and fails unless it says that no round of it panicked (O4). What else went on
// in it ends with it.
func (p *process) sane(t *testing.T, which string) {
	t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(harness.Timeout):
		t.Fatalf("the %s does not end", which)
	}
	if got := p.lines(panicked); !slices.Equal(got, []string{panicked + "0 <nil>"}) {
		t.Errorf("the %s ends with %q, want no panic", which, got)
	}
}

// lines returns what the process printed that begins so.
func (p *process) lines(prefix string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.said), func(line string) bool { return !strings.HasPrefix(line, prefix) })
}

func leader(t *testing.T, env *harness.Env) string {
	t.Helper()
	l := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: harness.OperatorNamespace, Name: leaseName}}
	if env.Admin.Get(t.Context(), client.ObjectKeyFromObject(l), l) != nil || l.Spec.HolderIdentity == nil {
		return ""
	}
	return *l.Spec.HolderIdentity
}

// TestFrozenLeader freezes the leader in the middle of its work until another one has taken over and finished, and lets it
// go on: it ends, and not one of its late writes is accepted. The same work, done by the new leader alone afterwards, is the
// run without a fault (O1, O2).
// Fails without the gate of internal/lease: policies and Services are written beside the new leader.
func TestFrozenLeader(t *testing.T) {
	env := start(t)
	first := startProcess(t, env)
	harness.Eventually(t, func() error {
		if leader(t, env) == "" {
			return fmt.Errorf("no leader")
		}
		return nil
	})
	holder := leader(t, env)
	second := startProcess(t, env)
	w, calm := newWorld(env, 0), newWorld(env, 1)
	portals := w.manyPortals(t)
	recorded := record(t, env, w)
	setAll(t, w, portals, `{"spec":{"image":"`+otherImage+`"}}`)
	freeze(t, first)
	harness.Eventually(t, func() error {
		if h := leader(t, env); h == holder || h == "" {
			return fmt.Errorf("the leader still is %q", h)
		}
		return nil
	})
	setAll(t, w, portals, `{"spec":{"image":"`+harness.Image+`","port":9090}}`)
	allReady(t, w, portals)
	resumed := time.Now().Add(-2 * time.Second) // the server tells whole seconds
	if err := first.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	select {
	case <-first.done:
	case <-time.After(harness.Timeout):
		t.Error("the former leader does not end")
	}
	if late := first.writesSince(t, resumed); len(late) > 0 {
		t.Errorf("the former leader wrote beside the new one:\n%s", strings.Join(late, "\n"))
	}
	allReady(t, w, portals)
	second.quiet(t)
	recorded.guarded(t)
	recorded.opensOnly(t)

	portals = calm.manyPortals(t)
	undisturbed := record(t, env, calm)
	setAll(t, calm, portals, `{"spec":{"image":"`+otherImage+`"}}`)
	allReady(t, calm, portals)
	setAll(t, calm, portals, `{"spec":{"image":"`+harness.Image+`","port":9090}}`)
	allReady(t, calm, portals)
	second.quiet(t)
	wantEnd(t, "after a frozen leader", calm.end(t, undisturbed.Revisions(t)), w.end(t, recorded.Revisions(t)))
	first.sane(t, "former leader")
	second.sane(t, "new leader")
}

// manyPortals makes an agency with some portals that run.
func (w *world) manyPortals(t *testing.T) []*v1alpha1.AgencyPortal {
	t.Helper()
	w.makeAgency(t)
	var out []*v1alpha1.AgencyPortal
	for i := range 8 {
		p := harness.Portal(w.a, fmt.Sprintf("p%d", i), small)
		w.create(t, p)
		out = append(out, p)
	}
	allReady(t, w, out)
	return out
}

func setAll(t *testing.T, w *world, portals []*v1alpha1.AgencyPortal, patch string) {
	t.Helper()
	for _, p := range portals {
		w.patch(t, p, patch)
	}
}

func allReady(t *testing.T, w *world, portals []*v1alpha1.AgencyPortal) {
	t.Helper()
	for _, w.portal = range portals {
		w.portalReady(t)
	}
}

func freeze(t *testing.T, p *process) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
}

// bodyOf returns the body of a request and leaves it to be read again.
func bodyOf(r *http.Request) string {
	if r.Body == nil {
		return ""
	}
	data, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	r.Body = io.NopCloser(strings.NewReader(string(data)))
	if err != nil {
		return ""
	}
	return string(data)
}
