# Web servers of one definition, and a second NIC for those on a host that is no lab.
{ config, lib, ... }:
{
  hypervisor.vms = lib.genAttrs [ "web-1" "web-2" ] (name: {
    labels.role = "web";
    cpus = lib.mkDefault 2;
    memory = "512MiB";
    boot = {
      kernel = "tiny-kernel";
      initrd = "tiny-initrd";
      cmdline = "console=ttyS0 quiet panic=-1";
    };
    nics.lan.network = "user";
    nics.spare = lib.mkIf (config.hypervisor.host.name != "lab") { network = "user"; };
    autostart = true;
  });
}
