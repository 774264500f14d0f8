package backup

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
	texts "github.com/govplatform/govplatform/internal/text"
	"github.com/govplatform/govplatform/internal/view"
)

// What an export says that it is.
const (
	exportVersion = "export.platform.gov.vn/v1"
	exportKind    = "PlatformExport"
)

// Kinds returns the kinds of an export in the order in which they are read and
// written: the table's, but standards first, as in every file so far. Decisions are
// read last, so that none is missed that closes while the rest is read.
func Kinds() []kinds.Descriptor {
	others := slices.DeleteFunc(kinds.All(), func(d kinds.Descriptor) bool { return d.Kind == kinds.SecurityPolicy.Kind })
	return append([]kinds.Descriptor{kinds.SecurityPolicy}, others...)
}

// Export is everything that the platform's objects say at one time.
type Export struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Cluster is the UID of the namespace kube-system of the cluster.
	Cluster string `json:"cluster"`
	// Time at which the export began, RFC 3339 in UTC.
	Time string `json:"time"`
	// Digest is "sha256:" and the hash of what follows. It finds a file that was
	// cut off or edited; it is no signature.
	Digest string `json:"digest"`
	// Settings of the installation as written, or those in force where these are
	// others; empty where there are none.
	Settings string `json:"settings,omitempty"`
	// Namespaces of agencies, by name.
	Namespaces []Namespace `json:"namespaces"`
	// Objects of the platform with their status, by kind, namespace and name.
	Objects []map[string]any `json:"objects"`
}

// Namespace says which namespace an agency had.
type Namespace struct {
	Name string `json:"name"`
	UID  string `json:"uid"`
	// Agency that the namespace is of, and the UID of that Agency.
	Agency    string `json:"agency"`
	AgencyUID string `json:"agencyUID"`
}

// Options of an export.
type Options struct {
	// Namespace of the operator; govplatform-system when it is empty.
	Namespace string
	// WithoutSettings goes on where there are no settings.
	WithoutSettings bool
}

// Read reads everything from a cluster. It fails rather than leave out what
// the user may not read, or what is not where it looks.
func Read(ctx context.Context, c client.Reader, o Options, now time.Time) (*Export, error) {
	e := &Export{Time: now.UTC().Format(time.RFC3339), Namespaces: []Namespace{}, Objects: []map[string]any{}}
	var system corev1.Namespace
	if err := c.Get(ctx, client.ObjectKey{Name: "kube-system"}, &system); err != nil {
		return nil, fmt.Errorf("read the namespace kube-system, which identifies the cluster: %w", err)
	}
	e.Cluster = string(system.UID)
	var err error
	if e.Settings, err = exportedSettings(ctx, c, o); err != nil {
		return nil, err
	}
	var namespaces corev1.NamespaceList
	if err := c.List(ctx, &namespaces, client.HasLabels{names.LabelAgency}); err != nil {
		return nil, fmt.Errorf("list the agencies' namespaces: %w", err)
	}
	for i := range namespaces.Items {
		n := &namespaces.Items[i]
		e.Namespaces = append(e.Namespaces, Namespace{Name: n.Name, UID: string(n.UID), Agency: n.Labels[names.LabelAgency], AgencyUID: n.Labels[names.LabelOwnerUID]})
	}
	slices.SortFunc(e.Namespaces, func(a, b Namespace) int { return strings.Compare(a.Name, b.Name) })
	for _, d := range Kinds() {
		objects, err := List(ctx, c, d)
		if err != nil {
			return nil, err
		}
		for i := range objects {
			objects[i].SetManagedFields(nil)
			e.Objects = append(e.Objects, objects[i].Object)
		}
	}
	e.Seal()
	return e, nil
}

// exportedSettings returns the settings as written, or those in force where these are
// others: what waits, or no operator has started with, had no say in what is exported.
func exportedSettings(ctx context.Context, c client.Reader, o Options) (string, error) {
	home := cmp.Or(o.Namespace, view.OperatorNamespace)
	var config corev1.ConfigMap
	err := c.Get(ctx, client.ObjectKey{Namespace: home, Name: view.OperatorConfigMap}, &config)
	if client.IgnoreNotFound(err) != nil {
		return "", explainSettings(err, home)
	}
	record, err := view.SettingsRecord(ctx, c, home)
	if err != nil {
		return "", explainSettings(err, home)
	}
	written := config.Data[view.OperatorSettings]
	if record == nil {
		if written == "" && !o.WithoutSettings {
			return "", fmt.Errorf("there are no settings in ConfigMap %s/%s, and an export that leaves something out is none: name the operator's namespace with --operator-namespace, "+
				"or say --without-settings if they are lost", home, view.OperatorConfigMap)
		}
		return written, nil
	}
	if s, err := settings.Parse([]byte(written)); err == nil && record.InForce.Same(s) {
		return written, nil
	}
	inForce, err := yaml.Marshal(record.InForce)
	if err != nil {
		return "", fmt.Errorf("write the settings in force: %w", err)
	}
	return string(inForce), nil
}

func explainSettings(err error, home string) error {
	if !apierrors.IsForbidden(err) {
		return fmt.Errorf("read the settings in namespace %s: %w", home, err)
	}
	return fmt.Errorf("you may not read the settings in ConfigMaps %[1]s/%[2]s and %[3]s, and an export that leaves something out is none: "+
		"a cluster administrator gives the right with kubectl -n %[1]s create rolebinding %[4]s --role=%[4]s --user=<you>", home, view.OperatorConfigMap, settings.RecordName, view.SettingsViewer)
}

