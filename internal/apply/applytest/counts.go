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
	"github.com/govplatform/govplatform/internal/read"
)

// Counts finds what a client has of an owner by looking at everything.
func Counts(c client.Reader) read.Tally { return looking{reader: c} }

type looking struct {
	read.Tally
	reader client.Reader
}

// Having implements read.Tally for names.IndexOwner.
func (l looking) Having(kind, _, owner string) ([]client.Object, error) {
	row := child.Rows()[slices.IndexFunc(child.Rows(), func(r child.Row) bool { return r.GVK.Kind == kind })]
	list := row.NewList().(client.ObjectList)
	if err := l.reader.List(context.Background(), list); err != nil {
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
