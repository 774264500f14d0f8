package controllers

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// TestPhasesAreFound: the loop asks a kind whether it has a phase, and a method whose
// signature is not the one asked for would be left out in silence: nothing would be
// closed, or cleared. So each of them is asserted where it is written.
// Fails when an assertion of a controller is taken out, and when a phase has none.
func TestPhasesAreFound(t *testing.T) {
	loop, err := os.ReadFile("../internal/reconcile/round.go")
	if err != nil {
		t.Fatal(err)
	}
	phases := map[string][]string{} // interface -> its methods
	for _, m := range regexp.MustCompile(`(?ms)^type (\w+)\[[^\n]* interface \{\n(.*?)^\}`).FindAllSubmatch(loop, -1) {
		for _, f := range regexp.MustCompile(`(?m)^\t(\w+)\(`).FindAllSubmatch(m[2], -1) {
			phases[string(m[1])] = append(phases[string(m[1])], string(f[1]))
		}
	}
	if len(phases) < 8 {
		t.Fatalf("only the phases %v are found", phases)
	}
	folders, err := filepath.Glob("*/*_controller.go")
	if err != nil || len(folders) < 7 {
		t.Fatalf("only the controllers %v are found: %v", folders, err)
	}
	for _, file := range folders {
		var code []byte
		files, _ := filepath.Glob(filepath.Dir(file) + "/*.go")
		for _, f := range slices.DeleteFunc(files, func(f string) bool { return regexp.MustCompile(`_test\.go$`).MatchString(f) }) {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			code = append(code, data...)
		}
		for phase, methods := range phases {
			asserted := regexp.MustCompile(`_ +reconcile\.` + phase + `\[`).Match(code)
			for _, method := range methods {
				if has := regexp.MustCompile(`func \(r \*Reconciler\) ` + method + `\(`).Match(code); has != asserted {
					t.Errorf("%s: has a method %s: %v, and asserts reconcile.%s: %v; add the one that is missing, or give the method another name", filepath.Dir(file), method, has, phase, asserted)
				}
			}
		}
	}
}
