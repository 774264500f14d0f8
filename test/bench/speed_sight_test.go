package bench

import (
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"

	"github.com/govplatform/govplatform/internal/names"
)

// sight is a watch of Deployments apart from the operator's, as that of whoever uses
// what the operator makes.
type sight struct {
	mu sync.Mutex
	// images that are waited for, by Deployment.
	images map[string]expected
	// those that carry a number of months, until there are enough.
	months string
	left   map[string]bool
	most   int
	done   chan time.Time
}

type expected struct {
	image string
	seen  chan time.Time
}

func (p *plane) watchDeployments() *sight {
	p.Helper()
	s := &sight{images: map[string]expected{}}
	factory := informers.NewSharedInformerFactory(p.clients, 0)
	deployments := factory.Apps().V1().Deployments().Informer()
	handler := cache.ResourceEventHandlerFuncs{UpdateFunc: func(_, o any) {
		if d, ok := o.(*appsv1.Deployment); ok {
			s.saw(d, time.Now())
		}
	}}
	if _, err := deployments.AddEventHandler(handler); err != nil {
		p.Fatal(err)
	}
	factory.StartWithContext(p.Context())
	if !cache.WaitForCacheSync(p.Context().Done(), deployments.HasSynced) {
		p.Fatal("no watch of Deployments")
	}
	return s
}

func (s *sight) saw(d *appsv1.Deployment, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := d.Namespace + "/" + d.Name
	if e, ok := s.images[key]; ok && e.image == d.Spec.Template.Spec.Containers[0].Image {
		e.seen <- at
		delete(s.images, key)
	}
	if s.done == nil || d.Spec.Template.Annotations[names.AnnotationLogRetention] != s.months {
		return
	}
	s.left[key] = true
	if len(s.left) == s.most {
		s.done <- at
		s.done = nil
	}
}

// expect returns when a Deployment shows an image.
func (s *sight) expect(key, image string) <-chan time.Time {
	seen := make(chan time.Time, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.images[key] = expected{image, seen}
	return seen
}

// all returns when so many Deployments have changed to a number of months.
func (s *sight) all(n int, months string) <-chan time.Time {
	done := make(chan time.Time, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.months, s.left, s.most, s.done = months, map[string]bool{}, n, done
	return done
}
