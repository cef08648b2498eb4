package helper

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

// credsProgram seals and opens; credsPrefix begins the names that we seal for. systemd-creds opens nothing under another
// name than it was sealed with, so no credential of another service's is opened here.
const (
	credsProgram = "systemd-creds"
	credsPrefix  = "hv-key-"
	credsTime    = 30 * time.Second
)

// secret has systemd-creds seal what is in a file, or open it. It goes through pipes: neither an argument nor a file has it.
func secret(s *privilege.Secret, f *os.File) (*os.File, error) {
	from, to, do := int64(privilege.MaxSealedSecret), privilege.MaxSecret, []string{"decrypt"}
	if s.With != "" {
		from, to, do = privilege.MaxSecret, privilege.MaxSealedSecret, []string{"encrypt", "--with-key=" + s.With}
	}
	in, err := privilege.ReadSecret(f, from)
	if err != nil {
		return nil, err
	}
	return creds(in, to, append(do, "--name="+credsPrefix+s.Key, "-", "-")...)
}

func creds(in []byte, most int, args ...string) (*os.File, error) {
	program, err := exec.LookPath(credsProgram)
	if err != nil {
		return nil, fault.New(fault.Precondition, "systemd-creds is missing").Because(err).WithCode("HV-KEY-008").
			Try("it comes with systemd from 250 on; or make the key with --kind passphrase")
	}
	ctx, cancel := context.WithTimeout(context.Background(), credsTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	out, words := &bounded{most: most}, &bounded{most: 512}
	cmd.Env, cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, "/", bytes.NewReader(in), out, words
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	switch {
	case ctx.Err() != nil:
		return nil, fault.New(fault.Unavailable, "systemd-creds did not end within %s", credsTime).WithCode("HV-KEY-008")
	case err != nil:
		return nil, fault.New(fault.Precondition, "systemd-creds: %s", said(words, err)).WithCode("HV-KEY-008").
			Try("it opens on the host, and with the TPM, that it was sealed on: %s has-tpm2", credsProgram)
	case out.lost:
		return nil, fault.New(fault.Unavailable, "systemd-creds printed more than %d bytes", most).WithCode("HV-KEY-008")
	}
	f, err := privilege.SecretFile(out.kept.Bytes())
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot hand over a secret").Because(err)
	}
	return f, nil
}

// said is the last line of what a program said, which is why it failed.
func said(words *bounded, err error) string {
	lines := strings.Split(strings.TrimSpace(words.kept.String()), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return last
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.String()
	}
	return err.Error()
}

// bounded keeps the first bytes of what is written to it.
type bounded struct {
	kept bytes.Buffer
	most int
	lost bool
}

func (b *bounded) Write(p []byte) (int, error) {
	room := b.most - b.kept.Len()
	b.lost = b.lost || len(p) > room
	b.kept.Write(p[:min(len(p), room)])
	return len(p), nil
}
