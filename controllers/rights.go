package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/config/rbac"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/ownrights"
)

// unknownUser is how messages call an operator that could not ask who it is.
const unknownUser = "a user unknown to itself"

// questions is how many rights are asked about at the same time: an authorizer
// outside the API server may take its time for each.
const questions = 16

// lackingError says which of its rights an operator does not have.
type lackingError struct {
	user   string
	rights []ownrights.Right
	all    bool
}

func (e *lackingError) Error() string {
	what := ownrights.Words(e.rights)
	if e.all {
		what = "all that config/rbac gives it, such as " + ownrights.Words(e.rights[:1])
	}
	return fmt.Sprintf("the operator does not start: as %s it lacks a right that it needs: %s: apply config/default of this version, and see that its ClusterRoleBinding and its RoleBinding name the operator's ServiceAccount", e.user, what)
}

// whoAmI returns the name of the operator's user. Only an API server that does not
// answer such questions leaves it unknown.
func (o *Operator) whoAmI(ctx context.Context, c client.Client) (string, error) {
	user := unknownUser
	err := o.persist(ctx, "find out who it is", func(ctx context.Context) error {
		var review authenticationv1.SelfSubjectReview
		err := c.Create(ctx, &review)
		switch {
		case err == nil:
			user = review.Status.UserInfo.Username
		case fleeting(err):
			return fmt.Errorf("ask who the operator is: %w", err)
		}
		return nil
	})
	return user, err
}

// ownRights returns every right that the operator is installed with, in the cluster
// and, when it is one of several replicas, in the namespace of their lease.
func (o *Operator) ownRights() ([]ownrights.Right, error) {
	rights, err := ownrights.Of(rbac.ManagerRole, "")
	if err != nil {
		return nil, err
	}
	namespace := cmp.Or(o.leaseNamespace, o.namespace)
	if o.gate.Free || namespace == "" {
		return rights, nil
	}
	lease, err := ownrights.Of(rbac.LeaderElectionRole, namespace)
	return append(rights, lease...), err
}

// checkRights ends a start without one of the rights that the operator is installed
// with. It rests on answers of the API server only: what could not be asked because
// that is not permitted counts as given, as it did before there was a check.
func (o *Operator) checkRights(ctx context.Context, c client.Client, user string) error {
	rights, err := o.ownRights()
	if err != nil {
		return err
	}
	left := rights
	err = o.persist(ctx, "find out what it may do", func(ctx context.Context) (err error) {
		// What was granted once is not asked again in the next attempt.
		if left, err = lacking(ctx, c, left); err != nil {
			return fmt.Errorf("ask what the operator may do: %w", err)
		}
		if len(left) > 0 {
			return &lackingError{user: user, rights: left, all: len(left) == len(rights)}
		}
		return nil
	})
	var lacks *lackingError
	if err == nil || errors.As(err, &lacks) || fleeting(err) {
		return err
	}
	ctrl.Log.WithName("govplatform").Info("Could not ask what the operator may do, which every user may as a rule (ClusterRole system:basic-user)", "error", err.Error())
	return nil
}

// lacking returns those of the rights that the operator does not have, or of which
// that is not known yet; then the error says why. One list for each namespace answers
// most clusters. Where an authorizer is no part of the API server that list is not
// complete, or says what this authorizer denies, so each right is asked about; and
// nothing is missing that was not asked about.
func lacking(ctx context.Context, c client.Client, rights []ownrights.Right) ([]ownrights.Right, error) {
	listed := map[string][]authorizationv1.ResourceRule{}
	for _, r := range rights {
		if _, asked := listed[r.Namespace]; asked {
			continue
		}
		rules, err := rulesIn(ctx, c, r.Namespace)
		if err != nil {
			return rights, err
		}
		listed[r.Namespace] = rules
	}
	left := slices.DeleteFunc(slices.Clone(rights), func(r ownrights.Right) bool { return r.Given(listed[r.Namespace]) })

	var mu sync.Mutex
	var errs []error
	var all sync.WaitGroup
	given, next := map[ownrights.Right]bool{}, make(chan ownrights.Right)
	for range min(questions, len(left)) {
		all.Go(func() {
			for r := range next {
				yes, err := may(ctx, c, r)
				mu.Lock()
				given[r] = yes
				errs = append(errs, err)
				mu.Unlock()
			}
		})
	}
	for _, r := range left {
		next <- r
	}
	close(next)
	all.Wait()
	left = slices.DeleteFunc(left, func(r ownrights.Right) bool { return given[r] })
	// One reason is enough to ask again; a failure that passes goes first.
	slices.SortStableFunc(errs, func(a, b error) int { return rank(a) - rank(b) })
	if len(errs) > 0 {
		return left, errs[0]
	}
	return left, nil
}

// rank sorts failures that pass before others, and both before none.
func rank(err error) int {
	switch {
	case err == nil:
		return 2
	case fleeting(err):
		return 0
	}
	return 1
}

// rulesIn lists what the operator may do in a namespace, or in the whole cluster;
// nothing when the list is not complete. The API server lists by namespace only, and
// what is bound in the whole cluster in each. Nothing is bound to the operator in a
// namespace that it only tries to create, so that one shows the cluster.
func rulesIn(ctx context.Context, c client.Client, namespace string) ([]authorizationv1.ResourceRule, error) {
	review := authorizationv1.SelfSubjectRulesReview{}
	review.Spec.Namespace = cmp.Or(namespace, names.Namespace(triedAgency))
	err := c.Create(ctx, &review)
	if fleeting(err) {
		return nil, err
	}
	// After a refusal the list is empty.
	if review.Status.Incomplete || review.Status.EvaluationError != "" {
		return nil, nil
	}
	return review.Status.ResourceRules, nil
}

// may asks about one right. A denial by an authorizer that failed is no answer.
func may(ctx context.Context, c client.Client, r ownrights.Right) (bool, error) {
	review := authorizationv1.SelfSubjectAccessReview{}
	review.Spec.ResourceAttributes = r.Attributes()
	if err := c.Create(ctx, &review); err != nil {
		return false, err
	}
	if !review.Status.Allowed && review.Status.EvaluationError != "" {
		return false, apierrors.NewInternalError(errors.New(review.Status.EvaluationError))
	}
	return review.Status.Allowed, nil
}
