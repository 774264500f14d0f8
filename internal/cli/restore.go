package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
)

// What a restore does with an object that the cluster has otherwise.
const (
	// ConflictStop leaves it and goes no further than the step that it is in.
	ConflictStop = "stop"
	// ConflictKeep leaves what the cluster has and goes on.
	ConflictKeep = "keep"
	// ConflictOverwrite puts the file's in its place.
	ConflictOverwrite = "overwrite"
)

// RestoreOptions of a restore.
type RestoreOptions struct {
	// DryRun reads, shows and writes nothing.
	DryRun bool
	// OnConflict is one of the Conflict words.
	OnConflict string
	// Wait bounds the wait for the operator to make the agencies' namespaces.
	Wait time.Duration
	// Progress is told each step; Out gets the table.
	Progress, Out io.Writer
}

// restorer is one run of a restore.
type restorer struct {
	client   client.Client
	options  RestoreOptions
	export   *Export
	plan     *restorePlan
	user     string
	table    table
	failures []string
}

// Restore puts an export into a cluster. It opens nothing that needs an approval,
// and may be repeated until it says that nothing is left.
func Restore(ctx context.Context, c client.Client, e *Export, o RestoreOptions) error {
	plan, err := planRestore(e)
	if err != nil {
		return err
	}
	self, err := whoAmI(ctx, c)
	if err != nil {
		return err
	}
	if !o.DryRun && !slices.Contains(self.Groups, "system:masters") {
		return fmt.Errorf("you are %s: a restore writes what other people asked for and the record of what they decided, which only break-glass access (the group system:masters) may; nothing was written, and --dry-run shows what would be", self.Username)
	}
	r := &restorer{client: c, options: o, export: e, plan: plan, user: self.Username, table: table{header: []string{"KIND", "OBJECT", "RESULT", "NOTE"}}}
	r.run(ctx)
	waiting, err := r.waiting(ctx)
	if err != nil {
		r.fail("approvals: %s", err)
	}
	if err := r.table.write(o.Out, ColorWanted(o.Out)); err != nil {
		return err
	}
	if len(waiting) > 0 {
		say(o.Out, "\nThese approvals do not come back by themselves. Whoever decides for the agency looks at the link and gives them again:\n")
	}
	for i := range waiting {
		say(o.Out, "  %s   # was approved by %s\n", approveCommand(&waiting[i]), waiting[i].Spec.Approver)
	}
	if len(r.failures) == 0 {
		return nil
	}
	for _, f := range r.failures {
		say(o.Progress, "failed: %s\n", f)
	}
	return exitError{1, fmt.Sprintf("%d of the file's objects are not as in the file; mend what is named above and repeat the command", len(r.failures))}
}

func (r *restorer) fail(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *restorer) row(kind, name, result, note string) {
	tones := map[string]tone{"created": good, "overwritten": pending, "conflict": bad, "failed": bad, "skipped": pending}
	r.table.add(text(kind), text(name), cell{result, tones[result]}, text(note))
}

// run goes through the phases until one that closes is not complete.
func (r *restorer) run(ctx context.Context) {
	r.settings(ctx)
	for i, p := range r.plan.phases {
		if len(r.failures) > 0 && (i == 0 || r.plan.phases[i-1].closes) && !r.options.DryRun {
			r.fail("%s and what follows: not begun, because what closes is not complete", p.title)
			return
		}
		say(r.options.Progress, "step %d of %d: %s (%d)\n", i+1, len(r.plan.phases), p.title, len(p.items))
		if p.inNamespaces && !r.options.DryRun {
			r.namespaces(ctx)
			if len(r.failures) > 0 {
				continue
			}
		}
		for n, u := range p.items {
			if n > 0 && n%100 == 0 {
				say(r.options.Progress, "  %d of %d\n", n, len(p.items))
			}
			r.object(ctx, u)
		}
	}
	for _, u := range r.plan.skipped {
		r.row(u.GetKind(), objectName(u), "skipped", "it was being deleted")
	}
}

