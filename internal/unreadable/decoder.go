package unreadable

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// bad stands in a watch for an object that could not be decoded.
type bad struct {
	*unstructured.Unstructured
	cause error
}

// serializer decodes as another one does, and what that cannot decode item by
// item, so that one object does not cost the others. What is all right takes
// the same way, and the same memory, as without it.
type serializer struct {
	runtime.NegotiatedSerializer
	scheme *runtime.Scheme
	// unreadable gets what a list has of what cannot be decoded.
	unreadable func(*unstructured.Unstructured, error)
}

// DecoderToVersion implements runtime.NegotiatedSerializer.
func (s serializer) DecoderToVersion(d runtime.Decoder, gv runtime.GroupVersioner) runtime.Decoder {
	return decoder{Decoder: s.NegotiatedSerializer.DecoderToVersion(d, gv), serializer: s}
}

type decoder struct {
	runtime.Decoder
	serializer
}

// Decode implements runtime.Decoder.
func (d decoder) Decode(data []byte, defaults *schema.GroupVersionKind, into runtime.Object) (runtime.Object, *schema.GroupVersionKind, error) {
	o, gvk, err := d.Decoder.Decode(data, defaults, into)
	if err == nil {
		return o, gvk, nil
	}
	if into != nil {
		if !meta.IsListType(into) {
			return o, gvk, err
		}
		gvk, listErr := d.decodeList(data, into)
		if listErr != nil {
			return nil, nil, fmt.Errorf("%w (and not item by item either: %w)", err, listErr)
		}
		return into, gvk, nil
	}
	u := &unstructured.Unstructured{}
	if json.Unmarshal(data, &u.Object) != nil || !ours(u.GroupVersionKind()) {
		return o, gvk, err
	}
	kind := u.GroupVersionKind()
	return &bad{Unstructured: u, cause: err}, &kind, nil
}

func (d decoder) decodeList(data []byte, into runtime.Object) (*schema.GroupVersionKind, error) {
	var raw struct {
		metav1.TypeMeta `json:",inline"`
		Metadata        metav1.ListMeta   `json:"metadata"`
		Items           []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("decode list: %w", err)
	}
	var items []runtime.Object
	for _, item := range raw.Items {
		o, _, err := d.Decoder.Decode(item, nil, nil)
		if err == nil {
			items = append(items, o)
			continue
		}
		u := &unstructured.Unstructured{}
		if err := json.Unmarshal(item, &u.Object); err != nil {
			return nil, fmt.Errorf("decode item: %w", err)
		}
		d.unreadable(u, err)
	}
	if err := meta.SetList(into, items); err != nil {
		return nil, fmt.Errorf("fill list: %w", err)
	}
	list, err := meta.ListAccessor(into)
	if err != nil {
		return nil, fmt.Errorf("fill list: %w", err)
	}
	list.SetResourceVersion(raw.Metadata.ResourceVersion)
	list.SetContinue(raw.Metadata.Continue)
	list.SetRemainingItemCount(raw.Metadata.RemainingItemCount)
	gvk := raw.GroupVersionKind()
	return &gvk, nil
}
