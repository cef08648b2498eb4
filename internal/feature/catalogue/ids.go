package catalogue

// Every feature of this build, in the order of the catalogue.
const (
	VMManagement          ID = "vmManagement"
	PrivilegeSeparation   ID = "privilegeSeparation"
	AuditLogging          ID = "auditLogging"
	BasicMonitoring       ID = "basicMonitoring"
	Monitoring            ID = "monitoring"
	PrometheusExport      ID = "prometheusExport"
	CLIEnhancements       ID = "cliEnhancements"
	Snapshots             ID = "snapshots"
	LocalBackup           ID = "localBackup"
	RemoteBackup          ID = "remoteBackup"
	ContinuousReplication ID = "continuousReplication"
	Encryption            ID = "encryption"
	MicroSegmentation     ID = "microSegmentation"
	ThreatDetection       ID = "threatDetection"
	BehavioralAnalysis    ID = "behavioralAnalysis"
	Forensics             ID = "forensics"
	ThreatIntelligence    ID = "threatIntelligence"
	MLAnalysis            ID = "mlAnalysis"
	AutomatedResponse     ID = "automatedResponse"
	WebDashboard          ID = "webDashboard"
	API                   ID = "api"
	PublicBridge          ID = "publicBridge"
	LiveMigration         ID = "liveMigration"
	GPUPassthrough        ID = "gpuPassthrough"
	DevicePassthrough     ID = "devicePassthrough"
	SRIOV                 ID = "srIov"
	NestedVirtualization  ID = "nestedVirtualization"
	DevEnvironments       ID = "devEnvironments"
	Containers            ID = "containers"
	VMImport              ID = "vmImport"
)

// aliases are older names, accepted with a notice.
var aliases = map[string]ID{
	"metrics":             Monitoring,
	"prometheus":          PrometheusExport,
	"aiAnomalyDetection":  MLAnalysis,
	"publicNetworkBridge": PublicBridge,
	"sriov":               SRIOV,
	"nestedVirt":          NestedVirtualization,
	"restApi":             API,
	"graphqlApi":          API,
	"continuousBackup":    ContinuousReplication,
}
