package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/govplatform/govplatform/test/controlplane"
)

const (
	// NodeName is the name of the only node.
	NodeName = "node1"
	// NodeIP is the address of the node, where the API server and kubelet answer.
	NodeIP = "172.31.255.1"
	// APIServerPort is where the API server answers on every address of the node. Network policies see this port and not
	// the 443 of its Service, because they judge packets after the address of the Service was replaced.
	APIServerPort = 6443
	// PodCIDR holds the addresses of all pods.
	PodCIDR = "10.244.0.0/24"
	// DNSServiceIP is the address of the cluster's name server.
	DNSServiceIP = "10.96.0.10"
	// KubeletPort is where kubelet answers on NodeIP.
	KubeletPort = 10250

	directoryVariable = "GOVPLATFORM_CLUSTER_DIR"

	pluginDir       = "/usr/lib/cni"
	containerdRoot  = "containerd"
	containerSocket = "/run/containerd.sock"
	// maxPods is above kubelet's 110, since a nation's portals shall fit on one node.
	maxPods = 250
)

// Environment says how a program runs inside the namespaces; see Enter.
type Environment struct {
	// DumpDir gets a folder with the logs of the components when the program fails, however it does. It may be empty.
	DumpDir string
	// EndWithParent ends everything when the parent of this program does, as tests should when go test is killed.
	EndWithParent bool
}

// Options says what the cluster is like.
type Options struct {
	// AssetsDir holds the programs that "make controlplane" builds. It defaults to $KUBEBUILDER_ASSETS, and without that
	// to bin/controlplane in this repository.
	AssetsDir string
	// ImagesDir holds the images that "make image" writes. It defaults to images beside AssetsDir.
	ImagesDir string
	// Images are further archives in OCI layout to load before the node is ready; a name without a folder is looked for
	// in ImagesDir. There is no registry, so pods can run nothing else than what is loaded.
	Images []string
	// Tags are further references of images, by the name of the archive; see TagImage.
	Tags map[string][]string
	// WithoutEnforcer leaves NetworkPolicies without effect, to show that a test would notice.
	WithoutEnforcer bool
	// Processors is how many processors the node claims to have; zero means as many as the machine has. Pods of a whole
	// nation's portals do nearly nothing in a test, but what they request would not fit on a small machine.
	Processors int
	// APIServerArgs are further flags of kube-apiserver.
	APIServerArgs []string
	// Fsync makes etcd write durably.
	Fsync bool
	// Progress, if it is set, is told about each step that is done and the time since Start was called.
	Progress func(step string, elapsed time.Duration)
}

// Cluster is a running cluster. Its methods may be called concurrently.
type Cluster struct {
	options Options
	assets  string
	dir     string
	began   time.Time
	control *controlplane.ControlPlane
	client  *kubernetes.Clientset

	// mu guards what follows.
	mu         sync.Mutex
	containerd *process
	kubelet    *process
	proxy      *process
	enforcer   *process
	images     map[string]Image // By the name of the archive, without .tar.
}

// started holds whether there was a cluster in this program: containers and packet filters outlive Stop, and only the
// end of the namespaces removes all of them.
var started sync.Once

// Start runs the cluster and returns when the node is ready, names resolve and policies are enforced. The context bounds
// only the start. It works once in a program, and only after Enter.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	first := false
	started.Do(func() { first = true })
	if !first {
		return nil, errors.New("start cluster: a program can start one cluster; run another program for another")
	}
	dir := os.Getenv(directoryVariable)
	if dir == "" {
		return nil, errors.New("start cluster: this program is not inside the cluster's namespaces: call cluster.Enter first, or run it as a command of test/e2e/cmd/cluster")
	}
	c := &Cluster{options: o, dir: dir, began: time.Now(), images: map[string]Image{}}
	if err := c.startAll(ctx); err != nil {
		c.Stop()
		return nil, fmt.Errorf("start cluster: %w", err)
	}
	return c, nil
}

