package controllers

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/lease"
	"github.com/govplatform/govplatform/internal/ownrights"
)

// authorizer answers questions about rights.
type authorizer struct {
	client.Client
	// lists tells that the list of rules is complete: all but what is denied.
	lists bool
	// denied at present; nil for nothing.
	denied func(ownrights.Right) bool
	// takes is how long each answer about one right takes.
	takes time.Duration
	// fails is what an answer fails with, nil for no failure; evaluation is put into
	// the answer instead.
	fails      func() error
	evaluation func() string

	listings, asked atomic.Int64
}

func (a *authorizer) denies(r ownrights.Right) bool { return a.denied != nil && a.denied(r) }

func (a *authorizer) Create(ctx context.Context, o client.Object, _ ...client.CreateOption) error {
	if a.fails != nil {
		if err := a.fails(); err != nil {
			return err
		}
	}
	switch review := o.(type) {
	case *authorizationv1.SelfSubjectRulesReview:
		a.listings.Add(1)
		review.Status.Incomplete = !a.lists
		if review.Spec.Namespace == "" {
			return apierrors.NewBadRequest("no namespace on request")
		}
		for _, r := range installed() {
			if !a.denies(r) && (r.Namespace == "" || r.Namespace == review.Spec.Namespace) {
				rule := authorizationv1.ResourceRule{Verbs: []string{r.Verb}, APIGroups: []string{r.Group}, Resources: []string{r.Resource}}
				if r.Name != "" {
					rule.ResourceNames = []string{r.Name}
				}
				review.Status.ResourceRules = append(review.Status.ResourceRules, rule)
			}
		}
	case *authorizationv1.SelfSubjectAccessReview:
		a.asked.Add(1)
		select {
		case <-time.After(a.takes):
		case <-ctx.Done():
			return ctx.Err()
		}
		if a.evaluation != nil && a.evaluation() != "" {
			review.Status.EvaluationError = a.evaluation()
			return nil
		}
		r := review.Spec.ResourceAttributes
		resource := r.Resource
		if r.Subresource != "" {
			resource += "/" + r.Subresource
		}
		review.Status.Allowed = !a.denies(ownrights.Right{Namespace: r.Namespace, Group: r.Group, Resource: resource, Name: r.Name, Verb: r.Verb})
	}
	return nil
}

// starting returns an operator that is one of several replicas.
func starting() *Operator {
	return &Operator{StartTimeout: 2 * time.Minute, began: time.Now(), gate: &lease.Gate{}, leaseNamespace: "system"}
}

func installed() []ownrights.Right {
	rights, err := starting().ownRights()
	if err != nil {
		panic(err)
	}
	return rights
}

// TestEveryOwnRight takes each right of the operator's roles away, one after the
// other, and wants the start to end with exactly its name. Fails when a rule, a name,
// a subresource or the Role of the lease is not asked about.
func TestEveryOwnRight(t *testing.T) {
	rights := installed()
	if len(rights) < 120 {
		t.Fatalf("only %d rights", len(rights))
	}
	for _, right := range rights {
		given := func(r ownrights.Right) bool {
			return r != right && (r.Namespace == "" || r.Namespace == right.Namespace) && (r.Name == "" || r.Name == right.Name) &&
				r.Group == right.Group && r.Resource == right.Resource && r.Verb == right.Verb
		}
		if slices.ContainsFunc(rights, given) {
			continue // A wider right gives it too, as that on all ConfigMaps does where they are emitted.
		}
		for _, lists := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				a := &authorizer{lists: lists, denied: func(r ownrights.Right) bool { return r == right }}
				err := starting().checkRights(t.Context(), a, "lan")
				if want := "as lan it lacks a right that it needs: " + ownrights.Words([]ownrights.Right{right}) + ": apply config/default"; err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("ended with %v, want %q", err, want)
				}
			})
		}
	}
}

