package vm

// Sound is a sound card.
type Sound string

// The sound cards.
const (
	SoundICH9 Sound = "ich9" // Intel HD Audio, with a line out and a line in
	SoundAC97 Sound = "ac97" // for guests before it
	SoundNone Sound = "none" // also where the guest's system would have one
)

// Sounds reports whether there is a sound card.
func (s Spec) Sounds() bool { return s.Sound != "" && s.Sound != SoundNone }

func (c *check) sound(s Spec) {
	c.oneOf("sound", string(s.Sound), string(SoundICH9), string(SoundAC97), string(SoundNone))
}
