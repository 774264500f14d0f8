package controlplane

import (
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
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

func (c *ControlPlane) startEtcd(ctx context.Context) error { return c.startEtcdOn(ctx, 0) }

// startEtcdAgain starts etcd on its old port, the one that the API server knows.
func (c *ControlPlane) startEtcdAgain(ctx context.Context) error {
	_, port, err := net.SplitHostPort(strings.TrimPrefix(c.etcdEndpoint, "https://"))
	if err != nil {
		return fmt.Errorf("parse the address of etcd: %w", err)
	}
	old, err := strconv.Atoi(port)
	if err != nil {
		return fmt.Errorf("parse the port of etcd: %w", err)
	}
	return c.startEtcdOn(ctx, old)
}

func (c *ControlPlane) startEtcdOn(ctx context.Context, preferred int) error {
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

	return c.onFreePort(preferred, "etcd", func(port int) (*process, error) {
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
			// With the default of five minutes, tests wait that long for the quotas of kinds that were just installed.
			"--resource-quota-sync-period=10s",
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
