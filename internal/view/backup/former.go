package backup

import (
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/agency"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/view"
)

// What is in force and what is asked for are two things: a standard that is held
// for its impact, a portal that runs by its last compliant spec, rights that wait
// for a second person. Restored by its spec alone, each would come out as if it
// had never waited. So a restore repeats what happened: first it brings what was
// in force, and when all of that is there what was asked for, which waits again.
// Rights are the exception: nothing shows that an agency holds personal data
// before its portals are there, so what waited is asked for again by a person.

// WaitingRights are rights of an agency that are not restored.
type WaitingRights struct {
	Agency, By string
	Rights     v1alpha1.AgencyRights
}

// ObjectKey names an object of the file.
func ObjectKey(u *unstructured.Unstructured) string { return u.GetKind() + " " + view.ObjectName(u) }

// splitStandards splits policies into the specs in force, and the newest where
// that is another one. One that was never in force comes with the latter.
func (p *Plan) splitStandards(all []*unstructured.Unstructured) error {
	for _, u := range all {
		var s v1alpha1.SecurityPolicy
		if err := Convert(u, &s); err != nil {
			return err
		}
		// Generations are of the old cluster; what the status says counts.
		in := s.Status.InForce
		switch {
		case in == nil && s.Status.Impact != nil:
			p.NewStandards = append(p.NewStandards, u)
		case in == nil || policy.SameStandard(in, &s.Spec):
			p.Standards = append(p.Standards, u)
		default:
			former := u.DeepCopy()
			spec, _, _ := unstructured.NestedMap(u.Object, "status", "inForce")
			// A statement that was used up is forgotten when it is taken out.
			if stated, ok, _ := unstructured.NestedMap(u.Object, "spec", "acceptedImpact"); ok {
				spec["acceptedImpact"] = stated
			}
			former.Object["spec"] = spec
			p.Standards, p.NewStandards = append(p.Standards, former), append(p.NewStandards, u)
			p.Former[ObjectKey(u)], p.Newest[ObjectKey(u)] = former, u
		}
	}
	return nil
}

// splitPortals splits portals into what ran, and what is asked for. A portal that
// never ran could start while a held standard is not there yet, so it comes with
// the latter, and so does whatever is younger and competes with it.
func (p *Plan) splitPortals(all []*unstructured.Unstructured) (newest []*unstructured.Unstructured) {
	late := map[string]bool{}
	for _, u := range all {
		keys := p.Claims(u)
		last, ran, _ := unstructured.NestedMap(u.Object, "status", "lastCompliant")
		if !ran || slices.ContainsFunc(keys, func(k string) bool { return late[k] }) {
			newest = append(newest, p.WithoutWithheld(u))
			for _, k := range keys {
				late[k] = true
			}
			continue
		}
		if reflect.DeepEqual(any(last), u.Object["spec"]) {
			p.Ran = append(p.Ran, u)
			continue
		}
		former := u.DeepCopy()
		former.Object["spec"] = last
		// Consent counts by the newest spec, whatever runs.
		unstructured.RemoveNestedField(last, "providesPlatforms")
		if provides, ok, _ := unstructured.NestedFieldCopy(u.Object, "spec", "providesPlatforms"); ok {
			last["providesPlatforms"] = provides
		}
		p.Ran, newest = append(p.Ran, former), append(newest, u)
		p.Former[ObjectKey(u)], p.Newest[ObjectKey(u)] = former, u
	}
	return newest
}

// onlyRightsInForce takes out of agencies' specs the rights that nobody has yet.
// A new agency's rights wait for nobody.
func (p *Plan) onlyRightsInForce(all []*unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	for _, u := range all {
		var a v1alpha1.Agency
		if err := Convert(u, &a); err != nil {
			return nil, err
		}
		waits := agency.RightsNotInForce(&a)
		if agency.NoRights(waits) {
			out = append(out, u)
			continue
		}
		w := WaitingRights{Agency: a.Name, Rights: waits}
		if a.Spec.RightsChange != nil {
			w.By = a.Spec.RightsChange.RequestedBy
		}
		p.Rights = append(p.Rights, w)
		kept := agency.RightsInForce(&a)
		narrowed := u.DeepCopy()
		// The names in it are of the request that is left out.
		unstructured.RemoveNestedField(narrowed.Object, "spec", "rightsChange")
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&kept)
		if err != nil {
			return nil, err
		}
		for _, field := range []string{"adminGroups", "adminServiceAccounts", "viewerGroups"} {
			unstructured.RemoveNestedField(narrowed.Object, "spec", field)
			if list, ok := content[field]; ok {
				_ = unstructured.SetNestedField(narrowed.Object, list, "spec", field)
			}
		}
		out = append(out, narrowed)
	}
	return out, nil
}