func (c *Cluster) startAll(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := c.findFiles(); err != nil {
		return err
	}
	// Containers and control plane do not need each other to start.
	containers := make(chan error, 1)
	go func() {
		err := c.startContainerd(ctx)
		if err != nil {
			cancel()
		}
		containers <- err
	}()
	controlErr := c.startControlPlane(ctx)
	if controlErr != nil {
		cancel()
	}
	if err := <-containers; err != nil || controlErr != nil {
		if errors.Is(controlErr, context.Canceled) && err != nil {
			return err // The other one is a consequence.
		}
		return errors.Join(controlErr, err)
	}
	if err := c.startNode(); err != nil {
		return err
	}
	if err := c.applyDNS(ctx); err != nil {
		return fmt.Errorf("install CoreDNS: %w", err)
	}
	if !c.options.WithoutEnforcer {
		if err := c.StartEnforcer(ctx); err != nil {
			return err
		}
	}
	if err := c.wait(ctx, "the node to be ready", c.nodeReady); err != nil {
		return err
	}
	c.progress("node")
	if err := c.wait(ctx, "CoreDNS to be ready", c.dnsReady); err != nil {
		return err
	}
	c.progress("DNS")
	return nil
}

func (c *Cluster) progress(step string) {
	if c.options.Progress != nil {
		c.options.Progress(step, time.Since(c.began))
	}
}

// findFiles checks up front that everything is there, for an error that says what to do.
func (c *Cluster) findFiles() error {
	c.assets = c.options.AssetsDir
	if c.assets == "" {
		c.assets = os.Getenv("KUBEBUILDER_ASSETS")
	}
	if c.assets == "" {
		root, err := RepositoryRoot()
		if err != nil {
			return err
		}
		c.assets = filepath.Join(root, "bin", "controlplane")
	}
	var err error
	if c.assets, err = filepath.Abs(c.assets); err != nil {
		return err
	}
	for _, name := range []string{"kubelet", "kube-proxy", "policy-enforcer"} {
		if _, err := os.Stat(filepath.Join(c.assets, name)); err != nil {
			return fmt.Errorf("%s is missing in %s: run \"make controlplane\" first", name, c.assets)
		}
	}
	if c.options.ImagesDir == "" {
		c.options.ImagesDir = filepath.Join(filepath.Dir(c.assets), "images")
	}
	for _, path := range c.archives() {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("the image %s is missing: run \"make image\" first", path)
		}
	}
	return nil
}

