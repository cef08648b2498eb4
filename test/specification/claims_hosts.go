package specification

const (
	platform = "internal/feature:TestEachFeatureComesOutOnEachPlatformAsItsCellSays"
	cpuTable = "internal/feature/catalogue:TestTheCPUTableGivesAHostItsVerdict"
	machines = "internal/feature/fit:TestMachinesCanWhatTheirHardwareAllows"
	sameCPUs = "internal/feature/fit:TestTheTableOfCPUsSaysTheSame"
	inTheLab = "test/lab/inside:TestThisHostCanGiveDevicesAway"
	noKVM    = "internal/config:TestKVMIsRefusedWhereItsPlatformHasNone"
	firstVM  = "test/e2e:TestADeclaredHostRunsItsFirstVM"
	kvmVM    = "test/lab/inside:TestAGuestBootsUnderKVMAndLivesThroughKilledAndRestartedServices"
	kvmSays  = "test/lab/inside:TestTheHostSaysWhatItCan"
	nestedVM = "test/lab/inside:TestAGuestUnderKVMMayRunVMsOnlyWhereTheHostAndTheVMSaySo"
	shown    = "internal/plan:TestAGuestIsShownNestedVirtualizationWhereItAsksAndTheFeatureIsOn"
	armGuest = "test/e2e:TestAnARM64GuestRunsOnThisHost"
	foreign  = "internal/config:TestAnotherHypervisorIsRefusedWithTheWayToThisOne"
)

var platforms = []Claim{
	proven("os/core-vm-management/linux-x86-64", platform, firstVM, kvmVM),
	partial("os/core-vm-management/linux-arm64", "an ARM64 guest runs on x86_64; the programs are built for ARM64 hosts and were not run on one", arm, platform, armGuest),
	partial("os/core-vm-management/bsd", "it is told with its reason, and hv is built for FreeBSD; hvd runs on Linux alone", bsd, platform),
	proven("os/core-vm-management/macos", platform, "internal/feature/catalogue:TestWhereNoVMRunsNothingOnVMsIsOffered"),
	proven("os/kvm-acceleration/linux-x86-64", noKVM, kvmVM, kvmSays),
	partial("os/kvm-acceleration/linux-arm64", "a declaration takes it; no ARM64 host was there to run under KVM", arm, noKVM),
	proven("os/kvm-acceleration/*", noKVM).marked("❌"),
	proven("os/gpu-passthrough/*", platform, "internal/feature:TestNeedsAndPlatforms").marked("❌"),
	partial("os/gpu-passthrough/*", "a declaration comes out as the cell says; no GPU is assigned yet", passing, platform),
	partial("os/container-support/*", "a declaration comes out as the cell says; no container is run yet", container, platform),

	partial("hypervisor/full-integration/qemu-kvm", "VMs live their whole life on it, machine, disks, network card, console and snapshots; they are not moved to another host or backed up",
		moving+" and "+backups, firstVM, kvmVM, "test/e2e:TestDisksAndNetworkCardsComeAndGoWhileTheGuestRuns"),
	proven("hypervisor/full-integration/*", foreign),
	partial("hypervisor/vm-import/qemu-kvm", "disks and kernels are imported, raw and qcow2; the definition of a VM is not", importing,
		"internal/action:TestAVolumeExistsOnlyWhenItsContentIsDurable", "internal/cli:TestScripts"),
	notYet("hypervisor/vm-import/*", importing),
	notYet("hypervisor/live-migration/*", moving),
	proven("hypervisor/snapshots/qemu-kvm", "test/e2e:TestASnapshotWithMemoryBringsBackMemoryAndDiskToTheByte",
		"test/e2e:TestDeletedSnapshotsGiveTheirRoomBackUnderAGuestThatRuns", "test/e2e:TestAKillInTheMiddleOfASnapshotLeavesTheOldOrTheNew"),
	notYet("hypervisor/snapshots/*", importing),
}

