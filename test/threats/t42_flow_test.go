package threats

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// TestThreat42_SeatsOfTheAPIServer asks the API server which flow schema takes
// a request: what an agency's people write of the platform's kinds has few
// seats, the operator's requests have their own, and a suspension by the
// platform team stands behind neither. Fails without config/flow-control, or
// with the operator's flow schema left out: it shares people's seats.
func TestThreat42_SeatsOfTheAPIServer(t *testing.T) {
	t.Parallel()
	operate(t)
	agency := harness.Agency("t42seats", "T42")
	env.Create(t, agency)
	env.WaitReady(t, agency)
	portal := harness.Portal("t42seats", "front")
	people, err := env.ControlPlane.UserConfig(malloryOf("t42seats"), "t42seats-admins", "system:authenticated")
	if err != nil {
		t.Fatal(err)
	}
	team, err := env.ControlPlane.UserConfig("minh@platform", "govplatform-platform-admins", "system:authenticated")
	if err != nil {
		t.Fatal(err)
	}
	operator, err := env.ControlPlane.ServiceAccountConfig(t.Context(), harness.OperatorNamespace, harness.OperatorServiceAccount)
	if err != nil {
		t.Fatal(err)
	}
	portals := "/apis/platform.gov.vn/v1alpha1/namespaces/" + names.Namespace("t42seats") + "/agencyportals"
	for _, c := range []struct {
		name, method, path string
		as                 *rest.Config
		body               client.Object
		want               string
	}{
		{"an agency's portal", http.MethodPost, portals, people, portal, "govplatform-people"},
		{"an agency's change", http.MethodPatch, portals + "/front", people, portal, "govplatform-people"},
		{"an agency's reading", http.MethodGet, portals, people, nil, "global-default"},
		{"the operator's status", http.MethodPatch, portals + "/front/status", operator, portal, "govplatform-operator"},
		{"the operator's lease", http.MethodGet, "/apis/coordination.k8s.io/v1/namespaces/govplatform-system/leases/x", operator, nil, "govplatform-operator"},
		{"the platform team's suspension", http.MethodPatch, "/apis/platform.gov.vn/v1alpha1/agencies/t42seats", team, &v1alpha1.Agency{}, "global-default"},
	} {
		// The API server learns of new flow schemas by and by.
		var got string
		for end := time.Now().Add(harness.Timeout); got != c.want && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			got = flowSchemaOf(t, c.as, c.method, c.path, c.body)
		}
		if got != c.want {
			t.Errorf("%s has the seats of %q, want %q", c.name, got, c.want)
		}
	}
}

// flowSchemaOf sends a request, as a dry run, and returns the name of the flow
// schema that took it, whether or not it was allowed.
func flowSchemaOf(t *testing.T, as *rest.Config, method, path string, body client.Object) string {
	t.Helper()
	sender, err := rest.HTTPClientFor(as)
	if err != nil {
		t.Fatal(err)
	}
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		content = bytes.NewReader(b)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, as.Host+path+"?dryRun=All", content)
	if err != nil {
		t.Fatal(err)
	}
	contentTypes := map[string]string{http.MethodPost: "application/json", http.MethodPatch: "application/merge-patch+json"}
	request.Header.Set("Content-Type", contentTypes[method])
	response, err := sender.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	uid := response.Header.Get(flowcontrolv1.ResponseHeaderMatchedFlowSchemaUID)
	var all flowcontrolv1.FlowSchemaList
	if err := env.Admin.List(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	for i := range all.Items {
		if string(all.Items[i].UID) == uid {
			return all.Items[i].Name
		}
	}
	return "none: " + uid
}
