package object

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/text"
)

// Hash returns "sha256:" and the hash of a struct of strings and numbers, which
// always marshals, in the order of its fields.
func Hash(what any) string {
	data, err := json.Marshal(what)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Fingerprint says which platforms are duplicates: capability and scope, letter
// case, white space and the way in which accents are written aside.
func Fingerprint(capability, scope v1alpha1.Text) string {
	sum := sha256.Sum256([]byte(text.Fold(string(capability)) + "\x00" + text.Fold(string(scope))))
	return hex.EncodeToString(sum[:])[:16]
}
