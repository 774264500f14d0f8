package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/view"
	"github.com/govplatform/govplatform/internal/view/backup"
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
	// Namespace of the operator; govplatform-system when it is empty.
	Namespace string
	// Wait bounds the wait for the operator to make the agencies' namespaces.
	Wait time.Duration
	// Progress is told each step; Out gets the table.
	Progress, Out io.Writer
}

// restorer is one run of a restore.
type restorer struct {
	client   client.Client
	options  RestoreOptions
	export   *backup.Export
	plan     *backup.Plan
	user     string
	table    view.Table
	failures []string
	// left are the objects, by objectKey, that the cluster has otherwise and that
	// were left so.
	left map[string]bool
	// claimants are the youngest objects so far by what they claim.
	claimants map[string]claimant
}

// Restore puts an export into a cluster. It opens nothing that needs an approval,
// and may be repeated until it says that nothing is left.
func Restore(ctx context.Context, c client.Client, e *backup.Export, o RestoreOptions) error {
	plan, err := backup.NewPlan(e)
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
	r := &restorer{client: c, options: o, export: e, plan: plan, user: self.Username, table: view.Table{Header: []string{"KIND", "OBJECT", "RESULT", "NOTE"}}, left: map[string]bool{}, claimants: map[string]claimant{}}
	r.narrow(ctx)
	r.run(ctx)
	waiting, err := r.waiting(ctx)
	if err != nil {
		r.fail("approvals: %s", err)
	}
	if err := writeTable(o.Out, r.table, ColorWanted(o.Out)); err != nil {
		return err
	}
	r.sayRights()
	r.sayConsents()
	if len(waiting) > 0 {
		say(o.Out, "\nThese approvals do not come back by themselves. Whoever decides for the agency looks at the link and gives them again:\n")
	}
	for i := range waiting {
		say(o.Out, "  %s   # was approved by %s\n", backup.ApproveCommand(&waiting[i]), waiting[i].Spec.Approver)
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
	tones := map[string]view.Tone{"created": view.Good, "overwritten": view.Pending, "changed": view.Good, "waits": view.Pending, "conflict": view.Bad, "failed": view.Bad, "skipped": view.Pending}
	r.table.Add(view.Text(kind), view.Text(name), view.Cell{Text: result, Tone: tones[result]}, view.Text(note))
}

// run goes through the phases until one that closes is not complete.
func (r *restorer) run(ctx context.Context) {
	r.settings(ctx)
	incomplete := len(r.failures) > 0
	for i, p := range r.plan.Phases {
		if incomplete && !r.options.DryRun {
			r.fail("%s and what follows: not begun, because what closes is not complete", p.Title)
			return
		}
		say(r.options.Progress, "step %d of %d: %s (%d)\n", i+1, len(r.plan.Phases), p.Title, len(p.Items))
		before := len(r.failures)
		if r.options.DryRun || r.ready(ctx, p) {
			r.items(ctx, p)
		}
		incomplete = p.Closes && len(r.failures) > before
	}
	for _, u := range r.plan.Skipped {
		r.row(u.GetKind(), view.ObjectName(u), "skipped", "it was being deleted")
	}
}

func (r *restorer) items(ctx context.Context, p backup.Phase) {
	for n, u := range p.Items {
		if n > 0 && n%100 == 0 {
			say(r.options.Progress, "  %d of %d\n", n, len(p.Items))
		}
		switch {
		case u.GetKind() == v1alpha1.KindDataSharingApproval:
			r.closingDecision(ctx, u)
		case p.Newest && r.plan.Former[backup.ObjectKey(u)] != nil:
			r.newest(ctx, u)
		default:
			r.object(ctx, u)
		}
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
	want, kind, name := backup.Fresh(u), u.GetKind(), view.ObjectName(u)
	newest := r.plan.Newest[backup.ObjectKey(u)]
	note := ""
	if newest != nil {
		note = "with the spec that was in force; the newest follows"
	}
	live, err := r.live(ctx, u)
	switch {
	case apierrors.IsNotFound(err):
		err = nil
		if kind == v1alpha1.KindAgency {
			note, err = r.adopt(ctx, want)
		}
		if err == nil {
			r.turn(ctx, u)
			err = r.write(func() error { return r.client.Create(ctx, want) })
		}
		if err == nil && !r.options.DryRun {
			r.claimed(u, want)
			err = r.status(ctx, u)
		}
		r.done(kind, name, "created", note, err)
	case err != nil:
		r.done(kind, name, "failed", "", err)
	case r.same(ctx, live, want), newest != nil && r.same(ctx, live, backup.Fresh(newest)):
		r.claimed(u, live)
		r.done(kind, name, "unchanged", "", r.write(func() error { return r.status(ctx, u) }))
	default:
		r.claimed(u, live)
		r.left[backup.ObjectKey(u)] = r.options.OnConflict != ConflictOverwrite
		r.conflict(kind, name, "the cluster has another one of this name", func() error { return r.replace(ctx, live, u) })
	}
}

// replace puts the file's spec into an object that is still as it was looked at.
func (r *restorer) replace(ctx context.Context, live, u *unstructured.Unstructured) error {
	err := retry.RetryOnConflict(patient, func() error {
		now, err := r.live(ctx, u)
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(now.Object["spec"], live.Object["spec"]) {
			return errors.New("somebody changed it at this moment; repeat the command")
		}
		now.Object["spec"] = backup.Fresh(u).Object["spec"]
		return r.client.Update(ctx, now)
	})
	return errors.Join(err, r.status(ctx, u))
}

// newest brings the newest spec of an object that had another one in force, and
// was restored with that.
func (r *restorer) newest(ctx context.Context, u *unstructured.Unstructured) {
	kind, name := u.GetKind(), view.ObjectName(u)
	live, err := r.live(ctx, u)
	switch {
	case r.left[backup.ObjectKey(u)] || err == nil && r.same(ctx, live, backup.Fresh(u)):
	case r.options.DryRun:
		r.row(kind, name, "changed", "to its newest spec, which waits as it did")
	case err == nil && !r.same(ctx, live, backup.Fresh(r.plan.Former[backup.ObjectKey(u)])):
		r.conflict(kind, name, "somebody changed it meanwhile", func() error { return r.replace(ctx, live, u) })
	default:
		if err == nil {
			err = r.replace(ctx, live, u)
		}
		r.done(kind, name, "changed", "to its newest spec, which waits as it did", err)
	}
}

// closingDecision writes a decision that closes. Where another decision has its name
// it gets another name: whatever the cluster has otherwise, what closed closes.
func (r *restorer) closingDecision(ctx context.Context, u *unstructured.Unstructured) {
	note := "closes its link: " + u.GetAnnotations()[backup.AnnotationRestoredFrom]
	for _, name := range []string{u.GetName(), backup.OtherName(u)} {
		want := backup.Fresh(u)
		want.SetName(name)
		// The API server accepts only the requesting user here.
		_ = unstructured.SetNestedField(want.Object, r.user, "spec", "approver")
		live, err := r.live(ctx, want)
		switch {
		case apierrors.IsNotFound(err):
			if err = r.write(func() error { return r.client.Create(ctx, want) }); err == nil {
				err = r.write(func() error { return r.status(ctx, named(u, name)) })
			}
			r.done(u.GetKind(), view.ObjectName(want), "created", note, err)
			return
		case err != nil:
			r.done(u.GetKind(), view.ObjectName(want), "failed", "", err)
			return
		case r.same(ctx, live, want):
			r.done(u.GetKind(), view.ObjectName(want), "unchanged", "", r.write(func() error { return r.status(ctx, named(u, name)) }))
			return
		}
		note = "the cluster has another decision " + name + "; this one " + note
	}
	r.done(u.GetKind(), view.ObjectName(u), "failed", "", errors.New("two other decisions have its names; suspend the link yourself, with kubectl gov approve"))
}

// named is an object of the file under another name.
func named(u *unstructured.Unstructured, name string) *unstructured.Unstructured {
	out := u.DeepCopy()
	out.SetName(name)
	return out
}

// live reads what the cluster has under an object's name.
func (r *restorer) live(ctx context.Context, u *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(u.GroupVersionKind())
	return live, r.client.Get(ctx, client.ObjectKeyFromObject(u), live)
}

// same reports whether the cluster has what the file says. What the API server
// would make of the file's spec counts, since a newer definition has more defaults.
func (r *restorer) same(ctx context.Context, live, want *unstructured.Unstructured) bool {
	if live.GetKind() == v1alpha1.KindDataSharingApproval {
		var is, should v1alpha1.DataSharingApproval
		err := errors.Join(backup.Convert(live, &is), backup.Convert(want, &should))
		return err == nil && is.Spec.LinkRef == should.Spec.LinkRef && is.Spec.Decision == v1alpha1.DecisionSuspend
	}
	have := backup.Fresh(live)
	if reflect.DeepEqual(have.Object["spec"], want.Object["spec"]) {
		return true
	}
	asked := live.DeepCopy()
	asked.Object["spec"] = want.DeepCopy().Object["spec"]
	if err := r.client.Update(ctx, asked, client.DryRunAll); err != nil {
		return false
	}
	return reflect.DeepEqual(have.Object["spec"], backup.Fresh(asked).Object["spec"])
}

// adopt lets an Agency take over the namespace that the very Agency of the file
// left behind. Any other namespace is left to a person.
func (r *restorer) adopt(ctx context.Context, a *unstructured.Unstructured) (note string, err error) {
	var ns corev1.Namespace
	if err := r.client.Get(ctx, client.ObjectKey{Name: names.Namespace(a.GetName())}, &ns); err != nil {
		return "", client.IgnoreNotFound(err)
	}
	owner, marked := names.MarkedOwner(&ns)
	i := slices.IndexFunc(r.export.Namespaces, func(n backup.Namespace) bool { return n.Name == ns.Name && n.Agency == a.GetName() })
	if !marked || i < 0 || string(owner.UID) != r.export.Namespaces[i].AgencyUID {
		return "the namespace " + ns.Name + " is not that of the file; the Agency says how it is taken over", nil
	}
	return "takes over its namespace", unstructured.SetNestedField(a.Object, string(ns.UID), "spec", "adoptNamespace")
}

// waiting are the approvals of the file that nobody has given again.
func (r *restorer) waiting(ctx context.Context) ([]v1alpha1.DataSharingApproval, error) {
	var live v1alpha1.DataSharingApprovalList
	if err := r.client.List(ctx, &live); err != nil {
		return nil, err
	}
	var out []v1alpha1.DataSharingApproval
	for i := range r.plan.Approvals {
		a := &r.plan.Approvals[i]
		var link v1alpha1.DataSharingLink
		err := r.client.Get(ctx, client.ObjectKey{Namespace: string(a.Spec.LinkRef.Namespace), Name: string(a.Spec.LinkRef.Name)}, &link)
		if client.IgnoreNotFound(err) != nil {
			return nil, err
		}
		given := slices.ContainsFunc(live.Items, func(l v1alpha1.DataSharingApproval) bool {
			return l.Namespace == a.Namespace && l.Spec.LinkRef == a.Spec.LinkRef && l.Spec.Decision == v1alpha1.DecisionApprove && link.Status.SpecHash != "" && l.Spec.SpecHash == link.Status.SpecHash
		})
		if given {
			r.row(v1alpha1.KindDataSharingApproval, a.Namespace+"/"+a.Name, "unchanged", "approved again")
			continue
		}
		r.row(v1alpha1.KindDataSharingApproval, a.Namespace+"/"+a.Name, "waits", "to be approved again: was approved by "+a.Spec.Approver)
		out = append(out, *a)
	}
	return out, nil
}
