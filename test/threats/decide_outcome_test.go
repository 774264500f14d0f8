package threats

import (
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/cli"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/test/harness"
)

// TestNoSuccessWithoutAnOperator: a suspension that nobody acts on is not told as
// one that closed, and it is told when it has.
func TestNoSuccessWithoutAnOperator(t *testing.T) {
	operate(t)
	s := newShared(t, "dout")
	key := client.ObjectKeyFromObject(s.link)
	decide := func(d v1alpha1.Decision) cli.Prepared {
		t.Helper()
		p, err := cli.Prepare(t.Context(), env.Admin, cli.Decision{
			Link: key, Decision: d, Reason: "Thử", Namespace: names.Namespace(s.provider), Settings: settings.Default(),
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Write(t.Context(), env.Admin); err != nil {
			t.Fatal(err)
		}
		return p
	}
	await := func(p cli.Prepared, within time.Duration) cli.Outcome {
		t.Helper()
		o, err := p.Await(t.Context(), env.Admin, within)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	if o := await(decide(v1alpha1.DecisionApprove), harness.Timeout); !o.Acted || o.Link.Status.Phase != "Open" {
		t.Fatalf("after an approval: acted %t, link %s", o.Acted, o.Link.Status.Phase)
	}
	waitPair(t, s.link, 2)
	stopOperator(t)
	suspension := decide(v1alpha1.DecisionSuspend)
	if o := await(suspension, 2*time.Second); o.Acted || len(o.Link.Status.Inventory) == 0 {
		t.Fatalf("nobody acted: acted %t, inventory %v", o.Acted, o.Link.Status.Inventory)
	}
	waitPair(t, s.link, 2)
	operate(t)
	if o := await(suspension, harness.Timeout); !o.Acted {
		t.Fatalf("the operator runs and the suspension is not acted on: link %+v", o.Link.Status)
	}
	if n := len(pairOf(t, s.link)); n != 0 {
		t.Errorf("it was told as closed with %d policies", n)
	}
}
