package settings

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

func TestDefault(t *testing.T) {
	s := Default()
	if s.ClusterDNS.Namespace == "" || len(s.SecurityLevels) == 0 {
		t.Errorf("Default() = %+v, want DNS and level rules", s)
	}
}

// TestParseErrors changes one line of the shipped settings and wants an error
// that names the field, the cause and the remedy.
func TestParseErrors(t *testing.T) {
	const level = "- level: 2\n  criterion: personal data\n  dataClassifications: [Personal]\n"
	tests := []struct {
		name, old, new string
		want           []string
	}{
		{"unknown field", "clusterDNS:", "clusterDns2: x\nclusterDNS:", []string{"clusterDns2", "unknown field"}},
		{"not YAML", "clusterDNS:", "clusterDNS: [", []string{"parse settings"}},
		{"DNS namespace missing", "  namespace: kube-system\n", "", []string{"clusterDNS.namespace", `""`, "must consist of"}},
		{"DNS namespace invalid", "namespace: kube-system", "namespace: Kube_System", []string{"clusterDNS.namespace", `"Kube_System"`, "must consist of"}},
		{"DNS pods unnamed", "  podLabels:\n    k8s-app: kube-dns\n", "", []string{"clusterDNS.podLabels", "empty", "name the labels"}},
		{"DNS pod label invalid", "k8s-app: kube-dns", "k8s-app: -kube-dns", []string{`clusterDNS.podLabels["k8s-app"]`, `"-kube-dns"`, "must"}},
		{"DNS address without a length", "  namespace: kube-system\n", "  addresses: [169.254.20.10]\n  namespace: kube-system\n", []string{"clusterDNS.addresses[0]", `"169.254.20.10"`, "169.254.20.10/32"}},
		{"DNS address inside a block", "  namespace: kube-system\n", "  addresses: [10.0.0.9/29]\n  namespace: kube-system\n", []string{"clusterDNS.addresses[0]", "write 10.0.0.8/29"}},
		{"DNS block too large", "  namespace: kube-system\n", "  addresses: [10.0.0.0/24]\n  namespace: kube-system\n", []string{"clusterDNS.addresses[0]", "larger than 8", "name the name servers"}},
		{"DNS everywhere", "  namespace: kube-system\n", "  addresses: [0.0.0.0/0]\n  namespace: kube-system\n", []string{"clusterDNS.addresses[0]", "larger than 8"}},
		{"DNS at the metadata address", "  namespace: kube-system\n", "  addresses: [169.254.169.248/29]\n  namespace: kube-system\n", []string{"clusterDNS.addresses[0]", "credentials"}},
		{"DNS at a loopback address", "  namespace: kube-system\n", "  addresses: [\"::1/128\"]\n  namespace: kube-system\n", []string{"clusterDNS.addresses[0]", "no name server"}},
		{"DNS labels without a namespace", "  namespace: kube-system\n", "  addresses: [169.254.20.10/32]\n", []string{"clusterDNS.namespace", "must consist of"}},
		{"monitoring namespace invalid", "- namespace: monitoring", "- namespace: monitoring.", []string{"monitoring[0].namespace", `"monitoring."`, "must consist of"}},
		{"gateway namespace missing", "  namespace: gateway-internet\n", "", []string{"gateways[1].namespace", `""`, "must consist of"}},
		{"gateway in an agency's namespace", "namespace: gateway-internet", "namespace: agency-mof", []string{"gateways[1].namespace", `"agency-mof"`, "of the platform"}},
		{"gateway for internal portals", "exposure: Internet", "exposure: Internal", []string{"gateways[1].exposure", `"Internal"`, "use DedicatedNetwork or Internet"}},
		{"pod security not pinned", "podSecurityVersion: v1.36", "podSecurityVersion: latest", []string{"podSecurityVersion", `"latest"`, "pin a version"}},
		{"pod security missing", "podSecurityVersion: v1.36\n", "", []string{"podSecurityVersion", `""`, "pin a version"}},
		{"network with host bits", "- 192.0.2.0/24", "- 192.0.2.7/24", []string{"networks[0]", `"192.0.2.7/24"`, "without host bits"}},
		{"network of everything", "- 192.0.2.0/24", "- 0.0.0.0/0", []string{"networks[0]", `"0.0.0.0/0"`, "everything is no network"}},
		{"cluster range is a word", "clusterRanges: []", "clusterRanges: [pods]", []string{"clusterRanges[0]", `"pods"`, "block of addresses"}},
		{"zone unknown", "timeZone: Asia/Ho_Chi_Minh", "timeZone: Asia/Hue", []string{"timeZone", `"Asia/Hue"`, "Asia/Ho_Chi_Minh"}},
		{"level too high", "- level: 5", "- level: 6", []string{"securityLevels[7].level", "6", "use 1 to 5"}},
		{"level missing", "- level: 5\n  criterion", "- criterion", []string{"securityLevels[7].level", "0", "use 1 to 5"}},
		{"no criterion", "  criterion: personal data\n", "", []string{"securityLevels[0].criterion", "empty", "say in words"}},
		{"no condition", level, "- level: 2\n  criterion: everything\n", []string{"securityLevels[0]", "no condition", "set scopes"}},
		{"users negative", "minUsers: 10000", "minUsers: -1", []string{"securityLevels[3].minUsers", "-1", "use 0 or more"}},
		{"service level too high", "minServiceLevel: 3", "minServiceLevel: 5", []string{"securityLevels[2].minServiceLevel", "5", "use 1 to 4"}},
		{"scope misspelt", "scopes: [National]", "scopes: [Natoinal]", []string{"securityLevels[6].scopes[0]", `"Natoinal"`, "use one of", "National"}},
		{"classification misspelt", "[StateSecret]", "[Public, Secret]", []string{"securityLevels[5].dataClassifications[1]", `"Secret"`, "use one of", "StateSecret"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(replace(t, tt.old, tt.new))
			if err == nil {
				t.Fatal("Parse accepted it")
			}
			for _, w := range tt.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q does not contain %q", err, w)
				}
			}
		})
	}
}

