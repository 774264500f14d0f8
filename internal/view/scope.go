package view

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
	linkkind "github.com/govplatform/govplatform/internal/kinds/link"
	"github.com/govplatform/govplatform/internal/settings"
)

// ScopeShown is what an approval approves, as the user sees it before deciding.
type ScopeShown struct {
	Link       client.ObjectKey
	Identifier string
	// Scope as the link's status has it; nil for a suspension of a link without one.
	Scope *v1alpha1.LinkScope
	Hash  string
	// Agencies of the scope by name, as far as the user may read them.
	Agencies map[string]AgencyShown
	// Decisions so far, the oldest first.
	Decisions []v1alpha1.LinkDecision
	// Checked is true when the hash was computed here from what is shown, and not
	// only read from the link's status.
	Checked bool
	// Notes are what else the user should know.
	Notes []string
}

// AgencyShown is who an agency is.
type AgencyShown struct {
	Code, DisplayName string
}

// ReadScope reads what the user will see: the scope of the link's status, whose
// hash the decision is bound to. What changes afterwards has another hash.
func ReadScope(ctx context.Context, c client.Reader, decision v1alpha1.Decision, current settings.Settings, link *v1alpha1.DataSharingLink) (ScopeShown, error) {
	s := ScopeShown{Link: client.ObjectKeyFromObject(link), Identifier: link.Status.Identifier, Scope: link.Status.Scope, Hash: link.Status.SpecHash, Decisions: link.Status.Decisions}
	if link.Status.ObservedGeneration != link.Generation && decision != v1alpha1.DecisionSuspend {
		return s, errors.New("the operator has not looked at the latest spec of the link yet: repeat the command in a moment")
	}
	if s.Hash == "" && decision != v1alpha1.DecisionSuspend {
		why := "see its conditions"
		if cond := meta.FindStatusCondition(link.Status.Conditions, v1alpha1.ConditionReferencesResolved); cond != nil && cond.Status != metav1.ConditionTrue {
			why = cond.Message
		}
		return s, fmt.Errorf("the link has no scope that could be decided about yet: %s", why)
	}
	if s.Hash != "" && (s.Scope == nil || linkkind.HashScope(*s.Scope) != s.Hash) {
		if decision != v1alpha1.DecisionSuspend {
			return s, errors.New("the link's status.scope is not what its status.specHash stands for: repeat the command in a moment, and report it if it stays so")
		}
		s.Scope = nil
	}
	if decision == v1alpha1.DecisionApprove && !time.Now().Before(link.Spec.ValidUntil.Time) {
		s.Notes = append(s.Notes, "the link has expired, so an approval opens nothing")
	}
	s.Agencies = readAgencies(ctx, c, s.Scope)
	return s, s.check(ctx, c, decision, current, link)
}

// check computes the hash from what is there now, if the user may read all of it.
func (s *ScopeShown) check(ctx context.Context, c client.Reader, decision v1alpha1.Decision, current settings.Settings, link *v1alpha1.DataSharingLink) error {
	if s.Hash == "" {
		return nil
	}
	country, err := ReadState(ctx, sharingOnly{c}, current)
	if err != nil {
		return err
	}
	if len(country.unreadable) > 0 {
		return nil
	}
	in, err := linkkind.Gather(ctx, country.store, current, time.Now(), link)
	if err != nil {
		return err
	}
	scope, ok := linkkind.ScopeOf(in)
	if ok && linkkind.HashScope(scope) != s.Hash && decision != v1alpha1.DecisionSuspend {
		return errors.New("the scope is changing: the operator's hash is not the one of what is there now; repeat the command in a moment")
	}
	s.Checked = ok
	return nil
}

// sharingOnly leaves out what no scope rests on: all but the kinds that a link may
// rest on.
type sharingOnly struct{ client.Reader }

func (r sharingOnly) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	if kinds.Listed(list, kinds.Before(kinds.DataSharingLink)) {
		return r.Reader.List(ctx, list, options...)
	}
	return nil
}

// readAgencies finds out who the agencies of a scope are, as far as the user may
// read them.
func readAgencies(ctx context.Context, c client.Reader, scope *v1alpha1.LinkScope) map[string]AgencyShown {
	out := map[string]AgencyShown{}
	if scope == nil {
		return out
	}
	ends := []v1alpha1.LinkScopeEnd{scope.Consumer, scope.Provider}
	if scope.Via != nil {
		ends = append(ends, *scope.Via)
	}
	for _, e := range ends {
		var a v1alpha1.Agency
		if err := c.Get(ctx, client.ObjectKey{Name: string(e.Agency)}, &a); err == nil {
			out[a.Name] = AgencyShown{Code: a.Spec.Code, DisplayName: string(a.Spec.DisplayName)}
		}
	}
	return out
}
