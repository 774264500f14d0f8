package lifecycle

import (
	"fmt"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// TestUpgradeTakesOldValues: what people could write in the released version, and can't any more, is copied into statuses as it
// is: the standard is recorded as being in force, the portal has a last compliant spec, the agency has its rights. So the
// next edit of the standard neither drops what it demands nor its admission policy.
//
// With the rules of specs in the copies (statuscopies left out of "make manifests") none of the three is recorded.
func TestUpgradeTakesOldValues(t *testing.T) {
	env := startReleased(t)
	restore(t, env, read(t, "values.yaml"))
	if err := env.Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	op := env.Operator(t, harness.OperatorOptions{})
	standard := &v1alpha1.SecurityPolicy{ObjectMeta: metav1.ObjectMeta{Name: "durations"}}
	portal, agency := harness.Portal("gives", "spaces"), harness.Agency("spaces", "")
	env.WaitReady(t, portal, agency)
	harness.Eventually(t, func() error { return recorded(t, env, standard, portal, agency) })
	op.WaitQuiet(t, quiet)
	if err := env.Admin.Patch(t.Context(), standard, harness.MergePatch(`{"spec":{"resources":{"maxMemory":"64Gi"}}}`)); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, func() error {
		if err := recorded(t, env, standard, portal, agency); err != nil {
			return err
		}
		if in := standard.Status.InForce; in.Resources == nil || in.Images == nil {
			return fmt.Errorf("in force after the edit: %+v", in)
		}
		return nil
	})
	op.WaitQuiet(t, quiet)
	if err := env.Admin.Get(t.Context(), client.ObjectKey{Name: names.AdmissionPolicy("durations")}, &admissionv1.ValidatingAdmissionPolicy{}); err != nil {
		t.Errorf("the standard does not hold for pods: %v", err)
	}
}

// recorded reports what the statuses of objects with old values lack.
func recorded(t *testing.T, env *harness.Env, standard *v1alpha1.SecurityPolicy, portal *v1alpha1.AgencyPortal, agency *v1alpha1.Agency) error {
	t.Helper()
	for _, o := range []client.Object{standard, portal, agency} {
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}
	}
	in, last, rights := standard.Status.InForce, portal.Status.LastCompliant, agency.Status.Rights
	switch {
	case in == nil || in.Certificates == nil || in.Certificates.MaxDuration == nil || in.Certificates.MaxDuration.Duration != 0 ||
		in.DataSharing == nil || in.DataSharing.MaxValidity == nil || in.DataSharing.MaxValidity.Duration <= 999999*time.Hour:
		return fmt.Errorf("in force: %+v", in)
	case last == nil || last.DisplayName != portal.Spec.DisplayName:
		return fmt.Errorf("last compliant: %+v", last)
	case rights == nil || len(rights.AdminGroups) != 1 || rights.AdminGroups[0] != "Quản\u00a0trị":
		return fmt.Errorf("rights: %+v, waiting: %+v", rights, agency.Status.PendingRights)
	}
	return nil
}
