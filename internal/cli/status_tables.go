package cli

import (
	"fmt"
	"io"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
)

// Print writes the summary for people.
func (s Summary) Print(w io.Writer, color bool) error {
	for _, t := range append(s.tables(), s.sharingTables()...) {
		if len(t.rows) == 0 {
			continue
		}
		if err := t.write(w, color); err != nil {
			return err
		}
		say(w, "\n")
	}
	readyAgencies, readyPortals, openLinks := 0, 0, 0
	for _, a := range s.Agencies {
		readyAgencies += a.one()
	}
	for _, p := range s.Portals {
		readyPortals += p.one()
	}
	for _, l := range s.Links {
		openLinks += l.one()
	}
	open := ""
	if len(s.Links) > 0 {
		open = fmt.Sprintf(" %d of %d links are open.", openLinks, len(s.Links))
	}
	say(w, "%d of %d agencies and %d of %d portals are ready.%s\n", readyAgencies, len(s.Agencies), readyPortals, len(s.Portals), open)
	return nil
}

// one is 1 for what is ready.
func (r Ready) one() int {
	if r.Status == metav1.ConditionTrue {
		return 1
	}
	return 0
}

// tables of agencies, portals and standards, in the order in which people read them.
func (s Summary) tables() []table {
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
