# A small lib for evaluating our NixOS module without nixpkgs: the functions that declarations are given
# (internal/nixlang/lib.nix), and of the module system what nix/ uses. Written from the manuals of NixOS
# and nixpkgs; whatever is not here is refused by name.
let
  base = import ../../internal/nixlang/lib.nix (name: hint: throw "lib.${name} is not in test/nixlib");
  lib = base // (import ./types.nix lib) // (import ./modules.nix lib);
in
lib
