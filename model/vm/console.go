package vm

// ConsoleOptions are how somebody connects to a serial line.
type ConsoleOptions struct {
	Who        string // in words, for those who look at the same line
	Scrollback int    // bytes of what was printed before
	Take       bool   // the line from who types on it
}
