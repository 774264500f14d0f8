package cli

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/kinds"
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

// TestForbiddenListsAreNamed: the API server forbids one of the lists that an answer about
// the platform rests on. The command says nothing about the platform, names the list and
// who helps, and ends with 2, which is neither yes nor no.
// Fails when NeedsAll or readPart finds nothing missing, and without asFailure around either.
func TestForbiddenListsAreNamed(t *testing.T) {
	var platform []string
	for _, d := range kinds.All() {
		platform = append(platform, d.Plural)
	}
	observed := []string{"namespaces", "pods", "networkpolicies"}
	const whole = "objects in internal/view/state.go"
	const everywhere, there = "you may not list RESOURCE in all namespaces: ask the platform team", "you may not read RESOURCE in agency-a, so the answer would be a guess: ask somebody who may"
	for _, tt := range []struct {
		args  []string
		lists []string
		says  string
		// from is what reads them, for who adds a kind.
		from string
	}{
		{[]string{"audit"}, slices.Concat(platform, observed, []string{"deployments", "replicasets"}), everywhere, whole},
		{[]string{"reach", "--matrix"}, slices.Concat(platform, observed), everywhere, whole},
		{[]string{"impact", "-f", strictFile(t)}, platform, everywhere, whole},
		// Between two portals only these decide whether it is open.
		{[]string{"reach", "a/p", "a/p"}, []string{"agencyportals", "pods", "networkpolicies"}, there, "readPart in internal/view/reach_parts.go"},
	} {
		for _, resource := range tt.lists {
			out, errOut, err := runCommand("", append(tt.args, "--kubeconfig", hostileServer(t, resource))...)
			want := strings.ReplaceAll(tt.says, "RESOURCE", resource)
			if said := (exitError{}); !errors.As(err, &said) || said.code != exitFailed || !strings.Contains(said.message, want) || out != "" {
				t.Errorf("kubectl gov %s does not read %s, or not as what it rests on: add them to %s; without the right to list them it ends with %d and %v, want 2 and %q (it printed %q, %q)",
					strings.Join(tt.args, " "), resource, tt.from, ExitCode(err), err, want, out, errOut)
			}
		}
	}
}
