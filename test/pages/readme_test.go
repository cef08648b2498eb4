package pages

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
)

func TestTheREADMESaysHowManyFeaturesAreNotInThisBuild(t *testing.T) {
	all := catalogue.Default()
	missing := 0
	for _, f := range all.All() {
		if !all.InBuild(f.ID) {
			missing++
		}
	}
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%d of the %d features", missing, all.Len()); !strings.Contains(string(text), want) {
		t.Errorf("README.md does not say that %s are not in this build", want)
	}
	if lines := strings.Count(string(text), "\n"); lines > 120 {
		t.Errorf("README.md has %d lines; a stranger reads 120", lines)
	}
}
