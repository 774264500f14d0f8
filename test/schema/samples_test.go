package schema

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// namespace of the samples; the tests make it, no operator runs.
const namespace = "agency-schema"

// samples fill every field of every kind, some of them with a second object
// where fields exclude each other. TestSamplesFillEveryField says which is missing.
const samples = `
kind: Agency
metadata: {name: full}
spec:
  code: G12.18
  legacyCode: 000.00.18.G12
  displayName: Cục Thuế
  adminLevel: Central
  parentRef: {name: finance, code: G12}
  accountableOfficer: {title: Cục trưởng, email: head@tax.example.gov.vn}
  adminGroups: [tax-admins]
  viewerGroups: [tax-viewers]
  adminServiceAccounts: [{namespace: delivery, name: tax}]
  domains: [tax.example.gov.vn]
  quota: {cpu: "8", memory: 16Gi, pods: 50, portals: 5, dataServices: 10, links: 20, approvals: 60, secrets: 30, configMaps: 30}
  suspended: true
  deletionPolicy: DeletePortals
  adoptNamespace: 11111111-1111-1111-1111-111111111111
  rightsChange: {requestedBy: govplatform:admin}
status:
  namespace: agency-full
  portals: 1
  dataServices: 1
  links: 1
  approvals: 1
  children: 1
  adopted: {uid: "1", previousOwner: "2", at: "2026-01-31T10:00:00Z"}
  rights: {adminGroups: [tax-admins], adminServiceAccounts: [{namespace: delivery, name: tax}], viewerGroups: [tax-viewers], since: "2026-01-31T10:00:00Z"}
  catalogue: [{name: residents, identifier: VN/G12/full/residents, dataset: residents, classification: Personal, shareMode: Online, operations: [getResident]}]
  pendingRights: {agencyGeneration: 3, requestedBy: mai, added: {adminGroups: [others], adminServiceAccounts: [{namespace: delivery, name: other}], viewerGroups: [readers]}, hash: "sha256:1111111111111111111111111111111111111111111111111111111111111111"}
---
kind: Agency
metadata: {name: confirmed}
spec:
  code: G13
  displayName: Bộ Y tế
  adminLevel: Central
  accountableOfficer: {title: Bộ trưởng, email: head@health.example.gov.vn}
  rightsChange: {confirmedBy: govplatform:admin, confirmedHash: "sha256:1111111111111111111111111111111111111111111111111111111111111111"}
---
kind: SecurityPolicy
metadata: {name: full}
spec:
  selector: {securityLevels: [3], agencies: [schema], exposures: [Internet]}
  mode: Audit
  images: {allowedRegistries: [registry.platform.example.gov.vn/mof], requireDigest: true}
  podSecurity: Restricted
  availability: {minReplicas: 2, requireDisruptionBudget: true}
  resources: {requireLimits: true, maxCPU: "2", maxMemory: 4Gi}
  certificates: {issuerRef: {kind: ClusterIssuer, name: government}, maxDuration: 2160h, minTLSVersion: "1.3"}
  network: {denyInternetEgress: true}
  dataSharing: {requireMutualTLS: true, requireAuthorityApprovalFor: [Personal], allowDirectRoute: true, maxValidity: 8760h, datasetOwners: [{dataset: residents, agency: schema}]}
  isolation: {runtimeClassName: gvisor, nodePool: restricted}
  logging: {retentionMonths: 12}
  acceptedImpact: {portals: 1, links: 2}
  deletionPolicy: DeleteInUse
status:
  matched: 4
  compliant: 1
  violating: 2
  exempted: 1
  violators: [{kind: AgencyPortal, agency: schema, name: full, control: images.requireDigest}]
  impact: {portals: 1, links: 1, first: [{kind: DataSharingLink, agency: schema, name: full, control: dataSharing.maxValidity}]}
  usedAcceptance: {portals: 1, links: 2}
  recentStops: {at: "2026-01-31T10:00:00Z", portals: 1, links: 2, following: 1}
---
kind: SharedPlatform
metadata: {name: full}
spec:
  displayName: Nền tảng định danh
  type: Identity
  ownerRef: {name: schema}
  scope: National
  capability: Định danh công dân
  endpoint: {portal: {agency: schema, name: identity}}
  agencies: [schema]
  deletionPolicy: DeleteInUse
  changePolicy: ChangeInUse
status: {fingerprint: abc, duplicateOf: other, consumers: 1, consents: [{portalUID: 5f9a1c1e-0000-4000-8000-000000000000, portal: {agency: schema, name: hub}, type: Identity, agencies: [schema]}]}
---
kind: SharedPlatform
metadata: {name: outside}
spec:
  displayName: Trục liên thông
  type: DataSharing
  ownerRef: {name: schema}
  scope: National
  capability: Trục
  endpoint: {external: {cidrs: [192.0.2.0/24], port: 443}}
status: {consumers: 1}
---
kind: AgencyPortal
metadata: {name: full}
spec:
  displayName: Cổng thuế
  components: [PublicService]
  image: registry.platform.example.gov.vn/mof/tax@sha256:1111111111111111111111111111111111111111111111111111111111111111
  port: 8081
  replicas: {min: 2, max: 4}
  env:
  - {name: GREETING, value: Xin chào}
  - {name: PASSWORD, valueFrom: {secretKeyRef: {name: database, key: password}}}
  - {name: MODE, valueFrom: {configMapKeyRef: {name: settings, key: mode}}}
  resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {cpu: "1", memory: 512Mi}}
  probes: {livenessPath: /live, readinessPath: /ready, startupSeconds: 30}
  hostnames: [thue.example.gov.vn]
  exposure: Internet
  dataClassification: Personal
  scope: National
  expectedUsers: 1000
  citizenLogin: true
  platformRefs: [{name: identity}]
  publicServices: [{procedureCode: "1.007042", name: Đăng ký thuế, level: 4, fee: true}]
  restart: second
  providesPlatforms: [identity]
status:
  agency: schema
  securityLevel: 4
  url: http://full.agency-schema.svc:8081
  publicServices: {declared: 1, verified: 1}
  policies: [level-4]
  ports: [8081]
  platformConsents: [{name: identity, uid: 5f9a1c1e-0000-4000-8000-000000000000}]
  replacing: {from: registry.example.gov.vn/a, to: registry.example.gov.vn/b}
  findings: [{policy: level-4, mode: Enforce, control: images.requireDigest, found: tag, wanted: digest}]
---
kind: DataService
metadata: {name: full}
spec:
  portalRef: {name: full}
  serviceCode: residents
  dataset: residents
  classification: Personal
  port: 8081
  operations: [{name: getResident, method: GET, path: /v1/residents/*}]
  shareMode: Online
  visibility: Restricted
status: {claim: {dataset: residents, heldSince: "2026-11-26T08:00:00Z"}, identifier: VN/G12/full/residents, consumers: [agency-a/b], links: [agency-a/link]}
---
kind: DataSharingLink
metadata: {name: full}
spec:
  consumer: {portalRef: {name: full}}
  provider: {agency: schema, service: full}
  purpose: Xác nhận cư trú
  legalBasis: Nghị định 47/2020/NĐ-CP
  operations: [getResident]
  validUntil: "2099-01-31T17:00:00+07:00"
  rateLimit: {requestsPerSecond: 5}
  route: Direct
  requestedBy: govplatform:admin
status:
  specHash: "sha256:1111111111111111111111111111111111111111111111111111111111111111"
  phase: Open
  identifier: VN/G12/full/residents
  decisions:
  - {side: Provider, decision: Approve, approver: mai, specHash: "sha256:1111111111111111111111111111111111111111111111111111111111111111", time: "2026-01-31T10:00:00Z", namespace: agency-schema, name: full, uid: "1", reason: Đúng, otherScope: true}
  scope:
    linkUID: "1"
    linkGeneration: 1
    consumer: &end {agency: schema, name: full, uid: "2", exposure: Internal, securityLevel: 3, dataClassification: Personal, image: a.b/c}
    provider: *end
    via: *end
    service: {agency: schema, name: full, uid: "3"}
    operations: [{name: getResident, method: GET, path: /v1/residents/*}]
    port: 8081
    classification: Personal
    purpose: Xác nhận cư trú
    legalBasis: Nghị định
    validUntil: "2099-01-31T17:00:00+07:00"
    requestsPerSecond: 5
    route: Direct
    requestedBy: mai
---
kind: DataSharingApproval
metadata: {name: full}
spec:
  linkRef: {namespace: agency-schema, name: full}
  specHash: "sha256:1111111111111111111111111111111111111111111111111111111111111111"
  decision: Reject
  reason: Sai thẩm quyền
  approver: govplatform:admin
status:
  side: Authority
`

