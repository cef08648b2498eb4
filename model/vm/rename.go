package vm

// WithVolume returns the spec with one volume under another name, and whether it has that volume.
func (s Spec) WithVolume(from, to string) (Spec, bool) {
	found := false
	out := s.Clone()
	for name, d := range out.Disks {
		if d.Volume == from {
			d.Volume, found = to, true
			out.Disks[name] = d
		}
	}
	for name, d := range out.CDROMs {
		if d.Volume == from {
			d.Volume, found = to, true
			out.CDROMs[name] = d
		}
	}
	return out, found
}

// WithNames returns what was written down of a VM with the volumes under the names that they have got since, and
// whether anything in it has changed. What is written in already is not done again: another volume may have the
// old name by now.
func (p PowerStatus) WithNames(renames []Rename) (PowerStatus, bool) {
	changed := false
	for _, r := range renames {
		if r.Generation <= p.Renamed {
			continue
		}
		p.Renamed, changed = r.Generation, true
		if p.Process != nil && p.Process.Started != nil {
			process := *p.Process
			started, _ := process.Started.WithVolume(r.From, r.To)
			process.Started, p.Process = &started, &process
		}
		if p.Saved != nil && p.Saved.Process.Started != nil {
			saved := *p.Saved
			started, _ := saved.Process.Started.WithVolume(r.From, r.To)
			saved.Process.Started, p.Saved = &started, &saved
		}
	}
	return p, changed
}
