package gitops

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/govplatform/govplatform/test/harness"
	"github.com/govplatform/govplatform/test/sample"
)

const (
	patience = 2 * time.Minute
	poll     = 100 * time.Millisecond
)

// flux is a running kustomize-controller, and the artifacts that it is told of. What source-controller does, to turn a
// commit into an artifact, is done by publish.
type flux struct {
	*testing.T
	server *httptest.Server
	mu     sync.Mutex
	// artifacts by path.
	artifacts map[string][]byte
}

// startFlux runs kustomize-controller with further flags until the test's end.
func startFlux(t *testing.T, flags ...string) *flux {
	t.Helper()
	f := &flux{T: t, artifacts: map[string][]byte{}}
	f.install()
	f.server = httptest.NewServer(f)
	t.Cleanup(f.server.Close)
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := env.ControlPlane.WriteKubeconfig(kubeconfig, env.ControlPlane.AdminConfig()); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "flux.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), asset("kustomize-controller"), append([]string{
		"--watch-all-namespaces", "--no-cross-namespace-refs", "--no-remote-bases", "--requeue-dependency=1s",
		"--enable-leader-election=false", "--metrics-addr=127.0.0.1:0", "--health-addr=127.0.0.1:0", "--events-addr=",
	}, flags...)...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "RUNTIME_NAMESPACE=default")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			data, _ := os.ReadFile(log.Name())
			t.Logf("the end of kustomize-controller's log:\n%s", data[max(0, len(data)-8000):])
		}
	})
	return f
}

func (f *flux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	data, ok := f.artifacts[r.URL.Path]
	f.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	_, _ = w.Write(data)
}

// install applies Flux's definitions.
func (f *flux) install() {
	f.Helper()
	files, err := filepath.Glob(asset("crds", "*.yaml"))
	if err != nil || len(files) == 0 {
		f.Fatalf("find Flux's definitions: %d files, %v", len(files), err)
	}
	for _, file := range files {
		f.applyFile(file, nil)
	}
}

// applyFile applies the objects of a file as an administrator; edit may change them first.
func (f *flux) applyFile(file string, edit func(*unstructured.Unstructured)) {
	f.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		f.Fatal(err)
	}
	for doc := range strings.SplitSeq(string(data), "\n---\n") {
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &o.Object); err != nil {
			f.Fatal(err)
		}
		if edit != nil {
			edit(o)
		}
		f.eventually("apply "+sample.ID(o), func() error {
			return env.Admin.Apply(f.Context(), client.ApplyConfigurationFromUnstructured(o.DeepCopy()), client.FieldOwner("test"), client.ForceOwnership)
		})
	}
}

// publish makes objects the newest commit of a GitRepository.
func (f *flux) publish(repository types.NamespacedName, objects []*unstructured.Unstructured) (revision string) {
	f.Helper()
	data := f.archive(objects)
	sum := fmt.Sprintf("%x", sha256.Sum256(data))
	path := fmt.Sprintf("/%s/%s/%s.tar.gz", repository.Namespace, repository.Name, sum)
	f.mu.Lock()
	f.artifacts[path] = data
	f.mu.Unlock()
	revision = "main@sha1:" + sum[:40]
	o := object("source.toolkit.fluxcd.io/v1", "GitRepository", repository.Namespace, repository.Name)
	f.eventually("publish "+repository.String(), func() error {
		if err := env.Admin.Get(f.Context(), repository, o); err != nil {
			return err
		}
		now := time.Now().UTC().Format(time.RFC3339)
		o.Object["status"] = map[string]any{
			"observedGeneration": o.GetGeneration(),
			"conditions": []any{map[string]any{
				"type": "Ready", "status": "True", "reason": "Succeeded", "message": "stored artifact", "lastTransitionTime": now,
			}},
			"artifact": map[string]any{
				"url": f.server.URL + path, "path": path[1:], "digest": "sha256:" + sum, "revision": revision, "lastUpdateTime": now,
			},
		}
		return env.Admin.Status().Update(f.Context(), o)
	})
	return revision
}

// archive is a commit with one file for each object.
func (f *flux) archive(objects []*unstructured.Unstructured) []byte {
	f.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	files := tar.NewWriter(zipped)
	for i, o := range objects {
		data, err := yaml.Marshal(o.Object)
		if err == nil {
			err = files.WriteHeader(&tar.Header{Name: fmt.Sprintf("%03d.yaml", i), Mode: 0o644, Size: int64(len(data))})
		}
		if err == nil {
			_, err = files.Write(data)
		}
		if err != nil {
			f.Fatal(err)
		}
	}
	if err := files.Close(); err != nil {
		f.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		f.Fatal(err)
	}
	return out.Bytes()
}

// outcome is what a Kustomization says about a revision: its Ready condition once it was tried.
func (f *flux) outcome(k types.NamespacedName, revision string) (status, message string) {
	f.Helper()
	o := object("kustomize.toolkit.fluxcd.io/v1", "Kustomization", k.Namespace, k.Name)
	if err := env.Admin.Get(f.Context(), k, o); err != nil {
		return "", err.Error()
	}
	attempted, _, _ := unstructured.NestedString(o.Object, "status", "lastAttemptedRevision")
	applied, _, _ := unstructured.NestedString(o.Object, "status", "lastAppliedRevision")
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range conditions {
		condition, ok := c.(map[string]any)
		if !ok || condition["type"] != "Ready" {
			continue
		}
		status, _ = condition["status"].(string)
		message, _ = condition["message"].(string)
	}
	if attempted != revision || status == "True" && applied != revision {
		return "", "at " + attempted + ": " + message
	}
	return status, message
}

// delivered waits until a Kustomization has applied a revision.
func (f *flux) delivered(k types.NamespacedName, revision string) {
	f.Helper()
	f.eventually(k.String()+" is delivered", func() error {
		if status, message := f.outcome(k, revision); status != "True" {
			return fmt.Errorf("ready %q: %s", status, message)
		}
		return nil
	})
}

// refused waits until a Kustomization says that it can't apply a revision, and why.
func (f *flux) refused(k types.NamespacedName, revision, why string) {
	f.Helper()
	f.eventually(fmt.Sprintf("%s says %q", k, why), func() error {
		status, message := f.outcome(k, revision)
		if status != "False" || !strings.Contains(message, why) {
			return fmt.Errorf("ready %q: %s", status, message)
		}
		return nil
	})
}

func (f *flux) eventually(what string, try func() error) {
	f.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(poll) {
		if err = try(); err == nil {
			return
		}
	}
	f.Fatalf("not within %s: %s: %v", patience, what, err)
}

func object(apiVersion, kind, namespace, name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetAPIVersion(apiVersion)
	o.SetKind(kind)
	o.SetNamespace(namespace)
	o.SetName(name)
	return o
}

func layout(file string) string {
	return filepath.Join(harness.Root(), "config", "samples", "gitops", "flux", file)
}
