package cli

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/desired"
)

// onlyInForce takes out of an Agency of the file what was not in force there, and
// returns whom that names: a new agency holds no personal data yet, so what waited
// for a second person would come into force without one. An agency that an
// operator without a record of rights looked after keeps what it asks for.
func onlyInForce(want, from *unstructured.Unstructured) (waits []string, err error) {
	var a v1alpha1.Agency
	if err := convert(from, &a); err != nil {
		return nil, err
	}
	if a.Status.Rights == nil && a.Status.Namespace != "" {
		return nil, nil
	}
	asked := v1alpha1.AgencyRights{AdminGroups: a.Spec.AdminGroups, AdminServiceAccounts: a.Spec.AdminServiceAccounts, ViewerGroups: a.Spec.ViewerGroups}
	inForce := desired.RightsInForce(&a)
	waiting := desired.Without(asked, inForce)
	if desired.NoRights(waiting) {
		return nil, nil
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&inForce)
	if err != nil {
		return nil, err
	}
	for _, field := range []string{"adminGroups", "adminServiceAccounts", "viewerGroups"} {
		unstructured.RemoveNestedField(want.Object, "spec", field)
		if items, ok := content[field].([]any); ok && len(items) > 0 {
			if err := unstructured.SetNestedSlice(want.Object, items, "spec", field); err != nil {
				return nil, err
			}
		}
	}
	// Nobody asks for what is left out.
	unstructured.RemoveNestedField(want.Object, "spec", "rightsChange")
	return desired.RightsList(waiting), nil
}

// joinNotes joins what a row of the table says.
func joinNotes(notes ...string) string {
	var out []string
	for _, n := range notes {
		if n != "" {
			out = append(out, n)
		}
	}
	return strings.Join(out, "; ")
}
