package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// buffer may be read while the server still logs into it.
type buffer struct {
	mu      sync.Mutex
	content bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.content.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.content.String()
}

func environment(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

func answer(t *testing.T, url, accept string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", accept)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(content)
}

func TestServe(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + listener.Addr().String()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var log buffer
	ended := make(chan error, 1)
	go func() {
		ended <- serveOn(ctx, listener, environment(map[string]string{
			"PORTAL_AGENCY": "finance", "PORTAL_NAME": "tax-filing", "SHUTDOWN_DELAY": "500ms",
		}), &log)
	}()

	for _, path := range []string{"/healthz", "/readyz"} {
		if status, _ := answer(t, url+path, ""); status != http.StatusOK {
			t.Errorf("%s: %d, want 200", path, status)
		}
	}
	status, body := answer(t, url+"/", "application/json")
	var got identity
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != http.StatusOK {
		t.Fatalf("/: %d %q: %v", status, body, err)
	}
	if got.Agency != "finance" || got.Portal != "tax-filing" || got.Pod == "" || got.Client == "" {
		t.Errorf("/: %+v", got)
	}
	if _, body := answer(t, url+"/", "text/html"); !strings.Contains(body, "<b>finance</b>") {
		t.Errorf("page: %s", body)
	}
	if status, _ := answer(t, url+"/other", ""); status != http.StatusNotFound {
		t.Errorf("/other: %d, want 404", status)
	}

	stop()
	// Not ready comes first; the server still answers then.
	for deadline := time.Now().Add(400 * time.Millisecond); ; time.Sleep(10 * time.Millisecond) {
		if status, _ := answer(t, url+"/readyz", ""); status == http.StatusServiceUnavailable {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("/readyz stays 200 while the server stops")
		}
	}
	if status, _ := answer(t, url+"/", ""); status != http.StatusOK {
		t.Errorf("/ while stopping: %d, want 200", status)
	}
	if err := <-ended; err != nil {
		t.Errorf("serve: %v", err)
	}
	for line := range strings.Lines(log.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		if entry["agency"] != "finance" || entry["portal"] != "tax-filing" {
			t.Errorf("log line without its portal: %s", line)
		}
	}
	if !strings.Contains(log.String(), `"msg":"Stopped"`) {
		t.Errorf("the log does not say that the server stopped:\n%s", log.String())
	}
}

func TestServeRejectsBadDelay(t *testing.T) {
	err := run(t.Context(), []string{"serve"}, environment(map[string]string{"PORT": "0", "SHUTDOWN_DELAY": "soon"}), io.Discard)
	if err == nil || !strings.Contains(err.Error(), "SHUTDOWN_DELAY") {
		t.Errorf("serve: %v, want an error that names SHUTDOWN_DELAY", err)
	}
}

// addresses returns one that answers HTTP, one that only accepts connections, and one that is closed.
func addresses(t *testing.T) (web, silent, closed string) {
	t.Helper()
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	other, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	other.Close()
	return strings.TrimPrefix(server.URL, "http://"), listener.Addr().String(), other.Addr().String()
}

func TestConnect(t *testing.T) {
	web, silent, closed := addresses(t)
	for _, test := range []struct {
		name string
		args []string
		open []bool
	}{
		{"any answer is open", []string{"connect", web}, []bool{true}},
		{"closed port", []string{"connect", closed}, []bool{false}},
		{"no answer", []string{"connect", silent, "--timeout", "100ms"}, []bool{false}},
		{"no answer, but TCP is enough", []string{"connect", "--tcp", silent, "--timeout=100ms"}, []bool{true}},
		{"several", []string{"connect", web, closed, web}, []bool{true, false, true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			err := run(t.Context(), test.args, environment(nil), &out)
			decoder := json.NewDecoder(&out)
			all := true
			for i, want := range test.open {
				var got attempt
				if err := decoder.Decode(&got); err != nil {
					t.Fatalf("line %d: %v", i, err)
				}
				if got.Open != want || got.Time.IsZero() || (got.Error == "") != want {
					t.Errorf("line %d: %+v, want open %v", i, got, want)
				}
				all = all && want
			}
			if all != (err == nil) || (err != nil && !errors.Is(err, errNegative)) {
				t.Errorf("error: %v, all open: %v", err, all)
			}
		})
	}
}

func TestConnectLoop(t *testing.T) {
	web, _, closed := addresses(t)
	for target, want := range map[string]bool{web: true, closed: false} {
		var out bytes.Buffer
		if err := run(t.Context(), []string{"connect-loop", target, "--interval", "10ms", "--for", "200ms"}, environment(nil), &out); err != nil {
			t.Fatal(err)
		}
		lines := 0
		for decoder := json.NewDecoder(&out); decoder.More(); lines++ {
			var got attempt
			if err := decoder.Decode(&got); err != nil {
				t.Fatal(err)
			}
			if got.Open != want {
				t.Errorf("%+v, want open %v", got, want)
			}
		}
		if lines < 5 {
			t.Errorf("%d attempts in 200ms, want about 20", lines)
		}
	}
}

// TestKeptConnection ends the connection in the middle of the loop: what follows is closed although the server answers.
func TestKeptConnection(t *testing.T) {
	connections := make(chan net.Conn, 10)
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	web.Config.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections <- c
		}
	}
	web.Start()
	defer web.Close()
	time.AfterFunc(100*time.Millisecond, func() { (<-connections).Close() })
	var out bytes.Buffer
	if err := run(t.Context(), []string{"connect-loop", "--keep", web.Listener.Addr().String(), "--interval", "10ms", "--for", "200ms"}, environment(nil), &out); err != nil {
		t.Fatal(err)
	}
	open, closed := 0, 0
	for decoder := json.NewDecoder(&out); decoder.More(); {
		var got attempt
		if err := decoder.Decode(&got); err != nil {
			t.Fatal(err)
		}
		if got.Open {
			open++
		} else {
			closed++
		}
	}
	if open < 2 || closed < 2 || len(connections) > 0 {
		t.Errorf("%d open, %d closed, %d further connections: want both and none", open, closed, len(connections))
	}
}

