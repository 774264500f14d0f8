package index

import (
	"context"
	"slices"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
)

// collected has the indexes of portals.
type collected map[string]client.IndexerFunc

// IndexField implements client.FieldIndexer.
func (x collected) IndexField(_ context.Context, o client.Object, field string, f client.IndexerFunc) error {
	if _, ok := o.(*v1alpha1.AgencyPortal); ok {
		x[field] = f
	}
	return nil
}

// TestIndexesKnowWhatRuns: while an edit is kept from running, every index finds the
// portal by the newest spec and by what runs. An index that is new and looks at one
// of them alone fails it, unless it stands here with the reason.
// Fails when IndexPortalLevel or IndexPortalExposure have the newest spec alone.
func TestIndexesKnowWhatRuns(t *testing.T) {
	newestAlone := map[string]string{
		names.IndexPortalHostname: "a claim is what is asked for; what runs opens nothing by a host name that the newest spec does not have",
		names.IndexPortalPolicy:   "the portal's own round writes both into status.policies",
		names.IndexPortalWaits:    "whether anything runs is in the status",
	}
	x, set := collected{}, settings.Default()
	personal := []v1alpha1.DataClassification{v1alpha1.ClassificationPersonal}
	set.SecurityLevels = []settings.LevelRule{{Level: 2, DataClassifications: personal}, {Level: 4, DataClassifications: personal, MinUsers: 10}}
	if err := Register(t.Context(), x, set); err != nil {
		t.Fatal(err)
	}
	newest := v1alpha1.AgencyPortalSpec{
		Exposure: v1alpha1.ExposureInternal, DataClassification: v1alpha1.ClassificationPersonal, Hostnames: []v1alpha1.DNSName{"new.gov.vn"},
		PlatformRefs: []v1alpha1.PlatformReference{{Name: "new"}}, ProvidesPlatforms: []v1alpha1.ObjectName{"new"},
	}
	last := v1alpha1.AgencyPortalSpec{
		Exposure: v1alpha1.ExposureInternet, DataClassification: v1alpha1.ClassificationPublic, Hostnames: []v1alpha1.DNSName{"old.gov.vn"},
		PlatformRefs: []v1alpha1.PlatformReference{{Name: "old"}}, ProvidesPlatforms: []v1alpha1.ObjectName{"old"},
		ExpectedUsers: 10, Components: []v1alpha1.Component{v1alpha1.ComponentOneStop},
	}
	stricter := *last.DeepCopy()
	stricter.DataClassification = v1alpha1.ClassificationPersonal
	kept := &v1alpha1.AgencyPortal{Spec: newest, Status: v1alpha1.AgencyPortalStatus{LastCompliant: &last}}
	for field, keys := range x {
		if newestAlone[field] != "" {
			continue
		}
		got := keys(kept)
		for what, spec := range map[string]v1alpha1.AgencyPortalSpec{"the newest spec": newest, "what runs": last, "what runs, in the stricter class": stricter} {
			for _, want := range keys(&v1alpha1.AgencyPortal{Spec: spec}) {
				if !slices.Contains(got, want) {
					t.Errorf("index %q has %q, and not %q of %s", field, got, want, what)
				}
			}
		}
		if a, b := keys(&v1alpha1.AgencyPortal{Spec: newest}), keys(&v1alpha1.AgencyPortal{Spec: last}); slices.Equal(a, b) {
			t.Errorf("index %q has %q for both specs: give them two keys here, so that the test sees it", field, a)
		}
		if len(slices.Compact(slices.Sorted(slices.Values(got)))) != len(got) {
			t.Errorf("index %q has a key twice: %q", field, got)
		}
	}
}
