# A host's declaration as NixOS modules. `hv config check` reads it as it stands; on NixOS it is one of the
# modules of the system, beside services.hyper-nixos.enable = true.
{ config, lib, ... }:
{
  imports = [ ./base.nix ./web.nix ];

  hypervisor.host.name = "lab";
  hypervisor.featureManager.extraFeatures = [ "snapshots" ];

  # web.nix says 2 for all of them.
  hypervisor.vms.web-1.cpus = 4;

  hypervisor.host.description =
    "${toString (builtins.length (lib.attrNames config.hypervisor.vms))} VMs";
}
