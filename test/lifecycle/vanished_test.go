package lifecycle

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// uidsOfThePlatform returns the UID of every definition and object of the platform
// that is not being deleted.
func uidsOfThePlatform(t *testing.T, env *harness.Env) map[string]string {
	t.Helper()
	out := map[string]string{}
	versions := map[string]string{"CustomResourceDefinition": "apiextensions.k8s.io/v1"}
	for _, d := range kinds.All() {
		versions[d.Kind] = v1alpha1.GroupVersion.String()
	}
	for kind, version := range versions {
		list := &metav1.PartialObjectMetadataList{}
		list.APIVersion, list.Kind = version, kind+"List"
		if err := env.Admin.List(t.Context(), list); err != nil {
			t.Errorf("list %s: %v", kind, err)
		}
		for i := range list.Items {
			o := &list.Items[i]
			if o.DeletionTimestamp == nil && (kind != "CustomResourceDefinition" || strings.HasSuffix(o.Name, "."+v1alpha1.GroupVersion.Group)) {
				out[kind+" "+o.Namespace+"/"+o.Name] = string(o.UID)
			}
		}
	}
	return out
}

// TestDeletedAndAppliedAgain is the accident that once removed every agency's
// namespace with its Secrets: whoever wants to start afresh deletes with kubectl
// what was applied, the definitions too, and applies it again. The operator runs
// all the while, as its rights and its guards go. Fails with config/crd among the
// resources of config/default and without config/crd/deletion_guard.yaml: all
// definitions are deleted, and kubectl waits for agencies that nobody lets go.
func TestDeletedAndAppliedAgain(t *testing.T) {
	env := start(t)
	op := env.Operator(t, harness.OperatorOptions{})
	world(t, env)
	op.WaitQuiet(t, quiet)
	if out, err := env.Kubectl(t, "apply", "--server-side", "--force-conflicts", "-k", "config/default"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	before, uids, objects := statusOf(t, env), kept(t, env), uidsOfThePlatform(t, env)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: names.Namespace("asks"), Name: "key"}}

	if out, err := env.Kubectl(t, "delete", "-k", "config/default"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := env.Kubectl(t, "delete", "--wait=false", "-k", "config/crd"); err == nil || strings.Count(out, "is not deleted, because all its objects would go with it") != len(definitions(objects)) {
		t.Errorf("the definitions are not all refused: %v\n%s", err, out)
	}
	// The operator has no rights any more, and nobody to stop it.
	time.Sleep(quiet)
	_ = op.Stop()
	same := func(when string) {
		t.Helper()
		if now := uidsOfThePlatform(t, env); !maps.Equal(objects, now) {
			t.Errorf("%s the platform has other objects: %v before, %v now", when, objects, now)
		}
		if now := kept(t, env); !maps.Equal(uids, now) {
			t.Errorf("%s the agencies' namespaces have other objects: %v before, %v now", when, uids, now)
		}
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(secret), secret); err != nil || string(secret.Data["key"]) != "value" {
			t.Errorf("%s the agency's Secret: %q (%v)", when, secret.Data["key"], err)
		}
	}
	same("after the deletion")

	for _, folder := range []string{"config/crd", "config/default"} {
		if out, err := env.Kubectl(t, "apply", "--server-side", "--force-conflicts", "-k", folder); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	again(t, env, before, uids)
	same("after the installation")
}

func definitions(objects map[string]string) (out []string) {
	for name := range objects {
		if strings.HasPrefix(name, "CustomResourceDefinition ") {
			out = append(out, name)
		}
	}
	return out
}

