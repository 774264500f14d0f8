// Package settings holds what one installation of the platform is like: where
// its DNS, monitoring and gateways are, and how security levels are computed.
// It is data of the authority and the platform team, so it lives in a
// ConfigMap and not in Go constants.
package settings

import (
	_ "embed"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // The operator's image has no zones of its own.

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
)

//go:embed defaults.yaml
var defaults []byte

// Peer selects pods of one namespace.
type Peer struct {
	// Namespace by its name.
	Namespace string `json:"namespace"`
	// PodLabels that the pods carry; none selects all pods of the namespace.
	PodLabels map[string]string `json:"podLabels,omitempty"`
}

// Gateway is a peer that publishes portals of one exposure.
type Gateway struct {
	Peer `json:",inline"`
	// Exposure that the gateway serves; Internal portals have no gateway.
	Exposure v1alpha1.Exposure `json:"exposure"`
}

// LevelRule gives a system a security level when everything that it names holds.
type LevelRule struct {
	// Level that the system has at least, 1 to 5.
	Level v1alpha1.SecurityLevel `json:"level"`
	// Criterion in words, for messages.
	Criterion string `json:"criterion"`
	// Scopes of which the system has one.
	Scopes []v1alpha1.SystemScope `json:"scopes,omitempty"`
	// MinUsers is the least number of expected users.
	MinUsers int64 `json:"minUsers,omitempty"`
	// MinServiceLevel is the least level of one of its public services.
	MinServiceLevel int32 `json:"minServiceLevel,omitempty"`
	// DataClassifications of which the system has one.
	DataClassifications []v1alpha1.DataClassification `json:"dataClassifications,omitempty"`
}

// Settings of one installation.
type Settings struct {
	// AuthorityAgency is the name of the coordinating authority's Agency; its
	// approvals count for every link.
	AuthorityAgency string `json:"authorityAgency"`
	// IdentifierPrefix begins the identifiers of data services, e.g. VN/GOV.
	IdentifierPrefix string `json:"identifierPrefix"`
	// ClusterDNS are the only name servers that portals reach.
	ClusterDNS NameServers `json:"clusterDNS"`
	// Monitoring may scrape portals.
	Monitoring []Peer `json:"monitoring,omitempty"`
	// Gateways may reach exposed portals.
	Gateways []Gateway `json:"gateways,omitempty"`
	// PodSecurityVersion pins the Pod Security Standards, e.g. v1.36.
	PodSecurityVersion string `json:"podSecurityVersion"`
	// SecurityLevels are the rules of the security level.
	SecurityLevels []LevelRule `json:"securityLevels"`
	// Networks are the blocks of addresses of the dedicated network and the data
	// centres. Nothing outside the cluster is reached but what lies in them.
	Networks []string `json:"networks,omitempty"`
	// ClusterRanges are the addresses of the cluster's own pods and Services, which
	// no platform outside it has.
	ClusterRanges []string `json:"clusterRanges,omitempty"`
	// TimeZone in which times are shown, e.g. Asia/Ho_Chi_Minh; empty for UTC.
	TimeZone string `json:"timeZone,omitempty"`
	// ImpactBound is how much changes of standards may stop before somebody has to
	// confirm it; the shipped one when it is left out.
	ImpactBound *ImpactBound `json:"impactBound,omitempty"`
	// DatasetReturn is for how long a dataset goes back to a service that owned it before
	// the present owner, 24h to 8760h; 720h when it is left out.
	DatasetReturn metav1.Duration `json:"datasetReturn,omitempty"`
	// AcceptedImpact states how many running portals and open links a change of
	// these settings may touch beyond the bound. It counts once.
	AcceptedImpact *v1alpha1.AcceptedImpact `json:"acceptedImpact,omitempty"`
}

// ImpactBound holds a change of a standard with which all standards together
// would stop more within the window, not counting what somebody confirmed.
type ImpactBound struct {
	// Portals is the most running portals and open links, taken together.
	Portals int `json:"portals"`
	// Percent is the largest share of all that run, for two or more of them.
	Percent int `json:"percent"`
	// Window is how long counts what a change stopped, 1m to 168h; 1h when it is
	// left out.
	Window metav1.Duration `json:"window,omitempty"`
}

// Bound returns the bound that holds, also where the settings name none.
func (s Settings) Bound() ImpactBound {
	b := ImpactBound{Portals: 5, Percent: 10}
	if s.ImpactBound != nil {
		b = *s.ImpactBound
	}
	if b.Window.Duration == 0 {
		b.Window.Duration = time.Hour
	}
	return b
}

// Settled is how long a service has owned a dataset when nobody who owned it before
// gets it back.
func (s Settings) Settled() time.Duration {
	if s.DatasetReturn.Duration == 0 {
		return 30 * 24 * time.Hour
	}
	return s.DatasetReturn.Duration
}

// Default returns the settings of the seed regime, as shipped.
func Default() Settings {
	s, err := Parse(defaults)
	if err != nil {
		// The file is compiled in and checked by a test.
		panic(fmt.Sprintf("shipped settings: %v", err))
	}
	return s
}

// Parse reads settings and refuses unknown fields and gaps: a missing rule must
// stop the operator, not open something.
func Parse(data []byte) (Settings, error) {
	var s Settings
	if err := yaml.UnmarshalStrict(data, &s); err != nil {
		return Settings{}, fmt.Errorf("parse settings: %w", err)
	}
	if err := s.validate(); err != nil {
		return Settings{}, fmt.Errorf("validate settings: %w", err)
	}
	return s, nil
}

var pinnedVersion = regexp.MustCompile(`^v1\.[0-9]+$`)

