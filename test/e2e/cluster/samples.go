package cluster

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// SampleImages returns every image that an AgencyPortal in the YAML files of a folder names, sorted.
func SampleImages(dir string) ([]string, error) {
	var images []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".yaml") {
			return err
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		for decoder := yaml.NewYAMLOrJSONDecoder(file, 4096); ; {
			var object map[string]any
			if err := decoder.Decode(&object); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			// Other kinds, and fragments such as patches, have fields of any type in these places.
			spec, _ := object["spec"].(map[string]any)
			if image, _ := spec["image"].(string); object["kind"] == v1alpha1.KindAgencyPortal && image != "" {
				images = append(images, image)
			}
		}
	})
	slices.Sort(images)
	return slices.Compact(images), err
}
