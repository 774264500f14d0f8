// Package rbac holds the roles that the operator is installed with, so that it can
// ask at its start whether it has them.
package rbac

import _ "embed"

// ManagerRole is the generated ClusterRole of the operator.
//
//go:embed role.yaml
var ManagerRole []byte

// LeaderElectionRole is the Role of the operator in its own namespace.
//
//go:embed leader_election_role.yaml
var LeaderElectionRole []byte
