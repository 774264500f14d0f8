// Command policyenforcer enforces the NetworkPolicies of one node on real packets. The kernel hands the first packets of
// every new connection from or to a pod to this process through iptables' NFQUEUE target, and the policy engine of
// sigs.k8s.io/kube-network-policies gives the verdict.
//
// Only that project's own nftables dataplane is replaced: it needs kernel features that the machines of CI lack, while
// NFQUEUE is everywhere. Established connections are not judged again, and neither is traffic from the node itself,
// which Kubernetes always allows.
//
// A verdict that cannot be found drops the packet, and so does the kernel while this process is not running. So does an
// address of a pod that the API server has not told of yet: see unknownPods.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	nfqueue "github.com/florianl/go-nfqueue/v2"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"sigs.k8s.io/kube-network-policies/pkg/api"
	"sigs.k8s.io/kube-network-policies/pkg/network"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
	"sigs.k8s.io/kube-network-policies/pkg/podinfo"
)

// chain is the iptables chain that belongs to this program.
const chain = "NETPOL"

// A burst of new connections waits for its verdicts in the kernel. What does not fit is dropped, as an unanswered packet is.
const (
	queueLength = 8192
	// readBuffer is in bytes; each waiting packet takes about 1 KiB of it.
	readBuffer = 16 << 20
)

// hooks are the built-in chains through which packets from and to pods pass.
var hooks = []string{"FORWARD", "INPUT"}

type options struct {
	kubeconfig string
	node       string
	podCIDR    string
	queue      uint
}

func main() {
	var o options
	flag.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig with read access to pods, namespaces and networkpolicies")
	flag.StringVar(&o.node, "node", "node1", "name of this node")
	flag.StringVar(&o.podCIDR, "pod-cidr", "10.244.0.0/24", "addresses of the pods on this node")
	flag.UintVar(&o.queue, "queue", 100, "number of the netfilter queue to use")
	klog.InitFlags(nil)
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err := run(ctx, o)
	stop()
	klog.Flush()
	if err != nil {
		fmt.Fprintln(os.Stderr, "policy-enforcer:", err)
		os.Exit(1)
	}
}

// run enforces policies until ctx ends.
func run(ctx context.Context, o options) error {
	if o.queue > 1<<16-1 {
		return fmt.Errorf("queue %d: the kernel has queues 0 to 65535", o.queue)
	}
	engine, err := startEngine(ctx, o)
	if err != nil {
		return err
	}
	queue, err := nfqueue.Open(&nfqueue.Config{
		NfQueue:      uint16(o.queue),
		Flags:        nfqueue.NfQaCfgFlagGSO,
		MaxPacketLen: 128, // The headers are enough for a verdict.
		MaxQueueLen:  queueLength,
		Copymode:     nfqueue.NfQnlCopyPacket,
		WriteTimeout: 100 * time.Millisecond,
	})
	if err != nil {
		return fmt.Errorf("open netfilter queue: %w", err)
	}
	defer queue.Close()
	if err := queue.Con.SetReadBuffer(readBuffer); err != nil {
		return fmt.Errorf("enlarge the buffer of the netfilter queue: %w", err)
	}
	judge := func(a nfqueue.Attribute) int {
		if a.PacketID == nil {
			return 0
		}
		if err := queue.SetVerdict(*a.PacketID, verdict(ctx, engine, a.Payload)); err != nil {
			klog.ErrorS(err, "Cannot set a verdict", "packet", *a.PacketID)
		}
		return 0
	}
	if err := queue.RegisterWithErrorFunc(ctx, judge, func(err error) int {
		if ctx.Err() == nil {
			klog.ErrorS(err, "Cannot read from the queue")
		}
		return 0
	}); err != nil {
		return fmt.Errorf("register for netfilter queue: %w", err)
	}

	// A killed predecessor leaves its rules behind.
	removeRules()
	defer removeRules()
	if err := addRules(o); err != nil {
		return err
	}
	klog.InfoS("enforcing", "node", o.node, "podCIDR", o.podCIDR)
	<-ctx.Done()
	return nil
}

// startEngine returns a policy engine that knows the objects of the cluster.
func startEngine(ctx context.Context, o options) (*networkpolicy.PolicyEngine, error) {
	config, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	unknown, err := newUnknownPods(o.podCIDR)
	if err != nil {
		return nil, err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	pods, namespaces, policies := factory.Core().V1().Pods(), factory.Core().V1().Namespaces(), factory.Networking().V1().NetworkPolicies()
	byAddress, err := podinfo.NewInformerResolver(pods.Informer())
	if err != nil {
		return nil, err
	}
	engine := networkpolicy.NewPolicyEngine(
		podinfo.NewInformerProvider(pods, namespaces, nil, []podinfo.IPResolver{byAddress}),
		[]api.PolicyEvaluator{unknown, networkpolicy.NewStandardNetworkPolicy(o.node, namespaces, pods, policies)},
	)
	// Every new connection is judged when it comes, so a changed policy needs no change of the rules.
	engine.SetDataplaneSyncCallbacks(func() {})
	factory.Start(ctx.Done())
	for informer, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return nil, fmt.Errorf("read %s: %w", informer, errors.Join(ctx.Err(), errors.New("the cache did not fill")))
		}
	}
	return engine, nil
}

// verdict judges one packet.
func verdict(ctx context.Context, engine *networkpolicy.PolicyEngine, payload *[]byte) int {
	if payload == nil {
		return nfqueue.NfDrop
	}
	packet, err := network.ParsePacket(*payload)
	if err != nil {
		klog.ErrorS(err, "Cannot parse a packet")
		return nfqueue.NfDrop
	}
	allowed, err := engine.EvaluatePacket(ctx, &packet)
	if err != nil {
		klog.ErrorS(err, "Cannot evaluate a packet")
		return nfqueue.NfDrop
	}
	if !allowed {
		return nfqueue.NfDrop
	}
	return nfqueue.NfAccept
}

// addRules sends the packets of connections that are not established yet to the queue.
func addRules(o options) error {
	queue := strconv.FormatUint(uint64(o.queue), 10)
	rules := [][]string{
		{"-N", chain},
		{"-A", chain, "-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED", "-j", "RETURN"},
		{"-A", chain, "-s", o.podCIDR, "-j", "NFQUEUE", "--queue-num", queue},
		{"-A", chain, "-d", o.podCIDR, "-j", "NFQUEUE", "--queue-num", queue},
	}
	for _, hook := range hooks {
		rules = append(rules, []string{"-I", hook, "-j", chain})
	}
	for _, rule := range rules {
		if out, err := iptables(rule...); err != nil {
			return fmt.Errorf("iptables %s: %w: %s", strings.Join(rule, " "), err, out)
		}
	}
	return nil
}

// removeRules undoes addRules as far as it was done; what is not there cannot be removed, so errors mean nothing.
func removeRules() {
	for _, hook := range hooks {
		_, _ = iptables("-D", hook, "-j", chain)
	}
	_, _ = iptables("-F", chain)
	_, _ = iptables("-X", chain)
}

func iptables(args ...string) ([]byte, error) {
	// -w waits for the lock that kube-proxy and CNI plugins share.
	return exec.Command("iptables", append([]string{"-w"}, args...)...).CombinedOutput()
}
