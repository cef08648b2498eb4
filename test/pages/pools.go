package pages

var pools = Family{"POOL", "Pools, in which volumes are kept.", []Code{
	{"HV-POOL-001", "there is no such pool", "`hv pool list`"},
	{"HV-POOL-002", "the pool cannot be opened just now: the message says why (a disk that is not mounted, a folder of somebody else's)", "mend that; it is tried again by itself"},
	{"HV-POOL-003", "a file system, or a thin pool, is full: what was begun was taken away again", "`hv pool show NAME` says who uses what; delete, or make it larger"},
	{"HV-POOL-004", "two pools in one place, or one inside of another, or inside of the daemon's own folder", "give one of them a place of its own"},
	{"HV-POOL-006", "the pool cannot make copies that share their blocks with the original", "make a full copy, or use a pool that can: `hv pool show NAME`"},
	{"HV-POOL-007", "a folder that the daemon does not take for a pool: it is not its own, or others may write to it, or the path goes through a link", "`install -d -o hvd -m 700 FOLDER`, and name it without links"},
}}
