package link

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/settings"
)

// TestRecordDecisions: who decided stays on record after the approval is changed
// or gone, the record is bounded, and the same world gives the same record.
func TestRecordDecisions(t *testing.T) {
	start := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	in := Input{Settings: settings.Default(), Now: start.Add(time.Hour),
		Link: &v1alpha1.DataSharingLink{Spec: v1alpha1.DataSharingLinkSpec{Provider: v1alpha1.LinkProvider{Agency: "b"}}}}
	approval := func(namespace string, n int) v1alpha1.DataSharingApproval {
		return v1alpha1.DataSharingApproval{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprint("a", n), UID: types.UID(fmt.Sprint("u", n)), Generation: 1, CreationTimestamp: metav1.NewTime(start.Add(time.Duration(n) * time.Second))},
			Spec:       v1alpha1.DataSharingApprovalSpec{Decision: v1alpha1.DecisionApprove, Approver: fmt.Sprint("user", n), SpecHash: "h"},
		}
	}
	out := Output{Hash: "h"}
	var record []v1alpha1.LinkDecision
	look := func(want ...string) {
		t.Helper()
		record = recordDecisions(record, in, out)
		var got []string
		for _, d := range record {
			got = append(got, fmt.Sprintf("%s %s %s", d.Side, d.Decision, d.Approver))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("record differs (-want +got):\n%s", diff)
		}
		in.Now = in.Now.Add(time.Hour)
		if diff := cmp.Diff(record, recordDecisions(record, in, out)); diff != "" {
			t.Fatalf("a second look changes the record:\n%s", diff)
		}
	}
	in.Approvals = []v1alpha1.DataSharingApproval{approval("agency-"+in.Settings.AuthorityAgency, 2), approval("agency-b", 1), approval("agency-stranger", 3)}
	look("Provider Approve user1", "Authority Approve user2")
	in.Approvals[1].Spec.Decision, in.Approvals[1].Spec.Approver, in.Approvals[1].Generation = v1alpha1.DecisionSuspend, "user9", 2
	look("Provider Approve user1", "Authority Approve user2", "Provider Suspend user9")
	in.Approvals = in.Approvals[1:]
	look("Provider Approve user1", "Authority Approve user2", "Provider Suspend user9", "Authority Revoked user2")
	in.Approvals = nil
	look("Provider Approve user1", "Authority Approve user2", "Provider Suspend user9", "Authority Revoked user2", "Provider Revoked user9")
	for i := range 3 * maxDecisions {
		in.Approvals = append(in.Approvals, approval("agency-b", 100+i))
		in.Approvals[i].Generation = int64(1 + i%2)
	}
	for range 3 {
		// What is gone of both sides, and the newest that are not.
		if record = recordDecisions(record, in, out); len(record) != 5+maxLiving {
			t.Fatalf("%d entries", len(record))
		}
	}
	before := record
	in.Now = in.Now.Add(time.Hour)
	if diff := cmp.Diff(before, recordDecisions(record, in, out)); diff != "" {
		t.Errorf("a full record changes by itself:\n%s", diff)
	}

	// A side that decides often pushes off neither the other side's decisions nor
	// who of its own people opened the link.
	in.Approvals = []v1alpha1.DataSharingApproval{approval("agency-"+in.Settings.AuthorityAgency, 2), approval("agency-b", 1)}
	record = recordDecisions(nil, in, out)
	for round := range 4 {
		in.Approvals = nil
		for i := range 30 {
			a := approval("agency-b", 1000*(round+1)+i)
			a.Spec.Decision = v1alpha1.DecisionReject
			in.Approvals = append(in.Approvals, a)
		}
		record = recordDecisions(record, in, out)
		if diff := cmp.Diff(record, recordDecisions(record, in, out)); diff != "" {
			t.Fatalf("a second look at round %d changes the record:\n%s", round, diff)
		}
	}
	var authority, opened int
	for _, d := range record {
		if d.Side == v1alpha1.SideAuthority {
			authority++
		}
		if d.Side == v1alpha1.SideProvider && d.Decision == string(v1alpha1.DecisionApprove) {
			opened++
		}
	}
	if authority != 2 || opened == 0 || len(record) > 2*maxDecisions {
		t.Errorf("%d decisions of the authority, %d approvals of the provider, %d in all", authority, opened, len(record))
	}
}

