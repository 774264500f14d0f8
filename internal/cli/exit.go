package cli

import "errors"

// exitError ends the command with a code of its own. Its message may be empty
// when everything has been said.
type exitError struct {
	code    int
	message string
}

func (e exitError) Error() string { return e.message }

// ExitCode returns the exit code for what a command returned.
func ExitCode(err error) int {
	var e exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.code
	}
	return 1
}
