package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/govplatform/govplatform/controllers"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/kinds/index"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/test/harness"
)

// settle is how long a new control plane, or whoever is new in it, is left alone
// before anything is measured.
const settle = 1500 * time.Millisecond

// plane is the control plane of one arm.
type plane struct {
	*testing.B
	*harness.Env
	clients *kubernetes.Clientset
}

// open starts a control plane with the data of a folder.
func open(b *testing.B, dir string) *plane {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 5*time.Minute)
	defer cancel()
	o := options()
	o.DataDir = dir
	e, err := harness.Start(ctx, o)
	if err != nil {
		b.Fatal(err)
	}
	clients, err := kubernetes.NewForConfig(e.ControlPlane.AdminConfig())
	if err != nil {
		b.Fatal(err)
	}
	return &plane{b, e, clients}
}

// fresh starts a control plane on a copy of a template's data, and lets it settle.
func fresh(b *testing.B, template string) *plane {
	b.Helper()
	dir := filepath.Join(b.TempDir(), "arm")
	if out, err := exec.CommandContext(b.Context(), "cp", "-a", template, dir).CombinedOutput(); err != nil {
		b.Fatalf("copy the template: %v: %s", err, out)
	}
	p := open(b, dir)
	time.Sleep(settle)
	return p
}

func (p *plane) close() { _ = p.ControlPlane.Stop() }

// as returns the configuration of the operator's ServiceAccount, metered.
func (p *plane) as(m *meter) *rest.Config {
	p.Helper()
	cfg, err := p.ControlPlane.ServiceAccountConfig(p.Context(), harness.OperatorNamespace, harness.OperatorServiceAccount)
	if err != nil {
		p.Fatal(err)
	}
	cfg.Wrap(m.Wrap)
	return cfg
}

// running is an operator, or what is open of one without it.
type running struct {
	*meter
	began time.Time
	// synced is how long it took until the caches were filled.
	synced time.Duration
	stop   func()
	op     *harness.Operator
	// watched are the resources that bare watches watch.
	watched []string
}

// operator starts the operator.
func (p *plane) operator(m *meter) *running {
	p.Helper()
	r := &running{meter: m, began: time.Now()}
	op, err := p.StartOperator(p.Context(), harness.OperatorOptions{Transport: func(next http.RoundTripper) http.RoundTripper { return m.Wrap(next) }})
	if err != nil {
		p.Fatal(err)
	}
	r.synced, r.op = time.Since(r.began), op
	r.stop = func() { _ = op.Stop() }
	return r
}

