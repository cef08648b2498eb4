import ./loop2.nix + 1
