package catalogue

import "slices"

// Sources of relations, as a finding names them.
const (
	fromTable = "compatibility matrix: Feature Compatibility Table"
	fromTree  = "compatibility matrix: Backup System"
	fromIDs   = "reading the matrix: feature ids"
)

// Standard returns this build's catalogue as it is written down.
func Standard() Data {
	return Data{
		Features: slices.Concat(coreFeatures, monitoringFeatures, backupFeatures, securityFeatures,
			accessFeatures, hardwareFeatures, workloadFeatures),
		Relations:      relations,
		Sets:           sets,
		Profiles:       profiles,
		Aliases:        aliases,
		NotInBuild:     notInBuild,
		Tables:         tables,
		Modes:          modes,
		Phases:         phases,
		Trees:          trees,
		Configurations: configurations,
		Matrix:         matrixRows,
		Loads:          loadRows,
	}
}

// notInBuild lists the features whose hands do not exist yet: each comes out as "unavailable: not in
// this build". The piece of work that builds one takes it off the list.
var notInBuild = []ID{
	BasicMonitoring, Monitoring, PrometheusExport, CLIEnhancements,
	LocalBackup, RemoteBackup, ContinuousReplication,
	MicroSegmentation, ThreatDetection, BehavioralAnalysis, Forensics,
	ThreatIntelligence, MLAnalysis, AutomatedResponse,
	WebDashboard, API, PublicBridge,
	LiveMigration, GPUPassthrough, DevicePassthrough, SRIOV,
	Containers, VMImport,
}
