package securitypolicy

import (
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	apiadmission "k8s.io/apiserver/pkg/admission"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/authentication/user"
	celenvironment "k8s.io/apiserver/pkg/cel/environment"

	"github.com/govplatform/govplatform/internal/kinds/kindtest"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
)

func home() *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "govplatform-system", UID: "uid-home"}}
}

// peerSettings have peers of every sort, some of them twice.
func peerSettings() settings.Settings {
	s := settings.Default()
	s.Monitoring = append(s.Monitoring,
		settings.Peer{Namespace: "kube-system", PodLabels: map[string]string{"b": "2", "a/x": "1"}},
		settings.Peer{Namespace: "kube-system", PodLabels: map[string]string{"k8s-app": "kube-dns"}},
		settings.Peer{Namespace: "monitoring", PodLabels: map[string]string{"app": "x"}},
		settings.Peer{Namespace: "monitoring"})
	return s
}

// TestNodePeersGolden: the policy has each peer once, in the order of their names, and
// there is none without peers that are pods.
func TestNodePeersGolden(t *testing.T) {
	kindtest.Golden(t, "node-peers-default", NodePeers(settings.Default(), home()))
	kindtest.Golden(t, "node-peers-many", NodePeers(peerSettings(), nil))
	s := settings.Default()
	s.Monitoring, s.Gateways, s.ClusterDNS = nil, nil, settings.NameServers{Addresses: []string{"169.254.20.10/32"}}
	if got := NodePeers(s, home()); got != nil {
		t.Errorf("without peers there is %+v", got)
	}
}

// TestNodePeersMarks: both objects are the settings' own, and no SecurityPolicy's by
// their name.
func TestNodePeersMarks(t *testing.T) {
	for _, o := range NodePeers(settings.Default(), home()) {
		if owner := SettingsOwner(); !owner.Owns(o) || o.GetLabels()[names.LabelManagedBy] != names.ManagedBy {
			t.Errorf("%T has the labels %v", o, o.GetLabels())
		}
		if strings.HasPrefix(o.GetName(), names.AdmissionPolicy("")) || o.GetName() != names.NodePeersPolicy {
			t.Errorf("%T is named %s", o, o.GetName())
		}
		if refs := o.GetOwnerReferences(); len(refs) != 1 || refs[0].UID != "uid-home" || refs[0].Controller != nil || refs[0].BlockOwnerDeletion != nil {
			t.Errorf("%T goes with %+v", o, refs)
		}
	}
}

// TestNodePeersDecides evaluates the policy as the API server does.
// Fails when a validation looks at the new labels only, at the old ones only, or at one
// peer of a namespace.
func TestNodePeersDecides(t *testing.T) {
	dns, own := map[string]string{"k8s-app": "kube-dns", "app": "x"}, map[string]string{"component": "etcd"}
	two := map[string]string{"b": "2", "a/x": "1"}
	many := evaluator(t, peerSettings())
	for _, tt := range []struct {
		name, namespace string
		before, labels  map[string]string
		update, refused bool
	}{
		{"any pod beside the monitoring", "monitoring", nil, nil, false, true},
		{"a gateway", "gateway-internet", nil, own, false, true},
		{"a name server", "kube-system", nil, dns, false, true},
		{"by another selector", "kube-system", nil, two, false, true},
		{"half of a selector", "kube-system", nil, map[string]string{"b": "2"}, false, false},
		{"another value", "kube-system", nil, map[string]string{"k8s-app": "kube-proxy"}, false, false},
		{"a static pod of Kubernetes", "kube-system", nil, own, false, false},
		{"a static pod without labels", "kube-system", nil, nil, false, false},
		{"elsewhere", "default", nil, dns, false, false},
		{"the status of a name server", "kube-system", dns, dns, true, false},
		{"the status of a gateway", "gateway-internet", nil, nil, true, false},
		{"the status of another pod", "kube-system", own, own, true, false},
		{"a pod becomes a name server", "kube-system", own, dns, true, true},
		{"a pod without labels becomes one", "kube-system", nil, dns, true, true},
		{"a name server becomes monitoring too", "kube-system", dns, map[string]string{"k8s-app": "kube-dns", "b": "2", "a/x": "1"}, true, true},
		{"a name server is none any more", "kube-system", dns, nil, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: tt.namespace, Name: "p", Labels: tt.labels}}
			var before *corev1.Pod
			if tt.update {
				before = pod.DeepCopy()
				before.Labels = tt.before
			}
			message := many(node("system:node:node-1", "system:nodes"), pod, before)
			if got := message != ""; got != tt.refused {
				t.Errorf("refused: %t (%s), want %t", got, message, tt.refused)
			}
			if message != "" && !strings.HasPrefix(message, "metadata.namespace: a node neither makes nor labels a pod in "+tt.namespace+" that") {
				t.Errorf("the message is %q", message)
			}
		})
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "monitoring", Name: "p"}}
	for name, tt := range map[string]struct {
		who     user.Info
		refused bool
	}{
		"by name":        {node("system:node:node-1"), true},
		"by group":       {node("strange", "system:nodes"), true},
		"nobody's group": {node("system:serviceaccount:kube-system:replicaset-controller"), false},
		"break-glass":    {node("system:node:node-1", "system:nodes", "system:masters"), false},
	} {
		for _, s := range []settings.Settings{settings.Default(), peerSettings(), onlyWhole()} {
			if message := evaluator(t, s)(tt.who, pod, nil); (message != "") != tt.refused {
				t.Errorf("%s: refused with %q, want refused: %t", name, message, tt.refused)
			}
		}
	}
}

