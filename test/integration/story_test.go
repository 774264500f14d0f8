package integration

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/cli"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// govStatus is what "kubectl gov status" prints about an agency's namespace.
func govStatus(t *testing.T, kubeconfig, namespace string) string {
	t.Helper()
	var out bytes.Buffer
	command := cli.NewCommand(genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: &out, ErrOut: &out})
	command.SetArgs([]string{"status", "--kubeconfig", kubeconfig, "-n", namespace})
	// What waits or was refused is an exit code of its own, and no failure here.
	_ = command.ExecuteContext(t.Context())
	return out.String()
}

// TestLinkTellsItsStory: "kubectl describe" of a link that was asked for, approved,
// opened and that expired has the story in its Events, and "kubectl gov
// status" has its end.
// Fails when a link announces nothing, and when the end of a term is no Event.
func TestLinkTellsItsStory(t *testing.T) {
	var ahead atomic.Int64
	env.Operator(t, harness.OperatorOptions{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	p := newPair(t, "chronicle", "Y5", direct())
	link := p.link("wants")
	env.Create(t, link)
	decide(t, p.provider, link, v1alpha1.DecisionApprove)
	wantPolicies(t, link, 2)
	namespace := names.Namespace(p.consumer)
	env.WaitTold(t, namespace, harness.About(v1alpha1.KindDataSharingLink, "wants"), "Normal Opened")
	ahead.Store(int64(time.Until(link.Spec.ValidUntil.Time) + time.Minute))
	touch(t, link)
	wantPolicies(t, link, 0)
	env.WaitTold(t, namespace, harness.About(v1alpha1.KindDataSharingLink, "wants"), "Warning Closed", "Expired")

	var story string
	harness.Eventually(t, func() (err error) {
		if story, err = env.Kubectl(t, "describe", "-n", namespace, "datasharinglink", "wants"); err != nil {
			return fmt.Errorf("kubectl describe: %w\n%s", err, story)
		}
		at := strings.Index(story, "Events:")
		for _, part := range []string{"Requested", "Approved", "Opened", "Expired"} {
			next := strings.Index(story[max(at, 0):], part)
			if at < 0 || next < 0 {
				return fmt.Errorf("kubectl describe does not say %s after what comes before it:\n%s", part, story)
			}
		}
		return nil
	})
	t.Logf("kubectl describe:\n%s", story)
	status := govStatus(t, env.Kubeconfig(t), namespace)
	if !strings.Contains(status, "wants") || !strings.Contains(status, "Expired") {
		t.Errorf("kubectl gov status does not tell of the end:\n%s", status)
	}
	t.Logf("kubectl gov status:\n%s", status)
}
