package view

import (
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
)

// Tables are what people see of it, in the order in which they read it. A table
// without rows has nothing to show.
func (s Summary) Tables() []Table {
	return append(s.ownTables(), s.sharingTables()...)
}

// ownTables of agencies, portals and standards.
func (s Summary) ownTables() []Table {
	agencies := Table{Header: kinds.Agency.Header}
	for _, a := range s.Agencies {
		changed := "-"
		if a.RightsChanged != nil {
			changed = a.RightsChanged.In(zone).Format("2006-01-02 15:04")
		}
		agencies.Add(append([]Cell{Text(a.Name), Text(a.Code), Text(a.AdminLevel), number(a.Portals), Text(changed)}, a.cells()...)...)
	}
	portals := Table{Header: kinds.AgencyPortal.Header}
	for _, p := range s.Portals {
		level := "-"
		if p.SecurityLevel > 0 {
			level = strconv.Itoa(int(p.SecurityLevel))
		}
		portals.Add(append([]Cell{Text(p.Agency), Text(p.Name), Text(level), Text(p.Exposure)}, p.cells()...)...)
	}
	policies := Table{Header: kinds.SecurityPolicy.Header}
	for _, p := range s.Policies {
		violating := number(p.Violating)
		if p.Violating > 0 {
			violating.Tone = Bad
			if p.Mode == string(v1alpha1.ModeAudit) {
				violating.Tone = Pending
			}
		}
		policies.Add(append([]Cell{Text(p.Name), Text(p.Mode), number(p.Matched), number(p.Compliant), violating}, p.cells()...)...)
	}
	return []Table{agencies, portals, policies}
}

// sharingTables of platforms, services and links.
func (s Summary) sharingTables() []Table {
	platforms := Table{Header: kinds.SharedPlatform.Header}
	for _, p := range s.Platforms {
		platforms.Add(append([]Cell{Text(p.Name), Text(p.Type), Text(p.Owner), number(p.Consumers)}, p.cells()...)...)
	}
	services := Table{Header: kinds.DataService.Header}
	for _, d := range s.Services {
		services.Add(append([]Cell{Text(d.Agency), Text(d.Name), Text(d.Dataset), Text(d.Classification), Text(strconv.Itoa(len(d.Consumers)))}, d.cells()...)...)
	}
	links := Table{Header: kinds.DataSharingLink.Header}
	for _, l := range s.Links {
		phase := l.Phase
		if phase == "" {
			phase = "-"
		}
		links.Add(append([]Cell{Text(l.Consumer), Text(l.Name), Text(l.Provider), Text(l.Service), Text(phase), Text(l.ValidUntil.In(zone).Format("2006-01-02 15:04"))}, l.cells()...)...)
	}
	return []Table{platforms, services, links}
}

func (r Ready) cells() []Cell {
	tones := map[metav1.ConditionStatus]Tone{metav1.ConditionTrue: Good, metav1.ConditionFalse: Bad}
	t, ok := tones[r.Status]
	if !ok {
		t = Pending
	}
	return []Cell{{Text: string(r.Status), Tone: t}, {Text: r.Reason, Tone: t}, Text(r.Message)}
}

func number(n int32) Cell { return Text(strconv.Itoa(int(n))) }