// TestAgencyOutlivesItsDefinitions deletes an agency that may go when it is empty,
// and whose portals went with their definition: while the definition is being
// deleted, and after it was made anew. The list of portals is empty each time, and
// the namespace with its Secrets stays. Fails without each of the last two cases of
// definition in controllers/agency/departure.go: the namespace is removed.
func TestAgencyOutlivesItsDefinitions(t *testing.T) {
	env := start(t)
	op := env.Operator(t, harness.OperatorOptions{})
	a := harness.Agency("vanish", "Z91VANISH", func(a *v1alpha1.Agency) { a.Spec.DeletionPolicy = v1alpha1.DeletionDeleteEmpty })
	env.Create(t, a)
	env.WaitReady(t, a)
	portal := harness.Portal("vanish", "portal")
	env.Create(t, portal, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: portal.Namespace, Name: "key"}})
	env.WaitReady(t, portal)

	const name, hold = "agencyportals.platform.gov.vn", "example.org/hold"
	patchDefinition(t, env, name, `{"metadata":{"finalizers":["customresourcecleanup.apiextensions.k8s.io","`+hold+`"],"annotations":{"platform.gov.vn/allow-deletion":"`+name+`"}}}`)
	harness.Eventually(t, func() error { return env.Admin.Delete(t.Context(), definitionNamed(name)) })
	harness.Eventually(t, func() error {
		var portals v1alpha1.AgencyPortalList
		if err := env.Admin.List(t.Context(), &portals); err != nil || len(portals.Items) > 0 {
			return fmt.Errorf("%d portals (%w)", len(portals.Items), err)
		}
		crd := definitionNamed(name)
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(crd), crd); err != nil || len(crd.GetFinalizers()) != 1 {
			return fmt.Errorf("the definition waits for %v (%w)", crd.GetFinalizers(), err)
		}
		return nil
	})
	uids := inNamespace(t, env, portal.Namespace)
	if err := env.Admin.Delete(t.Context(), a.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	wantKept(t, env, a, uids, name+" is being deleted")

	patchDefinition(t, env, name, `{"metadata":{"finalizers":null}}`)
	select {
	case <-op.Done():
	case <-time.After(harness.Timeout):
		t.Fatal("the operator goes on without one of its kinds")
	}
	if err := env.Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	env.Operator(t, harness.OperatorOptions{})
	wantKept(t, env, a, uids, name+" is newer than the deletion")
}

// wantKept waits until a deleted agency says why it is kept, and then for long
// enough that an operator that went on would have removed the namespace.
func wantKept(t *testing.T, env *harness.Env, a *v1alpha1.Agency, uids map[string]string, why string) {
	t.Helper()
	harness.Eventually(t, func() error {
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(a), a); err != nil {
			return err
		}
		if now := inNamespace(t, env, names.Namespace(a.Name)); !maps.Equal(uids, now) {
			t.Fatalf("the namespace had %v and has %v", uids, now)
		}
		if ready := meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionReady); ready == nil || ready.Reason != v1alpha1.ReasonContentUnknown || !strings.Contains(ready.Message, why) {
			return fmt.Errorf("the agency does not say %q: %+v", why, ready)
		}
		return nil
	})
	for end := time.Now().Add(quiet); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if now := inNamespace(t, env, names.Namespace(a.Name)); !maps.Equal(uids, now) {
			t.Fatalf("the namespace had %v and has %v", uids, now)
		}
	}
}

// inNamespace returns the UIDs of a namespace and of its Secrets; none while the
// namespace is being deleted.
func inNamespace(t *testing.T, env *harness.Env, name string) map[string]string {
	t.Helper()
	ns, secrets := &corev1.Namespace{}, &corev1.SecretList{}
	if err := errors.Join(env.Admin.Get(t.Context(), client.ObjectKey{Name: name}, ns), env.Admin.List(t.Context(), secrets, client.InNamespace(name))); err != nil {
		t.Fatal(err)
	}
	if ns.DeletionTimestamp != nil {
		return nil
	}
	out := map[string]string{"": string(ns.UID)}
	for i := range secrets.Items {
		out[secrets.Items[i].Name] = string(secrets.Items[i].UID)
	}
	return out
}

func definitionNamed(name string) *unstructured.Unstructured {
	crd := &unstructured.Unstructured{}
	crd.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"))
	crd.SetName(name)
	return crd
}

func patchDefinition(t *testing.T, env *harness.Env, name, patch string) {
	t.Helper()
	harness.Eventually(t, func() error {
		return env.Admin.Patch(t.Context(), definitionNamed(name), harness.MergePatch(patch))
	})
}
