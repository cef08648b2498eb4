package catalogue

// ID names a feature, in the camelCase of the declaration. An ID is canonical; what a person wrote
// becomes one by Lookup.
type ID string

// Category groups features for people; nothing depends on it.
type Category string

// The categories, in the order in which they are shown.
const (
	CategoryCore       Category = "core"
	CategoryMonitoring Category = "monitoring"
	CategoryBackup     Category = "backup"
	CategorySecurity   Category = "security"
	CategoryAccess     Category = "access"
	CategoryHardware   Category = "hardware"
	CategoryWorkload   Category = "workload"
)

// Feature is one thing that a host may offer. Callers must not change its slices and maps.
type Feature struct {
	ID       ID       `json:"id"`
	Name     string   `json:"name"` // as the specification calls it
	Category Category `json:"category"`
	Core     bool     `json:"core"` // always on, cannot be off
	Risk     Risk     `json:"risk"`
	Set      SetName  `json:"set,omitempty"`     // the lowest set that names it; empty = in none
	SetMark  Mark     `json:"setMark,omitempty"` // how that set names it
	Since    string   `json:"since"`             // the release whose catalogue names it first

	Description string   `json:"description"` // what it is, in a sentence or two
	Benefits    []string `json:"benefits"`    // what its owner gets

	Requires []ID     `json:"requires,omitempty"` // features without which it cannot be
	Needs    []Need   `json:"needs,omitempty"`    // what the host has to offer
	Optional []ID     `json:"optional,omitempty"` // features that make it better
	Options  []string `json:"options,omitempty"`  // settings of it that other texts list like features

	On          string   `json:"on"`                    // what it does
	Off         string   `json:"off"`                   // what is refused or absent without it
	Warning     string   `json:"warning,omitempty"`     // told whenever it is declared
	Exposes     string   `json:"exposes,omitempty"`     // what its risk consists of
	Mitigations []string `json:"mitigations,omitempty"` // what keeps that risk in bounds

	Platforms map[Platform]Support `json:"platforms,omitempty"` // empty: as vmManagement
	Impact    Impact               `json:"impact"`
	Tunables  []Tunable            `json:"tunables"`            // empty: there is nothing to set
	ChangesIn []string             `json:"changesIn,omitempty"` // phases in which it may go on or off
}

// Impact is the load that a feature puts on a host: low, medium or high.
type Impact struct {
	CPU     string `json:"cpu"`
	Memory  string `json:"memory"`
	Disk    string `json:"disk"`
	Network string `json:"network"`
	// Estimated says that the specification's Performance Impact Matrix does not name the feature: the figures
	// are what it is expected to cost.
	Estimated bool `json:"estimated,omitempty"`
}

var loads = []string{"low", "medium", "high"}

// setup is the phase in which features may go on and off; while a host is hardened none may.
var setup = []string{"setup"}
