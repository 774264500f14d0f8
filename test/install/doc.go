// Package install checks what users install: that config/default and the Helm chart are the same, that a real API server
// takes them, what rights they give, and what the shipped admission policies stop.
package install