// TestRecordKeepsWhoOpened: what was of other scopes, and what one person repeats,
// pushes nobody off the record; what counts later is an entry like others.
func TestRecordKeepsWhoOpened(t *testing.T) {
	in := Input{Settings: settings.Default(), Now: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC),
		Link: &v1alpha1.DataSharingLink{Spec: v1alpha1.DataSharingLinkSpec{Provider: v1alpha1.LinkProvider{Agency: "b"}}}}
	out := Output{Hash: "h"}
	n := 0
	approval := func(user, hash string) v1alpha1.DataSharingApproval {
		n++
		return v1alpha1.DataSharingApproval{
			ObjectMeta: metav1.ObjectMeta{Namespace: "agency-b", Name: fmt.Sprint("a", n), UID: types.UID(fmt.Sprint("u", n)), Generation: 1, CreationTimestamp: metav1.NewTime(in.Now.Add(time.Duration(n) * time.Second))},
			Spec:       v1alpha1.DataSharingApprovalSpec{Decision: v1alpha1.DecisionApprove, Approver: user, SpecHash: hash},
		}
	}
	var record []v1alpha1.LinkDecision
	look := func(approvals ...v1alpha1.DataSharingApproval) {
		t.Helper()
		in.Approvals = approvals
		record = recordDecisions(record, in, out)
		if diff := cmp.Diff(record, recordDecisions(record, in, out)); diff != "" {
			t.Fatalf("a second look changes the record:\n%s", diff)
		}
	}
	look(approval("boss", "h"))
	look()
	for range 12 {
		look(approval("mallory", "0"))
		look()
	}
	if len(record) != 3 || record[0].Approver != "boss" || !record[2].OtherScope {
		t.Errorf("approvals of another scope leave %+v", record)
	}
	for range 12 {
		look(approval("mallory", "h"))
		look()
	}
	if len(record) > maxDecisions || record[0].Approver != "boss" {
		t.Errorf("what one repeats leaves %+v", record)
	}
	early := approval("mai", "h")
	out.Hash = ""
	look(early)
	if e := record[len(record)-1]; e.Approver != "mai" || !e.OtherScope {
		t.Errorf("before there is a scope: %+v", e)
	}
	out.Hash = "h"
	look(early)
	if e := record[len(record)-1]; e.Approver != "mai" || e.OtherScope {
		t.Errorf("when it counts: %+v", e)
	}
	out.Provider.By = "agency-b/" + early.Name
	var crowd []v1alpha1.DataSharingApproval
	for i := range 30 {
		crowd = append(crowd, approval(fmt.Sprint("user", i), "h"))
	}
	record = nil
	look(append(crowd, early)...)
	if record[0].Approver != "mai" || len(record) != maxLiving {
		t.Errorf("the approval that decides is not on the record: %+v", record)
	}
}

