package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

const (
	defaultPort = "8080"
	// defaultDrain is how long the server still answers after it has said that it is not ready, so that whoever sends
	// requests can notice.
	defaultDrain = 2 * time.Second
	// shutdownLimit bounds the wait for requests that are being answered.
	shutdownLimit = 5 * time.Second
)

// identity is what the portal says about itself.
type identity struct {
	Agency string `json:"agency"`
	Portal string `json:"portal"`
	Pod    string `json:"pod"`
	Client string `json:"client"`
}

var page = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="vi"><meta charset="utf-8"><title>{{.Portal}} – {{.Agency}}</title>
<h1>{{.Portal}}</h1>
<p>Cơ quan: <b>{{.Agency}}</b></p>
<p>Pod: {{.Pod}}</p>
</html>
`))

// server is one running portal.
type server struct {
	identity identity
	log      *slog.Logger
	draining atomic.Bool
}

// serve answers until ctx ends. Then it first reports that it is not ready, goes on answering for a while, and lets the
// last requests finish.
func serve(ctx context.Context, getenv func(string) string, out io.Writer) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", ":"+cmp.Or(getenv("PORT"), defaultPort))
	if err != nil {
		return err
	}
	return serveOn(ctx, listener, getenv, out)
}

func serveOn(ctx context.Context, listener net.Listener, getenv func(string) string, out io.Writer) error {
	drain := defaultDrain
	if value := getenv("SHUTDOWN_DELAY"); value != "" {
		var err error
		if drain, err = time.ParseDuration(value); err != nil {
			listener.Close()
			return fmt.Errorf("SHUTDOWN_DELAY: %w", err)
		}
	}
	pod, err := os.Hostname()
	if err != nil {
		pod = "unknown"
	}
	log := slog.New(slog.NewJSONHandler(out, nil)).With("agency", getenv("PORTAL_AGENCY"), "portal", getenv("PORTAL_NAME"))
	s := &server{identity: identity{Agency: getenv("PORTAL_AGENCY"), Portal: getenv("PORTAL_NAME"), Pod: pod}, log: log}
	web := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(listener) }()
	log.Info("Serving", "address", listener.Addr().String())

	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	s.draining.Store(true)
	log.Info("Stopping", "delay", drain.String())
	time.Sleep(drain)
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownLimit)
	defer cancel()
	if err := web.Shutdown(limit); err != nil {
		return fmt.Errorf("finish the last requests: %w", err)
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	log.Info("Stopped")
	return nil
}

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if s.draining.Load() {
			http.Error(w, "stopping", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /{$}", s.index)
	return mux
}

func (s *server) index(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	shown := s.identity
	shown.Client = r.RemoteAddr
	var err error
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		err = page.Execute(w, shown)
	} else {
		w.Header().Set("Content-Type", "application/json")
		err = json.NewEncoder(w).Encode(shown)
	}
	if err != nil {
		s.log.Warn("Could not answer", "client", r.RemoteAddr, "error", err.Error())
		return
	}
	s.log.Info("Answered", "client", r.RemoteAddr, "path", r.URL.Path, "duration", time.Since(began).String())
}
