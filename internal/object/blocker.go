package object

// BlockerClass says what can lift a blocker.
type BlockerClass string

const (
	// Waiting is lifted by an event elsewhere: something that is missing appears.
	Waiting BlockerClass = "Waiting"
	// Terminal is lifted only by a change of the object or of a standard.
	Terminal BlockerClass = "Terminal"
)

// Blocker is a reason why the workload must not run.
type Blocker struct {
	Class   BlockerClass
	Reason  string
	Message string
}
