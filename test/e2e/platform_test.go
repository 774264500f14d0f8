package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/reconcile"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/test/e2e/cluster"
	"github.com/govplatform/govplatform/test/harness"
	"github.com/govplatform/govplatform/test/sample"
)

const (
	// calmAgency has as many portals as those whose portals come up while the operator is killed.
	calmAgency         = "calm"
	operatorDeployment = "govplatform-controller-manager"
	// lease is what the operator's replicas compete for.
	lease = "operator.platform.gov.vn"
	// patience is how long the platform may take for anything on a busy machine.
	patience = 2 * time.Minute
)

// installation is the platform on the shared cluster.
type installation struct {
	// up is closed when the rest is complete.
	up  chan struct{}
	env *harness.Env
	err error
	// sample is the national sample.
	sample sample.Sample
	// steps are what was done and how long after the cluster was ready.
	steps []string
}

var installed = installation{up: make(chan struct{})}

// bringUp installs the operator with kubectl and applies the national sample until it is as expected.
func bringUp(root string) {
	defer close(installed.up)
	began := time.Now()
	step := func(format string, args ...any) {
		installed.steps = append(installed.steps, fmt.Sprintf("%5.1f s  ", time.Since(began).Seconds())+fmt.Sprintf(format, args...))
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	installed.err = func() error {
		admin, err := harness.NewClient(shared.AdminConfig())
		if err != nil {
			return err
		}
		installed.env = &harness.Env{ControlPlane: shared.ControlPlane(), Admin: admin}
		for _, folder := range []string{"crd", "default"} {
			if _, err := kubectl(ctx, "apply", "--server-side", "-k", filepath.Join(root, "config", folder)); err != nil {
				return err
			}
			step("kubectl apply -k config/%s", folder)
		}
		// It ends with the test's process.
		if err := sample.Metrics(context.Background(), admin); err != nil {
			return err
		}
		for _, binding := range sample.Bindings() {
			if err := admin.Create(ctx, binding); err != nil {
				return err
			}
		}
		national, err := sample.Read(filepath.Join(root, sampleFolder))
		if err != nil {
			return err
		}
		installed.sample = national
		expected := slices.Clone(national.Expected)
		calm := []client.Object{harness.Agency(calmAgency, nextCode())}
		for i := range portalsPerAgency {
			calm = append(calm, smallPortal(calmAgency, fmt.Sprintf("portal-%d", i)))
			expected = append(expected, sample.Expectation{Kind: "AgencyPortal", Namespace: names.Namespace(calmAgency), Name: fmt.Sprintf("portal-%d", i), Ready: metav1.ConditionTrue, Reason: v1alpha1.ReasonReady})
		}
		people := sample.NewPeople(shared.UserConfig)
		git, officers := sample.NewGitops(national.Objects, people), sample.NewOfficers(national.Decisions, settings.Default(), people)
		if err := poll(ctx, func() error {
			for len(calm) > 0 {
				// The namespace takes portals as soon as the operator has made it.
				if err := admin.Create(ctx, calm[0]); err != nil {
					break
				}
				calm = calm[1:]
			}
			if err := git.Apply(ctx); err != nil {
				cancel() // It can never be accepted.
				return err
			}
			if len(git.Pending) == 0 {
				officers.Decide(ctx)
			}
			if waiting := slices.Concat(git.WaitingFor(), officers.WaitingFor()); len(waiting) > 0 {
				return errors.New(strings.Join(waiting, "\n"))
			}
			for _, e := range expected {
				d, err := e.Difference(ctx, admin)
				if err != nil {
					return err
				}
				if d != "" {
					return fmt.Errorf("%s: %s", e.ID(), d)
				}
			}
			return nil
		}); err != nil {
			return fmt.Errorf("the national sample: %w", err)
		}
		step("all %d objects of the national sample and of agency %s are as expected", len(expected), calmAgency)
		if err := poll(ctx, func() error { return operatorAvailable(ctx, 2) }); err != nil {
			return fmt.Errorf("the operator's pods: %w", err)
		}
		step("both pods of the operator are available")
		return nil
	}()
}

// kubectl runs the kubectl of the cluster as a member of system:masters and returns what it prints.
func kubectl(ctx context.Context, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, filepath.Join(shared.Assets(), "kubectl"), append([]string{"--kubeconfig", shared.Kubeconfig()}, args...)...)
	command.Env = append(os.Environ(), "HOME="+shared.Dir())
	var complaints bytes.Buffer
	command.Stderr = &complaints
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, complaints.String())
	}
	return out, nil
}

// platform returns the installed platform, with the national sample as expected.
func platform(t *testing.T) *harness.Env {
	t.Helper()
	select {
	case <-installed.up:
	case <-time.After(patience):
		t.Fatal("the platform does not come up")
	}
	if installed.err != nil {
		t.Fatal(installed.err)
	}
	return installed.env
}