// settings come before everything: levels and the authority rest on them.
func (r *restorer) settings(ctx context.Context) {
	if r.export.Settings == "" {
		return
	}
	key := client.ObjectKey{Namespace: operatorNamespace, Name: operatorConfigMap}
	want := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}, Data: map[string]string{operatorSettings: r.export.Settings}}
	var live corev1.ConfigMap
	err := r.client.Get(ctx, key, &live)
	switch {
	case apierrors.IsNotFound(err):
		r.done("ConfigMap", key.String(), "created", "the operator reads it when it starts", r.write(func() error { return r.client.Create(ctx, want) }))
	case err != nil:
		r.done("ConfigMap", key.String(), "failed", "", err)
	case live.Data[operatorSettings] == r.export.Settings:
		r.row("ConfigMap", key.String(), "unchanged", "")
	default:
		r.conflict("ConfigMap", key.String(), "the settings differ", func() error {
			live.Data = want.Data
			return r.client.Update(ctx, &live)
		})
	}
}

// write leaves out the write of a dry run.
func (r *restorer) write(f func() error) error {
	if r.options.DryRun {
		return nil
	}
	return f()
}

func (r *restorer) done(kind, name, result, note string, err error) {
	if err != nil {
		r.row(kind, name, "failed", "")
		r.fail("%s %s: %s", kind, name, err)
		return
	}
	r.row(kind, name, result, note)
}

// conflict never overwrites without the word for it.
func (r *restorer) conflict(kind, name, note string, overwrite func() error) {
	switch r.options.OnConflict {
	case ConflictOverwrite:
		r.done(kind, name, "overwritten", note, r.write(overwrite))
	case ConflictKeep:
		r.row(kind, name, "kept", note)
	default:
		r.row(kind, name, "conflict", note)
		r.fail("%s %s: %s, and nothing is overwritten: compare both, then repeat with --on-conflict=keep or --on-conflict=overwrite", kind, name, note)
	}
}

// object creates one object, or finds that it is there.
func (r *restorer) object(ctx context.Context, u *unstructured.Unstructured) {
	want, kind, name := fresh(u), u.GetKind(), objectName(u)
	note, waiting := "", ""
	if kind == "DataSharingApproval" {
		// The API server accepts only the requesting user here.
		_ = unstructured.SetNestedField(want.Object, r.user, "spec", "approver")
		note = "closes its link: " + want.GetAnnotations()[AnnotationRestoredFrom]
	}
	if kind == "Agency" {
		waits, err := onlyInForce(want, u)
		if err != nil {
			r.done(kind, name, "failed", "", err)
			return
		}
		if len(waits) > 0 {
			waiting = "rights wait, ask for them again: " + strings.Join(waits, ", ")
		}
	}
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(u.GroupVersionKind())
	err := r.client.Get(ctx, client.ObjectKeyFromObject(u), live)
	switch {
	case apierrors.IsNotFound(err):
		if kind == "Agency" {
			note, err = r.adopt(ctx, want)
			note = joinNotes(note, waiting)
		} else {
			err = nil
		}
		if err == nil {
			err = r.write(func() error { return r.client.Create(ctx, want) })
		}
		if err == nil {
			err = r.write(func() error { return r.status(ctx, u) })
		}
		r.done(kind, name, "created", note, err)
	case err != nil:
		r.done(kind, name, "failed", "", err)
	case r.same(ctx, live, want) || kind == "Agency" && r.same(ctx, live, fresh(u)):
		r.done(kind, name, "unchanged", waiting, r.write(func() error { return r.status(ctx, u) }))
	default:
		r.conflict(kind, name, joinNotes("the cluster has another one of this name", waiting), func() error {
			replaced := live.DeepCopy()
			replaced.Object["spec"] = want.Object["spec"]
			return errors.Join(r.client.Update(ctx, replaced), r.status(ctx, u))
		})
	}
}

