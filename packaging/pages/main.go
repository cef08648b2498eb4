// Pages writes what a package has of hv's own help: man pages and completions, below a folder that is to become the
// root of an installation.
//
//	go run ./packaging/pages build/root
package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: pages FOLDER")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// write writes all pages below root.
func write(root string) error {
	var errs []error
	for name, text := range manuals(tree(io.Discard)) {
		page, err := packed(text)
		errs = append(errs, err, put(root, name+".gz", page))
	}
	for shell, name := range map[string]string{
		"bash": "usr/share/bash-completion/completions/hv",
		"zsh":  "usr/share/zsh/vendor-completions/_hv",
		"fish": "usr/share/fish/vendor_completions.d/hv.fish",
	} {
		var out bytes.Buffer
		hv := tree(&out)
		hv.SetArgs([]string{"completion", shell})
		errs = append(errs, hv.Execute(), put(root, name, out.Bytes()))
	}
	return errors.Join(errs...)
}

// tree is hv's commands, which print to out.
func tree(out io.Writer) *cobra.Command {
	none := func(string) string { return "" }
	hv := cli.Root(session.New(session.World{In: strings.NewReader(""), Out: out, Err: io.Discard, Env: none}))
	hv.SetOut(out)
	return hv
}

// packed compresses a page as Debian wants it: as small as it gets, without a time in it.
func packed(text string) ([]byte, error) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	_, err = z.Write([]byte(text))
	err = errors.Join(err, z.Close())
	return out.Bytes(), err
}

func put(root, name string, data []byte) error {
	path := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}
