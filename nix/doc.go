// Package nix is what NixOS needs: flake.nix, module.nix and what they import. It holds no Go but the
// tests that make the generated files and evaluate the whole, by our own nixlang and by Nix itself.
package nix
