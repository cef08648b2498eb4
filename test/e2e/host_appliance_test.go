//go:build e2e

package e2e

import (
	"archive/tar"
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model/ovf"
)

// unpacked is what is in an OVA, by name.
func unpacked(t *testing.T, path string) map[string][]byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	all := map[string][]byte{}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if all[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

// packed writes an OVA.
func packed(t *testing.T, names []string, files map[string][]byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "appliance.ova")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(f)
	for _, name := range names {
		err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(files[name])), Mode: 0o644, Typeflag: tar.TypeReg})
		if err == nil {
			_, err = w.Write(files[name])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAVMGoesIntoAnOVAAndComesBackWithItsData(t *testing.T) {
	h := bootable(t)
	must(t, h, "volume", "create", "web-root", "--size", "24MiB", "--format", "raw")
	must(t, h, "volume", "create", "web-data", "--size", "16MiB")
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", tiny("web", `cpus = 2; disks.root = { volume = "web-root"; bootIndex = 1; }; disks.zeta = { volume = "web-data"; bootIndex = 2; }; nics.lan = {};`)))
	must(t, h, "vm", "start", "web")
	g := at(t, h, "web")
	g.says(`written 0\.`, `dd if=/dev/urandom of=/dev/vda bs=1M count=3 seek=2 conv=fsync 2>/dev/null; dd if=/dev/urandom of=/dev/vdb bs=1M count=2 seek=9 conv=fsync 2>/dev/null; echo written $((1-1)).`)
	sums := g.says(`sums [0-9a-f]{64} [0-9a-f]{64}\.`, `echo sums $(sha256sum </dev/vda | cut -c-64) $(sha256sum </dev/vdb | cut -c-64).`)
	out := filepath.Join(t.TempDir(), "web.ova")
	refused(t, h, 1, []string{"HV-OVF-008", "hv snapshot create web"}, "vm", "export", "web", out)
	must(t, h, "snapshot", "create", "web", "then", "--quiesce", "no")
	g.says(`over 0\.`, `dd if=/dev/zero of=/dev/vda bs=1M count=24 conv=fsync 2>/dev/null; echo over $((1-1)).`)

	// As it was, while it runs on.
	must(t, h, "vm", "export", "web", out, "--snapshot", "then")
	refused(t, h, 1, []string{"--force"}, "vm", "export", "web", out, "--snapshot", "then")
	if left := must(t, h, "volume", "list", "-o", "name"); strings.Contains(left, "export-") {
		t.Errorf("what was made for the export is left: %s", left)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(out), ".*partial")); err != nil || len(left) > 0 {
		t.Errorf("a part of a file is left: %v", left)
	}
	holds(t, out)

	must(t, h, "vm", "import", out, "--name", "copy", "--dry-run")
	must(t, h, "vm", "import", out, "--name", "copy")
	must(t, h, "vm", "edit", "copy", "--set", "firmware=kernel", "--set", "boot.kernel=tiny-kernel", "--set", "boot.initrd=tiny-initrd", "--set", "boot.cmdline=console=ttyS0 quiet panic=-1", "--unset", "graphics", "--unset", "nics.lan")
	must(t, h, "vm", "kill", "web")
	must(t, h, "vm", "start", "copy")
	if got := at(t, h, "copy").says(`sums [0-9a-f]{64} [0-9a-f]{64}\.`, `echo sums $(sha256sum </dev/vda | cut -c-64) $(sha256sum </dev/vdb | cut -c-64).`); got != sums {
		t.Errorf("the data of the copy is another:\n%s\n%s", got, sums)
	}
	must(t, h, "vm", "kill", "copy")

	// One that is off, over the file that is there.
	must(t, h, "vm", "export", "copy", out, "--force")
	holds(t, out)
}

// holds looks at an OVA with other eyes than ours: every sum by sha256sum's words, disks by qemu-img, XML by xmllint.
func holds(t *testing.T, path string) {
	t.Helper()
	files := unpacked(t, path)
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(content)
		if strings.HasSuffix(name, ".mf") {
			continue
		}
		manifest := ""
		for n, c := range files {
			if strings.HasSuffix(n, ".mf") {
				manifest = string(c)
			}
		}
		if want := fmt.Sprintf("SHA256(%s)= %s\n", name, hex.EncodeToString(sum[:])); !strings.Contains(manifest, want) {
			t.Errorf("the manifest lacks %q:\n%s", want, manifest)
		}
		switch filepath.Ext(name) {
		case ".vmdk":
			said, err := exec.Command("qemu-img", "info", "--output=json", "-f", "vmdk", filepath.Join(dir, name)).Output()
			var info struct {
				Specific struct {
					Data struct {
						CreateType string `json:"create-type"`
					} `json:"data"`
				} `json:"format-specific"`
			}
			if err == nil {
				err = json.Unmarshal(said, &info)
			}
			if err != nil || info.Specific.Data.CreateType != "streamOptimized" {
				t.Errorf("%s is no streamOptimized VMDK: %v %s", name, err, said)
			}
		case ".ovf":
			if xmllint, err := exec.LookPath("xmllint"); err == nil {
				if said, err := exec.Command(xmllint, "--noout", filepath.Join(dir, name)).CombinedOutput(); err != nil {
					t.Errorf("xmllint: %v %s", err, said)
				}
			}
		}
	}
	if v2v, err := exec.LookPath("virt-v2v"); err == nil {
		said, err := exec.Command(v2v, "-i", "ova", path, "--print-source").CombinedOutput()
		if err != nil || !strings.Contains(string(said), "memory") {
			t.Errorf("virt-v2v: %v\n%s", err, said)
		} else {
			t.Logf("virt-v2v reads it:\n%s", said)
		}
	}
}

