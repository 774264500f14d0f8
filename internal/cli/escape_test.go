package cli

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	texts "github.com/govplatform/govplatform/internal/text"
)

// invocations are how every command is run; a command without any fails the test.
func invocations(file, strict, exported string) map[string][][]string {
	return map[string][][]string{
		"status":         {{"-A"}, {"-n", "agency-a"}, {"-n", "agency-a", "p"}, {hostile}, {"-o", hostile}},
		"render":         {{"-f", file}, {"-f", hostile}, {"-f", file, "-o", hostile}},
		"reach":          {{"a/p", "a/p"}, {"--matrix"}, {"-f", file, "a/p", "a/p"}, {hostile, "a/p"}, {"-o", hostile, "a/p", "a/p"}},
		"audit":          {{}, {"-v"}, {"-o", hostile}},
		"approve":        {{"l", "--yes"}, {"l"}, {hostile, "--yes"}, {"l", "--yes", "--as-agency", hostile}},
		"reject":         {{"l", "--yes", "--reason", hostile}, {"l", "--yes"}},
		"suspend":        {{"l", "--yes", "--reason", hostile}, {hostile, "--yes", "--reason", "x"}},
		"decisions":      {{"l"}, {hostile}, {"l", "-o", hostile}},
		"confirm-rights": {{"a", "--yes"}, {"a"}, {hostile, "--yes"}},
		"restart":        {{"p"}, {hostile}},
		"impact":         {{"-f", strict}, {"-f", file}, {"-f", hostile}, {"-f", file, "-o", hostile}, {}},
		"export":         {{}, {"-f", hostile}},
		"restore":        {{exported, "--dry-run"}, {exported}, {hostile}, {exported, "--on-conflict", hostile}},
		"uninstall":      {{}, {"--dry-run"}, {"--yes"}, {"--operator-namespace", "agency-a", "--yes"}},
		"catalogue":      {{}, {"a"}, {hostile}, {"-o", hostile}},
		"violations":     {{}, {"--policy", hostile}, {"--agency", "a"}, {"--agency", hostile}, {"-o", hostile}},
	}
}

// TestNothingPrintedControlsTheTerminal runs every command over objects full of
// control, bidirectional and zero-width characters and line breaks. It fails
// where say or a table's cell writes a text as it is, as all commands did.
func TestNothingPrintedControlsTheTerminal(t *testing.T) {
	servers, runs := []string{hostileServer(t, ""), hostileServer(t, "securitypolicies")}, invocations(hostileFile(t), strictFile(t), exportFile(t))
	for _, command := range NewCommand(genericiooptions.NewTestIOStreamsDiscard()).Commands() {
		if command.Name() == "completion" || command.Name() == "help" {
			continue
		}
		if len(runs[command.Name()]) == 0 {
			t.Errorf("kubectl gov %s is not tried: add how it is run to invocations of internal/cli/escape_test.go", command.Name())
			continue
		}
		shown := false
		for i, args := range append(runs[command.Name()], runs[command.Name()]...) {
			config := servers[min(1, i/len(runs[command.Name()]))]
			t.Run(command.Name()+" "+texts.Printable(strings.Join(args, " ")), func(t *testing.T) {
				streams, _, out, errOut := genericiooptions.NewTestIOStreams()
				root := NewCommand(streams)
				all := append([]string{command.Name()}, args...)
				if command.Flags().Lookup("kubeconfig") != nil {
					all = append(all, "--kubeconfig", config)
				}
				root.SetArgs(all)
				PrintError(errOut, root.ExecuteContext(t.Context()))
				said := out.String() + "\n" + errOut.String()
				shown = shown || i%len(runs[command.Name()]) == 0 && strings.Contains(said, `u{202E}`)
				for _, r := range said {
					if r != '\n' && !texts.Visible(r) {
						t.Fatalf("printed %U raw: %q", r, said)
					}
				}
				for line := range strings.Lines(said) {
					if strings.HasPrefix(strings.TrimSpace(line), "FORGED") {
						t.Errorf("a text made a line of its own: %s", line)
					}
				}
			})
		}
		// The first way to run it must get as far as to what stands in objects. What
		// an export writes is for programs, and escaped as YAML has it.
		if !shown && command.Name() != "render" && command.Name() != "export" {
			t.Errorf("kubectl gov %s shows no hostile text: let the first of its invocations in internal/cli/escape_test.go get as far as to what stands in objects, or leave it out here if it shows none", command.Name())
		}
	}
}

// TestOnePlaceWrites: no file but print.go writes to a stream by itself.
func TestOnePlaceWrites(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || file == "print.go" {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if pkg, ok := sel.X.(*ast.Ident); ok && (pkg.Name == "fmt" && (strings.HasPrefix(sel.Sel.Name, "Fprint") || strings.HasPrefix(sel.Sel.Name, "Print")) || sel.Sel.Name == "Write" && pkg.Name != "p") {
					t.Errorf("%s uses %s.%s: write through say, raw or a table", file, pkg.Name, sel.Sel.Name)
				}
			}
			return true
		})
	}
}

// TestColumns: what is padded is padded by what a terminal shows.
func TestColumns(t *testing.T) {
	for text, want := range map[string]int{"": 0, "tax": 3, "Bộ Tài chính": 12, "Bo\u0323\u0302": 2, "財政部": 6, "ﾃｽﾄ": 3} {
		if got := columns(text); got != want {
			t.Errorf("columns(%q) = %d, want %d", text, got, want)
		}
	}
}
