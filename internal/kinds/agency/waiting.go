package agency

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/conditions"
	"github.com/govplatform/govplatform/internal/text"
)

// Pod is a pod that something waits for.
type Pod struct {
	Name, Node string
	Finalizers []string
	// Going is true when the pod is being deleted.
	Going bool
	// Foreign is true when the operator did not make the pod.
	Foreign bool
}

// String says of a pod what keeps it.
func (p Pod) String() string {
	s := "Pod " + p.Name
	if p.Node != "" {
		s += " on node " + p.Node
	}
	if len(p.Finalizers) > 0 {
		s += ", held by finalizer " + strings.Join(p.Finalizers, ", ")
	}
	if !p.Going {
		s += ", not deleted yet"
	}
	return s
}

// Held is an object that is being deleted and waits for finalizers of others.
type Held struct {
	Kind, Name string
	Finalizers []string
}

// waitsForFinalizers words what keeps objects that are being deleted, and what
// helps; empty when nothing does.
func waitsForFinalizers(namespace string, held []Held) string {
	if len(held) == 0 {
		return ""
	}
	list := make([]string, len(held))
	for i, h := range held {
		list[i] = fmt.Sprintf("%s %s by %s", h.Kind, h.Name, strings.Join(text.ClipList(h.Finalizers, 3), ", "))
	}
	return fmt.Sprintf(" Finalizers that the operator did not write hold: %s. Whoever put one there takes it off, or, when what it waits for is not needed any more, who has the ClusterRole govplatform-object-remover: kubectl -n %s edit %s %s.",
		strings.Join(text.ClipList(list, 5), "; "), namespace, strings.ToLower(held[0].Kind), held[0].Name)
}

// waitsForPods words what keeps a namespace and what helps.
func waitsForPods(namespace string, pods []Pod) (reason string, how conditions.Progress, message string) {
	reason, how = v1alpha1.ReasonOffboarding, conditions.Moving
	list := make([]string, len(pods))
	var foreign, held, going *Pod
	for i := range pods {
		p := &pods[i]
		list[i] = p.String()
		switch {
		case p.Foreign && !p.Going && foreign == nil:
			foreign = p
		case len(p.Finalizers) > 0 && held == nil:
			held = p
		case p.Going && going == nil:
			going = p
		}
	}
	message = fmt.Sprintf("Network policies and namespace %s go after the last pod. It waits for: %s.", namespace, strings.Join(text.ClipList(list, 5), "; "))
	if foreign != nil {
		reason, how = v1alpha1.ReasonForeignWorkloads, conditions.Stalled
		message += fmt.Sprintf(" The operator did not make %s: whoever did must remove what makes it.", foreign.Name)
	}
	if held != nil {
		message += fmt.Sprintf(" Whoever put the finalizer on %s must take it off.", held.Name)
	}
	if going != nil {
		message += fmt.Sprintf(" If %s does not end because its node is dead: switch the machine off, then kubectl -n %s delete pod %s --force --grace-period=0, with the ClusterRole govplatform-pod-remover.", going.Name, namespace, going.Name)
	}
	return reason, how, message
}

// namespaceRest repeats what Kubernetes says about a namespace that does not end.
func namespaceRest(ns *corev1.Namespace) string {
	var parts []string
	for _, c := range ns.Status.Conditions {
		if c.Status == corev1.ConditionTrue {
			parts = append(parts, fmt.Sprintf("%s: %s", c.Type, strings.TrimSuffix(c.Message, ".")))
		}
	}
	if len(parts) == 0 {
		return "Kubernetes removes what is in it."
	}
	return "Kubernetes removes what is in it and says: " + strings.Join(parts, "; ") + ". Whoever put a finalizer on something there must take it off."
}
