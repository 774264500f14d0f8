package control

var certificates = []Control{{
	Name:    "certificates.issuerRef",
	What:    "the only issuer of the portal's certificates",
	Of:      "each",
	Demands: func(s *Spec) bool { return s.Certificates != nil && s.Certificates.IssuerRef != nil },
}, {
	Name:    "certificates.maxDuration",
	What:    "the longest validity of the portal's certificates",
	Of:      "the smallest",
	Demands: func(s *Spec) bool { return s.Certificates != nil && s.Certificates.MaxDuration != nil },
}, {
	Name:    "certificates.minTLSVersion",
	What:    "the lowest version of TLS",
	Of:      "the largest",
	Demands: func(s *Spec) bool { return s.Certificates != nil && s.Certificates.MinTLSVersion != "" },
}}
