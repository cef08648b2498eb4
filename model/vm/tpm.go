package vm

// TPM is a TPM 2.0 of the VM's own, emulated by swtpm. What it keeps is the VM's and survives its restarts.
type TPM struct {
	Interface TPMInterface `json:"interface,omitempty"`
}

// TPMInterface is how the guest speaks to a TPM.
type TPMInterface string

// The interfaces. Source: TCG PC Client Platform TPM Profile for TPM 2.0, sections 6.4 and 6.5.
const (
	TPMCRB TPMInterface = "crb" // command response buffer; x86_64 only
	TPMTIS TPMInterface = "tis" // the older one, which aarch64 has too
)

func defaultTPM(arch string) TPMInterface {
	if arch == "aarch64" {
		return TPMTIS
	}
	return TPMCRB
}

func (c *check) tpm(s Spec) {
	if s.TPM == nil {
		return
	}
	c.oneOf("tpm.interface", string(s.TPM.Interface), string(TPMCRB), string(TPMTIS))
	if s.Arch == "aarch64" && s.TPM.Interface == TPMCRB {
		c.say("tpm.interface", "leave it out", "arch aarch64 has no TPM with a %s", TPMCRB)
	}
}
