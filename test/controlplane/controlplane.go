package controlplane

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
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
	if err := c.start(ctx); err != nil {
		_ = c.Stop() // What it could complain about is a consequence of err.
		return nil, fmt.Errorf("start control plane: %w", err)
	}
	return c, nil
}

func (c *ControlPlane) start(ctx context.Context) error {
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

func (c *ControlPlane) startEtcd(ctx context.Context) error {
	pair, err := tls.LoadX509KeyPair(c.pkiFile("etcd.crt"), c.pkiFile("etcd.key"))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AddCert(c.etcdAuthority.cert)
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, RootCAs: roots}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 2 * time.Second}
	healthy := func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.etcdEndpoint+"/health", http.NoBody)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("etcd health: %s", response.Status)
		}
		return nil
	}

	return c.onFreePort(0, "etcd", func(port int) (*process, error) {
		c.etcdEndpoint = "https://127.0.0.1:" + strconv.Itoa(port)
		component, err := startProcess(c.dir, "etcd", filepath.Join(c.assets, "etcd"),
			"--data-dir="+filepath.Join(c.dir, "etcd"),
			"--listen-client-urls="+c.etcdEndpoint,
			"--advertise-client-urls="+c.etcdEndpoint,
			// A single member never talks to a peer, so its peer address may be any free port.
			"--listen-peer-urls=https://127.0.0.1:0",
			"--initial-advertise-peer-urls=https://127.0.0.1:2380",
			"--initial-cluster=default=https://127.0.0.1:2380",
			"--client-cert-auth",
			"--cert-file="+c.pkiFile("etcd.crt"),
			"--key-file="+c.pkiFile("etcd.key"),
			"--trusted-ca-file="+c.pkiFile("etcd-ca.crt"),
			"--peer-client-cert-auth",
			"--peer-cert-file="+c.pkiFile("etcd.crt"),
			"--peer-key-file="+c.pkiFile("etcd.key"),
			"--peer-trusted-ca-file="+c.pkiFile("etcd-ca.crt"),
			"--enable-grpc-gateway=false",
			"--log-level=warn",
			"--unsafe-no-fsync="+strconv.FormatBool(!c.options.Fsync),
		)
		if err != nil {
			return nil, err
		}
		c.setProcess(&c.etcd, component)
		return component, waitFor(ctx, []*process{component}, healthy)
	})
}

