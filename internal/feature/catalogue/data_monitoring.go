package catalogue

var monitoringFeatures = []Feature{
	{
		ID: Monitoring, Name: "Monitoring", Category: CategoryMonitoring, Risk: Minimal,
		Requires:  []ID{BasicMonitoring},
		Optional:  []ID{PrometheusExport},
		On:        "history of 15 days, alert rules, charts",
		Off:       "only the last 24 h are kept",
		Impact:    light,
		ChangesIn: setup,
	},
	{
		ID: PrometheusExport, Name: "Prometheus Export", Category: CategoryMonitoring, Risk: Moderate,
		Requires:    []ID{Monitoring},
		On:          "/metrics and service discovery",
		Off:         "no endpoint",
		Exposes:     "names and load of VMs to whoever may scrape",
		Mitigations: []string{"bind the endpoint to the network of the scraper", "let it ask for a token"},
		ChangesIn:   setup,
	},
	{
		ID: CLIEnhancements, Name: "CLI Enhancements", Category: CategoryAccess, Risk: Minimal,
		On:        "terminal UI, coloured diffs, sparklines (completion is core)",
		Off:       "plain CLI",
		ChangesIn: setup,
	},
}
