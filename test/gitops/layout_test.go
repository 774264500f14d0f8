package gitops

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
	"github.com/govplatform/govplatform/test/sample"
)

var (
	standards = types.NamespacedName{Namespace: "gitops-authority", Name: "standards"}
	agencies  = types.NamespacedName{Namespace: "gitops-platform-team", Name: "agencies"}
)

// portalsOf are the delivery of an agency, its GitRepository and its Kustomization.
func portalsOf(agency string) types.NamespacedName {
	return types.NamespacedName{Namespace: "gitops-" + agency, Name: "portals"}
}

// soon makes Flux try again soon, for the test's sake; everything else stays as the samples have it.
func soon(o *unstructured.Unstructured) {
	if o.GetKind() == "Kustomization" {
		_ = unstructured.SetNestedField(o.Object, "1s", "spec", "retryInterval")
	}
}

// onboard applies the layout of an agency, from the sample of the agency "finance".
func (f *flux) onboard(agency string) {
	f.Helper()
	f.applyFile(layout("agency-finance.yaml"), func(o *unstructured.Unstructured) {
		soon(o)
		switch own := portalsOf(agency).Namespace; o.GetKind() {
		case "Namespace":
			o.SetName(own)
		default:
			o.SetNamespace(own)
		}
	})
}

// TestAgencyAndItsPortalInOneKustomization shows what docs/gitops.md says: Flux asks the API server about all objects before
// it stores one, so that the portal's refusal, for its namespace that is not there yet, keeps the Agency away for ever. With
// the stage that the docs name both arrive.
func TestAgencyAndItsPortalInOneKustomization(t *testing.T) {
	env.Operator(t, harness.OperatorOptions{})
	own := types.NamespacedName{Namespace: "gitops-platform-team", Name: "both"}
	both := func(f *flux) string {
		f.applyFile(layout("platform-team.yaml"), func(o *unstructured.Unstructured) {
			soon(o)
			if k := o.GetKind(); k == "GitRepository" || k == "Kustomization" {
				o.SetName(own.Name)
				_ = unstructured.SetNestedField(o.Object, own.Name, "spec", "sourceRef", "name")
				if k == "GitRepository" {
					unstructured.RemoveNestedField(o.Object, "spec", "sourceRef")
				}
			}
			if o.GetKind() == "ClusterRoleBinding" {
				// Rights are not what is missing.
				o.SetName("gitops-both")
				_ = unstructured.SetNestedField(o.Object, "cluster-admin", "roleRef", "name")
			}
		})
		agency := object(v1alpha1.GroupVersion.String(), "Agency", "", "both")
		agency.Object["spec"] = map[string]any{
			"code": "G77", "displayName": "Both", "adminLevel": "Central",
			"accountableOfficer": map[string]any{"title": "Head", "email": "head@both.example.gov.vn"},
		}
		portal := object(v1alpha1.GroupVersion.String(), "AgencyPortal", names.Namespace("both"), "site")
		portal.Object["spec"] = map[string]any{"displayName": "Site", "image": "registry.example.gov.vn/both/site@sha256:" + strings.Repeat("0", 64)}
		return f.publish(own, []*unstructured.Unstructured{agency, portal})
	}
	t.Run("never applied", func(t *testing.T) {
		f := startFlux(t)
		f.refused(own, both(f), `namespaces "agency-both" not found`)
		err := env.Admin.Get(t.Context(), client.ObjectKey{Name: "both"}, &v1alpha1.Agency{})
		if !apierrors.IsNotFound(err) {
			t.Errorf("the Agency: got %v, want that it is not there: docs/gitops.md says so", err)
		}
	})
	t.Run("with a stage", func(t *testing.T) {
		f := startFlux(t, "--custom-apply-stage-kinds=platform.gov.vn/Agency")
		f.delivered(own, both(f))
	})
}

// TestNationalSampleByItsLayout delivers the national sample from one repository for each who is responsible, with the
// rights of the layout and no others.
func TestNationalSampleByItsLayout(t *testing.T) {
	env.Operator(t, harness.OperatorOptions{})
	objects, err := harness.Render("config/samples/national")
	if err != nil {
		t.Fatal(err)
	}
	repositories := map[types.NamespacedName][]*unstructured.Unstructured{}
	for _, o := range objects {
		agency := strings.TrimPrefix(o.GetNamespace(), names.Namespace(""))
		switch {
		case agency != "":
			if o.GetKind() == "DataSharingLink" {
				// Who asks is who delivers.
				_ = unstructured.SetNestedField(o.Object, "system:serviceaccount:"+portalsOf(agency).Namespace+":delivery", "spec", "requestedBy")
			}
			repositories[portalsOf(agency)] = append(repositories[portalsOf(agency)], o)
		case o.GetKind() == "Agency":
			account := map[string]any{"namespace": portalsOf(o.GetName()).Namespace, "name": "delivery"}
			_ = unstructured.SetNestedSlice(o.Object, []any{account}, "spec", "adminServiceAccounts")
			repositories[agencies] = append(repositories[agencies], o)
		default:
			repositories[standards] = append(repositories[standards], o)
		}
	}
	f := startFlux(t)
	// The worst order: agencies ask before anything exists.
	for r := range repositories {
		if r != standards && r != agencies {
			f.onboard(strings.TrimPrefix(r.Namespace, "gitops-"))
		}
	}
	f.applyFile(layout("platform-team.yaml"), soon)
	f.applyFile(layout("authority.yaml"), soon)
	revisions := map[types.NamespacedName]string{}
	for r, o := range repositories {
		revisions[r] = f.publish(r, o)
	}
	for r, revision := range revisions {
		f.delivered(r, revision)
	}
	for _, o := range objects {
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(o), o.DeepCopy()); err != nil {
			t.Errorf("%s after its delivery: %v", sample.ID(o), err)
		}
	}

	f.part("nothing is delivered twice", func() { f.again(repositories) })
	f.part("a broken delivery holds nobody else", func() { f.poison(repositories) })
	f.part("what is removed", func() { f.remove(repositories) })
}

