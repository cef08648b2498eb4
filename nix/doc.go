// Package nix is what NixOS needs: flake.nix, module.nix and what they import. Its Go makes those of the files
// that follow from data of other rooms, and its tests evaluate the whole, by our own nixlang and by Nix itself.
//
// What lives here: nothing that a program of ours links.
package nix
