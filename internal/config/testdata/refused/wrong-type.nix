{ ... }:
let big = 2.5; in
{
  hypervisor = {
    featureManager.enabledFeatures = "monitoring";
    vms.web = {
      cpus = "2";
      memory = big;
      serial = "on";
      power = true;
      boot = null;
      disks = [ "root" ];
      firmware = ./bios.bin;
    };
  };
}
