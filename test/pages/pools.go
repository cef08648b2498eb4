package pages

var pools = Family{"POOL", "Pools, in which volumes are kept.", []Code{
	{"HV-POOL-001", "there is no such pool", "`hv pool list`"},
	{"HV-POOL-002", "the pool cannot be opened just now: the message says why (a disk that is not mounted, a folder of somebody else's)", "mend that; it is tried again by itself"},
	{"HV-POOL-003", "a file system, or a thin pool, is full: what was begun was taken away again", "`hv pool show NAME` says who uses what; delete, or make it larger"},
	{"HV-POOL-004", "two pools in one place, or one inside of another, or inside of the daemon's own folder", "give one of them a place of its own"},
	{"HV-POOL-005", "the pool is full up to its `stopPercent`: nothing new is made in it; what is there goes on", "`hv pool show NAME` says who uses what; delete, or make it larger, or raise `stopPercent`"},
	{"HV-POOL-006", "the pool cannot make copies that share their blocks with the original", "make a full copy, or use a pool that can: `hv pool show NAME`"},
	{"HV-POOL-007", "a folder that the daemon does not take for a pool: it is not its own, or others may write to it, or the path goes through a link", "`install -d -o hvd -m 700 FOLDER`, and name it without links"},
	{"HV-POOL-008", "a pool that keeps volumes is not let go of; the message names them", "delete them, or move them to another pool"},
	{"HV-POOL-009", "a pool stays where it is: its volumes are there", "make another pool there, and move the volumes"},
	{"HV-POOL-010", "the pool is full up to its `warnPercent`", "`hv pool show NAME` says who uses what"},
	{"HV-POOL-011", "the volumes of the pool would need more room than it has, if all were full", "watch how full it gets: `hv pool list`"},
	{"HV-POOL-012", "a pool that stands in the declaration is edited there only", "edit it there, then apply it"},
	{"HV-POOL-013", "there is a pool of that name", "choose another name"},
	{"HV-POOL-014", "the pool keeps no volumes of that format", "`hv pool show NAME` says which it keeps"},
	{"HV-POOL-015", "the pool `default` is always there", "make another one, and name it where a volume is made"},
	{"HV-POOL-016", "a pool could not be looked at while the store was rebuilt", "mend what the message says, then `hv storage recover` again"},
	{"HV-POOL-017", "a note on a pool was not taken: the message says why (its content is gone, another object has the name)", "what is in the store is left as it is; mend what the message says, then `hv storage recover` again"},
	{"HV-POOL-018", "a file in a pool of which there is no note, and which no volume names", "`hv storage recover` leaves it as it is"},
	{"HV-POOL-019", "more was lost than one call rebuilds", "`hv storage recover` again"},
	{"HV-POOL-020", "pools of that kind can be declared, and are not in this build", "keep the volumes in a folder: kind `dir`"},
}}
