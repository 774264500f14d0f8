// Command manager is the operator.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"os"
	"time"

	"go.uber.org/zap/zapcore"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/govplatform/govplatform/controllers"
	"github.com/govplatform/govplatform/internal/metrics"
	"github.com/govplatform/govplatform/internal/settings"
)

// version of this build, set by the linker.
var version = "development"

func main() {
	if err := run(ctrl.SetupSignalHandler()); err != nil {
		fmt.Fprintln(os.Stderr, "govplatform:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var config, metricsAddress, probeAddress string
	var leaderElect bool
	flag.StringVar(&config, "config", "", "File with the settings of the installation (required).")
	flag.StringVar(&metricsAddress, "metrics-bind-address", ":8443", "Address of the metrics over HTTPS; 0 turns them off.")
	flag.StringVar(&probeAddress, "health-probe-bind-address", ":8081", "Address of /healthz and /readyz.")
	var startTimeout time.Duration
	flag.DurationVar(&startTimeout, "start-timeout", controllers.DefaultStartTimeout, "How long a start may take until all caches are filled; then the operator ends and says what is missing.")
	flag.BoolVar(&leaderElect, "leader-elect", false, "Run one active replica at a time.")
	logging := zap.Options{TimeEncoder: zapcore.RFC3339TimeEncoder}
	logging.BindFlags(flag.CommandLine)
	flag.Parse()
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&logging)))
	ctrl.Log.WithName("govplatform").Info("Starting", "version", version)

	s, err := readSettings(config)
	if err != nil {
		return err
	}
	cfg, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the API server: %w", err)
	}
	mgr, err := controllers.NewManager(ctx, cfg, ctrl.Options{
		Metrics: metricsserver.Options{
			BindAddress: metricsAddress, SecureServing: true, FilterProvider: filters.WithAuthenticationAndAuthorization,
			// HTTP/2 is left out: its known denial-of-service weaknesses are not worth it for scrapes.
			TLSOpts: []func(*tls.Config){func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }},
		},
		HealthProbeBindAddress: probeAddress,
		LeaderElection:         leaderElect,
		LeaderElectionID:       "operator.platform.gov.vn",
		// The process ends when it is no longer the leader, so giving up the
		// lease early is safe and the other replica takes over at once.
		LeaderElectionReleaseOnCancel: true,
	}, startTimeout)
	if err != nil {
		return err
	}
	if err := controllers.SetupAll(ctx, mgr, s, time.Now); err != nil {
		return err
	}
	collector := metrics.Collector{Counts: mgr.Counts(), Running: mgr.RunningControllers, Unreadable: mgr.Unreadable, SchemaSkew: mgr.SchemaSkew, SettingsHeld: mgr.SettingsHeld}
	for _, c := range append(metrics.Counters(), collector) {
		if err := ctrlmetrics.Registry.Register(c); err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
	}
	if err := mgr.Start(ctx); err != nil {
		return fmt.Errorf("run: %w", err)
	}
	return nil
}

func readSettings(path string) (settings.Settings, error) {
	if path == "" {
		return settings.Settings{}, fmt.Errorf("--config is required: name the file with the settings of the installation")
	}
	data, err := os.ReadFile(path) //nolint:gosec // the operator's own flag
	if err != nil {
		return settings.Settings{}, fmt.Errorf("read settings: %w", err)
	}
	return settings.Parse(data)
}