// startControlPlane runs the control plane with an API server that reaches kubelet and answers on the node's address.
func (c *Cluster) startControlPlane(ctx context.Context) error {
	if err := writeKubeletCertificates(c.dir); err != nil {
		return fmt.Errorf("certificates for kubelet: %w", err)
	}
	data := filepath.Join(c.dir, "controlplane")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	// The control plane goes back to the port that its data has had before.
	if err := os.WriteFile(filepath.Join(data, "kube-apiserver.port"), fmt.Appendln(nil, APIServerPort), 0o600); err != nil {
		return err
	}
	control, err := controlplane.Start(ctx, controlplane.Options{
		AssetsDir:         c.assets,
		DataDir:           data,
		ControllerManager: true,
		Scheduler:         true,
		Fsync:             c.options.Fsync,
		Progress: func(step string, _ time.Duration) {
			c.progress(step)
		},
		APIServerArgs: append([]string{
			"--bind-address=0.0.0.0",
			"--advertise-address=" + NodeIP,
			"--kubelet-client-certificate=" + filepath.Join(c.dir, "kubelet-client.crt"),
			"--kubelet-client-key=" + filepath.Join(c.dir, "kubelet-client.key"),
			"--kubelet-certificate-authority=" + filepath.Join(c.dir, "kubelet-ca.crt"),
			"--kubelet-preferred-address-types=InternalIP",
		}, c.options.APIServerArgs...),
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.control = control
	c.mu.Unlock()
	if want := fmt.Sprintf("https://127.0.0.1:%d", APIServerPort); control.AdminConfig().Host != want {
		return fmt.Errorf("the API server answers at %s, not at %s", control.AdminConfig().Host, want)
	}
	if c.client, err = kubernetes.NewForConfig(control.AdminConfig()); err != nil {
		return err
	}
	return control.WriteKubeconfig(c.Kubeconfig(), control.AdminConfig())
}

// startNode starts kubelet and kube-proxy.
func (c *Cluster) startNode() error {
	if c.options.Processors > 0 {
		if err := pretendProcessors(c.options.Processors); err != nil {
			return fmt.Errorf("pretend to have %d processors: %w", c.options.Processors, err)
		}
	}
	if err := c.startKubelet(); err != nil {
		return err
	}
	return c.startProxy()
}

func (c *Cluster) startKubelet() error {
	node, err := c.writeKubeconfig("kubelet", "system:node:"+NodeName, "system:nodes")
	if err != nil {
		return err
	}
	// Names outside the cluster resolve nowhere.
	resolve := filepath.Join(c.dir, "resolv.conf")
	if err := os.WriteFile(resolve, []byte("nameserver 127.0.0.1\n"), 0o644); err != nil {
		return err
	}
	file := func(name string) string { return filepath.Join(c.dir, name) }
	kubeletConfig, err := c.writeJSON("kubelet.config", object{
		"apiVersion": "kubelet.config.k8s.io/v1beta1",
		"kind":       "KubeletConfiguration",
		"address":    NodeIP,
		"port":       KubeletPort,
		"authentication": object{
			"anonymous": object{"enabled": false},
			"webhook":   object{"enabled": true},
			"x509":      object{"clientCAFile": file("kubelet-ca.crt")},
		},
		"authorization":            object{"mode": "Webhook"},
		"tlsCertFile":              file("kubelet.crt"),
		"tlsPrivateKeyFile":        file("kubelet.key"),
		"failCgroupV1":             false,
		"cgroupDriver":             "cgroupfs",
		"cgroupRoot":               "/" + filepath.Base(c.dir),
		"containerRuntimeEndpoint": "unix://" + containerSocket,
		"clusterDNS":               []string{DNSServiceIP},
		"clusterDomain":            "cluster.local",
		"resolvConf":               resolve,
		"failSwapOn":               false,
		"makeIPTablesUtilChains":   false,
		"maxPods":                  maxPods,
		"podLogsDir":               file("pods"),
		"containerLogMaxSize":      "100Mi", // A test reads all that a program said, and kubelet shows only the newest file.
		"volumePluginDir":          file("volumeplugins"),
		// Clients wait for pods that come and go; the defaults save requests in clusters of thousands of nodes.
		"kubeAPIQPS":                100,
		"kubeAPIBurst":              200,
		"serializeImagePulls":       false,
		"nodeStatusUpdateFrequency": "5s",
		"evictionHard": object{
			"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%", "nodefs.inodesFree": "1%", "imagefs.inodesFree": "1%",
		},
		// Images that nobody uses must stay: they cannot be fetched again.
		"imageGCHighThresholdPercent": 100,
	})
	if err != nil {
		return err
	}
	kubelet, err := startProcess(c.dir, "kubelet", filepath.Join(c.assets, "kubelet"),
		"--config="+kubeletConfig, "--kubeconfig="+node, "--hostname-override="+NodeName, "--node-ip="+NodeIP, "--root-dir="+file("kubelet"))
	if err != nil {
		return err
	}
	c.set(&c.kubelet, kubelet)
	return nil
}

func (c *Cluster) startProxy() error {
	proxy, err := c.writeKubeconfig("kube-proxy", "system:kube-proxy")
	if err != nil {
		return err
	}
	proxyConfig, err := c.writeJSON("kube-proxy.config", object{
		"apiVersion":         "kubeproxy.config.k8s.io/v1alpha1",
		"kind":               "KubeProxyConfiguration",
		"mode":               "nftables",
		"clientConnection":   object{"kubeconfig": proxy},
		"clusterCIDR":        PodCIDR,
		"conntrack":          object{"maxPerCore": 0, "min": 0},
		"healthzBindAddress": "127.0.0.1:10256",
		"metricsBindAddress": "127.0.0.1:10249",
		// A portal whose Service has just changed shall be tried at once.
		"nftables": object{"minSyncPeriod": "100ms"},
	})
	if err != nil {
		return err
	}
	kubeProxy, err := startProcess(c.dir, "kube-proxy", filepath.Join(c.assets, "kube-proxy"), "--config="+proxyConfig, "--hostname-override="+NodeName)
	if err != nil {
		return err
	}
	c.set(&c.proxy, kubeProxy)
	return nil
}

// writeKubeconfig writes a kubeconfig of a user in groups, for a component of the node.
func (c *Cluster) writeKubeconfig(name, user string, groups ...string) (string, error) {
	config, err := c.control.UserConfig(user, groups...)
	if err != nil {
		return "", err
	}
	path := filepath.Join(c.dir, name+".kubeconfig")
	return path, c.control.WriteKubeconfig(path, config)
}

// object is a piece of a configuration file.
type object = map[string]any

// writeJSON writes a configuration file, which the components read as YAML, and returns its path.
func (c *Cluster) writeJSON(name string, content object) (string, error) {
	encoded, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		return "", err
	}
	path := filepath.Join(c.dir, name)
	return path, os.WriteFile(path, encoded, 0o600)
}

func (c *Cluster) set(field **process, p *process) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*field = p
}

