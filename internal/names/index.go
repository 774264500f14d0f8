package names

import (
	"strconv"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// Field indexes, so that no event costs a look at every object.
const (
	IndexAgencyCode   = "spec.code"
	IndexAgencyParent = "spec.parentRef.name"
	// IndexAgencyZone has the zones of an agency, IndexAgencyZoneAbove all that
	// they lie below.
	IndexAgencyZone      = "spec.domains"
	IndexAgencyZoneAbove = "above spec.domains"
	IndexPortalHostname  = "spec.hostnames"
	IndexPortalPolicy    = "status.policies"
	IndexPortalLevel     = "level"
	IndexPortalExposure  = "spec.exposure"
	IndexPortalPlatform  = "spec.platformRefs"
	// IndexPortalOneStop has the key Yes for portals that ask to be their agency's
	// one-stop system, or run as it. IndexPortalWaits has it for those that may wait for
	// room within their agency's quota, or that say that they are beyond it.
	IndexPortalOneStop = "one-stop"
	IndexPortalWaits   = "waits"

	IndexServiceDataset = "spec.dataset"
	IndexServicePortal  = "spec.portalRef.name"

	IndexLinkConsumer       = "spec.consumer.portalRef.name"
	IndexLinkService        = "provider"
	IndexLinkProviderAgency = "spec.provider.agency"
	// IndexLinkAgency has the agencies of all ends of a link.
	IndexLinkAgency = "ends"
	IndexLinkRoute  = "spec.route"

	IndexApprovalLink = "spec.linkRef"

	IndexPlatformType        = "spec.type"
	IndexPlatformPortal      = "spec.endpoint.portal"
	IndexPlatformAgency      = "agencies"
	IndexPlatformFingerprint = "fingerprint"
)

// Fields by which objects are counted, see internal/tally.
const (
	// TallyReady has the status and the reason of every object's Ready.
	TallyReady = "ready"
	// TallyRights has whether rights in an agency changed, or wait for a confirmation.
	TallyRights = "rights"
	// TallyHeld has Yes for a policy whose newest spec is held.
	TallyHeld = "held"
	// TallyPolicy has the policies that a portal is held to, and TallyViolates those
	// of them that it violates.
	TallyPolicy   = "policies"
	TallyViolates = "violates"
	// TallyRuns has the security level of a portal and its exposure, and TallyServices how
	// many public services it declares, and how many of them are verified.
	TallyRuns     = "runs"
	TallyServices = "services"
	// TallyState has the state of a link and the reason of Ready, and TallyTerm the day on
	// which an open one ends.
	TallyState = "state"
	TallyTerm  = "term"
)

// Yes is the one key of an index that is true or false of an object.
const Yes = "yes"

// YesIf is the keys of what is true. What is not is in no index: it costs nothing.
func YesIf(is bool) []string {
	if is {
		return []string{Yes}
	}
	return nil
}

// LevelKey is a security level as a key of IndexPortalLevel.
func LevelKey(l v1alpha1.SecurityLevel) string { return strconv.Itoa(int(l)) }
