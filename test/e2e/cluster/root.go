package cluster

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
)

// RepositoryRoot finds the folder of the project's main module above the working directory, which is where go test runs
// tests.
func RepositoryRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		content, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(content, []byte("module github.com/govplatform/govplatform\n")) {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("the working directory is not inside the repository: set KUBEBUILDER_ASSETS to the folder that \"make controlplane\" fills")
		}
		dir = parent
	}
}
