package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const certificateLifetime = 7 * 24 * time.Hour

// writeKubeletCertificates makes an authority for the connections between the API server and kubelet, and its two
// certificates. The API server needs them before it starts, when its own authority does not exist yet, and nobody else
// shall be able to talk to kubelet.
func writeKubeletCertificates(dir string) error {
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now()
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kubelet-ca"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certificateLifetime),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	if err := writeCertificate(dir, "kubelet-ca", authority, authority, authorityKey, authorityKey); err != nil {
		return err
	}
	for serial, leaf := range map[int64]struct {
		file  string
		name  pkix.Name
		usage x509.ExtKeyUsage
		ips   []net.IP
	}{
		2: {"kubelet", pkix.Name{CommonName: NodeName}, x509.ExtKeyUsageServerAuth, []net.IP{net.ParseIP(NodeIP)}},
		// Kubelet asks the API server what this user may do.
		3: {"kubelet-client", pkix.Name{CommonName: "kube-apiserver-kubelet-client", Organization: []string{"system:masters"}}, x509.ExtKeyUsageClientAuth, nil},
	} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		template := &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: leaf.name, IPAddresses: leaf.ips,
			NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certificateLifetime),
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{leaf.usage}, BasicConstraintsValid: true,
		}
		if err := writeCertificate(dir, leaf.file, template, authority, key, authorityKey); err != nil {
			return err
		}
	}
	return nil
}

func writeCertificate(dir, name string, template, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) error {
	certificate, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		return err
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, name+".key"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name+".crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}), 0o600)
}
