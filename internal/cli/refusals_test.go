package cli

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/view"
	"github.com/govplatform/govplatform/internal/view/backup"
)

// forbidding forbids what has the kind, and has nothing else.
type forbidding struct {
	client.Reader
	kind string
}

func (f forbidding) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	if _, config := into.(*corev1.ConfigMap); config && f.kind == "ConfigMap" {
		return apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, key.Name, nil)
	}
	return nil
}

func (f forbidding) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	if list.GetObjectKind().GroupVersionKind().Kind == f.kind+"List" {
		return apierrors.NewForbidden(schema.GroupResource{Resource: f.kind}, "", nil)
	}
	return nil
}

// TestRefusalsNameTheRight: who may not is told the command that gives the right.
func TestRefusalsNameTheRight(t *testing.T) {
	export := func(r client.Reader) error {
		_, err := backup.Read(t.Context(), r, backup.Options{WithoutSettings: true}, time.Now())
		return err
	}
	remove := func(r client.Reader) error { _, err := PlanRemoval(t.Context(), r, view.OperatorNamespace); return err }
	tests := []struct {
		kind string
		run  func(client.Reader) error
		want string
	}{
		{"ConfigMap", export, "kubectl -n govplatform-system create rolebinding govplatform-settings-viewer --role=govplatform-settings-viewer --user=<you>"},
		{"Agency", export, "kubectl create clusterrolebinding NAME --clusterrole=govplatform-platform-team --user=<you>"},
		{"Deployment", remove, "kubectl create clusterrolebinding NAME --clusterrole=cluster-admin --user=<you>"},
	}
	for _, tt := range tests {
		if err := tt.run(forbidding{kind: tt.kind}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s is forbidden: %v", tt.kind, err)
		}
	}
	if err := export(forbidding{}); err != nil {
		t.Error(err)
	}
}
