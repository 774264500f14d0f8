package control

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// noControls are the fields of a policy that demand nothing of what it selects.
var noControls = map[string]string{
	"selector":       "says whom the policy is for",
	"mode":           "says what a violation does",
	"acceptedImpact": "is about a change of the policy",
	"deletionPolicy": "is about the end of the policy",
}

// TestEveryFieldHasARow walks the fields of a spec: each that holds a value is the
// field of one row, in the order of the table, or is listed as no control.
//
// Fails for a row that is taken out or stands twice, for one of a field that does
// not exist, for two rows that change places, and for a noControls that is a row.
func TestEveryFieldHasARow(t *testing.T) {
	rows := map[string]int{}
	var names []string
	for i, c := range All() {
		rows[c.Name]++
		if rows[c.Name] == 2 {
			t.Errorf("row %d: %s stands twice", i, c.Name)
		}
		names = append(names, c.Name)
	}
	var fields []string
	var walk func(path string, typ reflect.Type)
	walk = func(path string, typ reflect.Type) {
		if typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		switch {
		case noControls[path] != "":
			if rows[path] > 0 {
				t.Errorf("%s is listed as no control and has a row", path)
			}
		case rows[path] > 0:
			fields = append(fields, path)
		case typ.PkgPath() == reflect.TypeFor[Spec]().PkgPath() && typ.Kind() == reflect.Struct:
			for i := range typ.NumField() {
				name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
				walk(strings.TrimPrefix(path+"."+name, "."), typ.Field(i).Type)
			}
		default:
			t.Errorf("spec.%s has no row: add one to its group in internal/control, or say in noControls why it demands nothing", path)
		}
	}
	walk("", reflect.TypeFor[Spec]())
	if !slices.Equal(names, fields) {
		t.Errorf("the rows are\n%v\nand the fields of the spec\n%v", names, fields)
	}
}

// TestRowsAreWhole: what is written comes from the floor, what is refused of pods is
// judged by the operator too, so that it can say why before a pod is refused, and
// each row has its words.
//
// Fails for a row without Join, without Evaluate beside Admit, and without words.
func TestRowsAreWhole(t *testing.T) {
	for _, c := range All() {
		switch {
		case c.What == "" || c.Of == "" || strings.ContainsAny(c.What+c.Of, "|\n"):
			t.Errorf("%s: a line of the documentation needs What and Of, without | and line breaks", c.Name)
		case c.Demands == nil:
			t.Errorf("%s: nothing says when it is demanded", c.Name)
		case (c.Join == nil) != (c.Write == nil):
			t.Errorf("%s: what is joined into the floor is written from it, and the other way round", c.Name)
		case c.Admit != nil && c.Evaluate == nil:
			t.Errorf("%s: pods are refused for it and no portal is told", c.Name)
		case c.Demands(&Spec{}):
			t.Errorf("%s: an empty spec demands it", c.Name)
		}
	}
}
