package catalogue

var monitoringFeatures = []Feature{
	{
		ID: Monitoring, Name: "Monitoring", Category: CategoryMonitoring, Risk: Minimal, Since: first,
		Description: "Keeps the samples of basic monitoring on disk, judges them by alert rules, and draws them.",
		Benefits:    []string{"trends over two weeks", "a full disk or a starving VM tells before it fails"},
		Requires:    []ID{BasicMonitoring},
		Optional:    []ID{PrometheusExport},
		On:          "history of 15 days, alert rules, charts",
		Off:         "only the last 24 h are kept",
		Exposes:     "two weeks of the VMs' load to members of the group hypervisor",
		Mitigations: []string{"history stays on this host while prometheusExport is off"},
		Impact:      light,
		Tunables: []Tunable{
			lasting("retention", "15d", "1d", "365d", "how long samples are kept"),
			lasting("interval", "10s", "1s", "5m", "the time between two samples"),
			size("diskLimit", "2GiB", "64MiB", "1TiB", "the most that history may take on disk; the oldest goes first"),
		},
		ChangesIn: setup,
	},
	{
		ID: PrometheusExport, Name: "Prometheus Export", Category: CategoryMonitoring, Risk: Moderate, Since: first,
		Description: "Offers the samples to a Prometheus server, and tells it which VMs there are.",
		Benefits:    []string{"one place for many hosts' figures", "dashboards and alerts that you have already"},
		Requires:    []ID{Monitoring},
		On:          "/metrics and service discovery",
		Off:         "no endpoint",
		Exposes:     "names and load of VMs to whoever may scrape",
		Mitigations: []string{"bind the endpoint to the network of the scraper", "let it ask for a token"},
		Impact:      expected("low", "low", "low", "low"),
		Tunables: []Tunable{
			text("listen", "127.0.0.1:9480", "the address and port of the endpoint"),
			flag("requireToken", true, "a scraper has to show a token"),
			flag("perVM", true, "figures of each VM, beside those of the host"),
		},
		ChangesIn: setup,
	},
	{
		ID: CLIEnhancements, Name: "CLI Enhancements", Category: CategoryAccess, Risk: Minimal, Since: first,
		Description: "A terminal UI for the whole host, and output with colour and small charts.",
		Benefits:    []string{"a host at a glance over ssh", "a change is read faster when its difference is coloured"},
		On:          "terminal UI, coloured diffs, sparklines (completion is core)",
		Off:         "plain CLI",
		Exposes:     "nothing that the plain CLI does not show",
		Mitigations: []string{"it speaks to the same API, with the same rights"},
		Impact:      expected("low", "low", "low", "low"),
		Tunables: []Tunable{
			lasting("refresh", "2s", "1s", "60s", "the time between two pictures of the terminal UI"),
			flag("sparklines", true, "small charts in tables"),
		},
		ChangesIn: setup,
	},
}