func (s Settings) validate() error {
	if errs := validation.IsDNS1123Label(s.AuthorityAgency); len(errs) > 0 {
		return fmt.Errorf("authorityAgency is %q: %s; name the Agency of the coordinating authority", s.AuthorityAgency, errs[0])
	}
	if s.IdentifierPrefix == "" || strings.HasSuffix(s.IdentifierPrefix, "/") {
		return fmt.Errorf("identifierPrefix is %q: give the beginning of identifiers without a slash at the end, e.g. VN/GOV", s.IdentifierPrefix)
	}
	if err := s.ClusterDNS.validate("clusterDNS"); err != nil {
		return err
	}
	if err := s.validateNetworks(); err != nil {
		return err
	}
	if _, err := time.LoadLocation(s.TimeZone); err != nil {
		return fmt.Errorf("timeZone is %q: name a zone of the IANA database, e.g. Asia/Ho_Chi_Minh", s.TimeZone)
	}
	for i, p := range s.Monitoring {
		if err := p.validate(fmt.Sprintf("monitoring[%d]", i)); err != nil {
			return err
		}
	}
	for i, g := range s.Gateways {
		if err := g.validate(fmt.Sprintf("gateways[%d]", i)); err != nil {
			return err
		}
		if g.Exposure != v1alpha1.ExposureDedicatedNetwork && g.Exposure != v1alpha1.ExposureInternet {
			return fmt.Errorf("gateways[%d].exposure is %q: use DedicatedNetwork or Internet", i, g.Exposure)
		}
	}
	if !pinnedVersion.MatchString(s.PodSecurityVersion) {
		return fmt.Errorf("podSecurityVersion is %q: pin a version such as v1.36, so that an upgrade of Kubernetes changes nothing unseen", s.PodSecurityVersion)
	}
	if b := s.Bound(); b.Portals < 1 || b.Percent < 1 || b.Percent > 100 {
		return fmt.Errorf("impactBound is {portals: %d, percent: %d}: use 1 or more portals, because one that stops is no great impact, and 1 to 100 percent", b.Portals, b.Percent)
	}
	if w := s.Bound().Window.Duration; w < time.Minute || w > 7*24*time.Hour {
		return fmt.Errorf("impactBound.window is %s: use 1m to 168h, because changes that follow each other within it share the bound", w)
	}
	if d := s.Settled(); d < 24*time.Hour || d > 365*24*time.Hour {
		return fmt.Errorf("datasetReturn is %s: use 24h to 8760h, because an owner that is back later finds its dataset in other hands", d)
	}
	if a := s.AcceptedImpact; a != nil && (a.Portals < 0 || a.Links < 0) {
		return fmt.Errorf("acceptedImpact is {portals: %d, links: %d}: use 0 or more", a.Portals, a.Links)
	}
	if len(s.SecurityLevels) == 0 {
		return fmt.Errorf("securityLevels is empty: without rules every system would have level 1; list the rules")
	}
	for i, r := range s.SecurityLevels {
		if err := r.validate(fmt.Sprintf("securityLevels[%d]", i)); err != nil {
			return err
		}
	}
	return nil
}

// validate refuses what could never hold, such as a misspelt scope: it would
// lower levels without a word.
func (r LevelRule) validate(field string) error {
	if r.Level < 1 || r.Level > 5 {
		return fmt.Errorf("%s.level is %d: use 1 to 5", field, r.Level)
	}
	if r.Criterion == "" {
		return fmt.Errorf("%s.criterion is empty: say in words what gives the level", field)
	}
	if len(r.Scopes) == 0 && r.MinUsers == 0 && r.MinServiceLevel == 0 && len(r.DataClassifications) == 0 {
		return fmt.Errorf("%s has no condition: set scopes, minUsers, minServiceLevel or dataClassifications", field)
	}
	if r.MinUsers < 0 {
		return fmt.Errorf("%s.minUsers is %d: use 0 or more", field, r.MinUsers)
	}
	if r.MinServiceLevel < 0 || r.MinServiceLevel > 4 {
		return fmt.Errorf("%s.minServiceLevel is %d: use 1 to 4, or leave it out", field, r.MinServiceLevel)
	}
	if err := known(field+".scopes", r.Scopes, v1alpha1.ScopeAgency, v1alpha1.ScopeShared, v1alpha1.ScopeNational, v1alpha1.ScopeCriticalNational); err != nil {
		return err
	}
	return known(field+".dataClassifications", r.DataClassifications, v1alpha1.ClassificationPublic, v1alpha1.ClassificationInternal,
		v1alpha1.ClassificationPersonal, v1alpha1.ClassificationStateSecret)
}

func known[T ~string](field string, values []T, allowed ...T) error {
	for i, v := range values {
		if !slices.Contains(allowed, v) {
			return fmt.Errorf("%s[%d] is %q: use one of %v", field, i, v, allowed)
		}
	}
	return nil
}

func (p Peer) validate(field string) error {
	if errs := validation.IsDNS1123Label(p.Namespace); len(errs) > 0 {
		return fmt.Errorf("%s.namespace is %q: %s", field, p.Namespace, errs[0])
	}
	if _, ok := names.AgencyOf(p.Namespace); ok {
		return fmt.Errorf("%s.namespace is %q: an agency's pods would reach, or be reached by, every portal; name a namespace of the platform", field, p.Namespace)
	}
	for _, k := range slices.Sorted(maps.Keys(p.PodLabels)) {
		v := p.PodLabels[k]
		if errs := append(validation.IsQualifiedName(k), validation.IsValidLabelValue(v)...); len(errs) > 0 {
			return fmt.Errorf("%s.podLabels[%q] is %q: %s", field, k, v, errs[0])
		}
	}
	return nil
}
