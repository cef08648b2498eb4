# hv, hvd and hv-helper, built by nixpkgs' buildGoModule with the Go that go.mod names, where nixpkgs has that
# beside its own, and else with its own, which has to be as new.
{ lib, buildGoModule, buildGo126Module ? buildGoModule, installShellFiles }:
buildGo126Module rec {
  pname = "hyper-nixos";
  version = "0-unstable";
  src = lib.cleanSource ../.;
  # What `go mod vendor` comes to, hashed as Nix hashes a folder: go test ./nix -update. Nix says so itself
  # where another Go vendors otherwise.
  vendorHash = import ./vendor-hash.nix;

  subPackages = [ "cmd/hv" "cmd/hvd" "cmd/hv-helper" ];
  env.CGO_ENABLED = "0";
  ldflags = [ "-s" "-w" "-X github.com/hyper-nixos/hyper-nixos/internal/version.Version=${version}" ];
  # The tests want a host of their own: make test.
  doCheck = false;

  nativeBuildInputs = [ installShellFiles ];
  postInstall = ''
    mkdir -p $out/libexec/hyper-nixos
    mv $out/bin/hvd $out/bin/hv-helper $out/libexec/hyper-nixos/
    installShellCompletion --cmd hv \
      --bash <($out/bin/hv completion bash) --fish <($out/bin/hv completion fish) --zsh <($out/bin/hv completion zsh)
  '';

  meta = {
    description = "Virtualization platform that says what fits together before anything happens";
    mainProgram = "hv";
    platforms = lib.platforms.linux;
  };
}
