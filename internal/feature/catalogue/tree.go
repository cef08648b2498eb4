package catalogue

// Verb says how a line of a tree hangs on its parent.
type Verb string

// The verbs, as the specification writes them; a child without one is built on its parent.
const (
	Requires  Verb = "Requires"
	Optional  Verb = "Optional"
	Conflicts Verb = "Conflicts"
	BuiltOn   Verb = ""
)

// Branch is a line of one of the specification's feature trees. It names a feature, a need or an option, and
// must be true of the feature that it hangs on: a test holds each against that feature's columns.
type Branch struct {
	Verb     Verb     `json:"verb,omitempty"`
	Text     string   `json:"text"` // "Monitoring"
	Note     string   `json:"note,omitempty"`
	Feature  ID       `json:"feature,omitempty"`
	Need     Need     `json:"need,omitempty"`
	Option   string   `json:"option,omitempty"`
	Branches []Branch `json:"branches,omitempty"`
}

// Tree is one of them, with its heading; empty where the specification gives it the chapter's own.
type Tree struct {
	Name string `json:"name"`
	Root Branch `json:"root"`
}

// Trees returns the specification's trees, in its order.
func (c *Catalogue) Trees() []Tree { return c.trees }

const alwaysOn = "always enabled"

var trees = []Tree{
	{"Core Dependencies", Branch{Text: "VM Management", Note: alwaysOn, Feature: VMManagement, Branches: []Branch{
		{Text: "Privilege Separation", Note: alwaysOn, Feature: PrivilegeSeparation},
		{Text: "Audit Logging", Note: alwaysOn, Feature: AuditLogging},
		{Text: "Basic Monitoring", Note: alwaysOn, Feature: BasicMonitoring},
	}}},
	{"Web Dashboard", Branch{Text: "Web Dashboard", Feature: WebDashboard, Branches: []Branch{
		{Verb: Requires, Text: "nginx", Need: Nginx},
		{Verb: Requires, Text: "TLS certificates", Need: TLSCertificate},
		{Verb: Optional, Text: "Monitoring", Note: "for metrics display", Feature: Monitoring},
		{Verb: Optional, Text: "API", Note: "for backend", Feature: API},
	}}},
	{"API Access", Branch{Text: "API", Note: "REST/GraphQL", Feature: API, Branches: []Branch{
		{Verb: Requires, Text: "Audit Logging", Feature: AuditLogging},
		{Verb: Requires, Text: "Authentication system", Need: Authentication},
		{Verb: Optional, Text: "Rate limiting", Option: "rateLimiting"},
		{Verb: Optional, Text: "API key management", Option: "apiKeys"},
	}}},
	{"Threat Detection", Branch{Text: "Threat Detection", Feature: ThreatDetection, Branches: []Branch{
		{Verb: Requires, Text: "Monitoring", Feature: Monitoring},
		{Verb: Optional, Text: "ML Analysis", Note: "better detection", Feature: MLAnalysis},
		{Verb: Optional, Text: "Threat Intelligence", Note: "external feeds", Feature: ThreatIntelligence},
		{Verb: Optional, Text: "Automated Response", Note: "immediate action", Feature: AutomatedResponse},
	}}},
	{"Backup System", Branch{Text: "Local Backup", Feature: LocalBackup, Branches: []Branch{
		{Text: "Remote Backup", Feature: RemoteBackup, Branches: []Branch{
			{Verb: Requires, Text: "Network access", Need: NetworkAccess},
			{Verb: Requires, Text: "Remote credentials", Need: RemoteCredentials},
		}},
		{Text: "Continuous Replication", Feature: ContinuousReplication, Branches: []Branch{
			{Verb: Requires, Text: "Remote Backup", Feature: RemoteBackup},
			{Verb: Conflicts, Text: "Live Migration", Feature: LiveMigration},
		}},
	}}},
}
