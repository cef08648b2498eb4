//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

// The ids of the people who log in over ssh; no account is made for them.
const (
	memberID   = 64091
	strangerID = 64092
)

// box is a host that is reached over ssh: its sshd on loopback, and an ssh that knows it by three names,
// one for each key: box (root), member and stranger, whom sshd's authorized_keys makes other users of.
type box struct {
	*onehost.Host
	dir  string
	port int
	log  *onehost.Log // sshd's
}

func remote(t *testing.T, h *onehost.Host) *box {
	t.Helper()
	for _, p := range []string{"/usr/sbin/sshd", "/usr/bin/ssh", "/usr/bin/ssh-keygen"} {
		if _, err := os.Stat(p); err != nil {
			t.Skipf("%v; scripts/deps.sh test", err)
		}
	}
	dir, err := os.MkdirTemp("/var/tmp", "hv-sshd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	b := &box{Host: h, dir: dir, port: freePort(t)}
	for key, word := range map[string]string{"host": "", "box": "", "member": "", "stranger": "", "locked": passphrase} {
		run(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", word, "-f", b.at(key))
	}
	b.write("authorized_keys", b.key("box", "")+b.key("locked", "")+
		b.key("member", asUser(memberID, onehost.GroupAPI))+b.key("stranger", asUser(strangerID, strangerID)))
	b.write("sshd_config", fmt.Sprintf("ListenAddress 127.0.0.1:%d\nHostKey %s\nAuthorizedKeysFile %s\nPidFile none\nUsePAM no\nStrictModes no\n"+
		"PermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nMaxSessions 20\nSetEnv PATH=%s:/usr/bin:/bin HV_HOST=unix://%s/api.sock\n",
		b.port, b.at("host"), b.at("authorized_keys"), h.Bin, h.Run))
	config := fmt.Sprintf("Host *\nUserKnownHostsFile %s\nGlobalKnownHostsFile none\nIdentitiesOnly yes\nUser root\n", b.at("known_hosts"))
	for _, name := range []string{"box", "member", "stranger", "locked", "nobody"} {
		config += fmt.Sprintf("Host %s\nHostName 127.0.0.1\nPort %d\nHostKeyAlias box\nIdentityFile %s\n", name, b.port, b.at(name))
	}
	b.write("ssh_config", config)
	public, err := os.ReadFile(b.at("host.pub"))
	if err != nil {
		t.Fatal(err)
	}
	b.write("known_hosts", "box "+string(public))
	b.write("bin/ssh", "#!/bin/sh\nexec /usr/bin/ssh -F "+b.at("ssh_config")+" \"$@\"\n")
	b.listen()
	return b
}

// passphrase is of the key "locked".
const passphrase = "a word to be typed"

// asUser is what authorized_keys lets a key run: what was asked for, as another user.
func asUser(uid, gid int) string {
	return fmt.Sprintf(`command="exec setpriv --reuid=%d --regid=%d --clear-groups -- sh -c \"$SSH_ORIGINAL_COMMAND\"" `, uid, gid)
}

func (b *box) at(name string) string { return filepath.Join(b.dir, name) }

func (b *box) key(name, options string) string {
	public, err := os.ReadFile(b.at(name + ".pub"))
	if err != nil {
		b.Fatal(err)
	}
	return options + string(public)
}

func (b *box) write(name, text string) {
	b.Helper()
	err := os.MkdirAll(filepath.Dir(b.at(name)), 0o755)
	if err == nil {
		err = os.WriteFile(b.at(name), []byte(text), 0o755)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// listen starts sshd and waits until it does.
func (b *box) listen() {
	b.Helper()
	_ = os.MkdirAll("/run/sshd", 0o755) // sshd wants it even where it has no use for it
	log := &onehost.Log{}
	b.log = log
	cmd := exec.Command("/usr/sbin/sshd", "-D", "-e", "-f", b.at("sshd_config")) //nolint:noctx // ended below
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if b.Failed() {
			b.Log(log.String())
		}
	})
	until := time.Now().Add(20 * time.Second)
	for {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", b.port))
		if err == nil {
			_ = c.Close()
			return
		}
		if time.Now().After(until) {
			b.Fatalf("sshd does not listen: %v\n%s", err, log)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// hv runs hv on "the other machine": it knows nothing of the daemon but the name of its host.
func (b *box) hv(stdin string, code int, host string, args ...string) (stdout, stderr string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(b.Bin, "hv"), args...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if stdin != "" {
		cmd.Stdin = strings.NewReader(stdin)
	}
	cmd.Env = []string{"HV_HOST=ssh://" + host, "PATH=" + b.at("bin") + ":/usr/bin:/bin", "HOME=/root", "TMPDIR=" + b.dir}
	if err := cmd.Run(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != code {
		b.Fatalf("HV_HOST=ssh://%s hv %s: %v, want exit %d\n%s%s\n%s", host, strings.Join(args, " "), err, code, out.String(), errs.String(), b.Logs())
	}
	if left, _ := filepath.Glob(b.at("hv-ssh-*")); len(left) > 0 {
		b.Errorf("hv %s has left %v", strings.Join(args, " "), left)
	}
	return out.String(), errs.String()
}

func TestAHostIsRunOverSSH(t *testing.T) {
	b := remote(t, bootable(t))
	image := file(t, "data.raw", strings.Repeat("0123456789abcdef", 1<<16))
	b.hv("", 0, "box", "volume", "import", "data", image, "--format", "raw")
	b.hv("", 0, "box", "vm", "create", "-f", file(t, "vm.nix", `{ name = "far"; memory = "256MiB"; disks.data.volume = "data";
		boot = { kernel = "tiny-kernel"; initrd = "tiny-initrd"; cmdline = "console=ttyS0 quiet panic=-1"; }; }`))
	before := strings.Count(b.log.String(), "Accepted publickey")
	b.hv("", 0, "box", "vm", "start", "far") // follows its operation by events while it asks
	if n := strings.Count(b.log.String(), "Accepted publickey") - before; n != 1 {
		t.Errorf("one call of hv logged in %d times", n)
	}
	b.hv("", 0, "box", "vm", "console", "far", "--until", "guest: disk vda 1048576", "--timeout", "2m")
	out, _ := b.hv("echo $((40 + 2)) from afar; poweroff\n", 0, "box", "vm", "console", "far")
	if !strings.Contains(out, "42 from afar") {
		t.Errorf("what was typed was not done:\n%s", out)
	}
	b.WaitState(t.Context(), "far", "off")
	if out, _ := b.hv("", 0, "box/"+strings.TrimPrefix(b.Run, "/")+"/api.sock", "vm", "list", "-o", "name"); out != "far\n" {
		t.Errorf("the daemon that is named by its socket lists %q", out)
	}

	// The daemon sees who logs in: a member may run VMs and not apply a declaration, a stranger may nothing.
	b.hv("", 0, "member", "vm", "create", "-f", file(t, "vm.nix", `{ name = "hers"; memory = "64MiB"; }`))
	if out := must(t, b.Host, "audit", "list", "-o", "json"); !strings.Contains(out, fmt.Sprintf(`"uid": %d`, memberID)) {
		t.Errorf("the audit log does not have her uid:\n%s", out)
	}
	b.denied(1, "member", []string{"only root", "HV-AUTH-001"}, "config", "apply", "--yes", "../../examples/home-lab.nix")
	b.denied(4, "stranger", []string{"cannot speak to the daemon of ssh://stranger", "HV-NET-002", "on stranger: add yourself to the group"}, "vm", "list")
}

// TestWhatSSHAsksIsAskedOnTheTerminal gives hv a terminal, a host that ssh does not know, and a key with a
// passphrase: ssh asks a person for both, and hv goes on.
func TestWhatSSHAsksIsAskedOnTheTerminal(t *testing.T) {
	if _, err := os.Stat("/usr/bin/script"); err != nil {
		t.Skip(err)
	}
	b := remote(t, onehost.New(t))
	b.write("known_hosts", "")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	// script(1) is the terminal.
	cmd := exec.CommandContext(ctx, "/usr/bin/script", "-qefc", filepath.Join(b.Bin, "hv")+" vm list", "/dev/null")
	cmd.Env = []string{"HV_HOST=ssh://locked", "PATH=" + b.at("bin") + ":/usr/bin:/bin", "HOME=/root", "TMPDIR=" + b.dir, "TERM=dumb"}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	said, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	buf := make([]byte, 4096)
	for questions := []string{"continue connecting", "yes\n", "passphrase for key", passphrase + "\n"}; ; {
		n, err := said.Read(buf)
		all.Write(buf[:n])
		if err != nil {
			break
		}
		if len(questions) > 0 && strings.Contains(all.String(), questions[0]) {
			if _, err := in.Write([]byte(questions[1])); err != nil {
				t.Fatal(err)
			}
			questions = questions[2:]
		}
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(all.String(), "no VMs yet") {
		t.Errorf("%v\n%s", err, all.String())
	}
	if strings.Contains(all.String(), passphrase) {
		t.Error("the passphrase is on the terminal")
	}
}

func TestEveryWayNotToGetThereIsToldApart(t *testing.T) {
	b := remote(t, onehost.New(t))
	b.denied(4, fmt.Sprintf("127.0.0.1:%d", freePort(t)), []string{"cannot reach", "Connection refused", "HV-NET-006"}, "vm", "list")
	b.denied(4, "no-such-host.invalid", []string{"cannot reach", "HV-NET-006"}, "vm", "list")
	b.denied(4, "nobody", []string{"cannot log in", "Permission denied", "HV-NET-007", "ssh nobody true"}, "vm", "list")
	known, err := os.ReadFile(b.at("known_hosts"))
	if err != nil {
		t.Fatal(err)
	}
	b.write("known_hosts", "box "+strings.Replace(b.key("member", ""), "root@", "", 1))
	b.denied(4, "box", []string{"Host key verification failed", "HV-NET-007"}, "vm", "list")
	b.write("known_hosts", string(known))
	b.denied(4, "box/run/hv/none/api.sock", []string{"there is no socket /run/hv/none/api.sock", "HV-NET-001", "on box:"}, "vm", "list")
	if err := b.EndHVD(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := b.EndHelper(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	b.denied(4, "box", []string{"no daemon", "HV-NET-001", "on box:"}, "vm", "list")
	if err := os.Remove(filepath.Join(b.Bin, "hv")); err != nil {
		t.Fatal(err)
	}
	b.Bin = b.elsewhere()
	b.denied(4, "box", []string{"ssh finds no hv there", "HV-NET-008", "install"}, "vm", "list")
}

// elsewhere is hv where ssh does not find it.
func (b *box) elsewhere() string {
	built := os.Getenv("HV_BIN")
	if built == "" {
		b.Skip("HV_BIN is not set: there is no other hv")
	}
	return built
}

func (b *box) denied(code int, host string, words []string, args ...string) {
	b.Helper()
	_, errs := b.hv("", code, host, args...)
	for _, w := range words {
		if !strings.Contains(errs, w) {
			b.Errorf("HV_HOST=ssh://%s hv %s does not say %q:\n%s", host, strings.Join(args, " "), w, errs)
		}
	}
}
