package settings

import (
	"fmt"

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
	return map[string]string{recordedKey: string(inForce), statementKey: string(seen), heldKey: r.Held}, nil
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
