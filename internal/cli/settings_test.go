package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/yaml"

	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/internal/view"
	"github.com/govplatform/govplatform/internal/view/backup"
)

// settingsOf returns the two ConfigMaps of an installation, and forbids those that are
// named.
func settingsOf(t *testing.T, namespace string, forbidden ...string) client.Client {
	t.Helper()
	written, inForce := settings.Default(), settings.Default()
	written.AuthorityAgency, inForce.AuthorityAgency = "newer", "moh"
	asYAML, err := yaml.Marshal(written)
	if err != nil {
		t.Fatal(err)
	}
	record, err := settings.Record{InForce: inForce}.Data()
	if err != nil {
		t.Fatal(err)
	}
	return fake.NewClientBuilder().WithScheme(view.Scheme()).WithObjects(
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: view.OperatorConfigMap}, Data: map[string]string{view.OperatorSettings: string(asYAML)}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: settings.RecordName}, Data: record},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kube-system", UID: "c"}},
	).WithInterceptorFuncs(interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
		for _, name := range forbidden {
			if key.Name == name {
				return apierrors.NewForbidden(corev1.Resource("configmaps"), name, nil)
			}
		}
		return c.Get(ctx, key, into, options...)
	}}).Build()
}

// TestUnreadSettingsAreTold: who gets other settings than those in force is told which,
// why, and what helps. Fails without the call of warn: the shipped ones, with authority
// mic, were used without a word, and the officers of another authority could not decide.
func TestUnreadSettingsAreTold(t *testing.T) {
	both := []string{view.OperatorConfigMap, settings.RecordName}
	viewer := "the Role govplatform-settings-viewer of namespace govplatform-system, or name your settings with --settings FILE"
	file := filepath.Join(t.TempDir(), "config.yaml")
	data, err := yaml.Marshal(settings.Default())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		c         client.Client
		at        view.Installation
		authority string
		said      []string
	}{
		"may read both":      {settingsOf(t, view.OperatorNamespace), view.Installation{}, "moh", nil},
		"may read neither":   {settingsOf(t, view.OperatorNamespace, both...), view.Installation{}, "mic", []string{"forbidden", "the shipped ones are used, in which the authority is agency mic", viewer}},
		"may read one":       {settingsOf(t, view.OperatorNamespace, settings.RecordName), view.Installation{}, "newer", []string{"forbidden", "those written in ConfigMap govplatform-config are used", viewer}},
		"another namespace":  {settingsOf(t, "platform"), view.Installation{}, "mic", []string{"not found", "the shipped ones are used", "--operator-namespace"}},
		"its namespace":      {settingsOf(t, "platform"), view.Installation{Namespace: "platform"}, "moh", nil},
		"a file, unreadable": {settingsOf(t, view.OperatorNamespace, both...), view.Installation{Settings: file}, "mic", nil},
	} {
		if tt.at.Namespace == "" {
			tt.at.Namespace = view.OperatorNamespace
		}
		var said bytes.Buffer
		got, err := liveSettings(t.Context(), tt.c, tt.at, &said)
		if err != nil || got.AuthorityAgency != tt.authority {
			t.Errorf("%s: the authority is %q (%v), want %q", name, got.AuthorityAgency, err, tt.authority)
		}
		for _, part := range tt.said {
			if !strings.Contains(said.String(), part) {
				t.Errorf("%s: it says %q, want %q in it", name, said.String(), part)
			}
		}
		if n := strings.Count(said.String(), "WARNING"); n != min(1, len(tt.said)) {
			t.Errorf("%s: it warns %d times: %q", name, n, said.String())
		}
		said.Reset()
		if former, err := formerSettings(t.Context(), tt.c, tt.at, &said); err != nil || former.InForce.AuthorityAgency != tt.authority || strings.Count(said.String(), "WARNING") != min(1, len(tt.said)) {
			t.Errorf("%s: newer settings are held against those of %q (%v), and it says %q", name, former.InForce.AuthorityAgency, err, said.String())
		}
	}
}

// TestCommandsTellUnreadSettings: every command that rests on the settings says so once,
// and the one that reads them from a file names the flag of that file.
func TestCommandsTellUnreadSettings(t *testing.T) {
	server, strict := hostileServer(t, ""), strictFile(t)
	newer := filepath.Join(t.TempDir(), "config.yaml")
	data, err := yaml.Marshal(settings.Default())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(newer, data, 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		streams, _, _, errOut := genericiooptions.NewTestIOStreams()
		root := NewCommand(streams)
		root.SetArgs(append(args, "--kubeconfig", server))
		PrintError(errOut, root.ExecuteContext(t.Context()))
		return errOut.String()
	}
	for _, args := range [][]string{
		{"approve", "l", "--yes", "--wait", "0"}, {"reject", "l", "--yes", "--reason", "x", "--wait", "0"}, {"suspend", "l", "--yes", "--reason", "x", "--wait", "0"},
		{"reach", "--matrix"}, {"audit"}, {"impact", "-f", strict}, {"impact", "--new-settings", newer},
	} {
		if said := run(args...); strings.Count(said, "WARNING: the settings in force can't be read") != 1 {
			t.Errorf("%s: it says %q", strings.Join(args, " "), said)
		}
	}
	for _, file := range []string{"/nowhere.yaml", strict} {
		if said := run("impact", "--new-settings", file); !strings.Contains(said, "--new-settings") || strings.Contains(said, "--settings") {
			t.Errorf("impact --new-settings %s: it says %q", file, said)
		}
	}
}

// TestExportFindsItsSettings: an export without the settings that its objects ran under
// looked like a whole one.
func TestExportFindsItsSettings(t *testing.T) {
	elsewhere := settingsOf(t, "platform")
	if e, err := backup.Read(t.Context(), elsewhere, backup.Options{}, time.Now()); err == nil || !strings.Contains(err.Error(), "--operator-namespace") || !strings.Contains(err.Error(), "--without-settings") {
		t.Errorf("an export without settings: %+v, %v", e, err)
	}
	if e, err := backup.Read(t.Context(), elsewhere, backup.Options{WithoutSettings: true}, time.Now()); err != nil || e.Settings != "" {
		t.Errorf("an export that says that there are none: %+v, %v", e, err)
	}
	if e, err := backup.Read(t.Context(), elsewhere, backup.Options{Namespace: "platform"}, time.Now()); err != nil || !strings.Contains(e.Settings, "authorityAgency: moh") {
		t.Errorf("an export that names the namespace: %+v, %v", e, err)
	}
	if _, err := backup.Read(t.Context(), settingsOf(t, view.OperatorNamespace, settings.RecordName), backup.Options{}, time.Now()); err == nil || !strings.Contains(err.Error(), view.SettingsViewer) {
		t.Errorf("an export of who may not read those in force: %v", err)
	}
}
