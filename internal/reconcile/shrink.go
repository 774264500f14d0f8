package reconcile

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/text"
)

// shortMessage is how much of a condition's message is kept when the status has to
// be small.
const shortMessage = 256

// step is a part of a status that goes, or gets shorter, when spec and status take
// more than most bytes, or when the API server refuses what is left for its size.
type step struct {
	most int
	take func()
}

// shrink returns what makes the status of an object smaller that can't be stored:
// one step after the other until it can. What closing needs is in none of them:
// who has rights and which wait, who decided, what is in force, what is consented
// to, claimed and replaced.
func shrink(obj Object) []step {
	base := obj.GetStatusBase()
	soon := func(take func()) step { return step{maxObject, take} }
	messages := soon(func() { shortenMessages(base) })
	// The owner's children are found by their marks too.
	inventory := soon(func() { base.Inventory = nil })
	switch o := obj.(type) {
	case *v1alpha1.Agency:
		// For others to read, and made anew in every round.
		catalogue := soon(func() { o.Status.Catalogue = nil })
		return []step{catalogue, messages, inventory}
	case *v1alpha1.AgencyPortal:
		findings := soon(func() { shortenFindings(o.Status.Findings) })
		// It may have to run, so it goes last, and only where there is no room at all.
		lastCompliant := step{brim, func() { dropLastCompliant(o) }}
		return []step{messages, findings, inventory, lastCompliant}
	case *v1alpha1.DataSharingLink:
		// Nobody decides about a scope that is not stored. The inventory stays: it
		// says whether the link is open.
		scope := soon(func() { o.Status.Scope, o.Status.SpecHash = nil, "" })
		return []step{scope, messages}
	default:
		return []step{messages, inventory}
	}
}

// shortenFindings leaves out what findings say. Which standard finds what is read to
// decide and to count.
func shortenFindings(findings []v1alpha1.PolicyFinding) {
	for i := range findings {
		findings[i].Found, findings[i].Wanted = "", ""
	}
}

func dropLastCompliant(p *v1alpha1.AgencyPortal) {
	if p.Status.LastCompliant == nil {
		return
	}
	p.Status.LastCompliant = nil
	note(p.GetStatusBase(), "status.lastCompliant: the spec is too large to be recorded as the last compliant one; what runs stays as it is while another spec does not comply. Shorten spec.env and spec.publicServices.")
}

// note adds a sentence to what the condition Ready says.
func note(base *v1alpha1.StatusBase, sentence string) {
	if c := meta.FindStatusCondition(base.Conditions, v1alpha1.ConditionReady); c != nil {
		c.Message = strings.TrimSpace(c.Message + " " + sentence)
	}
}

// putBack gives the fields of a status that the API server does not take the values
// that are stored, and says so. It reports whether it found any.
func putBack[T Object](before, obj T, err error) bool {
	status := apierrors.APIStatus(nil)
	if !errors.As(err, &status) || status.Status().Details == nil {
		return false
	}
	from, to := reflect.ValueOf(before.DeepCopyObject()).Elem(), reflect.ValueOf(obj).Elem()
	found := false
	for _, cause := range status.Status().Details.Causes {
		path, ok := strings.CutPrefix(cause.Field, "status.")
		name := path[:len(path)-len(strings.TrimLeft(path, letters))]
		if ok && copyField(from.FieldByName("Status"), to.FieldByName("Status"), name) {
			found = true
		}
	}
	if found {
		cause := status.Status().Details.Causes[0]
		note(obj.GetStatusBase(), text.Clip(fmt.Sprintf("%s: the API server does not take it, and what was recorded before stays: %s", cause.Field, cause.Message), shortMessage))
	}
	return found
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// copyField copies the field of a status that has a name in JSON.
func copyField(from, to reflect.Value, name string) bool {
	for i := range from.NumField() {
		f := from.Type().Field(i)
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && copyField(from.Field(i), to.Field(i), name) {
			return true
		}
		if tag != "" && tag == name {
			to.Field(i).Set(from.Field(i))
			return true
		}
	}
	return false
}

func shortenMessages(base *v1alpha1.StatusBase) {
	for i := range base.Conditions {
		if m := base.Conditions[i].Message; len(m) > shortMessage {
			base.Conditions[i].Message = strings.ToValidUTF8(m[:shortMessage-3], "") + "..."
		}
	}
}
