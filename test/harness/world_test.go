package harness

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// TestSnapshotSeesEveryField: what somebody changes of a child shows in whatever field
// its kind has, and else the tests that change children see them mended at once.
// Fails with a list of the fields that children had so far, as it was.
func TestSnapshotSeesEveryField(t *testing.T) {
	texts := map[string]bool{}
	for _, o := range []*corev1.ConfigMap{
		{}, {Data: map[string]string{"a": "1"}}, {Data: map[string]string{"a": "2"}}, {BinaryData: map[string][]byte{"a": {1}}},
	} {
		text, err := ChildText(o)
		if err != nil {
			t.Fatal(err)
		}
		texts[text] = true
	}
	if len(texts) != 4 {
		t.Errorf("4 objects differ, and %d texts of them: %v", len(texts), texts)
	}
}
