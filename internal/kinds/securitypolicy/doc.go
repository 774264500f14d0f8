// Package securitypolicy decides about standards: what they forbid at admission, what a
// change of them would stop, and whether it waits for that to be accepted.
package securitypolicy
