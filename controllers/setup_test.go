package controllers

import (
	"slices"
	"strings"
	"testing"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/govplatform/govplatform/internal/kinds"
)

// noted remembers that it was set up.
type noted struct {
	kind string
	done *[]string
}

func (f noted) SetupWithManager(ctrl.Manager) error {
	*f.done = append(*f.done, f.kind)
	return nil
}

// TestSetUp: every kind's controller is set up, and a kind without one ends the start.
// Fails when setUp goes through the controllers and not through the kinds.
func TestSetUp(t *testing.T) {
	var done, want []string
	controllers := map[string]controller{}
	for _, d := range kinds.All() {
		controllers[d.Kind] = noted{d.Kind, &done}
		want = append(want, d.Kind)
	}
	if err := setUp(nil, controllers); err != nil || !slices.Equal(done, want) {
		t.Errorf("set up %v (%v), want %v", done, err, want)
	}
	delete(controllers, kinds.DataService.Kind)
	if err := setUp(nil, controllers); err == nil || !strings.Contains(err.Error(), "DataService has no controller") {
		t.Errorf("a kind without a controller: %v", err)
	}
}
