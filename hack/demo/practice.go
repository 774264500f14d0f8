package main

import (
	"fmt"
	"path/filepath"
)

// noSample is the name of no sample: an installation with nobody and nothing on it.
const noSample = "none"

// empty reports whether there is nothing but the installation.
func (o options) empty() bool { return o.sample == noSample }

// printPractice says how to go on with an installation that is empty.
func (p *platform) printPractice(kubeconfig string) {
	fmt.Printf(`
The platform is installed (steps 1 to 3 of "Install" in README.md) and empty. Practise the rest in another terminal:

  export KUBECONFIG=%s
  export PATH=%s:%s:$PATH

  kubectl create clusterrolebinding authority --clusterrole=govplatform-authority --group=authority
  kubectl create clusterrolebinding platform-team --clusterrole=govplatform-platform-team --group=platform-team
  kubectl create clusterrolebinding catalogue --clusterrole=govplatform-catalogue-viewer --group=mic-admins --group=mof-admins
  kubectl -n govplatform-system create rolebinding settings-viewers --role=govplatform-settings-viewer --group=authority --group=mic-link-officers

  kubectl apply -f %s --as=an --as-group=authority
  kubectl apply -f agency.yaml --as=mai --as-group=platform-team   # README.md has one; the authority's is called mic
  kubectl gov status -A

You are break-glass here (system:masters), which passes the admission policies: act as others with --as and --as-group, also
in kubectl gov. Ctrl-C ends everything and leaves nothing behind.
`, kubeconfig, p.options.bin, p.options.assets,
		filepath.Join(p.options.root, "config", "samples", "national", "policies.yaml"))
}

// printOperator says how to look into the operator while it runs.
func (p *platform) printOperator() {
	pid := p.operator.cmd.Process.Pid
	fmt.Printf(`
The operator is process %d. Its log and a debugger, in another terminal:

  tail -f %s
  dlv attach %d    # "make run" builds it without optimisations; "continue" lets it go on
`, pid, p.operator.log, pid)
}
