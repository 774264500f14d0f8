package cluster

import (
	"os"
	"strings"
	"testing"
)

func TestRequirementsNameTheRemedy(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	err := requirements()
	if err == nil {
		t.Fatal("no error without any program in PATH")
	}
	want := `run "apt-get install -y containerd runc`
	if os.Geteuid() != 0 {
		want = "sudo"
	}
	if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error: %v, want one line with %q", err, want)
	}
}