// base is the part of the status that every kind has.
const base = `
observedGeneration: 1
conditions:
- {type: Ready, status: "True", reason: Ready, message: All is well., observedGeneration: 1, lastTransitionTime: "2026-01-31T10:00:00Z"}
- {type: Available, status: "True", reason: Available, message: All is well., observedGeneration: 1, lastTransitionTime: "2026-01-31T10:00:00Z"}
inventory: [{group: apps, kind: Deployment, namespace: agency-schema, name: full, uid: 11111111-1111-1111-1111-111111111111}]
`

// readSamples returns the samples of every kind, complete with the status that
// every kind has.
func readSamples(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	var out []*unstructured.Unstructured
	for _, doc := range splitDocuments(samples) {
		u, common := &unstructured.Unstructured{}, map[string]any{}
		// JSON numbers as the API machinery reads them.
		if err := unmarshal(doc, &u.Object); err != nil {
			t.Fatal(err)
		}
		if err := unmarshal(base, &common); err != nil {
			t.Fatal(err)
		}
		u.SetAPIVersion("platform.gov.vn/v1alpha1")
		if isNamespaced(t, u.GetKind()) {
			u.SetNamespace(namespace)
		}
		status, _ := u.Object["status"].(map[string]any)
		if status == nil {
			status = map[string]any{}
		}
		maps.Copy(status, common)
		for _, name := range specCopies(t, u.GetKind()) {
			status[name] = u.DeepCopy().Object["spec"]
		}
		u.Object["status"] = status
		out = append(out, u)
	}
	return out
}

