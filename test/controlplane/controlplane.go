package controlplane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	modulePath = "github.com/govplatform/govplatform"

	serviceAccountIssuer = "https://kubernetes.default.svc.cluster.local"
	serviceRange         = "10.96.0.0/16"
	// advertiseAddress stands in the endpoints of the kubernetes Service, where a loopback address is not allowed. It
	// comes from a documentation range: nothing listens there, and nothing in a simulated cluster connects to it.
	advertiseAddress = "192.0.2.1"

	tokenLifetime = 12 * time.Hour
	portAttempts  = 5
	// etcdGrace is ample for closing the database.
	etcdGrace = 10 * time.Second
	// apiServerGrace is short because kube-apiserver waits up to a minute for clients that watch, and all of them do.
	apiServerGrace = 2 * time.Second
)

// Options says what a control plane consists of. The zero value is etcd and kube-apiserver with temporary data.
type Options struct {
	// AssetsDir holds the programs that "make controlplane" builds. It defaults to $KUBEBUILDER_ASSETS, and without
	// that to bin/controlplane in this repository.
	AssetsDir string
	// DataDir is kept after Stop: a control plane that is started with it again has the same objects, certificate
	// authorities and, if it is still free, the same port. When it is empty, the data is temporary.
	DataDir string
	// ControllerManager runs kube-controller-manager with all its controllers. Without it, nobody creates the default
	// ServiceAccounts that pods need, collects garbage or finishes the deletion of namespaces.
	ControllerManager bool
	// Scheduler runs kube-scheduler.
	Scheduler bool
	// SimulatedNodes is the number of nodes that kwok simulates, pods on them included. New nodes take pods only when
	// ControllerManager is set too, since it removes the taint that a node has until it is ready.
	SimulatedNodes int
	// Fsync makes etcd write durably, as benchmarks and data that shall survive a power cut need.
	Fsync bool
	// APIServerArgs are further flags of kube-apiserver; they win over the ones set here.
	APIServerArgs []string
	// Prepare, if it is set, runs once kube-apiserver serves and before everything else starts. Kinds that it installs
	// are known to the controllers of Kubernetes from their start; the quota controller looks for new ones only every
	// 30 s.
	Prepare func(ctx context.Context, admin *rest.Config) error
	// Progress, if it is set, is told about each step that is done and the time since Start was called.
	Progress func(step string, elapsed time.Duration)
}

// ControlPlane is a running control plane. Its methods may be called concurrently.
type ControlPlane struct {
	options   Options
	assets    string
	dir       string
	temporary bool
	lock      *os.File
	began     time.Time

	clusterAuthority *authority
	etcdAuthority    *authority
	etcdEndpoint     string
	port             int
	admin            *rest.Config
	client           *kubernetes.Clientset

	// mu guards the processes and stopped.
	mu        sync.Mutex
	stopped   bool
	etcd      *process
	apiServer *process // Nil while StopAPIServer is in effect.
	others    []*process
}

// Start runs a control plane and returns when it serves: kube-apiserver is ready, the default ServiceAccount exists if
// there is a controller manager, and all simulated nodes are ready. The context bounds only the start; the control plane
// runs until Stop. When the start fails, nothing of it is left running.
func Start(ctx context.Context, o Options) (*ControlPlane, error) {
	c := &ControlPlane{options: o, began: time.Now()}
	if err := c.startAll(ctx); err != nil {
		_ = c.Stop() // What it could complain about is a consequence of err.
		return nil, fmt.Errorf("start control plane: %w", err)
	}
	return c, nil
}

func (c *ControlPlane) startAll(ctx context.Context) error {
	if err := c.findAssets(); err != nil {
		return err
	}
	if err := c.prepareDirectory(); err != nil {
		return err
	}
	if err := c.prepareIdentities(); err != nil {
		return fmt.Errorf("certificates: %w", err)
	}
	c.progress("certificates")

	if err := c.startEtcd(ctx); err != nil {
		return err
	}
	c.progress("etcd")

	if err := c.startFirstAPIServer(ctx); err != nil {
		return err
	}
	c.progress("kube-apiserver")

	if c.options.Prepare != nil {
		if err := c.options.Prepare(ctx, rest.CopyConfig(c.admin)); err != nil {
			return fmt.Errorf("prepare: %w", err)
		}
		c.progress("prepare")
	}
	return c.startOthers(ctx)
}

func (c *ControlPlane) progress(step string) {
	if c.options.Progress != nil {
		c.options.Progress(step, time.Since(c.began))
	}
}

// findAssets checks up front that every program is there, for an error that says what to do.
func (c *ControlPlane) findAssets() error {
	c.assets = c.options.AssetsDir
	if c.assets == "" {
		c.assets = os.Getenv("KUBEBUILDER_ASSETS")
	}
	if c.assets == "" {
		root, err := repositoryRoot()
		if err != nil {
			return err
		}
		c.assets = filepath.Join(root, "bin", "controlplane")
	}
	assets, err := filepath.Abs(c.assets)
	if err != nil {
		return err
	}
	c.assets = assets

	needed := []string{"etcd", "kube-apiserver"}
	if c.options.ControllerManager {
		needed = append(needed, "kube-controller-manager")
	}
	if c.options.Scheduler {
		needed = append(needed, "kube-scheduler")
	}
	if c.options.SimulatedNodes > 0 {
		needed = append(needed, "kwok", kwokStages)
	}
	for _, name := range needed {
		if !exists(filepath.Join(c.assets, name)) {
			return fmt.Errorf("%s is missing in %s: run \"make controlplane\" first", name, c.assets)
		}
	}
	return nil
}

