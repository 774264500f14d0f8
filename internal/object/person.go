package object

import (
	"github.com/govplatform/govplatform/internal/text"
)

// SamePerson reports whether two user names are taken for one person's: neither
// letter case, nor how the same letters are encoded, nor what nobody sees makes
// another person.
func SamePerson(a, b string) bool { return text.Fold(a) == text.Fold(b) }
