package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/yaml"

	"github.com/govplatform/govplatform/api/v1alpha1"
	agencykind "github.com/govplatform/govplatform/internal/kinds/agency"
	linkkind "github.com/govplatform/govplatform/internal/kinds/link"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/view"
	"github.com/govplatform/govplatform/internal/view/backup"
)

// hostile is what a text could hold before the schema forbade it: it erases the
// screen, turns the direction of writing, hides characters and makes a line of
// its own.
const hostile = "x\x1b[2J\x1b[1;1H\u202eesrever\u2066\u200b\u00ad\ufeff\r\nFORGED: Approved by everybody\tx\x00\x9b31m"

// fill puts the hostile text into every text of a value.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if v.CanSet() {
			v.SetString(hostile)
		}
	case reflect.Pointer:
		if v.IsNil() && v.CanSet() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		fill(v.Elem())
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Uint8 && v.CanSet() {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			fill(v.Index(0))
		}
	case reflect.Struct:
		if v.Type().PkgPath() != reflect.TypeFor[v1alpha1.Agency]().PkgPath() && v.Type() != reflect.TypeFor[metav1.Condition]() {
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	}
}

// reread returns a value as it is read. Hashes are of that: bytes that are no text
// have become characters in it.
func reread[T any](v T) *T {
	stored, _ := json.Marshal(v)
	read := new(T)
	_ = json.Unmarshal(stored, read)
	return read
}

// hostileCountry is a country in which every text that can be is hostile, and
// what refers to something refers to what is there.
func hostileCountry() map[string][]any {
	later := metav1.NewTime(time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC))
	conditions := func(types ...string) []metav1.Condition {
		var out []metav1.Condition
		for _, t := range types {
			out = append(out, metav1.Condition{Type: t, Status: "False", Reason: hostile, Message: hostile})
		}
		return out
	}
	named := func(namespace, name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: name, UID: "uid", Generation: 1,
			Annotations: map[string]string{"example.org/x": hostile}, Labels: map[string]string{names.LabelPortal: name}}
	}
	agency := &v1alpha1.Agency{}
	fill(reflect.ValueOf(agency).Elem())
	agency.ObjectMeta = named("", "a")
	agency.Status.ObservedGeneration = 1
	agency.Status.Conditions = conditions("Ready", "RightsConfirmed")
	agency.Status.Rights, agency.Status.PendingRights = reread(*agency.Status.Rights), reread(*agency.Status.PendingRights)
	agency.Status.PendingRights.Hash = agencykind.HashRights("uid", *agency.Status.Rights, *agency.Status.PendingRights)
	portal := &v1alpha1.AgencyPortal{}
	fill(reflect.ValueOf(portal).Elem())
	portal.ObjectMeta = named("agency-a", "p")
	portal.Spec.Port, portal.Status.LastCompliant = 8080, &v1alpha1.AgencyPortalSpec{Image: hostile, Port: 8080}
	portal.Status.Conditions = append(conditions("Ready"), metav1.Condition{Type: "PolicyCompliant", Status: "True"})
	policy := &v1alpha1.SecurityPolicy{}
	fill(reflect.ValueOf(policy).Elem())
	policy.ObjectMeta = named("", "s")
	policy.Spec.Selector, policy.Status.InForce = v1alpha1.PolicySelector{}, nil
	platform := &v1alpha1.SharedPlatform{}
	fill(reflect.ValueOf(platform).Elem())
	platform.ObjectMeta = named("", "sp")
	platform.Spec.Endpoint.Portal = &v1alpha1.PortalEndpoint{Agency: "a", Name: "p"}
	service := &v1alpha1.DataService{}
	fill(reflect.ValueOf(service).Elem())
	service.ObjectMeta = named("agency-a", "d")
	service.Spec.PortalRef.Name, service.Spec.Port = "p", 8080
	link := &v1alpha1.DataSharingLink{}
	fill(reflect.ValueOf(link).Elem())
	link.ObjectMeta = named("agency-a", "l")
	link.Spec.Consumer.PortalRef.Name, link.Spec.Provider = "p", v1alpha1.LinkProvider{Agency: "a", Service: "d"}
	link.Spec.ValidUntil = later
	link.Status.ObservedGeneration = 1
	link.Status.Conditions = conditions("Ready", "ReferencesResolved")
	link.Status.Scope.Consumer.Agency, link.Status.Scope.ValidUntil = "a", later
	link.Status.Scope = reread(*link.Status.Scope)
	link.Status.SpecHash = linkkind.HashScope(*link.Status.Scope)
	approval := &v1alpha1.DataSharingApproval{}
	fill(reflect.ValueOf(approval).Elem())
	approval.ObjectMeta = named("agency-a", "other")
	approval.Spec.LinkRef = v1alpha1.LinkReference{Namespace: "agency-a", Name: "l"}
	pod := &corev1.Pod{ObjectMeta: named("agency-a", "p")}
	pod.Spec.Containers = []corev1.Container{{Name: hostile, Image: hostile}}
	pod.Status.PodIP = hostile
	return map[string][]any{
		"agencies": {agency}, "agencyportals": {portal}, "securitypolicies": {policy}, "sharedplatforms": {platform},
		"dataservices": {service}, "datasharinglinks": {link}, "datasharingapprovals": {approval},
		"namespaces": {&corev1.Namespace{ObjectMeta: named("", "agency-a")}}, "pods": {pod},
		"networkpolicies": {&networkingv1.NetworkPolicy{ObjectMeta: named("agency-a", "n"), Spec: networkingv1.NetworkPolicySpec{
			Egress: []networkingv1.NetworkPolicyEgressRule{{To: []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: hostile}}}}}}}},
		"configmaps":  {&corev1.ConfigMap{ObjectMeta: named("agency-a", "c")}},
		"replicasets": {&appsv1.ReplicaSet{ObjectMeta: named("agency-a", "r")}}, "deployments": {&appsv1.Deployment{ObjectMeta: named("agency-a", "d")}},
	}
}

