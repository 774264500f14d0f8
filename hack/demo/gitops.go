package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/cli"
)

// Groups under which the demo's people act. The first two are bound to shipped
// roles here; agencies name the others in adminGroups.
const (
	groupAuthority    = "demo-authority"
	groupPlatformTeam = "demo-platform-team"
	// Everybody on the platform may read its catalogue.
	groupEverybody = "system:authenticated"
)

// gitops applies objects until each is accepted, as a GitOps tool does. Every
// object is applied by whoever is responsible for it, with the rights that the
// platform gives to him and no others: standards and platforms by the authority,
// agencies by the platform team, everything else by the agency's own admins.
type gitops struct {
	pending []*unstructured.Unstructured
	total   int
	// refused is the last answer for an object that is not accepted yet.
	refused map[string]error
	user    func(name string, groups ...string) (*rest.Config, error)
	clients map[string]client.Client
	admins  map[string]string
}

func newGitops(objects []*unstructured.Unstructured, user func(string, ...string) (*rest.Config, error)) *gitops {
	g := &gitops{pending: objects, total: len(objects), refused: map[string]error{}, user: user, clients: map[string]client.Client{}, admins: map[string]string{}}
	for _, o := range objects {
		if groups, _, _ := unstructured.NestedStringSlice(o.Object, "spec", "adminGroups"); o.GetKind() == "Agency" && len(groups) > 0 {
			g.admins["agency-"+o.GetName()] = groups[0]
		}
	}
	return g
}

// apply tries everything that is pending once. It returns an error only for an
// object that can never be accepted.
func (g *gitops) apply(ctx context.Context) error {
	var later []*unstructured.Unstructured
	for _, o := range g.pending {
		c, err := g.clientFor(o)
		if err != nil {
			return err
		}
		err = c.Apply(ctx, client.ApplyConfigurationFromUnstructured(o.DeepCopy()), client.FieldOwner("gitops"), client.ForceOwnership)
		switch {
		case err == nil:
			delete(g.refused, idOf(o))
		case apierrors.IsInvalid(err):
			return fmt.Errorf("apply %s: %w", idOf(o), err)
		default:
			g.refused[idOf(o)] = err
			later = append(later, o)
		}
	}
	g.pending = later
	return nil
}

func (g *gitops) clientFor(o *unstructured.Unstructured) (client.Client, error) {
	switch {
	case o.GetNamespace() != "":
		return g.as("gitops-"+o.GetNamespace(), g.admins[o.GetNamespace()])
	case o.GetKind() == "Agency":
		return g.as("gitops-platform-team", groupPlatformTeam)
	default:
		return g.as("gitops-authority", groupAuthority)
	}
}

// as returns a client of a user with the rights of one group.
func (g *gitops) as(name, group string) (client.Client, error) {
	if c := g.clients[name]; c != nil {
		return c, nil
	}
	config, err := g.user(name, group)
	if err != nil {
		return nil, err
	}
	c, err := client.New(config, client.Options{Scheme: cli.Scheme(), Mapper: mapper()})
	if err != nil {
		return nil, err
	}
	g.clients[name] = c
	return c, nil
}

// waitingFor says what is not accepted yet and why.
func (g *gitops) waitingFor() []string {
	var out []string
	for id, err := range g.refused {
		out = append(out, id+": "+strings.Join(strings.Fields(err.Error()), " "))
	}
	slices.Sort(out)
	return out
}

func idOf(o *unstructured.Unstructured) string {
	if o.GetNamespace() != "" {
		return o.GetKind() + " " + o.GetNamespace() + "/" + o.GetName()
	}
	return o.GetKind() + " " + o.GetName()
}
