package cli

import (
	"strings"
	"testing"
)

// TestWrongTypes: a value of the wrong type is answered with what to write, not
// with the name of a type.
func TestWrongTypes(t *testing.T) {
	head := "apiVersion: platform.gov.vn/v1alpha1\nkind: AgencyPortal\nmetadata: {name: p, namespace: agency-a}\nspec:\n  displayName: P\n  image: registry.example/p:1\n"
	tests := []struct{ name, spec, want string }{
		{"a number for an object", "  replicas: 3\n", "spec.replicas: is an integer; write its fields below it or in { }: max, min"},
		{"a name for an object", "  platformRefs: [x]\n", "spec.platformRefs[0]: is a string; write its fields below it or in { }: name"},
		{"an object for a list", "  platformRefs: {name: x}\n", "spec.platformRefs: is an object; write a list: each entry on a line of its own behind a dash, or all in [ ]"},
		{"a word for a number", "  port: http\n", "spec.port: is a string; write a whole number, without quotes"},
		{"a number for a text", "  restart: 3\n", "spec.restart: is an integer; write a string, in quotes where it looks like a number"},
		{"a word for true", "  citizenLogin: \"yes\"\n", "spec.citizenLogin: is a string; write true or false, without quotes"},
		{"nothing", "  restart: \"\"\n  publicServices: [{procedureCode: \"1\", name: \"\", level: 4}]\n", "spec.publicServices[0].name: is empty; write something, or remove it where it is optional"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, said, err := runCommand(head+tt.spec, "render", "-f", "-")
			if ExitCode(err) == 0 || !strings.Contains(said, tt.want) {
				t.Errorf("%v, said\n%s\nwant %s", err, said, tt.want)
			}
		})
	}
}