// List returns all objects of a kind of the platform, by namespace and name.
func List(ctx context.Context, c client.Reader, d kinds.Descriptor) ([]unstructured.Unstructured, error) {
	var list unstructured.UnstructuredList
	list.SetGroupVersionKind(d.ListGVK())
	err := c.List(ctx, &list)
	switch {
	case meta.IsNoMatchError(err):
		return nil, view.NotInstalled(d.Kind)
	case apierrors.IsForbidden(err):
		return nil, fmt.Errorf("you may not list every %s, and an export that leaves something out is none: a cluster administrator gives the right with kubectl create clusterrolebinding NAME --clusterrole=govplatform-platform-team --user=<you>, or with the ClusterRole govplatform-authority", d.Kind)
	case err != nil:
		return nil, fmt.Errorf("list %s: %w", d.Kind, err)
	}
	slices.SortFunc(list.Items, func(a, b unstructured.Unstructured) int {
		return strings.Compare(a.GetNamespace()+"/"+a.GetName(), b.GetNamespace()+"/"+b.GetName())
	})
	for i := range list.Items {
		list.Items[i].SetGroupVersionKind(d.GVK())
	}
	return list.Items, nil
}

// Seal says what the export is, and gives it the digest of what it holds.
func (e *Export) Seal() {
	e.APIVersion, e.Kind, e.Digest = exportVersion, exportKind, e.digest()
}

func (e *Export) digest() string {
	data, err := json.Marshal([]any{e.Cluster, e.Time, e.Settings, e.Namespaces, e.Objects})
	if err != nil {
		return ""
	}
	// Bytes that are no text are read back as this character.
	sum := sha256.Sum256(bytes.ReplaceAll(data, []byte(`\ufffd`), []byte("\uFFFD")))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Marshal writes the export as YAML in which every namespace and object is one
// line. Characters that are not visible are escaped, so a terminal may show it.
func (e *Export) Marshal() ([]byte, error) {
	var out bytes.Buffer
	write := func(format string, v any) error {
		line, err := visibleJSON(v)
		if err == nil {
			out.WriteString(fmt.Sprintf(format, line) + "\n")
		}
		return err
	}
	rows := []struct {
		format string
		value  any
	}{{"apiVersion: %s", e.APIVersion}, {"kind: %s", e.Kind}, {"cluster: %s", e.Cluster}, {"time: %s", e.Time}, {"digest: %s", e.Digest}, {"settings: %s", e.Settings}}
	for _, r := range rows {
		if err := write(r.format, r.value); err != nil {
			return nil, err
		}
	}
	out.WriteString("namespaces:" + emptyList(len(e.Namespaces)))
	for _, n := range e.Namespaces {
		if err := write("- %s", n); err != nil {
			return nil, err
		}
	}
	out.WriteString("objects:" + emptyList(len(e.Objects)))
	for _, o := range e.Objects {
		if err := write("- %s", o); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

// visibleJSON is a value in one line, with what is not visible escaped as YAML
// has it.
func visibleJSON(v any) (string, error) {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return "", err
	}
	var out strings.Builder
	for _, r := range strings.TrimSuffix(line.String(), "\n") {
		if texts.Visible(r) {
			out.WriteRune(r)
		} else {
			escaped := fmt.Sprintf(`\U%08X`, r)
			out.WriteString(escaped)
		}
	}
	return out.String(), nil
}

func emptyList(n int) string {
	if n == 0 {
		return " []\n"
	}
	return "\n"
}

// Parse reads what Marshal wrote and refuses what was cut off or edited.
func Parse(data []byte) (*Export, error) {
	asJSON, err := yaml.YAMLToJSON(data)
	if err != nil {
		return nil, fmt.Errorf("it is no YAML: %w", err)
	}
	var e Export
	var objects struct {
		Objects []json.RawMessage `json:"objects"`
	}
	if err := errors.Join(json.Unmarshal(asJSON, &e), json.Unmarshal(asJSON, &objects)); err != nil {
		return nil, fmt.Errorf("it is no export of kubectl gov export: %w", err)
	}
	// This keeps whole numbers whole, as the API server's objects have them.
	for i := range e.Objects {
		e.Objects[i] = map[string]any{}
		if err := utiljson.Unmarshal(objects.Objects[i], &e.Objects[i]); err != nil {
			return nil, fmt.Errorf("objects: %w", err)
		}
	}
	if e.APIVersion != exportVersion || e.Kind != exportKind {
		return nil, fmt.Errorf("apiVersion and kind: want %s %s, have %s %s; use a file of kubectl gov export, and the kubectl gov that is as new as the file", exportVersion, exportKind, e.APIVersion, e.Kind)
	}
	if e.Digest == "" || e.Digest != e.digest() {
		return nil, errors.New("digest: the file is not as it was exported, so something may be missing or changed: use a whole copy")
	}
	for _, o := range e.Objects {
		u := unstructured.Unstructured{Object: o}
		gvk := u.GroupVersionKind()
		if d, err := kinds.Of(gvk.Kind); err != nil || d.GVK() != gvk || u.GetName() == "" {
			return nil, fmt.Errorf("objects: %s %q is no object of the platform that this version knows: use the kubectl gov that is as new as the file", gvk.Kind, u.GetName())
		}
	}
	return &e, nil
}
