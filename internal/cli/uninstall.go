package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/view"
	"github.com/govplatform/govplatform/internal/view/backup"
)

// ofTheOperator is on everything that config/default and the chart install.
var ofTheOperator = client.MatchingLabels{"app.kubernetes.io/name": "govplatform"}

// Removal is what an uninstallation removes, in this order, and what it leaves.
type Removal struct {
	// Objects that go: the operator first, and its rights when it has ended.
	Objects []*unstructured.Unstructured
	// Namespace of the operator.
	Namespace string
	stays     view.Table
	notes     []string
}

// PlanRemoval looks for the operator in a namespace, and at what it leaves.
func PlanRemoval(ctx context.Context, c client.Reader, namespace string) (*Removal, error) {
	r := &Removal{Namespace: namespace, stays: view.Table{Header: []string{"STAYS", "NUMBER", "WHY"}}}
	deployments, err := listOf(ctx, c, "apps/v1", "Deployment", client.InNamespace(namespace), ofTheOperator)
	if err != nil {
		return nil, err
	}
	accounts := map[string]bool{}
	for _, d := range deployments {
		account, _, _ := unstructured.NestedString(d.Object, "spec", "template", "spec", "serviceAccountName")
		accounts[account] = true
	}
	if len(deployments) == 0 {
		// An earlier run may have come no further.
		accounts["govplatform-controller-manager"] = true
	}
	r.Objects = deployments
	for _, kind := range []string{"ClusterRoleBinding", "RoleBinding"} {
		options := []client.ListOption{ofTheOperator}
		if kind == "RoleBinding" {
			options = append(options, client.InNamespace(namespace))
		}
		bindings, err := listOf(ctx, c, "rbac.authorization.k8s.io/v1", kind, options...)
		if err != nil {
			return nil, err
		}
		for _, b := range bindings {
			if bindsOnly(b, namespace, accounts) {
				r.Objects = append(r.Objects, b)
			}
		}
	}
	for _, o := range []struct{ version, kind string }{{"policy/v1", "PodDisruptionBudget"}, {"v1", "Service"}, {"v1", "ServiceAccount"}} {
		objects, err := listOf(ctx, c, o.version, o.kind, client.InNamespace(namespace), ofTheOperator)
		if err != nil {
			return nil, err
		}
		r.Objects = append(r.Objects, objects...)
	}
	return r, r.look(ctx, c)
}

// listOf returns the objects of a kind that the options select.
func listOf(ctx context.Context, c client.Reader, version, kind string, options ...client.ListOption) ([]*unstructured.Unstructured, error) {
	var list unstructured.UnstructuredList
	gvk := schema.FromAPIVersionAndKind(version, kind)
	list.SetGroupVersionKind(gvk.GroupVersion().WithKind(kind + "List"))
	err := c.List(ctx, &list, options...)
	switch {
	case apierrors.IsForbidden(err):
		return nil, fmt.Errorf("you may not list every %s, and what is not seen is not removed: an uninstallation takes the rights of a cluster administrator (kubectl create clusterrolebinding NAME --clusterrole=cluster-admin --user=<you>, until it is done)", kind)
	case err != nil:
		return nil, fmt.Errorf("list %s: %w", kind, err)
	}
	var out []*unstructured.Unstructured
	for i := range list.Items {
		list.Items[i].SetGroupVersionKind(gvk)
		out = append(out, &list.Items[i])
	}
	return out, nil
}

// bindsOnly reports whether a binding gives rights to the operator and nobody else.
func bindsOnly(b *unstructured.Unstructured, namespace string, accounts map[string]bool) bool {
	subjects, _, _ := unstructured.NestedSlice(b.Object, "subjects")
	for _, s := range subjects {
		subject, _ := s.(map[string]any)
		name, _ := subject["name"].(string)
		if subject["kind"] != "ServiceAccount" || subject["namespace"] != namespace || !accounts[name] {
			return false
		}
	}
	return len(subjects) > 0
}

// look counts what stays, and says what nobody sees to meanwhile.
func (r *Removal) look(ctx context.Context, c client.Reader) error {
	stays := func(what string, n int, why string) {
		r.stays.Add(view.Text(what), view.Text(fmt.Sprint(n)), view.Text(why))
	}
	open := 0
	for _, d := range backup.Kinds() {
		objects, err := backup.List(ctx, c, d)
		if err != nil {
			return err
		}
		stays(d.Kind, len(objects), "its definition and its status stay with it")
		for i := range objects {
			if d.Kind == v1alpha1.KindDataSharingLink && hasPolicies(&objects[i]) {
				open++
			}
		}
	}
	var namespaces corev1.NamespaceList
	if err := c.List(ctx, &namespaces, client.HasLabels{names.LabelAgency}); err != nil {
		return fmt.Errorf("list the agencies' namespaces: %w", err)
	}
	stays("agencies' namespaces", len(namespaces.Items), "with Secrets, workloads and network policies")
	guards, err := listOf(ctx, c, "admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", ofTheOperator)
	if err != nil {
		return err
	}
	stays("admission policies", len(guards), "they guard the agencies' namespaces and decisions while no operator runs")
	own, err := listOf(ctx, c, "admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", client.MatchingLabels{names.LabelManagedBy: names.ManagedBy})
	if err != nil {
		return err
	}
	stays("operator's policies", len(own), "they hold pods to the standards in force, and keep nodes from making gateways")
	stays("roles, settings", 1, "agencies keep their rights, and a new operator finds its settings")
	if len(guards) == 0 {
		r.notes = append(r.notes, "there is no admission policy of the platform: nothing keeps people from what only the operator may do. Apply config/default again")
	}
	r.notes = append(r.notes, "while no operator runs nothing is repaired, and no suspension, revocation or expiry closes anything")
	if open > 0 {
		r.notes = append(r.notes, fmt.Sprintf("%d links are open and stay open beyond their terms: suspend those that must not, while the operator runs", open))
	}
	return nil
}