// onlyWhole has no selector by labels, so that the types of the expressions say nothing
// of them.
func onlyWhole() settings.Settings {
	s := settings.Default()
	s.Gateways, s.ClusterDNS = nil, settings.NameServers{Addresses: []string{"169.254.20.10/32"}}
	return s
}

func node(name string, groups ...string) user.Info {
	return &user.DefaultInfo{Name: name, Groups: groups}
}

// evaluator compiles the policy with the API server's own compiler, and returns what
// asks it about a pod: the message of a refusal, or nothing.
func evaluator(t *testing.T, s settings.Settings) func(who user.Info, pod, before *corev1.Pod) string {
	t.Helper()
	vap, ok := NodePeers(s, nil)[0].(*admissionv1.ValidatingAdmissionPolicy)
	if !ok {
		t.Fatal("the first object is no policy")
	}
	c, err := plugincel.NewCompositedCompiler(celenvironment.MustBaseEnvSet(celenvironment.DefaultCompatibilityVersion()))
	if err != nil {
		t.Fatal(err)
	}
	vars := plugincel.OptionalVariableDeclarations{HasAuthorizer: true}
	for _, v := range vap.Spec.Variables {
		if result := c.CompileAndStoreVariable(&validating.Variable{Name: v.Name, Expression: v.Expression}, vars, celenvironment.NewExpressions); result.Error != nil {
			t.Fatalf("variable %s: %v", v.Name, result.Error)
		}
	}
	compile := func(e ...plugincel.ExpressionAccessor) plugincel.ConditionEvaluator {
		out := c.CompileCondition(e, vars, celenvironment.NewExpressions)
		if errs := out.CompilationErrors(); len(errs) > 0 {
			t.Fatal(errs)
		}
		return out
	}
	var conditions []plugincel.ExpressionAccessor
	for i := range vap.Spec.MatchConditions {
		conditions = append(conditions, (*matchconditions.MatchCondition)(&vap.Spec.MatchConditions[i]))
	}
	v := vap.Spec.Validations[0]
	match, check := compile(conditions...), compile(&validating.ValidationCondition{Expression: v.Expression})
	message := compile(&validating.MessageExpressionCondition{MessageExpression: v.MessageExpression})
	return func(who user.Info, pod, before *corev1.Pod) string {
		operation, resource := apiadmission.Create, corev1.SchemeGroupVersion.WithResource("pods")
		kind := corev1.SchemeGroupVersion.WithKind("Pod")
		attributes := &apiadmission.VersionedAttributes{VersionedKind: kind, VersionedObject: apiadmission.NewLazyObject(pod)}
		var old runtime.Object
		if before != nil {
			operation, old = apiadmission.Update, before
			attributes.VersionedOldObject = apiadmission.NewLazyObject(before)
		}
		attributes.Attributes = apiadmission.NewAttributesRecord(pod, old, kind, pod.Namespace, pod.Name, resource, "", operation, nil, false, who)
		request := plugincel.CreateAdmissionRequest(attributes.Attributes, metav1.GroupVersionResource(resource), metav1.GroupVersionKind(kind))
		eval := func(e plugincel.ConditionEvaluator) []plugincel.EvaluationResult {
			out, _, err := e.ForInput(t.Context(), attributes, request, plugincel.OptionalVariableBindings{}, nil, celconfig.RuntimeCELCostBudget)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range out {
				if r.Error != nil {
					t.Fatal(r.Error)
				}
			}
			return out
		}
		for _, r := range eval(match) {
			if r.EvalResult.Value() != true {
				return ""
			}
		}
		if eval(check)[0].EvalResult.Value() == true {
			return ""
		}
		said, ok := eval(message)[0].EvalResult.Value().(string)
		if !ok {
			t.Fatal("the message is no text")
		}
		return said
	}
}

// TestNoStaticPods: only a peer that is the whole of kube-system keeps the static pods of
// the control plane from being shown.
func TestNoStaticPods(t *testing.T) {
	s := settings.Default()
	if NoStaticPods(s) {
		t.Error("the shipped settings keep static pods from being shown")
	}
	s.Monitoring = append(s.Monitoring, settings.Peer{Namespace: "kube-system"})
	if !NoStaticPods(s) {
		t.Error("a peer that is the whole namespace is not told")
	}
}
