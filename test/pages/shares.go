package pages

var shares = Family{"SHARE", "Shares: folders of the host that VMs mount.", []Code{
	{"HV-SHARE-001", "there is no such share", "`hv share list`"},
	{"HV-SHARE-002", "there is a share of that name, or one that was made by hand stands where one is declared", "choose another name, or `hv share delete NAME`"},
	{"HV-SHARE-003", "a share that cannot be one: the message says why", "a folder below /srv, /mnt, /media or /data, without links"},
	{"HV-SHARE-004", "a share that stands in the declaration is deleted there only", "take it out there, then apply it"},
	{"HV-SHARE-005", "VMs name the share; the message says which", "take it out of their specs first: `hv vm edit NAME --set shares.TAG=null`"},
	{"HV-SHARE-006", "a VM's share cannot be served: its folder is not there, can be put in another's place, or belongs to root, or its file system cannot show files as another user's", "do what the message says; read-only, a folder of root's can be shared"},
	{"HV-SHARE-007", "the virtiofsd of a share has ended while its VM runs: who uses it in the guest hangs", "`hv vm stop NAME --force`, then start it; `hv vm logs NAME --log qemu` has its words"},
	{"HV-SHARE-008", "root's list `/etc/hyper-nixos/shares` is there and has not the folder, or is not root's alone", "put the folder on a line of its own there, as root"},
}}
