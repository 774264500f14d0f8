package names

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
)

// TestThreat12_DistinctNames covers names that meet at their joints or differ
// only where a cut would drop them.
func TestThreat12_DistinctNames(t *testing.T) {
	long := strings.Repeat("a", 60)
	pairs := [][2]string{
		{Child("foo-bar", "baz"), Child("foo", "baz")},
		{Child(long+"xyz", "deny"), Child(long+"xyw", "deny")},
		{Child(long+"xyz", "deny"), Child(long+"xyz", "base")},
		{Child(strings.Repeat("b", 63), "deny"), Child(strings.Repeat("b", 62), "deny")},
	}
	for _, p := range pairs {
		if p[0] == p[1] {
			t.Errorf("two children share the name %s", p[0])
		}
		for _, n := range p {
			if errs := validation.IsDNS1123Label(n); len(errs) > 0 {
				t.Errorf("%s is no DNS label: %v", n, errs)
			}
		}
	}
}

func FuzzChild(f *testing.F) {
	f.Add("tax-filing", "deny")
	f.Add(strings.Repeat("a-", 31)+"b", "base")
	f.Fuzz(func(t *testing.T, name, suffix string) {
		if len(validation.IsDNS1123Label(name)) > 0 || (suffix != "deny" && suffix != "base") {
			t.Skip()
		}
		if errs := validation.IsDNS1123Label(Child(name, suffix)); len(errs) > 0 {
			t.Errorf("Child(%q, %q): %v", name, suffix, errs)
		}
	})
}

func TestAgencyOf(t *testing.T) {
	if a, ok := AgencyOf(Namespace("finance")); !ok || a != "finance" {
		t.Errorf("AgencyOf(Namespace(finance)) = %q, %v", a, ok)
	}
	for _, ns := range []string{"kube-system", "agency-", "default"} {
		if _, ok := AgencyOf(ns); ok {
			t.Errorf("AgencyOf(%s) claims an agency", ns)
		}
	}
}
