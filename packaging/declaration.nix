# This host's declaration, to begin with: what it offers, how much risk that may be, and, if you like, its VMs.
# Nothing of it is in force before you say so:
#
#   hv config check /etc/hyper-nixos/declaration.nix --host self
#   hv config apply /etc/hyper-nixos/declaration.nix
#
# hv help declaration says what can stand here; /usr/share/doc/hyper-nixos/examples has whole hosts.
# To have it applied at every start instead, and hv config apply refused:
#
#   hv config eval --format json /etc/hyper-nixos/declaration.nix >/etc/hyper-nixos/declaration.json
{
  hypervisor.featureManager = {
    profile = "minimal";
    riskTolerance = "balanced";
  };
}
