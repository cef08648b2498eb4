package pages

var phases = Family{"PHASE", "What the phase of a host forbids, and what keeps it from changing. See [hardening.md](hardening.md).", []Code{
	{"HV-PHASE-001", "the host is hardened, and does not do that", "`sudo hv phase unlock`, with the recovery key; [actions.md](actions.md) says what a hardened host does"},
	{"HV-PHASE-002", "whether the host is hardened cannot be found out", "start hv-helper, which keeps the phase"},
	{"HV-PHASE-003", "the host is hardened, and a declaration at boot is not the one that was sealed", "put the sealed one back; or unlock, and apply the other then"},
	{"HV-PHASE-004", "the standing declaration is not the one that was sealed", "it is told, and the host is hardened all the same; unlock it, apply what is meant to stand, harden it again"},
	{"HV-PHASE-005", "the host is hardened already, or is not hardened", "`hv phase show`"},
	{"HV-PHASE-006", "a recovery key that cannot be one, or is not this host's", "the group that is mistyped is named; `hv phase show` says which key is meant"},
	{"HV-PHASE-007", "after wrong keys none is looked at for a while", "the message says how long"},
	{"HV-PHASE-008", "before hardening: nobody could run the host afterwards", "make somebody a member of the group `hypervisor`"},
	{"HV-PHASE-009", "before hardening: a network listener without TLS or a second factor", "give it what it lacks, or close it"},
	{"HV-PHASE-010", "before hardening: the audit log is not whole", "`sudo hv audit verify`"},
	{"HV-PHASE-011", "before hardening: the standing declaration is refused, or not all of it is wished for", "the finding says what; then apply again"},
	{"HV-PHASE-012", "before hardening: something is being configured", "wait for it, or cancel it"},
	{"HV-PHASE-013", "hv-helper refuses what would give a hardened host more, a VM that was not there among it", "`sudo hv phase unlock`"},
	{"HV-PHASE-014", "an unlock whose time has not come, or that nobody asked for", "`hv phase show` says when"},
	{"HV-PHASE-015", "the seal cannot be read; the host counts as hardened", "[when the key is lost](hardening.md#when-the-key-is-lost)"},
	{"HV-PHASE-016", "the sealed declaration does not stand, and the start of hvd could not put it back", "the finding says why; give hvd the sealed declaration, or unlock, apply what is meant to stand, and harden again"},
}}
