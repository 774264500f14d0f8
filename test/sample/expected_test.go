package sample

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEveryObjectOfTheSampleIsExpected keeps expected.yaml complete: an object
// without an expectation would never be looked at.
func TestEveryObjectOfTheSampleIsExpected(t *testing.T) {
	dir := filepath.Join("..", "..", "config", "samples", "national")
	s, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	var have, want []string
	for _, o := range s.Objects {
		have = append(have, ID(o))
	}
	for _, e := range s.Expected {
		want = append(want, e.ID())
	}
	slices.Sort(have)
	slices.Sort(want)
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("expected.yaml and the sample differ (-expected +sample):\n%s", diff)
	}
}
