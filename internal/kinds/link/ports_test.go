package link

import (
	"slices"
	"testing"

	"github.com/govplatform/govplatform/internal/kinds/kindtest"
)

// TestLinkFollowsWhatRuns fails where links take the port of the provider's spec.
func TestLinkFollowsWhatRuns(t *testing.T) {
	in := approvedLink(func(in *Input) {
		in.Provider.Portal.Spec.Port = in.Service.Spec.Port + 1
		in.Provider.Portal.Status.Ports = []int32{in.Service.Spec.Port, in.Service.Spec.Port + 1}
	})
	out := Decide(in)
	if !out.Open {
		t.Fatalf("the link of a service whose pods still run on its port is shut: %+v", out.References)
	}
	opened, _ := kindtest.OpensAndServes(out.Objects)
	if !slices.Contains(opened, in.Service.Spec.Port) || !slices.Contains(opened, in.Service.Spec.Port+1) {
		t.Errorf("the link opens %v, without a port of pods that run", opened)
	}
	in.Provider.Portal.Status.Ports = []int32{in.Service.Spec.Port + 1}
	if out := Decide(in); out.Open {
		t.Error("the link of a port that no pod has is open")
	}
}
