package integration

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// killedBeforeStatus runs an operator until it is about to store the status of
// one object, and kills it there: what it wrote, no status names.
func killedBeforeStatus(t *testing.T, path string, act func()) {
	t.Helper()
	dead := make(chan struct{})
	var once sync.Once
	f := &harness.Faults{Answer: func(req *http.Request) *metav1.Status {
		select {
		case <-dead:
			return harness.Conflict() // A dead operator sends nothing more.
		default:
		}
		if req.Method != http.MethodPatch || !strings.HasSuffix(req.URL.Path, path+"/status") {
			return nil
		}
		once.Do(func() { close(dead) })
		return harness.Conflict()
	}}
	ctx, cancel := context.WithTimeout(t.Context(), harness.Timeout)
	defer cancel()
	op, err := env.StartOperator(ctx, harness.OperatorOptions{Transport: f.Wrap})
	if err != nil {
		t.Fatalf("start the operator: %v", err)
	}
	act()
	select {
	case <-dead:
	case <-ctx.Done():
		t.Errorf("no status of %s was written", path)
	}
	_ = op.Stop()
	if t.Failed() {
		t.FailNow()
	}
}

func gone(t *testing.T, what string, o client.Object) {
	t.Helper()
	harness.Eventually(t, func() error {
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(o), o); !apierrors.IsNotFound(err) {
			return fmt.Errorf("%s: %T %s is still there (%w)", what, o, o.GetName(), err)
		}
		return nil
	})
}

// TestUnrecordedChildrenGo: the operator dies after it has written a child and
// before the status that names it; then the child is no longer wanted. Its mark
// is all that is left to find it.
// Seen failing with find that looks for network policies only: each of the four
// stays for good, and the owner says Ready.
func TestUnrecordedChildrenGo(t *testing.T) {
	t.Run("RoleBinding of a withdrawn group", func(t *testing.T) {
		// Nobody has rights before Kubernetes counts, which takes a round.
		op := env.Operator(t, harness.OperatorOptions{})
		a := harness.Agency("unrecbinding", "U01", func(a *v1alpha1.Agency) { a.Spec.AdminGroups = nil })
		env.Create(t, a)
		env.WaitReady(t, a)
		_ = op.Stop()
		killedBeforeStatus(t, "/agencies/unrecbinding", func() { env.Merge(t, a, `{"spec":{"adminGroups":["unrec-admins"]}}`) })
		rb := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-unrecbinding", Name: "agency-admins"}}
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(rb), rb); err != nil {
			t.Fatalf("the test does not reach what it is for: %v", err)
		}
		env.Merge(t, a, `{"spec":{"adminGroups":null}}`)
		env.Operator(t, harness.OperatorOptions{})
		env.WaitReady(t, a)
		gone(t, "adminGroups is empty", rb)
	})
	t.Run("autoscaler and workload", func(t *testing.T) {
		op := env.Operator(t, harness.OperatorOptions{})
		a := harness.Agency("unrecportal", "U02")
		env.Create(t, a)
		env.WaitReady(t, a)
		_ = op.Stop()
		p := harness.Portal("unrecportal", "web", func(p *v1alpha1.AgencyPortal) { p.Spec.Replicas = v1alpha1.Replicas{Min: 1, Max: ptr.To(int32(3))} })
		killedBeforeStatus(t, "/agencyportals/web", func() { env.Create(t, p) })
		env.Merge(t, p, `{"spec":{"replicas":{"max":null}}}`)
		op = env.Operator(t, harness.OperatorOptions{})
		gone(t, "the portal has no range of replicas", &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: "web"}})
		env.WaitReady(t, p)
		_ = op.Stop()
		// As if no status had ever been written: a standard forbids what runs.
		env.EditStatus(t, p, func() { p.Status = v1alpha1.AgencyPortalStatus{} })
		env.Create(t, harness.Policy("unrecportal", "unrecportal", func(s *v1alpha1.SecurityPolicy) {
			s.Spec.Images = &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{"other.example.gov.vn"}}
		}))
		env.Operator(t, harness.OperatorOptions{})
		gone(t, "nothing may run", &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: "web"}})
		env.WaitCondition(t, p, v1alpha1.ConditionPolicyCompliant, metav1.ConditionFalse, v1alpha1.ReasonViolation)
	})
	t.Run("admission policy of a standard set to Audit", func(t *testing.T) {
		s := harness.Policy("unrecpolicy", "nobody", func(s *v1alpha1.SecurityPolicy) {
			s.Spec.Images = &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{"other.example.gov.vn"}}
		})
		killedBeforeStatus(t, "/securitypolicies/unrecpolicy", func() { env.Create(t, s) })
		of := func(o client.Object) bool { return o.GetLabels()[names.LabelOwnerUID] == string(s.UID) }
		if made, err := env.Children(t.Context(), of); err != nil || len(made) != 2 {
			t.Fatalf("the test does not reach what it is for: %d objects, %v", len(made), err)
		}
		env.Merge(t, s, `{"spec":{"mode":"Audit"}}`)
		env.Operator(t, harness.OperatorOptions{})
		env.WaitCondition(t, s, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonAuditing)
		harness.Eventually(t, func() error {
			if left, err := env.Children(t.Context(), of); err != nil || len(left) > 0 {
				return fmt.Errorf("%d admission objects still enforce a standard in Audit (%w)", len(left), err)
			}
			return nil
		})
	})
}
