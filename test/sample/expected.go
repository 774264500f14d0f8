package sample

import (
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/audit"
	"github.com/govplatform/govplatform/internal/kinds"
)

// Expectation is what must be reported about one object; see expected.yaml.
type Expectation struct {
	Kind          string                 `json:"kind"`
	Namespace     string                 `json:"namespace,omitempty"`
	Name          string                 `json:"name"`
	Ready         metav1.ConditionStatus `json:"ready"`
	Reason        string                 `json:"reason"`
	SecurityLevel v1alpha1.SecurityLevel `json:"securityLevel,omitempty"`
	// Phase of a link.
	Phase string `json:"phase,omitempty"`
	// Message holds fragments of the message of Ready.
	Message []string `json:"message,omitempty"`
	// Running tells whether the portal has pods that are available.
	Running *bool `json:"running,omitempty"`
}

// Flow is one port that must be open between two portals, or from a portal
// to addresses; nothing else may be.
type Flow struct {
	From string `json:"from"`
	To   string `json:"to"`
	Port string `json:"port"`
}

// OpenDifferences says which flows are open that should not be, and the other
// way round.
func OpenDifferences(expected []Flow, open []audit.Flow) []string {
	var out []string
	has := map[Flow]bool{}
	for _, f := range open {
		has[Flow{f.From, f.To, f.Port}] = true
	}
	for _, f := range expected {
		if !has[f] {
			out = append(out, fmt.Sprintf("%s → %s %s is shut, expected open", f.From, f.To, f.Port))
		}
		delete(has, f)
	}
	for f := range has {
		out = append(out, fmt.Sprintf("%s → %s %s is open, expected shut", f.From, f.To, f.Port))
	}
	slices.Sort(out)
	return out
}

// ID names the object for people.
func (e Expectation) ID() string { return objectID(e.Kind, e.Namespace, e.Name) }

func objectID(kind, namespace, name string) string {
	if namespace != "" {
		return kind + " " + namespace + "/" + name
	}
	return kind + " " + name
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// Difference says how the object differs from what is expected; empty when it does not.
func (e Expectation) Difference(ctx context.Context, reader client.Reader) (string, error) {
	row, err := kinds.Of(e.Kind)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", e.ID(), err)
	}
	object := row.New()
	err = reader.Get(ctx, types.NamespacedName{Namespace: e.Namespace, Name: e.Name}, object)
	if apierrors.IsNotFound(err) {
		return "does not exist", nil
	}
	if err != nil {
		return "", fmt.Errorf("read %s: %w", e.ID(), err)
	}
	ready := meta.FindStatusCondition(object.GetStatusBase().Conditions, v1alpha1.ConditionReady)
	switch {
	case ready == nil:
		return "has no condition Ready", nil
	case object.GetStatusBase().ObservedGeneration != object.GetGeneration():
		return "its latest spec is not observed yet", nil
	case ready.Status != e.Ready || ready.Reason != e.Reason:
		return fmt.Sprintf("Ready is %s %s (%s), expected %s %s", ready.Status, ready.Reason, ready.Message, e.Ready, e.Reason), nil
	}
	for _, fragment := range e.Message {
		if !strings.Contains(ready.Message, fragment) {
			return fmt.Sprintf("the message of Ready is %q, expected to hold %q", ready.Message, fragment), nil
		}
	}
	if link, ok := object.(*v1alpha1.DataSharingLink); ok && link.Status.Phase != e.Phase {
		return fmt.Sprintf("phase is %q, expected %q", link.Status.Phase, e.Phase), nil
	}
	if portal, ok := object.(*v1alpha1.AgencyPortal); ok {
		return e.portalDifference(ctx, reader, portal)
	}
	return "", nil
}

func (e Expectation) portalDifference(ctx context.Context, reader client.Reader, portal *v1alpha1.AgencyPortal) (string, error) {
	if e.SecurityLevel != 0 && portal.Status.SecurityLevel != e.SecurityLevel {
		return fmt.Sprintf("security level is %d, expected %d", portal.Status.SecurityLevel, e.SecurityLevel), nil
	}
	if e.Running == nil {
		return "", nil
	}
	var deployments appsv1.DeploymentList
	if err := reader.List(ctx, &deployments, client.InNamespace(e.Namespace)); err != nil {
		return "", fmt.Errorf("read Deployments of %s: %w", e.Namespace, err)
	}
	i := slices.IndexFunc(deployments.Items, func(d appsv1.Deployment) bool { return metav1.IsControlledBy(&d, portal) })
	switch {
	case !*e.Running && i >= 0:
		return "has a Deployment, expected none", nil
	case *e.Running && i < 0:
		return "has no Deployment, expected one", nil
	case *e.Running && deployments.Items[i].Status.AvailableReplicas < portal.Spec.Replicas.Min:
		return fmt.Sprintf("%d pods are available, expected %d", deployments.Items[i].Status.AvailableReplicas, portal.Spec.Replicas.Min), nil
	}
	return "", nil
}
