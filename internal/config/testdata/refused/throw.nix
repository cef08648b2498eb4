{
  hypervisor.vms.web.cpus = throw "first line
second line";
}
