package graph

import (
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
)

func TestTheGraphHasEveryFeatureAndEveryRelationOnce(t *testing.T) {
	cat := catalogue.Default()
	g := Of(cat, nil)
	if len(g.Nodes) != cat.Len() {
		t.Errorf("%d nodes, %d features", len(g.Nodes), cat.Len())
	}
	want := len(cat.Pairs())
	for _, f := range cat.All() {
		want += len(f.Requires) + len(f.Optional)
	}
	if len(g.Edges) != want {
		t.Errorf("%d edges, want %d", len(g.Edges), want)
	}
	seen := map[Edge]bool{}
	for _, e := range g.Edges {
		e.Scope, e.Reason = "", ""
		if seen[e] || seen[Edge{From: e.To, To: e.From, Kind: e.Kind}] {
			t.Errorf("%+v is there twice", e)
		}
		seen[e] = true
	}
}

func TestTheGraphOfOneFeatureIsWhatItHasToDoWith(t *testing.T) {
	g := Of(catalogue.Default(), nil, "remoteBackup")
	names := map[catalogue.ID]bool{}
	for _, n := range g.Nodes {
		names[n.ID] = true
	}
	for _, id := range []catalogue.ID{"remoteBackup", "localBackup", "liveMigration", "continuousReplication", "monitoring", "basicMonitoring"} {
		if !names[id] {
			t.Errorf("%s is missing in %v", id, names)
		}
	}
	if names["webDashboard"] || names["gpuPassthrough"] {
		t.Errorf("it has what plays no part: %v", names)
	}
}

func TestEachFormSaysTheSame(t *testing.T) {
	r := feature.Resolve(feature.Declaration{Profile: "custom", EnabledFeatures: &[]string{"webDashboard"}}, feature.Facts{})
	g := Of(catalogue.Default(), &r)
	for form, want := range map[string][]string{
		"dot": {
			"digraph features {", `remoteBackup -> localBackup [label="requires"];`, `webDashboard -> monitoring [label="better with", style=dashed];`,
			`remoteBackup -> liveMigration [label="conflicts", color=red`, `threatDetection -> gpuPassthrough [label="limited", color=orange`,
			`webDashboard [label="webDashboard\nmoderate, unavailable"`, `api [label="api\nmoderate, off"`,
		},
		"mermaid": {
			"flowchart LR", "remoteBackup -->|requires| localBackup", "webDashboard -.->|better with| monitoring", "remoteBackup x--x|conflicts| liveMigration",
			"threatDetection -.-|limited| gpuPassthrough", `webDashboard["webDashboard<br/>moderate, unavailable"]`,
		},
		"ascii": {
			"localBackup  minimal, off\n", "required by remoteBackup", "webDashboard  moderate, unavailable\n├── better with monitoring\n└── better with api\n",
			"conflicts with liveMigration on one host: a running backup job", "makes better webDashboard", "limited with gpuPassthrough: code and memory on the GPU",
		},
	} {
		got, ok := g.Text(form)
		for _, w := range want {
			if !ok || !strings.Contains(got, w) {
				t.Errorf("%s has no %q:\n%s", form, w, got)
			}
		}
	}
	if _, ok := g.Text("png"); ok {
		t.Error("png is no form")
	}
}