// TestKeptConnectionWaits starts the server in the middle of the loop: what is closed at first opens, over one connection.
func TestKeptConnectionWaits(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	var connections atomic.Int32
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	web.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	started := make(chan error, 1)
	time.AfterFunc(100*time.Millisecond, func() {
		late, err := net.Listen("tcp", address)
		if err == nil {
			web.Listener.Close()
			web.Listener = late
			web.Start()
		}
		started <- err
	})
	var out bytes.Buffer
	if err := run(t.Context(), []string{"connect-loop", "--keep=" + address, "--interval", "10ms", "--for", "300ms"}, environment(nil), &out); err != nil {
		t.Fatal(err)
	}
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	defer web.Close()
	if printed := out.String(); !strings.Contains(printed, `"open":false`) || !strings.Contains(printed, `"open":true`) || connections.Load() != 1 {
		t.Errorf("want closed attempts, then open ones over one connection; %d connections:\n%s", connections.Load(), printed)
	}
}

func TestLookup(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"lookup", "127.0.0.1"}, environment(nil), &out); err != nil || !strings.Contains(out.String(), `"127.0.0.1"`) {
		t.Errorf("lookup: %v: %s", err, out.String())
	}
	out.Reset()
	// RFC 6761 reserves the name, so that no server anywhere knows it.
	if err := run(t.Context(), []string{"lookup", "nowhere.invalid", "--timeout=500ms"}, environment(nil), &out); !errors.Is(err, errNegative) {
		t.Errorf("lookup of a reserved name: %v: %s", err, out.String())
	}
}

func TestUsageErrors(t *testing.T) {
	for _, args := range [][]string{
		{"other"}, {"connect"}, {"connect", "host"}, {"connect", "host:80", "--unknown"}, {"connect-loop"},
		{"connect-loop", "--tcp", "--keep=a:1"}, {"connect-loop", "--keep=a"}, {"connect-loop", "a:1", "--keep"}, {"connect-loop", "a:1", "--interval=0s"}, {"lookup"}, {"lookup", "a", "b"},
	} {
		if err := run(t.Context(), args, environment(nil), io.Discard); err == nil || errors.Is(err, errNegative) {
			t.Errorf("%v: %v, want a usage error", args, err)
		}
	}
}
