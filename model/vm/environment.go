package vm

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// Environment is a ready development VM: a size, an image, and what the guest makes of itself at its first boot.
type Environment struct {
	Name         string   `json:"name"`
	Title        string   `json:"title"`
	What         string   `json:"what"`         // what is ready in it
	Image        string   `json:"image"`        // of the catalogue; another that is like Debian does as well
	InstanceType string   `json:"instanceType"` // its size
	Packages     []string `json:"packages"`     // that the guest installs, where it reaches a mirror
	Runcmd       []string `json:"runcmd"`       // at the end of its first boot
	Try          string   `json:"try"`          // how to see that it is ready, in the guest
}

// EnvironmentLabel is the label of VMs that were made as an environment: its name.
const EnvironmentLabel = "environment"

// EnvironmentFile is where its guest finds which environment it is.
const EnvironmentFile = "/etc/hyper-nixos/environment"

// What a guest does whatever its environment is. A mirror that cannot be reached is no failure of the rest: packages are
// installed before these lines, each of which stands alone.
func readied(name string, lines ...string) []string {
	return append([]string{fmt.Sprintf("install -d -m 755 /etc/hyper-nixos && echo %s > %s", name, EnvironmentFile)}, lines...)
}

var environments = []Environment{
	{
		Name: "web", Title: "Web server", What: "nginx, which serves /srv/www on port 80",
		Image: "debian-12", InstanceType: "small", Packages: []string{"nginx", "curl", "git"},
		Runcmd: readied("web",
			"install -d -m 2775 -g www-data /srv/www",
			"[ -e /srv/www/index.html ] || echo '<!doctype html><title>It serves</title><p>It serves /srv/www.' > /srv/www/index.html",
			`if [ -d /etc/nginx/sites-available ]; then printf 'server {\n\tlisten 80 default_server;\n\tlisten [::]:80 default_server;\n\troot /srv/www;\n}\n' > /etc/nginx/sites-available/default && systemctl reload-or-restart nginx; fi`,
		),
		Try: "curl -s http://localhost/",
	},
	{
		Name: "database", Title: "Database", What: "PostgreSQL with a database app, for programs in the guest alone",
		Image: "debian-12", InstanceType: "medium", Packages: []string{"postgresql", "postgresql-client"},
		Runcmd: readied("database",
			"install -d -m 700 /srv/dumps && if id postgres >/dev/null 2>&1; then chown postgres:postgres /srv/dumps; fi",
			"if id postgres >/dev/null 2>&1; then systemctl enable --now postgresql; su postgres -c \"psql -tAc \\\"select 1 from pg_database where datname='app'\\\" | grep -q 1 || createdb app\"; fi",
		),
		Try: "su postgres -c 'psql app -c \"select version()\"'",
	},
	{
		Name: "build", Title: "Build machine", What: "compilers, make, CMake, Ninja, git and ccache; /srv/build to work in",
		Image: "debian-12", InstanceType: "xlarge", Packages: []string{"build-essential", "cmake", "ninja-build", "pkg-config", "git", "ccache", "gdb"},
		Runcmd: readied("build",
			"install -d -m 1777 /srv/build /srv/build/ccache",
			"printf 'export CCACHE_DIR=/srv/build/ccache\\nPATH=/usr/lib/ccache:$PATH\\n' > /etc/profile.d/hyper-nixos-build.sh",
		),
		Try: "cc --version",
	},
}

// Environments are all of them, by name.
func Environments() []Environment {
	out := slices.Clone(environments)
	slices.SortFunc(out, func(a, b Environment) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// FindEnvironment returns the one of a name.
func FindEnvironment(name string) (Environment, error) {
	var names []string
	for _, e := range Environments() {
		if e.Name == name {
			return e, nil
		}
		names = append(names, e.Name)
	}
	return Environment{}, fault.New(fault.NotFound, "there is no development environment %.40q", name).Try("%s", strings.Join(names, ", ")).WithCode("HV-IMG-033")
}

// Definition is the VM that an environment is, on a volume that begins as its image.
func (e Environment) Definition(name, volume string, c CloudInit) (Definition, error) {
	size, err := FindInstanceType(e.InstanceType)
	if err != nil {
		return Definition{}, err
	}
	c.Hostname, c.Packages, c.Runcmd = name, slices.Clone(e.Packages), slices.Clone(e.Runcmd)
	return Definition{
		Name: name, Labels: map[string]string{EnvironmentLabel: e.Name},
		Spec: Spec{
			Power: On, Description: e.Title + ": " + e.What, CPUs: size.CPUs, Memory: size.Memory,
			Disks: map[string]Disk{"root": {Volume: volume}}, NICs: map[string]NIC{"lan": {Network: UserNetwork}}, CloudInit: &c,
		},
	}, nil
}
