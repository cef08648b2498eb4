{ default = true; up = import ../a.nix; }
