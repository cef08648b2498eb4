package vm

func (c *check) secureBoot(s Spec) {
	if !s.SecureBoot {
		return
	}
	const path, hint = "secureBoot", "leave it out, or use firmware uefi on machine q35"
	switch {
	case s.Firmware != "" && s.Firmware != UEFI:
		c.say(path, hint, "firmware %q knows no Secure Boot", string(s.Firmware))
	case s.Arch == "aarch64":
		c.say(path, "leave it out", "there is no firmware with Secure Boot for arch aarch64")
	case s.Machine != "" && s.Machine != "q35":
		c.say(path, hint, "machine %q has no SMM, which Secure Boot needs", s.Machine)
	}
}
