package cli

import (
	"cmp"

	"github.com/govplatform/govplatform/internal/desired"
)

// sayRights names the rights that were left out.
func (r *restorer) sayRights() {
	if len(r.plan.rights) > 0 {
		say(r.options.Out, "\nThese rights waited for a confirmation and are not in the spec any more. Who wants them asks for them again, with spec.rightsChange.requestedBy:\n")
	}
	for _, w := range r.plan.rights {
		say(r.options.Out, "  Agency %s: %s   # was asked for by %s\n", w.agency, desired.SayRights(w.rights), cmp.Or(w.by, "nobody who was named"))
	}
}

// sayConsents names the consents that are withheld.
func (r *restorer) sayConsents() {
	if len(r.plan.consents) > 0 {
		say(r.options.Out, "\nThese portals are not restored as platforms. The portal's agency takes the name out of spec.providesPlatforms, looks at the platform, and puts it in again:\n")
	}
	for _, w := range r.plan.consents {
		say(r.options.Out, "  %s: SharedPlatform %s   # %s\n", w.portal, w.platform, w.why)
	}
}
