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

// TestAskedForStricterToo: what is asked for a class is asked for stricter ones.
func TestAskedForStricterToo(t *testing.T) {
	f := SharingFloor{AuthorityApprovalFor: []v1alpha1.DataClassification{v1alpha1.ClassificationInternal}}
	if !f.NeedsAuthority(v1alpha1.ClassificationPersonal) || f.NeedsAuthority(v1alpha1.ClassificationPublic) {
		t.Error("what is asked for internal data is asked for personal data, and not for public data")
	}
}

// TestSeparate: every side needs a person of its own.
func TestSeparate(t *testing.T) {
	type side = []string
	for _, tt := range []struct {
		excluded []string
		sides    []side
		want     bool
	}{
		{nil, []side{{"a"}, {"b"}}, true},
		{nil, []side{{"a"}, {"a"}}, false},
		{nil, []side{{"a"}, {"A"}}, false},
		{nil, []side{{"tr\u1ea7n"}, {"TRa\u0302\u0300N"}}, false},
		{nil, []side{{"an"}, {"a\u200bn"}}, false},
		{nil, []side{{"a", "b"}, {"a"}}, true},
		{nil, []side{{"a"}, {"a", "b"}}, true},
		{side{"b"}, []side{{"a"}, {"a", "b"}}, false},
		{side{"c"}, []side{{"a", "b"}, {"a", "b"}}, true},
		{side{"a"}, []side{{"a"}}, false},
		{nil, []side{{}}, false},
	} {
		if got := Separate(tt.excluded, tt.sides...); got != tt.want {
			t.Errorf("Separate(%v, %v) = %v", tt.excluded, tt.sides, got)
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
