package probe

import (
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"
)

// readMachine makes the file system of a machine out of its description in testdata: files as they are, and some
// sections for what a text file cannot hold. The section pci has a function a line, and becomes what the kernel makes
// of it in sysfs: folders below /sys/devices, and the links that lead there.
func readMachine(t *testing.T, file string) fstest.MapFS {
	t.Helper()
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	root := fstest.MapFS{}
	for _, f := range a.Files {
		lines := strings.Split(strings.TrimSpace(string(f.Data)), "\n")
		section, special := sections[f.Name]
		if !special {
			root[f.Name] = &fstest.MapFile{Data: f.Data, Mode: 0o444}
			continue
		}
		for _, line := range lines {
			section(t, root, line)
		}
	}
	return root
}

var sections = map[string]func(t *testing.T, root fstest.MapFS, line string){
	"empty":    func(_ *testing.T, root fstest.MapFS, line string) { root[line] = &fstest.MapFile{Mode: 0o444} },
	"programs": func(_ *testing.T, root fstest.MapFS, line string) { root[line] = &fstest.MapFile{Mode: 0o755} },
	"links": func(_ *testing.T, root fstest.MapFS, line string) {
		at, to, _ := strings.Cut(line, " -> ")
		link(root, at, to)
	},
	"bytes": func(t *testing.T, root fstest.MapFS, line string) {
		at, digits, _ := strings.Cut(line, " ")
		data, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		root[at] = &fstest.MapFile{Data: data, Mode: 0o444}
	},
	"devices": func(t *testing.T, root fstest.MapFS, line string) {
		var at string
		var mode fs.FileMode
		var s syscall.Stat_t
		if _, err := fmt.Sscanf(line, "%s %o %d %d", &at, &mode, &s.Uid, &s.Gid); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		root[at] = &fstest.MapFile{Mode: mode | fs.ModeDevice | fs.ModeCharDevice, Sys: &s}
	},
	"pci": pciFunction,
}

func link(root fstest.MapFS, at, to string) {
	root[at] = &fstest.MapFile{Data: []byte(to), Mode: fs.ModeSymlink | 0o777}
}

func pciFunction(t *testing.T, root fstest.MapFS, line string) {
	t.Helper()
	words := strings.Fields(line)
	address, is := words[0], map[string]string{}
	for _, w := range words[1:] {
		name, value, ok := strings.Cut(w, "=")
		if !ok {
			t.Fatalf("%s: %s is no setting", line, w)
		}
		is[name] = value
	}
	folder := "devices/pci" + address[:7] + "/" + address
	if above := is["behind"]; above != "" {
		to, ok := root["sys/bus/pci/devices/"+above]
		if !ok {
			t.Fatalf("%s: no %s before it", line, above)
		}
		folder = strings.TrimPrefix(string(to.Data), "../../../") + "/" + address
	}
	link(root, "sys/bus/pci/devices/"+address, "../../../"+folder)
	up := strings.Repeat("../", strings.Count(folder, "/")+1)
	for name, value := range is {
		at := "sys/" + folder + "/" + name
		switch name {
		case "behind":
		case "driver":
			link(root, at, up+"bus/pci/drivers/"+value)
		case "physfn":
			link(root, at, "../"+value)
		case "net", "virtio":
			below := "net/" + value + "/address"
			if name == "virtio" {
				below = "virtio0/" + below
			}
			root["sys/"+folder+"/"+below] = &fstest.MapFile{Data: []byte("52:54:00:12:34:56\n")}
		case "group":
			if _, err := strconv.Atoi(value); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			link(root, "sys/"+folder+"/iommu_group", up+"kernel/iommu_groups/"+value)
			link(root, path.Join("sys/kernel/iommu_groups", value, "devices", address), "../../../../"+folder)
			root[path.Join("sys/kernel/iommu_groups", value, "type")] = &fstest.MapFile{Data: []byte("DMA-FQ\n")}
		default:
			root[at] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(value, "+", " ") + "\n"), Mode: 0o444}
		}
	}
}
