package lifecycle

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/cli"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/view/backup"
	"github.com/govplatform/govplatform/test/harness"
)

// exported brings up a world with a link that is open, one that is suspended and
// one that is rejected, and a suspended agency, and returns its export as a file.
func exported(t *testing.T, env *harness.Env) []byte {
	t.Helper()
	return exportedWith(t, env, env.Operator(t, harness.OperatorOptions{}))
}

// exportedWith does so where an operator runs already.
func exportedWith(t *testing.T, env *harness.Env, op *harness.Operator) []byte {
	t.Helper()
	world(t, env)
	refused := harness.Link("asks", "refused", "consumer", "gives", "data")
	env.Create(t, refused)
	scoped(t, env, refused)
	env.Create(t, harness.Approval("gives", refused, v1alpha1.DecisionReject),
		harness.Agency("halted", "Z91HALT", func(a *v1alpha1.Agency) { a.Spec.Suspended = true }))
	env.WaitCondition(t, refused, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonRejected)
	op.WaitQuiet(t, quiet)
	one, err := backup.Read(t.Context(), env.Admin, backup.Options{}, time.Unix(1, 0))
	if err != nil {
		t.Fatal(err)
	}
	data, err := one.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again, err := backup.Read(t.Context(), platformTeam(t, env), backup.Options{}, time.Unix(1, 0))
	if err != nil {
		t.Fatal(err)
	}
	if second, err := again.Marshal(); err != nil || !bytes.Equal(data, second) {
		t.Errorf("the platform team gets another export (%v)", err)
	}
	return data
}

