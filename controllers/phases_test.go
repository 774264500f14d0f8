package controllers

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// phase is an interface that the loop looks for: its type parameters and its methods.
type phase struct{ parameters, methods []string }

// phasesOfTheLoop reads the phases from where they are declared.
func phasesOfTheLoop(t *testing.T) map[string]phase {
	t.Helper()
	loop, err := os.ReadFile("../internal/reconcile/round.go")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]phase{}
	for _, m := range regexp.MustCompile(`(?ms)^type (\w+)\[([^\n]*?)\] interface \{\n(.*?)^\}`).FindAllSubmatch(loop, -1) {
		var p phase
		for _, parameter := range strings.Split(string(m[2]), ",") {
			p.parameters = append(p.parameters, strings.Fields(parameter)[0])
		}
		for _, f := range regexp.MustCompile(`(?m)^\t(\w+)\(`).FindAllSubmatch(m[3], -1) {
			p.methods = append(p.methods, string(f[1]))
		}
		out[string(m[1])] = p
	}
	if len(out) < 9 {
		t.Fatalf("only the phases %v are found", out)
	}
	return out
}

// codeOf is all that a controller's folder has, tests apart.
func codeOf(t *testing.T, folder string) string {
	t.Helper()
	files, err := filepath.Glob(folder + "/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		code.Write(data)
	}
	return code.String()
}

// TestPhasesAreFound: the loop asks a kind whether it has a phase, and a method whose
// signature is not the one asked for would be left out in silence: nothing would be
// closed, or cleared. So each of them is asserted where it is written, for the types of
// the kind.
// Fails when an assertion of a controller is taken out or is for other types, and when a
// phase has no assertion.
func TestPhasesAreFound(t *testing.T) {
	phases := phasesOfTheLoop(t)
	folders, err := filepath.Glob("*/*_controller.go")
	if err != nil || len(folders) < 7 {
		t.Fatalf("only the controllers %v are found: %v", folders, err)
	}
	for _, file := range folders {
		folder := filepath.Dir(file)
		code := codeOf(t, folder)
		asserted := map[string][]string{}
		for _, m := range regexp.MustCompile(`(?m)^(?:var|\t)\s*_ +reconcile\.(\w+)\[([^\]]*)\]\s+= \(\*Reconciler\)\(nil\)$`).FindAllStringSubmatch(code, -1) {
			asserted[m[1]] = strings.Split(m[2], ", ")
		}
		// A phase that comes with an embedded type would be found by the loop, and not here.
		if m := regexp.MustCompile(`(?ms)^type Reconciler struct \{.*?^\}`).FindString(code); m == "" || regexp.MustCompile(`(?m)^\t\*?[\w.]+$`).MatchString(m) {
			t.Errorf("%s: Reconciler has an embedded field, or is not found: %s", folder, m)
		}
		types := map[string]string{}
		for i, p := range phases["Kind"].parameters {
			if len(asserted["Kind"]) != 3 {
				t.Fatalf("controllers/%s: assert that its Reconciler is a reconcile.Kind: var _ reconcile.Kind[*v1alpha1.KIND, ROOM.Input, ROOM.Output] = (*Reconciler)(nil)", folder)
			}
			types[p] = asserted["Kind"][i]
		}
		for name, phase := range phases {
			var want []string
			for _, p := range phase.parameters {
				want = append(want, types[p])
			}
			is := slices.Equal(asserted[name], want)
			for _, method := range phase.methods {
				if has := regexp.MustCompile(`(?m)^func \(\w* ?\*?Reconciler\) ` + method + `\(`).MatchString(code); has != is {
					t.Errorf("%s: has a method %s: %v, and asserts reconcile.%s%v: %v; add the one that is missing, or give the method another name", folder, method, has, name, want, is)
				}
			}
		}
	}
}
