package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/names"
)

// triedAgency is the agency of the namespace that the operator tries to create.
// Nothing is stored.
const triedAgency = "start-check"

// serviceAccountUser begins the user name of every ServiceAccount.
const serviceAccountUser = "system:serviceaccount:"

// checkStart ends a start that could do harm or nothing at all: the operator must
// have every right that it is installed with, the definitions of the platform every
// field that it writes, and the admission policies must know it by the name that it
// has.
func (o *Operator) checkStart(ctx context.Context) error {
	var err error
	if o.definitions, err = newDefinitions(o); err != nil {
		return err
	}
	c, err := direct(o)
	if err != nil {
		return err
	}
	begin := time.Now()
	user, err := o.whoAmI(ctx, c)
	if err != nil {
		return err
	}
	if account, ok := strings.CutPrefix(user, serviceAccountUser); ok {
		o.namespace, _, _ = strings.Cut(account, ":")
	}
	if err := o.checkRights(ctx, c, user); err != nil {
		return err
	}
	if err := o.definitions.check(ctx, o.persist); err != nil {
		if apierrors.IsForbidden(err) {
			return missingRight(err, "get, list and watch on the platform's customresourcedefinitions.apiextensions.k8s.io")
		}
		return fmt.Errorf("the operator does not start: %w", err)
	}
	if err := o.persist(ctx, "find out whether admission knows it", func(ctx context.Context) error {
		return checkIdentity(ctx, c, user)
	}); err != nil {
		return err
	}
	var wanted []schema.GroupVersionKind
	for _, d := range kinds.All() {
		wanted = append(wanted, d.GVK())
	}
	if err := o.discover(ctx, o.GetRESTMapper(), wanted); err != nil {
		return err
	}
	ctrl.Log.WithName("govplatform").Info("Checked the rights, the definitions and the identity", "took", time.Since(begin).String())
	return nil
}

// direct returns a client without a cache.
func direct(mgr ctrl.Manager) (client.Client, error) {
	c, err := client.New(mgr.GetConfig(), client.Options{HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper()})
	if err != nil {
		return nil, fmt.Errorf("create client without a cache: %w", err)
	}
	return c, nil
}

// byAdmission reports whether it was an admission policy or a webhook that
// refused a request. What the API server itself refuses names the right.
func byAdmission(err error) bool {
	return strings.Contains(err.Error(), "denied request") || strings.Contains(err.Error(), "denied the request")
}

func missingRight(err error, rights string) error {
	return fmt.Errorf("the operator does not start: it lacks a right, %s: apply config/default of this version, and see that its ClusterRoleBinding names the operator's ServiceAccount: %w", rights, err)
}

// checkIdentity tries, without storing anything, what only the operator may do
// in the eyes of the admission policies. They name its user in their
// expressions, which tools that rename or move objects do not see.
func checkIdentity(ctx context.Context, c client.Client, user string) error {
	ns := &corev1.Namespace{}
	ns.Name = names.Namespace(triedAgency)
	ns.Labels = map[string]string{names.LabelAgency: triedAgency, names.LabelManagedBy: names.ManagedBy}
	err := c.Create(ctx, ns, client.DryRunAll)
	switch {
	case err == nil, apierrors.IsAlreadyExists(err):
		return nil
	case byAdmission(err):
		return fmt.Errorf("the operator does not start: admission refuses that it creates an agency's namespace. It runs as %s; config/admission names another service account or namespace when an overlay "+
			"renamed or moved the operator: build the overlay with config/components/operator-identity, as config/samples/overlay does, and apply it again: %w", user, err)
	case apierrors.IsForbidden(err):
		return missingRight(err, fmt.Sprintf("create on namespaces, as %s", user))
	default:
		return fmt.Errorf("try to create an agency's namespace: %w", err)
	}
}

// SchemaSkew returns by kind and direction, older or newer, in how many fields
// the served definition differs from the one that the operator was built with.
func (o *Operator) SchemaSkew() map[string]map[string]int { return o.definitions.counts() }

// endFor ends an operator that must write no more.
func (o *Operator) endFor(why error, cancel context.CancelFunc, done <-chan error) error {
	o.gate.Shut()
	cancel()
	// A manager whose caches are not filled never ends; the caller ends the process.
	select {
	case err := <-done:
		why = errors.Join(why, err)
	case <-time.After(endTimeout):
	}
	return fmt.Errorf("the operator ends: %w", why)
}

// endTimeout is how long a manager gets to end that can't write any more.
const endTimeout = 5 * time.Second