// TestNameServersByAddress: a cache on every node needs no pods.
func TestNameServersByAddress(t *testing.T) {
	s, err := Parse(replace(t, "  namespace: kube-system\n  podLabels:\n    k8s-app: kube-dns\n", "  addresses: [169.254.20.10/32, \"fd00::a/128\"]\n"))
	if err != nil || len(s.ClusterDNS.Addresses) != 2 {
		t.Errorf("addresses alone: %v, %+v", err, s.ClusterDNS)
	}
}

// TestShow: a time is shown on the day on which the installation's people have
// it, and with its zone. Without the zone it was shown a day early.
func TestShow(t *testing.T) {
	at := time.Date(2026, 12, 31, 17, 30, 0, 0, time.UTC)
	if got := Default().Show(at); got != "2027-01-01T00:30:00+07:00" {
		t.Errorf("Show = %s", got)
	}
	if got := (Settings{}).Show(at); got != "2026-12-31T17:30:00Z" {
		t.Errorf("without a zone: %s", got)
	}
}

// TestImpactBound: settings from before the bound have the shipped one, and a
// bound that would hold everything or nothing is refused.
func TestImpactBound(t *testing.T) {
	const shipped = "impactBound:\n  portals: 5\n  percent: 10\n  window: 1h\n"
	hour := metav1.Duration{Duration: time.Hour}
	for _, tt := range []struct {
		bound string
		want  ImpactBound
	}{
		{"", ImpactBound{Portals: 5, Percent: 10, Window: hour}},
		{"impactBound: {portals: 20, percent: 3}\n", ImpactBound{Portals: 20, Percent: 3, Window: hour}},
		{"impactBound: {portals: 20, percent: 3, window: 24h}\n", ImpactBound{Portals: 20, Percent: 3, Window: metav1.Duration{Duration: 24 * time.Hour}}},
		{"impactBound: {portals: 20, percent: 3, window: 59s}\n", ImpactBound{}},
		{"impactBound: {portals: 20, percent: 3, window: 169h}\n", ImpactBound{}},
		{"impactBound: {portals: 20, percent: 3, window: -1h}\n", ImpactBound{}},
		{"impactBound: {portals: 0, percent: 3}\n", ImpactBound{}},
		{"impactBound: {portals: 20, percent: 0}\n", ImpactBound{}},
		{"impactBound: {portals: 20, percent: 101}\n", ImpactBound{}},
		{"impactBound: {portals: 20}\n", ImpactBound{}},
	} {
		s, err := Parse(replace(t, shipped, tt.bound))
		if (err == nil) != (tt.want != ImpactBound{}) {
			t.Errorf("%q: %v", tt.bound, err)
		}
		if err == nil && s.Bound() != tt.want {
			t.Errorf("%q: %+v", tt.bound, s.Bound())
		}
		if err != nil && !strings.Contains(err.Error(), "impactBound") {
			t.Errorf("%q: the error does not name the field: %v", tt.bound, err)
		}
	}
}

func TestParseNoLevels(t *testing.T) {
	data, _, _ := strings.Cut(string(defaults), "securityLevels:")
	_, err := Parse([]byte(data))
	if err == nil || !strings.Contains(err.Error(), "securityLevels is empty") || !strings.Contains(err.Error(), "list the rules") {
		t.Errorf("Parse without levels: %v", err)
	}
}

func replace(t *testing.T, before, after string) []byte {
	t.Helper()
	if !strings.Contains(string(defaults), before) {
		t.Fatalf("the shipped settings have no %q", before)
	}
	return []byte(strings.Replace(string(defaults), before, after, 1))
}

func FuzzParse(f *testing.F) {
	f.Add(defaults)
	f.Add([]byte("clusterDNS: {namespace: a}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse(data)
		if err == nil && (len(s.ClusterDNS.PodLabels)+len(s.ClusterDNS.Addresses) == 0 || len(s.SecurityLevels) == 0) {
			t.Errorf("accepted with a gap: %+v", s)
		}
	})
}

// TestRecord: what is written is read again, by another version too, and a statement
// counts once.
func TestRecord(t *testing.T) {
	s := Default()
	r := Record{InForce: s, Seen: &v1alpha1.AcceptedImpact{Portals: 3}, Held: "it waits"}
	data, err := r.Data()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseRecord(data)
	if err != nil || !again.InForce.Same(s) || again.Held != r.Held || *again.Seen != *r.Seen {
		t.Errorf("read again: %+v, %v", again, err)
	}
	if again.Statement(s) != nil {
		t.Error("settings that accept nothing state something")
	}
	s.AcceptedImpact = &v1alpha1.AcceptedImpact{Portals: 3}
	if again.Statement(s) != nil || !again.InForce.Same(s) {
		t.Error("a statement that was seen counts again, or makes other settings")
	}
	data["config.yaml"] = "later: field\n" + data["config.yaml"]
	if _, err := ParseRecord(data); err != nil {
		t.Errorf("a field of a later version: %v", err)
	}
	data["config.yaml"] = "authorityAgency: mic\n"
	if _, err := ParseRecord(data); err == nil {
		t.Error("settings with gaps are taken for settings")
	}
}