// onFreePort runs start with free ports until it succeeds or fails for another reason than that somebody took the port
// between the check and the start. The preferred port, unless zero, is tried first.
func (c *ControlPlane) onFreePort(preferred int, name string, start func(port int) (*process, error)) error {
	for attempt := 1; ; attempt++ {
		port, err := freePort(preferred)
		if err != nil {
			return err
		}
		component, err := start(port)
		if err == nil {
			return nil
		}
		if component == nil || !component.lostPort() || attempt == portAttempts {
			return err
		}
		preferred = 0
		// The next look at the log must not find this failure again.
		if err := os.Remove(filepath.Join(c.dir, name+".log")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
}

// freePort returns a loopback port that nobody listens on. It stays below the range from which the kernel takes the
// ports of outgoing connections, where a port that is free now may be taken at any moment.
func freePort(preferred int) (int, error) {
	const first, count, attempts = 20000, 12000, 100
	var err error
	for attempt := range attempts {
		port := first + rand.IntN(count)
		if attempt == 0 && preferred != 0 {
			port = preferred
		}
		var listener net.Listener
		if listener, err = net.Listen("tcp4", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			return port, listener.Close()
		}
	}
	return 0, fmt.Errorf("no free port: %w", err)
}

// startFirstAPIServer finds a port for kube-apiserver and remembers it in the data directory, so that kubeconfigs stay
// valid when the same data is started again.
func (c *ControlPlane) startFirstAPIServer(ctx context.Context) error {
	portFile := filepath.Join(c.dir, "kube-apiserver.port")
	preferred := 0
	if content, err := os.ReadFile(portFile); err == nil {
		preferred, _ = strconv.Atoi(strings.TrimSpace(string(content))) // Anything else than a number means no preference.
	}
	err := c.onFreePort(preferred, "kube-apiserver", func(port int) (*process, error) {
		c.port = port
		var err error
		if c.admin, err = c.UserConfig("govplatform:admin", "system:masters"); err != nil {
			return nil, err
		}
		if c.client, err = kubernetes.NewForConfig(c.admin); err != nil {
			return nil, err
		}
		return c.runAPIServer(ctx)
	})
	if err != nil {
		return err
	}
	return os.WriteFile(portFile, []byte(strconv.Itoa(c.port)+"\n"), 0o600)
}

func (c *ControlPlane) runAPIServer(ctx context.Context) (*process, error) {
	args := []string{
		"--bind-address=127.0.0.1",
		"--secure-port=" + strconv.Itoa(c.port),
		"--advertise-address=" + advertiseAddress,
		"--cert-dir=" + c.pkiDir(),
		"--tls-cert-file=" + c.pkiFile("kube-apiserver.crt"),
		"--tls-private-key-file=" + c.pkiFile("kube-apiserver.key"),
		"--client-ca-file=" + c.pkiFile("ca.crt"),
		"--etcd-servers=" + c.etcdEndpoint,
		"--etcd-cafile=" + c.pkiFile("etcd-ca.crt"),
		"--etcd-certfile=" + c.pkiFile("etcd.crt"),
		"--etcd-keyfile=" + c.pkiFile("etcd.key"),
		"--service-account-issuer=" + serviceAccountIssuer,
		"--service-account-key-file=" + c.pkiFile("service-accounts.key"),
		"--service-account-signing-key-file=" + c.pkiFile("service-accounts.key"),
		"--service-cluster-ip-range=" + serviceRange,
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true",
		"--profiling=false",
	}
	component, err := startProcess(c.dir, "kube-apiserver", filepath.Join(c.assets, "kube-apiserver"), append(args, c.options.APIServerArgs...)...)
	if err != nil {
		return nil, err
	}
	c.setProcess(&c.apiServer, component)
	return component, waitFor(ctx, []*process{c.etcd, component}, c.ready)
}

// ready says whether kube-apiserver is ready and has the namespace that everything is first put into.
func (c *ControlPlane) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := c.client.RESTClient().Get().AbsPath("/readyz").Do(ctx).Error(); err != nil {
		return err
	}
	_, err := c.client.CoreV1().Namespaces().Get(ctx, metav1.NamespaceDefault, metav1.GetOptions{})
	return err
}

// startOthers starts the controller manager, the scheduler and kwok side by side and waits for all of them.
func (c *ControlPlane) startOthers(ctx context.Context) error {
	if c.options.ControllerManager {
		kubeconfig, err := c.componentKubeconfig("kube-controller-manager", "system:kube-controller-manager")
		if err != nil {
			return err
		}
		if err := c.startOther("kube-controller-manager",
			"--kubeconfig="+kubeconfig,
			"--leader-elect=false",
			"--secure-port=0",
			"--use-service-account-credentials=true",
			"--service-account-private-key-file="+c.pkiFile("service-accounts.key"),
			"--root-ca-file="+c.pkiFile("ca.crt"),
			"--cluster-signing-cert-file="+c.pkiFile("ca.crt"),
			"--cluster-signing-key-file="+c.pkiFile("ca.key"),
			// With the default limits, the controllers wait for their own tokens for seconds.
			"--kube-api-qps=500",
			"--kube-api-burst=1000",
			"--profiling=false",
		); err != nil {
			return err
		}
	}
	if c.options.Scheduler {
		kubeconfig, err := c.componentKubeconfig("kube-scheduler", "system:kube-scheduler")
		if err != nil {
			return err
		}
		if err := c.startOther("kube-scheduler", "--kubeconfig="+kubeconfig, "--leader-elect=false", "--secure-port=0", "--profiling=false"); err != nil {
			return err
		}
	}
	if c.options.SimulatedNodes > 0 {
		if err := c.startNodes(ctx); err != nil {
			return err
		}
	}

	if c.options.ControllerManager {
		err := waitFor(ctx, c.others, func(ctx context.Context) error {
			_, err := c.client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
			return err
		})
		if err != nil {
			return fmt.Errorf("wait for the default ServiceAccount: %w", err)
		}
		c.progress("kube-controller-manager")
	}
	if c.options.SimulatedNodes > 0 {
		if err := waitFor(ctx, c.others, c.nodesReady); err != nil {
			return fmt.Errorf("wait for the simulated nodes: %w", err)
		}
		c.progress("nodes")
	}
	return nil
}

func (c *ControlPlane) startOther(name string, args ...string) error {
	component, err := startProcess(c.dir, name, filepath.Join(c.assets, name), args...)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.others = append(c.others, component)
	return nil
}

func (c *ControlPlane) setProcess(field **process, p *process) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*field = p
}

