package cli

import (
	"cmp"

	"github.com/govplatform/govplatform/internal/kinds/agency"
)

// sayRights names the rights that were left out.
func (r *restorer) sayRights() {
	if len(r.plan.Rights) > 0 {
		say(r.options.Out, "\nThese rights waited for a confirmation and are not in the spec any more. Who wants them asks for them again, with spec.rightsChange.requestedBy:\n")
	}
	for _, w := range r.plan.Rights {
		say(r.options.Out, "  Agency %s: %s   # was asked for by %s\n", w.Agency, agency.SayRights(w.Rights), cmp.Or(w.By, "nobody who was named"))
	}
}

// sayConsents names the consents that are withheld.
func (r *restorer) sayConsents() {
	if len(r.plan.Consents) > 0 {
		say(r.options.Out, "\nThese portals are not restored as platforms. The portal's agency takes the name out of spec.providesPlatforms, looks at the platform, and puts it in again:\n")
	}
	for _, w := range r.plan.Consents {
		say(r.options.Out, "  %s: SharedPlatform %s   # %s\n", w.Portal, w.Platform, w.Why)
	}
}
