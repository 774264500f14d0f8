package settings

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// Where the operator records the settings that are in force, in its own namespace,
// and under which keys. People write another ConfigMap.
const (
	RecordName   = "govplatform-settings-in-force"
	recordedKey  = "config.yaml"
	statementKey = "acceptedImpact"
	heldKey      = "held"
	peersKey     = "peers."
)

// Record is what the operator remembers of its settings beyond its process.
type Record struct {
	// InForce are the settings that hold.
	InForce Settings
	// Seen is the acceptedImpact that the operator saw last. It is used up, needed or not.
	Seen *v1alpha1.AcceptedImpact
	// Held says why newer settings do not hold; empty when they do.
	Held string
}

// Data returns what a ConfigMap keeps of the record.
func (r Record) Data() (map[string]string, error) {
	inForce, err := yaml.Marshal(r.InForce)
	if err != nil {
		return nil, fmt.Errorf("write settings: %w", err)
	}
	seen, err := yaml.Marshal(r.Seen)
	if err != nil {
		return nil, fmt.Errorf("write acceptedImpact: %w", err)
	}
	data := map[string]string{recordedKey: string(inForce), statementKey: string(seen), heldKey: r.Held}
	maps.Copy(data, r.InForce.peers())
	return data, nil
}

// peers returns for the admission policy node-peers which pods of which namespace are
// gateways, monitoring or name servers: the labels of each, or "*" for all pods.
func (s Settings) peers() map[string]string {
	all := slices.Clone(s.Monitoring)
	for _, g := range s.Gateways {
		all = append(all, g.Peer)
	}
	if s.ClusterDNS.Namespace != "" {
		all = append(all, s.ClusterDNS.Peer)
	}
	selectors := map[string][]string{}
	for _, p := range all {
		var labels []string
		for _, k := range slices.Sorted(maps.Keys(p.PodLabels)) {
			labels = append(labels, k+"="+p.PodLabels[k])
		}
		selector := strings.Join(labels, ",")
		if selector == "" {
			selector = "*"
		}
		if !slices.Contains(selectors[p.Namespace], selector) {
			selectors[p.Namespace] = append(selectors[p.Namespace], selector)
		}
	}
	out := map[string]string{}
	for namespace, of := range selectors {
		out[peersKey+namespace] = strings.Join(of, ";")
	}
	return out
}

// ParseRecord reads a record. Another version of the operator may have written it,
// so fields that this one does not know are left out.
func ParseRecord(data map[string]string) (Record, error) {
	r := Record{Held: data[heldKey]}
	if err := yaml.Unmarshal([]byte(data[recordedKey]), &r.InForce); err != nil {
		return Record{}, fmt.Errorf("parse settings in force: %w", err)
	}
	if err := r.InForce.validate(); err != nil {
		return Record{}, fmt.Errorf("validate settings in force: %w", err)
	}
	if err := yaml.Unmarshal([]byte(data[statementKey]), &r.Seen); err != nil {
		return Record{}, fmt.Errorf("parse acceptedImpact: %w", err)
	}
	return r, nil
}

// Statement returns what the settings state to accept, as far as it counts after a
// record: one that the operator saw before is used up, so left behind it lets no
// later slip pass.
func (r Record) Statement(s Settings) *v1alpha1.AcceptedImpact {
	if s.AcceptedImpact == nil || r.Seen != nil && *r.Seen == *s.AcceptedImpact {
		return nil
	}
	return s.AcceptedImpact
}

// Same reports whether other settings mean the same, whatever they accept.
func (s Settings) Same(o Settings) bool {
	s.AcceptedImpact, o.AcceptedImpact = nil, nil
	a, errA := yaml.Marshal(s)
	b, errB := yaml.Marshal(o)
	return errA == nil && errB == nil && string(a) == string(b)
}
