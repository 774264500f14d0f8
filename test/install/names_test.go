package install

import (
	"strings"
	"testing"

	"github.com/govplatform/govplatform/internal/names"
)

// TestThreat12_ShippedNamesAreNobodys checks that nothing that is installed for the whole cluster has a name that the
// operator makes from what somebody calls a standard or an agency, or of its settings: the operator would find it and leave
// it alone.
// Fails with the admission policy named policy-impact, as it was: that is the name for a standard called "impact".
func TestThreat12_ShippedNamesAreNobodys(t *testing.T) {
	made := map[string][]string{
		"Namespace":                        {names.Namespace("")},
		"ValidatingAdmissionPolicy":        {names.AdmissionPolicy(""), names.NodePeersPolicy},
		"ValidatingAdmissionPolicyBinding": {names.AdmissionPolicy(""), names.NodePeersPolicy},
	}
	seen := 0
	for _, object := range append(everything(t), helm(t, namespace)...) {
		for _, prefix := range made[object.GetKind()] {
			seen++
			if strings.HasPrefix(object.GetName(), prefix) {
				t.Errorf("%s: its name is one that the operator makes (%s…)", id(object), prefix)
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d names were looked at", seen)
	}
}