// TestRecordOfEarlierAuthority: what an earlier authority stopped stays on the record
// as what it is, whatever the present one decides and how often, and who lifts it
// stands there.
// Fails when the present authority's namespace alone has the authority's side.
func TestRecordOfEarlierAuthority(t *testing.T) {
	const former = "agency-former"
	start := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	approval := func(namespace, uid, user string, generation int, d v1alpha1.Decision) v1alpha1.DataSharingApproval {
		return v1alpha1.DataSharingApproval{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: uid, UID: types.UID(uid), Generation: int64(generation), CreationTimestamp: metav1.NewTime(start)},
			Spec:       v1alpha1.DataSharingApprovalSpec{Decision: d, Approver: user, SpecHash: "h"},
		}
	}
	present := "agency-" + settings.Default().AuthorityAgency
	last := func(record []v1alpha1.LinkDecision, uid types.UID) string {
		out := ""
		for _, d := range record {
			if d.UID == uid {
				out = fmt.Sprint(d.Side, " ", d.Decision, " ", d.Approver)
			}
		}
		return out
	}
	for _, recorded := range []v1alpha1.LinkSide{v1alpha1.SideAuthority, ""} {
		for name, next := range map[string]func(i int) []v1alpha1.DataSharingApproval{
			"one renews": func(i int) []v1alpha1.DataSharingApproval {
				a := approval(present, "n", "off", i+1, v1alpha1.DecisionApprove)
				a.Spec.SpecHash = fmt.Sprint("h", i)
				return []v1alpha1.DataSharingApproval{a}
			},
			"new ones, each revoked": func(i int) []v1alpha1.DataSharingApproval {
				if i%2 == 0 {
					return nil
				}
				return []v1alpha1.DataSharingApproval{approval(present, fmt.Sprint("n", i), fmt.Sprint("off", i%3), 1, v1alpha1.DecisionApprove)}
			},
			"suspended and lifted in turn": func(i int) []v1alpha1.DataSharingApproval {
				d := []v1alpha1.Decision{v1alpha1.DecisionSuspend, v1alpha1.DecisionApprove}[i%2]
				return []v1alpha1.DataSharingApproval{approval(present, "n", fmt.Sprint("off", i/2%3), i+1, d)}
			},
			"many reject": func(i int) []v1alpha1.DataSharingApproval {
				return []v1alpha1.DataSharingApproval{approval(present, fmt.Sprint("n", i), fmt.Sprint("off", i), 1, v1alpha1.DecisionReject)}
			},
		} {
			veto, lifted := approval(former, "veto", "boss", 1, v1alpha1.DecisionSuspend), approval(former, "veto", "mai", 2, v1alpha1.DecisionApprove)
			in := Input{Settings: settings.Default(), Now: start.Add(time.Hour), Link: &v1alpha1.DataSharingLink{Spec: v1alpha1.DataSharingLinkSpec{Provider: v1alpha1.LinkProvider{Agency: "b"}}}}
			out := Output{Hash: "h"}
			in.Settings.AuthorityAgency = "former"
			in.Approvals = []v1alpha1.DataSharingApproval{veto}
			record := recordDecisions(nil, in, out)
			in.Settings = settings.Default()
			veto.Status.Side = recorded
			for i := range 40 {
				in.Approvals = append([]v1alpha1.DataSharingApproval{veto}, next(i)...)
				out.Authority.By = former + "/veto"
				record = recordDecisions(record, in, out)
				if diff := cmp.Diff(record, recordDecisions(record, in, out)); diff != "" {
					t.Fatalf("%s: a second look changes the record:\n%s", name, diff)
				}
				if got := last(record, "veto"); got != "Authority Suspend boss" {
					t.Fatalf("%s, side %q: after %d rounds the record says %q", name, recorded, i+1, got)
				}
			}
			in.Approvals = []v1alpha1.DataSharingApproval{lifted}
			out.Authority.By = ""
			record = recordDecisions(record, in, out)
			if got := last(record, "veto"); got != "Authority Approve mai" {
				t.Errorf("%s: lifted, the record says %q", name, got)
			}
			if diff := cmp.Diff(record, recordDecisions(record, in, out)); diff != "" {
				t.Errorf("%s: a second look after it changes the record:\n%s", name, diff)
			}
			in.Approvals = nil
			if got := last(recordDecisions(record, in, out), "veto"); got != "Authority Revoked mai" {
				t.Errorf("%s: deleted, the record says %q", name, got)
			}
		}
	}
}