// exportedNow returns what somebody exports as a file.
func exportedNow(t *testing.T, c client.Client) []byte {
	t.Helper()
	e, err := backup.Read(t.Context(), c, backup.Options{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	data, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// platformTeam is somebody who has the shipped role and nothing else.
func platformTeam(t *testing.T, env *harness.Env) client.Client {
	t.Helper()
	const user = "team-member"
	env.Create(t, harness.Everywhere(user, "govplatform-platform-team", user))
	return env.User(t, user, "system:authenticated")
}

// restoreFile runs a restore and returns its table.
func restoreFile(t *testing.T, c client.Client, data []byte, o cli.RestoreOptions) (string, error) {
	t.Helper()
	e, err := backup.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	o.Out, o.Progress = &out, &out
	if o.OnConflict == "" {
		o.OnConflict = cli.ConflictStop
	}
	err = cli.Restore(t.Context(), c, e, o)
	return out.String(), err
}

// openLinks watches until it is stopped and returns the network policies of
// links that there were.
func openLinks(t *testing.T, env *harness.Env) (stop func() []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var seen []string
	var done sync.WaitGroup
	done.Go(func() {
		for ctx.Err() == nil {
			var list networkingv1.NetworkPolicyList
			if err := env.Admin.List(ctx, &list, client.MatchingLabels{names.LabelOwnerKind: "DataSharingLink"}); err == nil {
				for i := range list.Items {
					seen = append(seen, list.Items[i].Labels[names.LabelOwnerName])
				}
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	return func() []string { cancel(); done.Wait(); return seen }
}

// TestRestore puts what one cluster exported into another one. Before there was a
// way, a restored approval was refused at admission, a suspension was lost with
// it, and a rejection of the old scope refused nothing. It fails where links are
// restored before the decisions that close, or rejections as they were.
func TestRestore(t *testing.T) {
	old := start(t)
	data := exported(t, old)
	_ = old.ControlPlane.Stop()
	if _, err := backup.Parse(data[:bytes.LastIndexByte(data[:len(data)-2], '\n')+1]); err == nil || !strings.Contains(err.Error(), "digest") {
		t.Errorf("a file that was cut off: %v", err)
	}

	env := start(t)
	somebody := env.User(t, "somebody", "system:authenticated")
	if _, err := restoreFile(t, somebody, data, cli.RestoreOptions{}); err == nil || !strings.Contains(err.Error(), "system:masters") {
		t.Errorf("without break-glass access: %v", err)
	}
	stop := openLinks(t, env)
	dry, err := restoreFile(t, env.Admin, data, cli.RestoreOptions{DryRun: true})
	if err != nil {
		t.Fatalf("dry run: %v\n%s", err, dry)
	}
	assertGolden(t, "restore-dry-run.txt", dry)
	if err := env.Admin.Get(t.Context(), client.ObjectKey{Name: "asks"}, &v1alpha1.Agency{}); client.IgnoreNotFound(err) != nil || err == nil {
		t.Errorf("a dry run made an agency: %v", err)
	}

	// Without an operator there are no namespaces, so no decision and no link.
	said, err := restoreFile(t, env.Admin, data, cli.RestoreOptions{Wait: time.Second})
	if err == nil || !strings.Contains(said, "the operator must run") {
		t.Fatalf("without an operator: %v\n%s", err, said)
	}
	op := env.Operator(t, harness.OperatorOptions{})
	said, err = restoreFile(t, env.Admin, data, cli.RestoreOptions{Wait: harness.Timeout})
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if !strings.Contains(said, "kubectl gov approve kept -n agency-asks --as-agency gives") || strings.Contains(said, "kubectl gov approve halted") {
		t.Errorf("the links that wait are not listed:\n%s", said)
	}
	kept, halted, refused := linkNamed("kept"), linkNamed("halted"), linkNamed("refused")
	env.WaitCondition(t, kept, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonApprovalMissing)
	env.WaitCondition(t, halted, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonLinkSuspended)
	env.WaitCondition(t, refused, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonLinkSuspended)
	env.WaitReady(t, &v1alpha1.AgencyPortal{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-gives", Name: "provider"}})
	if d := kept.Status.Decisions; len(d) == 0 || d[0].Decision != string(v1alpha1.DecisionApprove) || d[0].Approver != harness.AdminUser {
		t.Errorf("the record of the link is lost: %+v", d)
	}
	op.WaitQuiet(t, quiet)
	if said, err = restoreFile(t, env.Admin, data, cli.RestoreOptions{}); err != nil || strings.Contains(said, "created") {
		t.Errorf("again: %v\n%s", err, said)
	}
	if open := stop(); len(open) > 0 {
		t.Errorf("links were open without an approval: %v", open)
	}
	reopens(t, env, data, kept, refused)
	conflicts(t, env, data)
	nameIsTaken(t, env, data)
}

// reopens approves anew: that opens the link that waits, and not the one that
// was rejected.
func reopens(t *testing.T, env *harness.Env, data []byte, kept, refused *v1alpha1.DataSharingLink) {
	t.Helper()
	for _, l := range []*v1alpha1.DataSharingLink{kept, refused} {
		scoped(t, env, l)
		a := harness.Approval("gives", l, v1alpha1.DecisionApprove)
		a.Name += "-anew"
		env.Create(t, a)
	}
	env.WaitReady(t, kept)
	env.WaitCondition(t, refused, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonLinkSuspended)
	if said, err := restoreFile(t, env.Admin, data, cli.RestoreOptions{}); err != nil || strings.Contains(said, "kubectl gov approve") {
		t.Errorf("an approval that was given again: %v\n%s", err, said)
	}
}

// conflicts: what the cluster has otherwise is named and stays, and stops a step
// that closes, unless there is a word for it.
func conflicts(t *testing.T, env *harness.Env, data []byte) {
	t.Helper()
	registries := harness.Policy("registries", "")
	change := func() error {
		return env.Admin.Patch(t.Context(), registries, harness.MergePatch(`{"spec":{"images":{"allowedRegistries":["other.example"]}}}`))
	}
	if err := change(); err != nil {
		t.Fatal(err)
	}
	said, err := restoreFile(t, env.Admin, data, cli.RestoreOptions{})
	if err == nil {
		t.Errorf("a conflict is no failure:\n%s", said)
	}
	assertGolden(t, "restore-conflict.txt", said)
	for _, how := range [][2]string{{cli.ConflictKeep, "other.example"}, {cli.ConflictOverwrite, "registry.platform.example.gov.vn"}} {
		word, want := how[0], how[1]
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if said, err := restoreFile(t, env.Admin, data, cli.RestoreOptions{OnConflict: word}); err != nil {
			t.Errorf("%s: %v\n%s", word, err, said)
		}
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(registries), registries); err != nil || fmt.Sprint(registries.Spec.Images.AllowedRegistries) != "["+want+"]" {
			t.Errorf("%s left %v (%v)", word, registries.Spec.Images.AllowedRegistries, err)
		}
	}
}

// nameIsTaken: somebody made a suspended link anew and approved it under the name
// of the suspension. That closes it all the same, and the link is told.
func nameIsTaken(t *testing.T, env *harness.Env, data []byte) {
	t.Helper()
	halted := linkNamed("halted")
	suspension := harness.Approval("gives", halted, v1alpha1.DecisionSuspend)
	for _, o := range []client.Object{suspension, halted} {
		if err := env.Admin.Delete(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		env.WaitGone(t, o)
	}
	halted = harness.Link("asks", "halted", "consumer", "gives", "data", func(l *v1alpha1.DataSharingLink) { l.Spec.Purpose = "Khác" })
	env.Create(t, halted)
	scoped(t, env, halted)
	env.Create(t, harness.Approval("gives", halted, v1alpha1.DecisionApprove))
	env.WaitReady(t, halted)
	said, err := restoreFile(t, env.Admin, data, cli.RestoreOptions{})
	if err == nil || !strings.Contains(said, "the cluster has another decision halted; this one closes its link") || !strings.Contains(said, "DataSharingLink agency-asks/halted: the cluster has another one") {
		t.Errorf("a name that is taken: %v\n%s", err, said)
	}
	env.WaitCondition(t, halted, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonLinkSuspended)
	if said, _ := restoreFile(t, env.Admin, data, cli.RestoreOptions{}); strings.Contains(said, "created") {
		t.Errorf("again:\n%s", said)
	}
}

// TestRestoreTakesOver: an Agency that was wiped gets back the namespace that it
// left behind, with what is in it, and the restore waits for it. It fails where
// an Agency is restored without spec.adoptNamespace.
func TestRestoreTakesOver(t *testing.T) {
	env := start(t)
	op := env.Operator(t, harness.OperatorOptions{})
	a := harness.Agency("wiped", "Z91WIPED")
	env.Create(t, a)
	env.WaitReady(t, a)
	data := exportedNow(t, env.Admin)
	uids := kept(t, env)
	if err := op.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := env.Admin.Patch(t.Context(), a, harness.MergePatch(`{"metadata":{"finalizers":null},"spec":{"deletionPolicy":"DeletePortals"}}`)); err != nil {
		t.Fatal(err)
	}
	if err := env.Admin.Delete(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	env.WaitGone(t, a)
	env.Operator(t, harness.OperatorOptions{})
	for _, want := range []string{"takes over its namespace", "unchanged"} {
		said, err := restoreFile(t, env.Admin, data, cli.RestoreOptions{Wait: 10 * time.Second})
		if err != nil || !strings.Contains(said, want) {
			t.Fatalf("%v\n%s", err, said)
		}
	}
	restored := harness.Agency("wiped", "")
	env.WaitReady(t, restored)
	name := "Namespace /" + names.Namespace("wiped")
	if got := kept(t, env); restored.UID == a.UID || got[name] == "" || got[name] != uids[name] {
		t.Errorf("the namespace was %s and is %s", uids[name], got[name])
	}
}