// same reports whether the cluster has what the file says. What the API server
// would make of the file's spec counts, since a newer definition has more defaults.
func (r *restorer) same(ctx context.Context, live, want *unstructured.Unstructured) bool {
	if live.GetKind() == "DataSharingApproval" {
		var is, should v1alpha1.DataSharingApproval
		err := errors.Join(convert(live, &is), convert(want, &should))
		return err == nil && is.Spec.LinkRef == should.Spec.LinkRef && is.Spec.Decision == v1alpha1.DecisionSuspend
	}
	have := fresh(live)
	if reflect.DeepEqual(have.Object["spec"], want.Object["spec"]) {
		return true
	}
	asked := live.DeepCopy()
	asked.Object["spec"] = want.DeepCopy().Object["spec"]
	if err := r.client.Update(ctx, asked, client.DryRunAll); err != nil {
		return false
	}
	return reflect.DeepEqual(have.Object["spec"], fresh(asked).Object["spec"])
}

// adopt lets an Agency take over the namespace that the very Agency of the file
// left behind. Any other namespace is left to a person.
func (r *restorer) adopt(ctx context.Context, a *unstructured.Unstructured) (note string, err error) {
	var ns corev1.Namespace
	if err := r.client.Get(ctx, client.ObjectKey{Name: names.Namespace(a.GetName())}, &ns); err != nil {
		return "", client.IgnoreNotFound(err)
	}
	owner, marked := names.MarkedOwner(&ns)
	i := slices.IndexFunc(r.export.Namespaces, func(n ExportedNamespace) bool { return n.Name == ns.Name && n.Agency == a.GetName() })
	if !marked || i < 0 || string(owner.UID) != r.export.Namespaces[i].AgencyUID {
		return "the namespace " + ns.Name + " is not that of the file; the Agency says how it is taken over", nil
	}
	return "takes over its namespace", unstructured.SetNestedField(a.Object, string(ns.UID), "spec", "adoptNamespace")
}

// namespaces waits until the operator has given every agency its namespace, in
// which decisions are written before there is a link.
func (r *restorer) namespaces(ctx context.Context) {
	deadline := time.Now().Add(r.options.Wait)
	for _, u := range r.plan.agencies {
		for {
			why := r.namespaceOf(ctx, u.GetName())
			if why == "" {
				break
			}
			if time.Now().After(deadline) || ctx.Err() != nil {
				r.fail("Agency %s: %s; the operator must run, see kubectl gov status -A, then repeat the command", u.GetName(), why)
				break
			}
			select {
			case <-ctx.Done():
			case <-time.After(200 * time.Millisecond):
			}
		}
	}
}

// namespaceOf says why an agency has no namespace yet; empty when it has.
func (r *restorer) namespaceOf(ctx context.Context, name string) string {
	var a v1alpha1.Agency
	if err := r.client.Get(ctx, client.ObjectKey{Name: name}, &a); err != nil {
		return err.Error()
	}
	var ns corev1.Namespace
	if err := r.client.Get(ctx, client.ObjectKey{Name: names.Namespace(name)}, &ns); err == nil && ns.Labels[names.LabelOwnerUID] == string(a.UID) && ns.DeletionTimestamp == nil {
		return ""
	}
	if c := meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionNamespaceReady); c != nil && c.Status != metav1.ConditionTrue {
		return c.Message
	}
	return "its namespace is not made yet"
}

