package alerts

// A scenario has series that fire an alert within its hold and an hour, and series,
// close to them, that do not. One sample is a minute.
type scenario struct {
	fires, silent string
}

// scenarios has one of each alert; TestAlerts fails with an alert that has none.
var scenarios = map[string]scenario{
	"GovplatformNotRunning": {
		fires: `govplatform_controller_running{instance="a", controller="agency"} 0x1600
		        govplatform_controller_running{instance="b", controller="agency"} 0x1600`,
		// The standby's workers never run.
		silent: `govplatform_controller_running{instance="a", controller="agency"} 0x1600
		         govplatform_controller_running{instance="b", controller="agency"} 1x1600`,
	},
	"GovplatformScrapeErrors": {
		fires:  `govplatform_scrape_errors_total{instance="a", kind="Agency"} 0+1x1600`,
		silent: `govplatform_scrape_errors_total{instance="a", kind="Agency"} 7x1600`,
	},
	"GovplatformReconcileErrors": {
		fires: `controller_runtime_reconcile_errors_total{instance="a", controller="agency"} 0+6x1600
		        govplatform_controller_running{instance="a", controller="agency"} 1x1600`,
		// Those of another operator are not ours.
		silent: `controller_runtime_reconcile_errors_total{instance="a", controller="agency"} 0+1x1600
		         govplatform_controller_running{instance="a", controller="agency"} 1x1600
		         controller_runtime_reconcile_errors_total{instance="z", controller="agency"} 0+60x1600`,
	},
	"GovplatformUnreadable": {
		fires:  `govplatform_unreadable_objects{instance="a", kind="Agency"} 1x1600`,
		silent: `govplatform_unreadable_objects{instance="a", kind="Agency"} 0x1600`,
	},
	"GovplatformSchemaSkew": {
		fires:  `govplatform_schema_skew{instance="a", kind="Agency", direction="older"} 2x1600`,
		silent: `govplatform_schema_skew{instance="a", kind="Agency", direction="older"} 0x1600`,
	},
	"GovplatformSettingsHeld": {
		fires:  `govplatform_settings_held{instance="a"} 1x1600`,
		silent: `govplatform_settings_held{instance="a"} 0x1600`,
	},
	"GovplatformStandardsHeld": {
		fires:  `govplatform_policy_held{instance="a"} 1x1600`,
		silent: `govplatform_policy_held{instance="a"} 0x1600`,
	},
	"GovplatformRightsWait": {
		fires: `govplatform_agency_rights_waiting{instance="a"} 1x1600`,
		// Somebody answered after 20 hours.
		silent: `govplatform_agency_rights_waiting{instance="a"} 1x1200 0x399`,
	},
	"GovplatformRepairs": {
		fires: `govplatform_child_repairs_total{instance="a", kind="Agency", child="NetworkPolicy"} 0+1x1600`,
		// Once in 10 minutes: 6 within an hour.
		silent: `govplatform_child_repairs_total{instance="a", kind="Agency", child="NetworkPolicy"} 0+0.1x1600`,
	},
	"GovplatformLinksUnread": {
		fires: `govplatform_links{instance="a", state="waiting", reason="Unreadable"} 1x1600`,
		silent: `govplatform_links{instance="a", state="waiting", reason="ApprovalMissing"} 5x1600
		         govplatform_links{instance="a", state="open", reason="LookupFailed"} 5x1600`,
	},
	"GovplatformTermsEnd": {
		fires: `govplatform_link_terms_ending{instance="a", within="7d"} 1x1600`,
		silent: `govplatform_link_terms_ending{instance="a", within="7d"} 0x1600
		         govplatform_link_terms_ending{instance="a", within="30d"} 4x1600`,
	},
}
