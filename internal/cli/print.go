package cli

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode"

	"golang.org/x/text/width"

	texts "github.com/govplatform/govplatform/internal/text"
)

// This file is the one place that writes to people. What stands in objects was
// written by somebody else and may try to erase, reorder or imitate what stands
// around it; here every value becomes printable before it is written.

// say writes the format with every argument made printable.
func say(w io.Writer, format string, args ...any) {
	safe := make([]any, len(args))
	for i, a := range args {
		safe[i] = printable(a)
	}
	_, _ = fmt.Fprintf(w, format, safe...)
}

// printable leaves numbers as they are, since formats may pad them.
func printable(a any) any {
	if s, ok := a.(fmt.Stringer); ok {
		return texts.Printable(s.String())
	}
	switch reflect.ValueOf(a).Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		return a
	}
	return texts.Printable(fmt.Sprint(a))
}

// raw writes output for programs, JSON or YAML, as it is.
func raw(w io.Writer, data []byte) error {
	_, err := w.Write(data)
	return err
}

// PrintError writes the error that a command ended with, if it has anything to say.
func PrintError(w io.Writer, err error) {
	if err != nil && err.Error() != "" {
		say(w, "error: %s\n", err)
	}
}

// columns is how much room a printable text takes on a terminal: wide letters
// take two columns, marks on a letter none.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += columnsOf(r)
	}
	return n
}

func columnsOf(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// pad adds blanks up to a number of columns.
func pad(s string, n int) string {
	return s + strings.Repeat(" ", max(0, n-columns(s)))
}