// again delivers the same once more: a difference that never ends would be written each time.
func (f *flux) again(repositories map[types.NamespacedName][]*unstructured.Unstructured) {
	f.Helper()
	before := f.generations(repositories)
	for r, objects := range repositories {
		// Another commit with the same objects in another order.
		f.delivered(r, f.publish(r, slices.Concat(objects[1:], objects[:1])))
	}
	after := f.generations(repositories)
	for id, generation := range before {
		if after[id] != generation {
			f.Errorf("%s was written again by the same delivery: generation %d, then %d", id, generation, after[id])
		}
	}
}

func (f *flux) generations(repositories map[types.NamespacedName][]*unstructured.Unstructured) map[string]int64 {
	f.Helper()
	out := map[string]int64{}
	for o := range maps.Values(repositories) {
		for _, o := range o {
			now := o.DeepCopy()
			if err := env.Admin.Get(f.Context(), client.ObjectKeyFromObject(o), now); err != nil {
				f.Fatal(err)
			}
			out[sample.ID(o)] = now.GetGeneration()
		}
	}
	return out
}

// poison delivers a mistake, and an object of another agency: only their own delivery fails, and says why.
func (f *flux) poison(repositories map[types.NamespacedName][]*unstructured.Unstructured) {
	f.Helper()
	finance := portalsOf("finance")
	portal := f.firstOf(repositories[finance], "AgencyPortal")
	bad := portal.DeepCopy()
	_ = unstructured.SetNestedField(bad.Object, "registry.example.gov.vn/app:latest:latest", "spec", "image")
	f.refused(finance, f.publish(finance, []*unstructured.Unstructured{bad}), "spec.image")

	foreign := portal.DeepCopy()
	foreign.SetNamespace(names.Namespace("health"))
	foreign.SetName("planted")
	f.refused(finance, f.publish(finance, []*unstructured.Unstructured{foreign}), "forbidden")
	err := env.Admin.Get(f.Context(), client.ObjectKeyFromObject(foreign), &v1alpha1.AgencyPortal{})
	if !apierrors.IsNotFound(err) {
		f.Errorf("%s delivered by another agency: got %v, want that it is not there", sample.ID(foreign), err)
	}

	other := portalsOf("health")
	changed := slices.Clone(repositories[other])
	for i, o := range changed {
		if o.GetKind() == "AgencyPortal" {
			changed[i] = o.DeepCopy()
			_ = unstructured.SetNestedField(changed[i].Object, "Changed", "spec", "displayName")
		}
	}
	f.delivered(other, f.publish(other, changed))
	f.delivered(finance, f.publish(finance, repositories[finance]))
}

// remove takes a portal and an agency out of Git: the portal goes; the agency stays, with all that it has.
func (f *flux) remove(repositories map[types.NamespacedName][]*unstructured.Unstructured) {
	f.Helper()
	finance := portalsOf("finance")
	portal := f.firstOf(repositories[finance], "AgencyPortal")
	rest := slices.DeleteFunc(slices.Clone(repositories[finance]), func(o *unstructured.Unstructured) bool { return o == portal })
	f.delivered(finance, f.publish(finance, rest))
	f.eventually("the portal is gone", func() error {
		err := env.Admin.Get(f.Context(), client.ObjectKeyFromObject(portal), &v1alpha1.AgencyPortal{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("got %w", err)
	})
	f.delivered(finance, f.publish(finance, repositories[finance]))

	without := slices.DeleteFunc(slices.Clone(repositories[agencies]), func(o *unstructured.Unstructured) bool { return o.GetName() == "finance" })
	f.delivered(agencies, f.publish(agencies, without))
	var agency v1alpha1.Agency
	if err := env.Admin.Get(f.Context(), client.ObjectKey{Name: "finance"}, &agency); err != nil || !agency.DeletionTimestamp.IsZero() {
		f.Errorf("the agency that is no longer in Git: %v, deleted %v; want that it stays", err, agency.DeletionTimestamp)
	}
	if err := env.Admin.Get(f.Context(), client.ObjectKeyFromObject(portal), &v1alpha1.AgencyPortal{}); err != nil {
		f.Errorf("the portal of the agency that is no longer in Git: %v", err)
	}

	// Even a delivery that prunes takes nothing away, and its revert is all that it takes.
	f.applyFile(layout("platform-team.yaml"), func(o *unstructured.Unstructured) {
		soon(o)
		if o.GetKind() == "Kustomization" {
			_ = unstructured.SetNestedField(o.Object, true, "spec", "prune")
		}
	})
	f.delivered(agencies, f.publish(agencies, repositories[agencies]))
	f.refused(agencies, f.publish(agencies, without), "spec.deletionPolicy")
	f.delivered(agencies, f.publish(agencies, repositories[agencies]))
}

// part runs a part of the test, which fails by itself.
func (f *flux) part(name string, run func()) {
	whole := f.T
	defer func() { f.T = whole }()
	whole.Run(name, func(t *testing.T) {
		f.T = t
		run()
	})
}

func (f *flux) firstOf(objects []*unstructured.Unstructured, kind string) *unstructured.Unstructured {
	f.Helper()
	i := slices.IndexFunc(objects, func(o *unstructured.Unstructured) bool { return o.GetKind() == kind })
	if i < 0 {
		f.Fatalf("no %s in the sample", kind)
	}
	return objects[i]
}
