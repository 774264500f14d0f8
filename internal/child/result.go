package child

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// Conflict is an object with a name that we need and that is not ours.
type Conflict struct {
	Kind, Namespace, Name string
}

// String names the object.
func (c Conflict) String() string {
	if c.Namespace == "" {
		return c.Kind + " " + c.Name
	}
	return c.Kind + " " + c.Namespace + "/" + c.Name
}

// Result is what one round of Apply did and found.
type Result struct {
	// Inventory to keep in the owner's status: what is there, and what could not
	// be removed yet.
	Inventory []v1alpha1.InventoryEntry
	// Conflicts are the foreign objects in the way, sorted.
	Conflicts []Conflict
	// Changes name what was written and removed: what was done, and the child.
	Changes []string
	// Written are the kinds of the children that were written.
	Written []string
	// Terminating are objects that go away before they can be made again.
	Terminating []string
	// Withheld are objects that are not made in this round, because something
	// that comes before them failed or is not in place.
	Withheld []string
	// Failures are the writes that failed.
	Failures []*Failure
}

// Failure is a child that could not be written or removed.
type Failure struct {
	Kind, Namespace, Name string
	// Doing is what was tried.
	Doing string
	Err   error
}

// Error implements error.
func (f *Failure) Error() string {
	return fmt.Sprintf("%s %s/%s/%s: %v", f.Doing, f.Kind, f.Namespace, f.Name, f.Err)
}

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }

// Complete reports whether everything desired is in place.
func (r Result) Complete() bool {
	return len(r.Conflicts) == 0 && len(r.Terminating) == 0 && len(r.Withheld) == 0
}

// Wrote reports whether a child of a kind was written.
func (r Result) Wrote(kind string) bool {
	return slices.Contains(r.Written, kind)
}

// How often a name that is taken is looked at again. Foreign objects are outside
// the cache, so their going is no event; what goes by itself goes soon.
const (
	conflictRetry    = 15 * time.Second
	terminatingRetry = time.Second
)

// RetryAfter returns when to look again, 0 for not before an event.
func (r Result) RetryAfter() time.Duration {
	switch {
	case len(r.Terminating) > 0:
		return terminatingRetry
	case len(r.Conflicts) > 0:
		return conflictRetry
	default:
		return 0
	}
}

// Message names the conflicts and the remedy, empty without conflicts.
func (r Result) Message() string {
	if len(r.Conflicts) == 0 {
		return ""
	}
	parts := make([]string, len(r.Conflicts))
	for i, c := range r.Conflicts {
		parts[i] = c.String()
	}
	if len(parts) == 1 {
		return parts[0] + " exists and was not created for this object; it is left alone. Remove or rename it."
	}
	return strings.Join(parts, ", ") + " exist and were not created for this object; they are left alone. Remove or rename them."
}
