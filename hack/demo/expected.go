package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/audit"
)

// expectation is what must be reported about one object; see expected.yaml.
type expectation struct {
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

// openFlow is one port that must be open between two portals, or from a portal
// to addresses; nothing else may be.
type openFlow struct {
	From string `json:"from"`
	To   string `json:"to"`
	Port string `json:"port"`
}

func readExpected(dir string) ([]expectation, []openFlow, error) {
	path := filepath.Join(dir, "expected.yaml")
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	var file struct {
		APIVersion string        `json:"apiVersion"`
		Kind       string        `json:"kind"`
		Objects    []expectation `json:"objects"`
		Open       []openFlow    `json:"open"`
	}
	if err := yaml.UnmarshalStrict(data, &file); err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", path, err)
	}
	return file.Objects, file.Open, nil
}

// openDifferences says which flows are open that should not be, and the other
// way round.
func openDifferences(expected []openFlow, open []audit.Flow) []string {
	var out []string
	has := map[openFlow]bool{}
	for _, f := range open {
		has[openFlow{f.From, f.To, f.Port}] = true
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

func (e expectation) id() string {
	if e.Namespace != "" {
		return e.Kind + " " + e.Namespace + "/" + e.Name
	}
	return e.Kind + " " + e.Name
}

// difference says how an object differs from what is expected; empty when it
// does not.
func (e expectation) difference(ctx context.Context, reader client.Reader) (string, error) {
	object, status := e.emptyObject()
	err := reader.Get(ctx, types.NamespacedName{Namespace: e.Namespace, Name: e.Name}, object)
	if apierrors.IsNotFound(err) {
		return "does not exist", nil
	}
	if err != nil {
		return "", fmt.Errorf("read %s: %w", e.id(), err)
	}
	ready := meta.FindStatusCondition(status().Conditions, v1alpha1.ConditionReady)
	switch {
	case ready == nil:
		return "has no condition Ready", nil
	case status().ObservedGeneration != object.GetGeneration():
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

func (e expectation) emptyObject() (client.Object, func() v1alpha1.StatusBase) {
	switch e.Kind {
	case "Agency":
		a := &v1alpha1.Agency{}
		return a, func() v1alpha1.StatusBase { return a.Status.StatusBase }
	case "SecurityPolicy":
		p := &v1alpha1.SecurityPolicy{}
		return p, func() v1alpha1.StatusBase { return p.Status.StatusBase }
	case "SharedPlatform":
		p := &v1alpha1.SharedPlatform{}
		return p, func() v1alpha1.StatusBase { return p.Status.StatusBase }
	case "DataService":
		s := &v1alpha1.DataService{}
		return s, func() v1alpha1.StatusBase { return s.Status.StatusBase }
	case "DataSharingLink":
		l := &v1alpha1.DataSharingLink{}
		return l, func() v1alpha1.StatusBase { return l.Status.StatusBase }
	default:
		p := &v1alpha1.AgencyPortal{}
		return p, func() v1alpha1.StatusBase { return p.Status.StatusBase }
	}
}

func (e expectation) portalDifference(ctx context.Context, reader client.Reader, portal *v1alpha1.AgencyPortal) (string, error) {
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