// componentKubeconfig writes the kubeconfig with which a component acts as user.
func (c *ControlPlane) componentKubeconfig(name, user string, groups ...string) (string, error) {
	config, err := c.UserConfig(user, groups...)
	if err != nil {
		return "", err
	}
	path := c.pkiFile(name + ".kubeconfig")
	return path, c.WriteKubeconfig(path, config)
}

// Dir returns the directory with the data and the log of each component, such as kube-apiserver.log.
func (c *ControlPlane) Dir() string { return c.dir }

// AdminConfig returns a configuration for a member of system:masters, whom no authorization restricts.
func (c *ControlPlane) AdminConfig() *rest.Config { return rest.CopyConfig(c.admin) }

// UserConfig returns a configuration for a user in groups, with a client certificate that this control plane trusts.
func (c *ControlPlane) UserConfig(user string, groups ...string) (*rest.Config, error) {
	pair, err := c.clusterAuthority.client(user, groups...)
	if err != nil {
		return nil, fmt.Errorf("client certificate for %s: %w", user, err)
	}
	config := c.anonymousConfig()
	config.CertData, config.KeyData = pair.certPEM, pair.keyPEM
	return config, nil
}

// ServiceAccountConfig returns a configuration for an existing ServiceAccount, with a token as a pod would get it. The
// token is valid for 12 hours and dies with the ServiceAccount.
func (c *ControlPlane) ServiceAccountConfig(ctx context.Context, namespace, name string) (*rest.Config, error) {
	seconds := int64(tokenLifetime.Seconds())
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	request, err := c.client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, request, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("token for ServiceAccount %s/%s: %w", namespace, name, err)
	}
	config := c.anonymousConfig()
	config.BearerToken = request.Status.Token
	return config, nil
}

func (c *ControlPlane) anonymousConfig() *rest.Config {
	return &rest.Config{
		Host:            "https://127.0.0.1:" + strconv.Itoa(c.port),
		TLSClientConfig: rest.TLSClientConfig{CAData: c.clusterAuthority.certPEM},
		QPS:             -1, // The API server's own fairness is the only limit.
	}
}

// WriteKubeconfig writes a configuration of this control plane as a kubeconfig that only the current user may read.
func (c *ControlPlane) WriteKubeconfig(path string, cfg *rest.Config) error {
	const name = "govplatform"
	kubeconfig := clientcmdapi.NewConfig()
	kubeconfig.Clusters[name] = &clientcmdapi.Cluster{Server: cfg.Host, CertificateAuthorityData: cfg.CAData}
	kubeconfig.AuthInfos[name] = &clientcmdapi.AuthInfo{ClientCertificateData: cfg.CertData, ClientKeyData: cfg.KeyData, Token: cfg.BearerToken}
	kubeconfig.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	kubeconfig.CurrentContext = name
	return clientcmd.WriteToFile(*kubeconfig, path)
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
