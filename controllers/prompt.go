package controllers

import (
	"fmt"
	"time"

	toolscache "k8s.io/client-go/tools/cache"
)

// promptly is an informer of which one learns at once that a handler has heard of all that
// was there, and not when it is next looked: controllers look ten times a second, and each
// start waited for that.
type promptly struct {
	toolscache.SharedIndexInformer
}

// AddEventHandlerWithOptions implements toolscache.SharedInformer.
func (p promptly) AddEventHandlerWithOptions(h toolscache.ResourceEventHandler, o toolscache.HandlerOptions) (toolscache.ResourceEventHandlerRegistration, error) {
	r, err := p.SharedIndexInformer.AddEventHandlerWithOptions(h, o)
	if err != nil {
		return nil, fmt.Errorf("add handler: %w", err)
	}
	return registration{r}, nil
}

// RemoveEventHandler implements toolscache.SharedInformer.
func (p promptly) RemoveEventHandler(r toolscache.ResourceEventHandlerRegistration) error {
	if own, ok := r.(registration); ok {
		r = own.ResourceEventHandlerRegistration
	}
	return p.SharedIndexInformer.RemoveEventHandler(r) //nolint:wrapcheck // nothing to add
}

// registration of a handler.
type registration struct {
	toolscache.ResourceEventHandlerRegistration
}

// syncWait is how long a registration waits before it says that its handler has not heard
// of all yet. It is asked again after as long.
const syncWait = 100 * time.Millisecond

// HasSynced implements toolscache.ResourceEventHandlerRegistration.
func (r registration) HasSynced() bool {
	late := time.NewTimer(syncWait)
	defer late.Stop()
	select {
	case <-r.HasSyncedChecker().Done():
		return true
	case <-late.C:
		return r.ResourceEventHandlerRegistration.HasSynced()
	}
}
