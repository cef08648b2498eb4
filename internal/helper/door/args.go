package door

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

// options are those that a VM's command line may have, with what may follow them; nil is no value. What
// is not in this list does not pass: QEMU has options that fork (-daemonize), change who it is (-runas,
// -chroot, -run-with), loosen what we impose (-sandbox), read more options from files (-readconfig),
// load code (-plugin), write where they are told (-pidfile, -D, -trace), or listen (-gdb, -qmp, -spice).
var options = map[string]func(value string) error{
	"nodefaults": nil, "no-user-config": nil, "S": nil, "no-reboot": nil, "no-shutdown": nil,
	"only-migratable": nil, "no-hpet": nil, "no-acpi": nil,

	"name": any1, "uuid": any1, "machine": any1, "M": any1, "cpu": any1, "accel": any1, "smp": any1, "m": any1,
	"numa": any1, "object": any1, "device": any1, "blockdev": any1, "drive": any1, "netdev": netdev, "chardev": any1,
	"mon": any1, "add-fd": any1, "set": any1, "global": any1, "boot": any1, "kernel": any1, "initrd": any1,
	"append": any1, "dtb": any1, "bios": any1, "smbios": any1, "acpitable": any1, "fw_cfg": any1, "rtc": any1,
	"action": any1, "watchdog-action": any1, "overcommit": any1, "msg": any1, "vga": any1, "tpmdev": any1,
	"audiodev": audiodev, "icount": any1, "k": any1,

	"display": oneOf("none"), "vnc": oneOf("none", "none,audiodev=audio"), "monitor": oneOf("none"),
	"serial": noneOrChardev, "parallel": noneOrChardev,
	"incoming": incoming,
}

func any1(string) error { return nil }

func oneOf(allowed ...string) func(string) error {
	return func(v string) error {
		if slices.Contains(allowed, v) {
			return nil
		}
		return fmt.Errorf("only %s", strings.Join(allowed, ", "))
	}
}

func noneOrChardev(v string) error {
	if v == "none" || strings.HasPrefix(v, "chardev:") {
		return nil
	}
	return errors.New("only none or chardev:ID")
}

// incoming would run a program with exec:, and could not reach anybody with tcp: or unix:.
func incoming(v string) error {
	if v == "defer" || strings.HasPrefix(v, "fd:") {
		return nil
	}
	return errors.New("only defer or fd:N")
}

// audiodev plays to nobody: other back ends write files, or speak to what is the host's.
func audiodev(v string) error {
	var back struct {
		Driver string `json:"driver"`
	}
	if err := json.Unmarshal([]byte(v), &back); err != nil || back.Driver != "none" {
		return errors.New("only driver none, in JSON")
	}
	return nil
}

// netdev must not name a program to run; the sandbox would kill QEMU for it.
func netdev(v string) error {
	for _, word := range []string{"script", "helper"} {
		if hasKey(v, word) {
			return fmt.Errorf("%s= would run a program", word)
		}
	}
	return nil
}

// hasKey finds key=… in a list of them, and "key": in a JSON object.
func hasKey(v, key string) bool {
	if strings.HasPrefix(v, "{") {
		var object map[string]json.RawMessage
		if err := json.Unmarshal([]byte(v), &object); err != nil {
			return false // QEMU will say what is wrong with it
		}
		_, ok := object[key]
		return ok
	}
	for part := range strings.SplitSeq(v, ",") {
		if k, _, ok := strings.Cut(part, "="); ok && k == key {
			return true
		}
	}
	return false
}

// privilegedArgs walks the command line as QEMU itself does: an option, and its value if it takes one.
func privilegedArgs(w *wrong, args []string) {
	w.unless(len(args) <= privilege.MaxArgs, "args: %d; at most %d", len(args), privilege.MaxArgs)
	for i := 0; i < min(len(args), privilege.MaxArgs); i++ {
		option, dashed := strings.CutPrefix(args[i], "-")
		option = strings.TrimPrefix(option, "-")
		check, known := options[option]
		switch {
		case !dashed:
			w.say("args: %.60q is no option", args[i])
			continue
		case !known:
			w.say("args: the option %.60q is not one that a VM may be started with", args[i])
			continue
		case check == nil:
			continue
		}
		i++
		if i == len(args) {
			w.say("args: -%s has no value", option)
			return
		}
		if strings.ContainsRune(args[i], 0) {
			w.say("args: -%s has a NUL in its value", option)
		}
		if err := check(args[i]); err != nil {
			w.say("args: -%s %.60q: %v", option, args[i], err)
		}
	}
}
