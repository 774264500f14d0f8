package sample

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
)

// Gitops applies objects until each is accepted, as a GitOps tool does. Every object is applied by whoever is responsible
// for it, with the rights that the platform gives to him and no others: standards and platforms by the authority, agencies
// by the platform team, everything else by the agency's own admins.
type Gitops struct {
	// Pending is what is not accepted yet.
	Pending []*unstructured.Unstructured
	// refused is the last answer for an object that is not accepted yet.
	refused map[string]error
	people  *People
	admins  map[string]string
}

// NewGitops returns a tool that has to apply objects.
func NewGitops(objects []*unstructured.Unstructured, people *People) *Gitops {
	g := &Gitops{Pending: objects, refused: map[string]error{}, people: people, admins: map[string]string{}}
	for _, o := range objects {
		if groups, _, _ := unstructured.NestedStringSlice(o.Object, "spec", "adminGroups"); o.GetKind() == v1alpha1.KindAgency && len(groups) > 0 {
			g.admins[names.Namespace(o.GetName())] = groups[0]
		}
	}
	return g
}

// Apply tries everything that is pending once. It returns an error only for an object that can never be accepted.
func (g *Gitops) Apply(ctx context.Context) error {
	var later []*unstructured.Unstructured
	for _, o := range g.Pending {
		c, err := g.clientFor(o)
		if err != nil {
			return err
		}
		err = c.Apply(ctx, client.ApplyConfigurationFromUnstructured(o.DeepCopy()), client.FieldOwner("gitops"), client.ForceOwnership)
		switch {
		case err == nil:
			delete(g.refused, ID(o))
		case apierrors.IsInvalid(err):
			return fmt.Errorf("apply %s: %w", ID(o), err)
		default:
			if ctx.Err() == nil { // An answer that came too late says nothing.
				g.refused[ID(o)] = err
			}
			later = append(later, o)
		}
	}
	g.Pending = later
	return nil
}

func (g *Gitops) clientFor(o *unstructured.Unstructured) (client.Client, error) {
	switch {
	case o.GetNamespace() != "":
		return g.people.as("gitops-"+o.GetNamespace(), g.admins[o.GetNamespace()])
	case o.GetKind() == v1alpha1.KindAgency:
		return g.people.as("gitops-platform-team", GroupPlatformTeam)
	default:
		return g.people.as("gitops-authority", GroupAuthority)
	}
}

// WaitingFor says what is not accepted yet and why.
func (g *Gitops) WaitingFor() []string {
	var out []string
	for id, err := range g.refused {
		out = append(out, id+": "+oneLine(err))
	}
	slices.Sort(out)
	return out
}

// ID names an object for people.
func ID(o *unstructured.Unstructured) string {
	return objectID(o.GetKind(), o.GetNamespace(), o.GetName())
}
