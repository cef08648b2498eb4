# A host's whole declaration as a module: features and VMs in one file.
#
#   hv config check examples/declared-vms.nix
#   hv config apply examples/declared-vms.nix
#
# A VM that stands here is edited here only. One that is taken out is stopped and its disks are kept.
{ lib, ... }:

let
  # What the VMs have in common is said once.
  tiny = {
    memory = "256MiB";
    boot = {
      kernel = "tiny-kernel";
      initrd = "tiny-initrd";
      cmdline = "console=ttyS0 quiet panic=-1";
    };
    nics.lan.network = "user";
  };

  worker = number: {
    name = "worker-${toString number}";
    value = tiny // {
      labels.role = "worker";
      power = "on";
    };
  };
in
{
  hypervisor.host.description = "two workers and a standby";

  hypervisor.featureManager = {
    profile = "minimal";
    riskTolerance = "cautious";
  };

  hypervisor.vms = lib.listToAttrs (map worker [ 1 2 ]) // {
    standby = tiny // {
      labels.role = "standby";
      power = "off";
    };
  };
}
