package integration

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/test/harness"
)

// refusing lets patches of objects whose path contains one of some words fail
// while it is armed.
type refusing struct {
	armed  atomic.Bool
	words  []string
	answer func() *metav1.Status
}

func (r *refusing) faults() *harness.Faults {
	return &harness.Faults{Answer: func(req *http.Request) *metav1.Status {
		if !r.armed.Load() || req.Method != http.MethodPatch {
			return nil
		}
		for _, w := range r.words {
			if strings.Contains(req.URL.Path, w) {
				return r.answer()
			}
		}
		return nil
	}}
}

// TestClosingNeedsNoBookkeeping: a tenant takes the finalizer off an open link,
// and neither a finalizer nor a status can be written any more, because the
// object is full or because somebody changes it all the time. A suspension
// closes the link, and its deletion too.
// Seen failing with a loop that returns when the finalizer can't be added.
func TestClosingNeedsNoBookkeeping(t *testing.T) {
	for i, c := range []struct {
		name   string
		answer func() *metav1.Status
	}{{"full", harness.TooLarge}, {"flood", harness.Conflict}} {
		t.Run(c.name, func(t *testing.T) {
			r := &refusing{words: []string{"/datasharinglinks/"}, answer: c.answer}
			op := env.Operator(t, harness.OperatorOptions{Transport: r.faults().Wrap})
			p := newPair(t, "closing-"+c.name, fmt.Sprintf("W%d", i), direct())
			suspended, deleted := p.link("suspended"), p.link("deleted")
			for _, l := range []*v1alpha1.DataSharingLink{suspended, deleted} {
				env.Create(t, l)
				decide(t, p.provider, l, v1alpha1.DecisionApprove)
				wantPolicies(t, l, 2)
			}
			op.WaitQuiet(t, time.Second)
			r.armed.Store(true)
			env.Merge(t, suspended, `{"metadata":{"finalizers":null}}`)
			decide(t, p.provider, suspended, v1alpha1.DecisionSuspend, "stop")
			wantPolicies(t, suspended, 0)
			remove(t, deleted)
			wantPolicies(t, deleted, 0)
			op.Requests.Reset()
			time.Sleep(3 * time.Second)
			if n := len(op.Requests.Writes()); n > 60 {
				t.Errorf("%d writes in 3 s while nothing can be recorded", n)
			}
			// What can't be recorded is not opened either.
			fresh := p.link("fresh")
			env.Create(t, fresh)
			decide(t, p.provider, suspended, v1alpha1.DecisionSuspend, "again")
			r.armed.Store(false)
			harness.Eventually(t, func() error {
				if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(suspended), suspended); err != nil {
					return err
				}
				if c := meta.FindStatusCondition(suspended.Status.Conditions, v1alpha1.ConditionPolicyPaired); len(suspended.Finalizers) == 0 || c == nil || c.Status != metav1.ConditionFalse {
					return fmt.Errorf("what happened is not recorded afterwards: %v\n%s", suspended.Finalizers, messages(suspended))
				}
				return nil
			})
			env.WaitGone(t, deleted)
			decide(t, p.provider, fresh, v1alpha1.DecisionApprove)
			wantPolicies(t, fresh, 2)
		})
	}
}

// TestLinkClosesOnWhatIsNotRecorded: a standard forbids what one end runs, and
// that end's status can't be written: it goes on saying that it complies. Its
// workload goes, and its link closes.
// Seen failing with an end that is judged by its stored condition alone.
func TestLinkClosesOnWhatIsNotRecorded(t *testing.T) {
	r := &refusing{words: []string{"/agencyportals/serves"}, answer: harness.TooLarge}
	op := env.Operator(t, harness.OperatorOptions{Transport: r.faults().Wrap})
	p := newPair(t, "unsaid", "W3", direct())
	l := p.link("link")
	env.Create(t, l)
	decide(t, p.provider, l, v1alpha1.DecisionApprove)
	wantPolicies(t, l, 2)
	op.WaitQuiet(t, time.Second)
	r.armed.Store(true)
	env.Create(t, harness.Policy("unsaid", p.provider, func(s *v1alpha1.SecurityPolicy) {
		s.Spec.Images = &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{"other.example.gov.vn"}}
	}))
	wantPolicies(t, l, 0)
	gone(t, "nothing may run", &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-" + p.provider, Name: "serves"}})
	portal := &v1alpha1.AgencyPortal{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-" + p.provider, Name: "serves"}}
	if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(portal), portal); err != nil {
		t.Fatal(err)
	}
	if !meta.IsStatusConditionTrue(portal.Status.Conditions, v1alpha1.ConditionPolicyCompliant) {
		t.Error("the test does not reach what it is for: the status was written")
	}
}

