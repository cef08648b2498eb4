package catalogue

// Access features open the host to people and programs that do not sit on it.
var accessFeatures = []Feature{
	{
		ID: WebDashboard, Name: "Web Dashboard", Category: CategoryAccess, Risk: Moderate,
		Needs:       []Need{Nginx, TLSCertificate, Authentication},
		Optional:    []ID{Monitoring, API},
		On:          "the page; without api it uses a same-origin, session-only backend, and keys and other clients are refused",
		Off:         "no page",
		Exposes:     "a log-in page on the network",
		Mitigations: []string{"TLS 1.3 through nginx", "a second factor for administrators", "bind it to the network of the administrators"},
		ChangesIn:   setup,
	},
	{
		ID: API, Name: "API", Category: CategoryAccess, Risk: Moderate,
		Requires:    []ID{AuditLogging},
		Needs:       []Need{Authentication},
		Options:     []string{"rateLimiting", "apiKeys"},
		On:          "REST and GraphQL for programs over TCP",
		Off:         "only the unix socket of this host",
		Warning:     "programs reach the host over the network: to be used with authentication only",
		Exposes:     "every action of the product to whoever holds a key",
		Mitigations: []string{"authentication is required", "every call is in the audit log", "rate limits and narrow API keys"},
		ChangesIn:   setup,
	},
	{
		ID: PublicBridge, Name: "Public Network Bridge", Category: CategoryAccess, Risk: High,
		Requires:    []ID{MicroSegmentation},
		On:          "VMs on an uplink that is declared public or holds a public IPv4 address (an IPv6 global address warns)",
		Off:         "such an uplink is refused; bridging to a private LAN is network mode bridged, allowed at any tolerance",
		Exposes:     "VMs to everybody on the public network",
		Mitigations: []string{"microSegmentation is required: what no policy allows stays closed"},
		ChangesIn:   setup,
	},
}