// wait polls until done returns nil, and gives up when a component ends or ctx does.
func (c *Cluster) wait(ctx context.Context, what string, done func(context.Context) error) error {
	for {
		err := done(ctx)
		if err == nil {
			return nil
		}
		if exited := c.exited(); exited != nil {
			return exited
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, errors.Join(ctx.Err(), err))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// exited returns an error when a component of the node has ended although nobody stopped it.
func (c *Cluster) exited() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range []*process{c.containerd, c.kubelet, c.proxy, c.enforcer} {
		if p != nil && p.exited() {
			return p.failure()
		}
	}
	return nil
}

func (c *Cluster) nodeReady(ctx context.Context) error {
	node, err := c.client.CoreV1().Nodes().Get(ctx, NodeName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			if condition.Status == corev1.ConditionTrue {
				return nil
			}
			return errors.New(condition.Message)
		}
	}
	return errors.New("no condition yet")
}

// StopEnforcer lifts all NetworkPolicies: every connection opens until StartEnforcer. Stopping twice is no error.
func (c *Cluster) StopEnforcer() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.enforcer != nil {
		c.enforcer.terminate(5 * time.Second)
		c.enforcer = nil
	}
}

// StartEnforcer starts the enforcer of NetworkPolicies and returns when it judges connections.
func (c *Cluster) StartEnforcer(ctx context.Context) error {
	c.mu.Lock()
	running := c.enforcer != nil
	c.mu.Unlock()
	if running {
		return errors.New("the enforcer is running")
	}
	enforcer, err := startProcess(c.dir, "policy-enforcer", filepath.Join(c.assets, "policy-enforcer"),
		"--kubeconfig="+c.Kubeconfig(), "--node="+NodeName, "--pod-cidr="+PodCIDR)
	if err != nil {
		return err
	}
	c.set(&c.enforcer, enforcer)
	return c.wait(ctx, "the policy enforcer", func(context.Context) error {
		if !enforcer.logged("enforcing") {
			return errors.New("it has not said that it enforces")
		}
		return nil
	})
}

// ControlPlane returns the control plane, whose API server can be stopped and started.
func (c *Cluster) ControlPlane() *controlplane.ControlPlane { return c.control }

// AdminConfig returns a configuration for a member of system:masters.
func (c *Cluster) AdminConfig() *rest.Config { return c.control.AdminConfig() }

// UserConfig returns a configuration for a user in groups.
func (c *Cluster) UserConfig(user string, groups ...string) (*rest.Config, error) {
	return c.control.UserConfig(user, groups...)
}

// Kubeconfig returns the path of a kubeconfig with the rights of AdminConfig, for programs inside the namespaces.
func (c *Cluster) Kubeconfig() string { return filepath.Join(c.dir, "admin.kubeconfig") }

// Dir returns the directory with the data and the logs of the components. It is removed after the program.
func (c *Cluster) Dir() string { return c.dir }

// Assets returns the folder with kubectl and the other programs.
func (c *Cluster) Assets() string { return c.assets }

// Stop ends the components. Containers and everything else go when the program ends.
func (c *Cluster) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range []*process{c.kubelet, c.proxy, c.enforcer, c.containerd} {
		if p != nil {
			p.kill()
		}
	}
	c.kubelet, c.proxy, c.enforcer, c.containerd = nil, nil, nil, nil
	if c.control != nil {
		// Its only news are components that had ended, which is in the dump already, and the data goes anyway.
		_ = c.control.Stop()
	}
}
