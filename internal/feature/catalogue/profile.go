package catalogue

import "slices"

// SetName names one of the specification's risk-level sets.
type SetName string

// The sets, each within the next. They are ceilings ("recommended for"), not selections: high names
// liveMigration and gpuPassthrough, which conflict.
const (
	SetLow      SetName = "low"
	SetModerate SetName = "moderate"
	SetHigh     SetName = "high"
)

// Ceiling is what one set adds to the set below it, in the specification's order.
type Ceiling struct {
	Name    SetName
	For     string // "Recommended for Production", "Lab/Testing Only"
	Members []Member
}

// Member is a feature in a set, with its mark there.
type Member struct {
	ID    ID
	Mark  Mark
	Label string // what the list calls it, where it is not the feature's name
	Note  string // "with authentication"
}

// Profile is a named selection for owners who do not want to list features.
type Profile struct {
	Name    string `json:"name"`
	Says    string `json:"says"`
	Members []ID   `json:"members"`        // beyond core
	All     bool   `json:"all,omitempty"`  // members are all that is not critical
	List    bool   `json:"list,omitempty"` // the declaration has to list its features itself
}

// DefaultProfile is the one of a declaration that names none, ListProfile the one for which a list is everything.
const (
	DefaultProfile = "balanced"
	ListProfile    = "custom"
)

// Sets returns what each set adds to the set below it, lowest first.
func (c *Catalogue) Sets() []Ceiling { return slices.Clone(c.sets) }

// Profiles returns every profile, smallest first.
func (c *Catalogue) Profiles() []Profile { return slices.Clone(c.profiles) }

// Profile returns the profile of that name.
func (c *Catalogue) Profile(name string) (Profile, bool) {
	i := slices.IndexFunc(c.profiles, func(p Profile) bool { return p.Name == name })
	if i < 0 {
		return Profile{}, false
	}
	return c.profiles[i], true
}

var (
	minimal = []ID{Monitoring, LocalBackup, CLIEnhancements}
	more    = []ID{Snapshots, Encryption, MicroSegmentation, WebDashboard, RemoteBackup}
)

var profiles = []Profile{
	{Name: "minimal", Says: "core, history and alerts, local backups; fits paranoid", Members: minimal},
	{Name: "balanced", Says: "what most hosts want; fits cautious", Members: slices.Concat(minimal, more)},
	{Name: "full", Says: "all that is not critical", All: true},
	{Name: ListProfile, Says: "exactly the listed features; an empty list is core only", List: true},
}

var sets = []Ceiling{
	{Name: SetLow, For: "Recommended for Production", Members: []Member{
		{ID: VMManagement, Mark: Full},
		{ID: Monitoring, Mark: Full},
		{ID: LocalBackup, Mark: Full},
		{ID: MicroSegmentation, Mark: Full},
		{ID: Encryption, Mark: Full},
	}},
	{Name: SetModerate, For: "Recommended for Development", Members: []Member{
		{ID: WebDashboard, Mark: Full},
		{ID: RemoteBackup, Mark: Full},
		{ID: PrometheusExport, Mark: Full},
		{ID: API, Mark: Limits, Label: "API Access", Note: "with authentication"},
	}},
	{Name: SetHigh, For: "Lab/Testing Only", Members: []Member{
		{ID: LiveMigration, Mark: Limits},
		{ID: GPUPassthrough, Mark: Limits},
		{ID: PublicBridge, Mark: Limits},
		{ID: AutomatedResponse, Mark: Limits},
	}},
}