// status puts back the parts of a status that nobody can observe anew: since when
// a dataset is owned, the record of decisions, and which acceptance was used up.
// The lock is the version that was read, so the operator's write is not lost.
func (r *restorer) status(ctx context.Context, u *unstructured.Unstructured) error {
	return retry.RetryOnConflict(wait.Backoff{Steps: 20}, func() error {
		live := &unstructured.Unstructured{}
		live.SetGroupVersionKind(u.GroupVersionKind())
		if err := r.client.Get(ctx, client.ObjectKeyFromObject(u), live); err != nil {
			return err
		}
		before := live.DeepCopy()
		switch u.GetKind() {
		case "DataService":
			keepClaim(live, u)
		case "SecurityPolicy":
			keepAcceptance(live, u)
		case "DataSharingLink":
			r.keepRecord(live)
		}
		if reflect.DeepEqual(before.Object, live.Object) {
			return nil
		}
		return r.client.Status().Patch(ctx, live, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	})
}

// keepClaim gives a service the time since which it owned the dataset, unless it
// is on record with an earlier one.
func keepClaim(live, from *unstructured.Unstructured) {
	claim, ok, _ := unstructured.NestedMap(from.Object, "status", "claim")
	have, _, _ := unstructured.NestedMap(live.Object, "status", "claim")
	since, _ := claim["heldSince"].(string)
	now, _ := have["heldSince"].(string)
	if ok && (have == nil || have["dataset"] == claim["dataset"] && since < now) {
		_ = unstructured.SetNestedMap(live.Object, claim, "status", "claim")
	}
}

// keepAcceptance lets an acceptance that was used up stay so.
func keepAcceptance(live, from *unstructured.Unstructured) {
	used, ok, _ := unstructured.NestedMap(from.Object, "status", "usedAcceptance")
	if _, have, _ := unstructured.NestedMap(live.Object, "status", "usedAcceptance"); ok && !have {
		_ = unstructured.SetNestedMap(live.Object, used, "status", "usedAcceptance")
	}
}

// keepRecord puts the old decisions before those that the operator has recorded
// since, within the schema's 20.
func (r *restorer) keepRecord(live *unstructured.Unstructured) {
	have, _, _ := unstructured.NestedSlice(live.Object, "status", "decisions")
	key := func(v any) string {
		d, _ := v.(map[string]any)
		data, _ := json.Marshal([]any{d["uid"], d["decision"], d["side"]})
		return string(data)
	}
	all := slices.Clone(r.plan.records[live.GetNamespace()+"/"+live.GetName()])
	seen := map[string]bool{}
	for _, d := range have {
		seen[key(d)] = true
	}
	all = slices.DeleteFunc(all, func(d any) bool { return seen[key(d)] })
	if len(all) == 0 {
		return
	}
	all = append(all, have...)
	_ = unstructured.SetNestedSlice(live.Object, all[max(0, len(all)-20):], "status", "decisions")
}

// waiting are the approvals of the file that nobody has given again.
func (r *restorer) waiting(ctx context.Context) ([]v1alpha1.DataSharingApproval, error) {
	var live v1alpha1.DataSharingApprovalList
	if err := r.client.List(ctx, &live); err != nil {
		return nil, err
	}
	var out []v1alpha1.DataSharingApproval
	for i := range r.plan.approvals {
		a := &r.plan.approvals[i]
		var link v1alpha1.DataSharingLink
		err := r.client.Get(ctx, client.ObjectKey{Namespace: string(a.Spec.LinkRef.Namespace), Name: string(a.Spec.LinkRef.Name)}, &link)
		if client.IgnoreNotFound(err) != nil {
			return nil, err
		}
		given := slices.ContainsFunc(live.Items, func(l v1alpha1.DataSharingApproval) bool {
			return l.Namespace == a.Namespace && l.Spec.LinkRef == a.Spec.LinkRef && l.Spec.Decision == v1alpha1.DecisionApprove && link.Status.SpecHash != "" && l.Spec.SpecHash == link.Status.SpecHash
		})
		if given {
			r.row("DataSharingApproval", a.Namespace+"/"+a.Name, "unchanged", "approved again")
			continue
		}
		r.row("DataSharingApproval", a.Namespace+"/"+a.Name, "waits", "to be approved again: was approved by "+a.Spec.Approver)
		out = append(out, *a)
	}
	return out, nil
}
