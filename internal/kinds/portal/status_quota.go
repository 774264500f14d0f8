package portal

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	agencykind "github.com/govplatform/govplatform/internal/kinds/agency"
)

// quotaExceeded is what the API server says of a pod that a quota keeps out.
var quotaExceeded = regexp.MustCompile(`exceeded quota: ([^,\s]+?)(?:, requested: (.*), used: (.*), limited: (.*?))?\.?$`)

// quotaMessage says which quota keeps pods out, how far it is used, and what
// helps; empty when the message is about something else.
func quotaMessage(in Input, refusal string) string {
	m := quotaExceeded.FindStringSubmatch(refusal)
	if m == nil {
		return ""
	}
	asked, used, hard := amounts(m[2]), amounts(m[3]), amounts(m[4])
	var full, fields []string
	for _, name := range sortedKeys(asked) {
		full = append(full, fmt.Sprintf("%s: %s of %s used, %s more asked", name, used[name], hard[name], asked[name]))
		if f := agencykind.QuotaField(corev1.ResourceName(name)); f != "" {
			fields = append(fields, f)
		}
	}
	agency := "the agency"
	if in.Agency != nil {
		agency = fmt.Sprintf("Agency %q", in.Agency.Name)
	}
	what := "is used up"
	if len(full) > 0 {
		what += " (" + strings.Join(full, "; ") + ")"
	}
	field := "spec.quota"
	if len(fields) > 0 {
		field = strings.Join(fields, " and ")
	}
	return fmt.Sprintf("Pods can't be made: ResourceQuota %q %s. A rollout needs room for one pod more than run. Lower spec.replicas or spec.resources of one of the agency's portals, or ask the platform team to raise %s of %s.", m[1], what, field, agency)
}

func amounts(list string) map[string]string {
	out := map[string]string{}
	for _, part := range strings.Split(list, ",") {
		if name, amount, ok := strings.Cut(strings.TrimSpace(part), "="); ok {
			out[name] = amount
		}
	}
	return out
}

func sortedKeys(m map[string]string) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
