package control

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/govplatform/govplatform/internal/names"
)

var logging = []Control{{
	Name:    "logging.retentionMonths",
	What:    "how many months logs are kept; the log collector reads it from the pods",
	Of:      "the largest",
	Demands: func(s *Spec) bool { return s.Logging != nil && s.Logging.RetentionMonths > 0 },
	Join:    func(f *Floor, s *Spec) { f.RetentionMonths = max(f.RetentionMonths, s.Logging.RetentionMonths) },
	Write: func(t *corev1.PodTemplateSpec, f Floor) {
		if f.RetentionMonths > 0 {
			if t.Annotations == nil {
				t.Annotations = map[string]string{}
			}
			t.Annotations[names.AnnotationLogRetention] = strconv.Itoa(int(f.RetentionMonths))
		}
	},
}}