// TestStatusTooLargeIsMadeSmaller: a status of more than 3,500 bytes is refused.
// A smaller one is stored, the workload that a standard forbids goes, and the
// operator comes to rest.
// Seen failing without the smaller attempts: the status says that the portal
// was never looked at.
func TestStatusTooLargeIsMadeSmaller(t *testing.T) {
	var most atomic.Int64
	most.Store(1 << 30)
	f := &harness.Faults{Answer: func(req *http.Request) *metav1.Status {
		if req.Method != http.MethodPatch || !strings.HasSuffix(req.URL.Path, "/agencyportals/large/status") || req.GetBody == nil {
			return nil
		}
		body, err := req.GetBody()
		if err != nil {
			return nil
		}
		data, err := io.ReadAll(body)
		if err != nil || int64(len(data)) <= most.Load() {
			return nil
		}
		return harness.TooLarge()
	}}
	op := env.Operator(t, harness.OperatorOptions{Transport: f.Wrap})
	a := harness.Agency("oversize", "W41")
	env.Create(t, a)
	env.WaitReady(t, a)
	most.Store(3500)
	p := harness.Portal("oversize", "large", func(p *v1alpha1.AgencyPortal) {
		for i := range 8 {
			p.Spec.Env = append(p.Spec.Env, v1alpha1.EnvVar{Name: fmt.Sprintf("V%d", i), Value: strings.Repeat("ệ", 500)})
		}
	})
	env.Create(t, p)
	env.WaitReady(t, p)
	if p.Status.LastCompliant != nil {
		t.Error("the test does not reach what it is for: everything was stored")
	}
	op.WaitQuiet(t, 3*time.Second)
	env.Create(t, harness.Policy("oversize", "oversize", func(s *v1alpha1.SecurityPolicy) {
		s.Spec.Images = &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{"other.example.gov.vn"}}
	}))
	env.WaitCondition(t, p, v1alpha1.ConditionPolicyCompliant, metav1.ConditionFalse, v1alpha1.ReasonViolation)
	gone(t, "nothing may run", &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name}})
}

// refuseWrites answers writes of one kind's objects of a namespace.
func refuseWrites(armed *atomic.Bool, method, path, query string) *harness.Faults {
	return &harness.Faults{Answer: func(req *http.Request) *metav1.Status {
		if !armed.Load() || req.Method != method || !strings.Contains(req.URL.Path, path) || !strings.Contains(req.URL.RawQuery, query) {
			return nil
		}
		return harness.Invalid("spec.template.spec.containers[0].resources.requests", `Invalid value: "1Gi": must be less than or equal to memory limit of 512Mi`)
	}}
}

// TestRefusedUpdateKeepsWhatRuns: the API server refuses an update of a
// Deployment as invalid. What runs stays, the condition about the workload says
// why, the one about networks speaks of networks, and a suspension stops the
// pods as soon as it can.
// Seen failing with a replacement after any Invalid: the Deployment is deleted.
func TestRefusedUpdateKeepsWhatRuns(t *testing.T) {
	var armed atomic.Bool
	env.Operator(t, harness.OperatorOptions{Transport: refuseWrites(&armed, http.MethodPut, "/namespaces/agency-refused/deployments/", "").Wrap})
	a := harness.Agency("refused", "W51")
	env.Create(t, a)
	env.WaitReady(t, a)
	p := harness.Portal("refused", "web", func(p *v1alpha1.AgencyPortal) { p.Spec.Replicas.Min = 1 })
	env.Create(t, p)
	env.WaitReady(t, p)
	d := &appsv1.Deployment{}
	if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(p), d); err != nil {
		t.Fatal(err)
	}
	uid := d.UID
	armed.Store(true)
	env.Merge(t, p, `{"spec":{"env":[{"name":"NEW","value":"x"}]}}`)
	env.WaitCondition(t, p, v1alpha1.ConditionWorkloadAvailable, metav1.ConditionFalse, v1alpha1.ReasonApplyFailed)
	message := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionWorkloadAvailable).Message
	for _, part := range []string{"Deployment agency-refused/web", "spec.resources.requests", "memory limit of 512Mi", "left as it is", "Correct"} {
		if !strings.Contains(message, part) {
			t.Errorf("the message does not say %q: %s", part, message)
		}
	}
	if !meta.IsStatusConditionTrue(p.Status.Conditions, v1alpha1.ConditionNetworkIsolated) {
		t.Errorf("NetworkIsolated speaks of a Deployment: %+v", meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionNetworkIsolated))
	}
	if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(p), d); err != nil || d.UID != uid {
		t.Errorf("what ran is gone: %v", err)
	}
	armed.Store(false)
	touch(t, p)
	env.WaitReady(t, p)
}

