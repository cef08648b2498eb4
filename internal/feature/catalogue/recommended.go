package catalogue

import "slices"

// Configuration is one of the specification's recommended ones, as it writes it.
type Configuration struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"` // "Home Lab"
	Profile   string    `json:"profile"`
	Tolerance Tolerance `json:"riskTolerance"`
	Enabled   []ID      `json:"enabledFeatures"`
}

// Configurations returns the recommended configurations, in the specification's order.
func (c *Catalogue) Configurations() []Configuration { return slices.Clone(c.configurations) }

var configurations = []Configuration{
	{"home-lab", "Home Lab", "balanced", Balanced, []ID{Monitoring, LocalBackup, WebDashboard, CLIEnhancements}},
	{"development", "Development Environment", "full", Accepting, []ID{Monitoring, API, DevEnvironments, Snapshots, WebDashboard}},
	{"production", "Production Deployment", "custom", Cautious, []ID{Monitoring, ThreatDetection, RemoteBackup, MicroSegmentation, Encryption, AuditLogging}},
	{"security-critical", "Security-Critical", "minimal", Paranoid, []ID{AuditLogging, ThreatDetection, BehavioralAnalysis, Forensics}},
}

// MatrixRow is a feature in the compatibility table or the performance table, as it is called there.
type MatrixRow struct {
	ID   ID     `json:"id"`
	Name string `json:"name"`
}

// Matrix returns the features of the Feature Compatibility Table, in its order.
func (c *Catalogue) Matrix() []MatrixRow { return slices.Clone(c.matrix) }

// Loads returns the features of the Performance Impact Matrix, in its order.
func (c *Catalogue) Loads() []MatrixRow { return slices.Clone(c.loads) }

var (
	matrixRows = []MatrixRow{
		{WebDashboard, "Web Dashboard"}, {API, "API"}, {Monitoring, "Monitoring"}, {ThreatDetection, "Threat Detection"},
		{MLAnalysis, "ML Analysis"}, {RemoteBackup, "Remote Backup"}, {LiveMigration, "Live Migration"}, {GPUPassthrough, "GPU Passthrough"},
	}
	loadRows = []MatrixRow{
		{VMManagement, "Basic VM"}, {Monitoring, "Monitoring"}, {ThreatDetection, "Threat Detection"}, {MLAnalysis, "ML Analysis"},
		{Encryption, "Encryption"}, {LiveMigration, "Live Migration"}, {ContinuousReplication, "Continuous Backup"},
	}
)
