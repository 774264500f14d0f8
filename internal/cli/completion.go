package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	texts "github.com/govplatform/govplatform/internal/text"
	"github.com/govplatform/govplatform/internal/view"
)

// completionTimeout bounds how long a press of the tab key may take.
const completionTimeout = 3 * time.Second

// addStatusCompletion completes namespaces and portals from the cluster. When
// it can't be reached, nothing is proposed and nothing is printed.
func addStatusCompletion(command *cobra.Command, flags *genericclioptions.ConfigFlags) {
	addNamespaceCompletion(command, flags)
	command.ValidArgsFunction = func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		all, _ := cmd.Flags().GetBool("all-namespaces")
		return completePortals(flags, all, args, prefix), cobra.ShellCompDirectiveNoFileComp
	}
}

func addNamespaceCompletion(command *cobra.Command, flags *genericclioptions.ConfigFlags) {
	_ = command.RegisterFlagCompletionFunc("namespace", func(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
		return completeNamespaces(flags, prefix), cobra.ShellCompDirectiveNoFileComp
	})
}

// addLinkCompletion completes namespaces, and the links in the chosen one.
func addLinkCompletion(command *cobra.Command, flags *genericclioptions.ConfigFlags) {
	addNamespaceCompletion(command, flags)
	command.ValidArgsFunction = func(_ *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return completeLinks(flags, prefix), cobra.ShellCompDirectiveNoFileComp
	}
}

func completeLinks(flags *genericclioptions.ConfigFlags, prefix string) []string {
	ctx, cancel := context.WithTimeout(context.Background(), completionTimeout)
	defer cancel()
	reader, err := newClient(flags)
	if err != nil {
		return nil
	}
	key, err := linkKey(flags, prefix)
	if err != nil {
		return nil
	}
	var links v1alpha1.DataSharingLinkList
	if err := reader.List(ctx, &links, client.InNamespace(key.Namespace)); err != nil {
		return nil
	}
	var out []string
	for i := range links.Items {
		if l := &links.Items[i]; strings.HasPrefix(l.Name, prefix) {
			out = append(out, l.Name+"\t"+texts.Line(string(l.Spec.Provider.Agency)+", "+l.Status.Phase))
		}
	}
	slices.Sort(out)
	return out
}

func completeNamespaces(flags *genericclioptions.ConfigFlags, prefix string) []string {
	ctx, cancel := context.WithTimeout(context.Background(), completionTimeout)
	defer cancel()
	reader, err := newClient(flags)
	if err != nil {
		return nil
	}
	var agencies v1alpha1.AgencyList
	if err := reader.List(ctx, &agencies); err != nil {
		return nil
	}
	var out []string
	for i := range agencies.Items {
		if ns := names.Namespace(agencies.Items[i].Name); strings.HasPrefix(ns, prefix) {
			out = append(out, ns+"\t"+texts.Line(string(agencies.Items[i].Spec.DisplayName)))
		}
	}
	slices.Sort(out)
	return out
}

func completePortals(flags *genericclioptions.ConfigFlags, all bool, chosen []string, prefix string) []string {
	ctx, cancel := context.WithTimeout(context.Background(), completionTimeout)
	defer cancel()
	reader, err := newClient(flags)
	if err != nil {
		return nil
	}
	namespace, err := namespaceOf(flags, all)
	if err != nil {
		return nil
	}
	summary, err := view.ReadSummary(ctx, reader, namespace)
	if err != nil {
		return nil
	}
	var out []string
	for _, p := range summary.Portals {
		if strings.HasPrefix(p.Name, prefix) && !slices.Contains(chosen, p.Name) {
			out = append(out, p.Name+"\t"+texts.Line(p.Agency+", "+p.Reason))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func completePolicies(flags *genericclioptions.ConfigFlags, prefix string) []string {
	ctx, cancel := context.WithTimeout(context.Background(), completionTimeout)
	defer cancel()
	reader, err := newClient(flags)
	if err != nil {
		return nil
	}
	var policies v1alpha1.SecurityPolicyList
	if err := reader.List(ctx, &policies); err != nil {
		return nil
	}
	var out []string
	for i := range policies.Items {
		if p := &policies.Items[i]; strings.HasPrefix(p.Name, prefix) {
			out = append(out, p.Name+"\t"+string(p.Spec.Mode))
		}
	}
	slices.Sort(out)
	return out
}
