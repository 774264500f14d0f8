package index

import (
	"context"
	"os"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/settings"
)

// registered counts the indexes of each kind of the platform.
type registered map[string]int

// IndexField implements client.FieldIndexer.
func (r registered) IndexField(_ context.Context, o client.Object, _ string, _ client.IndexerFunc) error {
	if d, ok := kinds.For(o); ok {
		r[d.Kind]++
	}
	return nil
}

// TestIndexesOfRooms: what a room has in its index.go is registered. Without that each
// read by the field fails, and only in a cluster.
// Fails without the line of any room in Register.
func TestIndexesOfRooms(t *testing.T) {
	r := registered{}
	if err := Register(t.Context(), r, settings.Default()); err != nil {
		t.Fatal(err)
	}
	for _, d := range kinds.All() {
		_, err := os.Stat("../" + d.Room() + "/index.go")
		if err == nil && r[d.Kind] == 0 {
			t.Errorf("internal/kinds/index/index.go: the indexes of internal/kinds/%[1]s are not registered: add registerKind(ctx, indexer, &v1alpha1.%[2]s{}, %[1]s.Indexes()) to Register, or take its index.go out if it has none", d.Room(), d.Kind)
		}
	}
}