// watches opens the operator's watches and indexes, and nothing else of it.
func (p *plane) watches() *running {
	p.Helper()
	r, seen := &running{meter: newMeter(), began: time.Now()}, harness.NewCounter()
	cfg := p.as(r.meter)
	cfg.Wrap(seen.Wrap)
	ctx, cancel := context.WithCancel(p.Context())
	check := func(err error) {
		if err != nil {
			cancel()
			p.Fatal(err)
		}
	}
	mgr, err := controllers.NewManager(ctx, cfg, ctrl.Options{Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0"}, 0)
	check(err)
	check(index.Register(ctx, mgr.GetFieldIndexer(), settings.Default()))
	pods := &metav1.PartialObjectMetadata{}
	pods.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Pod"))
	watched := []client.Object{pods}
	for _, row := range child.Rows() {
		watched = append(watched, row.New())
	}
	for _, d := range kinds.All() {
		watched = append(watched, d.New())
	}
	for _, o := range watched {
		_, err := mgr.GetCache().GetInformer(ctx, o, cache.BlockUntilSynced(false))
		check(err)
	}
	p.beside(ctx, mgr, &networkingv1.NetworkPolicy{}, names.LabelManagedBy, selection.NotEquals, names.ManagedBy)
	p.beside(ctx, mgr, &corev1.ResourceQuota{}, names.LabelQuotaCanary, selection.Exists)
	done := make(chan struct{})
	go func() { defer close(done); _ = mgr.Manager.Start(ctx) }()
	if !mgr.GetCache().WaitForCacheSync(ctx) {
		check(fmt.Errorf("the watches do not sync"))
	}
	r.synced = time.Since(r.began)
	r.stop = func() { cancel(); <-done }
	r.watched = seen.Watched()
	return r
}

// beside adds a cache of one kind that the operator has beside its own.
func (p *plane) beside(ctx context.Context, mgr *controllers.Operator, o client.Object, key string, op selection.Operator, values ...string) {
	p.Helper()
	which, err := labels.NewRequirement(key, op, values)
	if err != nil {
		p.Fatal(err)
	}
	c, err := cache.New(mgr.GetConfig(), cache.Options{
		HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(), DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{o: {Label: labels.NewSelector().Add(*which)}},
	})
	if err == nil {
		_, err = c.GetInformer(ctx, o, cache.BlockUntilSynced(false))
	}
	if err == nil {
		err = mgr.Add(c)
	}
	if err != nil {
		p.Fatal(err)
	}
}

// work is what the controllers have done, and are doing.
type work struct {
	// rounds by controller.
	rounds map[string]int
	busy   bool
}

func (w work) all() int { return sum(w.rounds) }

// counted are the few metrics of controller-runtime that tell. To gather all that is
// registered costs more than a round.
var counted = sync.OnceValue(func() *prometheus.Registry {
	few := prometheus.NewRegistry()
	for _, like := range []prometheus.Collector{
		prometheus.NewCounterVec(prometheus.CounterOpts{Name: "controller_runtime_reconcile_total", Help: "Total number of reconciliations per controller"}, []string{"controller", "result"}),
		prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "controller_runtime_active_workers", Help: "Number of currently used workers per controller"}, []string{"controller"}),
		prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "workqueue_depth", Help: "Current depth of workqueue by workqueue and priority"}, []string{"name", "controller", "priority"}),
	} {
		// One that is registered is returned with the refusal of another one like it.
		var known prometheus.AlreadyRegisteredError
		if err := metrics.Registry.Register(like); !errors.As(err, &known) {
			panic(fmt.Sprintf("controller-runtime has no such metric any more: %v", err))
		}
		few.MustRegister(known.ExistingCollector)
	}
	return few
})

// working reads the metrics that controller-runtime keeps.
func working() work {
	w := work{rounds: map[string]int{}}
	families, err := counted().Gather()
	if err != nil {
		return w
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			switch f.GetName() {
			case "controller_runtime_reconcile_total":
				for _, l := range m.GetLabel() {
					if l.GetName() == "controller" {
						w.rounds[l.GetValue()] += int(m.GetCounter().GetValue())
					}
				}
			case "workqueue_depth", "controller_runtime_active_workers":
				w.busy = w.busy || m.GetGauge().GetValue() > 0
			}
		}
	}
	return w
}

// idle waits until no queue has work and nothing happens for so long, and returns
// when something happened last.
func (r *running) idle(quiet time.Duration) time.Time {
	since, last := time.Now(), -1
	for time.Since(since) < quiet {
		w := working()
		if n := w.all() + r.count(); n != last || w.busy {
			last, since = n, time.Now()
		}
		time.Sleep(25 * time.Millisecond)
	}
	return since
}

// agencyOf is the agency of a portal of the benchmark.
func agencyOf(portal int) string { return fmt.Sprintf("speed%d", portal/portalsPerAgency) }

// createAgencies makes the agencies for portals from one number to another.
func (p *plane) createAgencies(from, to int) {
	p.Helper()
	first := (from + portalsPerAgency - 1) / portalsPerAgency
	p.parallel((to+portalsPerAgency-1)/portalsPerAgency-first, 4, func(i int) error {
		i += first
		return p.Admin.Create(p.Context(), harness.Agency(agencyOf(i*portalsPerAgency), fmt.Sprintf("%c%02d", 'A'+i/100%26, i%100)))
	})
}

func (p *plane) createPortals(from, to int) {
	p.Helper()
	p.parallel(to-from, 8, func(i int) error {
		return p.Admin.Create(p.Context(), harness.Portal(agencyOf(from+i), fmt.Sprintf("p%d", from+i)))
	})
}

// parallel calls a function for 0 to n-1, so many at once.
func (p *plane) parallel(n, at int, f func(i int) error) {
	p.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, at)
	for worker := range at {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && errs[worker] == nil; i = int(next.Add(1)) - 1 {
				errs[worker] = f(i)
			}
		})
	}
	wg.Wait()
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		p.Fatal(strings.ToValidUTF8(fmt.Sprintf("%.600v", errs[i]), ""))
	}
}
