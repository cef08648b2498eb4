import ./loop1.nix + 1
