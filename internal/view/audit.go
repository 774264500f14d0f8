package view

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/audit"
	"github.com/govplatform/govplatform/internal/settings"
)

// Audit reads the whole platform and proves its isolation; the matrix is what
// was found on the way.
func Audit(ctx context.Context, reader client.Reader, s settings.Settings, now time.Time) (audit.Report, AgencyMatrix, error) {
	c, err := ReadState(ctx, reader, s)
	if err != nil {
		return audit.Report{}, AgencyMatrix{}, err
	}
	if err := c.readMakers(ctx, reader); err != nil {
		return audit.Report{}, AgencyMatrix{}, err
	}
	if err := c.NeedsAll("the audit"); err != nil {
		return audit.Report{}, AgencyMatrix{}, err
	}
	report, err := c.auditReport(ctx, now)
	return report, c.Matrix(), err
}
