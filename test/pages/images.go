package pages

var images = Family{"IMG", "Images, and what qemu-img said of one.", []Code{
	{"HV-IMG-001", "qemu-img is missing", "`apt-get install qemu-utils`"},
	{"HV-IMG-002", "no room for what qemu-img writes, or it took more than it may", "make room in the pool"},
	{"HV-IMG-003", "somebody else has the image open", "stop the VM that uses it"},
	{"HV-IMG-004", "qemu-img does not take the image: it is damaged, or not of the format that was said", "the message says what; fetch or make it again"},
	{"HV-IMG-005", "qemu-img failed", "the message says at what"},
	{"HV-IMG-006", "an image cannot be put on a base of so many layers", "merge those below it first"},
}}
