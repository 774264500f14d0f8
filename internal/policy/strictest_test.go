package policy

import (
	"fmt"
	"slices"
	"testing"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// TestStrictest: the most protected label wins, in any order; nothing said is
// Internal, and a class that nobody knows is protected most.
func TestStrictest(t *testing.T) {
	type list = []v1alpha1.DataClassification
	for _, tt := range []struct {
		labels list
		want   v1alpha1.DataClassification
	}{
		{nil, v1alpha1.ClassificationInternal},
		{list{""}, v1alpha1.ClassificationInternal},
		{list{"Public"}, v1alpha1.ClassificationPublic},
		{list{"Public", ""}, v1alpha1.ClassificationInternal},
		{list{"Public", "Personal"}, v1alpha1.ClassificationPersonal},
		{list{"Personal", "Internal", "Public"}, v1alpha1.ClassificationPersonal},
		{list{"Public", "StateSecret", "Personal"}, v1alpha1.ClassificationStateSecret},
		{list{"Public", "Unheard"}, v1alpha1.ClassificationStateSecret},
	} {
		if got := Strictest(tt.labels...); got != tt.want {
			t.Errorf("Strictest(%v) = %s, want %s", tt.labels, got, tt.want)
		}
		slices.Reverse(tt.labels)
		if got := Strictest(tt.labels...); got != tt.want {
			t.Errorf("the order of %v decides: %s", tt.labels, got)
		}
	}
}

func TestRepository(t *testing.T) {
	const want = "registry.example.gov.vn:5000/mof/tax"
	for _, image := range []string{want, want + ":v1", want + "@sha256:" + fmt.Sprintf("%064d", 1), want + ":v2@sha256:" + fmt.Sprintf("%064d", 2)} {
		if got := Repository(image); got != want {
			t.Errorf("Repository(%s) = %s", image, got)
		}
	}
	if Repository("not an image") != "not an image" {
		t.Error("what can't be parsed is another program")
	}
}
