package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	yamlutil "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/reconcile"
	"github.com/govplatform/govplatform/test/e2e/cluster"
	"github.com/govplatform/govplatform/test/harness"
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
	// sample is what is expected of the national sample.
	sample []expectation
	// open is all that is open between its portals, and from them to addresses.
	open []openFlow
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
		if _, err := kubectl(ctx, "apply", "-k", filepath.Join(root, "config", "default")); err != nil {
			return err
		}
		step("kubectl apply -k config/default")
		for group, role := range map[string]string{groupAuthority: "govplatform-authority", groupPlatformTeam: "govplatform-platform-team"} {
			binding := &rbacv1.ClusterRoleBinding{
				ObjectMeta: metav1.ObjectMeta{Name: group},
				RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
				Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: group}},
			}
			if err := admin.Create(ctx, binding); err != nil {
				return err
			}
		}
		sample, err := render(ctx, filepath.Join(root, sampleFolder))
		if err != nil {
			return err
		}
		expected, open, err := readExpected(filepath.Join(root, sampleFolder, "expected.yaml"))
		if err != nil {
			return err
		}
		installed.open = open
		decisions, err := readDecisions(filepath.Join(root, sampleFolder, "decisions.yaml"))
		if err != nil {
			return err
		}
		installed.sample = slices.Clone(expected)
		calm := []client.Object{harness.Agency(calmAgency, nextCode())}
		for i := range portalsPerAgency {
			calm = append(calm, smallPortal(calmAgency, fmt.Sprintf("portal-%d", i)))
			expected = append(expected, expectation{Kind: "AgencyPortal", Namespace: names.Namespace(calmAgency), Name: fmt.Sprintf("portal-%d", i), Ready: metav1.ConditionTrue, Reason: v1alpha1.ReasonReady})
		}
		git := newGitops(sample)
		if err := poll(ctx, func() error {
			for len(calm) > 0 {
				// The namespace takes portals as soon as the operator has made it.
				if err := admin.Create(ctx, calm[0]); err != nil {
					break
				}
				calm = calm[1:]
			}
			if err := git.apply(ctx); err != nil {
				return err
			}
			for i := range decisions {
				if err := decisions[i].make(ctx); err != nil {
					return err
				}
			}
			for _, e := range expected {
				if err := e.check(ctx, admin); err != nil {
					return err
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

// render returns the objects of a kustomization.
func render(ctx context.Context, dir string) ([]*unstructured.Unstructured, error) {
	out, err := kubectl(ctx, "kustomize", dir)
	if err != nil {
		return nil, err
	}
	var objects []*unstructured.Unstructured
	for decoder := yamlutil.NewYAMLOrJSONDecoder(bytes.NewReader(out), 4096); ; {
		object := &unstructured.Unstructured{}
		if err := decoder.Decode(object); errors.Is(err, io.EOF) {
			return objects, nil
		} else if err != nil {
			return nil, fmt.Errorf("read %s: %w", dir, err)
		}
		objects = append(objects, object)
	}
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

// Groups under which the sample's people act. The first two are bound to shipped roles; agencies name the others.
const (
	groupAuthority    = "e2e-authority"
	groupPlatformTeam = "e2e-platform-team"
)

// gitops applies objects until each is accepted, as GitOps tools do, each by whoever is responsible for it: policies by
// the authority, agencies by the platform team, portals by the agency's own admins.
type gitops struct {
	pending []*unstructured.Unstructured
	admins  map[string]string
	clients map[string]client.Client
}

func newGitops(objects []*unstructured.Unstructured) *gitops {
	g := &gitops{pending: objects, admins: map[string]string{}, clients: map[string]client.Client{}}
	for _, o := range objects {
		if groups, _, _ := unstructured.NestedStringSlice(o.Object, "spec", "adminGroups"); o.GetKind() == "Agency" && len(groups) > 0 {
			g.admins[names.Namespace(o.GetName())] = groups[0]
		}
	}
	return g
}

// apply tries everything that is not accepted yet, and returns an error while something is not.
func (g *gitops) apply(ctx context.Context) error {
	var later []*unstructured.Unstructured
	var errs []error
	for _, o := range g.pending {
		group := groupPlatformTeam
		switch o.GetKind() {
		case "SecurityPolicy", "SharedPlatform":
			group = groupAuthority
		case "AgencyPortal", "DataService", "DataSharingLink":
			group = g.admins[o.GetNamespace()]
		}
		c := g.clients[group]
		if c == nil {
			config, err := shared.UserConfig("gitops-"+group, group)
			if err != nil {
				return err
			}
			if c, err = client.New(config, client.Options{Mapper: installed.env.Admin.RESTMapper()}); err != nil {
				return err
			}
			g.clients[group] = c
		}
		if err := c.Apply(ctx, client.ApplyConfigurationFromUnstructured(o.DeepCopy()), client.FieldOwner("gitops"), client.ForceOwnership); err != nil {
			later, errs = append(later, o), append(errs, fmt.Errorf("apply %s %s/%s: %w", o.GetKind(), o.GetNamespace(), o.GetName(), err))
		}
	}
	g.pending = later
	return errors.Join(errs...)
}

// expectation is what must be reported about one object of the sample; see its expected.yaml.
type expectation struct {
	Kind          string                 `json:"kind"`
	Namespace     string                 `json:"namespace,omitempty"`
	Name          string                 `json:"name"`
	Ready         metav1.ConditionStatus `json:"ready"`
	Reason        string                 `json:"reason"`
	SecurityLevel v1alpha1.SecurityLevel `json:"securityLevel,omitempty"`
	Message       []string               `json:"message,omitempty"`
	Running       *bool                  `json:"running,omitempty"`
	Phase         string                 `json:"phase,omitempty"`
}

func readExpected(path string) ([]expectation, []openFlow, error) {
	var file struct {
		APIVersion string        `json:"apiVersion"`
		Kind       string        `json:"kind"`
		Objects    []expectation `json:"objects"`
		Open       []openFlow    `json:"open"`
	}
	if err := readYAML(path, &file); err != nil {
		return nil, nil, err
	}
	return file.Objects, file.Open, nil
}

func readYAML(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := yaml.UnmarshalStrict(data, into); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// check returns how the object differs from what is expected.
func (e expectation) check(ctx context.Context, c client.Client) error {
	var object reconcile.Object
	switch e.Kind {
	case "Agency":
		object = &v1alpha1.Agency{}
	case "SecurityPolicy":
		object = &v1alpha1.SecurityPolicy{}
	case "SharedPlatform":
		object = &v1alpha1.SharedPlatform{}
	case "DataService":
		object = &v1alpha1.DataService{}
	case "DataSharingLink":
		object = &v1alpha1.DataSharingLink{}
	default:
		object = &v1alpha1.AgencyPortal{}
	}
	id := fmt.Sprintf("%s %s/%s", e.Kind, e.Namespace, e.Name)
	if err := c.Get(ctx, client.ObjectKey{Namespace: e.Namespace, Name: e.Name}, object); err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	condition := meta.FindStatusCondition(object.GetStatusBase().Conditions, v1alpha1.ConditionReady)
	if condition == nil || object.GetStatusBase().ObservedGeneration != object.GetGeneration() {
		return fmt.Errorf("%s is not observed yet", id)
	}
	if condition.Status != e.Ready || condition.Reason != e.Reason {
		return fmt.Errorf("%s: Ready is %s %s (%s), want %s %s", id, condition.Status, condition.Reason, condition.Message, e.Ready, e.Reason)
	}
	for _, fragment := range e.Message {
		if !strings.Contains(condition.Message, fragment) {
			return fmt.Errorf("%s: the message %q lacks %q", id, condition.Message, fragment)
		}
	}
	portal, ok := object.(*v1alpha1.AgencyPortal)
	if !ok {
		return nil
	}
	if e.SecurityLevel != 0 && portal.Status.SecurityLevel != e.SecurityLevel {
		return fmt.Errorf("%s: security level %d, want %d", id, portal.Status.SecurityLevel, e.SecurityLevel)
	}
	if e.Running == nil {
		return nil
	}
	var d appsv1.Deployment
	err := c.Get(ctx, client.ObjectKeyFromObject(portal), &d)
	switch {
	case client.IgnoreNotFound(err) != nil:
		return err
	case apierrors.IsNotFound(err) == *e.Running:
		return fmt.Errorf("%s: running is not %v", id, *e.Running)
	case *e.Running && d.Status.AvailableReplicas < portal.Spec.Replicas.Min:
		return fmt.Errorf("%s: %d pods are available, want %d", id, d.Status.AvailableReplicas, portal.Spec.Replicas.Min)
	}
	return nil
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
