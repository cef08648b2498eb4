# A first VM: a small Linux that boots in seconds and says so on its console.
#
#   hv vm create -f examples/first-vm.nix
#   hv vm start first
#   hv vm console first
#
# What it names has to be there before: two boot files and a volume.
#
#   hv boot-file list
#   hv volume list
{
  # 1 to 63 of a-z, 0-9 and -. Everything below but the name may be left out and has a default.
  name = "first";
  description = "the first VM";

  cpus = 1;
  memory = "256MiB"; # or "1GiB", "1.5GiB"; a multiple of 1MiB

  # Boots this Linux kernel directly, without firmware or boot loader. The names are those of
  # `hv boot-file list`: a VM never names a path of the host's.
  boot = {
    kernel = "tiny-kernel";
    initrd = "tiny-initrd";
    cmdline = "console=ttyS0 quiet panic=-1"; # ttyS0 is what `hv vm console` shows
  };

  # Disks by a device name of your choice, each with a volume of `hv volume list`.
  disks.data.volume = "first-data";

  # Network cards by a device name of your choice. "user" reaches out by NAT and needs nothing set
  # up; the card's address is made from the VM's UUID and this name.
  nics.lan.network = "user";
}
