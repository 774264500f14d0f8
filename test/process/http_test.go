package process

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/test/harness"
)

// program builds the operator's program, as an image has it.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "manager")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./cmd/manager") //nolint:gosec // the test's own arguments
	build.Dir = harness.Root()
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// between passes on to the API server, as the operator's ServiceAccount, what a
// process asks of it, and holds back what it is told to. It returns a kubeconfig.
func between(t *testing.T, hold func(*http.Request) chan struct{}) string {
	t.Helper()
	cfg, err := env.ControlPlane.ServiceAccountConfig(t.Context(), harness.OperatorNamespace, harness.OperatorServiceAccount)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := rest.TransportFor(cfg)
	if err != nil {
		t.Fatal(err)
	}
	host, err := url.Parse(cfg.Host)
	if err != nil {
		t.Fatal(err)
	}
	onward := &httputil.ReverseProxy{Transport: transport, FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(host) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if open := hold(r); open != nil {
			select {
			case <-open:
			case <-r.Context().Done():
				return
			}
		}
		onward.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := env.ControlPlane.WriteKubeconfig(path, &rest.Config{Host: server.URL}); err != nil {
		t.Fatal(err)
	}
	return path
}

// child is the operator as a process of its own.
type child struct {
	cmd             *exec.Cmd
	log             bytes.Buffer
	done            chan struct{}
	probes, metrics string
}

// run starts the operator's program; it is ended with the test.
func run(t *testing.T, kubeconfig string, args ...string) *child {
	t.Helper()
	c := &child{done: make(chan struct{}), probes: freeAddress(t), metrics: freeAddress(t)}
	c.cmd = exec.Command(program(t), append([]string{ //nolint:gosec // the test's own arguments
		"--config=" + filepath.Join(harness.Root(), "internal/settings/defaults.yaml"), "--leader-elect=false",
		"--health-probe-bind-address=" + c.probes, "--metrics-bind-address=" + c.metrics}, args...)...)
	c.cmd.Dir = t.TempDir()
	c.cmd.Env = []string{"HOME=" + c.cmd.Dir, "TMPDIR=" + c.cmd.Dir, "KUBECONFIG=" + kubeconfig}
	c.cmd.Stdout, c.cmd.Stderr = &c.log, &c.log
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = c.cmd.Wait()
		close(c.done)
	}()
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		<-c.done
		if t.Failed() {
			t.Logf("the operator said:\n%s", c.log.String())
		}
	})
	return c
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// get returns the status and the body of an answer.
func get(ctx context.Context, address, token string) (int, string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return 0, "", err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	// The certificate of the metrics is one that the operator makes for itself.
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // see above
	res, err := c.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, string(body), err
}

// probe returns what a probe of the kubelet gets, with the names of the checks
// that fail.
func (c *child) probe(t *testing.T, path string) (code int, failing []string, err error) {
	t.Helper()
	select {
	case <-c.done:
		t.Fatal("the operator ended")
	default:
	}
	code, body, err := get(t.Context(), "http://"+c.probes+path+"?verbose", "")
	for line := range strings.Lines(body) {
		if name, ok := strings.CutPrefix(line, "[-]"); ok {
			name, _, _ = strings.Cut(name, " ")
			failing = append(failing, name)
		}
	}
	return code, failing, err
}

// running returns the values of govplatform_controller_running by controller.
func (c *child) running(t *testing.T, token string) (map[string]string, error) {
	t.Helper()
	code, body, err := get(t.Context(), "https://"+c.metrics+"/metrics", token)
	if err != nil || code != http.StatusOK {
		return nil, fmt.Errorf("scrape: %d (%w)", code, err)
	}
	out := map[string]string{}
	for lines := bufio.NewScanner(strings.NewReader(body)); lines.Scan(); {
		if found, ok := strings.CutPrefix(lines.Text(), `govplatform_controller_running{controller="`); ok {
			name, value, _ := strings.Cut(found, `"} `)
			out[name] = value
		}
	}
	return out, nil
}

// scraper returns the token of a ServiceAccount that may read metrics, as that of
// a monitoring system.
func scraper(t *testing.T) string {
	t.Helper()
	sa := account(t, "monitoring", nil, "govplatform-metrics-reader")
	cfg, err := env.ControlPlane.ServiceAccountConfig(t.Context(), sa.Namespace, sa.Name)
	if err != nil {
		t.Fatal(err)
	}
	return cfg.BearerToken
}

// TestProbesAndMetrics asks the real program what kubelet and monitoring ask. While
// caches are held back /readyz names these and the controllers, which wait for
// them, and the metric has every controller as not running; /healthz is well, as
// another process would not help. Then all are ready, and the metric says so. Fails
// without addReadyChecks, with checks that find nothing missing, when the caches of
// the definitions are watched without a check, as they were, and without Running of
// the collector in cmd/manager.
func TestProbesAndMetrics(t *testing.T) {
	deployments, definitions := make(chan struct{}), make(chan struct{})
	kubeconfig := between(t, func(r *http.Request) chan struct{} {
		switch {
		case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/deployments"):
			return deployments
		case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/customresourcedefinitions"):
			return definitions
		}
		return nil
	})
	token := scraper(t)
	op := run(t, kubeconfig)
	controllers := len(kinds.All())
	// wait asks until exactly these checks fail, and as many controllers as are said run.
	wait := func(when string, code int, value string, failing ...string) {
		t.Helper()
		harness.Eventually(t, func() error {
			got, names, err := op.probe(t, "/readyz")
			if err != nil || got != code || strings.Join(names, " ") != strings.Join(failing, " ") {
				return fmt.Errorf("%s /readyz is %d and fails for %v, want %d and %v (%w)", when, got, names, code, failing, err)
			}
			if got, names, err := op.probe(t, "/healthz"); err != nil || got != http.StatusOK {
				return fmt.Errorf("%s /healthz is %d and fails for %v (%w)", when, got, names, err)
			}
			runs, err := op.running(t, token)
			if err != nil {
				return err
			}
			for name, v := range runs {
				if v != value {
					return fmt.Errorf("%s the metric of %s is %s, want %s", when, name, v, value)
				}
			}
			if len(runs) != controllers {
				return fmt.Errorf("%s the metric has %v, want %d controllers", when, runs, controllers)
			}
			return nil
		})
	}
	var caches, waiting []string
	for _, name := range definitionNames(t) {
		caches = append(caches, "cache-CustomResourceDefinition-"+name)
	}
	for _, d := range kinds.All() {
		waiting = append(waiting, "controller-"+d.File())
	}
	slices.Sort(waiting)
	wait("while caches are held back", http.StatusInternalServerError, "0", append(append(caches, "cache-Deployment"), waiting...)...)
	if code, _, err := get(t.Context(), "https://"+op.metrics+"/metrics", ""); err != nil || code != http.StatusUnauthorized {
		t.Errorf("a scrape by nobody: %d (%v)", code, err)
	}
	close(deployments)
	wait("while definitions are held back", http.StatusInternalServerError, "1", caches...)
	close(definitions)
	wait("when nothing is held back", http.StatusOK, "1")

	if err := op.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-op.done:
	case <-time.After(harness.Timeout):
		t.Fatal("the operator does not end")
	}
	if code := op.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
}

// definitionNames returns the names of the platform's definitions, sorted.
func definitionNames(t *testing.T) (out []string) {
	t.Helper()
	objects, err := harness.Render("config/crd")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		if o.GetKind() == "CustomResourceDefinition" {
			out = append(out, o.GetName())
		}
	}
	slices.Sort(out)
	return out
}