// hostileServer answers what the commands ask of an API server; it forbids to
// read one kind.
func hostileServer(t *testing.T, forbidden string) string {
	t.Helper()
	scheme := view.Scheme()
	country := hostileCountry()
	groups := map[string]*metav1.APIResourceList{}
	paths := map[string][]any{}
	for resource, objects := range country {
		gvk, err := apiutil.GVKForObject(objects[0].(runtime.Object), scheme)
		if err != nil {
			t.Fatal(err)
		}
		prefix := "/apis/" + gvk.GroupVersion().String()
		if gvk.Group == "" {
			prefix = "/api/v1"
		}
		if groups[prefix] == nil {
			groups[prefix] = &metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: gvk.GroupVersion().String()}
		}
		namespaced := objects[0].(metav1.Object).GetNamespace() != ""
		groups[prefix].APIResources = append(groups[prefix].APIResources, metav1.APIResource{Name: resource, Kind: gvk.Kind, Namespaced: namespaced, Verbs: metav1.Verbs{"get", "list"}})
		for _, o := range objects {
			o.(runtime.Object).GetObjectKind().SetGroupVersionKind(gvk)
		}
		paths[prefix+"/"+resource] = objects
	}
	for prefix, kinds := range map[string][]string{"/apis/authentication.k8s.io/v1": {"SelfSubjectReview"}, "/apis/authorization.k8s.io/v1": {"SelfSubjectAccessReview"}} {
		list := &metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: strings.TrimPrefix(prefix, "/apis/")}
		for _, k := range kinds {
			list.APIResources = append(list.APIResources, metav1.APIResource{Name: strings.ToLower(k) + "s", Kind: k, Verbs: metav1.Verbs{"create"}})
		}
		groups[prefix] = list
	}
	answer := func(w http.ResponseWriter, code int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(v)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/api":
			answer(w, 200, metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"}})
		case r.URL.Path == "/apis":
			var list metav1.APIGroupList
			list.Kind, list.APIVersion = "APIGroupList", "v1"
			for prefix := range groups {
				if gv, ok := strings.CutPrefix(prefix, "/apis/"); ok {
					group, version, _ := strings.Cut(gv, "/")
					v := metav1.GroupVersionForDiscovery{GroupVersion: gv, Version: version}
					list.Groups = append(list.Groups, metav1.APIGroup{Name: group, Versions: []metav1.GroupVersionForDiscovery{v}, PreferredVersion: v})
				}
			}
			answer(w, 200, list)
		case groups[r.URL.Path] != nil:
			answer(w, 200, groups[r.URL.Path])
		case strings.HasSuffix(r.URL.Path, "/selfsubjectreviews"):
			answer(w, 201, map[string]any{"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1", "status": map[string]any{"userInfo": map[string]any{"username": hostile}}})
		case strings.HasSuffix(r.URL.Path, "/selfsubjectaccessreviews"):
			answer(w, 201, map[string]any{"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "status": map[string]any{"allowed": true}})
		case forbidden != "" && strings.HasSuffix(r.URL.Path, "/"+forbidden):
			answer(w, 403, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: "Failure", Code: 403, Reason: metav1.StatusReasonForbidden, Message: hostile})
		case paths[strings.Replace(r.URL.Path, "/namespaces/agency-a/", "/", 1)] != nil && r.Method == http.MethodGet:
			objects := paths[strings.Replace(r.URL.Path, "/namespaces/agency-a/", "/", 1)]
			first := objects[0].(runtime.Object).GetObjectKind().GroupVersionKind()
			answer(w, 200, map[string]any{"kind": first.Kind + "List", "apiVersion": first.GroupVersion().String(), "metadata": map[string]any{}, "items": objects})
		default:
			path := strings.Replace(r.URL.Path, "/namespaces/agency-a/", "/", 1)
			dir, name := path[:strings.LastIndex(path, "/")], path[strings.LastIndex(path, "/")+1:]
			for _, o := range paths[dir] {
				if o.(metav1.Object).GetName() == name && r.Method == http.MethodGet {
					answer(w, 200, o)
					return
				}
			}
			if r.Method == http.MethodGet {
				answer(w, 404, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: "Failure", Code: 404, Reason: metav1.StatusReasonNotFound, Message: hostile})
				return
			}
			answer(w, 422, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: "Failure", Code: 422, Reason: metav1.StatusReasonInvalid, Message: hostile})
		}
	}))
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	config := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"x","clusters":[{"name":"x","cluster":{"server":%q}}],"contexts":[{"name":"x","context":{"cluster":"x","namespace":"agency-a"}}]}`, server.URL)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// hostileFile is what the country has of the platform's kinds, as a file.
func hostileFile(t *testing.T) string {
	t.Helper()
	scheme := view.Scheme()
	var all bytes.Buffer
	country := hostileCountry()
	for _, resource := range slices.Sorted(maps.Keys(country)) {
		for _, o := range country[resource] {
			gvk, err := apiutil.GVKForObject(o.(runtime.Object), scheme)
			if err != nil {
				t.Fatal(err)
			}
			if gvk.Group != v1alpha1.GroupVersion.Group {
				continue
			}
			o.(runtime.Object).GetObjectKind().SetGroupVersionKind(gvk)
			data, err := yaml.Marshal(o)
			if err != nil {
				t.Fatal(err)
			}
			all.WriteString("---\n")
			all.Write(data)
		}
	}
	file := filepath.Join(t.TempDir(), "country.yaml")
	if err := os.WriteFile(file, all.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestHostileCountryHasEveryKind holds the country and the file of it against the
// scheme: a kind of the platform that is in neither is printed by no command here.
//
// Fails for a kind that is taken out of the country, and for one that the file
// leaves out.
func TestHostileCountryHasEveryKind(t *testing.T) {
	scheme := view.Scheme()
	inCountry := map[string]bool{}
	for resource, objects := range hostileCountry() {
		for _, o := range objects {
			gvk, err := apiutil.GVKForObject(o.(runtime.Object), scheme)
			if err != nil {
				t.Fatal(err)
			}
			if plural, _ := meta.UnsafeGuessKindToResource(gvk); plural.Resource != resource {
				t.Errorf("a %s is served as %s", gvk.Kind, resource)
			}
			inCountry[gvk.Kind] = true
		}
	}
	data, err := os.ReadFile(hostileFile(t))
	if err != nil {
		t.Fatal(err)
	}
	inFile := map[string]bool{}
	for _, document := range strings.Split(string(data), "---\n")[1:] {
		var head metav1.TypeMeta
		if err := yaml.Unmarshal([]byte(document), &head); err != nil {
			t.Fatal(err)
		}
		inFile[head.Kind] = true
	}
	tried := 0
	for gvk := range scheme.AllKnownTypes() {
		if gvk.Group != v1alpha1.GroupVersion.Group {
			continue
		}
		o, err := scheme.New(gvk)
		if err != nil {
			t.Fatal(err)
		}
		// Lists and the options of requests are in the group too.
		if _, isObject := o.(metav1.Object); !isObject {
			continue
		}
		tried++
		if !inCountry[gvk.Kind] {
			t.Errorf("internal/cli/hostile_test.go: hostileCountry has no %s: add one, and what it refers to", gvk.Kind)
			continue
		}
		if !inFile[gvk.Kind] {
			t.Errorf("hostileFile has no %s", gvk.Kind)
		}
	}
	if tried == 0 {
		t.Error("the scheme has no kind of the platform")
	}
}

// strictFile is a standard that what runs in the country does not meet.
func strictFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "strict.yaml")
	data := "apiVersion: platform.gov.vn/v1alpha1\nkind: SecurityPolicy\nmetadata: {name: s}\nspec: {images: {allowedRegistries: [strict.example]}}\n"
	if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// exportFile is an export with an approval whose texts are hostile.
func exportFile(t *testing.T) string {
	t.Helper()
	e := &backup.Export{Cluster: hostile, Time: hostile, Namespaces: []backup.Namespace{}}
	for _, decision := range []v1alpha1.Decision{v1alpha1.DecisionApprove, v1alpha1.DecisionReject} {
		a := hostileCountry()["datasharingapprovals"][0].(*v1alpha1.DataSharingApproval)
		a.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("DataSharingApproval"))
		a.Name, a.Spec.Decision = hostile, decision
		content, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		var object map[string]any
		if err := json.Unmarshal(content, &object); err != nil {
			t.Fatal(err)
		}
		e.Objects = append(e.Objects, object)
	}
	e.Seal()
	data, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "export.yaml")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