// together runs tests at the same time that do not disturb each other, as the last that its caller does; the next
// top-level test begins when all have ended.
func together(t *testing.T, tests map[string]func(*testing.T)) {
	t.Helper()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

// poll tries until done returns nil or ctx ends, and returns the last error.
func poll(ctx context.Context, done func() error) error {
	for {
		err := done()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// eventually fails the test when done does not return nil in time.
func eventually(t *testing.T, limit time.Duration, done func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if err := poll(ctx, done); err != nil {
		t.Fatalf("not within %s: %v", limit, err)
	}
}

func operatorAvailable(ctx context.Context, want int32) error {
	var d appsv1.Deployment
	if err := installed.env.Admin.Get(ctx, client.ObjectKey{Namespace: harness.OperatorNamespace, Name: operatorDeployment}, &d); err != nil {
		return err
	}
	if d.Status.ObservedGeneration != d.Generation || d.Status.AvailableReplicas < want {
		return fmt.Errorf("%d of %d are available", d.Status.AvailableReplicas, want)
	}
	return nil
}

// operatorPods returns the operator's pods, the oldest first.
func operatorPods(t *testing.T) []corev1.Pod {
	t.Helper()
	var pods corev1.PodList
	if err := installed.env.Admin.List(t.Context(), &pods, client.InNamespace(harness.OperatorNamespace), client.MatchingLabels{"control-plane": "controller-manager"}); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(pods.Items, func(a, b corev1.Pod) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
	return pods.Items
}

// leader returns the holder of the operator's lease; it begins with the name of the pod.
func leader(ctx context.Context) (string, error) {
	var l coordinationv1.Lease
	if err := installed.env.Admin.Get(ctx, client.ObjectKey{Namespace: harness.OperatorNamespace, Name: lease}, &l); err != nil {
		return "", err
	}
	if l.Spec.HolderIdentity == nil || *l.Spec.HolderIdentity == "" {
		return "", errors.New("nobody holds the lease")
	}
	return *l.Spec.HolderIdentity, nil
}

// portalPods returns the pods of a portal that are ready and not going, by name.
func portalPods(ctx context.Context, namespace, portal string) ([]corev1.Pod, error) {
	var pods corev1.PodList
	if err := installed.env.Admin.List(ctx, &pods, client.InNamespace(namespace), client.MatchingLabels{names.LabelPortal: portal}); err != nil {
		return nil, err
	}
	pods.Items = slices.DeleteFunc(pods.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil || ready(&p) != nil })
	slices.SortFunc(pods.Items, func(a, b corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	return pods.Items, nil
}

// readyPod returns a ready pod of a portal.
func readyPod(t *testing.T, namespace, portal string) corev1.Pod {
	t.Helper()
	var pods []corev1.Pod
	eventually(t, patience, func() (err error) {
		pods, err = portalPods(t.Context(), namespace, portal)
		if err == nil && len(pods) == 0 {
			err = fmt.Errorf("portal %s/%s has no ready pod", namespace, portal)
		}
		return err
	})
	return pods[0]
}

// smallPortal is a portal of one pod that asks for little.
func smallPortal(agency, name string) *v1alpha1.AgencyPortal {
	return harness.Portal(agency, name, func(p *v1alpha1.AgencyPortal) {
		p.Spec.Image = portalImages[1]
		p.Spec.Replicas = v1alpha1.Replicas{Min: 1}
		cpu, memory := resource.MustParse("10m"), resource.MustParse("16Mi")
		p.Spec.Resources.Requests.CPU, p.Spec.Resources.Requests.Memory = &cpu, &memory
	})
}

// agencyCodes counts the codes of agencies that tests make; each is used once.
var agencyCodes atomic.Int32

// nextCode returns a code that no agency has.
func nextCode() string { return fmt.Sprintf("G%d", 70+agencyCodes.Add(1)) }

// create makes objects that stay until the cluster ends. Removing them one by one would only cost time.
func create(t *testing.T, env *harness.Env, objects ...client.Object) {
	t.Helper()
	for _, o := range objects {
		if err := env.Admin.Create(t.Context(), o); err != nil {
			t.Fatalf("create %T %s: %v", o, o.GetName(), err)
		}
	}
}

// waitReady waits until objects are Ready, for as long as the operator may be without a leader.
func waitReady(t *testing.T, env *harness.Env, objects ...reconcile.Object) {
	t.Helper()
	for _, o := range objects {
		eventually(t, patience, func() error {
			if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
				return err
			}
			c := meta.FindStatusCondition(o.GetStatusBase().Conditions, v1alpha1.ConditionReady)
			if c == nil || c.Status != metav1.ConditionTrue || c.ObservedGeneration != o.GetGeneration() {
				return fmt.Errorf("%s/%s is not ready: %v", o.GetNamespace(), o.GetName(), c)
			}
			return nil
		})
	}
}

// newAgency makes an agency and waits until it is ready.
func newAgency(t *testing.T, name string) *v1alpha1.Agency {
	t.Helper()
	env := platform(t)
	agency := harness.Agency(name, nextCode())
	create(t, env, agency)
	env.WaitReady(t, agency)
	return agency
}

// nextAddresses returns the addresses that the next pods will get, without those that pods have now. The network plugin
// gives addresses out in turn and keeps its books in the cluster's folder.
func nextAddresses(t *testing.T, skip, count int) []string {
	t.Helper()
	books := filepath.Join(shared.Dir(), "addresses", "pods")
	last, err := os.ReadFile(filepath.Join(books, "last_reserved_ip.0"))
	if err != nil {
		t.Fatal(err)
	}
	prefix := strings.TrimSuffix(cluster.PodCIDR, "0/24")
	var next int
	if _, err := fmt.Sscanf(strings.TrimPrefix(string(last), prefix), "%d", &next); err != nil {
		t.Fatalf("%q: %v", last, err)
	}
	var addresses []string
	for tried := 0; len(addresses) < skip+count && tried < 253; tried++ {
		// The first address is the node's end, the last one is for broadcasts.
		if next++; next > 254 {
			next = 2
		}
		address := fmt.Sprintf("%s%d", prefix, next)
		if _, err := os.Stat(filepath.Join(books, address)); err != nil {
			addresses = append(addresses, address)
		}
	}
	return addresses[skip:]
}
