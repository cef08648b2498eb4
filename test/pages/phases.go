package pages

var phases = Family{"PHASE", "What the phase of a host forbids, and what keeps it from changing.", []Code{
	{"HV-PHASE-004", "the standing declaration is not the one that was sealed", "it is told, and the host is hardened all the same; unlock it, apply what is meant to stand, harden it again"},
	{"HV-PHASE-006", "a recovery key that cannot be one, or is not this host's", "the group that is mistyped is named; `hv phase show` says which key is meant"},
	{"HV-PHASE-008", "before hardening: nobody could run the host afterwards", "make somebody a member of the group `hypervisor`"},
	{"HV-PHASE-009", "before hardening: a network listener without TLS or a second factor", "give it what it lacks, or close it"},
	{"HV-PHASE-010", "before hardening: the audit log is not whole", "`sudo hv audit verify`"},
	{"HV-PHASE-011", "before hardening: the standing declaration is refused, or not all of it is wished for", "the finding says what; then apply again"},
	{"HV-PHASE-012", "before hardening: something is being configured", "wait for it, or cancel it"},
}}
