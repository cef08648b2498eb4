{
  description = "Hyper-NixOS: a Linux host as a safe virtualization platform";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs = { self, nixpkgs }:
    let
      each = nixpkgs.lib.genAttrs [ "x86_64-linux" "aarch64-linux" ];
    in
    {
      nixosModules = rec {
        hyper-nixos = ./module.nix;
        default = hyper-nixos;
      };
      packages = each (system: rec {
        hyper-nixos = nixpkgs.legacyPackages.${system}.callPackage ./package.nix { };
        default = hyper-nixos;
      });
    };
}
