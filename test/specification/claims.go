package specification

import "slices"

// What brings what is not there yet.
const (
	network   = "networks of our own"
	passing   = "device passthrough"
	moving    = "migration"
	backups   = "backups"
	pools     = "storage pools beyond the local ones"
	importing = "import from other platforms"
	watching  = "monitoring"
	detecting = "threat detection"
	learning  = "trained models"
	dashboard = "the dashboard"
	tcp       = "the API over TCP"
	container = "containers"
	arm       = "a run on an ARM64 machine"
	intel     = "a run on an Intel machine"
	bsd       = "a daemon for BSD"
	users     = "users and roles"
)

// Claims returns every claim. The first that matches a statement is its own, so what is special comes before what
// is general.
func Claims() []Claim {
	return slices.Concat(pairs(), trees, sets, platforms, cpus, storages, phases, modes, loads, configurations)
}

const (
	anyTwo     = "internal/feature:TestDeclaringAnyTwoOfTheMatrixComesOutAsItsCellSays"
	notApplied = "internal/action:TestADeclarationOfTwoThatConflictIsNotApplied"
	together   = "internal/action:TestADeclarationOfTwoThatGoTogetherIsApplied"
)

func proven(ids string, tests ...string) Claim { return Claim{IDs: ids, State: Proven, Tests: tests} }

func partial(ids, lacks, with string, tests ...string) Claim {
	return Claim{IDs: ids, State: Partial, Lacks: lacks, With: with, Tests: tests}
}

func notYet(ids, with string) Claim { return Claim{IDs: ids, State: NotYet, With: with} }

// marked narrows a claim to statements with a mark.
func (c Claim) marked(mark string) Claim {
	c.Mark = mark
	return c
}

// features are those of the Feature Compatibility Table, and what brings each.
var features = []struct{ id, with string }{
	{"web-dashboard", dashboard}, {"api", tcp}, {"monitoring", watching}, {"threat-detection", detecting},
	{"ml-analysis", learning}, {"remote-backup", backups}, {"live-migration", moving}, {"gpu-passthrough", passing},
}

// pairs: that two conflict is true once a declaration of both is refused. That they go together, whole or with a
// limit, can be said of a declaration today, and of a host once both exist.
func pairs() []Claim {
	all := []Claim{proven("pair/*/*", anyTwo, notApplied).marked("❌")}
	for _, a := range features {
		for _, b := range features {
			ids, with := "pair/"+a.id+"/"+b.id, a.with+" and "+b.with
			switch {
			case a == b:
				all = append(all, partial(ids, "a declaration takes it, and it does not run yet", a.with, anyTwo, together))
			case limited[a.id+" "+b.id] || limited[b.id+" "+a.id]:
				all = append(all, partial(ids, "the limit is told of the declaration; the blind spot of each VM is not listed", with, anyTwo, together))
			case !excluded[a.id+" "+b.id] && !excluded[b.id+" "+a.id]:
				all = append(all, partial(ids, "a declaration takes both, and they do not run side by side yet", with, anyTwo, together))
			}
		}
	}
	return all
}

var (
	limited = map[string]bool{
		"threat-detection live-migration": true, "threat-detection gpu-passthrough": true,
		"ml-analysis live-migration": true, "ml-analysis gpu-passthrough": true,
	}
	excluded = map[string]bool{"remote-backup live-migration": true, "live-migration gpu-passthrough": true}
)