// hasPolicies reports whether network policies of an object exist. Who may read a
// link is in its inventory too, and lets nothing pass.
func hasPolicies(u *unstructured.Unstructured) bool {
	inventory, _, _ := unstructured.NestedSlice(u.Object, "status", "inventory")
	return slices.ContainsFunc(inventory, func(e any) bool {
		entry, _ := e.(map[string]any)
		return entry["kind"] == "NetworkPolicy"
	})
}

// Print shows what goes and what stays.
func (r *Removal) Print(w io.Writer) error {
	goes := view.Table{Header: []string{"REMOVED", "OBJECT"}}
	for _, o := range r.Objects {
		goes.Add(view.Text(o.GetKind()), view.Text(view.ObjectName(o)))
	}
	if err := writeTable(w, goes, ColorWanted(w)); err != nil {
		return err
	}
	say(w, "\n")
	err := writeTable(w, r.stays, ColorWanted(w))
	for _, n := range r.notes {
		say(w, "note: %s\n", n)
	}
	return err
}

// Run removes the objects. The operator has ended before its rights go, so it
// stops between two rounds and not within one that was half permitted.
func (r *Removal) Run(ctx context.Context, c client.Client, wait time.Duration) error {
	for i, o := range r.Objects {
		if i > 0 && r.Objects[i-1].GetKind() == "Deployment" && o.GetKind() != "Deployment" {
			if err := r.ended(ctx, c, wait); err != nil {
				return err
			}
		}
		err := c.Delete(ctx, o, client.PropagationPolicy("Foreground"), client.Preconditions{UID: ptr.To(o.GetUID())})
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("delete %s %s: %w; what comes after it in the list was not removed, so repeat the command when that is mended", o.GetKind(), view.ObjectName(o), err)
		}
	}
	return nil
}

// ended waits until the operator has no pod.
func (r *Removal) ended(ctx context.Context, c client.Reader, wait time.Duration) error {
	deadline := time.Now().Add(wait)
	for {
		var pods corev1.PodList
		if err := c.List(ctx, &pods, client.InNamespace(r.Namespace), ofTheOperator); err != nil {
			return fmt.Errorf("list the operator's pods: %w", err)
		}
		if len(pods.Items) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("pod %s/%s of the operator has not ended within %s, so its rights stay: see why, and repeat the command", r.Namespace, pods.Items[0].Name, wait)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func newUninstallCommand(streams genericiooptions.IOStreams, flags *genericclioptions.ConfigFlags) *cobra.Command {
	var namespace string
	var yes, dryRun, keepData bool
	var wait time.Duration
	command := &cobra.Command{
		Use:   "uninstall",
		Short: "Remove the operator and its rights, and leave the API, all objects, namespaces and guards",
		Long: `Uninstall shows what goes and what stays, asks, and removes the operator's Deployment, waits until it has ended, and then removes its rights,
Service, disruption budget and ServiceAccount. It never removes definitions, objects of the platform, namespaces, roles, settings or
admission policies. Install the operator again, and it finds everything as it was.

Without the admission policies an agency's administrators are held by their roles alone, and whoever has more in its namespace opens what he
likes. docs/lifecycle.md says how to remove those, and the data.`,
		Example: "  kubectl gov export -f platform.yaml\n  kubectl gov uninstall --dry-run\n  kubectl gov uninstall",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !keepData {
				return errors.New("--keep-data=false: uninstall removes no data. Remove the agencies first, while the operator runs; docs/lifecycle.md, \"Uninstall\", has the steps")
			}
			c, err := newClient(flags)
			if err != nil {
				return err
			}
			r, err := PlanRemoval(cmd.Context(), c, namespace)
			if err != nil {
				return err
			}
			if err := r.Print(streams.Out); err != nil || dryRun {
				return err
			}
			if len(r.Objects) == 0 {
				return fmt.Errorf("there is no operator in namespace %s: name its namespace with --operator-namespace", namespace)
			}
			if !yes {
				if err := confirm(streams, "Remove these?"); err != nil {
					return err
				}
			}
			if err := r.Run(cmd.Context(), c, wait); err != nil {
				return err
			}
			say(streams.Out, "removed: the operator is gone, and what is listed above stays\n")
			return nil
		},
	}
	operatorNamespaceFlag(command, &namespace)
	command.Flags().BoolVar(&yes, "yes", false, "do not ask")
	command.Flags().BoolVar(&dryRun, "dry-run", false, "show what goes and what stays, and remove nothing")
	command.Flags().BoolVar(&keepData, "keep-data", true, "keep the API, all objects, namespaces and guards; nothing else can be asked for")
	command.Flags().DurationVar(&wait, "wait", 2*time.Minute, "how long to wait for the operator to end")
	flags.AddFlags(command.Flags())
	return command
}
