package pages

var images = Family{"IMG", "Images, and what qemu-img said of one.", []Code{
	{"HV-IMG-001", "qemu-img is missing", "`apt-get install qemu-utils`"},
	{"HV-IMG-002", "no room for what qemu-img writes, or it took more than it may", "make room in the pool"},
	{"HV-IMG-003", "somebody else has the image open", "stop the VM that uses it"},
	{"HV-IMG-004", "qemu-img does not take the image: it is damaged, or not of the format that was said", "the message says what; fetch or make it again"},
	{"HV-IMG-005", "qemu-img failed", "the message says at what"},
	{"HV-IMG-006", "an image cannot be put on a base of so many layers", "merge those below it first"},
	{"HV-IMG-010", "the content is no image that is known, or is damaged", "fetch it again; `--format raw` keeps the bytes of a disk that nothing knows"},
	{"HV-IMG-011", "the image names another file (a backing file, a data file, an extent, a parent): QEMU would read that from the host", "make one that stands alone: `qemu-img convert -O qcow2 OLD NEW`"},
	{"HV-IMG-012", "it would come over a connection that anybody on the way can change", "an `https` URL; or `--insecure-http` with `--sha256`"},
	{"HV-IMG-013", "a URL leads to this host itself, or to what answers on its link only", "download it yourself and import the file; root may"},
	{"HV-IMG-014", "more than is fetched or unpacked at most, or something that is packed so that it bursts", "look at where it comes from"},
	{"HV-IMG-015", "the server does not answer, or not with what was asked for", "look at the URL, the host's network and the proxy of hvd"},
	{"HV-IMG-016", "no sum can be told from a file of sums, or two that differ", "`--sha256 HEX`"},
	{"HV-IMG-017", "what was sent to make an image of is gone", "import it again"},
	{"HV-IMG-018", "the content or the sums are not what they must be: the sum or the signature is wrong", "fetch it again; if it stays so, do not use it"},
	{"HV-IMG-020", "the catalogue has no such image, or none for that machine", "`hv image search`"},
	{"HV-IMG-021", "there is no such image", "`hv image list`"},
	{"HV-IMG-022", "the image is not there yet", "`hv operation list` says how far it is"},
	{"HV-IMG-023", "an image of that name exists", "choose another name"},
	{"HV-IMG-024", "volumes stand on the image", "delete those first"},
}}
