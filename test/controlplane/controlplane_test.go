package controlplane

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// parentVariable tells the test binary to be the program that runs a control plane and is killed; see TestMain.
const parentVariable = "GOVPLATFORM_TEST_CONTROLPLANE_PARENT"

func TestMain(m *testing.M) {
	if os.Getenv(parentVariable) != "" {
		beParent()
	}
	log.SetLogger(logr.Discard()) // envtest's client would complain at length that there is no logger.
	os.Exit(m.Run())
}

// beParent starts a control plane, says on its standard output where it is and waits to be killed.
func beParent() {
	c, err := Start(context.Background(), Options{ControllerManager: true, Scheduler: true})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(c.Dir())
	select {}
}

func startContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// startForTest starts a control plane that the test need not stop.
func startForTest(t *testing.T, o Options) *ControlPlane {
	t.Helper()
	o.Progress = func(step string, elapsed time.Duration) { t.Logf("%-24s %5.1f s", step, elapsed.Seconds()) }
	c, err := Start(startContext(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func clientFor(t *testing.T, config *rest.Config) *kubernetes.Clientset {
	t.Helper()
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// processesIn returns the processes whose command line names dir, which is true for all components.
func processesIn(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			continue // The process has ended in the meantime.
		}
		if strings.Contains(string(content), dir+"/") {
			found = append(found, strings.ReplaceAll(string(content), "\x00", " "))
		}
	}
	return found
}

func requireNoProcesses(t *testing.T, dir string) {
	t.Helper()
	var left []string
	for range 100 {
		if left = processesIn(t, dir); len(left) == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("processes are left:\n%s", strings.Join(left, "\n"))
}

// TestWholeCluster covers what needs all components: workloads, authorization and outages.
func TestWholeCluster(t *testing.T) {
	c := startForTest(t, Options{ControllerManager: true, Scheduler: true, SimulatedNodes: 3})
	if len(processesIn(t, c.Dir())) != 5 {
		t.Fatalf("expected 5 processes: %v", processesIn(t, c.Dir()))
	}

	// The namespace controller takes at least five seconds, in which the other tests run.
	deleteNamespace(t, c)
	t.Run("version", func(t *testing.T) { testVersion(t, c) })
	t.Run("deployment becomes ready", func(t *testing.T) { testDeployment(t, c) })
	t.Run("user without a role is refused", func(t *testing.T) { testUser(t, c) })
	t.Run("admission policies are in force", func(t *testing.T) { testAdmission(t, c) })
	t.Run("service account", func(t *testing.T) { testServiceAccount(t, c) })
	t.Run("nothing listens beyond loopback", func(t *testing.T) { testLoopback(t, c) })
	t.Run("kube-apiserver restarts", func(t *testing.T) { testOutage(t, c) })
	t.Run("namespace is deleted", func(t *testing.T) { testNamespaceDeletion(t, c) })

	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	requireNoProcesses(t, c.Dir())
	if exists(c.Dir()) {
		t.Errorf("temporary directory %s is left", c.Dir())
	}
}

func testVersion(t *testing.T, c *ControlPlane) {
	version, err := clientFor(t, c.AdminConfig()).Discovery().ServerVersion()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(version.GitVersion, "v1.") || version.Major != "1" || version.Minor == "" {
		t.Errorf("the server does not know its version: %+v", version)
	}
	t.Logf("%+v", version)
}

func testDeployment(t *testing.T, c *ControlPlane) {
	ctx := startContext(t)
	deployments := clientFor(t, c.AdminConfig()).AppsV1().Deployments(metav1.NamespaceDefault)
	replicas, labels := int32(3), map[string]string{"app": "web"}
	_, err := deployments.Create(ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "registry.example/web:1"}}},
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	err = waitFor(ctx, nil, func(ctx context.Context) error {
		deployment, err := deployments.Get(ctx, "web", metav1.GetOptions{})
		if err == nil && deployment.Status.ReadyReplicas != replicas {
			err = fmt.Errorf("%d of %d replicas are ready", deployment.Status.ReadyReplicas, replicas)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("ready after %s", time.Since(began).Round(time.Millisecond))
}

func testUser(t *testing.T, c *ControlPlane) {
	ctx := startContext(t)
	config, err := c.UserConfig("jane", "agency")
	if err != nil {
		t.Fatal(err)
	}
	client := clientFor(t, config)
	if _, err := client.CoreV1().Secrets(metav1.NamespaceDefault).List(ctx, metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Fatalf("expected a refusal, got %v", err)
	}

	// The same user through a kubeconfig, with a role for her group.
	_, err = clientFor(t, c.AdminConfig()).RbacV1().RoleBindings(metav1.NamespaceDefault).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "agency"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "admin"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "agency"}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := c.WriteKubeconfig(path, config); err != nil {
		t.Fatal(err)
	}
	if config, err = clientcmd.BuildConfigFromFlags("", path); err != nil {
		t.Fatal(err)
	}
	client = clientFor(t, config)
	err = waitFor(ctx, nil, func(ctx context.Context) error { // The authorizer learns of the binding through a watch.
		_, err := client.CoreV1().Secrets(metav1.NamespaceDefault).List(ctx, metav1.ListOptions{})
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func testServiceAccount(t *testing.T, c *ControlPlane) {
	ctx := startContext(t)
	config, err := c.ServiceAccountConfig(ctx, metav1.NamespaceDefault, "default")
	if err != nil {
		t.Fatal(err)
	}
	_, err = clientFor(t, config).CoreV1().Secrets(metav1.NamespaceDefault).List(ctx, metav1.ListOptions{})
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "system:serviceaccount:default:default") {
		t.Errorf("expected a refusal of the service account, got %v", err)
	}
	if _, err := c.ServiceAccountConfig(ctx, metav1.NamespaceDefault, "absent"); !apierrors.IsNotFound(err) {
		t.Errorf("expected that an absent service account is not found, got %v", err)
	}
}

func deleteNamespace(t *testing.T, c *ControlPlane) {
	t.Helper()
	ctx := startContext(t)
	namespaces := clientFor(t, c.AdminConfig()).CoreV1().Namespaces()
	if _, err := namespaces.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "short-lived"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := namespaces.Delete(ctx, "short-lived", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}

func testNamespaceDeletion(t *testing.T, c *ControlPlane) {
	ctx := startContext(t)
	namespaces := clientFor(t, c.AdminConfig()).CoreV1().Namespaces()
	err := waitFor(ctx, nil, func(ctx context.Context) error {
		_, err := namespaces.Get(ctx, "short-lived", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(errors.New("the namespace is still there"), err)
	})
	if err != nil {
		t.Error(err)
	}
}

// testLoopback looks for listening sockets of the components in the kernel's tables.
func testLoopback(t *testing.T, c *ControlPlane) {
	sockets := map[string]string{}
	for _, p := range append([]*process{c.etcd, c.apiServer}, c.others...) {
		descriptors, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, descriptor := range descriptors {
			if target, err := os.Readlink(descriptor); err == nil && strings.HasPrefix(target, "socket:[") {
				sockets[strings.Trim(target, "socket:[]")] = p.name
			}
		}
	}
	const listening, loopback = "0A", "0100007F"
	listeners := 0
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		content, err := os.ReadFile(table)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(content), "\n") {
			fields := strings.Fields(line)
			if len(fields) < 10 || fields[3] != listening || sockets[fields[9]] == "" {
				continue
			}
			listeners++
			if !strings.HasPrefix(fields[1], loopback+":") {
				t.Errorf("%s listens on %s", sockets[fields[9]], fields[1])
			}
		}
	}
	if listeners < 3 {
		t.Errorf("found only %d listeners, so this test does not see what it should", listeners)
	}
}

func testOutage(t *testing.T, c *ControlPlane) {
	ctx := startContext(t)
	client := clientFor(t, c.AdminConfig())
	began := time.Now()
	if err := c.StopAPIServer(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Discovery().ServerVersion(); err == nil {
		t.Fatal("kube-apiserver answers after it was stopped")
	}
	stopped := time.Now()
	if err := c.StartAPIServer(ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("stopped in %s, started in %s", stopped.Sub(began).Round(time.Millisecond), time.Since(stopped).Round(time.Millisecond))
	if err := c.StartAPIServer(ctx); err == nil {
		t.Error("kube-apiserver was started twice")
	}
	if _, err := client.AppsV1().Deployments(metav1.NamespaceDefault).Get(ctx, "web", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
}

func TestKilledParentLeavesNoProcess(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentVariable+"=1")
	parent.Stderr = os.Stderr
	output, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatalf("the parent did not start a control plane: %v", errors.Join(err, parent.Wait()))
	}
	dir := strings.TrimSpace(line)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })

	// An interrupt that the terminal sends to the parent's group is for the parent alone.
	if err := checkGroups(t, parent.Process.Pid); err != nil {
		t.Error(err)
	}
	if len(processesIn(t, dir)) != 4 {
		t.Errorf("expected 4 processes: %v", processesIn(t, dir))
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	requireNoProcesses(t, dir)

	// The next start removes what the killed one left.
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(dir, lockName), old, old); err != nil {
		t.Fatal(err)
	}
	sweepTemporary()
	if exists(dir) {
		t.Errorf("the directory %s of the killed program is left", dir)
	}
}

// checkGroups checks that every component is a child of the parent and none is in its process group.
func checkGroups(t *testing.T, parent int) error {
	t.Helper()
	group, err := syscall.Getpgid(parent)
	if err != nil {
		return err
	}
	children, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent))
	if err != nil {
		return err
	}
	seen := 0
	for _, path := range children {
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, field := range strings.Fields(string(content)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				return err
			}
			seen++
			if childGroup, err := syscall.Getpgid(child); err != nil || childGroup == group {
				return fmt.Errorf("child %d is in the process group of its parent (%w)", child, err)
			}
		}
	}
	if seen != 4 {
		return fmt.Errorf("expected 4 children, found %d", seen)
	}
	return nil
}

func TestDataDirSurvivesRestart(t *testing.T) {
	ctx := startContext(t)
	dir := filepath.Join(t.TempDir(), "data")
	first := startForTest(t, Options{DataDir: dir})
	config := first.AdminConfig()
	configMap := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "kept"}, Data: map[string]string{"key": "value"}}
	if _, err := clientFor(t, config).CoreV1().ConfigMaps(metav1.NamespaceDefault).Create(ctx, configMap, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(ctx, Options{DataDir: dir}); !errors.Is(err, errLocked) {
		t.Errorf("a second control plane in the same directory: expected a refusal, got %v", err)
	}
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	requireNoProcesses(t, dir)

	startForTest(t, Options{DataDir: dir})
	// The configuration of the first run works, too: same port, same authority.
	kept, err := clientFor(t, config).CoreV1().ConfigMaps(metav1.NamespaceDefault).Get(ctx, "kept", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if kept.Data["key"] != "value" {
		t.Errorf("the data is %v", kept.Data)
	}
}

func TestFailedStart(t *testing.T) {
	dir := t.TempDir()
	_, err := Start(startContext(t), Options{DataDir: dir, APIServerArgs: []string{"--no-such-flag"}})
	if err == nil || !strings.Contains(err.Error(), "kube-apiserver") || !strings.Contains(err.Error(), "no-such-flag") {
		t.Errorf("expected an error with the log of kube-apiserver, got %v", err)
	}
	requireNoProcesses(t, dir)

	_, err = Start(startContext(t), Options{AssetsDir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "make controlplane") {
		t.Errorf("expected an error that names make controlplane, got %v", err)
	}
}

// TestEnvtest proves that controller-runtime's envtest can use the same programs.
func TestEnvtest(t *testing.T) {
	located := &ControlPlane{}
	if err := located.findAssets(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBEBUILDER_ASSETS", located.assets)
	environment := &envtest.Environment{}
	config, err := environment.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := environment.Stop(); err != nil {
			t.Error(err)
		}
	})
	if _, err := clientFor(t, config).CoreV1().Namespaces().Get(startContext(t), metav1.NamespaceDefault, metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
}
