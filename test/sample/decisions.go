package sample

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/cli"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
)

// Decision is what somebody decides about a link; see decisions.yaml.
type Decision struct {
	// Link as namespace/name.
	Link string `json:"link"`
	// As is the agency in whose name the user decides.
	As       string            `json:"as"`
	Decision v1alpha1.Decision `json:"decision"`
	Reason   string            `json:"reason,omitempty"`
	User     string            `json:"user"`
	Group    string            `json:"group"`
}

// Officers decide about links as soon as there is something to decide about, with the code of kubectl gov approve and each
// with his own rights.
type Officers struct {
	// Pending is what is not decided yet.
	Pending  []Decision
	refused  map[Decision]error
	settings settings.Settings
	people   *People
}

// NewOfficers returns the officers of a sample.
func NewOfficers(decisions []Decision, s settings.Settings, people *People) *Officers {
	return &Officers{Pending: decisions, refused: map[Decision]error{}, settings: s, people: people}
}

// Decide tries everything that is pending once. A decision about a link waits for those about the same link that stand
// before it.
func (o *Officers) Decide(ctx context.Context) {
	var later []Decision
	held := map[string]bool{}
	for _, d := range o.Pending {
		if !held[d.Link] {
			err := o.make(ctx, d)
			if err == nil {
				delete(o.refused, d)
				continue
			}
			if ctx.Err() == nil { // An answer that came too late says nothing.
				o.refused[d] = err
			}
		}
		held[d.Link] = true
		later = append(later, d)
	}
	o.Pending = later
}

func (o *Officers) make(ctx context.Context, d Decision) error {
	c, err := o.people.as(d.User, d.Group)
	if err != nil {
		return err
	}
	namespace, name, _ := strings.Cut(d.Link, "/")
	p, err := cli.Prepare(ctx, c, cli.Decision{
		Link: client.ObjectKey{Namespace: namespace, Name: name}, Decision: d.Decision, Reason: d.Reason,
		Namespace: names.Namespace(d.As), Settings: o.settings,
	})
	if err != nil {
		return err
	}
	return p.Write(ctx, c)
}

// WaitingFor says what could not be decided yet and why.
func (o *Officers) WaitingFor() []string {
	var out []string
	for d, err := range o.refused {
		out = append(out, fmt.Sprintf("decision %s of %s about %s: %s", d.Decision, d.As, d.Link, oneLine(err)))
	}
	slices.Sort(out)
	return out
}
