// Package applytest has what tests need of an Applier on a fake client.
package applytest

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/names"
)

// Marked finds what a client has of an owner by looking at everything.
func Marked(c client.Reader) func(row child.Row, owner string) ([]client.Object, error) {
	return func(row child.Row, owner string) ([]client.Object, error) {
		list := row.NewList().(client.ObjectList)
		if err := c.List(context.Background(), list); err != nil {
			return nil, fmt.Errorf("list: %w", err)
		}
		var out []client.Object
		err := meta.EachListItem(list, func(o runtime.Object) error {
			if one := o.(client.Object); slices.Contains(names.OwnerKeys(one), owner) {
				out = append(out, one)
			}
			return nil
		})
		return out, err
	}
}
