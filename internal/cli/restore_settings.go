package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/internal/view"
)

// settings come before everything: levels and the authority rest on them.
func (r *restorer) settings(ctx context.Context) {
	if r.export.Settings == "" {
		say(r.options.Progress, "WARNING: the file has no settings, so what is restored runs under those of the cluster.\n")
		return
	}
	key := client.ObjectKey{Namespace: cmp.Or(r.options.Namespace, view.OperatorNamespace), Name: view.OperatorConfigMap}
	want := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}, Data: map[string]string{view.OperatorSettings: r.export.Settings}}
	var live corev1.ConfigMap
	err := r.client.Get(ctx, key, &live)
	switch {
	case apierrors.IsNotFound(err):
		r.done("ConfigMap", key.String(), "created", "the operator reads it when it starts", r.write(func() error { return errors.Join(r.client.Create(ctx, want), r.recordSettings(ctx, key.Namespace)) }))
	case err != nil:
		r.done("ConfigMap", key.String(), "failed", "", err)
	case live.Data[view.OperatorSettings] == r.export.Settings:
		r.row("ConfigMap", key.String(), "unchanged", "")
	default:
		r.conflict("ConfigMap", key.String(), "the settings differ", func() error {
			live.Data = want.Data
			return errors.Join(r.client.Update(ctx, &live), r.recordSettings(ctx, key.Namespace))
		})
	}
}

// recordSettings makes the operator take the restored settings for those in force,
// under which what is restored ran.
func (r *restorer) recordSettings(ctx context.Context, namespace string) error {
	restored, err := settings.Parse([]byte(r.export.Settings))
	if err != nil {
		return fmt.Errorf("the settings of the file: %w", err)
	}
	data, err := settings.Record{InForce: restored, Seen: restored.AcceptedImpact}.Data()
	if err != nil {
		return err
	}
	record := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: settings.RecordName}}
	_, err = controllerutil.CreateOrUpdate(ctx, r.client, record, func() error { record.Data = data; return nil })
	return err
}
