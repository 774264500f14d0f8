package cli

import (
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
)

// tables in the order in which people read them.
func (s Summary) tables() []table {
	return append(s.ownTables(), s.sharingTables()...)
}

// ownTables of agencies, portals and standards.
func (s Summary) ownTables() []table {
	agencies := table{header: kinds.Agency.Header}
	for _, a := range s.Agencies {
		changed := "-"
		if a.RightsChanged != nil {
			changed = a.RightsChanged.In(zone).Format("2006-01-02 15:04")
		}
		agencies.add(append([]cell{text(a.Name), text(a.Code), text(a.AdminLevel), number(a.Portals), text(changed)}, a.cells()...)...)
	}
	portals := table{header: kinds.AgencyPortal.Header}
	for _, p := range s.Portals {
		level := "-"
		if p.SecurityLevel > 0 {
			level = strconv.Itoa(int(p.SecurityLevel))
		}
		portals.add(append([]cell{text(p.Agency), text(p.Name), text(level), text(p.Exposure)}, p.cells()...)...)
	}
	policies := table{header: kinds.SecurityPolicy.Header}
	for _, p := range s.Policies {
		violating := number(p.Violating)
		if p.Violating > 0 {
			violating.tone = bad
			if p.Mode == string(v1alpha1.ModeAudit) {
				violating.tone = pending
			}
		}
		policies.add(append([]cell{text(p.Name), text(p.Mode), number(p.Matched), number(p.Compliant), violating}, p.cells()...)...)
	}
	return []table{agencies, portals, policies}
}

// sharingTables of platforms, services and links.
func (s Summary) sharingTables() []table {
	platforms := table{header: kinds.SharedPlatform.Header}
	for _, p := range s.Platforms {
		platforms.add(append([]cell{text(p.Name), text(p.Type), text(p.Owner), number(p.Consumers)}, p.cells()...)...)
	}
	services := table{header: kinds.DataService.Header}
	for _, d := range s.Services {
		services.add(append([]cell{text(d.Agency), text(d.Name), text(d.Dataset), text(d.Classification), text(strconv.Itoa(len(d.Consumers)))}, d.cells()...)...)
	}
	links := table{header: kinds.DataSharingLink.Header}
	for _, l := range s.Links {
		phase := l.Phase
		if phase == "" {
			phase = "-"
		}
		links.add(append([]cell{text(l.Consumer), text(l.Name), text(l.Provider), text(l.Service), text(phase), text(l.ValidUntil.In(zone).Format("2006-01-02 15:04"))}, l.cells()...)...)
	}
	return []table{platforms, services, links}
}

func (r Ready) cells() []cell {
	tones := map[metav1.ConditionStatus]tone{metav1.ConditionTrue: good, metav1.ConditionFalse: bad}
	t, ok := tones[r.Status]
	if !ok {
		t = pending
	}
	return []cell{{text: string(r.Status), tone: t}, {text: r.Reason, tone: t}, text(r.Message)}
}

func number(n int32) cell { return text(strconv.Itoa(int(n))) }
