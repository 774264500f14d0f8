package controlplane

import (
	"context"
	"fmt"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// kwokStages is the file in the assets folder that tells kwok how nodes and pods come to life and go.
	kwokStages = "kwok-stages.yaml"
	// kwokNodeKey marks the nodes that kwok simulates, so that it leaves all others alone.
	kwokNodeKey, kwokNodeValue = "kwok.x-k8s.io/node", "fake"
	// maxSimulatedNodes is how many node networks of 254 pods fit into 10.128.0.0/9.
	maxSimulatedNodes = 128 * 256
)

// startNodes starts kwok and registers the nodes.
func (c *ControlPlane) startNodes(ctx context.Context) error {
	if c.options.SimulatedNodes > maxSimulatedNodes {
		return fmt.Errorf("at most %d nodes can be simulated", maxSimulatedNodes)
	}
	kubeconfig, err := c.componentKubeconfig("kwok", "govplatform:kwok", "system:masters")
	if err != nil {
		return err
	}
	if err := c.startOther("kwok",
		"--kubeconfig="+kubeconfig,
		"--config="+filepath.Join(c.assets, kwokStages),
		"--manage-all-nodes=false",
		"--manage-nodes-with-label-selector="+kwokNodeKey+"="+kwokNodeValue,
		// The controller manager gives a node up after 50 s without a sign of life; leases are the cheap one.
		"--node-lease-duration-seconds=40",
		// Port 0 keeps kwok from serving, which it would do on all addresses.
		"--node-port=0",
		"--server-address=",
	); err != nil {
		return err
	}
	for index := range c.options.SimulatedNodes {
		_, err := c.client.CoreV1().Nodes().Create(ctx, simulatedNode(index), metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("create simulated node: %w", err)
		}
	}
	return nil
}

// simulatedNode describes a roomy Linux node, spread over three zones as topology constraints expect.
func simulatedNode(index int) *corev1.Node {
	name := fmt.Sprintf("node-%d", index+1)
	capacity := corev1.ResourceList{
		corev1.ResourceCPU:              resource.MustParse("32"),
		corev1.ResourceMemory:           resource.MustParse("256Gi"),
		corev1.ResourceEphemeralStorage: resource.MustParse("1Ti"),
		corev1.ResourcePods:             resource.MustParse("110"),
	}
	network := fmt.Sprintf("10.%d.%d.0/24", 128+index/256, index%256)
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: name,
			Labels: map[string]string{
				kwokNodeKey:                     kwokNodeValue,
				corev1.LabelHostname:            name,
				corev1.LabelOSStable:            "linux",
				corev1.LabelArchStable:          "amd64",
				corev1.LabelTopologyRegion:      "simulated",
				corev1.LabelTopologyZone:        fmt.Sprintf("simulated-%c", 'a'+index%3),
				"node-role.kubernetes.io/agent": "",
			},
		},
		Spec:   corev1.NodeSpec{PodCIDR: network, PodCIDRs: []string{network}},
		Status: corev1.NodeStatus{Capacity: capacity, Allocatable: capacity},
	}
}

// nodesReady says whether all nodes are ready and, where something removes the taint of new nodes, take pods.
func (c *ControlPlane) nodesReady(ctx context.Context) error {
	nodes, err := c.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: kwokNodeKey + "=" + kwokNodeValue})
	if err != nil {
		return err
	}
	ready := 0
	for _, node := range nodes.Items {
		if nodeReady(&node) && (len(node.Spec.Taints) == 0 || !c.options.ControllerManager) {
			ready++
		}
	}
	if ready < c.options.SimulatedNodes {
		return fmt.Errorf("%d of %d nodes are ready", ready, c.options.SimulatedNodes)
	}
	return nil
}

func nodeReady(node *corev1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}
