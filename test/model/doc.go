// Package model drives the platform through random histories on a real API
// server and holds every revision to the promise of consent: traffic between
// agencies exists only where a link is approved, as it is, and valid.
package model
