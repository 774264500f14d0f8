package view

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
)

// maxFile bounds what is read from one file; the API server takes no larger object.
const maxFile = 3 << 20

// document is one object of a file.
type document struct {
	// source is the file and the line on which the document begins.
	source string
	object *unstructured.Unstructured
}

// row returns the row of the document's kind.
func (d document) row() (kinds.Descriptor, error) {
	row, err := kinds.Of(d.object.GetKind())
	if err != nil {
		return row, fmt.Errorf("%s: %w", d.source, err)
	}
	return row, nil
}

// name returns how messages call the document.
func (d document) name() string {
	name := d.object.GetName()
	if ns := d.object.GetNamespace(); ns != "" {
		name = ns + "/" + name
	}
	return d.object.GetKind() + " " + name
}

// load reads the platform's objects from files, folders (with everything in
// them) and, for "-", from in. Objects of other groups are left out and named
// in skipped.
func load(in io.Reader, paths []string) (docs []document, skipped []string, err error) {
	files, err := expand(paths)
	if err != nil {
		return nil, nil, err
	}
	for _, file := range files {
		data, err := readFile(in, file)
		if err != nil {
			return nil, nil, err
		}
		found, other, err := parse(file, data)
		if err != nil {
			return nil, nil, err
		}
		docs, skipped = append(docs, found...), append(skipped, other...)
	}
	return docs, skipped, unique(docs)
}

func expand(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		if strings.Contains(path, "://") {
			return nil, fmt.Errorf("-f %s is an address: render works offline, so save the file and name it", path)
		}
		if path == "-" {
			files = append(files, path)
			continue
		}
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("-f %s does not exist: name a YAML file, a folder, or - for standard input", path)
		}
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		before := len(files)
		err = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name)) {
				files = append(files, name)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		if len(files) == before {
			return nil, fmt.Errorf("-f %s holds no .yaml, .yml or .json file", path)
		}
	}
	return files, nil
}

func readFile(in io.Reader, name string) ([]byte, error) {
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
	}
	data, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d MiB, which the API server would refuse: split it", name, maxFile>>20)
	}
	return data, nil
}

// parse splits a file into its documents. It is strict: a key that occurs twice
// is an error, because one of the two would be lost.
func parse(file string, data []byte) (docs []document, skipped []string, err error) {
	for _, part := range split(data) {
		source := fmt.Sprintf("%s:%d", file, part.line)
		raw, err := yaml.YAMLToJSONStrict(part.data)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: not valid YAML: %s", source, yamlCause(err))
		}
		object := &unstructured.Unstructured{}
		// This decoder keeps whole numbers whole, as the API server's does.
		if err := json.Unmarshal(raw, &object.Object); err != nil {
			return nil, nil, fmt.Errorf("%s: not an object: every document needs apiVersion, kind, metadata and spec", source)
		}
		if object.Object == nil {
			continue
		}
		objects, err := listed(source, object)
		if err != nil {
			return nil, nil, err
		}
		for _, o := range objects {
			if o.GetKind() == "" || o.GetAPIVersion() == "" {
				return nil, nil, fmt.Errorf("%s: apiVersion or kind is missing: begin with apiVersion: %s and a kind", source, v1alpha1.GroupVersion)
			}
			if o.GroupVersionKind().Group != v1alpha1.GroupVersion.Group {
				skipped = append(skipped, fmt.Sprintf("%s: %s %s: left out, it is not of %s", source, o.GetKind(), o.GetName(), v1alpha1.GroupVersion.Group))
				continue
			}
			docs = append(docs, document{source: source, object: o})
		}
	}
	return docs, skipped, nil
}

// listed returns the items of a list as kubectl writes it, and any other object by
// itself.
func listed(source string, object *unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	if object.GetKind() != "List" || object.GetAPIVersion() != "v1" {
		return []*unstructured.Unstructured{object}, nil
	}
	var out []*unstructured.Unstructured
	items, _, _ := unstructured.NestedSlice(object.Object, "items")
	for i := range items {
		item, ok := items[i].(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%s: items[%d] is not an object", source, i)
		}
		out = append(out, &unstructured.Unstructured{Object: item})
	}
	return out, nil
}

type part struct {
	line int
	data []byte
}

// split cuts a stream at its "---" lines and remembers where each part's first
// line of content is, so that errors can name it.
func split(data []byte) []part {
	var parts []part
	current := part{}
	for i, line := range bytes.SplitAfter(data, []byte("\n")) {
		if trimmed := bytes.TrimRight(line, " \t\r\n"); bytes.Equal(trimmed, []byte("---")) || bytes.HasPrefix(line, []byte("--- ")) {
			parts = append(parts, current)
			current = part{}
			continue
		}
		content := bytes.TrimSpace(line)
		if current.line == 0 && len(content) > 0 && content[0] != '#' {
			current.line = i + 1
		}
		current.data = append(current.data, line...)
	}
	parts = append(parts, current)
	return slices.DeleteFunc(parts, func(p part) bool { return p.line == 0 })
}

func yamlCause(err error) string {
	cause := err.Error()
	for _, prefix := range []string{"error converting YAML to JSON: ", "yaml: ", "unmarshal errors:"} {
		cause = strings.TrimPrefix(cause, prefix)
	}
	return strings.Join(strings.Fields(cause), " ") + " (lines counted from there)"
}

// unique refuses one object that is stated twice: only the last would count.
func unique(docs []document) error {
	seen := map[string]string{}
	for _, d := range docs {
		if first, ok := seen[d.name()]; ok {
			return fmt.Errorf("%s: %s is stated already in %s: keep one of the two", d.source, d.name(), first)
		}
		seen[d.name()] = d.source
	}
	return nil
}
