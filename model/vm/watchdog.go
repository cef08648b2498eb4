package vm

// Expiry is what becomes of a guest whose watchdog was not petted in time. The words are QEMU's.
type Expiry string

// The expiries.
const (
	ExpiryReset    Expiry = "reset"    // its reset button is pressed
	ExpiryPowerOff Expiry = "poweroff" // it ends; the wish that started it is used up
	ExpiryPause    Expiry = "pause"    // its vCPUs are stopped, for somebody to look at it
	ExpiryNone     Expiry = "none"     // it is told as an event, and nothing is done
)

// Watchdog is a timer that the guest has to pet, once it has armed it.
type Watchdog struct {
	OnExpiry Expiry `json:"onExpiry,omitempty"` // reset when absent
}

func (c *check) watchdog(w *Watchdog) {
	if w != nil {
		c.oneOf("watchdog.onExpiry", string(w.OnExpiry), string(ExpiryReset), string(ExpiryPowerOff), string(ExpiryPause), string(ExpiryNone))
	}
}