// repositoryRoot finds the folder of this module above the working directory, which is where go test runs tests.
func repositoryRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		content, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(content, []byte("module "+modulePath+"\n")) {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("the working directory is not inside the repository: set AssetsDir or KUBEBUILDER_ASSETS to the folder that \"make controlplane\" fills")
		}
		dir = parent
	}
}

func (c *ControlPlane) prepareDirectory() error {
	if c.options.DataDir == "" {
		sweepTemporary()
		dir, err := os.MkdirTemp("", temporaryPrefix)
		if err != nil {
			return err
		}
		c.dir, c.temporary = dir, true
	} else {
		dir, err := filepath.Abs(c.options.DataDir)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		c.dir = dir
	}
	if err := os.MkdirAll(c.pkiDir(), 0o700); err != nil {
		return err
	}
	lock, err := lockDirectory(c.dir)
	c.lock = lock
	return err
}

func (c *ControlPlane) pkiDir() string { return filepath.Join(c.dir, "pki") }

func (c *ControlPlane) pkiFile(name string) string { return filepath.Join(c.pkiDir(), name) }

// prepareIdentities makes the authorities and the files that the components read. etcd trusts an authority of its own:
// a client certificate that the cluster accepts must not open the database behind it.
func (c *ControlPlane) prepareIdentities() error {
	var err error
	if c.clusterAuthority, err = loadOrCreateAuthority(c.pkiDir(), "ca"); err != nil {
		return err
	}
	if c.etcdAuthority, err = loadOrCreateAuthority(c.pkiDir(), "etcd-ca"); err != nil {
		return err
	}
	if err := ensureKey(c.pkiFile("service-accounts.key")); err != nil {
		return err
	}
	etcd, err := c.etcdAuthority.server("etcd", nil)
	if err != nil {
		return err
	}
	if err := etcd.write(c.pkiDir(), "etcd"); err != nil {
		return err
	}
	apiServer, err := c.clusterAuthority.server("kube-apiserver", []string{"localhost", "kubernetes", "kubernetes.default",
		"kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}, net.IPv4(10, 96, 0, 1))
	if err != nil {
		return err
	}
	err = apiServer.write(c.pkiDir(), "kube-apiserver")
	return err
}

// RestartAPIServer stops kube-apiserver and starts it again on the same port.
func (c *ControlPlane) RestartAPIServer(ctx context.Context) error {
	if err := c.StopAPIServer(); err != nil {
		return err
	}
	return c.StartAPIServer(ctx)
}

// StopAPIServer ends kube-apiserver while everything else goes on, as in an outage. Stopping it twice is no error.
func (c *ControlPlane) StopAPIServer() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.apiServer == nil {
		return nil
	}
	var err error
	if c.apiServer.exited() {
		err = c.apiServer.failure(errors.Join(errExited, c.apiServer.err))
	}
	c.apiServer.terminate(apiServerGrace)
	c.apiServer = nil
	return err
}

// StartAPIServer starts kube-apiserver on its old port after StopAPIServer and returns when it is ready.
func (c *ControlPlane) StartAPIServer(ctx context.Context) error {
	c.mu.Lock()
	running, stopped := c.apiServer != nil, c.stopped
	c.mu.Unlock()
	switch {
	case stopped:
		return errors.New("the control plane is stopped")
	case running:
		return errors.New("kube-apiserver is running")
	}
	for attempt := 1; ; attempt++ {
		component, err := c.runAPIServer(ctx)
		if err == nil {
			return nil
		}
		if component != nil {
			component.kill()
		}
		c.setProcess(&c.apiServer, nil)
		if component == nil || !component.lostPort() || attempt == portAttempts {
			return err
		}
		// Somebody borrowed the port while it was free; clients know only this one, so wait for it.
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(time.Second):
		}
	}
}

// RestartEtcd kills etcd, calls meanwhile, and starts etcd again with its data, as after a crash.
func (c *ControlPlane) RestartEtcd(ctx context.Context, meanwhile func()) error {
	c.mu.Lock()
	if c.stopped {
		c.mu.Unlock()
		return errors.New("the control plane is stopped")
	}
	c.etcd.kill()
	c.mu.Unlock()
	meanwhile()
	return c.startEtcdAgain(ctx)
}

// Stop ends all components and removes temporary data. It returns an error when a component had ended before it was
// asked to. Stopping twice is no error.
func (c *ControlPlane) Stop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return nil
	}
	c.stopped = true

	// Clients first: nobody shall log that its server is gone.
	processes := append([]*process{}, c.others...)
	for _, p := range []*process{c.apiServer, c.etcd} {
		if p != nil {
			processes = append(processes, p)
		}
	}
	var errs []error
	for _, p := range processes {
		if p.exited() {
			errs = append(errs, p.failure(errors.Join(errExited, p.err)))
		}
	}
	for _, p := range processes {
		// Only the database has anything to finish, and only when it is kept.
		if p == c.etcd && !c.temporary {
			p.terminate(etcdGrace)
		} else {
			p.kill()
		}
	}
	if c.temporary {
		errs = append(errs, os.RemoveAll(c.dir))
	}
	if c.lock != nil {
		errs = append(errs, c.lock.Close())
	}
	return errors.Join(errs...)
}
