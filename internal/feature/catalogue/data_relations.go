package catalogue

// Reasons and remedies that several relations share.
const (
	movingSensor = "baselines and sensor state move with the VM; during a move its detector is blind and scoring is suspended"
	blindOnGPU   = "code and memory on the GPU are invisible to the host's sensors"
	blindOnVF    = "packets of a virtual function by-pass the host's taps and filters"
	blindOnDev   = "what an assigned device does is invisible to the host's sensors"
	stayingState = "a device's state does not move: a VM that holds the device cannot move while it runs"

	watchMove   = "move VMs when you can watch them; scoring resumes where they arrive"
	watchInside = "watch that VM from the inside; the blind spot is listed per VM"
	oneOfTwo    = "keep one of the two, or narrow the pair"
)

// neverOnOneVM is what a pair narrowed to VMs comes to, where a device is what stays behind.
const neverOnOneVM = "a VM with such a device cannot live-migrate, its neighbours can; an evacuation has to stop it"

var relations = []Relation{
	{
		A: RemoteBackup, B: LiveMigration, Kind: Conflict, Scope: OnHost,
		Reason: "a running backup job and a migration of the same VM exclude each other",
		Remedy: oneOfTwo, Source: fromTable,
		Narrow: map[Scope]string{
			OnVM:        "a VM with remote backups never live-migrates; an evacuation has to stop it",
			OnOperation: "a backup waits for a migration and the other way round, and the dirty bitmaps travel: backups may come late, and an evacuation waits for a backup",
		},
	},
	{
		A: ContinuousReplication, B: LiveMigration, Kind: Conflict, Scope: OnHost,
		Reason: "a replicated VM may only move to its replica",
		Remedy: oneOfTwo, Source: fromTree,
		Narrow: map[Scope]string{
			OnVM: "a replicated VM never live-migrates elsewhere; an evacuation has to fail over to its replica",
		},
	},
	{
		A: GPUPassthrough, B: LiveMigration, Kind: Conflict, Scope: OnHost,
		Reason: stayingState, Remedy: oneOfTwo, Source: fromTable,
		Narrow: map[Scope]string{OnVM: neverOnOneVM},
	},
	{
		A: DevicePassthrough, B: LiveMigration, Kind: Conflict, Scope: OnVM,
		Reason: stayingState, Remedy: "give devices to VMs that need not move", Source: fromIDs,
	},
	{
		A: SRIOV, B: LiveMigration, Kind: Conflict, Scope: OnVM,
		Reason: stayingState, Remedy: "give virtual functions to VMs that need not move", Source: fromIDs,
	},

	limited(ThreatDetection, LiveMigration, movingSensor, watchMove, fromTable),
	limited(ThreatDetection, GPUPassthrough, blindOnGPU, watchInside, fromTable),
	limited(ThreatDetection, DevicePassthrough, blindOnDev, watchInside, fromIDs),
	limited(ThreatDetection, SRIOV, blindOnVF, watchInside, fromIDs),
	limited(MLAnalysis, LiveMigration, movingSensor, watchMove, fromTable),
	limited(MLAnalysis, GPUPassthrough, blindOnGPU, watchInside, fromTable),
	limited(MLAnalysis, SRIOV, blindOnVF, watchInside, fromIDs),
	limited(BehavioralAnalysis, LiveMigration, movingSensor, watchMove, fromIDs),
	limited(BehavioralAnalysis, GPUPassthrough, blindOnGPU, watchInside, fromIDs),
	limited(BehavioralAnalysis, SRIOV, blindOnVF, watchInside, fromIDs),
	limited(MicroSegmentation, SRIOV, "packets of a virtual function skip nftables, so no policy holds for them",
		"give virtual functions to VMs whose network filters for itself", fromIDs),
}

func limited(a, b ID, reason, remedy, source string) Relation {
	return Relation{A: a, B: b, Kind: Limited, Reason: reason, Remedy: remedy, Source: source}
}
