# What our hosts have in common. Each may say otherwise.
{ lib, ... }:
{
  hypervisor.featureManager = {
    profile = lib.mkDefault "minimal";
    riskTolerance = lib.mkDefault "cautious";
  };
}
