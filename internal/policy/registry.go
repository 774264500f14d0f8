package policy

import "github.com/govplatform/govplatform/internal/control"

// Repository returns the registry and path of an image, without tag and digest:
// releases of one program share it. What can't be parsed is its own repository.
func Repository(image string) string {
	host, path, ok := control.SplitImage(image)
	if !ok {
		return image
	}
	return host + "/" + path
}