func splitDocuments(s string) []string {
	var out []string
	for len(s) > 0 {
		i := indexOrEnd(s, "\n---\n")
		out = append(out, s[:i])
		s = s[min(len(s), i+len("\n---\n")):]
	}
	return out
}

func unmarshal(doc string, into *map[string]any) error {
	data, err := yaml.YAMLToJSON([]byte(doc))
	if err != nil {
		return err
	}
	u := &unstructured.Unstructured{}
	// The decoder of the API machinery wants a kind.
	var content map[string]any
	if err := json.Unmarshal(data, &content); err != nil {
		return err
	}
	if _, ok := content["kind"]; !ok {
		content["kind"] = "None"
	}
	content["apiVersion"] = "platform.gov.vn/v1alpha1"
	if data, err = json.Marshal(content); err != nil {
		return err
	}
	if err := u.UnmarshalJSON(data); err != nil {
		return err
	}
	if u.GetKind() == "None" {
		delete(u.Object, "kind")
		delete(u.Object, "apiVersion")
	}
	*into = u.Object
	return nil
}

// TestSamplesFillEveryField: the other tests try what the samples have.
func TestSamplesFillEveryField(t *testing.T) {
	all := readSamples(t)
	for kind, object := range emptyObjects() {
		missing := map[string]bool{}
		for _, f := range fieldsOf(t, object) {
			missing[f.path] = true
		}
		for _, s := range all {
			if s.GetKind() != kind {
				continue
			}
			for path := range missing {
				if lookup(s.Object, path) {
					delete(missing, path)
				}
			}
		}
		for _, path := range slices.Sorted(maps.Keys(missing)) {
			t.Errorf("test/schema/samples_test.go: no sample of %s has the field %s: add it, so that it is tried", kind, path)
		}
	}
}