// TestOwnRights: few questions where one list answers, one for each right where it
// does not; what passes by itself ends no start, and what cannot be asked neither.
// Fails when a list that is not complete is believed, when what an authorizer failed
// to decide counts as denied, when answers are forgotten between attempts (the slow
// authorizer needs more than one), and when a refusal to answer ends the start.
func TestOwnRights(t *testing.T) {
	all := int64(len(installed()))
	everything := func(ownrights.Right) bool { return true }
	// until is true for the first part of a start.
	until := func(d time.Duration) func() bool {
		end := time.Now().Add(d)
		return func() bool { return time.Now().Before(end) }
	}
	for name, tt := range map[string]struct {
		authorizer func() *authorizer
		// asked is how many single questions are wanted; -1 for any number.
		asked int64
		want  string
		// within is how long the start may take.
		within time.Duration
	}{
		"a list that is complete":     {authorizer: func() *authorizer { return &authorizer{lists: true} }},
		"a list that is not complete": {authorizer: func() *authorizer { return &authorizer{} }, asked: all},
		"a slow authorizer":           {authorizer: func() *authorizer { return &authorizer{takes: 4 * time.Second} }, asked: -1, within: time.Minute},
		"a role that is new": {authorizer: func() *authorizer {
			early := until(3 * time.Second)
			return &authorizer{lists: true, denied: func(ownrights.Right) bool { return early() }}
		}, asked: -1, within: 4 * time.Second},
		"an authorizer that fails at first": {authorizer: func() *authorizer {
			early := until(30 * time.Second)
			return &authorizer{evaluation: func() string {
				if early() {
					return "webhook: connection refused"
				}
				return ""
			}}
		}, asked: -1, within: 40 * time.Second},
		"an authorizer that fails": {authorizer: func() *authorizer {
			return &authorizer{evaluation: func() string { return "webhook: connection refused" }}
		}, asked: -1, want: "it could not find out what it may do within 2m0s; the last attempt: ask what the operator may do: Internal error occurred: webhook: connection refused", within: 2 * time.Minute},
		"no answer at first": {authorizer: func() *authorizer {
			early := until(30 * time.Second)
			return &authorizer{lists: true, fails: func() error {
				if early() {
					return errReset
				}
				return nil
			}}
		}, within: 40 * time.Second},
		"questions are forbidden": {authorizer: func() *authorizer {
			return &authorizer{fails: func() error { return forbidden }}
		}, within: 8 * time.Second},
		"questions are not known": {authorizer: func() *authorizer {
			return &authorizer{fails: func() error { return noMatch }}
		}, within: 8 * time.Second},
		"no right at all": {authorizer: func() *authorizer { return &authorizer{lists: true, denied: everything} }, asked: -1,
			want: "as lan it lacks a right that it needs: all that config/rbac gives it, such as ", within: 12 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, begin := tt.authorizer(), time.Now()
				err := starting().checkRights(t.Context(), a, "lan")
				if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
					t.Errorf("ended with %v, want %q", err, tt.want)
				}
				if n := a.asked.Load(); tt.asked >= 0 && n != tt.asked {
					t.Errorf("%d single questions, want %d", n, tt.asked)
				}
				if n := a.listings.Load(); tt.asked == 0 && a.lists && n != 2 {
					t.Errorf("%d lists, want one for the cluster and one for the namespace of the lease", n)
				}
				if took := time.Since(begin); took > tt.within {
					t.Errorf("it took %s, want at most %s", took, tt.within)
				}
			})
		})
	}
	// An operator that is alone needs no lease.
	alone := starting()
	alone.gate.Free = true
	if rights, err := alone.ownRights(); err != nil || int64(len(rights)) >= all {
		t.Errorf("without a lease %d rights, with one %d (%v)", len(rights), all, err)
	}
}

// TestWhoAmI: who it is is asked until there is an answer, since whom the operator
// gives rights rests on its namespace. Fails when the first failure counts as unknown.
func TestWhoAmI(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		want string
	}{"passes": {errReset, ""}, "forbidden": {forbidden, unknownUser}, "not known": {errors.New("no matches for kind"), unknownUser}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				user, err := starting().whoAmI(t.Context(), &authorizer{fails: func() error {
					if tries++; tries < 4 {
						return tt.err
					}
					return nil
				}})
				if err != nil || user != tt.want || tt.want == "" && tries != 4 {
					t.Errorf("%q after %d attempts (%v), want %q", user, tries, err, tt.want)
				}
			})
		})
	}
}
