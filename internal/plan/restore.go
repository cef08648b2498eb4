package plan

// restore plans for a VM that is to go back to a snapshot: its process goes, whatever its guest does, then what the snapshot holds
// is put back, and the next look goes on with what is wished.
func restore(in VMInput, p Plan) Plan {
	p.Until = in.Now
	switch {
	case in.Seen.Process != nil:
		p.Steps = []Step{{Kind: Kill, Name: "end QEMU"}, {Kind: Cleanup, Name: "take away what it has left"}}
		return p
	case in.Seen.Leftover:
		p.Steps = append(p.Steps, Step{Kind: Cleanup, Name: "take away what the last run has left"})
	}
	p.Steps = append(p.Steps, Step{Kind: Restore, Name: "put back what the snapshot holds"})
	return p
}
