package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/cli"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
)

// decision is what somebody decides about a link; see decisions.yaml.
type decision struct {
	// Link as namespace/name.
	Link string `json:"link"`
	// As is the agency in whose name the user decides.
	As       string            `json:"as"`
	Decision v1alpha1.Decision `json:"decision"`
	Reason   string            `json:"reason,omitempty"`
	User     string            `json:"user"`
	Group    string            `json:"group"`
}

func readDecisions(dir string) ([]decision, error) {
	path := filepath.Join(dir, "decisions.yaml")
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file struct {
		APIVersion string     `json:"apiVersion"`
		Kind       string     `json:"kind"`
		Decisions  []decision `json:"decisions"`
	}
	if err := yaml.UnmarshalStrict(data, &file); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return file.Decisions, nil
}

// deciders decide about links as soon as there is something to decide about,
// with the code of kubectl gov approve and each with his own rights.
type deciders struct {
	pending  []decision
	refused  map[decision]error
	settings settings.Settings
	people   *gitops
}

func newDeciders(all []decision, s settings.Settings, people *gitops) *deciders {
	return &deciders{pending: all, refused: map[decision]error{}, settings: s, people: people}
}

// decide tries everything that is pending once. A decision about a link waits
// for those about the same link that stand before it.
func (d *deciders) decide(ctx context.Context) {
	var later []decision
	held := map[string]bool{}
	for _, x := range d.pending {
		if !held[x.Link] {
			err := d.make(ctx, x)
			if err == nil {
				delete(d.refused, x)
				continue
			}
			d.refused[x] = err
		}
		held[x.Link] = true
		later = append(later, x)
	}
	d.pending = later
}

func (d *deciders) make(ctx context.Context, x decision) error {
	c, err := d.people.as(x.User, x.Group)
	if err != nil {
		return err
	}
	namespace, name, _ := strings.Cut(x.Link, "/")
	p, err := cli.Prepare(ctx, c, cli.Decision{
		Link: client.ObjectKey{Namespace: namespace, Name: name}, Decision: x.Decision, Reason: x.Reason,
		Namespace: names.Namespace(x.As), Settings: d.settings,
	})
	if err != nil {
		return err
	}
	return p.Write(ctx, c)
}

// waitingFor says what could not be decided yet and why.
func (d *deciders) waitingFor() []string {
	var out []string
	for x, err := range d.refused {
		out = append(out, fmt.Sprintf("decision %s of %s about %s: %s", x.Decision, x.As, x.Link, strings.Join(strings.Fields(err.Error()), " ")))
	}
	slices.Sort(out)
	return out
}