// TestFixedFieldIsReplacedOnlyIfTheNewOneIsTaken: a Deployment with our mark has
// another selector, which nobody can change. It is replaced, but not while the
// API server would refuse the new one.
// Seen failing without the dry run: the Deployment is gone and not made again.
func TestFixedFieldIsReplacedOnlyIfTheNewOneIsTaken(t *testing.T) {
	op := env.Operator(t, harness.OperatorOptions{})
	a := harness.Agency("fixed", "W52")
	env.Create(t, a)
	env.WaitReady(t, a)
	p := harness.Portal("fixed", "web", func(p *v1alpha1.AgencyPortal) { p.Spec.Replicas.Min = 1 })
	env.Create(t, p)
	env.WaitReady(t, p)
	_ = op.Stop()
	d := &appsv1.Deployment{}
	if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(p), d); err != nil {
		t.Fatal(err)
	}
	remove(t, d)
	env.WaitGone(t, d.DeepCopy())
	d.ObjectMeta = metav1.ObjectMeta{Namespace: d.Namespace, Name: d.Name, Labels: d.Labels, OwnerReferences: d.OwnerReferences}
	d.Spec.Selector.MatchLabels["tampered"], d.Spec.Template.Labels["tampered"] = "true", "true"
	d.Status = appsv1.DeploymentStatus{}
	if err := env.Admin.Create(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	var armed atomic.Bool
	armed.Store(true)
	env.Operator(t, harness.OperatorOptions{Transport: refuseWrites(&armed, http.MethodPost, "/namespaces/agency-fixed/deployments", "dryRun").Wrap})
	env.WaitCondition(t, p, v1alpha1.ConditionWorkloadAvailable, metav1.ConditionFalse, v1alpha1.ReasonApplyFailed)
	live := &appsv1.Deployment{}
	if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(p), live); err != nil || live.UID != d.UID {
		t.Fatalf("what ran is gone although the new one is refused: %v", err)
	}
	armed.Store(false)
	touch(t, p)
	harness.Eventually(t, func() error {
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(p), live); err != nil {
			return err
		}
		if live.UID == d.UID || live.Spec.Selector.MatchLabels["tampered"] != "" {
			return fmt.Errorf("the Deployment is not replaced: %v", live.Spec.Selector.MatchLabels)
		}
		return nil
	})
	env.WaitReady(t, p)
}

// TestGuardWaitsForPodsThatTheCacheDoesNotShow: the events of pods do not come
// in time. The portal goes, its pod takes its time, and the guard holds it.
// Seen failing with a guard that is released when the cache shows no pod.
func TestGuardWaitsForPodsThatTheCacheDoesNotShow(t *testing.T) {
	var late atomic.Bool
	f := &harness.Faults{Late: func(path string) time.Duration {
		if late.Load() && strings.HasSuffix(path, "/pods") {
			return 10 * time.Minute
		}
		return 0
	}}
	op := env.Operator(t, harness.OperatorOptions{Transport: f.Wrap})
	a := harness.Agency("latepods", "W61")
	env.Create(t, a)
	env.WaitReady(t, a)
	op.WaitQuiet(t, time.Second)
	late.Store(true)
	p := harness.Portal("latepods", "web", func(p *v1alpha1.AgencyPortal) { p.Spec.Replicas = v1alpha1.Replicas{Min: 1, Max: ptr.To(int32(1))} })
	env.Create(t, p)
	var pod corev1.Pod
	harness.Eventually(t, func() error {
		var pods corev1.PodList
		if err := env.Admin.List(t.Context(), &pods, client.InNamespace(p.Namespace)); err != nil || len(pods.Items) == 0 {
			return fmt.Errorf("no pod (%w)", err)
		}
		pod = pods.Items[0]
		return nil
	})
	env.Merge(t, &pod, `{"metadata":{"finalizers":["example.org/slow"]}}`)
	remove(t, p)
	guard := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: "web-deny"}}
	harness.Eventually(t, func() error {
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(&pod), &pod); err != nil || pod.DeletionTimestamp == nil {
			return fmt.Errorf("the pod is not being deleted (%w)", err)
		}
		return nil
	})
	for end := time.Now().Add(6 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(guard), guard); err != nil {
			t.Fatalf("the guard went while its pod is there: %v", err)
		}
	}
	env.Merge(t, &pod, `{"metadata":{"finalizers":null}}`)
	env.WaitGone(t, guard)
}