var cpus = []Claim{
	partial("cpu/basic-virtualization/intel-vt-x", "hv host check gives the verdict; what emulates our KVM host has AMD-V alone, so no guest ran by VT-x", intel, cpuTable, machines, sameCPUs),
	proven("cpu/basic-virtualization/amd-v", cpuTable, machines, sameCPUs, kvmVM, kvmSays),
	proven("cpu/basic-virtualization/*", cpuTable, machines, sameCPUs, kvmVM).marked("-"),
	partial("cpu/basic-virtualization/arm-sve", "hv host check gives the verdict; no ARM64 host was there", arm, cpuTable, machines, sameCPUs),
	partial("cpu/nested-virtualization/intel-vt-x", "the flag is planned where feature and VM ask for it; no Intel host was there", intel, cpuTable, machines, sameCPUs, shown),
	proven("cpu/nested-virtualization/amd-v", cpuTable, machines, sameCPUs, shown, nestedVM),
	proven("cpu/nested-virtualization/*", cpuTable, machines, sameCPUs, nestedVM).marked("-"),
	partial("cpu/nested-virtualization/arm-sve", "it is told with its reason; no ARM64 host was there", arm, cpuTable, machines, sameCPUs,
		"internal/feature/catalogue:TestPlatformsAreMarkedAsTheSpecificationMarksThem"),
	partial("cpu/device-passthrough/arm-sve", "hv host check gives the verdict; no device is assigned yet", passing, cpuTable, machines, sameCPUs),
	partial("cpu/device-passthrough/*", "hv host check gives the verdict, and the feature waits for what lacks; no device is assigned yet", passing, cpuTable, machines, inTheLab,
		"internal/feature/fit:TestADeviceIsGivenAwayWithItsGroup"),
	proven("cpu/sr-iov/arm-sve", cpuTable, machines, sameCPUs, "internal/feature:TestNeedsAndPlatforms"),
	partial("cpu/sr-iov/*", "hv host check gives the verdict, and the feature waits for what lacks; no virtual function is assigned yet", passing, cpuTable, machines, inTheLab,
		"internal/feature/fit:TestADeviceIsGivenAwayWithItsGroup"),
}

const s3 = "internal/feature/catalogue:TestS3IsRefusedForDisksWithTheBackendsThatWouldDo"

var storages = []Claim{
	proven("storage/vm-storage/local", firstVM, "internal/action:TestAVolumeExistsOnlyWhenItsContentIsDurable", "test/e2e:TestADiskIsLockedForItsVM",
		"test/e2e:TestADiskIsMovedAndClonedWhileItsGuestWritesToIt", "test/e2e:TestKillsInTheMiddleOfAMoveUnderAGuestLeaveTheOldOrTheNew",
		"test/e2e:TestKillsInTheMiddleOfAnyChangeOfADiskLeaveTheOldOrTheNew", "internal/storage/dir:TestAFolderIsAPool",
		"test/lab/inside:TestADiskOnAThinPoolBootsGrowsMovesAndIsGoneThen"),
	partial("storage/vm-storage/s3", "it is refused with the backends that would do; a pool is a folder or a thin pool of LVM so far, so nobody is asked", pools, s3),
	notYet("storage/vm-storage/*", pools),
	notYet("storage/backup-target/*", backups),
	partial("storage/live-migration/s3", "it is refused with the backends that would do; no VM is moved yet, so nobody is asked", moving, s3),
	notYet("storage/live-migration/*", moving),
	proven("storage/encryption/local", "test/e2e:TestAGuestOnEncryptedDisksRunsWhileItsKeyTurns"),
	partial("storage/encryption/*", "it is told with what lies in clear; there is no pool of that kind yet, so nobody is asked", pools, s3).marked("⚠️"),
	notYet("storage/encryption/*", pools),
}

const (
	allowed  = "internal/action:TestThePublishedPhasesAreThoseThatAreEnforced"
	inPhases = "internal/api/rest:TestEveryActionDoesInEachPhaseWhatTheTableSays"
	byName   = "internal/action:TestTheseActionsAreDoneByAHardenedHostAndNoOther"
	hardened = "test/e2e:TestAHardenedHostStaysSoUntilItsKeyAndItsTimeHaveCome"
)

var phases = []Claim{
	proven("phase/setup/all-features-available", allowed, inPhases),
	proven("phase/setup/configuration-changes-allowed", allowed, inPhases, hardened),
	notYet("phase/setup/user-modifications-permitted", users),
	notYet("phase/setup/security-monitoring-active-but-not-enforcing", detecting),
	proven("phase/hardened/vm-operations", allowed, inPhases, byName, hardened),
	partial("phase/hardened/monitoring-and-alerting", "all that is read can be read; there are no alerts yet", watching, allowed, inPhases),
	partial("phase/hardened/backup-operations", "their class of action is allowed; there are none yet", backups, allowed),
	proven("phase/hardened/system-configuration-changes", allowed, inPhases, byName, hardened),
	partial("phase/hardened/user-modifications", "their class of action is refused; there are no users to modify yet", users, allowed),
	proven("phase/hardened/feature-additions", allowed, inPhases, hardened),
}

const behindNAT = "test/e2e:TestAGuestBehindNATReachesTheWorldAndIsNotReachedByIt"

var modes = []Claim{
	proven("network/nat/internet-access-for-vms", behindNAT, "test/e2e:TestADeadPasstIsReplacedWhileTheGuestRuns"),
	proven("network/nat/direct-external-access-to-vms", behindNAT),
	notYet("network/*/*", network),
}
