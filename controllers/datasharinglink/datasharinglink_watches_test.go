package datasharinglink

import (
	"context"
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
)

// TestFanOutListsOnce: the events of an agency with many services and links cost
// few lists, because those of all agencies stand in one row.
func TestFanOutListsOnce(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	const services = 50
	builder := fake.NewClientBuilder().WithScheme(scheme)
	service := func(index string, f func(*v1alpha1.DataService) string) {
		builder.WithIndex(&v1alpha1.DataService{}, index, func(o client.Object) []string { return []string{f(o.(*v1alpha1.DataService))} })
	}
	link := func(index string, f func(*v1alpha1.DataSharingLink) string) {
		builder.WithIndex(&v1alpha1.DataSharingLink{}, index, func(o client.Object) []string { return []string{f(o.(*v1alpha1.DataSharingLink))} })
	}
	service(names.IndexServicePortal, func(s *v1alpha1.DataService) string { return string(s.Spec.PortalRef.Name) })
	service(names.IndexServiceDataset, func(s *v1alpha1.DataService) string { return string(s.Spec.Dataset) })
	link(names.IndexLinkProviderAgency, func(l *v1alpha1.DataSharingLink) string { return string(l.Spec.Provider.Agency) })
	link(names.IndexLinkConsumer, func(l *v1alpha1.DataSharingLink) string { return string(l.Spec.Consumer.PortalRef.Name) })
	link(names.IndexLinkService, func(l *v1alpha1.DataSharingLink) string {
		return "agency-" + string(l.Spec.Provider.Agency) + "/" + string(l.Spec.Provider.Service)
	})
	builder.WithIndex(&v1alpha1.SharedPlatform{}, names.IndexPlatformPortal, func(client.Object) []string { return nil })
	first := &v1alpha1.DataService{}
	for i := range services + 1 {
		s := &v1alpha1.DataService{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-loud", Name: fmt.Sprint("s", i)}}
		s.Spec.PortalRef.Name, s.Spec.Dataset = "web", v1alpha1.ObjectName(fmt.Sprint("d", i))
		if i == services {
			s.Spec.PortalRef.Name = "another"
		}
		l := &v1alpha1.DataSharingLink{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-asks", Name: fmt.Sprint("l", i)}}
		l.Spec.Provider = v1alpha1.LinkProvider{Agency: "loud", Service: v1alpha1.ObjectName(s.Name)}
		builder.WithObjects(s, l)
		if i == 0 {
			first = s
		}
	}
	lists := 0
	r := Reconciler{Client: interceptor.NewClient(builder.Build(), interceptor.Funcs{List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
		lists++
		return c.List(ctx, list, opts...)
	}})}
	for what, count := range map[string]func() int{
		"service": func() int { return len(r.linksOfService(t.Context(), first)) },
		"portal": func() int {
			return len(r.linksOfPortal(t.Context(), &v1alpha1.AgencyPortal{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-loud", Name: "web"}}))
		},
	} {
		lists = 0
		if got := count(); got != services || lists > 5 {
			t.Errorf("%s: %d links with %d lists, want %d with at most 5", what, got, lists, services)
		}
	}
}
