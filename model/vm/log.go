package vm

// LogPart is which part of a log is wanted.
type LogPart struct {
	Lines  int  // the last so many lines; negative for all there is
	Tail   int  // where Lines is negative, the last so many bytes; negative for all there is
	Follow bool // go on with what is written from then on, also by the VM's next run
}
