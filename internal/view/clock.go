package view

import "time"

// zone is that of Viet Nam, in which people read times. It has no summer time.
var zone = time.FixedZone("+07:00", 7*60*60)

// Clock shows a time with its zone.
func Clock(t time.Time) string { return t.In(zone).Format("2006-01-02 15:04:05 -07:00") }