// vmdk is a streamOptimized image of what is in content.
func vmdk(t *testing.T, content []byte) []byte {
	t.Helper()
	raw, out := filepath.Join(t.TempDir(), "disk.raw"), filepath.Join(t.TempDir(), "disk.vmdk")
	if err := os.WriteFile(raw, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.Command("qemu-img", "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized", raw, out).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, said)
	}
	made, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestAppliancesOfOthersComeWholeOrNotAtAll(t *testing.T) {
	h := bootable(t)
	for _, vendor := range []string{"virtualbox", "vmware"} {
		text, err := os.ReadFile("../../model/ovf/testdata/" + vendor + ".ovf")
		if err != nil {
			t.Fatal(err)
		}
		a, err := ovf.Read(text)
		if err != nil {
			t.Fatal(err)
		}
		files, sums := map[string][]byte{vendor + ".ovf": text}, map[string]string{}
		for i, f := range a.Files {
			files[f] = vmdk(t, []byte(strings.Repeat(fmt.Sprintf("%s %d\n", vendor, i), 1<<17)))
		}
		for name, content := range files {
			sum := sha256.Sum256(content)
			sums[name] = hex.EncodeToString(sum[:])
		}
		files[vendor+".mf"] = ovf.WriteManifest(sums)
		names := append([]string{vendor + ".ovf"}, a.Files...)
		whole := packed(t, append(names, vendor+".mf"), files)
		before := must(t, h, "image", "list", "-o", "name") + must(t, h, "volume", "list", "-o", "name")

		changed := maps.Clone(files)
		changed[a.Files[0]] = slices.Concat(files[a.Files[0]], []byte{0})
		refused(t, h, 1, []string{"HV-OVF-003", "is not what the manifest says"}, "vm", "import", packed(t, append(names, vendor+".mf"), changed), "--name", vendor, "--cpus", "1")

		// The last disk is a descriptor that names a file of the host's: what came before it goes again.
		evil := maps.Clone(files)
		evil[a.Files[1]] = []byte("# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\nRW 100 FLAT \"/etc/shadow\" 0\n" + strings.Repeat(" ", 1024))
		refused(t, h, 1, []string{"HV-IMG-"}, "vm", "import", packed(t, names, evil), "--name", vendor, "--cpus", "1", "--memory", "256MiB")
		refused(t, h, 1, []string{"HV-VM-003"}, "vm", "import", whole, "--name", vendor, "--memory", "15TiB", "--cpus", "1") // before a byte is sent
		if after := must(t, h, "image", "list", "-o", "name") + must(t, h, "volume", "list", "-o", "name"); after != before {
			t.Errorf("%s: an import that failed has left something: %s, was %s", vendor, after, before)
		}

		must(t, h, "vm", "import", whole, "--name", vendor, "--cpus", "1", "--memory", "256MiB", "--dry-run")
		must(t, h, "vm", "import", whole, "--name", vendor, "--cpus", "1", "--memory", "256MiB")
		said := must(t, h, "vm", "show", vendor)
		for _, want := range []string{"off", "disks.disk1.bus", "sata", "uefi"} {
			if !strings.Contains(said, want) {
				t.Errorf("%s: vm show lacks %q:\n%s", vendor, want, said)
			}
		}
	}
}

func TestAnExportThatIsInterruptedLeavesNothing(t *testing.T) {
	h := bootable(t)
	content := make([]byte, 192<<20)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(content)
	raw := filepath.Join(t.TempDir(), "disk.raw")
	if err := os.WriteFile(raw, content, 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, h, "volume", "import", "root", raw)
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", tiny("web", `disks.root.volume = "root";`)))
	must(t, h, "snapshot", "create", "web", "then", "--quiesce", "no")
	dir := t.TempDir()
	for _, more := range [][]string{nil, {"--snapshot", "then"}} {
		cmd := exec.CommandContext(t.Context(), filepath.Join(h.Bin, "hv"), append([]string{"vm", "export", "web", filepath.Join(dir, "web.ova")}, more...)...)
		cmd.Env = append(os.Environ(), "HV_HOST=unix://"+filepath.Join(h.Run, "api.sock"))
		errs, err := cmd.StderrPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(errs)
		for lines.Scan() && !strings.Contains(lines.Text(), "makes a VMDK") {
		}
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
		}
		if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 130 {
			t.Errorf("%v: it ends with %v", more, err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%v: files are left: %v %v", more, left, err)
		}
	}
	must(t, h, "vm", "start", "web") // nobody reads its disk any more
	must(t, h, "vm", "kill", "web")
	if left := must(t, h, "volume", "list", "-o", "name"); strings.Contains(left, "export-") {
		t.Errorf("volumes are left: %s", left)
	}
}
