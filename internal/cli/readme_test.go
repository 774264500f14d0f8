package cli

import (
	"os"
	"regexp"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// TestReadmeNamesEveryCommand: who reads README knows what there is, and nothing that is
// not there.
// Fails without the line of catalogue, and with one of a command that does not exist.
func TestReadmeNamesEveryCommand(t *testing.T) {
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := map[string]bool{}
	for _, command := range NewCommand(genericiooptions.NewTestIOStreamsDiscard()).Commands() {
		commands[command.Name()] = true
		if command.Name() == "help" || command.Name() == "completion" {
			continue
		}
		if !regexp.MustCompile("(kubectl gov |[,;] |and |`)" + command.Name() + `\b`).Match(data) {
			t.Errorf("README.md, kubectl gov: %s is missing: add an example and what it is for (%s)", command.Name(), command.Short)
		}
		if command.Short == "" {
			t.Errorf("kubectl gov %s: say in Short what it does", command.Name())
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^kubectl gov ([a-z-]+)`).FindAllSubmatch(data, -1) {
		if !commands[string(m[1])] {
			t.Errorf("README.md: there is no kubectl gov %s", m[1])
		}
	}
}
