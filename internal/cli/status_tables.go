package cli

import (
	"fmt"
	"io"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// Print writes the summary for people.
func (s Summary) Print(w io.Writer, color bool) error {
	agencies := table{header: []string{"AGENCY", "CODE", "LEVEL", "PORTALS", "RIGHTS CHANGED (+07:00)", "READY", "REASON", "MESSAGE"}}
	ready, portalsReady := 0, 0
	for _, a := range s.Agencies {
		if a.Status == metav1.ConditionTrue {
			ready++
		}
		changed := "-"
		if a.RightsChanged != nil {
			changed = a.RightsChanged.In(zone).Format("2006-01-02 15:04")
		}
		agencies.add(append([]cell{text(a.Name), text(a.Code), text(a.AdminLevel), number(a.Portals), text(changed)}, a.cells()...)...)
	}
	portals := table{header: []string{"AGENCY", "PORTAL", "LEVEL", "EXPOSURE", "READY", "REASON", "MESSAGE"}}
	for _, p := range s.Portals {
		if p.Status == metav1.ConditionTrue {
			portalsReady++
		}
		level := "-"
		if p.SecurityLevel > 0 {
			level = strconv.Itoa(int(p.SecurityLevel))
		}
		portals.add(append([]cell{text(p.Agency), text(p.Name), text(level), text(p.Exposure)}, p.cells()...)...)
	}
	policies := table{header: []string{"POLICY", "MODE", "MATCHED", "COMPLIANT", "VIOLATING", "READY", "REASON", "MESSAGE"}}
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
	platforms, services, links := s.sharingTables()
	for _, t := range []table{agencies, portals, policies, platforms, services, links} {
		if len(t.rows) == 0 {
			continue
		}
		if err := t.write(w, color); err != nil {
			return err
		}
		say(w, "\n")
	}
	open := ""
	if len(s.Links) > 0 {
		n := 0
		for _, l := range s.Links {
			if l.Status == metav1.ConditionTrue {
				n++
			}
		}
		open = fmt.Sprintf(" %d of %d links are open.", n, len(s.Links))
	}
	say(w, "%d of %d agencies and %d of %d portals are ready.%s\n", ready, len(s.Agencies), portalsReady, len(s.Portals), open)
	return nil
}

func (s Summary) sharingTables() (platforms, services, links table) {
	platforms = table{header: []string{"PLATFORM", "TYPE", "OWNER", "CONSUMERS", "READY", "REASON", "MESSAGE"}}
	for _, p := range s.Platforms {
		platforms.add(append([]cell{text(p.Name), text(p.Type), text(p.Owner), number(p.Consumers)}, p.cells()...)...)
	}
	services = table{header: []string{"PROVIDER", "SERVICE", "DATASET", "CLASS", "CONSUMERS", "READY", "REASON", "MESSAGE"}}
	for _, d := range s.Services {
		services.add(append([]cell{text(d.Agency), text(d.Name), text(d.Dataset), text(d.Classification), text(strconv.Itoa(len(d.Consumers)))}, d.cells()...)...)
	}
	links = table{header: []string{"CONSUMER", "LINK", "PROVIDER", "SERVICE", "PHASE", "VALID UNTIL (+07:00)", "READY", "REASON", "MESSAGE"}}
	for _, l := range s.Links {
		phase := l.Phase
		if phase == "" {
			phase = "-"
		}
		links.add(append([]cell{text(l.Consumer), text(l.Name), text(l.Provider), text(l.Service), text(phase), text(l.ValidUntil.In(zone).Format("2006-01-02 15:04"))}, l.cells()...)...)
	}
	return platforms, services, links
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
