package view

import (
	"context"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/settings"
)

// Where config/default puts the operator's settings, and the Role that reads them.
const (
	OperatorNamespace = "govplatform-system"
	OperatorConfigMap = "govplatform-config"
	// OperatorSettings is the key in the ConfigMap.
	OperatorSettings = "config.yaml"
	// SettingsViewer is the Role.
	SettingsViewer = "govplatform-settings-viewer"
)

// Installation is where it is found what the operator is installed with.
type Installation struct {
	// Namespace of the operator.
	Namespace string
	// Settings is a file that holds instead of those of the cluster; empty for none.
	Settings string
}

// CurrentSettings are those of the file, else those that the operator has in force, else
// those of its installation, else the shipped ones. Who may not read the first of these
// in the cluster is warned which are used: another authority or other networks give
// another answer.
func CurrentSettings(ctx context.Context, reader client.Reader, at Installation) (s settings.Settings, warning string, err error) {
	if at.Settings != "" {
		s, err = ReadSettings("--settings", at.Settings)
		return s, "", err
	}
	record, unread := SettingsRecord(ctx, reader, at.Namespace)
	if unread != nil && !apierrors.IsForbidden(unread) {
		return settings.Settings{}, "", unread
	}
	if record != nil {
		return record.InForce, "", nil
	}
	var config corev1.ConfigMap
	err = reader.Get(ctx, client.ObjectKey{Namespace: at.Namespace, Name: OperatorConfigMap}, &config)
	switch {
	case apierrors.IsForbidden(err), apierrors.IsNotFound(err):
		s = settings.Default()
		return s, at.warning(fmt.Sprintf("the shipped ones are used, in which the authority is agency %s", s.AuthorityAgency), err), nil
	case err != nil:
		return settings.Settings{}, "", fmt.Errorf("read the operator's settings: %w", err)
	}
	s, err = settings.Parse([]byte(config.Data[OperatorSettings]))
	if err != nil {
		return settings.Settings{}, "", fmt.Errorf("ConfigMap %s/%s: %w; name the settings with --settings", at.Namespace, OperatorConfigMap, err)
	}
	if unread != nil {
		warning = at.warning(fmt.Sprintf("those written in ConfigMap %s are used, which may be held", OperatorConfigMap), unread)
	}
	return s, warning, nil
}

// warning says which settings are used instead of those in force, and what helps.
func (i Installation) warning(used string, err error) string {
	help := "name another namespace of the operator with --operator-namespace"
	if apierrors.IsForbidden(err) {
		help = fmt.Sprintf("have a cluster administrator bind you to the Role %s of namespace %s", SettingsViewer, i.Namespace)
	}
	return fmt.Sprintf("the settings in force can't be read (%s), so %s. Where yours are others the answer may be wrong: %s, or name your settings with --settings FILE.", err, used, help)
}

// SettingsRecord returns what the operator recorded of its settings; nil when there
// is none.
func SettingsRecord(ctx context.Context, reader client.Reader, namespace string) (*settings.Record, error) {
	var kept corev1.ConfigMap
	err := reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: settings.RecordName}, &kept)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the settings in force: %w", err)
	}
	record, err := settings.ParseRecord(kept.Data)
	if err != nil {
		return nil, nil //nolint:nilerr // the operator does not hold it to be a record either
	}
	return &record, nil
}

// ReadSettings reads the file that a flag names; without one, the shipped settings.
func ReadSettings(flag, file string) (settings.Settings, error) {
	if file == "" {
		return settings.Default(), nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return settings.Settings{}, fmt.Errorf("%s: %w", flag, err)
	}
	s, err := settings.Parse(data)
	if err != nil {
		return settings.Settings{}, fmt.Errorf("%s %s: %w", flag, file, err)
	}
	return s, nil
}
