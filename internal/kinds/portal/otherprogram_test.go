package portal

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// TestOtherProgram: what ended runs nothing any more; what ends, waits or has not
// started may run.
func TestOtherProgram(t *testing.T) {
	const approved = "registry.gov.example/mof/tax"
	pod := func(phase corev1.PodPhase, container, image string) *corev1.Pod {
		return &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: container, Image: image}}}, Status: corev1.PodStatus{Phase: phase}}
	}
	for name, tt := range map[string]struct {
		pod  *corev1.Pod
		want bool
	}{
		"the approved one":            {pod(corev1.PodRunning, containerName, approved+":1"), false},
		"another release of it":       {pod(corev1.PodRunning, containerName, approved+"@sha256:"+digest), false},
		"another one":                 {pod(corev1.PodRunning, containerName, approved+"-miner:1"), true},
		"another one that waits":      {pod(corev1.PodPending, containerName, "miner:1"), true},
		"of which nothing is known":   {pod("", containerName, "miner:1"), true},
		"another one that ended":      {pod(corev1.PodSucceeded, containerName, "miner:1"), false},
		"another one that failed":     {pod(corev1.PodFailed, containerName, "miner:1"), false},
		"a container by another name": {pod(corev1.PodRunning, "miner", approved+":1"), true},
	} {
		if got := OtherProgram(tt.pod, approved); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

const digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
