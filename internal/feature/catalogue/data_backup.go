package catalogue

var backupFeatures = []Feature{
	{
		ID: Snapshots, Name: "Snapshots", Category: CategoryBackup, Risk: Minimal,
		On:        "snapshots and schedules for them",
		Off:       "snapshots are refused",
		ChangesIn: setup,
	},
	{
		ID: LocalBackup, Name: "Local Backup", Category: CategoryBackup, Risk: Minimal,
		Needs:     []Need{BackupFolder},
		On:        "backups to this host's storage, and restore",
		Off:       "backup verbs are refused (restore of what exists is always allowed)",
		ChangesIn: setup,
	},
	{
		ID: RemoteBackup, Name: "Remote Backup", Category: CategoryBackup, Risk: Moderate,
		Requires:    []ID{LocalBackup},
		Needs:       []Need{NetworkAccess, RemoteCredentials},
		On:          "backup targets elsewhere (NFS, iSCSI, S3, Ceph, SFTP)",
		Off:         "remote targets are refused",
		Exposes:     "copies of disks, and the credentials to reach them, outside this host",
		Mitigations: []string{"turn on encryption: backups are encrypted before they leave", "use credentials that may add but not delete"},
		ChangesIn:   setup,
	},
	{
		ID: ContinuousReplication, Name: "Continuous Replication", Category: CategoryBackup, Risk: Moderate,
		Requires:    []ID{RemoteBackup, Monitoring},
		Needs:       []Need{SecondPlace},
		On:          "a standby copy that is seconds behind",
		Off:         "replication is refused",
		Exposes:     "a live copy of every replicated disk on a second host",
		Mitigations: []string{"replicate over an encrypted channel", "give the standby the same care as this host"},
		Impact:      Impact{CPU: "low", Memory: "low", Disk: "high", Network: "high"},
		ChangesIn:   setup,
	},
}
