package nixlang

import (
	"context"
	"testing"
)

func TestSmoke(t *testing.T) {
	for _, s := range []string{"1+1", `let a = { b.c = 1; }; in a // { x = "y"; }`, "{ hypervisor.x = 1; }"} {
		v, err := EvalString(context.Background(), "x", s, Options{})
		if err != nil {
			t.Fatal(err)
		}
		n, err := v.Nix(context.Background(), true)
		t.Log(n, err)
	}
	v, err := EvalString(context.Background(), "x", "{ config, lib, pkgs, ... }: { a = lib.optional true 1; b = lib.mapAttrsToList (n: v: n) { x = 1; }; c = lib.toUpper \"abc\"; d = lib.splitString \".\" \"a.b\"; }", Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := Module(context.Background(), v)
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.Nix(context.Background(), true)
	t.Log(s, err)
	j, err := m.JSON(context.Background())
	t.Log(string(j), err)
}
